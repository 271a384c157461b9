"""Where key material lives and works. Material never crosses this port in the clear."""

from collections.abc import Mapping
from typing import Protocol

from selfkms.domain.kms.algorithms import EncryptionAlgorithm, MessageType, SigningAlgorithm
from selfkms.domain.kms.imported_material import WrappingAlgorithm, WrappingKey
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.secrets import Secret


class KeyStore(Protocol):
    """The software key store; later also a PKCS#11 HSM and an external key store."""

    def generate(self, *, account_id: str, region: str, key_id: str, key_spec: KeySpec) -> KeyMaterial:
        """New key material for a KMS key, wrapped. It counts once its record is committed."""

    def new_wrapping_key(
        self, *, account_id: str, region: str, key_id: str, key_spec: KeySpec, algorithm: WrappingAlgorithm
    ) -> tuple[bytes, WrappingKey]:
        """A key pair to import material with: SubjectPublicKeyInfo in DER, and the private key, sealed.

        Args:
            account_id: of the KMS key, as are `region` and `key_id`.
            region: see there.
            key_id: see there.
            key_spec: of the key pair: RSA_2048, RSA_3072 or RSA_4096.
            algorithm: the only one that it will unwrap with.
        """

    def import_material(
        self,
        *,
        account_id: str,
        region: str,
        key_id: str,
        key_spec: KeySpec,
        wrapping_key: WrappingKey,
        encrypted: bytes,
        handles: Mapping[str, str],
    ) -> KeyMaterial:
        """Key material that somebody else made, as a record to insert.

        Args:
            account_id: of the KMS key, as are `region`, `key_id` and `key_spec`.
            region: see there.
            key_id: see there.
            key_spec: what kind the material must be of.
            wrapping_key: as `new_wrapping_key` gave it for this KMS key.
            encrypted: the material, wrapped for it.
            handles: of the materials that the KMS key has or had, by their material IDs: the same material gets the
                same handle again, so that old ciphertext opens.

        Raises:
            InvalidCiphertextException: it does not unwrap; one error for all causes.
            IncorrectKeyMaterialException: it unwraps, and is not of this kind, or of another length.
            CorruptRecordError: the wrapping key is one of another KMS key.
        """

    def replicate(self, material: KeyMaterial, *, region: str) -> KeyMaterial:
        """The same key material in another Region, as a record to insert: handle and material ID stay.

        Raises:
            KeyUnavailableException: the key store does not answer.
            CorruptRecordError: the wrapped material does not open.
        """

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

    def encrypt_asymmetric(self, material: KeyMaterial, algorithm: EncryptionAlgorithm, plaintext: Secret) -> bytes:
        """RSAES-OAEP with the hash of the algorithm, also for MGF1, and an empty label: as any program makes it.

        Raises:
            ValidationException: longer than the modulus takes.
        """

    def decrypt_asymmetric(self, material: KeyMaterial, algorithm: EncryptionAlgorithm, ciphertext: bytes) -> Secret:
        """The plaintext.

        Raises:
            InvalidCiphertextException: anything else than what was encrypted for this key; one error for all of it.
        """

    def sign(
        self, material: KeyMaterial, algorithm: SigningAlgorithm, message: bytes, *, message_type: MessageType
    ) -> bytes:
        """A signature: of the message (RAW), of its digest (DIGEST), or of its 64-byte mu (EXTERNAL_MU, ML-DSA)."""

    def verify(
        self,
        material: KeyMaterial,
        algorithm: SigningAlgorithm,
        message: bytes,
        signature: bytes,
        *,
        message_type: MessageType,
    ) -> None:
        """Return if the signature is one of this key's for this message.

        Raises:
            KMSInvalidSignatureException: it is not.
        """

    def mac(self, material: KeyMaterial, message: bytes) -> bytes:
        """HMAC with the hash of the key spec (RFC 2104)."""

    def agree(self, material: KeyMaterial, public_key: bytes) -> Secret:
        """The raw shared secret: the x coordinate of ECDH (NIST SP 800-56A, 5.7.1.2).

        Args:
            material: of a NIST curve.
            public_key: of the other side, SubjectPublicKeyInfo in DER.

        Raises:
            ValidationException: not a public key on the curve of this material.
        """

    def encapsulate(self, material: KeyMaterial) -> tuple[Secret, bytes]:
        """A shared secret and its encapsulation (FIPS 203, 6.2)."""

    def decapsulate(self, material: KeyMaterial, encapsulation: bytes) -> Secret:
        """The shared secret. A changed encapsulation of the right length gives another secret (FIPS 203, 6.3).

        Raises:
            InvalidCiphertextException: of another length than this key spec has.
        """

    def generate_pair(self, key_pair_spec: KeySpec) -> tuple[Secret, bytes]:
        """A key pair for the caller, not kept: PKCS#8 and SubjectPublicKeyInfo, both in DER."""

    def renew_domain_key(self, region: str, *, older_than: float) -> bool:
        """Wrap new material of a Region with a new domain key, if its newest was made before `older_than`.

        Seconds since the epoch. Material that exists stays as it is. Whether there is a new one.
        """

    def destroy(self, material: KeyMaterial) -> None:
        """Forget the material wherever the key store keeps any of it. Idempotent; called after its record is gone."""
