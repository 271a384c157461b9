"""Ed25519 and Ed25519ph, against RFC 8032's vectors and a second computation from its formulas."""

import hashlib
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.crypto.edwards import SEED_BYTES, EdwardsKeyPair, EdwardsPublicKey
from selfkms.domain.kms.algorithms import SigningAlgorithm
from selfkms.domain.kms.errors import KMSInvalidSignatureException
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from unit.crypto.conftest import OpenSSL

PURE, PREHASHED = SigningAlgorithm.ED25519_SHA_512, SigningAlgorithm.ED25519_PH_SHA_512

# RFC 8032, 5.1: the field, the order of the base point, d, and the base point.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    """RFC 8032, 5.1.4, in affine coordinates."""
    product = D * one[0] * other[0] * one[1] * other[1]
    x = (one[0] * other[1] + one[1] * other[0]) * pow(1 + product, -1, P) % P
    y = (one[1] * other[1] + one[0] * other[0]) * pow(1 - product, -1, P) % P
    return x, y


def multiply(scalar: int, point: Point) -> Point:
    total = (0, 1)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def encode(point: Point) -> bytes:
    """RFC 8032, 5.1.2."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def sign_by_the_book(seed: bytes, message: bytes, *, prehash: bool) -> bytes:
    """RFC 8032, 5.1.6, with the dom2 and PH of 5.1."""
    dom2 = b"SigEd25519 no Ed25519 collisions\x01\x00" if prehash else b""
    signed = hashlib.sha512(message).digest() if prehash else message
    expanded = hashlib.sha512(seed).digest()
    secret = int.from_bytes(expanded[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    public = encode(multiply(secret, BASE))
    nonce = number(dom2, expanded[32:], signed) % ORDER
    commitment = encode(multiply(nonce, BASE))
    response = (nonce + number(dom2, commitment, public, signed) * secret) % ORDER
    return commitment + response.to_bytes(32, "little")


def pair_of(seed: bytes) -> EdwardsKeyPair:
    return EdwardsKeyPair.from_seed(Secret(seed))


def public_of(pair: EdwardsKeyPair) -> EdwardsPublicKey:
    return EdwardsPublicKey.load(pair.public_key())


# RFC 8032, 7.1, tests 1 to 3, and 7.3, test "abc".
PUBLISHED = [
    (
        PURE,
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        PURE,
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        PURE,
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        PREHASHED,
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "616263",
        (
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
            "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
        ),
    ),
]


@pytest.mark.parametrize(("algorithm", "seed", "public", "message", "signature"), PUBLISHED)
def test_the_published_signatures(
    algorithm: SigningAlgorithm, seed: str, public: str, message: str, signature: str
) -> None:
    """RFC 8032, 7.1 and 7.3: made, and verified."""
    pair = pair_of(bytes.fromhex(seed))
    assert pair.public_key()[-32:].hex() == public
    assert pair.sign(algorithm, bytes.fromhex(message)).hex() == signature
    public_of(pair).verify(algorithm, bytes.fromhex(message), bytes.fromhex(signature))


@settings(max_examples=8, deadline=None)
@given(seed=st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES), message=st.binary(max_size=200))
def test_a_second_computation_agrees(seed: bytes, message: bytes) -> None:
    """Both algorithms are Ed25519 and Ed25519ph of RFC 8032 as its formulas have them."""
    pair = pair_of(seed)
    assert pair.sign(PURE, message) == sign_by_the_book(seed, message, prehash=False)
    assert pair.sign(PREHASHED, message) == sign_by_the_book(seed, message, prehash=True)


def test_a_digest_is_hashed_again() -> None:
    """ED25519_PH_SHA_512 of a SHA-512 digest is Ed25519ph with that digest as its message, not as its prehash."""
    seed, message = bytes(range(32)), b"attack at dawn"
    pair = pair_of(seed)
    signature = pair.sign(PREHASHED, hashlib.sha512(message).digest())
    assert signature == sign_by_the_book(seed, hashlib.sha512(message).digest(), prehash=True)
    assert signature != sign_by_the_book(seed, message, prehash=True)
    with pytest.raises(KMSInvalidSignatureException):
        public_of(pair).verify(PREHASHED, message, signature)


@pytest.mark.parametrize("algorithm", [PURE, PREHASHED])
def test_no_changed_signature_verifies(algorithm: SigningAlgorithm) -> None:
    """Each byte counts, and the length; the other algorithm's signature and an S beyond the order are refused alike."""
    pair, message = pair_of(bytes(range(32))), b"attack at dawn"
    signature = pair.sign(algorithm, message)
    changed = [signature[:n] + bytes([signature[n] ^ 1]) + signature[n + 1 :] for n in range(len(signature))]
    beyond = signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    other = pair.sign(PURE if algorithm is PREHASHED else PREHASHED, message)
    for tried in (*changed, beyond, other, signature[:-1], signature + b"\0", b"", bytes(64)):
        with pytest.raises(KMSInvalidSignatureException) as refusal:
            public_of(pair).verify(algorithm, message, tried)
        assert refusal.value.message is None
    with pytest.raises(KMSInvalidSignatureException):
        public_of(pair).verify(algorithm, message + b"\0", signature)


def test_openssl_and_we_verify_each_others_signatures(openssl: OpenSSL) -> None:
    """The pure form, both ways; OpenSSL reads both encodings."""
    pair, message = pair_of(bytes(range(32))), b"attack at dawn"
    options = ["-rawin", "-in", "message", "-keyform", "DER", "-inkey", "key"]
    private = pair.pkcs8().open(SECRET_ACCESS)
    theirs = openssl("pkeyutl", "-sign", *options, "-out", "out", key=private, message=message)
    public_of(pair).verify(PURE, message, theirs)
    files = {"key": pair.public_key(), "message": message, "signature": pair.sign(PURE, message)}
    openssl("pkeyutl", "-verify", "-pubin", *options, "-sigfile", "signature", **files)


def test_a_key_pair_is_loaded_as_it_was() -> None:
    """PKCS#8 and back; a public key has 44 bytes."""
    pair = pair_of(bytes(range(32)))
    assert EdwardsKeyPair.load(pair.pkcs8()).public_key() == pair.public_key()
    assert len(pair.public_key()) == 44


def test_a_key_pair_is_neither_shown_nor_pickled() -> None:
    """Its text form is its class and an address."""
    pair = pair_of(bytes(32))
    assert repr(pair).startswith("<selfkms.crypto.edwards.EdwardsKeyPair object at 0x")
    with pytest.raises(TypeError):
        pickle.dumps(pair)
