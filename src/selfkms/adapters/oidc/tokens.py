"""Signatures of JSON Web Tokens.

Source: RFC 7515, 5.2; RFC 8725 (best current practices): the algorithm is the key's, nothing is nested, nothing that a
header calls critical is passed over.
"""

from typing import Any, Final, NamedTuple

import jwt

from selfkms.adapters.oidc.key_sets import ALGORITHMS, PublicKey
from selfkms.domain.sts.errors import InvalidIdentityTokenException
from selfkms.domain.sts.web_identity import NOT_A_JWT_TEXT, claims_of

_JWS: Final = jwt.PyJWS(algorithms=sorted(ALGORITHMS))


class Signed(NamedTuple):
    """What a token says of its signature. Nothing of it is believed."""

    key_id: str
    algorithm: str


def signed_by(token: str) -> Signed:
    """Which key a token says it is signed with.

    Raises:
        InvalidIdentityTokenException: no signed token (RFC 7519, 6: `none`), a MAC instead of a signature, encrypted,
            nested, with critical headers, or without key ID.
    """
    try:
        header: dict[str, Any] = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        # The cause is cut off: it may hold parts of the token.
        raise InvalidIdentityTokenException(NOT_A_JWT_TEXT) from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not isinstance(key_id, str):
        raise InvalidIdentityTokenException(NOT_A_JWT_TEXT)
    # RFC 7515, 4.1.9 and 4.1.10: a media type without slash is one of `application/`; a content type means nesting.
    kind = header.get("typ", "JWT")
    plain = isinstance(kind, str) and kind.lower().removeprefix("application/") == "jwt"
    if not plain or {"crit", "b64", "cty", "zip", "enc"} & header.keys():
        raise InvalidIdentityTokenException(NOT_A_JWT_TEXT)
    return Signed(key_id, algorithm)


def verified_claims(token: str, algorithm: str, key: PublicKey) -> dict[str, Any]:
    """The claims of a token that this key signed with this algorithm.

    Raises:
        InvalidIdentityTokenException: it did not.
    """
    try:
        payload: bytes = _JWS.decode_complete(token, key, algorithms=[algorithm])["payload"]
    except jwt.PyJWTError:
        raise InvalidIdentityTokenException("The signature of the web identity token is not valid.") from None
    return claims_of(payload)
