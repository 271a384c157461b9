"""The software key store: key material works here, and is unwrapped nowhere else.

Opening a blob, in this order (`docs/ciphertext-format.md`): 1. length; 2. header tag; 3. format and suite; 4. the
handle, which the caller resolves to key material that the principal may use; 5. the commitment; 6. GCM. All but
step 4 end in one error without a message.
"""

import hmac
from collections.abc import Mapping
from typing import Final

from selfkms.adapters.software_keys import signing
from selfkms.adapters.software_keys.asymmetric import PAIRS, new_key_pair
from selfkms.adapters.software_keys.installation_keys import RootInstallationKeys
from selfkms.adapters.software_keys.materials import Materials
from selfkms.adapters.software_keys.rsa_pool import RSAPool
from selfkms.crypto import hmacs
from selfkms.crypto.aead import RANDOM_BYTES, Binding, EnvelopeNotOpenedError
from selfkms.crypto.ecc import CurveKeyPair
from selfkms.crypto.foreign_keys import accept
from selfkms.crypto.labels import Envelope
from selfkms.crypto.mlkem import MLKEM512KeyPair, MLKEM512PublicKey, MLKEMKeyPair, MLKEMPublicKey
from selfkms.crypto.root_key import RootKey
from selfkms.crypto.rsa import RSAKeyPair, RSAPublicKey
from selfkms.crypto.wrap import unwrap
from selfkms.domain.kms.algorithms import EncryptionAlgorithm, MessageType, SigningAlgorithm
from selfkms.domain.kms.ciphertext import (
    FORMAT_1,
    HEADER_BYTES,
    HEADER_FIELDS_BYTES,
    OVERHEAD_BYTES,
    CiphertextBlob,
    Suite,
)
from selfkms.domain.kms.encryption_context import bind
from selfkms.domain.kms.errors import (
    IncorrectKeyMaterialException,
    InvalidCiphertextException,
    UnsupportedOperationException,
)
from selfkms.domain.kms.imported_material import MATERIAL_BYTES, WrappingAlgorithm, WrappingKey
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.secrets import Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import Database
from selfkms.ports.entropy import Entropy

_RANDOM_KEY_BYTES: Final = {KeySpec.SYMMETRIC_DEFAULT: 32, **hmacs.KEY_BYTES}
"""How long the material is where it is nothing but random bytes."""


