"""The domain keys: one chain of versions a Region. The newest wraps new key material, all of them unwrap."""

from typing import Final

from selfkms.adapters.software_keys.wrapping import domain_key_binding, name_of, unwrap, wrap
from selfkms.crypto.kdf import KEY_BYTES
from selfkms.crypto.labels import Purpose
from selfkms.crypto.root_key import RootKey
from selfkms.domain.installation import DomainKey
from selfkms.domain.records import Put
from selfkms.domain.secrets import Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError, CorruptRecordError, Database
from selfkms.ports.entropy import Entropy

_INSERTED: Final = 1
"""The row version of a domain key, which is inserted and never changed."""


class DomainKeys:
    """The domain keys of one installation, as one thread sees them.

    Unwrapped ones are kept: a few per Region, for as long as the process lives.
    """

    def __init__(self, root_key: RootKey, database: Database, clock: Clock, entropy: Entropy) -> None:
        self._wrapping_key = root_key.subkey(Purpose.DOMAIN_KEY_WRAPPING)
        self._database = database
        self._clock = clock
        self._entropy = entropy
        self._unwrapped: dict[tuple[str, int], Secret] = {}

    def newest(self, region: str) -> tuple[int, Secret]:
        """Version and domain key for new material. A Region's first one is made when it is first asked for.

        Raises:
            CorruptRecordError: the row does not open.
            DatabaseUnavailableError: it cannot be read, or the first one cannot be written.
        """
        records = self._database.domain_keys(region)
        if not records:
            records = self._add(region, version=1)
        newest = records[-1]
        return newest.version, self._key_of(newest)

    def of_version(self, region: str, version: int) -> Secret:
        """The domain key that wrapped some material.

        Raises:
            CorruptRecordError: there is no such version, or its row does not open.
            DatabaseUnavailableError: it cannot be read.
        """
        kept = self._unwrapped.get((region, version))
        if kept is not None:
            return kept
        for record in self._database.domain_keys(region):
            if record.version == version:
                return self._key_of(record)
        raise CorruptRecordError(f"{DomainKey.TABLE} {region}: no version {version}, which wraps key material")

    def renew(self, region: str, *, older_than: float) -> bool:
        """Add the next version if the newest was made before `older_than`; whether one was added.

        Material that exists stays wrapped as it is. Two that renew at the same time add one version.

        Raises:
            DatabaseUnavailableError: it cannot be written, or it is not known whether it was.
        """
        records = self._database.domain_keys(region)
        if not records or records[-1].created_at >= older_than:
            return False
        self._add(region, version=records[-1].version + 1)
        return True

    def _add(self, region: str, *, version: int) -> list[DomainKey]:
        """Insert a new domain key, or find the one that somebody else inserted first; all of the Region."""
        record = DomainKey(region=region, version=version, created_at=self._clock.now(), wrapped=b"")
        domain_key = Secret(self._entropy.random_bytes(KEY_BYTES))
        binding = domain_key_binding(record, row_version=_INSERTED)
        wrapped = wrap(self._wrapping_key, domain_key, binding, self._entropy)
        try:
            self._database.commit([Put(record.changed(wrapped=wrapped))])
        except ConflictError:
            # Somebody else made this version a moment ago. Theirs counts; ours has wrapped nothing yet.
            self._database.refresh()
        records = self._database.domain_keys(region)
        assert records, "a domain key that was inserted is never removed"
        return records

    def _key_of(self, record: DomainKey) -> Secret:
        place = (record.region, record.version)
        kept = self._unwrapped.get(place)
        if kept is not None:
            return kept
        binding = domain_key_binding(record, row_version=record.row_version)
        opened = unwrap(self._wrapping_key, record.wrapped, binding, what=name_of(record))
        self._unwrapped[place] = opened
        return opened
