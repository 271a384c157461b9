"""Where key material lives and works. Material never crosses this port in the clear."""

from collections.abc import Mapping
from typing import Protocol

from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.secrets import Secret


class KeyStore(Protocol):
    """The software key store; later also a PKCS#11 HSM and an external key store."""

    def generate(self, *, account_id: str, region: str, key_id: str, key_spec: KeySpec) -> KeyMaterial:
        """New key material for a KMS key, wrapped. It counts once its record is committed."""

    def identify(self, blob: bytes) -> str:
        """The handle (32 hex digits) of the key material that a ciphertext blob names.

        Raises:
            InvalidCiphertextException: too short, not our format, or a header that this installation did not make.
        """

    def encrypt(self, material: KeyMaterial, plaintext: Secret, encryption_context: Mapping[str, str]) -> bytes:
        """A ciphertext blob of format 1, 110 bytes longer than the plaintext.

        Raises:
            KeyUnavailableException: the key store does not answer.
            CorruptRecordError: the wrapped material does not open.
        """

    def decrypt(self, material: KeyMaterial, blob: bytes, encryption_context: Mapping[str, str]) -> Secret:
        """The plaintext.

        Raises:
            InvalidCiphertextException: other material, other encryption context, or altered.
            KeyUnavailableException: the key store does not answer.
            CorruptRecordError: the wrapped material does not open.
        """

    def renew_domain_key(self, region: str, *, older_than: float) -> bool:
        """Wrap new material of a Region with a new domain key, if its newest was made before `older_than`.

        Seconds since the epoch. Material that exists stays as it is. Whether there is a new one.
        """

    def destroy(self, material: KeyMaterial) -> None:
        """Forget the material wherever the key store keeps any of it. Idempotent; called after its record is gone."""
