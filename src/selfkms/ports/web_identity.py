"""What identity providers publish: the keys that their tokens are signed with."""

from collections.abc import Mapping
from typing import Any, Protocol


class WebIdentityKeys(Protocol):
    """Verifies tokens of OpenID Connect providers."""

    def verified_claims(self, issuer: str, token: str) -> Mapping[str, Any]:
        """The claims of a token whose signature is one of the issuer's; the claims themselves are not judged.

        Args:
            issuer: URL of a provider that an account trusts. Where keys come from is never taken from the token.
            token: a JSON Web Token in compact form (RFC 7519, RFC 7515).

        Raises:
            InvalidIdentityTokenException: no such token, another algorithm than the key's, or not signed by the issuer.
            IDPCommunicationErrorException: the issuer does not answer.
        """
