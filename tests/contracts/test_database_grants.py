"""What `ports.database.Database` promises of grants."""

from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.records import ADMIN, GRANT, HERE, THERE, A, B, put
from selfkms.domain.kms.grants import Grant
from selfkms.domain.records import Remove
from selfkms.ports.database import ConflictError, Database

ACCOUNT_IDS = count(400_000_000_000)
EVE = f"arn:aws:iam::{B}:role/eve"
RETIRING = "ec2.amazonaws.com"


def grant(number: int, **fields: object) -> Grant:
    return GRANT.changed(grant_id=f"{number:064x}", **fields)


def numbers(grants: object) -> list[int]:
    assert isinstance(grants, list | tuple)
    return [int(found.grant_id, 16) for found in grants]


def test_grants_of_a_key(database: Database) -> None:
    """Grants on a KMS key in the order of their IDs, by pages; none on another key, in another place."""
    put(
        database,
        *[grant(number) for number in (3, 1, 2)],
        grant(4, key_id="key-2"),
        grant(5, region=THERE),
        grant(6, account_id=B),
    )
    assert numbers(database.grants(A, HERE, "key-1", after="", limit=10)) == [1, 2, 3]
    assert numbers(database.grants(A, HERE, "key-1", after="", limit=2)) == [1, 2]
    assert numbers(database.grants(A, HERE, "key-1", after=grant(2).grant_id, limit=2)) == [3]
    assert database.grants(A, HERE, "key-1", after=grant(3).grant_id, limit=2) == []
    assert numbers(database.grants(A, THERE, "key-1", after="", limit=10)) == [5]
    assert [database.grant_count(A, HERE, key_id) for key_id in ("key-1", "key-2", "key-3")] == [3, 1, 0]


def test_grants_to_a_grantee(database: Database) -> None:
    """All grants on a KMS key for exactly this grantee, by their IDs, with all their fields; none of another key."""
    put(
        database,
        grant(2),
        grant(1),
        grant(3, grantee=EVE),
        grant(4, key_id="key-2"),
        grant(5, region=THERE),
        grant(6, account_id=B),
        grant(7, grantee=EVE, retiring=ADMIN),
    )
    assert list(database.grants_to(A, HERE, "key-1", ADMIN)) == [grant(n).changed(row_version=1) for n in (1, 2)]
    assert numbers(database.grants_to(A, HERE, "key-1", EVE)) == [3, 7]
    for other in (ADMIN.lower().replace("admin", "Admin"), ADMIN + "x", ADMIN[:-1], "", RETIRING):
        assert not database.grants_to(A, HERE, "key-1", other)


def test_grants_that_may_be_retired(database: Database) -> None:
    """Grants with exactly this retiring principal, on every KMS key of an account and Region, in the order of IDs."""
    put(
        database,
        grant(4),
        grant(2, key_id="key-2"),
        grant(3, key_id="key-0"),
        grant(1, key_id="key-9"),
        grant(5, retiring=None),
        grant(6, retiring=EVE),
        grant(7, region=THERE),
        grant(8, account_id=B),
        grant(9, retiring=None, grantee=RETIRING),
    )

    def page(after: int, limit: int) -> list[int]:
        marker = f"{after:064x}" if after else ""
        return numbers(database.grants_retirable_by(A, HERE, RETIRING, after=marker, limit=limit))

    assert page(0, 10) == [1, 2, 3, 4]
    assert page(0, 3) == [1, 2, 3]
    assert page(3, 3) == [4]
    assert page(4, 3) == []
    assert numbers(database.grants_retirable_by(A, HERE, EVE, after="", limit=10)) == [6]
    assert database.grants_retirable_by(A, HERE, ADMIN, after="", limit=10) == []
    assert numbers(database.grants_retirable_by(B, HERE, RETIRING, after="", limit=10)) == [8]


@settings(max_examples=15, deadline=None)
@given(
    places=st.dictionaries(st.integers(1, 40), st.tuples(st.sampled_from("xyz"), st.booleans()), max_size=12),
    limit=st.integers(1, 5),
)
def test_pages_are_the_whole_listing(
    lasting_database: Database, places: dict[int, tuple[str, bool]], limit: int
) -> None:
    """Pages of any size give every grant that may be retired once, in the order of IDs, whatever its KMS key."""
    account_id = str(next(ACCOUNT_IDS))
    put(
        lasting_database,
        *[
            grant(number, account_id=account_id, key_id=key_id, retiring=RETIRING if retirable else None)
            for number, (key_id, retirable) in places.items()
        ],
    )
    listed: list[Grant] = []
    while page := lasting_database.grants_retirable_by(
        account_id, HERE, RETIRING, after=listed[-1].grant_id if listed else "", limit=limit
    ):
        assert len(page) <= limit
        listed += page
    assert numbers(listed) == sorted(number for number, (_key_id, retirable) in places.items() if retirable)


def test_grants_are_seen_by_others(open_database: Callable[[], Database]) -> None:
    """A grant put by one instance is seen by another that had found none, a removed one is gone, after `refresh`."""
    one, two = open_database(), open_database()
    assert not two.grants_to(A, HERE, "key-1", ADMIN)
    put(one, grant(1))
    two.refresh()
    assert numbers(two.grants_to(A, HERE, "key-1", ADMIN)) == [1]
    put(one, grant(2))
    two.refresh()
    assert numbers(two.grants_to(A, HERE, "key-1", ADMIN)) == [1, 2]
    one.commit([Remove(grant(1, row_version=1))])
    two.refresh()
    assert numbers(two.grants_to(A, HERE, "key-1", ADMIN)) == [2]
    two.commit([Remove(grant(2, row_version=1))])
    one.refresh()
    assert not one.grants_to(A, HERE, "key-1", ADMIN)
    assert not two.grants_to(A, HERE, "key-1", ADMIN)


def test_a_grant_that_moves_to_another_grantee_leaves_the_first(open_database: Callable[[], Database]) -> None:
    """A grant that was put anew for another grantee is found under that one alone, by every instance."""
    one, two = open_database(), open_database()
    put(one, grant(1))
    two.refresh()
    for database in (one, two):
        assert numbers(database.grants_to(A, HERE, "key-1", ADMIN)) == [1]
        assert not database.grants_to(A, HERE, "key-1", EVE)
    put(one, grant(1, grantee=EVE, row_version=1))
    two.refresh()
    for database in (one, two):
        assert not database.grants_to(A, HERE, "key-1", ADMIN)
        assert numbers(database.grants_to(A, HERE, "key-1", EVE)) == [1]


def test_after_a_conflict_the_grants_are_read_anew(open_database: Callable[[], Database]) -> None:
    """Whoever meets a conflict over a grant sees it gone without waiting for `refresh`."""
    one, two = open_database(), open_database()
    put(one, grant(1))
    two.refresh()
    assert numbers(two.grants_to(A, HERE, "key-1", ADMIN)) == [1]
    one.commit([Remove(grant(1, row_version=1))])
    with pytest.raises(ConflictError):
        two.commit([Remove(grant(1, row_version=1))])
    assert not two.grants_to(A, HERE, "key-1", ADMIN)


def test_a_sequence_that_was_given_out_does_not_change(database: Database) -> None:
    """What a caller holds stays what it was when a grant is put or removed."""
    put(database, grant(1))
    held = database.grants_to(A, HERE, "key-1", ADMIN)
    put(database, grant(2))
    database.commit([Remove(grant(1, row_version=1))])
    assert numbers(held) == [1]
    assert numbers(database.grants_to(A, HERE, "key-1", ADMIN)) == [2]
