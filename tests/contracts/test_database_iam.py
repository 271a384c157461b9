"""What `ports.database.Database` promises of users, groups, roles, managed policies and access keys."""

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.records import (
    ACCESS_KEY,
    GROUP,
    MANAGED_POLICY,
    OIDC_PROVIDER,
    RECORDS,
    ROLE,
    USER,
    A,
    B,
    put,
    stored,
)
from selfkms.domain.records import Put, Record, Remove
from selfkms.ports.database import ConflictError, Database

ACCOUNT_IDS = count(300_000_000_000)

NAMED: dict[str, tuple[Record, str]] = {
    "users": (USER, "user_name"),
    "groups": (GROUP, "group_name"),
    "roles": (ROLE, "role_name"),
    "managed_policies": (MANAGED_POLICY, "policy_name"),
}
"""By table: a record with a name that case does not tell apart, and the field of it."""

LISTINGS: dict[str, Callable[..., Sequence[Record]]] = {
    "users": lambda database, *place, **page: database.users(*place, **page),
    "groups": lambda database, *place, **page: database.groups(*place, **page),
    "roles": lambda database, *place, **page: database.roles(*place, **page),
    "managed_policies": lambda database, *place, **page: database.managed_policies(*place, **page),
}


def named(table: str, name: str, account_id: str = A) -> Record:
    record, field = NAMED[table]
    return record.changed(account_id=account_id, **{field: name})


