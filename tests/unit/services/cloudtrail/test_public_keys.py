"""ListPublicKeys: by the time in which they signed."""

from base64 import b64decode
from typing import Any

import pytest

from harness.world import Refused, World
from selfkms.domain.cloudtrail.digests import DigestKey
from selfkms.domain.records import Put


@pytest.fixture
def world() -> World:
    made = World()
    now = made.clock.seconds
    for number, since in enumerate((now - 1_001, now - 100)):
        key = DigestKey(
            region="us-east-1",
            fingerprint=str(number),
            public_key=b"DER",
            sealed_private_key=b"sealed",
            created_at=since,
            valid_until=since + 900,
        )
        made.database.commit([Put(key)])
    return made


def fingerprints(world: World, **times: float) -> list[str]:
    found: list[dict[str, Any]] = world.cloudtrail("ListPublicKeys", times)["PublicKeyList"]
    return [key["Fingerprint"] for key in found]


def test_by_time(world: World) -> None:
    """Without a time the one that signs now; with one all that signed in it, the oldest first."""
    now = world.clock.seconds
    assert fingerprints(world) == ["1"]
    assert fingerprints(world, StartTime=now - 2_000, EndTime=now) == ["0", "1"]
    assert fingerprints(world, StartTime=now - 2_000, EndTime=now - 500) == ["0"]
    assert fingerprints(world, StartTime=now - 50) == ["1"]
    assert fingerprints(world, EndTime=now - 5_000) == []


def test_what_is_told(world: World) -> None:
    """The public half and its time; of this Region only."""
    (key, _) = world.cloudtrail("ListPublicKeys", {"StartTime": 0})["PublicKeyList"]
    assert b64decode(key["Value"]) == b"DER"
    assert key["ValidityEndTime"] - key["ValidityStartTime"] == 900
    assert world.cloudtrail("ListPublicKeys", {"StartTime": 0}, region="eu-central-1") == {"PublicKeyList": []}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [({"NextToken": "x"}, "InvalidTokenException"), ({"StartTime": 2, "EndTime": 1}, "InvalidTimeRangeException")],
)
def test_what_is_refused(world: World, parameters: dict[str, Any], code: str) -> None:
    """A token that nobody gave, and a time that ends before it begins."""
    with pytest.raises(Refused) as refused:
        world.cloudtrail("ListPublicKeys", parameters)
    assert refused.value.code == code
