"""What `ports.database.Database` promises of listings and of accounts and Regions, asked of every adapter."""

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.records import ACCOUNT, ALIAS, DOMAIN_KEY, HERE, KEY, MATERIAL, THERE, A, B, put
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.records import Remove
from selfkms.ports.database import Database

ACCOUNT_IDS = count(200_000_000_000)
NAMES = st.sets(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=8), max_size=12)


def test_accounts_and_regions_are_apart(database: Database) -> None:
    """Nothing of one account and Region shows in another, although all the names are equal."""
    places = [(A, HERE), (A, THERE), (B, HERE), (B, THERE)]
    for number, (account_id, region) in enumerate(places):
        handle = f"{number:032x}"
        put(
            database,
            KEY.changed(account_id=account_id, region=region, description=handle),
            MATERIAL.changed(handle=handle, account_id=account_id, region=region),
            ALIAS.changed(account_id=account_id, region=region),
        )
    database.commit([Remove(ALIAS.changed(account_id=B, region=THERE, row_version=1))])
    for number, (account_id, region) in enumerate(places):
        key = database.key(account_id, region, "key-1")
        assert key is not None
        assert key.description == f"{number:032x}"
        assert database.keys(account_id, region, after="", limit=10) == ["key-1"]
        assert database.key_count(account_id, region) == 1
        assert [found.handle for found in database.materials(account_id, region, "key-1")] == [f"{number:032x}"]
        expected = 0 if (account_id, region) == (B, THERE) else 1
        assert len(database.aliases(account_id, region, after="", limit=10)) == expected
        assert len(database.aliases_of_key(account_id, region, "key-1")) == expected
        assert (database.alias(account_id, region, "alias/one") is not None) == bool(expected)


def test_accounts_are_listed(database: Database) -> None:
    """All accounts, in the order of their IDs."""
    put(database, ACCOUNT.changed(account_id=B), ACCOUNT.changed(account_id=A))
    assert database.accounts() == [
        ACCOUNT.changed(account_id=A, row_version=1),
        ACCOUNT.changed(account_id=B, row_version=1),
    ]


def test_domain_keys_come_oldest_first(database: Database) -> None:
    """The domain keys of a Region in the order of their numbers, ten after nine; none of another Region."""
    put(database, *[DOMAIN_KEY.changed(version=version) for version in (10, 2, 9, 1)], DOMAIN_KEY.changed(region=THERE))
    assert [key.version for key in database.domain_keys(HERE)] == [1, 2, 9, 10]
    put(database, DOMAIN_KEY.changed(version=11))
    assert [key.version for key in database.domain_keys(HERE)] == [1, 2, 9, 10, 11]
    assert database.domain_keys("eu-west-1") == []
    assert database.regions_with_domain_keys() == sorted([HERE, THERE])


def test_materials_of_a_key(database: Database) -> None:
    """All key materials of one KMS key, and of no other."""
    put(
        database,
        *[MATERIAL.changed(handle=f"{number:032x}") for number in (3, 1, 2)],
        MATERIAL.changed(handle="ee" * 16, key_id="key-2"),
    )
    assert [material.handle for material in database.materials(A, HERE, "key-1")] == [f"{n:032x}" for n in (1, 2, 3)]


def test_aliases_of_a_key(database: Database) -> None:
    """All aliases that point to a KMS key now, in the order of their names."""
    put(
        database,
        *[ALIAS.changed(alias_name=f"alias/{letter}") for letter in "cab"],
        ALIAS.changed(alias_name="alias/d", target_key_id="key-2"),
    )
    put(database, ALIAS.changed(alias_name="alias/b", target_key_id="key-2", row_version=1))
    assert [alias.alias_name for alias in database.aliases_of_key(A, HERE, "key-1")] == ["alias/a", "alias/c"]
    assert [alias.alias_name for alias in database.aliases_of_key(A, HERE, "key-2")] == ["alias/b", "alias/d"]


def test_keys_due(database: Database) -> None:
    """KMS keys of all accounts and Regions whose time has come, that of the very second included, the oldest first."""
    ending = KEY.changed(state=KeyState.PENDING_DELETION)
    put(
        database,
        KEY.changed(key_id="never"),
        KEY.changed(key_id="rests", state=KeyState.DISABLED, next_rotation_at=1.0),
        ending.changed(key_id="later", deletion_at=100.5),
        ending.changed(key_id="now", deletion_at=100.0),
        ending.changed(key_id="long ago", deletion_at=-3.0, account_id=B, region=THERE),
        KEY.changed(key_id="before", state=KeyState.ENABLED, next_rotation_at=99.75, region=THERE),
    )
    assert [key.key_id for key in database.keys_due(100.0, limit=10)] == ["long ago", "before", "now"]
    assert [key.key_id for key in database.keys_due(100.0, limit=2)] == ["long ago", "before"]
    put(database, KEY.changed(key_id="now", row_version=1))  # cancelled
    assert [key.key_id for key in database.keys_due(1000.0, limit=10)] == ["long ago", "before", "later"]


@settings(max_examples=25, deadline=None)
@given(names=NAMES, limit=st.integers(1, 5))
def test_pages_of_keys_are_the_whole_listing(lasting_database: Database, names: set[str], limit: int) -> None:
    """Pages of any size, each after the last ID of the one before, give every key ID once, in order."""
    account_id = str(next(ACCOUNT_IDS))
    put(
        lasting_database,
        *[KEY.changed(key_id=name, account_id=account_id) for name in names],
        KEY.changed(key_id="other", account_id=account_id + "x"),
    )
    listed: list[str] = []
    while page := lasting_database.keys(account_id, HERE, after=listed[-1] if listed else "", limit=limit):
        assert len(page) <= limit
        listed += page
    assert listed == sorted(names)
    assert lasting_database.key_count(account_id, HERE) == len(names)


@settings(max_examples=25, deadline=None)
@given(names=NAMES, limit=st.integers(1, 5))
def test_pages_of_aliases_are_the_whole_listing(lasting_database: Database, names: set[str], limit: int) -> None:
    """Pages of any size, each after the last name of the one before, give every alias once, in order."""
    account_id = str(next(ACCOUNT_IDS))
    put(lasting_database, *[ALIAS.changed(alias_name=name, account_id=account_id) for name in names])
    listed: list[Alias] = []
    while page := lasting_database.aliases(
        account_id, HERE, after=listed[-1].alias_name if listed else "", limit=limit
    ):
        assert len(page) <= limit
        listed += page
    assert [alias.alias_name for alias in listed] == sorted(names)
