"""The two documents of an OpenID Connect provider: its configuration, and its JSON Web Key Set.

Source: OpenID Connect Discovery 1.0, 4; RFC 7517; RFC 7518, 3.1, 3.3, 3.4; STS API Reference,
"AssumeRoleWithWebIdentity" (the algorithms); IAM User Guide, "Create an OpenID Connect (OIDC) identity provider in IAM"
(how many keys).
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import InvalidKeyError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from selfkms.adapters.oidc.fetch import UnusableDocumentError

ALGORITHMS_OF_RSA: Final = ("RS256", "RS384", "RS512")
ALGORITHM_OF_CURVE: Final[Mapping[str, str]] = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
ALGORITHMS: Final = frozenset({*ALGORITHMS_OF_RSA, *ALGORITHM_OF_CURVE.values()})

KEYS_MAX: Final = 200
"""AWS takes 100 RSA keys and 100 EC keys."""
# Below, RSA is weak; above, one signature costs more time than a stranger may ask for.
_MODULUS_BITS_MIN: Final = 2_048
_MODULUS_BITS_MAX: Final = 8_192

PublicKey = RSAPublicKey | EllipticCurvePublicKey
Keys = Mapping[tuple[str, str], PublicKey]
"""Key ID (`kid`) and algorithm -> the key that verifies it. The key says which algorithms it has, never a token."""


def configuration_url(issuer: str) -> str:
    """Where an issuer publishes its configuration (OpenID Connect Discovery 1.0, 4.1)."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def jwks_uri_of(document: bytes, issuer: str) -> str:
    """Where an issuer publishes its keys, out of its configuration.

    Raises:
        UnusableDocumentError: no configuration, or one of another issuer.
    """
    configuration = _object(document)
    # OpenID Connect Discovery 1.0, 4.3: exactly the issuer that was asked for.
    if configuration.get("issuer") != issuer:
        raise UnusableDocumentError(f"the configuration of {issuer} is one of {configuration.get('issuer')!r}")
    jwks_uri = configuration.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise UnusableDocumentError(f"the configuration of {issuer} has no jwks_uri")
    return jwks_uri


def keys_of(document: bytes) -> Keys:
    """The keys of a JSON Web Key Set that can verify a token. Others are passed over (RFC 7517, 5).

    Raises:
        UnusableDocumentError: it is no key set, or a very large one.
    """
    entries = _object(document).get("keys")
    if not isinstance(entries, list):
        raise UnusableDocumentError("no JSON Web Key Set")
    if len(entries) > KEYS_MAX:
        raise UnusableDocumentError(f"more than {KEYS_MAX} keys")
    keys: dict[tuple[str, str], PublicKey] = {}
    for entry in entries:
        for place, key in _usable(entry).items():
            keys.setdefault(place, key)
    return keys


def _usable(entry: Any) -> Keys:
    """A key under each algorithm that it may be used with."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or "d" in entry:
        return {}
    operations, key_id = entry.get("key_ops", ["verify"]), entry.get("kid")
    if not isinstance(operations, list) or "verify" not in operations or not isinstance(key_id, str):
        return {}
    try:
        key, algorithms = _key(entry)
    except (InvalidKeyError, ValueError, TypeError, KeyError, AttributeError):
        # Whatever is wrong with its numbers.
        return {}
    stated = entry.get("alg")
    return {(key_id, algorithm): key for algorithm in algorithms if stated in (None, algorithm)}


def _key(entry: dict[str, Any]) -> tuple[PublicKey, tuple[str, ...]]:
    if entry.get("kty") == "RSA":
        key = RSAAlgorithm.from_jwk(entry)
        if isinstance(key, RSAPublicKey) and _MODULUS_BITS_MIN <= key.key_size <= _MODULUS_BITS_MAX:
            return key, ALGORITHMS_OF_RSA
    elif entry.get("kty") == "EC" and entry.get("crv") in ALGORITHM_OF_CURVE:
        of_curve = ECAlgorithm.from_jwk(entry)
        if isinstance(of_curve, EllipticCurvePublicKey):
            return of_curve, (ALGORITHM_OF_CURVE[entry["crv"]],)
    raise ValueError("a key that is not taken")


def _object(document: bytes) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusableDocumentError("no JSON") from error
    if not isinstance(content, dict):
        raise UnusableDocumentError("no JSON object")
    return content
