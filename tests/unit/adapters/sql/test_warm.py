"""What is kept, what is forgotten, and what is never kept."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.adapters.sql.changes import Touched
from selfkms.adapters.sql.warm import Kept, WarmDatabase
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import AccessKey, Account, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeyMaterial, KeySpec, KMSKey
from selfkms.domain.records import Change, Put, Record
from selfkms.ports.database import Database, DatabaseUnavailableError

A = "111122223333"
REGION = "eu-central-1"
HANDLE = "0f" * 16


class CountingDatabase(MemoryDatabase):
    """Counts the reads of records, and answers changes as if the connection broke when told so."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()
        self.breaks_after_commit = False
        self.closed = False

    def domain_keys(self, region: str) -> list[DomainKey]:
        self.reads["domain_keys"] += 1
        return super().domain_keys(region)

    def account(self, account_id: str) -> Account | None:
        self.reads["account"] += 1
        return super().account(account_id)

    def user(self, account_id: str, user_name: str) -> User | None:
        self.reads["user"] += 1
        return super().user(account_id, user_name)

    def access_key(self, access_key_id: str) -> AccessKey | None:
        self.reads["access_key"] += 1
        return super().access_key(access_key_id)

    def key(self, account_id: str, region: str, key_id: str) -> KMSKey | None:
        self.reads["key"] += 1
        return super().key(account_id, region, key_id)

    def material(self, account_id: str, region: str, key_id: str, handle: str) -> KeyMaterial | None:
        self.reads["material"] += 1
        return super().material(account_id, region, key_id, handle)

    def key_of_material(self, region: str, handle: str) -> KMSKey | None:
        self.reads["key_of_material"] += 1
        return super().key_of_material(region, handle)

    def alias(self, account_id: str, region: str, alias_name: str) -> Alias | None:
        self.reads["alias"] += 1
        return super().alias(account_id, region, alias_name)

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        super().commit(changes, audit)
        if self.breaks_after_commit:
            raise DatabaseUnavailableError

    def close(self) -> None:
        self.closed = True


class ToldFreshness:
    """Tells what the test told it, once."""

    def __init__(self) -> None:
        self.next: Sequence[Touched] | None = ()
        self.closed = False

    def touched(self) -> Sequence[Touched] | None:
        told, self.next = self.next, ()
        return told

    def close(self) -> None:
        self.closed = True


KEY = KMSKey(account_id=A, region=REGION, key_id="key-1", created_at=1.0, state=KeyState.ENABLED, policy="{}")
MATERIAL = KeyMaterial(
    account_id=A,
    region=REGION,
    key_id="key-1",
    handle=HANDLE,
    material_id="ab" * 32,
    key_spec=KeySpec.SYMMETRIC_DEFAULT,
    created_at=1.0,
    wrapped=b"w",
)
ALIAS = Alias(account_id=A, region=REGION, alias_name="alias/a", target_key_id="key-1", created_at=1.0, updated_at=1.0)
RECORDS: tuple[Record, ...] = (
    Account(account_id=A, created_at=1.0),
    User(account_id=A, user_name="admin", user_id="AIDA17", created_at=1.0),
    AccessKey(access_key_id="AKIA1", account_id=A, user_name=None, sealed_secret=b"s", created_at=1.0),
    DomainKey(region=REGION, version=1, created_at=1.0, wrapped=b"w"),
    KEY,
    MATERIAL,
    ALIAS,
)

READS: dict[str, Callable[[Database], object]] = {
    "account": lambda database: database.account(A),
    "user": lambda database: database.user(A, "admin"),
    "access_key": lambda database: database.access_key("AKIA1"),
    "domain_keys": lambda database: database.domain_keys(REGION),
    "key": lambda database: database.key(A, REGION, "key-1"),
    "material": lambda database: database.material(A, REGION, "key-1", HANDLE),
    "key_of_material": lambda database: database.key_of_material(REGION, HANDLE),
    "alias": lambda database: database.alias(A, REGION, "alias/a"),
}

TOUCHES: dict[str, Touched] = {
    "account": ("accounts", A),
    "user": ("users", A, "admin"),
    "access_key": ("access_keys", "AKIA1"),
    "domain_keys": ("domain_keys", REGION, "000007"),
    "key": ("kms_keys", A, REGION, "key-1"),
    "material": ("key_materials", A, REGION, "key-1", HANDLE),
    "key_of_material": ("key_materials", A, REGION, "key-1", HANDLE),
    "alias": ("aliases", A, REGION, "alias/a"),
}


