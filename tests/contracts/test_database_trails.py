"""Trails and the keys of digests, on every adapter."""

from contracts.records import DIGEST_KEY, HERE, LOGGING_TRAIL, THERE, TRAIL, A, B, put
from selfkms.ports.database import Database


def test_the_trails_of_an_account(database: Database) -> None:
    """Of all Regions, and of nobody else; how far their deliveries are comes back as it was."""
    put(database, TRAIL, LOGGING_TRAIL, TRAIL.changed(home_region=THERE), TRAIL.changed(account_id=B))
    found = database.trails(A)
    assert [(trail.home_region, trail.name) for trail in found] == [(HERE, "audit"), (HERE, "busy"), (THERE, "audit")]
    assert found[1] == LOGGING_TRAIL.changed(row_version=1)
    assert database.trails("000000000000") == []


def test_a_deleted_trail_is_listed_and_not_found(database: Database) -> None:
    """Its last deliveries are under way; a new one of its name may be there already."""
    put(database, LOGGING_TRAIL.changed(deletion="x"))
    assert database.trail(A, HERE, "busy") is None
    assert len(database.trails(A)) == 1
    put(database, LOGGING_TRAIL)
    assert database.trail(A, HERE, "busy") == LOGGING_TRAIL.changed(row_version=1)


def test_the_keys_of_a_region(database: Database) -> None:
    """Those of another Region sign nothing here."""
    put(database, DIGEST_KEY, DIGEST_KEY.changed(region=THERE), DIGEST_KEY.changed(fingerprint="ab"))
    assert {key.fingerprint for key in database.digest_keys(HERE)} == {DIGEST_KEY.fingerprint, "ab"}
