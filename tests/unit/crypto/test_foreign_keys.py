"""Private keys from strangers: the right kind in one form, everything else refused with one error."""

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.crypto.ecc import CURVES
from selfkms.crypto.foreign_keys import accept
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.kms.errors import IncorrectKeyMaterialException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

P256 = KeySpec.ECC_NIST_P256
ED25519 = KeySpec.ECC_NIST_EDWARDS25519


def pkcs8(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def refused(key_spec: KeySpec, encoded: bytes) -> None:
    with pytest.raises(IncorrectKeyMaterialException) as refusal:
        accept(key_spec, Secret(encoded))
    assert refusal.value.message is None


@pytest.fixture
def rsa_pkcs8(rsa_2048: RSAKeyPair) -> bytes:
    return rsa_2048.pkcs8().open(SECRET_ACCESS)


@pytest.mark.parametrize("key_spec", CURVES)
def test_keys_on_curves(key_spec: KeySpec) -> None:
    """The public key is the one that belongs to the private key."""
    key = ec.generate_private_key(CURVES[key_spec])
    accepted = accept(key_spec, Secret(pkcs8(key)))
    assert accepted.pkcs8().open(SECRET_ACCESS) == pkcs8(key)


def test_a_key_on_a_curve_without_its_public_key() -> None:
    """RFC 5915, 3: the public key may be left out. The same private key is the same key."""
    key = ec.derive_private_key(7, CURVES[P256])
    whole = pkcs8(key)
    inner = bytes.fromhex("3025020101 0420") + bytes(31) + b"\x07"
    bare = bytes.fromhex("3041 020100 301306072a8648ce3d020106082a8648ce3d030107 0427") + inner
    assert len(bare) < len(whole)
    assert accept(P256, Secret(bare)).pkcs8().open(SECRET_ACCESS) == whole


def test_ed25519() -> None:
    """RFC 8410, 7."""
    key = ed25519.Ed25519PrivateKey.generate()
    assert accept(ED25519, Secret(pkcs8(key))).pkcs8().open(SECRET_ACCESS) == pkcs8(key)


def test_rsa_in_either_order_of_its_primes(rsa_2048: RSAKeyPair, rsa_pkcs8: bytes) -> None:
    """The same key, written with p and q exchanged and a longer private exponent, is known again."""
    key = accept(KeySpec.RSA_2048, Secret(rsa_pkcs8))
    numbers = _library_key(rsa_pkcs8).private_numbers()
    exchanged = rsa.RSAPrivateNumbers(
        p=numbers.q,
        q=numbers.p,
        d=pow(numbers.public_numbers.e, -1, (numbers.p - 1) * (numbers.q - 1)),
        dmp1=numbers.dmq1,
        dmq1=numbers.dmp1,
        iqmp=rsa.rsa_crt_iqmp(numbers.q, numbers.p),
        public_numbers=numbers.public_numbers,
    ).private_key()
    assert pkcs8(exchanged) != rsa_pkcs8
    again = accept(KeySpec.RSA_2048, Secret(pkcs8(exchanged)))
    assert again.pkcs8().equals(key.pkcs8())
    assert again.public_key() == rsa_2048.public_key()


def test_rsa_of_another_size(rsa_pkcs8: bytes) -> None:
    """The modulus must have exactly as many bits as the key spec says."""
    refused(KeySpec.RSA_3072, rsa_pkcs8)
    refused(KeySpec.RSA_4096, rsa_pkcs8)


@pytest.mark.parametrize("field", ["d", "dmp1", "dmq1", "iqmp"])
def test_rsa_whose_parts_do_not_belong_together(rsa_pkcs8: bytes, field: str) -> None:
    """A fault in one part gives the factors away with the first signature, so it is never taken over."""
    numbers = _library_key(rsa_pkcs8).private_numbers()
    parts = {name: getattr(numbers, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    parts[field] += 2
    broken = rsa.RSAPrivateNumbers(**parts, public_numbers=numbers.public_numbers)
    refused(KeySpec.RSA_2048, pkcs8(broken.private_key(unsafe_skip_rsa_key_validation=True)))


def test_other_encodings_and_other_kinds(rsa_pkcs8: bytes) -> None:
    """PKCS#8 in DER, not encrypted, and of the kind asked for: nothing else that the library would read."""
    curve, edwards = ec.generate_private_key(CURVES[P256]), ed25519.Ed25519PrivateKey.generate()
    library_key = _library_key(rsa_pkcs8)
    plain = NoEncryption()
    refused(KeySpec.RSA_2048, library_key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, plain))
    refused(KeySpec.RSA_2048, library_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain))
    refused(P256, curve.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, plain))
    refused(P256, curve.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")))
    refused(ED25519, edwards.private_bytes_raw())
    encoded = {KeySpec.RSA_2048: rsa_pkcs8, P256: pkcs8(curve), ED25519: pkcs8(edwards)}
    for asked in encoded:
        for given_, content in encoded.items():
            if asked is not given_:
                refused(asked, content)
    for key_spec, content in encoded.items():
        refused(key_spec, content[:-1])
        refused(key_spec, content + b"\0")
        refused(key_spec, b"")
    montgomery = x25519.X25519PrivateKey.generate()
    refused(ED25519, montgomery.private_bytes(Encoding.DER, PrivateFormat.PKCS8, plain))


def test_another_curve() -> None:
    """A key on each curve is refused for each other one."""
    for key_spec, curve in CURVES.items():
        for other in CURVES:
            if other is not key_spec:
                refused(other, pkcs8(ec.generate_private_key(curve)))


@pytest.mark.parametrize("scalar", [bytes(32), b"\xff" * 32])
def test_no_private_key_at_all(scalar: bytes) -> None:
    """Zero, and more than the order of the group (SEC 1, 3.2.1)."""
    inner = bytes.fromhex("3025020101 0420") + scalar
    refused(P256, bytes.fromhex("3041 020100 301306072a8648ce3d020106082a8648ce3d030107 0427") + inner)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([P256, ED25519]), st.data())
def test_nothing_else_is_ever_raised(key_spec: KeySpec, data: st.DataObject) -> None:
    """Whatever the bytes are, and however little is wrong with them."""
    if key_spec is P256:
        encoded = bytearray(pkcs8(ec.derive_private_key(7, CURVES[P256])))
    else:
        encoded = bytearray(pkcs8(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(IncorrectKeyMaterialException):
        accept(key_spec, Secret(bytes(encoded)))


def _library_key(encoded: bytes) -> rsa.RSAPrivateKey:
    key = load_der_private_key(encoded, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