@pytest.fixture
def database() -> CountingDatabase:
    made = CountingDatabase()
    made.commit([Put(record) for record in RECORDS])
    return made


@pytest.fixture
def freshness() -> ToldFreshness:
    return ToldFreshness()


@pytest.fixture
def warm(database: CountingDatabase, freshness: ToldFreshness) -> WarmDatabase:
    made = WarmDatabase(database, freshness)
    for read in READS.values():
        assert read(made)
    database.reads.clear()
    return made


def test_what_was_read_is_not_read_again(warm: WarmDatabase, database: CountingDatabase) -> None:
    """While nobody touches a record, every kind is answered without the database."""
    for read in READS.values():
        warm.refresh()
        assert read(warm)
    assert not database.reads


def test_the_same_object_comes_back(warm: WarmDatabase) -> None:
    """A KMS key is the same object every time, also by way of its material: what was computed from it is kept too."""
    assert warm.key(A, REGION, "key-1") is warm.key(A, REGION, "key-1")
    assert warm.key_of_material(REGION, HANDLE) is warm.key(A, REGION, "key-1")


@pytest.mark.parametrize("name", READS)
def test_what_was_touched_is_read_again(
    warm: WarmDatabase, database: CountingDatabase, freshness: ToldFreshness, name: str
) -> None:
    """A record that another one touched is read again, once."""
    freshness.next = [TOUCHES[name]]
    assert READS[name](warm)
    assert not database.reads
    warm.refresh()
    assert READS[name](warm)
    assert READS[name](warm)
    assert database.reads[name] == 1


@pytest.mark.parametrize("touched", [None, [("kms_keys_of_tomorrow", "x")], [()], [("domain_keys",)]])
def test_when_it_cannot_be_told_everything_is_read_again(
    warm: WarmDatabase, database: CountingDatabase, freshness: ToldFreshness, touched: Sequence[Touched] | None
) -> None:
    """Nothing old is left when changes were missed, or one is not understood."""
    freshness.next = touched
    warm.refresh()
    for read in READS.values():
        assert read(warm)
    assert set(database.reads) == set(READS)


def test_others_are_kept(warm: WarmDatabase, database: CountingDatabase, freshness: ToldFreshness) -> None:
    """Only what was touched is read again."""
    freshness.next = [("kms_keys", A, REGION, "key-2"), ("domain_keys", "us-east-1", "000001"), TOUCHES["alias"]]
    warm.refresh()
    for read in READS.values():
        assert read(warm)
    assert dict(database.reads) == {"alias": 1}


def test_a_commit_of_unknown_outcome_forgets(warm: WarmDatabase, database: CountingDatabase) -> None:
    """When the database breaks off during a commit, the record is read again: it may have been written."""
    database.breaks_after_commit = True
    with pytest.raises(DatabaseUnavailableError):
        warm.commit([Put(KEY.changed(row_version=1, description="new"))])
    key = warm.key(A, REGION, "key-1")
    assert key is not None
    assert key.description == "new"


def test_what_does_not_exist_is_asked_for_each_time(warm: WarmDatabase, database: CountingDatabase) -> None:
    """That something does not exist is not kept, so that nobody can fill the memory with names."""
    for _ in range(2):
        assert warm.key(A, REGION, "no key") is None
        assert warm.domain_keys("nowhere") == []
        assert warm.key_of_material(REGION, "00" * 16) is None
    assert database.reads["key"] == database.reads["domain_keys"] == database.reads["key_of_material"] == 2


def test_closing_closes_both(warm: WarmDatabase, database: CountingDatabase, freshness: ToldFreshness) -> None:
    """The database and the freshness end with the warm database."""
    warm.close()
    assert database.closed
    assert freshness.closed


def test_the_longest_unasked_goes_first() -> None:
    """A full `Kept` drops what was not asked for the longest, and reads it again when it is asked for."""
    reads: Counter[str] = Counter()

    def read(name: str) -> str:
        reads[name] += 1
        return name.upper()

    kept = Kept(read, entries_max=2)
    for name in "abacb":
        assert kept.get(name) == name.upper()
    assert reads == {"a": 1, "b": 2, "c": 1}
