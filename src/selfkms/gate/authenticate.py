"""Who sent this request: the access key of its signature, the signature itself, and the principal behind the key.

Of a request without signature: the token that it brings, the provider that signed it, and whom it is about.

Source: AWS General Reference, "Signature Version 4"; AWS KMS API Reference, "Common Error Types"; STS API Reference,
"AssumeRoleWithWebIdentity".
"""

import re
from collections import OrderedDict
from contextlib import suppress
from typing import Final, NamedTuple

from selfkms.domain.arns import ARN
from selfkms.domain.errors import (
    ExpiredTokenException,
    InvalidSignatureException,
    UnrecognizedClientException,
    ValidationError,
)
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.principals import AccessKey, AccessKeyStatus
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.domain.sts.errors import InvalidIdentityTokenException
from selfkms.domain.sts.web_identity import believed, claimed_issuer
from selfkms.ports.clock import Clock
from selfkms.ports.database import Database
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.web_identity import WebIdentityKeys
from selfkms.protocol import sigv4
from selfkms.protocol.http import HTTPRequest
from selfkms.services.sts.tokens import SessionTokenError, open_session
from selfkms.services.sts.web_identity import AssumeRoleWithWebIdentityRequest

INVALID_TOKEN_TEXT: Final = "The security token included in the request is invalid."  # noqa: S105  AWS's text
EXPIRED_TOKEN_TEXT: Final = "The security token included in the request is expired"  # noqa: S105  AWS's text

_OPENED_MAX: Final = 4_096

# IAM User Guide, "Manage AWS STS in an AWS Region": the endpoint of a Region names it, the global one is in us-east-1.
_ENDPOINT: Final = re.compile(r"sts\.([a-z0-9-]{1,64})\.", re.ASCII)
_GLOBAL_REGION: Final = "us-east-1"


class Authenticated(NamedTuple):
    """The caller, and the Region that the signature is bound to, or without one the endpoint."""

    caller: Caller
    region: str


