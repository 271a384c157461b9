"""What `ports.database.Database` promises, asked of every adapter."""

from collections.abc import Callable
from itertools import count
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.records import (
    ACCESS_KEY,
    ACCOUNT,
    ALIAS,
    DOMAIN_KEY,
    HANDLE,
    HERE,
    KEY,
    MATERIAL,
    RECORDS,
    THERE,
    USER,
    A,
    B,
    altered,
    put,
    stored,
)
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.records import Change, Put, Record, Remove
from selfkms.ports.database import ConflictError, Database

ACCOUNT_IDS = count(100_000_000_000)


def audit(number: int) -> AuditRecord:
    return AuditRecord(f"event-{number}", b'{"eventName": "Encrypt", "n": %d}' % number)


@pytest.fixture(params=RECORDS)
def record(request: pytest.FixtureRequest) -> Record:
    return RECORDS[request.param]


def test_what_was_put_comes_back(database: Database, record: Record) -> None:
    """A record comes back with all its fields, and with row version 1."""
    put(database, record)
    assert stored(database, record) == record.changed(row_version=1)


def test_what_was_never_put_is_none(database: Database, record: Record) -> None:
    """A record that does not exist is None, also when another one exists."""
    assert stored(database, record) is None
    put(database, KEY.changed(key_id="another"), ACCOUNT.changed(account_id=B))
    assert stored(database, record) is None


def test_what_did_not_exist_is_found_once_it_does(open_database: Callable[[], Database], record: Record) -> None:
    """That a record does not exist is not remembered."""
    one, two = open_database(), open_database()
    assert stored(one, record) is None
    put(two, record)
    one.refresh()
    assert stored(one, record) == record.changed(row_version=1)


def test_every_change_raises_the_row_version(database: Database, record: Record) -> None:
    """The second and the third change of a record give it row versions 2 and 3."""
    for version in range(3):
        put(database, altered(record, version).changed(row_version=version))
        assert stored(database, record) == altered(record, version).changed(row_version=version + 1)


def test_a_second_insert_conflicts(database: Database, record: Record) -> None:
    """A record that exists is not inserted again, and stays as it is."""
    put(database, record)
    with pytest.raises(ConflictError):
        put(database, altered(record, 99.0))
    assert stored(database, record) == record.changed(row_version=1)


@pytest.mark.parametrize("version", [1, 3])
def test_another_row_version_conflicts(database: Database, record: Record, version: int) -> None:
    """A record is replaced and removed in exactly the row version that the change was decided on."""
    put(database, record)
    put(database, record.changed(row_version=1))
    for change in (Put(record.changed(row_version=version)), Remove(record.changed(row_version=version))):
        with pytest.raises(ConflictError):
            database.commit([change])
    assert stored(database, record) == record.changed(row_version=2)


@pytest.mark.parametrize("version", [0, 1])
def test_what_does_not_exist_is_not_removed(database: Database, record: Record, version: int) -> None:
    """Removing a record that is not there conflicts."""
    with pytest.raises(ConflictError):
        database.commit([Remove(record.changed(row_version=version))])


def test_what_does_not_exist_is_not_replaced(database: Database, record: Record) -> None:
    """A change decided on a record that is gone does not bring it back."""
    put(database, record)
    database.commit([Remove(record.changed(row_version=1))])
    with pytest.raises(ConflictError):
        put(database, record.changed(row_version=1))
    assert stored(database, record) is None


def test_a_removed_record_is_gone_and_may_come_anew(database: Database, record: Record) -> None:
    """After its removal a record is None; another one of its name begins with row version 1."""
    put(database, record)
    assert stored(database, record) is not None
    database.commit([Remove(record.changed(row_version=1))])
    assert stored(database, record) is None
    put(database, altered(record, 50.0))
    assert stored(database, record) == altered(record, 50.0).changed(row_version=1)


def test_a_conflict_leaves_nothing_behind(database: Database) -> None:
    """One conflict in a transaction, even in its last change, undoes all of it and its audit records."""
    put(database, ALIAS)
    present = ALIAS.changed(row_version=1)
    changes: list[Change] = [Put(KEY), Remove(present), Put(ACCOUNT), Put(ACCESS_KEY), Remove(USER)]
    with pytest.raises(ConflictError):
        database.commit(changes, [audit(1)])
    assert database.key(A, HERE, "key-1") is None
    assert database.alias(A, HERE, "alias/one") == present
    assert database.accounts() == []
    assert database.audit_backlog(limit=10) == []


