"""Blocks of volumes: AES-256-XTS for the data, and beside it, sealed, the digest that makes it authentic.

XTS hides what a block says and nothing more: who changes ciphertext changes plaintext, and nobody notices. So each
block has the SHA-256 of its plaintext, sealed with AES-256-GCM under a key derived from the data key:

    sealed digest = slot (4) ‖ random (8) ‖ AES-256-GCM(K, slot ‖ random, digest, AAD = block index (4)), tag included
    K             = KDF(data key, "selfkms/v1/block-digest", frame(lineage, pack))

A block that decrypts to what its digest says is the one that was written, for this index. In the clear the digests
would say which blocks are equal, and let known ones be recognised.

Source: IEEE 1619-2018, 5.3 (XTS-AES-256, a data unit a block, its number as tweak, little endian); NIST SP 800-38E (at
most 2^20 AES blocks in a data unit; here 32,768); NIST SP 800-38D, 8.2.1.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import XTS

from selfkms.crypto.framing import frame
from selfkms.crypto.kdf import KEY_BYTES, XTS_KEY_BYTES, derive
from selfkms.crypto.labels import OfDataKey
from selfkms.domain.ebs.blocks import CHECKSUM_BYTES
from selfkms.domain.secrets import SECRET_ACCESS, Secret

RANDOM_BYTES: Final = 8
"""What a new seal needs."""
NUMBER_BYTES: Final = 4
NONCE_BYTES: Final = NUMBER_BYTES + RANDOM_BYTES
SEALED_BYTES: Final = NONCE_BYTES + CHECKSUM_BYTES + 16

_TWEAK_BYTES: Final = 16


class DigestNotOpenedError(Exception):
    """Another key, lineage, pack, slot or block index, or altered. One error without a message."""


class BlockCipher:
    """Encrypts and decrypts blocks under one data key. Several threads may use it at once."""

    __slots__ = ("_algorithm",)

    def __init__(self, data_key: Secret) -> None:
        """Prepare; the key has 64 bytes. Both of its halves must differ (FIPS 140-3 IG, C.I), as random ones do."""
        assert len(data_key) == XTS_KEY_BYTES
        self._algorithm = AES(data_key.open(SECRET_ACCESS))

    def encrypt(self, block_index: int, plaintext: bytes | bytearray, into: bytearray) -> None:
        """Write the ciphertext, as long as the plaintext, into a buffer that is as long; it may be the same one."""
        Cipher(self._algorithm, _tweak(block_index)).encryptor().update_into(plaintext, into)

    def decrypt(self, block_index: int, ciphertext: bytes | bytearray, into: bytearray) -> None:
        """Write the plaintext, as `encrypt`. Whether it is what was encrypted is not known yet."""
        Cipher(self._algorithm, _tweak(block_index)).decryptor().update_into(ciphertext, into)


class DigestSeals:
    """Seals and opens the digests of one pack. Several threads may use it at once."""

    __slots__ = ("_gcm",)

    def __init__(self, data_key: Secret, lineage: str, pack: str) -> None:
        assert len(data_key) == XTS_KEY_BYTES
        key = derive(
            data_key.open(SECRET_ACCESS),
            label=OfDataKey.BLOCK_DIGEST.encode(),
            context=frame(lineage, pack),
            length=KEY_BYTES,
        )
        self._gcm = AESGCM(key)

    def seal(self, block_index: int, slot: int, digest: bytes, *, random: bytes) -> bytes:
        """The sealed digest, 60 bytes, of which the first four are the slot.

        Args:
            block_index: which block.
            slot: where its ciphertext stands in the pack. It makes the nonce unique: each slot is written once. The
                random part is for a pack put back from a copy, in which slots are given out again.
            digest: SHA-256 of the plaintext.
            random: 8 fresh random bytes.
        """
        assert (len(digest), len(random)) == (CHECKSUM_BYTES, RANDOM_BYTES)
        nonce = slot.to_bytes(NUMBER_BYTES) + random
        return nonce + self._gcm.encrypt(nonce, digest, block_index.to_bytes(NUMBER_BYTES))

    def open(self, block_index: int, sealed: bytes) -> bytes:
        """The digest.

        Raises:
            DigestNotOpenedError: not one of this index in this pack, or altered.
        """
        assert len(sealed) == SEALED_BYTES
        try:
            return self._gcm.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], block_index.to_bytes(NUMBER_BYTES))
        except InvalidTag:
            raise DigestNotOpenedError from None


def _tweak(block_index: int) -> XTS:
    return XTS(block_index.to_bytes(_TWEAK_BYTES, "little"))