class Authenticator:
    """Verifies signatures and web identity tokens. Belongs to one thread."""

    def __init__(
        self,
        *,
        database: Database,
        keys: InstallationKeys,
        clock: Clock,
        regions: frozenset[str],
        skew_seconds: int,
        stand_in: Secret,
        web_identity_keys: WebIdentityKeys,
    ) -> None:
        """Prepare.

        Args:
            database: where access keys and users are.
            keys: open the secrets of access keys.
            clock: its wall clock is what clients sign with.
            regions: the Regions that exist.
            skew_seconds: how far a signature's date may be from the wall clock, each way.
            stand_in: a random secret that signatures with an unknown access key are compared with.
            web_identity_keys: verifies the tokens of OpenID Connect providers.
        """
        self._database = database
        self._keys = keys
        self._clock = clock
        self._regions = regions
        self._skew_seconds = skew_seconds
        self._stand_in = stand_in
        self._web_identity_keys = web_identity_keys
        self._signing_keys = sigv4.SigningKeys()
        # Of their own: what strangers send must not push out the keys of those who are known.
        self._stranger_keys = sigv4.SigningKeys(entries_max=1)
        self._opened: OrderedDict[bytes, Secret] = OrderedDict()
        self._sessions: OrderedDict[str, tuple[Session, Secret]] = OrderedDict()

    @property
    def regions(self) -> frozenset[str]:
        """The Regions that exist."""
        return self._regions

    def authenticate(self, request: HTTPRequest, service: str, *, unsigned_payload: bool = False) -> Authenticated:
        """The caller of a request to `service`; of an operation with an unsigned payload the body may be left out.

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
        if signed.session_token is not None:
            caller = self._session_caller(request, signed, signed.session_token, unsigned_payload=unsigned_payload)
            return Authenticated(caller, signed.region)
        access_key = self._database.access_key(signed.access_key_id)
        if access_key is None or access_key.status is not AccessKeyStatus.ACTIVE:
            raise self._stranger(request, signed)
        secret = self._secret(access_key)
        sigv4.verify(request, signed, secret, self._signing_keys, unsigned_payload=unsigned_payload)
        return Authenticated(self._caller(access_key), signed.region)

    def bearer(self, parameters: AssumeRoleWithWebIdentityRequest, request: HTTPRequest) -> Authenticated:
        """Whoever brings a web identity token that a provider of the role's account signed.

        Raises:
            ValidationError: no role is named.
            InvalidIdentityTokenException: no token, or none of a provider that the account has, or not signed by it.
            IDPCommunicationErrorException: the provider does not answer.
            STSError: the token cannot be believed now; see `believed`.
        """
        role_arn = ARN.parse(parameters.role_arn)
        if role_arn is None or role_arn.service != "iam" or not role_arn.resource.startswith("role/"):
            raise ValidationError("Request ARN is invalid")
        token = parameters.web_identity_token.open(SECRET_ACCESS).decode()
        issuer = claimed_issuer(token)
        provider = self._database.oidc_provider(role_arn.account_id, issuer.removeprefix("https://"))
        if provider is None or provider.url != issuer:
            raise InvalidIdentityTokenException(f"No OpenIDConnect provider found in your account for {issuer}")
        claims = self._web_identity_keys.verified_claims(provider.url, token)
        # Like whoever signs requests, an issuer does not know of a clock that was moved.
        identity = believed(claims, provider=provider, now=self._clock.wall())
        return Authenticated(Caller.of_web_identity(identity, provider.account_id), self._region(request))

    def _region(self, request: HTTPRequest) -> str:
        named = _ENDPOINT.match(request.header("host") or "")
        return named[1] if named is not None and named[1] in self._regions else _GLOBAL_REGION

    def _stranger(self, request: HTTPRequest, signed: sigv4.SignedRequest) -> UnrecognizedClientException:
        """The refusal of unknown credentials, which take the same path as known ones: a signature is compared."""
        with suppress(InvalidSignatureException):
            sigv4.verify(request, signed, self._stand_in, self._stranger_keys)
        return UnrecognizedClientException(INVALID_TOKEN_TEXT)

    def _caller(self, access_key: AccessKey) -> Caller:
        if access_key.user_name is None:
            return Caller.root(access_key.account_id, access_key.access_key_id)
        user = self._database.user(access_key.account_id, access_key.user_name)
        if user is None:
            raise UnrecognizedClientException(INVALID_TOKEN_TEXT)
        return Caller.user(user, access_key.access_key_id)

    def _session_caller(
        self, request: HTTPRequest, signed: sigv4.SignedRequest, token: str, *, unsigned_payload: bool
    ) -> Caller:
        """The caller behind temporary credentials: everything about them stands sealed in the session token.

        Raises:
            UnrecognizedClientException: a token that is none of ours or belongs to another access key, or whose role
                or user does not exist any more.
            ExpiredTokenException: its time is over.
        """
        opened = self._session(token)
        if opened is None or opened[0].access_key_id != signed.access_key_id:
            raise self._stranger(request, signed)
        session, secret = opened
        sigv4.verify(request, signed, secret, self._signing_keys, unsigned_payload=unsigned_payload)
        if session.expires_at <= self._clock.now():
            raise ExpiredTokenException(EXPIRED_TOKEN_TEXT)
        caller = self._of_session(session)
        if caller is None:
            raise UnrecognizedClientException(INVALID_TOKEN_TEXT)
        return caller

    def _of_session(self, session: Session) -> Caller | None:
        """The caller, with the role or the user as they are now. One of the same name made later is another."""
        account_id, name = session.account_id, session.holder_name
        if session.kind is CallerKind.ROLE:
            role = self._database.role(account_id, name or "")
            return None if role is None or role.role_id != session.holder_id else Caller.assumed_role(role, session)
        if name is None:
            if self._database.account(account_id) is None:
                return None
            if session.kind is CallerKind.FEDERATED:
                return Caller.federated(None, session)
            return Caller.root(account_id, session.access_key_id, session=session)
        user = self._database.user(account_id, name)
        if user is None or user.user_id != session.holder_id:
            return None
        if session.kind is CallerKind.FEDERATED:
            return Caller.federated(user, session)
        return Caller.user(user, session.access_key_id, session=session)

    def _session(self, token: str) -> tuple[Session, Secret] | None:
        """What a session token holds, opened once; None if we did not make it."""
        opened = self._sessions.get(token)
        if opened is None:
            try:
                opened = open_session(token, self._keys)
            except SessionTokenError:
                return None
            self._sessions[token] = opened
            if len(self._sessions) > _OPENED_MAX:
                self._sessions.popitem(last=False)
        return opened

    def _secret(self, access_key: AccessKey) -> Secret:
        """The secret access key, opened once. What is sealed is the key of the memory: a replaced secret cannot hit."""
        secret = self._opened.get(access_key.sealed_secret)
        if secret is None:
            secret = self._keys.open(access_key.sealed_secret, bound_to=access_key.binding)
            self._opened[access_key.sealed_secret] = secret
            if len(self._opened) > _OPENED_MAX:
                self._opened.popitem(last=False)
        return secret
