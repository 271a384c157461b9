"""ECDSA and ECDH, with RFC 6979's published signatures and OpenSSL as the other side."""

import hashlib
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.crypto.ecc import CURVES, CurveKeyPair, CurvePublicKey
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import AGREEMENT, DIGEST_BYTES, SIGNING, MessageType
from selfkms.domain.kms.errors import KMSInvalidSignatureException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS
from unit.crypto.conftest import OpenSSL

RAW, DIGEST = MessageType.RAW, MessageType.DIGEST
MESSAGE = b"attack at dawn"
PAIRS = {key_spec: CurveKeyPair.generate(key_spec) for key_spec in CURVES}
P256 = KeySpec.ECC_NIST_P256

# RFC 6979, A.2.5, A.2.6, A.2.7: the public key (x, y) and the signature (r, s) of "sample" with the curve's own hash.
PUBLISHED = {
    KeySpec.ECC_NIST_P256: (
        0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
        0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    KeySpec.ECC_NIST_P384: (
        0xEC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13,
        0x8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720,
        0x94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46,
        0x99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8,
    ),
    KeySpec.ECC_NIST_P521: (
        int(
            "1894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D3"
            "8FFA16D2BD761DCAC474B9A2F5023A4",
            16,
        ),
        int(
            "0493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0DB25741B5B34A828008B22ACC23F924FA"
            "AFBD4D33F81EA66956DFEAA2BFDFCF5",
            16,
        ),
        int(
            "0C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D"
            "7D4E8455CC91F9B15BF05EC36E377FA",
            16,
        ),
        int(
            "0617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A2"
            "0F8CCB1DCCC43997F1EE0E44DA4A67A",
            16,
        ),
    ),
}


def public(key_spec: KeySpec) -> CurvePublicKey:
    return CurvePublicKey.load(key_spec, PAIRS[key_spec].public_key())


def hash_name(key_spec: KeySpec) -> str:
    return f"sha{DIGEST_BYTES[SIGNING[key_spec][0]] * 8}"


@pytest.mark.parametrize("key_spec", PUBLISHED)
def test_the_published_signatures_verify(key_spec: KeySpec) -> None:
    """Each by the message and by its digest, and not for another message."""
    x, y, r, s = PUBLISHED[key_spec]
    numbers = ec.EllipticCurvePublicNumbers(x, y, CURVES[key_spec])
    key = CurvePublicKey(numbers.public_key())
    algorithm, signature = SIGNING[key_spec][0], encode_dss_signature(r, s)
    key.verify(algorithm, b"sample", signature, message_type=RAW)
    digest = hashlib.new(hash_name(key_spec), b"sample").digest()
    key.verify(algorithm, digest, signature, message_type=DIGEST)
    with pytest.raises(KMSInvalidSignatureException):
        key.verify(algorithm, b"test", signature, message_type=RAW)
    with pytest.raises(KMSInvalidSignatureException):
        key.verify(algorithm, digest, signature, message_type=RAW)


@pytest.mark.parametrize("key_spec", CURVES)
def test_openssl_and_we_verify_each_others_signatures(openssl: OpenSSL, key_spec: KeySpec) -> None:
    """Of the message and of its digest, both ways."""
    pair, algorithm, name = PAIRS[key_spec], SIGNING[key_spec][0], hash_name(key_spec)
    digest = hashlib.new(name, MESSAGE).digest()
    for message, message_type in ((MESSAGE, RAW), (digest, DIGEST)):
        files = {"key": pair.public_key(), "message": MESSAGE}
        files["signature"] = pair.sign(algorithm, message, message_type=message_type)
        openssl("dgst", f"-{name}", "-keyform", "DER", "-verify", "key", "-signature", "signature", "message", **files)
    files = {"key": pair.pkcs8().open(SECRET_ACCESS), "message": MESSAGE}
    theirs = openssl("dgst", f"-{name}", "-keyform", "DER", "-sign", "key", "-out", "out", "message", **files)
    public(key_spec).verify(algorithm, MESSAGE, theirs, message_type=RAW)
    public(key_spec).verify(algorithm, digest, theirs, message_type=DIGEST)


@pytest.mark.parametrize("key_spec", CURVES)
def test_no_changed_signature_verifies(key_spec: KeySpec) -> None:
    """Each byte counts, and the length; r and s of zero, and what is no DER at all, are refused alike."""
    algorithm = SIGNING[key_spec][0]
    signature = PAIRS[key_spec].sign(algorithm, MESSAGE, message_type=RAW)
    changed = [signature[:n] + bytes([signature[n] ^ 1]) + signature[n + 1 :] for n in range(len(signature))]
    _, s = decode_dss_signature(signature)
    zeros = [encode_dss_signature(0, 0), encode_dss_signature(0, s), encode_dss_signature(1, 0)]
    for tried in (*changed, *zeros, signature[:-1], signature + b"\0", b"", bytes(64)):
        with pytest.raises(KMSInvalidSignatureException) as refusal:
            public(key_spec).verify(algorithm, MESSAGE, tried, message_type=RAW)
        assert refusal.value.message is None


def test_the_other_signature_of_the_same_r_verifies_too() -> None:
    """(r, n - s) is valid where (r, s) is: FIPS 186-5 asks for no low s, and neither does AWS KMS."""
    algorithm = SIGNING[P256][0]
    r, s = decode_dss_signature(PAIRS[P256].sign(algorithm, MESSAGE, message_type=RAW))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    public(P256).verify(algorithm, MESSAGE, encode_dss_signature(r, order - s), message_type=RAW)


@pytest.mark.parametrize("key_spec", AGREEMENT)
@pytest.mark.parametrize("point", [PublicFormat.UncompressedPoint, PublicFormat.CompressedPoint])
def test_openssl_derives_the_same_secret(openssl: OpenSSL, key_spec: KeySpec, point: PublicFormat) -> None:
    """The x coordinate, as long as the field; also from a point that OpenSSL wrote compressed."""
    ours, theirs = PAIRS[key_spec], CurveKeyPair.generate(key_spec)
    form = "compressed" if point is PublicFormat.CompressedPoint else "uncompressed"
    private = theirs.pkcs8().open(SECRET_ACCESS)
    conversion = [
        "ec",
        "-inform",
        "DER",
        "-in",
        "theirs",
        "-pubout",
        "-outform",
        "DER",
        "-conv_form",
        form,
        "-out",
        "out",
    ]
    peer = openssl(*conversion, theirs=private)
    options = ["-keyform", "DER", "-peerform", "DER", "-inkey", "theirs", "-peerkey", "ours", "-out", "out"]
    expected = openssl("pkeyutl", "-derive", *options, theirs=private, ours=ours.public_key())
    assert ours.agree(peer).open(SECRET_ACCESS) == expected
    assert len(expected) == (CURVES[key_spec].key_size + 7) // 8


def curve_spki(oid: bytes, point: bytes) -> bytes:
    """SubjectPublicKeyInfo of id-ecPublicKey with these parameters and this point; all lengths below 128."""
    algorithm = bytes.fromhex("06072a8648ce3d0201") + oid
    inside = bytes([0x30, len(algorithm)]) + algorithm + bytes([3, len(point) + 1, 0]) + point
    return bytes([0x30, len(inside)]) + inside


P256_OID = bytes.fromhex("06082a8648ce3d030107")
GOOD_POINT = PAIRS[P256].public_key()[-65:]
FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
# y^2 = x^3 - 3x + b for another b: a point of a curve with small subgroups must not meet the private key.
OFF_CURVE = GOOD_POINT[:-1] + bytes([GOOD_POINT[-1] ^ 1])
HOSTILE = {
    "empty": b"",
    "no DER": b"not a key",
    "the point alone": GOOD_POINT,
    "infinity": curve_spki(P256_OID, b"\0"),
    "infinity, padded": curve_spki(P256_OID, bytes(65)),
    "all zero": curve_spki(P256_OID, b"\4" + bytes(64)),
    "off the curve": curve_spki(P256_OID, OFF_CURVE),
    "x beyond the field": curve_spki(P256_OID, b"\4" + (FIELD + 1).to_bytes(32, "big") + GOOD_POINT[33:]),
    "compressed x that has no y": curve_spki(P256_OID, b"\2" + (FIELD - 1).to_bytes(32, "big")),
    "hybrid form, even y": curve_spki(P256_OID, b"\6" + GOOD_POINT[1:]),
    "hybrid form, odd y": curve_spki(P256_OID, b"\7" + GOOD_POINT[1:]),
    "no point": curve_spki(P256_OID, b""),
    "a point cut short": curve_spki(P256_OID, GOOD_POINT[:-1]),
    "no parameters": curve_spki(b"", GOOD_POINT),
    "parameters NULL": curve_spki(b"\5\0", GOOD_POINT),
    "an unknown curve": curve_spki(bytes.fromhex("06082a8648ce3d030108"), GOOD_POINT),
    "the curve secp256k1": PAIRS[KeySpec.ECC_SECG_P256K1].public_key(),
    "the curve P-384": PAIRS[KeySpec.ECC_NIST_P384].public_key(),
    "trailing bytes": PAIRS[P256].public_key() + b"\0",
    "a byte missing": PAIRS[P256].public_key()[:-1],
    "PEM": b"-----BEGIN PUBLIC KEY-----\n",
    "a private key": PAIRS[P256].pkcs8().open(SECRET_ACCESS),
    "Ed25519": ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "X25519": x25519.X25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    # dhpublicnumber (RFC 3279, 2.3.3), which the library would read.
    "Diffie-Hellman": bytes.fromhex("3023301906072a8648ce3e0201300e0201170201050201020201020306000201042a"),
}


def test_the_maker_of_hostile_keys_makes_good_ones() -> None:
    """So that what it makes is refused for what is wrong with it."""
    assert curve_spki(P256_OID, GOOD_POINT) == PAIRS[P256].public_key()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_public_key_is_refused(name: str) -> None:
    """One error without a message, whatever is wrong."""
    with pytest.raises(ValidationException) as refusal:
        PAIRS[P256].agree(HOSTILE[name])
    assert refusal.value.message is None


def test_an_rsa_public_key_is_refused(rsa_2048: RSAKeyPair) -> None:
    """Another algorithm altogether."""
    with pytest.raises(ValidationException):
        PAIRS[P256].agree(rsa_2048.public_key())


def test_explicit_parameters_are_refused(openssl: OpenSSL) -> None:
    """A curve is named: parameters that somebody chose are how CVE-2020-0601 was made."""
    private = PAIRS[P256].pkcs8().open(SECRET_ACCESS)
    options = ["-pubout", "-outform", "DER", "-param_enc", "explicit", "-out", "out"]
    explicit = openssl("ec", "-inform", "DER", "-in", "key", *options, key=private)
    assert len(explicit) > 200
    with pytest.raises(ValidationException):
        PAIRS[P256].agree(explicit)


@settings(deadline=None)
@given(offset=st.integers(0, 90), change=st.integers(1, 255), cut=st.integers(0, 91))
def test_an_altered_public_key_never_fails_otherwise(offset: int, change: int, cut: int) -> None:
    """No byte can be changed and none left out, and there is one error for all of it."""
    spki = CurveKeyPair.generate(P256).public_key()
    altered = spki[:offset] + bytes([spki[offset] ^ change]) + spki[offset + 1 :]
    with pytest.raises(ValidationException):
        PAIRS[P256].agree(altered)
    with pytest.raises(ValidationException):
        PAIRS[P256].agree(altered[:cut])


@pytest.mark.parametrize("key_spec", CURVES)
def test_a_key_pair_is_loaded_as_it_was(key_spec: KeySpec) -> None:
    """PKCS#8 and back, and nothing of another curve."""
    pair = PAIRS[key_spec]
    assert CurveKeyPair.load(key_spec, pair.pkcs8()).public_key() == pair.public_key()
    other = next(each for each in CURVES if each is not key_spec)
    with pytest.raises(AssertionError):
        CurveKeyPair.load(other, pair.pkcs8())
    with pytest.raises(AssertionError):
        CurvePublicKey.load(other, pair.public_key())


def test_a_key_pair_is_neither_shown_nor_pickled() -> None:
    """Its text form is its class and an address."""
    assert repr(PAIRS[P256]).startswith("<selfkms.crypto.ecc.CurveKeyPair object at 0x")
    with pytest.raises(TypeError):
        pickle.dumps(PAIRS[P256])