@pytest.fixture(params=NAMED)
def table(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_names_are_found_in_any_case(database: Database, table: str) -> None:
    """A name is found however it is written, and comes back as it was written first."""
    put(database, named(table, "Team.Blue"))
    expected = named(table, "Team.Blue").changed(row_version=1)
    for name in ("team.blue", "TEAM.BLUE", "Team.Blue"):
        assert stored(database, named(table, name)) == expected
    assert stored(database, named(table, "team_blue")) is None


def test_a_name_that_differs_by_case_is_taken(database: Database, table: str) -> None:
    """A second one whose name differs by case only is a conflict; the first stays."""
    put(database, named(table, "Blue"))
    with pytest.raises(ConflictError):
        put(database, named(table, "bLUE"))
    assert stored(database, named(table, "blue")) == named(table, "Blue").changed(row_version=1)
    put(database, named(table, "bLUE", B))


def test_the_case_of_a_name_may_change(open_database: Callable[[], Database], table: str) -> None:
    """A record that is replaced under the same name in another case is found with the new one, by every instance."""
    one, two = open_database(), open_database()
    put(one, named(table, "Blue"))
    two.refresh()
    assert stored(two, named(table, "blue")) is not None
    put(one, named(table, "BLUE").changed(row_version=1))
    two.refresh()
    assert stored(two, named(table, "blue")) == named(table, "BLUE").changed(row_version=2)


def test_a_change_by_any_case_is_seen(open_database: Callable[[], Database], table: str) -> None:
    """What was read under a name in capitals is read anew after another instance removed it."""
    one, two = open_database(), open_database()
    put(one, named(table, "Blue"))
    two.refresh()
    assert stored(two, named(table, "BLUE")) is not None
    one.commit([Remove(named(table, "Blue").changed(row_version=1))])
    two.refresh()
    assert stored(two, named(table, "BLUE")) is None


def test_accounts_are_apart(database: Database, table: str) -> None:
    """Two accounts may have one of the same name, and each lists its own."""
    put(database, named(table, "x"), named(table, "x", B), named(table, "y", B))
    database.commit([Remove(named(table, "x", B).changed(row_version=1))])
    assert stored(database, named(table, "x")) is not None
    assert stored(database, named(table, "x", B)) is None
    listed = LISTINGS[table]
    assert listed(database, A, after="", limit=10) == [named(table, "x").changed(row_version=1)]
    assert listed(database, B, after="", limit=10) == [named(table, "y", B).changed(row_version=1)]
    assert listed(database, "777788889999", after="", limit=10) == []


@pytest.mark.parametrize("kind", NAMED)
@settings(max_examples=15, deadline=None)
@given(
    names=st.sets(st.text("aBcD+=,.@_-9", min_size=1, max_size=4), max_size=12).map(
        lambda names: list({name.lower(): name for name in names}.values())
    ),
    limit=st.integers(1, 5),
)
def test_pages_are_the_whole_listing(lasting_database: Database, kind: str, names: list[str], limit: int) -> None:
    """Pages of any size give everything once, in the order of the names in small letters."""
    account_id = str(next(ACCOUNT_IDS))
    put(lasting_database, *[named(kind, name, account_id) for name in names])
    listed: list[Record] = []
    while page := LISTINGS[kind](
        lasting_database, account_id, after=listed[-1].primary_key()[-1] if listed else "", limit=limit
    ):
        assert len(page) <= limit
        listed += page
    assert listed == [named(kind, name, account_id).changed(row_version=1) for name in sorted(names, key=str.lower)]


def test_access_keys_of_a_user(database: Database) -> None:
    """All access keys of a user by their IDs: of no other user, no other account, and not the root user's."""
    put(
        database,
        *[ACCESS_KEY.changed(access_key_id=f"AKIA{letter}") for letter in "CAB"],
        ACCESS_KEY.changed(access_key_id="AKIAD", user_name="other"),
        ACCESS_KEY.changed(access_key_id="AKIAE", account_id=B),
        ACCESS_KEY.changed(access_key_id="AKIAF", user_name=None),
    )
    assert ids(database, A, "admin") == ["AKIAA", "AKIAB", "AKIAC"]
    assert ids(database, A, "other") == ["AKIAD"]
    assert ids(database, B, "admin") == ["AKIAE"]
    assert ids(database, B, "other") == []


def test_access_keys_of_the_root_user(database: Database) -> None:
    """Without a user name they are those of the account's root user alone; an empty name is nobody's."""
    put(
        database,
        *[ACCESS_KEY.changed(access_key_id=f"AKIA{letter}", user_name=None) for letter in "BA"],
        ACCESS_KEY.changed(access_key_id="AKIAC", user_name=None, account_id=B),
        ACCESS_KEY.changed(access_key_id="AKIAD"),
    )
    assert ids(database, A, None) == ["AKIAA", "AKIAB"]
    assert ids(database, B, None) == ["AKIAC"]
    assert ids(database, A, "") == []


def test_access_keys_are_found_under_the_exact_name(database: Database) -> None:
    """An access key has the name of its user letter by letter: it is found under no other."""
    put(database, ACCESS_KEY.changed(user_name="Admin"))
    assert ids(database, A, "admin") == []
    assert ids(database, A, "Admin") == ["AKIA1"]


def test_access_keys_follow_a_change(database: Database) -> None:
    """An access key that was given to another user is listed with that user, a removed one with none."""
    put(database, ACCESS_KEY, ACCESS_KEY.changed(access_key_id="AKIA2"))
    put(database, ACCESS_KEY.changed(user_name="renamed", row_version=1))
    database.commit([Remove(ACCESS_KEY.changed(access_key_id="AKIA2", row_version=1))])
    assert ids(database, A, "admin") == []
    assert ids(database, A, "renamed") == ["AKIA1"]


def ids(database: Database, account_id: str, user_name: str | None) -> list[str]:
    return [key.access_key_id for key in database.access_keys(account_id, user_name)]


def test_oidc_providers_of_an_account(database: Database) -> None:
    """All providers of an account in the order of their names, of no other account; their names have a case."""
    put(
        database,
        *[OIDC_PROVIDER.changed(host_and_path=name) for name in ("b.example/x", "a.example", "b.example/X")],
        OIDC_PROVIDER.changed(account_id=B, host_and_path="c.example"),
    )
    assert [provider.host_and_path for provider in database.oidc_providers(A)] == [
        "a.example",
        "b.example/X",
        "b.example/x",
    ]
    assert [provider.host_and_path for provider in database.oidc_providers(B)] == ["c.example"]
    assert database.oidc_providers("777788889999") == []
    assert database.oidc_provider(A, "B.example/x") is None


def test_one_transaction_spans_types(database: Database) -> None:
    """A user, its access key and the policy that is attached to it change together or not at all."""
    put(database, USER, ACCESS_KEY, MANAGED_POLICY)
    with pytest.raises(ConflictError):
        database.commit(
            [
                Remove(ACCESS_KEY.changed(row_version=1)),
                Remove(USER.changed(row_version=1)),
                Put(MANAGED_POLICY.changed(attachment_count=0, row_version=7)),
            ]
        )
    for record in (USER, ACCESS_KEY, MANAGED_POLICY):
        assert stored(database, RECORDS[record.TABLE]) == record.changed(row_version=1)
    assert ids(database, A, "admin") == ["AKIA1"]
