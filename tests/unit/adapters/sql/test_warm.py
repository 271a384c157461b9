"""What is kept, what is forgotten, and what is never kept."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from contracts.records import (
    ADMIN,
    DIGEST_KEY,
    EBS_DEFAULTS,
    GRANT,
    HANDLE,
    KEY,
    RECORDS,
    SHARE,
    SNAPSHOT,
    SWEEP,
    TRAIL,
    VOLUME,
    A,
)
from contracts.records import HERE as REGION
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.adapters.sql.changes import Touched
from selfkms.adapters.sql.warm import GRANTEES_MAX, WarmDatabase
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import AccessKey, Account, Group, Role, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.grants import Grant
from selfkms.domain.kms.keys import KeyMaterial, KMSKey
from selfkms.domain.records import Change, Put, Record, Remove
from selfkms.ports.database import Database, DatabaseUnavailableError


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

    def group(self, account_id: str, group_name: str) -> Group | None:
        self.reads["group"] += 1
        return super().group(account_id, group_name)

    def role(self, account_id: str, role_name: str) -> Role | None:
        self.reads["role"] += 1
        return super().role(account_id, role_name)

    def managed_policy(self, account_id: str, policy_name: str) -> ManagedPolicy | None:
        self.reads["managed_policy"] += 1
        return super().managed_policy(account_id, policy_name)

    def oidc_provider(self, account_id: str, host_and_path: str) -> OIDCProvider | None:
        self.reads["oidc_provider"] += 1
        return super().oidc_provider(account_id, host_and_path)

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

    def grants_to(self, account_id: str, region: str, key_id: str, grantee: str) -> Sequence[Grant]:
        self.reads["grants_to"] += 1
        return super().grants_to(account_id, region, key_id, grantee)

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


READS: dict[str, Callable[[Database], object]] = {
    "account": lambda database: database.account(A),
    "user": lambda database: database.user(A, "Admin"),
    "group": lambda database: database.group(A, "Staff"),
    "role": lambda database: database.role(A, "DEPLOY"),
    "managed_policy": lambda database: database.managed_policy(A, "P"),
    "oidc_provider": lambda database: database.oidc_provider(A, "token.example.org/tenant"),
    "access_key": lambda database: database.access_key("AKIA1"),
    "domain_keys": lambda database: database.domain_keys(REGION),
    "key": lambda database: database.key(A, REGION, "key-1"),
    "material": lambda database: database.material(A, REGION, "key-1", HANDLE),
    "key_of_material": lambda database: database.key_of_material(REGION, HANDLE),
    "alias": lambda database: database.alias(A, REGION, "alias/one"),
    "grants_to": lambda database: database.grants_to(A, REGION, "key-1", ADMIN),
}

TOUCHES: dict[str, Touched] = {
    "account": ("accounts", A),
    "user": ("users", A, "admin"),
    "group": ("groups", A, "staff"),
    "role": ("roles", A, "deploy"),
    "managed_policy": ("managed_policies", A, "p"),
    "oidc_provider": ("oidc_providers", A, "token.example.org/tenant"),
    "access_key": ("access_keys", "AKIA1"),
    "domain_keys": ("domain_keys", REGION, "000007"),
    "key": ("kms_keys", A, REGION, "key-1"),
    "material": ("key_materials", A, REGION, "key-1", HANDLE),
    "key_of_material": ("key_materials", A, REGION, "key-1", HANDLE),
    "alias": ("aliases", A, REGION, "alias/one"),
    "grants_to": ("grants", A, REGION, "key-1", GRANT.grant_id),
}


@pytest.fixture
def database() -> CountingDatabase:
    made = CountingDatabase()
    made.commit([Put(record) for record in RECORDS.values()])
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


@pytest.mark.parametrize(
    "name", ["user", "group", "role", "managed_policy", "oidc_provider", "access_key", "grants_to"]
)
def test_whatever_a_decision_asks_for_is_one_object(warm: WarmDatabase, freshness: ToldFreshness, name: str) -> None:
    """What was computed from it may be kept beside it: the same object comes back until it is touched."""
    before = READS[name](warm)
    freshness.next = [touched for other, touched in TOUCHES.items() if other != name]
    warm.refresh()
    assert READS[name](warm) is before
    freshness.next = [TOUCHES[name]]
    warm.refresh()
    # From the database in memory the very records come back again, but not the tuple of grants.
    assert (READS[name](warm) is before) == (name != "grants_to")


def test_that_a_grantee_has_no_grants_is_kept(warm: WarmDatabase, database: CountingDatabase) -> None:
    """A grantee without grants on a KMS key is asked for once, until a grant on that key is put: then once more."""
    for _ in range(3):
        assert not warm.grants_to(A, REGION, "key-1", "nobody")
    assert database.reads["grants_to"] == 1
    warm.commit([Put(GRANT.changed(grant_id="2b" * 32, grantee="nobody"))])
    for _ in range(3):
        assert len(warm.grants_to(A, REGION, "key-1", "nobody")) == 1
    assert database.reads["grants_to"] == 2


def test_a_changed_grant_forgets_its_grantee_alone(warm: WarmDatabase, database: CountingDatabase) -> None:
    """A key may have thousands of grants: those of other grantees and other keys are not read again."""
    put = [GRANT.changed(grant_id="2b" * 32, grantee="second"), GRANT.changed(key_id="key-2")]
    warm.commit([Put(grant) for grant in put])
    for key_id, grantee in (("key-1", ADMIN), ("key-1", "second"), ("key-2", ADMIN)):
        assert len(warm.grants_to(A, REGION, key_id, grantee)) == 1
    database.reads.clear()
    warm.commit([Remove(GRANT.changed(row_version=1))])
    assert not warm.grants_to(A, REGION, "key-1", ADMIN)
    assert len(warm.grants_to(A, REGION, "key-1", "second")) == 1
    assert len(warm.grants_to(A, REGION, "key-2", ADMIN)) == 1
    assert database.reads["grants_to"] == 1


def test_grantees_of_a_key_are_bounded(warm: WarmDatabase, database: CountingDatabase) -> None:
    """Any number of sessions may ask about one KMS key: those that asked last are kept."""
    for number in range(GRANTEES_MAX + 1):
        assert not warm.grants_to(A, REGION, "key-1", f"session-{number}")
    database.reads.clear()
    assert not warm.grants_to(A, REGION, "key-1", f"session-{GRANTEES_MAX}")
    assert not database.reads
    assert not warm.grants_to(A, REGION, "key-1", "session-0")
    assert database.reads["grants_to"] == 1


def test_single_grants_and_listings_are_not_kept(warm: WarmDatabase, database: CountingDatabase) -> None:
    """A listing, a count and a single grant are what the database says now, touched or not."""
    database.commit([Remove(GRANT.changed(row_version=1))])
    assert warm.grant(A, REGION, "key-1", GRANT.grant_id) is None
    assert warm.grants(A, REGION, "key-1", after="", limit=5) == []
    assert warm.grants_retirable_by(A, REGION, "ec2.amazonaws.com", after="", limit=5) == []
    assert warm.grant_count(A, REGION, "key-1") == 0
    assert len(warm.grants_to(A, REGION, "key-1", ADMIN)) == 1


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


@pytest.mark.parametrize(
    "touched", [None, [("kms_keys_of_tomorrow", "x")], [()], [("domain_keys",)], [("grants", "x")]]
)
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
    freshness.next = [
        ("kms_keys", A, REGION, "key-2"),
        ("grants", A, REGION, "key-2", GRANT.grant_id),
        ("grants", A, "us-east-1", "key-1", GRANT.grant_id),
        ("users", A, "Admin"),
        ("domain_keys", "us-east-1", "000001"),
        TOUCHES["alias"],
    ]
    warm.refresh()
    for read in READS.values():
        assert read(warm)
    assert dict(database.reads) == {"alias": 1}


@pytest.mark.parametrize(
    "record", [SNAPSHOT, VOLUME, SHARE, EBS_DEFAULTS, SWEEP, TRAIL, DIGEST_KEY], ids=lambda r: r.TABLE
)
def test_what_is_never_kept_makes_nothing_else_forgotten(
    warm: WarmDatabase, database: CountingDatabase, freshness: ToldFreshness, record: Record
) -> None:
    """An upload of blocks, or a trail that delivers, changes its record again and again."""
    warm.commit([Put(record.changed(row_version=1))])
    freshness.next = [(record.TABLE, *record.primary_key())]
    warm.refresh()
    for read in READS.values():
        assert read(warm)
    assert not database.reads


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
        assert warm.role(A, "no role") is None
        assert warm.domain_keys("nowhere") == []
        assert warm.key_of_material(REGION, "00" * 16) is None
    assert database.reads["role"] == 2
    assert database.reads["key"] == database.reads["domain_keys"] == database.reads["key_of_material"] == 2


def test_closing_closes_both(warm: WarmDatabase, database: CountingDatabase, freshness: ToldFreshness) -> None:
    """The database and the freshness end with the warm database."""
    warm.close()
    assert database.closed
    assert freshness.closed


class TestConsistent:
    """Whether what was read since the last refresh is one state of the records."""

    def test_what_is_kept_is_one_state(self, warm: WarmDatabase, freshness: ToldFreshness) -> None:
        """It is what the last refresh saw: nobody is asked, whatever was committed since."""
        warm.refresh()
        freshness.next = list(TOUCHES.values())
        for read in READS.values():
            assert read(warm)
        assert warm.consistent()
        assert freshness.next

    @pytest.mark.parametrize("told", [[("users", A, "admin")], None])
    def test_what_was_read_while_others_committed_is_not(
        self, warm: WarmDatabase, freshness: ToldFreshness, told: Sequence[Touched] | None
    ) -> None:
        """A record that was read now may be newer than one that is kept; so may one that is not there."""
        for read in (lambda: warm.user(A, "nobody"), lambda: warm.grants_to(A, REGION, "key-1", "nobody")):
            warm.refresh()
            read()
            freshness.next = told
            assert not warm.consistent()

    @pytest.mark.parametrize("name", READS)
    def test_each_kind_that_was_read_is_looked_at(
        self, warm: WarmDatabase, freshness: ToldFreshness, name: str
    ) -> None:
        """No way to read goes past it."""
        freshness.next = None
        warm.refresh()
        READS[name](warm)
        freshness.next = [("users", A, "other")]
        assert not warm.consistent()

    def test_what_was_read_while_nobody_committed_is(self, warm: WarmDatabase, freshness: ToldFreshness) -> None:
        """One look is enough until something is read again."""
        warm.refresh()
        assert warm.user(A, "nobody") is None
        assert warm.consistent()
        freshness.next = [("users", A, "admin")]
        assert warm.consistent()

    def test_what_others_committed_is_seen_when_it_is_decided_again(
        self, warm: WarmDatabase, database: CountingDatabase, freshness: ToldFreshness
    ) -> None:
        """What the look told is not lost: the record is read again."""
        warm.refresh()
        warm.user(A, "nobody")
        freshness.next = [TOUCHES["user"]]
        assert not warm.consistent()
        database.reads.clear()
        warm.refresh()
        READS["user"](warm)
        assert database.reads["user"] == 1
