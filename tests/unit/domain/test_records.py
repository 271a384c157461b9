"""What the database keeps."""

from typing import Final

import msgspec
import pytest

from selfkms.domain.iam.principals import AccessKey, Account, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeyMaterial, KeySpec, KMSKey
from selfkms.domain.records import Put, Record, Remove

ACCOUNT: Final = Account(account_id="111122223333", created_at=1.0)

RECORDS: Final[dict[str, tuple[Record, tuple[str, ...]]]] = {
    "accounts": (ACCOUNT, ("111122223333",)),
    "users": (
        User(account_id="111122223333", user_name="bob", user_id="AIDA1", created_at=1.0),
        ("111122223333", "bob"),
    ),
    "access_keys": (
        AccessKey(access_key_id="AKIA1", account_id="111122223333", user_name=None, sealed_secret=b"", created_at=1.0),
        ("AKIA1",),
    ),
    "domain_keys": (
        DomainKey(region="eu-central-1", version=12, created_at=1.0, wrapped=b""),
        ("eu-central-1", "000012"),
    ),
    "kms_keys": (
        KMSKey(account_id="1", region="r", key_id="k", created_at=1.0, state=KeyState.ENABLED, policy="{}"),
        ("1", "r", "k"),
    ),
    "key_materials": (
        KeyMaterial(
            account_id="1",
            region="r",
            key_id="k",
            handle="h",
            material_id="m",
            key_spec=KeySpec.SYMMETRIC_DEFAULT,
            created_at=1.0,
            wrapped=b"",
        ),
        ("1", "r", "k", "h"),
    ),
    "aliases": (
        Alias(account_id="1", region="r", alias_name="alias/a", target_key_id="k", created_at=1.0, updated_at=1.0),
        ("1", "r", "alias/a"),
    ),
}
"""A record of each table, and its primary key."""


@pytest.mark.parametrize("table", RECORDS)
def test_every_record_knows_its_table_and_its_primary_key(table: str) -> None:
    """Account and Region come first, but in what establishes them."""
    record, primary_key = RECORDS[table]
    assert table == record.TABLE
    assert record.primary_key() == primary_key


def test_domain_keys_sort_by_version() -> None:
    """The text of the version is padded: 9 comes before 10."""
    keys = [DomainKey(region="r", version=version, created_at=1.0, wrapped=b"") for version in (10, 9, 1)]
    assert [key.version for key in sorted(keys, key=DomainKey.primary_key)] == [1, 9, 10]


def test_a_record_without_a_primary_key_is_none() -> None:
    """Each kind of record must say what its primary key is."""
    with pytest.raises(NotImplementedError):
        Record().primary_key()


def test_a_change_keeps_the_row_version_it_was_decided_on() -> None:
    """The database compares it; only the database raises it."""
    stored = ACCOUNT.changed(row_version=7)
    changed = stored.changed(created_at=2.0)
    assert (changed.row_version, changed.created_at, changed.account_id) == (7, 2.0, "111122223333")
    assert (stored.created_at, ACCOUNT.row_version) == (1.0, 0)


def test_a_field_that_does_not_exist_is_not_set() -> None:
    """A misspelt field would otherwise change nothing in silence."""
    with pytest.raises(TypeError):
        ACCOUNT.changed(created=2.0)


def test_records_are_frozen() -> None:
    """What a decision was made on stays what it was."""
    with pytest.raises(AttributeError):
        ACCOUNT.created_at = 2.0  # type: ignore[misc]  # that it cannot be assigned is the claim


def test_putting_and_removing_are_two_things() -> None:
    """The same record put and removed are different changes."""
    put, remove = Put(ACCOUNT), Remove(ACCOUNT)
    assert put.record is remove.record is ACCOUNT
    assert put == Put(ACCOUNT)
    assert not isinstance(remove, Put)


def test_fields_with_their_default_are_not_written() -> None:
    """A row holds what was said and no more."""
    assert msgspec.to_builtins(ACCOUNT) == {"account_id": "111122223333", "created_at": 1.0}
