"""Attestation documents as a Nitro hypervisor makes them, under a root of the test's own; and what reads the answers.

The writer of CBOR here is another one than the reader under test.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

NOW: Final = 1_790_000_000.0
"""What the standing clock of a `World` says."""

PCRS: Final = {number: hashlib.sha384(f"PCR{number}".encode()).digest() for number in (0, 1, 2, 3, 4, 8)}
IMAGE: Final = PCRS[0].hex()
MODULE_ID: Final = "i-0123456789abcdef0-enc0123456789abcdef"

ES384: Final = bytes.fromhex("a1013822")
LEFT_OUT: Final = object()
"""Instead of a member: it is not there."""


def _head(major: int, argument: int) -> bytes:
    for additional, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 24:
            return bytes((major << 5 | argument,))
        if argument < 256**size:
            return bytes((major << 5 | additional,)) + argument.to_bytes(size, "big")
    raise AssertionError("too large")


def cbor(value: Any) -> bytes:
    """CBOR of numbers, bytes, text, lists, maps and None."""
    match value:
        case None:
            return b"\xf6"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case list():
            return _head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            return _head(5, len(value)) + b"".join(cbor(name) + cbor(entry) for name, entry in value.items())
    raise AssertionError(value)


def indefinite_map(value: Mapping[Any, Any]) -> bytes:
    """The same map without its length, as some hypervisors write it."""
    return b"\xbf" + b"".join(cbor(name) + cbor(entry) for name, entry in value.items()) + b"\xff"


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """KeyUsage of an authority, or of a certificate that signs documents."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


AUTHORITY: Final[tuple[tuple[x509.ExtensionType, bool], ...]] = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (usage(signs_certificates=True), True),
)
SIGNER: Final[tuple[tuple[x509.ExtensionType, bool], ...]] = (
    (x509.BasicConstraints(ca=False, path_length=None), True),
    (usage(signs_certificates=False), True),
)


class Issued(NamedTuple):
    """A certificate with its private key."""

    name: x509.Name
    key: Any
    certificate_der: bytes

    @property
    def pem(self) -> bytes:
        """The certificate for a file of roots."""
        return x509.load_der_x509_certificate(self.certificate_der).public_bytes(Encoding.PEM)

    def issue(
        self,
        common_name: str,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = AUTHORITY,
        *,
        key: Any = None,
        algorithm: Any = None,
        not_before: float = NOW - 3_600,
        not_after: float = NOW + 3_600,
    ) -> "Issued":
        """A certificate by this one."""
        return _issued(self, common_name, extensions, key, algorithm or SHA384(), not_before, not_after)

    @classmethod
    def root(cls, common_name: str = "test.nitro-enclaves", **changed: Any) -> Self:
        """A certificate by itself, for thirty years."""
        made = _issued(
            None,
            common_name,
            changed.get("extensions", AUTHORITY),
            changed.get("key"),
            SHA384(),
            changed.get("not_before", NOW - 3_600),
            changed.get("not_after", NOW + 30 * 365 * 86_400),
        )
        return cls(*made)


def _issued(
    issuer: Issued | None,
    common_name: str,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    key: Any,
    algorithm: Any,
    not_before: float,
    not_after: float,
) -> Issued:
    key = ec.generate_private_key(ec.SECP384R1()) if key is None else key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(not_before, UTC))
        .not_valid_after(datetime.fromtimestamp(not_after, UTC))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    signed = builder.sign(key if issuer is None else issuer.key, algorithm)
    return Issued(name, key, signed.public_bytes(Encoding.DER))


TEST_ROOT: Final = Issued.root()


