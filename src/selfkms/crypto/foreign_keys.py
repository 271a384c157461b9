"""Private keys that somebody else made: read with suspicion, and brought into the one form that we keep.

The same private key can be written in several ways (with or without its public key, the primes of RSA in either order).
What comes out of here is equal for equal keys, whoever wrote them down: that is how the same key is known again.

Source: RFC 5958 (PKCS#8), RFC 5915 (ECC), RFC 8410 (Ed25519), RFC 8017, A.1.2 (RSA); KMS developer guide,
"Requirements for imported key material".
"""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from selfkms.crypto.ecc import CURVES, CurveKeyPair
from selfkms.crypto.edwards import EdwardsKeyPair
from selfkms.crypto.rsa import BITS, RSAKeyPair
from selfkms.domain.kms.errors import IncorrectKeyMaterialException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

_RSA_OID: Final = bytes.fromhex("06092a864886f70d010101")
"""rsaEncryption, 1.2.840.113549.1.1.1, in DER (RFC 8017, appendix C)."""
_EC_OID: Final = bytes.fromhex("06072a8648ce3d0201")
"""id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480, 2.1.1)."""
_ED25519_OID: Final = bytes.fromhex("06032b6570")
"""id-Ed25519, 1.3.101.112 (RFC 8410, 3)."""
_OID_BEGINS_WITHIN: Final = 12
"""In front of the OID stand a version and at most two headers of four bytes."""


def accept(key_spec: KeySpec, pkcs8: Secret) -> RSAKeyPair | CurveKeyPair | EdwardsKeyPair:
    """The private key, if it is PKCS#8 in DER of exactly this kind, and consistent.

    Raises:
        IncorrectKeyMaterialException: it is not. Without a message.
    """
    encoded = pkcs8.open(SECRET_ACCESS)
    try:
        if key_spec in BITS:
            return RSAKeyPair(_rsa(encoded, BITS[key_spec]))
        if key_spec in CURVES:
            return CurveKeyPair(_curve(encoded, CURVES[key_spec]))
        assert key_spec is KeySpec.ECC_NIST_EDWARDS25519
        return EdwardsKeyPair(_edwards(encoded))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's messages may quote what it read. TypeError: an encrypted private key, and no password.
        raise IncorrectKeyMaterialException from None


def _rsa(encoded: bytes, bits: int) -> rsa.RSAPrivateKey:
    # The size first, unchecked: to test the primes of a key of any size a stranger likes would take minutes.
    _check_kind(encoded, _RSA_OID)
    unchecked = load_der_private_key(encoded, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(unchecked, rsa.RSAPrivateKey) or unchecked.key_size != bits:
        raise IncorrectKeyMaterialException
    checked = load_der_private_key(encoded, None)
    assert isinstance(checked, rsa.RSAPrivateKey)
    numbers = checked.private_numbers()
    p, q = max(numbers.p, numbers.q), min(numbers.p, numbers.q)
    d = rsa.rsa_recover_private_exponent(numbers.public_numbers.e, p, q)
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)


def _curve(encoded: bytes, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    _check_kind(encoded, _EC_OID)
    key = load_der_private_key(encoded, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != curve.name:
        raise IncorrectKeyMaterialException
    # The public key is computed anew: what stands beside the private one may be missing or compressed.
    return ec.derive_private_key(key.private_numbers().private_value, curve)


def _edwards(encoded: bytes) -> Ed25519PrivateKey:
    _check_kind(encoded, _ED25519_OID)
    key = load_der_private_key(encoded, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise IncorrectKeyMaterialException
    return Ed25519PrivateKey.from_private_bytes(key.private_bytes_raw())


def _check_kind(encoded: bytes, oid: bytes) -> None:
    """The library reads a dozen kinds of private key, each with a reader of its own; strangers reach one of them."""
    if oid not in encoded[: _OID_BEGINS_WITHIN + len(oid)]:
        raise IncorrectKeyMaterialException
