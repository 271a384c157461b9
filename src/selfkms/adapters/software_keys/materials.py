"""Key material: made and wrapped, opened and loaded, and kept in memory within a bound.

Material is opened in two ways. For work with its secret it is unwrapped, loaded and kept. For work with its public key
alone (Verify, Encrypt, Encapsulate) it is opened once too, which proves that the public key in the record is the one
that it was wrapped with; then the public key is kept, and the private one neither loaded nor kept.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn

from selfkms.adapters.software_keys.asymmetric import KeyPair, PublicKey, load_key_pair, load_public_key
from selfkms.adapters.software_keys.cache import MaterialCache
from selfkms.adapters.software_keys.domain_keys import DomainKeys
from selfkms.adapters.software_keys.wrapping import domain_key_version, key_material_binding, name_of, unwrap, wrap
from selfkms.crypto.aead import EnvelopeKey
from selfkms.crypto.hmacs import HMACKey
from selfkms.crypto.labels import Purpose
from selfkms.crypto.mac import MACKey
from selfkms.crypto.root_key import RootKey
from selfkms.domain.kms.ciphertext import HANDLE_BYTES, HEADER_FIELDS_BYTES, Suite, pack_header_fields
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import Database
from selfkms.ports.entropy import Entropy

_NO_HANDLES: Final[Mapping[str, str]] = MappingProxyType({})

HMAC: Final = frozenset({KeySpec.HMAC_224, KeySpec.HMAC_256, KeySpec.HMAC_384, KeySpec.HMAC_512})


class SymmetricMaterial(NamedTuple):
    """Material of SYMMETRIC_DEFAULT as it is used: unwrapped, and with the header that its blobs begin with."""

    key: EnvelopeKey
    header: bytes
    """Bytes 0 to 33 of every blob that this material makes."""


class Materials:
    """The key material of one installation, as one thread sees it.

    Args:
        root_key: from the seal. Not kept: only keys derived from it are.
        database: for the domain keys.
        clock: dates new records.
        entropy: handles, and what the wrapping needs.
        capacity: how many materials are kept unwrapped at most, and how many public keys.
    """

    def __init__(self, root_key: RootKey, database: Database, clock: Clock, entropy: Entropy, capacity: int) -> None:
        self.domain_keys = DomainKeys(root_key, database, clock, entropy)
        self._header_key = MACKey(root_key.subkey(Purpose.HEADER))
        self._material_id_key = MACKey(root_key.subkey(Purpose.MATERIAL_ID))
        self._clock = clock
        self._entropy = entropy
        self._unwrapped: MaterialCache[SymmetricMaterial | HMACKey | KeyPair] = MaterialCache(capacity)
        self._public_keys: MaterialCache[PublicKey] = MaterialCache(capacity)

    def new(
        self,
        *,
        account_id: str,
        region: str,
        key_id: str,
        key_spec: KeySpec,
        secret: Secret,
        public_key: bytes,
        handles: Mapping[str, str] = _NO_HANDLES,
    ) -> KeyMaterial:
        """A record of this secret, wrapped by the newest domain key of its Region.

        Its handle is the one that `handles` has for its material ID, or a random one.

        Raises:
            CorruptRecordError: the domain key does not open.
            DatabaseUnavailableError: the domain key cannot be read or made.
        """
        material_id = self._material_id(key_id, secret)
        record = KeyMaterial(
            account_id=account_id,
            region=region,
            key_id=key_id,
            handle=handles.get(material_id) or self._entropy.random_bytes(HANDLE_BYTES).hex(),
            material_id=material_id,
            key_spec=key_spec,
            created_at=self._clock.now(),
            wrapped=b"",
            public_key=public_key,
        )
        return self._wrapped(record, secret)

    def in_region(self, record: KeyMaterial, region: str) -> KeyMaterial:
        """A record of the same material under the same names in another Region, wrapped by the domain key of that one.

        Raises:
            CorruptRecordError: the material or the domain key does not open.
            DatabaseUnavailableError: a domain key cannot be read or made.
        """
        secret = self._open(record)
        there = record.changed(row_version=0, region=region, created_at=self._clock.now(), wrapped=b"")
        return self._wrapped(there, secret)

    def header_tag(self, blob: bytes) -> bytes:
        """The tag that a blob with this beginning must bear: over bytes 0 to 17."""
        return self._header_key.short_tag(blob[:HEADER_FIELDS_BYTES])

    def symmetric(self, record: KeyMaterial) -> SymmetricMaterial:
        """Material of SYMMETRIC_DEFAULT.

        Raises:
            CorruptRecordError: the material does not open.
            DatabaseUnavailableError: its domain key cannot be read.
        """
        warm = self._warm(record)
        assert isinstance(warm, SymmetricMaterial)
        return warm

    def hmac_key(self, record: KeyMaterial) -> HMACKey:
        """Material of an HMAC key spec. Raises as `symmetric`."""
        warm = self._warm(record)
        assert isinstance(warm, HMACKey)
        return warm

    def key_pair(self, record: KeyMaterial) -> KeyPair:
        """Material of an asymmetric key spec. Raises as `symmetric`."""
        warm = self._warm(record)
        assert not isinstance(warm, SymmetricMaterial | HMACKey)
        return warm

    def public_key(self, record: KeyMaterial) -> PublicKey:
        """The public key of the record, proven to be the one of its private key. Raises as `symmetric`."""
        found = self._public_keys.get(record)
        if found is None:
            # The envelope opens only together with the public key that it was bound to.
            self._open(record)
            found = load_public_key(record.key_spec, record.public_key)
            self._public_keys.keep(record, found)
        return found

    def forget(self, record: KeyMaterial) -> None:
        """Keep nothing of this material."""
        self._unwrapped.forget(record)
        self._public_keys.forget(record)

    def __reduce__(self) -> NoReturn:
        raise TypeError("key material is not pickled")

    def _warm(self, record: KeyMaterial) -> SymmetricMaterial | HMACKey | KeyPair:
        """The material, ready to work, from the cache or from its record."""
        found = self._unwrapped.get(record)
        if found is None:
            found = self._load(record, self._open(record))
            self._unwrapped.keep(record, found)
        return found

    def _load(self, record: KeyMaterial, secret: Secret) -> SymmetricMaterial | HMACKey | KeyPair:
        if record.key_spec is KeySpec.SYMMETRIC_DEFAULT:
            fields = pack_header_fields(Suite.SOFTWARE, record.handle)
            return SymmetricMaterial(EnvelopeKey(secret), fields + self.header_tag(fields))
        if record.key_spec in HMAC:
            return HMACKey(record.key_spec, secret)
        return load_key_pair(record.key_spec, secret)

    def _wrapped(self, record: KeyMaterial, secret: Secret) -> KeyMaterial:
        """The record with its secret, wrapped by the newest domain key of its Region."""
        version, domain_key = self.domain_keys.newest(record.region)
        binding = key_material_binding(record, domain_key_version=version)
        return record.changed(wrapped=wrap(domain_key, secret, binding, self._entropy))

    def _open(self, record: KeyMaterial) -> Secret:
        what = name_of(record)
        version = domain_key_version(record.wrapped, what=what)
        binding = key_material_binding(record, domain_key_version=version)
        return unwrap(self.domain_keys.of_version(record.region, version), record.wrapped, binding, what=what)

    def _material_id(self, key_id: str, secret: Secret) -> str:
        """KeyMaterialId: 64 hex digits, equal for the same key ID and material, that tell nothing of either."""
        return self._material_id_key.tag(key_id.encode() + b"\0" + secret.open(SECRET_ACCESS)).hex()
