"""What is special to memory; all else is in the contract."""

from selfkms.adapters.memory.database import MemoryDatabase, MemoryRecords
from selfkms.domain.iam.principals import Account
from selfkms.domain.records import Put

ACCOUNT = Account(account_id="111122223333", created_at=1.0)


def test_instances_share_only_what_they_are_given() -> None:
    """Instances on the same records see each other's changes; one without has its own, also after it was closed."""
    records = MemoryRecords()
    one, two, apart = MemoryDatabase(records), MemoryDatabase(records), MemoryDatabase()
    one.commit([Put(ACCOUNT)])
    assert two.account("111122223333") is one.account("111122223333")
    assert apart.account("111122223333") is None
    one.close()
    assert two.accounts() == [ACCOUNT.changed(row_version=1)]


def test_a_list_in_use_does_not_change() -> None:
    """What was read before a commit stays what it was."""
    database = MemoryDatabase()
    before = database.records.rows
    database.commit([Put(ACCOUNT)])
    assert before == {}
    assert database.accounts() == [ACCOUNT.changed(row_version=1)]