def test_one_transaction_may_change_a_record_twice(database: Database) -> None:
    """The changes of a transaction are made one after another, each on what the ones before it left."""
    database.commit([Put(KEY), Put(KEY.changed(description="second", row_version=1))])
    assert database.key(A, HERE, "key-1") == KEY.changed(description="second", row_version=2)
    with pytest.raises(ConflictError):
        put(database, *[KEY.changed(description="third", row_version=2)] * 2)
    assert database.key(A, HERE, "key-1") == KEY.changed(description="second", row_version=2)


def test_an_empty_transaction_is_none(database: Database) -> None:
    """Nothing to write is written without complaint."""
    database.commit([])
    assert database.audit_backlog(limit=1) == []


def test_a_handle_is_unique_within_a_region(database: Database) -> None:
    """No other key material takes a handle in a Region, of whatever account; in another Region one may."""
    put(database, MATERIAL)
    with pytest.raises(ConflictError):
        put(database, MATERIAL.changed(key_id="key-2", account_id=B))
    put(database, MATERIAL.changed(region=THERE))
    assert database.material(A, THERE, "key-1", HANDLE) is not None
    assert database.material(B, HERE, "key-2", HANDLE) is None


def test_a_key_is_found_by_its_material(database: Database) -> None:
    """A handle leads to the KMS key as it is now, of whatever account, in this Region, until the material is gone."""
    put(database, KEY.changed(account_id=B), MATERIAL.changed(account_id=B), KEY)
    assert database.key_of_material(HERE, HANDLE) == KEY.changed(account_id=B, row_version=1)
    assert database.key_of_material(THERE, HANDLE) is None
    assert database.key_of_material(HERE, "00" * 16) is None
    put(database, KEY.changed(account_id=B, description="new", row_version=1))
    assert database.key_of_material(HERE, HANDLE) == KEY.changed(account_id=B, description="new", row_version=2)
    database.commit([Remove(MATERIAL.changed(account_id=B, row_version=1))])
    assert database.key_of_material(HERE, HANDLE) is None


def test_a_handle_may_move_to_another_key(open_database: Callable[[], Database]) -> None:
    """When a material is removed and its handle comes back with another KMS key, every instance follows."""
    one, two = open_database(), open_database()
    put(two, KEY, KEY.changed(key_id="key-2"), MATERIAL)
    one.refresh()
    assert one.key_of_material(HERE, HANDLE) == KEY.changed(row_version=1)
    two.commit([Remove(MATERIAL.changed(row_version=1)), Put(MATERIAL.changed(key_id="key-2"))])
    one.refresh()
    assert one.key_of_material(HERE, HANDLE) == KEY.changed(key_id="key-2", row_version=1)


def test_a_material_without_its_key_leads_nowhere(database: Database) -> None:
    """Once the KMS key is gone its material does not lead to it."""
    put(database, KEY, MATERIAL)
    assert database.key_of_material(HERE, HANDLE) is not None
    database.commit([Remove(KEY.changed(row_version=1))])
    assert database.key_of_material(HERE, HANDLE) is None


def test_a_list_that_was_given_out_may_be_changed(database: Database) -> None:
    """A caller that empties a list of domain keys empties its own."""
    put(database, DOMAIN_KEY)
    database.domain_keys(HERE).clear()
    assert len(database.domain_keys(HERE)) == 1


_steps = st.lists(
    st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from(["x", "y"]), st.integers(0, 3)), max_size=3
)


@settings(max_examples=40, deadline=None)
@given(transactions=st.lists(_steps, max_size=8))
def test_every_adapter_decides_alike(
    lasting_database: Database, transactions: list[list[tuple[str, str, int]]]
) -> None:
    """Whatever is put and removed, in whatever row version: the outcome is the one of the database in memory."""
    account_id = str(next(ACCOUNT_IDS))
    reference: Database = MemoryDatabase()
    for number, steps in enumerate(transactions):
        changes: list[Change] = []
        for kind, name, version in steps:
            key = KEY.changed(key_id=name, account_id=account_id, description=str(number)).changed(row_version=version)
            changes.append(Put(key) if kind == "put" else Remove(key))
        assert _outcome(lasting_database, changes) == _outcome(reference, changes)
        for name in ("x", "y"):
            assert lasting_database.key(account_id, HERE, name) == reference.key(account_id, HERE, name)


