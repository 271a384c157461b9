"""The software key store: AES-256 key material that is unwrapped here and nowhere else.

Opening a blob, in this order (`docs/ciphertext-format.md`): 1. length; 2. header tag; 3. format and suite; 4. the
handle, which the caller resolves to key material that the principal may use; 5. the commitment; 6. GCM. All but
step 4 end in one error without a message.
"""

import hmac
from collections.abc import Mapping
from typing import Final

from selfkms.adapters.software_keys.cache import MaterialCache, WarmMaterial
from selfkms.adapters.software_keys.domain_keys import DomainKeys
from selfkms.adapters.software_keys.wrapping import domain_key_version, key_material_binding, name_of, unwrap, wrap
from selfkms.crypto.aead import RANDOM_BYTES, Binding, EnvelopeNotOpenedError, open_committed, seal_committed
from selfkms.crypto.labels import Envelope, Purpose
from selfkms.crypto.mac import MACKey
from selfkms.crypto.root_key import RootKey
from selfkms.domain.kms.ciphertext import (
    FORMAT_1,
    HANDLE_BYTES,
    HEADER_BYTES,
    HEADER_FIELDS_BYTES,
    OVERHEAD_BYTES,
    CiphertextBlob,
    Suite,
    pack_header_fields,
)
from selfkms.domain.kms.encryption_context import bind
from selfkms.domain.kms.errors import InvalidCiphertextException, UnsupportedOperationException
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import Database
from selfkms.ports.entropy import Entropy

_AES_256_BYTES: Final = 32


class SoftwareKeyStore:
    """The port `KeyStore`, in this process. An instance belongs to the thread of its database.

    Args:
        root_key: from the seal. Not kept: only keys derived from it are.
        database: for the domain keys.
        clock: dates new records.
        entropy: all new keys, handles, N and IV come from it.
        cached_materials: how many unwrapped key materials are kept at most.
    """

    def __init__(
        self,
        *,
        root_key: RootKey,
        database: Database,
        clock: Clock,
        entropy: Entropy,
        cached_materials: int,
    ) -> None:
        self._header_key = MACKey(root_key.subkey(Purpose.HEADER))
        self._material_id_key = MACKey(root_key.subkey(Purpose.MATERIAL_ID))
        self._domain_keys = DomainKeys(root_key, database, clock, entropy)
        self._clock = clock
        self._entropy = entropy
        self._cache = MaterialCache(cached_materials)

    def generate(self, *, account_id: str, region: str, key_id: str, key_spec: KeySpec) -> KeyMaterial:
        """New key material for a KMS key, wrapped by the newest domain key of its Region.

        Raises:
            UnsupportedOperationException: a key spec that this key store has no material for.
            CorruptRecordError: the domain key does not open.
            DatabaseUnavailableError: the domain key cannot be read or made.
        """
        if key_spec is not KeySpec.SYMMETRIC_DEFAULT:
            raise UnsupportedOperationException(f"KeySpec {key_spec} is not supported.")
        secret = Secret(self._entropy.random_bytes(_AES_256_BYTES))
        record = KeyMaterial(
            account_id=account_id,
            region=region,
            key_id=key_id,
            handle=self._entropy.random_bytes(HANDLE_BYTES).hex(),
            material_id=self._material_id(key_id, secret),
            key_spec=key_spec,
            created_at=self._clock.now(),
            wrapped=b"",
        )
        version, domain_key = self._domain_keys.newest(region)
        binding = key_material_binding(record, domain_key_version=version)
        return record.changed(wrapped=wrap(domain_key, secret, binding, self._entropy))

    def identify(self, blob: bytes) -> str:
        """The handle of the key material that a blob names: steps 1 to 3.

        Raises:
            InvalidCiphertextException: too short, a header that this installation did not make, or another format.
        """
        parsed = CiphertextBlob.parse(blob)
        if not hmac.compare_digest(parsed.header_tag, self._header_key.short_tag(blob[:HEADER_FIELDS_BYTES])):
            raise InvalidCiphertextException
        # Only what bears our tag is read: an unknown format here is one of a later version, or of another key store.
        if parsed.format != FORMAT_1 or parsed.suite != Suite.SOFTWARE:
            raise InvalidCiphertextException
        return parsed.handle

    def encrypt(self, material: KeyMaterial, plaintext: Secret, encryption_context: Mapping[str, str]) -> bytes:
        """A ciphertext blob of format 1.

        Raises:
            ValidationException: the encryption context has no UTF-8 form.
            CorruptRecordError: the material does not open.
            DatabaseUnavailableError: its domain key cannot be read.
        """
        warm = self._warm(material)
        binding = _message_binding(warm.header, encryption_context)
        random = self._entropy.random_bytes(RANDOM_BYTES)
        return warm.header + seal_committed(warm.secret, plaintext, binding, random=random)

    def decrypt(self, material: KeyMaterial, blob: bytes, encryption_context: Mapping[str, str]) -> Secret:
        """The plaintext.

        Steps 2 and 3 are one comparison here: all blobs of a material begin with one and the same header, tag
        included.

        Raises:
            InvalidCiphertextException: other material, other encryption context, or altered.
            ValidationException: the encryption context has no UTF-8 form.
            CorruptRecordError: the material does not open.
            DatabaseUnavailableError: its domain key cannot be read.
        """
        if len(blob) < OVERHEAD_BYTES:
            raise InvalidCiphertextException
        warm = self._warm(material)
        if not hmac.compare_digest(blob[:HEADER_BYTES], warm.header):
            raise InvalidCiphertextException
        binding = _message_binding(warm.header, encryption_context)
        try:
            return open_committed(warm.secret, blob[HEADER_BYTES:], binding)
        except EnvelopeNotOpenedError:
            raise InvalidCiphertextException from None

    def destroy(self, material: KeyMaterial) -> None:
        """Forget the unwrapped material. The wrapped one was its record, which is gone.

        What is out of reach: the same material unwrapped in another thread or process goes when it is pushed out
        there.
        """
        self._cache.forget(material)

    def renew_domain_key(self, region: str, *, older_than: float) -> bool:
        """Wrap new key material of a Region with a new domain key, if its newest was made before `older_than`.

        Raises:
            DatabaseUnavailableError: it cannot be written, or it is not known whether it was.
        """
        return self._domain_keys.renew(region, older_than=older_than)

    def _warm(self, material: KeyMaterial) -> WarmMaterial:
        """The material, unwrapped, from the cache or from its record."""
        found = self._cache.get(material)
        if found is not None:
            return found
        what = name_of(material)
        version = domain_key_version(material.wrapped, what=what)
        binding = key_material_binding(material, domain_key_version=version)
        domain_key = self._domain_keys.of_version(material.region, version)
        secret = unwrap(domain_key, material.wrapped, binding, what=what)
        fields = pack_header_fields(Suite.SOFTWARE, material.handle)
        warm = WarmMaterial(material, secret, fields + self._header_key.short_tag(fields))
        self._cache.keep(warm)
        return warm

    def _material_id(self, key_id: str, secret: Secret) -> str:
        """KeyMaterialId: 64 hex digits, equal for the same key ID and material, that tell nothing of either."""
        return self._material_id_key.tag(key_id.encode() + b"\0" + secret.open(SECRET_ACCESS)).hex()


def _message_binding(header: bytes, encryption_context: Mapping[str, str]) -> Binding:
    """Format, suite and handle go into the derivation; all of the header and the context into the AAD."""
    return Binding(Envelope.MESSAGE, header[:HEADER_FIELDS_BYTES], header, bind(encryption_context))
