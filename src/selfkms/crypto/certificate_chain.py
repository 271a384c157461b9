"""A chain of certificates in a given order, from a trusted root to the certificate that signs attestation documents.

Nothing is searched for and nothing fetched: the order is the document's, each certificate is issued by the one before
it, all of them have keys on P-384 and signatures with SHA-384. An extension that is critical and not looked at here
refuses the certificate (RFC 5280, 4.2). There are no revocation lists: AWS says not to use any.

Source: AWS Nitro Enclaves User Guide, "Verifying the root of trust", "Semantical validation"; RFC 5280, 6.1.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    KeyUsage,
    load_der_x509_certificate,
)
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

_LOOKED_AT: Final = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE})
_COORDINATE_BYTES: Final = 48

SIGNATURE_BYTES: Final = 2 * _COORDINATE_BYTES
"""Of ES384: r and s, one after the other (RFC 9053, 2.1)."""


class UntrustedError(Exception):
    """A chain or a signature that proves nothing. The message says why."""


class DocumentKey:
    """The public key of the certificate at the end of a chain that was found good."""

    __slots__ = ("_key",)

    def __init__(self, key: EllipticCurvePublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if this is the ES384 signature of the message.

        Raises:
            UntrustedError: it is not.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise UntrustedError("its signature does not verify")
        r, s = (int.from_bytes(half, "big") for half in (signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]))
        try:
            self._key.verify(encode_dss_signature(r, s), message, ECDSA(SHA384()))
        except InvalidSignature:
            raise UntrustedError("its signature does not verify") from None


def document_key(chain: Sequence[bytes], *, roots: frozenset[bytes], at: float) -> DocumentKey:
    """What verifies documents that come with this chain.

    Args:
        chain: certificates in DER: root, what it issued, and so on; the last one signs documents.
        roots: those that are trusted, in DER. The root of the chain has to be one of them, byte for byte.
        at: when all of them have to be valid, in seconds since the epoch.

    Raises:
        UntrustedError: the chain does not lead from one of the roots to a certificate that may sign documents.
    """
    if len(chain) < 2 or chain[0] not in roots:
        raise UntrustedError("its certificates do not begin with a trusted root")
    try:
        certificates = [load_der_x509_certificate(certificate) for certificate in chain]
        return _verified(certificates, datetime.fromtimestamp(at, UTC))
    except (ValueError, TypeError, InvalidVersion, DuplicateExtension, UnsupportedAlgorithm):
        # From a certificate that cannot be read: the library's messages quote it.
        raise UntrustedError("one of its certificates cannot be read") from None


def _verified(chain: Sequence[Certificate], at: datetime) -> DocumentKey:
    for position, certificate in enumerate(chain):
        if position > 0:
            # The signature first: extensions that a stranger wrote are not even read.
            _check_issued(certificate, chain[position - 1])
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise UntrustedError("one of its certificates is not valid at this time")
        if any(extension.critical and extension.oid not in _LOOKED_AT for extension in certificate.extensions):
            raise UntrustedError("one of its certificates has a critical extension that is not known")
        _key(certificate)
        if certificate is not chain[-1]:
            # How many certificates of authorities stand between it and the last one (RFC 5280, 4.2.1.9).
            _check_authority(certificate, authorities_below=len(chain) - position - 2)
    _check_last(chain[-1])
    return DocumentKey(_key(chain[-1]))


def _key(certificate: Certificate) -> EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP384R1):
        raise UntrustedError("one of its certificates has a key of another kind")
    return key


def _check_authority(certificate: Certificate, *, authorities_below: int) -> None:
    constraints = _constraints(certificate)
    if constraints is None or not constraints.ca:
        raise UntrustedError("one of its certificates issued another one and is no authority")
    if constraints.path_length is not None and constraints.path_length < authorities_below:
        raise UntrustedError("its chain of certificates is longer than one of them allows")
    usage = _usage(certificate)
    if usage is None or not usage.key_cert_sign:
        raise UntrustedError("one of its certificates issued another one and may not")


def _check_last(certificate: Certificate) -> None:
    constraints = _constraints(certificate)
    if constraints is not None and (constraints.ca or constraints.path_length is not None):
        raise UntrustedError("it is signed by an authority")
    usage = _usage(certificate)
    if usage is None or not usage.digital_signature:
        raise UntrustedError("its certificate may not sign documents")


def _check_issued(certificate: Certificate, issuer: Certificate) -> None:
    if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA384:
        raise UntrustedError("one of its certificates is signed with another algorithm")
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError):
        raise UntrustedError("one of its certificates was not issued by the one before it") from None


def _constraints(certificate: Certificate) -> BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(BasicConstraints).value
    except ExtensionNotFound:
        return None


def _usage(certificate: Certificate) -> KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return None
