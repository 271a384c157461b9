"""Who sent this request: the access key of its signature, the signature itself, and the principal behind the key.

Source: AWS General Reference, "Signature Version 4"; AWS KMS API Reference, "Common Error Types".
"""

from collections import OrderedDict
from contextlib import suppress
from typing import Final, NamedTuple

from selfkms.domain.errors import InvalidSignatureException, UnrecognizedClientException
from selfkms.domain.iam.principals import AccessKey, AccessKeyStatus, Caller
from selfkms.domain.secrets import Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import Database
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.protocol import sigv4
from selfkms.protocol.http import HTTPRequest

INVALID_TOKEN_TEXT: Final = "The security token included in the request is invalid."  # noqa: S105  AWS's text

_OPENED_MAX: Final = 4_096


class Authenticated(NamedTuple):
    """The caller, and the Region that the signature is bound to."""

    caller: Caller
    region: str


class Authenticator:
    """Verifies signatures. Belongs to one thread."""

    def __init__(
        self,
        *,
        database: Database,
        keys: InstallationKeys,
        clock: Clock,
        regions: frozenset[str],
        skew_seconds: int,
        stand_in: Secret,
    ) -> None:
        """Prepare.

        Args:
            database: where access keys and users are.
            keys: open the secrets of access keys.
            clock: its wall clock is what clients sign with.
            regions: the Regions that exist.
            skew_seconds: how far a signature's date may be from the wall clock, each way.
            stand_in: a random secret that signatures with an unknown access key are compared with.
        """
        self._database = database
        self._keys = keys
        self._clock = clock
        self._regions = regions
        self._skew_seconds = skew_seconds
        self._stand_in = stand_in
        self._signing_keys = sigv4.SigningKeys()
        # Of their own: what strangers send must not push out the keys of those who are known.
        self._stranger_keys = sigv4.SigningKeys(entries_max=1)
        self._opened: OrderedDict[bytes, Secret] = OrderedDict()

    def authenticate(self, request: HTTPRequest, service: str) -> Authenticated:
        """The caller of a request to `service`.

        Raises:
            MissingAuthenticationTokenException: no signature.
            IncompleteSignatureException: one that cannot be read.
            InvalidSignatureException: not this request's, or outside its time, Region or service.
            UnrecognizedClientException: an access key or a session token that is not known, or an inactive access key.
        """
        signed = sigv4.parse(request)
        sigv4.check_scope(
            signed,
            service=service,
            regions=self._regions,
            wall=self._clock.wall(),
            skew_seconds=self._skew_seconds,
        )
        access_key = self._database.access_key(signed.access_key_id)
        known = access_key is not None and access_key.status is AccessKeyStatus.ACTIVE and not signed.session_token
        if access_key is None or not known:
            # An unknown access key takes the same path as a known one: the signature is computed and compared.
            with suppress(InvalidSignatureException):
                sigv4.verify(request, signed, self._stand_in, self._stranger_keys)
            raise UnrecognizedClientException(INVALID_TOKEN_TEXT)
        sigv4.verify(request, signed, self._secret(access_key), self._signing_keys)
        return Authenticated(self._caller(access_key), signed.region)

    def _caller(self, access_key: AccessKey) -> Caller:
        if access_key.user_name is None:
            return Caller.root(access_key.account_id, access_key.access_key_id)
        user = self._database.user(access_key.account_id, access_key.user_name)
        if user is None:
            raise UnrecognizedClientException(INVALID_TOKEN_TEXT)
        return Caller.user(user, access_key.access_key_id)

    def _secret(self, access_key: AccessKey) -> Secret:
        """The secret access key, opened once. What is sealed is the key of the memory: a replaced secret cannot hit."""
        secret = self._opened.get(access_key.sealed_secret)
        if secret is None:
            secret = self._keys.open(access_key.sealed_secret, bound_to=access_key.binding)
            self._opened[access_key.sealed_secret] = secret
            if len(self._opened) > _OPENED_MAX:
                self._opened.popitem(last=False)
        return secret
