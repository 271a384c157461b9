"""Elliptic curves in Weierstrass form: ECDSA on P-256, P-384, P-521 and secp256k1, ECDH on the first three.

Source: FIPS 186-5, 6 (ECDSA); NIST SP 800-56A, 5.7.1.2 (ECDH with a cofactor of 1); SEC 1, 2.3.3 (points as bytes);
RFC 5480 (SubjectPublicKeyInfo).
"""

from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import MessageType, SigningAlgorithm
from selfkms.domain.kms.errors import KMSInvalidSignatureException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

CURVES: Final[dict[KeySpec, ec.EllipticCurve]] = {
    KeySpec.ECC_NIST_P256: ec.SECP256R1(),
    KeySpec.ECC_NIST_P384: ec.SECP384R1(),
    KeySpec.ECC_NIST_P521: ec.SECP521R1(),
    KeySpec.ECC_SECG_P256K1: ec.SECP256K1(),
}
_HASHES: Final[dict[SigningAlgorithm, HashAlgorithm]] = {
    SigningAlgorithm.ECDSA_SHA_256: SHA256(),
    SigningAlgorithm.ECDSA_SHA_384: SHA384(),
    SigningAlgorithm.ECDSA_SHA_512: SHA512(),
}

_POINT_FORMS: Final = (PublicFormat.UncompressedPoint, PublicFormat.CompressedPoint)

_EC_PUBLIC_KEY_OID: Final = bytes.fromhex("06072a8648ce3d0201")
"""id-ecPublicKey, 1.2.840.10045.2.1, in DER (RFC 5480, 2.1.1)."""
_OID_ENDS_WITHIN: Final = 16
"""In DER at most two headers of three bytes stand in front of the OID: no curve here needs more."""


class CurveKeyPair:
    """A private key on one of the curves, ready to work."""

    __slots__ = ("_key",)

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls, key_spec: KeySpec) -> Self:
        """A new one."""
        return cls(ec.generate_private_key(CURVES[key_spec]))

    @classmethod
    def load(cls, key_spec: KeySpec, pkcs8: Secret) -> Self:
        """From PKCS#8 in DER that this program made and authenticated."""
        key = load_der_private_key(pkcs8.open(SECRET_ACCESS), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == CURVES[key_spec].name
        return cls(key)

    def pkcs8(self) -> Secret:
        """PrivateKeyInfo in DER (RFC 5958, RFC 5915)."""
        return Secret(self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER, with the name of the curve and the uncompressed point (RFC 5480)."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, algorithm: SigningAlgorithm, message: bytes, *, message_type: MessageType) -> bytes:
        """Ecdsa-Sig-Value in DER (RFC 3279, 2.2.3). A digest is as long as the hash: the caller has checked that."""
        return self._key.sign(message, _ecdsa(algorithm, message_type))

    def agree(self, peer_spki: bytes) -> Secret:
        """The x coordinate of the shared point, as long as the field: 32, 48 or 66 bytes.

        Args:
            peer_spki: the other side's SubjectPublicKeyInfo in DER; the point may be compressed.

        Raises:
            ValidationException: not a public key on this curve. Without a message, as AWS's is.
        """
        # The library reads a dozen kinds of public key, each with a reader of its own; strangers reach only this one.
        if _EC_PUBLIC_KEY_OID not in peer_spki[:_OID_ENDS_WITHIN]:
            raise ValidationException
        try:
            # NIST SP 800-56A, 5.6.2.3.3: the library checks that the point is on the curve and not at infinity; with
            # a cofactor of 1 it is then in the group, so no small subgroup can give away bits of the private key.
            peer = load_der_public_key(peer_spki)
        except (ValueError, UnsupportedAlgorithm):
            raise ValidationException from None
        if not isinstance(peer, ec.EllipticCurvePublicKey) or peer.curve.name != self._key.curve.name:
            raise ValidationException
        # RFC 5480, 2.2 forbids the hybrid form of a point, which the library reads.
        points = (peer.public_bytes(Encoding.X962, form) for form in _POINT_FORMS)
        if not peer_spki.endswith(tuple(points)):
            raise ValidationException
        return Secret(self._key.exchange(ec.ECDH(), peer))


class CurvePublicKey:
    """A public key on one of the curves, ready to work."""

    __slots__ = ("_key",)

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key

    @classmethod
    def load(cls, key_spec: KeySpec, spki: bytes) -> Self:
        """From SubjectPublicKeyInfo in DER that this program made."""
        key = load_der_public_key(spki)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == CURVES[key_spec].name
        return cls(key)

    def verify(
        self, algorithm: SigningAlgorithm, message: bytes, signature: bytes, *, message_type: MessageType
    ) -> None:
        """Return if the signature is this key's for this message.

        Of each ECDSA signature (r, s) there is a second one, (r, n - s), that anyone can make: both are valid, as
        FIPS 186-5 has it and AWS KMS answers. So a signature is no name for a message.

        Raises:
            KMSInvalidSignatureException: it is not, or it is not DER.
        """
        try:
            self._key.verify(signature, message, _ecdsa(algorithm, message_type))
        except InvalidSignature:
            raise KMSInvalidSignatureException from None


def _ecdsa(algorithm: SigningAlgorithm, message_type: MessageType) -> ec.ECDSA:
    hash_of_message = _HASHES[algorithm]
    return ec.ECDSA(Prehashed(hash_of_message) if message_type is MessageType.DIGEST else hash_of_message)
