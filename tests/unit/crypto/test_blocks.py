"""Blocks of volumes: XTS, and the sealed digests beside it."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from selfkms.crypto.blocks import SEALED_BYTES, BlockCipher, DigestNotOpenedError, DigestSeals
from selfkms.crypto.framing import frame
from selfkms.crypto.kdf import derive
from selfkms.domain.ebs.blocks import BLOCK_BYTES
from selfkms.domain.secrets import Secret

KEY = Secret(bytes(range(64)))
DIGEST = bytes(range(32))
RANDOM = b"8 random"


def test_the_vector_of_ieee_1619() -> None:
    """XTS-AES-256, vector 10: data unit 0xff of 512 bytes. It begins and ends as the standard has it."""
    e = "27182818284590452353602874713526"
    pi = "31415926535897932384626433832795"
    key = bytes.fromhex(e + "62497757247093699959574966967627" + pi + "02884197169399375105820974944592")
    data = bytes(range(256)) * 2
    out = bytearray(512)
    BlockCipher(Secret(key)).encrypt(0xFF, data, out)
    assert out.hex().startswith("1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b")
    assert out.hex().endswith("c4f36ffda9fcea70b9c6e693e148c151")


def test_a_block_in_place() -> None:
    """One buffer is enough, there and back; another index gives other bytes."""
    cipher = BlockCipher(KEY)
    plaintext = bytes(range(256)) * (BLOCK_BYTES // 256)
    buffer, other = bytearray(plaintext), bytearray(BLOCK_BYTES)
    cipher.encrypt(7, buffer, buffer)
    cipher.encrypt(8, plaintext, other)
    assert buffer not in (plaintext, other)
    cipher.decrypt(7, buffer, buffer)
    assert buffer == plaintext


def test_a_key_has_two_halves() -> None:
    """64 bytes, and not the same ones twice."""
    with pytest.raises(AssertionError):
        BlockCipher(Secret(bytes(32)))
    with pytest.raises(AssertionError):
        DigestSeals(Secret(bytes(32)), "l", "p")
    with pytest.raises(ValueError, match="duplicated"):
        BlockCipher(Secret(bytes(64))).encrypt(0, bytes(16), bytearray(16))


def test_a_sealed_digest_byte_by_byte() -> None:
    """Slot, random, ciphertext and tag; the index is bound."""
    context = frame("l", "p")
    key = derive(bytes(range(64)), label=b"selfkms/v1/block-digest", context=context, length=32)
    sealed = DigestSeals(KEY, "l", "p").seal(5, 9, DIGEST, random=RANDOM)
    nonce = b"\0\0\0\x09" + RANDOM
    assert sealed == nonce + AESGCM(key).encrypt(nonce, DIGEST, b"\0\0\0\x05")
    assert len(sealed) == SEALED_BYTES
    assert DigestSeals(KEY, "l", "p").open(5, sealed) == DIGEST


@pytest.mark.parametrize(
    ("seals", "index"),
    [
        (DigestSeals(KEY, "l", "p"), 6),
        (DigestSeals(KEY, "l", "q"), 5),
        (DigestSeals(KEY, "k", "p"), 5),
        (DigestSeals(KEY, "lp", ""), 5),
        (DigestSeals(Secret(bytes(63) + b"1"), "l", "p"), 5),
    ],
)
def test_what_a_digest_is_bound_to(seals: DigestSeals, index: int) -> None:
    """Index, pack, lineage and data key."""
    sealed = DigestSeals(KEY, "l", "p").seal(5, 9, DIGEST, random=RANDOM)
    with pytest.raises(DigestNotOpenedError):
        seals.open(index, sealed)


@given(bit=st.integers(0, SEALED_BYTES * 8 - 1))
def test_an_altered_digest_does_not_open(bit: int) -> None:
    """Whichever bit it is, also of the slot."""
    seals = DigestSeals(KEY, "l", "p")
    altered = bytearray(seals.seal(5, 9, DIGEST, random=RANDOM))
    altered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DigestNotOpenedError):
        seals.open(5, bytes(altered))