class SoftwareKeyStore:
    """The port `KeyStore`, in this process. An instance belongs to the thread of its database.

    Every method that is given material raises CorruptRecordError if the material does not open (also if the public
    key of the record is not the one that it was wrapped with), and DatabaseUnavailableError if its domain key cannot
    be read.

    Args:
        root_key: from the seal. Not kept: only keys derived from it are.
        database: for the domain keys.
        clock: dates new records.
        entropy: handles, N, IV and all keys that are strings of random bytes come from it.
        cached_materials: how many unwrapped key materials are kept at most, and how many public keys.
        rsa_pool: of the process, shared by its threads; without one, RSA key pairs are made when they are asked for.
        allow_variable_time: whether ML_KEM_512 works (`docs/decisions/0006-ml-kem-512.md`).
    """

    def __init__(
        self,
        *,
        root_key: RootKey,
        database: Database,
        clock: Clock,
        entropy: Entropy,
        cached_materials: int,
        rsa_pool: RSAPool[RSAKeyPair] | None = None,
        allow_variable_time: bool = False,
    ) -> None:
        self._materials = Materials(root_key, database, clock, entropy, cached_materials)
        self._sealing = RootInstallationKeys(root_key, entropy)
        self._entropy = entropy
        self._rsa_pool = rsa_pool or RSAPool(RSAKeyPair.generate, ready_per_size=0)
        self._allow_variable_time = allow_variable_time

    def generate(self, *, account_id: str, region: str, key_id: str, key_spec: KeySpec) -> KeyMaterial:
        """New key material for a KMS key, wrapped by the newest domain key of its Region.

        Raises:
            UnsupportedOperationException: SM2; ML_KEM_512 where it is not allowed.
            CorruptRecordError: the domain key does not open.
            DatabaseUnavailableError: the domain key cannot be read or made.
        """
        self._check_supported("KeySpec", key_spec)
        public_key = b""
        if key_spec in _RANDOM_KEY_BYTES:
            secret = Secret(self._entropy.random_bytes(_RANDOM_KEY_BYTES[key_spec]))
        else:
            key_pair = new_key_pair(key_spec, self._entropy, self._rsa_pool)
            secret, public_key = key_pair.pkcs8(), key_pair.public_key()
        return self._materials.new(
            account_id=account_id,
            region=region,
            key_id=key_id,
            key_spec=key_spec,
            secret=secret,
            public_key=public_key,
        )

    def new_wrapping_key(
        self, *, account_id: str, region: str, key_id: str, key_spec: KeySpec, algorithm: WrappingAlgorithm
    ) -> tuple[bytes, WrappingKey]:
        """A key pair to import material for this KMS key with. The private key is sealed, and kept nowhere."""
        key_pair = self._rsa_pool.take(key_spec)
        bound_to = _wrapping_key_binding(account_id, region, key_id, key_spec, algorithm)
        sealed = self._sealing.seal(key_pair.pkcs8(), bound_to=bound_to)
        return key_pair.public_key(), WrappingKey(key_spec, algorithm, sealed)

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
        """Key material that somebody else made, wrapped by the newest domain key of its Region.

        Raises:
            InvalidCiphertextException: it does not unwrap.
            IncorrectKeyMaterialException: it is not of this key spec.
            CorruptRecordError: the wrapping key is one of another KMS key, or the domain key does not open.
            DatabaseUnavailableError: the domain key cannot be read or made.
        """
        bound_to = _wrapping_key_binding(account_id, region, key_id, wrapping_key.key_spec, wrapping_key.algorithm)
        private_key = RSAKeyPair.load(wrapping_key.key_spec, self._sealing.open(wrapping_key.sealed, bound_to=bound_to))
        secret, public_key = _checked(key_spec, unwrap(private_key, wrapping_key.algorithm, encrypted))
        return self._materials.new(
            account_id=account_id,
            region=region,
            key_id=key_id,
            key_spec=key_spec,
            secret=secret,
            public_key=public_key,
            handles=handles,
        )

    def replicate(self, material: KeyMaterial, *, region: str) -> KeyMaterial:
        """The same key material, wrapped by the newest domain key of another Region.

        Raises:
            CorruptRecordError: the material or the domain key does not open.
            DatabaseUnavailableError: the domain key cannot be read or made.
        """
        return self._materials.in_region(material, region)

    def identify(self, blob: bytes) -> str:
        """The handle of the key material that a blob names: steps 1 to 3.

        Raises:
            InvalidCiphertextException: too short, a header that this installation did not make, or another format.
        """
        parsed = CiphertextBlob.parse(blob)
        if not hmac.compare_digest(parsed.header_tag, self._materials.header_tag(blob)):
            raise InvalidCiphertextException
        # Only what bears our tag is read: an unknown format here is one of a later version, or of another key store.
        if parsed.format != FORMAT_1 or parsed.suite != Suite.SOFTWARE:
            raise InvalidCiphertextException
        return parsed.handle

    def encrypt(self, material: KeyMaterial, plaintext: Secret, encryption_context: Mapping[str, str]) -> bytes:
        """A ciphertext blob of format 1.

        Raises:
            ValidationException: the encryption context has no UTF-8 form.
        """
        warm = self._materials.symmetric(material)
        binding = _message_binding(warm.header, encryption_context)
        random = self._entropy.random_bytes(RANDOM_BYTES)
        return warm.header + warm.key.seal(plaintext, binding, random=random)

    def decrypt(self, material: KeyMaterial, blob: bytes, encryption_context: Mapping[str, str]) -> Secret:
        """The plaintext.

        Steps 2 and 3 are one comparison here: all blobs of a material begin with one and the same header, tag
        included.

        Raises:
            InvalidCiphertextException: other material, other encryption context, or altered.
            ValidationException: the encryption context has no UTF-8 form.
        """
        if len(blob) < OVERHEAD_BYTES:
            raise InvalidCiphertextException
        warm = self._materials.symmetric(material)
        if not hmac.compare_digest(blob[:HEADER_BYTES], warm.header):
            raise InvalidCiphertextException
        binding = _message_binding(warm.header, encryption_context)
        try:
            return warm.key.open(blob[HEADER_BYTES:], binding)
        except EnvelopeNotOpenedError:
            raise InvalidCiphertextException from None

    def encrypt_asymmetric(self, material: KeyMaterial, algorithm: EncryptionAlgorithm, plaintext: Secret) -> bytes:
        """RSAES-OAEP.

        Raises:
            ValidationException: longer than the modulus takes.
        """
        public_key = self._materials.public_key(material)
        assert isinstance(public_key, RSAPublicKey)
        return public_key.encrypt(algorithm, plaintext)

    def decrypt_asymmetric(self, material: KeyMaterial, algorithm: EncryptionAlgorithm, ciphertext: bytes) -> Secret:
        """The plaintext.

        Raises:
            InvalidCiphertextException: anything else than what was encrypted for this key with this algorithm.
        """
        key_pair = self._materials.key_pair(material)
        assert isinstance(key_pair, RSAKeyPair)
        return key_pair.decrypt(algorithm, ciphertext)

    def sign(
        self, material: KeyMaterial, algorithm: SigningAlgorithm, message: bytes, *, message_type: MessageType
    ) -> bytes:
        """A signature.

        Raises:
            ValidationException: the message type does not go with the algorithm, or the digest has not its length.
        """
        signing.check_message(material.key_spec, algorithm, message, message_type)
        return signing.sign(self._materials.key_pair(material), algorithm, message, message_type=message_type)

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
            ValidationException: as for `sign`.
        """
        signing.check_message(material.key_spec, algorithm, message, message_type)
        public_key = self._materials.public_key(material)
        signing.verify(public_key, algorithm, message, signature, message_type=message_type)

    def mac(self, material: KeyMaterial, message: bytes) -> bytes:
        """HMAC with the hash of the key spec."""
        return self._materials.hmac_key(material).tag(message)

    def agree(self, material: KeyMaterial, public_key: bytes) -> Secret:
        """The x coordinate of ECDH.

        Raises:
            ValidationException: not a public key on the curve of this material.
        """
        key_pair = self._materials.key_pair(material)
        assert isinstance(key_pair, CurveKeyPair)
        return key_pair.agree(public_key)

    def encapsulate(self, material: KeyMaterial) -> tuple[Secret, bytes]:
        """A shared secret of 32 bytes and its encapsulation.

        Raises:
            UnsupportedOperationException: ML_KEM_512 where it is not allowed.
        """
        self._check_supported("KeySpec", material.key_spec)
        public_key = self._materials.public_key(material)
        assert isinstance(public_key, MLKEMPublicKey | MLKEM512PublicKey)
        return public_key.encapsulate()

    def decapsulate(self, material: KeyMaterial, encapsulation: bytes) -> Secret:
        """The shared secret. A changed encapsulation of the right length gives another one.

        Raises:
            InvalidCiphertextException: of another length than this key spec has.
            UnsupportedOperationException: ML_KEM_512 where it is not allowed.
        """
        self._check_supported("KeySpec", material.key_spec)
        key_pair = self._materials.key_pair(material)
        assert isinstance(key_pair, MLKEMKeyPair | MLKEM512KeyPair)
        return key_pair.decapsulate(encapsulation)

    def generate_pair(self, key_pair_spec: KeySpec) -> tuple[Secret, bytes]:
        """A key pair for the caller, not kept: PKCS#8 (ML-KEM as a seed) and SubjectPublicKeyInfo, both in DER.

        Raises:
            UnsupportedOperationException: SM2; ML_KEM_512 where it is not allowed.
        """
        self._check_supported("KeyPairSpec", key_pair_spec)
        key_pair = new_key_pair(key_pair_spec, self._entropy, self._rsa_pool)
        return key_pair.pkcs8(), key_pair.public_key()

    def destroy(self, material: KeyMaterial) -> None:
        """Forget the unwrapped material. The wrapped one was its record, which is gone.

        What is out of reach: the same material unwrapped in another thread or process goes when it is pushed out
        there.
        """
        self._materials.forget(material)

    def renew_domain_key(self, region: str, *, older_than: float) -> bool:
        """Wrap new key material of a Region with a new domain key, if its newest was made before `older_than`.

        Raises:
            DatabaseUnavailableError: it cannot be written, or it is not known whether it was.
        """
        return self._materials.domain_keys.renew(region, older_than=older_than)

    def _check_supported(self, parameter: str, key_spec: KeySpec) -> None:
        if key_spec is KeySpec.ML_KEM_512 and not self._allow_variable_time:
            raise UnsupportedOperationException(
                f"{parameter} {key_spec} is not enabled here, because its implementation does not run in constant time."
            )
        if key_spec not in PAIRS and key_spec not in _RANDOM_KEY_BYTES:
            raise UnsupportedOperationException(f"{parameter} {key_spec} is not supported in this Region")


def _message_binding(header: bytes, encryption_context: Mapping[str, str]) -> Binding:
    """Format, suite and handle go into the derivation; all of the header and the context into the AAD."""
    return Binding(Envelope.MESSAGE, header[:HEADER_FIELDS_BYTES], header, bind(encryption_context))


def _wrapping_key_binding(
    account_id: str, region: str, key_id: str, key_spec: KeySpec, algorithm: WrappingAlgorithm
) -> tuple[str, ...]:
    """A wrapping key unwraps for the KMS key that it was made for, with the algorithm that was asked for."""
    return ("wrapping key", account_id, region, key_id, key_spec, algorithm)


def _checked(key_spec: KeySpec, secret: Secret) -> tuple[Secret, bytes]:
    """Imported material in the form that it is kept in, and its public key if it has one.

    Raises:
        IncorrectKeyMaterialException: not of this key spec.
    """
    if key_spec in MATERIAL_BYTES:
        if len(secret) not in MATERIAL_BYTES[key_spec]:
            raise IncorrectKeyMaterialException
        return secret, b""
    key_pair = accept(key_spec, secret)
    return key_pair.pkcs8(), key_pair.public_key()