def _outcome(database: Database, changes: list[Change]) -> str:
    try:
        database.commit(changes)
    except ConflictError:
        return "conflict"
    return "done"


def test_instances_see_each_others_changes(open_database: Callable[[], Database], record: Record) -> None:
    """What one instance commits, another has read before and reads anew after `refresh`."""
    one, two = open_database(), open_database()
    put(one, record)
    two.refresh()
    assert stored(two, record) == record.changed(row_version=1)
    put(one, altered(record, 77.0).changed(row_version=1))
    two.refresh()
    assert stored(two, record) == altered(record, 77.0).changed(row_version=2)
    two.commit([Remove(record.changed(row_version=2))])
    one.refresh()
    assert stored(one, record) is None


def test_after_a_conflict_the_newest_is_read(open_database: Callable[[], Database], record: Record) -> None:
    """Whoever meets a conflict decides again on what is there, without waiting for `refresh`."""
    one, two = open_database(), open_database()
    put(one, record)
    two.refresh()
    assert stored(two, record) is not None
    put(one, altered(record, 77.0).changed(row_version=1))
    with pytest.raises(ConflictError):
        two.commit([Put(record.changed(row_version=1))])
    assert stored(two, record) == altered(record, 77.0).changed(row_version=2)


def test_audit_records_wait_in_order(database: Database) -> None:
    """Audit records come out as they went in, oldest first, with rising numbers, at most as many as asked for."""
    database.commit([Put(ACCOUNT)], [audit(1), audit(2)])
    database.commit([], [audit(3)])
    backlog = database.audit_backlog(limit=10)
    assert [record for _number, record in backlog] == [audit(1), audit(2), audit(3)]
    numbers = [number for number, _record in backlog]
    assert numbers == sorted(set(numbers))
    assert database.audit_backlog(limit=2) == backlog[:2]


def test_audit_records_are_forgotten_by_number(database: Database) -> None:
    """Only the audit records named are forgotten, again does no harm, and their numbers are not given twice."""
    database.commit([], [audit(1), audit(2), audit(3)])
    numbers = [number for number, _record in database.audit_backlog(limit=10)]
    database.forget_audit([])
    database.forget_audit(numbers[1:])
    database.forget_audit(numbers[1:])
    assert database.audit_backlog(limit=10) == [(numbers[0], audit(1))]
    database.forget_audit(numbers)
    database.commit([], [audit(4)])
    ((number, record),) = database.audit_backlog(limit=10)
    assert record == audit(4)
    assert number not in numbers


def test_compacting_keeps_what_is_there(open_database: Callable[[], Database]) -> None:
    """After `compact` every instance reads what it read before."""
    one, two = open_database(), open_database()
    put(one, *RECORDS.values())
    one.commit([Remove(USER.changed(row_version=1))], [audit(1)])
    two.refresh()
    before = [stored(two, record) for record in RECORDS.values()]
    one.compact()
    two.refresh()
    assert [stored(two, record) for record in RECORDS.values()] == before
    assert [record for _number, record in two.audit_backlog(limit=5)] == [audit(1)]
    assert two.user(A, "admin") is None


def test_pruning_hides_no_change(open_database: Callable[[], Database], record: Record) -> None:
    """An instance that missed changes whose traces were pruned meanwhile still reads the newest."""
    one, two = open_database(), open_database()
    put(one, record)
    two.refresh()
    assert stored(two, record) is not None
    put(one, altered(record, 77.0).changed(row_version=1))
    put(one, ACCOUNT.changed(account_id=B))
    one.prune_changes(keep_after=2_000_000.0)
    two.refresh()
    assert stored(two, record) == altered(record, 77.0).changed(row_version=2)


@pytest.mark.parametrize("threads", [2, 4])
def test_conditional_changes_lose_nothing(open_database: Callable[[], Database], threads: int) -> None:
    """When several threads count in one record, each deciding again after a conflict, no step is lost."""
    steps = 25
    put(open_database(), KEY.changed(description="0"))

    def work() -> None:
        database = open_database()
        for _step in range(steps):
            count_up(database)

    workers = [Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    key = open_database().key(A, HERE, "key-1")
    assert key is not None
    assert key.description == str(steps * threads)
    assert key.row_version == steps * threads + 1


def count_up(database: Database) -> None:
    while True:
        database.refresh()
        key = database.key(A, HERE, "key-1")
        assert key is not None
        try:
            database.commit([Put(key.changed(description=str(int(key.description) + 1)))])
        except ConflictError:
            continue
        return
