"""The committed envelope."""

from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from selfkms.crypto import aead
from selfkms.crypto.aead import Binding, EnvelopeNotOpenedError, open_committed, seal_committed
from selfkms.crypto.kdf import derive
from selfkms.crypto.labels import Envelope
from selfkms.domain.kms.ciphertext import HEADER_BYTES, OVERHEAD_BYTES
from selfkms.domain.secrets import SECRET_ACCESS, Secret

KEY: Final = Secret(bytes(range(32)))
RANDOM: Final = bytes(range(100, 128))
BINDING: Final = Binding(Envelope.SMALL_SECRET, b"context", b"header", b"associated data")


def sealed(plaintext: bytes = b"plaintext") -> bytes:
    """An envelope under `KEY`, bound to `BINDING`."""
    return seal_committed(KEY, Secret(plaintext), BINDING, random=RANDOM)


@given(st.binary(min_size=32, max_size=32), st.binary(), st.binary(min_size=28, max_size=28), st.binary())
def test_what_was_sealed_opens(key: bytes, plaintext: bytes, random: bytes, data: bytes) -> None:
    """Opening undoes sealing, whatever key, plaintext, randomness and associated data."""
    binding = BINDING._replace(associated_data=data)
    envelope = seal_committed(Secret(key), Secret(plaintext), binding, random=random)
    assert len(envelope) == len(plaintext) + aead.OVERHEAD_BYTES
    assert open_committed(Secret(key), envelope, binding).open(SECRET_ACCESS) == plaintext


def test_the_envelope_to_the_byte() -> None:
    """N, commitment, IV, then AES-256-GCM with header, front and associated data authenticated."""
    keys = derive(bytes(range(32)), label=b"selfkms/v1/small-secret", context=b"context" + RANDOM[:16], length=64)
    front = RANDOM[:16] + keys[32:] + RANDOM[16:]
    body = AESGCM(keys[:32]).encrypt(RANDOM[16:], b"plaintext", b"header" + front + b"associated data")
    assert sealed() == front + body


def test_a_blob_is_a_header_and_an_envelope() -> None:
    """110 = 34 + 76: the two tables of sizes agree."""
    assert HEADER_BYTES + aead.OVERHEAD_BYTES == OVERHEAD_BYTES


def test_no_altered_envelope_opens() -> None:
    """Each bit of each byte counts."""
    envelope = sealed()
    for offset in range(len(envelope)):
        for bit in range(8):
            altered = bytearray(envelope)
            altered[offset] ^= 1 << bit
            with pytest.raises(EnvelopeNotOpenedError):
                open_committed(KEY, bytes(altered), BINDING)


def test_no_cut_or_extended_envelope_opens() -> None:
    """Every length but the right one is refused."""
    envelope = sealed()
    for cut in [*(envelope[:length] for length in range(len(envelope))), envelope + b"\0", b"\0" + envelope]:
        with pytest.raises(EnvelopeNotOpenedError):
            open_committed(KEY, cut, BINDING)


@pytest.mark.parametrize(
    "binding",
    [
        BINDING._replace(label=Envelope.ROOT_KEY),
        BINDING._replace(context=b"contexT"),
        BINDING._replace(header=b"headeR"),
        BINDING._replace(associated_data=b"associated datA"),
        BINDING._replace(associated_data=b""),
    ],
)
def test_another_binding_does_not_open(binding: Binding) -> None:
    """Label, context, header and associated data all count."""
    with pytest.raises(EnvelopeNotOpenedError):
        open_committed(KEY, sealed(), binding)


def test_another_key_does_not_open() -> None:
    """And the error says nothing."""
    with pytest.raises(EnvelopeNotOpenedError) as refusal:
        open_committed(Secret(bytes(32)), sealed(), BINDING)
    assert refusal.value.args == ()


def test_the_commitment_is_checked_although_gcm_would_open() -> None:
    """An envelope whose GCM tag is right and whose commitment is not is refused."""
    keys = derive(bytes(range(32)), label=b"selfkms/v1/small-secret", context=b"context" + RANDOM[:16], length=64)
    front = RANDOM[:16] + bytes(32) + RANDOM[16:]
    aad = b"header" + front + b"associated data"
    body = AESGCM(keys[:32]).encrypt(RANDOM[16:], b"plaintext", aad)
    assert AESGCM(keys[:32]).decrypt(RANDOM[16:], body, aad) == b"plaintext"
    with pytest.raises(EnvelopeNotOpenedError):
        open_committed(KEY, front + body, BINDING)


def test_other_randomness_gives_another_key() -> None:
    """N goes into the derivation: two envelopes of one plaintext have nothing in common."""
    other = seal_committed(KEY, Secret(b"plaintext"), BINDING, random=bytes(28))
    assert other[16:48] != sealed()[16:48]
    assert other[60:] != sealed()[60:]


@pytest.mark.parametrize("count", [0, 27, 29])
def test_randomness_of_another_length_is_a_mistake_of_ours(count: int) -> None:
    """28 bytes: N, then the IV."""
    with pytest.raises(AssertionError):
        seal_committed(KEY, Secret(b""), BINDING, random=bytes(count))
