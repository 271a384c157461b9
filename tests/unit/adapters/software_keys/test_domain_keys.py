"""The domain keys of a Region."""

from collections.abc import Callable, Sequence

import pytest

from selfkms.adapters.memory.database import MemoryDatabase, MemoryRecords
from selfkms.adapters.software_keys.domain_keys import DomainKeys
from selfkms.crypto.root_key import RootKey
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.installation import DomainKey
from selfkms.domain.records import Change
from selfkms.ports.clock import Clock
from selfkms.ports.database import CorruptRecordError, Database, DatabaseUnavailableError
from selfkms.ports.entropy import Entropy

REGION = "eu-central-1"


class TooLate(MemoryDatabase):
    """Somebody else is always a moment faster: what is there shows only after a refresh."""

    seen = False

    def refresh(self) -> None:
        self.seen = True

    def domain_keys(self, region: str) -> list[DomainKey]:
        return super().domain_keys(region) if self.seen else []


class Tampered(MemoryDatabase):
    """Its rows were changed behind our back."""

    def __init__(self, records: MemoryRecords, change: Callable[[DomainKey], DomainKey]) -> None:
        super().__init__(records)
        self._change = change

    def domain_keys(self, region: str) -> list[DomainKey]:
        return [self._change(row) for row in super().domain_keys(region)]


class Unavailable(MemoryDatabase):
    """It cannot be written."""

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        raise DatabaseUnavailableError(f"{len(changes)} changes and {len(audit)} audit records not written")


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def new_keys(root_key: RootKey, clock: Clock, entropy: Entropy) -> Callable[[Database], DomainKeys]:
    """Domain keys of another thread or process."""

    def make(database: Database) -> DomainKeys:
        return DomainKeys(root_key, database, clock, entropy)

    return make


NewKeys = Callable[[Database], DomainKeys]


def test_the_first_need_makes_version_one(new_keys: NewKeys, database: MemoryDatabase) -> None:
    """A Region has one domain key after two were asked for, and both are the same."""
    keys = new_keys(database)
    version, domain_key = keys.newest(REGION)
    assert version == 1
    assert keys.newest(REGION)[1].equals(domain_key)
    assert keys.of_version(REGION, 1).equals(domain_key)
    assert [row.version for row in database.domain_keys(REGION)] == [1]
    assert database.domain_keys(REGION)[0].created_at == 1_700_000_000.0


def test_regions_have_keys_of_their_own(new_keys: NewKeys, database: MemoryDatabase) -> None:
    """Another Region, another domain key."""
    keys = new_keys(database)
    assert not keys.newest(REGION)[1].equals(keys.newest("us-east-1")[1])


def test_whoever_is_late_takes_the_first_one(new_keys: NewKeys, database: MemoryDatabase) -> None:
    """If somebody else made the Region's domain key meanwhile, theirs counts."""
    _, theirs = new_keys(database).newest(REGION)
    version, ours = new_keys(TooLate(database.records)).newest(REGION)
    assert version == 1
    assert ours.equals(theirs)
    assert len(database.domain_keys(REGION)) == 1


def test_renewal_adds_a_version_and_keeps_the_old(new_keys: NewKeys, database: MemoryDatabase) -> None:
    """The newest wraps; a new process still opens all of them."""
    keys = new_keys(database)
    _, first = keys.newest(REGION)
    assert keys.renew(REGION, older_than=1_700_000_001.0)
    version, second = keys.newest(REGION)
    assert version == 2
    assert not second.equals(first)
    afresh = new_keys(database)
    assert afresh.of_version(REGION, 1).equals(first)
    assert afresh.of_version(REGION, 2).equals(second)


def test_what_is_young_is_not_renewed(new_keys: NewKeys, database: MemoryDatabase) -> None:
    """A domain key made at the moment asked about, or later, goes on wrapping; a Region without one gets none."""
    keys = new_keys(database)
    assert not keys.renew(REGION, older_than=1_800_000_000.0)
    assert database.domain_keys(REGION) == []
    keys.newest(REGION)
    assert not keys.renew(REGION, older_than=1_700_000_000.0)
    assert keys.newest(REGION)[0] == 1


def test_two_renewals_at_once_add_one_version(new_keys: NewKeys, database: MemoryDatabase) -> None:
    """The late one finds what the first one did."""
    new_keys(database).newest(REGION)
    late = new_keys(TooLate(database.records))
    assert new_keys(database).renew(REGION, older_than=1_700_000_001.0)
    assert late.newest(REGION)[0] == 2
    assert len(database.domain_keys(REGION)) == 2


def test_a_missing_version_is_a_failure(new_keys: NewKeys, database: MemoryDatabase) -> None:
    """Material that names a domain key which is not there cannot be right."""
    new_keys(database).newest(REGION)
    with pytest.raises(CorruptRecordError, match=f"domain_keys {REGION}: no version 7"):
        new_keys(database).of_version(REGION, 7)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.changed(wrapped=row.wrapped[:-1]),
        lambda row: row.changed(wrapped=bytes([row.wrapped[0] ^ 1]) + row.wrapped[1:]),
        lambda row: row.changed(wrapped=row.wrapped[:50] + bytes([row.wrapped[50] ^ 1]) + row.wrapped[51:]),
        lambda row: row.changed(wrapped=b""),
        lambda row: row.changed(region="us-east-1"),
        lambda row: row.changed(version=2),
        lambda row: row.changed(row_version=2),
    ],
    ids=["cut", "format", "commitment", "empty", "Region", "version", "row version"],
)
def test_a_row_that_is_not_ours_does_not_open(
    new_keys: NewKeys, database: MemoryDatabase, change: Callable[[DomainKey], DomainKey]
) -> None:
    """Altered, or moved to another Region, version or row version: a failure that names the row."""
    new_keys(database).newest(REGION)
    with pytest.raises(CorruptRecordError, match="domain_keys"):
        new_keys(Tampered(database.records, change)).newest(REGION)


def test_a_database_that_is_away_is_not_hidden(new_keys: NewKeys, database: MemoryDatabase) -> None:
    """No domain key is used that may not have been written."""
    with pytest.raises(DatabaseUnavailableError):
        new_keys(Unavailable(database.records)).newest(REGION)
