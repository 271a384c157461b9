"""The committed envelope: AES-256-GCM under keys of its own for every message, with a commitment to the key.

    K_enc ‖ K_com = KDF(key, label, context ‖ N), 32 bytes each
    envelope      = N (16) ‖ K_com (32) ‖ IV (12) ‖ AES-256-GCM(K_enc, IV, plaintext, AAD) with its tag (16)
    AAD           = header ‖ N ‖ K_com ‖ IV ‖ associated data

GCM alone has two weaknesses for a key that lives for years. With random IVs, one key may encrypt 2^32 messages and
no more (NIST SP 800-38D, 8.3): here each message has its own K_enc. And GCM does not commit: whoever knows two keys
can make one ciphertext that opens under both, to two plaintexts. Here K_com stands in the envelope, which nobody
can make equal for two keys, and it is compared before GCM is asked.

The envelope is used for ciphertext blobs and for everything secret at rest, each with a label of its own.
"""

import hmac
from typing import Final, NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from selfkms.crypto.kdf import KEY_BYTES, DerivationKey
from selfkms.crypto.labels import Envelope
from selfkms.domain.secrets import SECRET_ACCESS, Secret

NONCE_BYTES: Final = 16
COMMITMENT_BYTES: Final = 32
IV_BYTES: Final = 12
GCM_TAG_BYTES: Final = 16
RANDOM_BYTES: Final = NONCE_BYTES + IV_BYTES
"""What a new envelope needs: N, then the IV."""
OVERHEAD_BYTES: Final = NONCE_BYTES + COMMITMENT_BYTES + IV_BYTES + GCM_TAG_BYTES

_IV_AT: Final = NONCE_BYTES + COMMITMENT_BYTES
_BODY_AT: Final = _IV_AT + IV_BYTES


class EnvelopeNotOpenedError(Exception):
    """Another key, another binding, or altered. One error without a message, so that no two causes differ."""


class Binding(NamedTuple):
    """What an envelope is bound to. It opens only with all four the same."""

    label: Envelope
    context: bytes
    """Goes into the key derivation in front of N. Of one length for each label."""
    header: bytes
    """What stands in front of the envelope. Of one length for each label, so that the AAD has one reading."""
    associated_data: bytes
    """What else must be the same and stands elsewhere."""


class EnvelopeKey:
    """A key that seals and opens envelopes, prepared once for many of them."""

    __slots__ = ("_key",)

    def __init__(self, key: Secret) -> None:
        """`key`: 32 bytes."""
        self._key = DerivationKey(key.open(SECRET_ACCESS))

    def seal(self, plaintext: Secret, binding: Binding, *, random: bytes) -> bytes:
        """The envelope.

        Args:
            plaintext: any length.
            binding: what it is bound to.
            random: 28 fresh random bytes: N, then the IV. Never used for two envelopes.
        """
        assert len(random) == RANDOM_BYTES
        nonce, iv = random[:NONCE_BYTES], random[NONCE_BYTES:]
        k_enc, k_com = self._message_keys(binding, nonce)
        front = nonce + k_com + iv
        aad = binding.header + front + binding.associated_data
        return front + AESGCM(k_enc).encrypt(iv, plaintext.open(SECRET_ACCESS), aad)

    def open(self, envelope: bytes, binding: Binding) -> Secret:
        """The plaintext. The commitment is compared first, in constant time, then GCM decides.

        Raises:
            EnvelopeNotOpenedError: another key or binding than it was sealed with, or altered, cut or extended.

        Source: NIST SP 800-38D, 7.2.
        """
        if len(envelope) < OVERHEAD_BYTES:
            raise EnvelopeNotOpenedError
        k_enc, k_com = self._message_keys(binding, envelope[:NONCE_BYTES])
        if not hmac.compare_digest(k_com, envelope[NONCE_BYTES:_IV_AT]):
            raise EnvelopeNotOpenedError
        aad = binding.header + envelope[:_BODY_AT] + binding.associated_data
        try:
            return Secret(AESGCM(k_enc).decrypt(envelope[_IV_AT:_BODY_AT], envelope[_BODY_AT:], aad))
        except InvalidTag:
            raise EnvelopeNotOpenedError from None

    def _message_keys(self, binding: Binding, nonce: bytes) -> tuple[bytes, bytes]:
        """K_enc and K_com of one message."""
        derived = self._key.derive(
            label=binding.label.encode(), context=binding.context + nonce, length=KEY_BYTES + COMMITMENT_BYTES
        )
        return derived[:KEY_BYTES], derived[KEY_BYTES:]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


def seal_committed(key: Secret, plaintext: Secret, binding: Binding, *, random: bytes) -> bytes:
    """The envelope of a key that is used once; see `EnvelopeKey.seal`."""
    return EnvelopeKey(key).seal(plaintext, binding, random=random)


def open_committed(key: Secret, envelope: bytes, binding: Binding) -> Secret:
    """The plaintext, by a key that is used once; see `EnvelopeKey.open`."""
    return EnvelopeKey(key).open(envelope, binding)
