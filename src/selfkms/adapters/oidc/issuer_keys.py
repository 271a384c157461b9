"""The keys of issuers, fetched when they are asked for and remembered for a while.

How often an issuer is asked does not depend on who sends tokens: its keys are fetched once in ten minutes; once more if
a token names a key that is not among them, but not within half a minute; and not again soon after a failure.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from selfkms.adapters.oidc.fetch import Fetcher, UnreachableError, UnusableDocumentError
from selfkms.adapters.oidc.key_sets import Keys, PublicKey, configuration_url, jwks_uri_of, keys_of
from selfkms.adapters.oidc.tokens import Signed, signed_by, verified_claims
from selfkms.domain.sts.errors import IDPCommunicationErrorException, InvalidIdentityTokenException, STSError

_log = logging.getLogger(__name__)

FETCH_SECONDS_MAX: Final = 5.0
"""For both documents together."""
KEEP_SECONDS: Final = 600.0
AGAIN_SECONDS: Final = 30.0
"""How long after a fetch an unknown key ID does not lead to the next one."""
AFTER_FAILURE_SECONDS: Final = 10.0
_ISSUERS_MAX: Final = 1_000
"""Remembered at once; the one that was first asked for goes first."""

NO_KEY_TEXT: Final = (
    "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity "
    "documentation for requirements"
)
UNREACHABLE_TEXT: Final = "The identity provider could not be reached to verify the web identity token."


class IssuerKeys:
    """Implements `WebIdentityKeys`. One per process: its threads share what was fetched."""

    def __init__(self, fetcher: Fetcher, *, monotonic: Callable[[], float]) -> None:
        """Prepare; nothing is fetched yet.

        Args:
            fetcher: gets documents.
            monotonic: a clock in seconds that nobody sets.
        """
        self._fetcher = fetcher
        self._monotonic = monotonic
        self._issuers: dict[str, _Issuer] = {}
        self._lock = threading.Lock()

    def verified_claims(self, issuer: str, token: str) -> Mapping[str, Any]:
        """See `WebIdentityKeys`. What no issuer can have signed is refused before any is asked."""
        signed = signed_by(token)
        return verified_claims(token, signed.algorithm, self._issuer(issuer).key(signed))

    def _issuer(self, issuer: str) -> "_Issuer":
        with self._lock:
            known = self._issuers.get(issuer)
            if known is None:
                if len(self._issuers) >= _ISSUERS_MAX:
                    del self._issuers[next(iter(self._issuers))]
                known = self._issuers[issuer] = _Issuer(issuer, self._fetcher, self._monotonic)
            return known


class _Issuer:
    """What is known of one issuer."""

    def __init__(self, issuer: str, fetcher: Fetcher, monotonic: Callable[[], float]) -> None:
        self._issuer = issuer
        self._fetcher = fetcher
        self._monotonic = monotonic
        self._fetching = threading.Lock()
        self._fetched: tuple[float, Keys] | None = None
        self._failed: tuple[float, type[STSError], str] | None = None

    def key(self, signed: Signed) -> PublicKey:
        """The key of this ID that has this algorithm.

        Raises:
            InvalidIdentityTokenException: the issuer has no such key, or publishes nothing that can be used.
            IDPCommunicationErrorException: the issuer does not answer.
        """
        found = self._remembered(within=KEEP_SECONDS).get(signed)
        if found is None:
            # One thread asks. The others do not wait for it: they serve the requests of everybody.
            if not self._fetching.acquire(blocking=False):
                raise IDPCommunicationErrorException(UNREACHABLE_TEXT)
            try:
                if signed not in self._remembered(within=KEEP_SECONDS) and not self._remembered(within=AGAIN_SECONDS):
                    self._fetch()
                found = self._remembered(within=KEEP_SECONDS).get(signed)
            finally:
                self._fetching.release()
        if found is None:
            raise InvalidIdentityTokenException(NO_KEY_TEXT)
        return found

    def _remembered(self, *, within: float) -> Keys:
        """The keys, if they were fetched not longer ago."""
        fetched = self._fetched
        return fetched[1] if fetched is not None and self._monotonic() - fetched[0] < within else {}

    def _fetch(self) -> None:
        now = self._monotonic()
        if self._failed is not None and now - self._failed[0] < AFTER_FAILURE_SECONDS:
            _, error, text = self._failed
            raise error(text)
        deadline = now + FETCH_SECONDS_MAX
        try:
            configuration = self._fetcher.get(configuration_url(self._issuer), deadline=deadline)
            keys = keys_of(self._fetcher.get(jwks_uri_of(configuration, self._issuer), deadline=deadline))
        except UnreachableError as error:
            raise self._failure(IDPCommunicationErrorException, UNREACHABLE_TEXT, error) from error
        except UnusableDocumentError as error:
            raise self._failure(InvalidIdentityTokenException, NO_KEY_TEXT, error) from error
        if not keys:
            raise self._failure(InvalidIdentityTokenException, NO_KEY_TEXT, UnusableDocumentError("no usable keys"))
        self._fetched, self._failed = (self._monotonic(), keys), None

    def _failure(self, error: type[STSError], text: str, cause: Exception) -> STSError:
        # The cause is for the log alone: whoever sends a token must not learn what answers at which address.
        _log.warning("the keys of %s cannot be fetched: %s", self._issuer, cause)
        self._failed = (self._monotonic(), error, text)
        return error(text)