class Hypervisor:
    """Signs documents with a chain of its own: root, two authorities, and the certificate that signs."""

    def __init__(
        self,
        root: Issued = TEST_ROOT,
        *,
        authorities: Sequence[Sequence[tuple[x509.ExtensionType, bool]]] = (AUTHORITY, AUTHORITY),
        signer: Sequence[tuple[x509.ExtensionType, bool]] = SIGNER,
        **last: Any,
    ) -> None:
        self.bundle = [root]
        for number, extensions in enumerate(authorities):
            self.bundle.append(self.bundle[-1].issue(f"authority {number}", extensions, **last.pop(f"of_{number}", {})))
        self.signer = self.bundle[-1].issue("signer", signer, **last)

    @property
    def chain(self) -> list[bytes]:
        """All certificates in DER, from the root on."""
        return [issued.certificate_der for issued in (*self.bundle, self.signer)]

    def members(self, enclave: "Enclave", *, at: float = NOW, **changed: Any) -> dict[str, Any]:
        """The members of a good payload."""
        members = {
            "module_id": MODULE_ID,
            "digest": "SHA384",
            "timestamp": int(at * 1_000),
            "pcrs": dict(PCRS),
            "certificate": self.signer.certificate_der,
            "cabundle": [issued.certificate_der for issued in self.bundle],
            "public_key": enclave.public_key,
            "user_data": None,
            "nonce": None,
            **changed,
        }
        return {name: value for name, value in members.items() if value is not LEFT_OUT}

    def document(self, enclave: "Enclave", *, at: float = NOW, tagged: bool = False, **changed: Any) -> bytes:
        """A signed document."""
        return self.signed(cbor(self.members(enclave, at=at, **changed)), tagged=tagged)

    def signed(self, payload: bytes, *, protected: bytes = ES384, tagged: bool = False) -> bytes:
        """COSE_Sign1 around any payload."""
        message = cbor(["Signature1", protected, b"", payload])
        r, s = decode_dss_signature(self.signer.key.sign(message, ec.ECDSA(SHA384())))
        signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
        return (b"\xd2" if tagged else b"") + cbor([protected, {}, payload, signature])


class Enclave:
    """Has the private key for which answers are encrypted."""

    def __init__(self, bits: int = 2_048) -> None:
        self.key = rsa.generate_private_key(65_537, bits)

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        """The private key for `openssl`."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def recipient(self, document: bytes) -> dict[str, Any]:
        """The parameter `Recipient` of a request in JSON."""
        return {
            "Recipient": {
                "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                "AttestationDocument": base64.b64encode(document).decode(),
            }
        }

    def open(self, ciphertext_for_recipient: bytes | str) -> bytes:
        """The plaintext, read as the AWS Nitro Enclaves SDK for C reads it."""
        ber = ciphertext_for_recipient
        encrypted_key, iv, content = parse_enveloped(base64.b64decode(ber) if isinstance(ber, str) else ber)
        content_key = self.key.decrypt(encrypted_key, OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None))
        decryptor = Cipher(AES256(content_key), CBC(iv)).decryptor()
        unpadder = PKCS7(128).unpadder()
        return unpadder.update(decryptor.update(content) + decryptor.finalize()) + unpadder.finalize()


class _Elements:
    """Goes through BER as BoringSSL's byte strings do in the SDK: an indefinite length is a header to step over."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def next(self, tag: int) -> bytes:
        """The content of the next element, which must have this tag and a definite length."""
        assert self._data[0] == tag, (self._data[:8].hex(), hex(tag))
        length, header = self._data[1], 2
        assert length != 0x80
        if length > 0x80:
            header += length - 0x80
            length = int.from_bytes(self._data[2:header], "big")
        content = self._data[header : header + length]
        assert len(content) == length
        self._data = self._data[header + length :]
        return content

    def step_into(self, tag: int) -> None:
        """Over the header of an element of indefinite length."""
        assert self._data[:2] == bytes((tag, 0x80)), self._data[:8].hex()
        self._data = self._data[2:]

    def begins_with(self, tag: int) -> bool:
        """Whether the next element has this tag."""
        return self._data[:1] == bytes((tag,))

    @property
    def rest(self) -> bytes:
        """What was not read."""
        return self._data


def parse_enveloped(ber: bytes) -> tuple[bytes, bytes, bytes]:
    """Encrypted key, initialization vector and encrypted content, in the order in which the SDK takes them.

    Source: aws/aws-nitro-enclaves-sdk-c, `source/cms.c`, `aws_cms_parse_enveloped_data`.
    """
    elements = _Elements(ber)
    elements.step_into(0x30)
    assert elements.next(0x06) == bytes.fromhex("2a864886f70d010703")
    elements.step_into(0xA0)
    elements.step_into(0x30)
    assert elements.next(0x02) == b"\x02"
    recipients = _Elements(elements.next(0x31))
    recipient = _Elements(recipients.next(0x30))
    assert recipients.rest == b""
    assert recipient.next(0x02) == b"\x02"
    assert len(recipient.next(0x80)) == 32
    recipient.next(0x30)
    encrypted_key = recipient.next(0x04)
    elements.step_into(0x30)
    assert elements.next(0x06) == bytes.fromhex("2a864886f70d010701")
    algorithm = _Elements(elements.next(0x30))
    assert algorithm.next(0x06) == bytes.fromhex("60864801650304012a")
    iv = algorithm.next(0x04)
    elements.step_into(0xA0)
    content = b""
    while elements.begins_with(0x04):
        content += elements.next(0x04)
    assert elements.rest == bytes(10), "the ends of five elements of indefinite length"
    return encrypted_key, iv, content
