"""Unwrapping against another program's wrapping; whatever does not unwrap ends in one error."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.importer import KEY_WRAP_1, KEY_WRAP_256, OAEP_1, OAEP_256, WRAPPING_ALGORITHMS, wrap
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.crypto.wrap import unwrap
from selfkms.domain.kms.errors import InvalidCiphertextException
from selfkms.domain.kms.imported_material import WrappingAlgorithm
from selfkms.domain.secrets import SECRET_ACCESS

MATERIAL = bytes(range(32))
MODULUS_BYTES = 256


def refused(wrapping_key: RSAKeyPair, algorithm: str, encrypted: bytes) -> None:
    with pytest.raises(InvalidCiphertextException) as refusal:
        unwrap(wrapping_key, WrappingAlgorithm(algorithm), encrypted)
    assert refusal.value.message is None


@pytest.mark.parametrize("algorithm", WRAPPING_ALGORITHMS)
@pytest.mark.parametrize("length", [28, 32, 33, 128])
def test_what_was_wrapped_unwraps(rsa_2048: RSAKeyPair, algorithm: str, length: int) -> None:
    """Of any length that a random key has; key wrap pads what is no multiple of 8 bytes (RFC 5649)."""
    material = bytes(range(length))
    encrypted = wrap(rsa_2048.public_key(), algorithm, material)
    assert unwrap(rsa_2048, WrappingAlgorithm(algorithm), encrypted).open(SECRET_ACCESS) == material


@pytest.mark.parametrize("algorithm", [KEY_WRAP_1, KEY_WRAP_256])
def test_key_wrap_takes_what_oaep_cannot(rsa_2048: RSAKeyPair, algorithm: str) -> None:
    """Material longer than the modulus: an RSA private key."""
    encrypted = wrap(rsa_2048.public_key(), algorithm, bytes(2_400))
    assert len(unwrap(rsa_2048, WrappingAlgorithm(algorithm), encrypted)) == 2_400


@pytest.mark.parametrize("algorithm", WRAPPING_ALGORITHMS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_altered_byte_unwraps(rsa_2048: RSAKeyPair, algorithm: str, data: st.DataObject) -> None:
    """In either part: one error without a message."""
    encrypted = bytearray(wrap(rsa_2048.public_key(), algorithm, MATERIAL))
    encrypted[data.draw(st.integers(0, len(encrypted) - 1))] ^= data.draw(st.integers(1, 255))
    refused(rsa_2048, algorithm, bytes(encrypted))


@pytest.mark.parametrize("algorithm", WRAPPING_ALGORITHMS)
@pytest.mark.parametrize(
    "length", [0, 1, 8, MODULUS_BYTES - 1, MODULUS_BYTES + 1, MODULUS_BYTES + 8, MODULUS_BYTES + 39, 6_144]
)
def test_no_other_length_unwraps(rsa_2048: RSAKeyPair, algorithm: str, length: int) -> None:
    """Cut or extended, or nothing at all."""
    encrypted = wrap(rsa_2048.public_key(), algorithm, MATERIAL)
    refused(rsa_2048, algorithm, (encrypted + bytes(6_144))[:length])


@pytest.mark.parametrize(
    ("wrapped_with", "unwrapped_with"),
    [(OAEP_1, OAEP_256), (OAEP_256, OAEP_1), (KEY_WRAP_1, KEY_WRAP_256), (OAEP_256, KEY_WRAP_256)],
)
def test_another_algorithm_does_not_unwrap(rsa_2048: RSAKeyPair, wrapped_with: str, unwrapped_with: str) -> None:
    """What the token was issued for counts, not what fits."""
    refused(rsa_2048, unwrapped_with, wrap(rsa_2048.public_key(), wrapped_with, MATERIAL))


def test_a_shorter_aes_key_is_refused(rsa_2048: RSAKeyPair) -> None:
    """AWS asks for 256 bits; 128 would be the weakest link."""
    front = wrap(rsa_2048.public_key(), OAEP_256, bytes(16))
    refused(rsa_2048, KEY_WRAP_256, front + bytes(40))
