"""What every event history answers, whatever it is made of."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.events import NOW, Files, arn, event, event_id
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION
from selfkms.adapters.memory.event_history import MemoryEventHistory
from selfkms.domain.cloudtrail.history import Attribute, LastUse, Lookup, recorded_event
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.ports.event_history import EventHistory


class Kept(NamedTuple):
    """A history, and how records get into it."""

    history: EventHistory
    add: Callable[..., None]
    close: Callable[[], None]


def memory(_directory: Path) -> Kept:
    records: list[AuditRecord] = []
    return Kept(MemoryEventHistory(lambda: records), lambda *new: records.extend(new), lambda: None)


def sqlite(directory: Path) -> Kept:
    files = Files(directory)
    return Kept(files.history, files.add, files.close)


WORLDS: dict[str, Callable[[Path], Kept]] = {"memory": memory, "sqlite": sqlite}


@pytest.fixture(params=WORLDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    made = WORLDS[request.param](tmp_path)
    yield made
    made.close()


def own(attribute: Attribute | None = None, value: str = "", **fields: float) -> Lookup:
    """A lookup of the first account in its Region."""
    return Lookup(account_id=ALICE_ACCOUNT, region=REGION, attribute=attribute, value=value, **fields)


def found(kept: Kept, lookup: Lookup) -> list[str]:
    """The event IDs of everything that meets a lookup, page by page of two, the newest first."""
    ids: list[str] = []
    before = None
    while page := kept.history.lookup(lookup, before=before, limit=2):
        assert len(page) <= 2
        ids += [recorded_event(event.body).event_id for event in page]
        before = page[-1].mark
    return ids


def ids(*numbers: int) -> list[str]:
    return [event_id(number) for number in numbers]


def test_nothing_was_recorded(kept: Kept) -> None:
    """Nothing is found, and nothing was used."""
    assert found(kept, own()) == []
    assert kept.history.last_use(arn(1)) is None
    assert kept.history.tracked_since() is None


def test_the_newest_comes_first(kept: Kept) -> None:
    """By time, and of one second by the number in the journal."""
    kept.add(event(1, at=NOW + 5), event(2, at=NOW + 9), event(3, at=NOW + 5), event(4, at=NOW + 1))
    assert found(kept, own()) == ids(2, 3, 1, 4)


def test_accounts_and_regions_are_apart(kept: Kept) -> None:
    """None means all of them."""
    kept.add(event(1), event(2, account_id=BOB_ACCOUNT), event(3, region="eu-west-1"))
    assert found(kept, own()) == ids(1)
    assert found(kept, Lookup(account_id=BOB_ACCOUNT, region=REGION)) == ids(2)
    assert found(kept, Lookup(account_id=BOB_ACCOUNT, region="eu-west-1")) == []
    assert found(kept, Lookup(account_id=ALICE_ACCOUNT, region=None)) == ids(3, 1)
    assert found(kept, Lookup(account_id=None, region=None)) == ids(3, 2, 1)


@pytest.mark.parametrize(
    ("attribute", "value", "numbers"),
    [
        (Attribute.EVENT_NAME, "Encrypt", (1,)),
        (Attribute.EVENT_NAME, "RotateKey", (4,)),
        (Attribute.READ_ONLY, "true", (3, 1)),
        (Attribute.READ_ONLY, "false", (4, 2)),
        (Attribute.USERNAME, "eve", (2,)),
        (Attribute.ACCESS_KEY_ID, "AKIAEVE0000000000000", (2,)),
        (Attribute.RESOURCE_TYPE, "AWS::KMS::Key", (4, 3, 1)),
        (Attribute.RESOURCE_NAME, arn(1), (3, 1)),
        (Attribute.RESOURCE_NAME, arn(2), (4, 3)),
        (Attribute.EVENT_SOURCE, "iam.amazonaws.com", (2,)),
        (Attribute.EVENT_ID, event_id(3), (3,)),
        (Attribute.EVENT_ID, event_id(3).replace("-", ""), ()),
        (Attribute.EVENT_ID, "no ID", ()),
        (Attribute.EVENT_ID, event_id(5), ()),
        (Attribute.EVENT_NAME, "encrypt", ()),
        (Attribute.EVENT_NAME, "", ()),
        (Attribute.USERNAME, "'; DROP TABLE events --", ()),
    ],
)
def test_by_each_attribute(kept: Kept, attribute: Attribute, value: str, numbers: tuple[int, ...]) -> None:
    """Exactly that value, service events too; nothing of other accounts."""
    kept.add(
        event(1, "Encrypt", arn(1)),
        event(2, "CreateUser", user="eve", eventSource="iam.amazonaws.com", resources=None),
        event(3, "ReEncrypt", arn(1), arn(2)),
        event(4, "RotateKey", arn(2), userIdentity={"invokedBy": "AWS Internal"}, requestID=None),
        event(5, "Encrypt", arn(1), account_id=BOB_ACCOUNT),
    )
    assert found(kept, own(attribute, value)) == ids(*numbers)


@pytest.mark.parametrize(
    ("times", "numbers"),
    [
        ({"since": NOW + 2}, (4, 3, 2)),
        ({"until": NOW + 2}, (2, 1)),
        ({"since": NOW + 2, "until": NOW + 3}, (3, 2)),
        ({"since": NOW + 2.5, "until": NOW + 3.5}, (3,)),
        ({"since": NOW + 5}, ()),
        ({"since": -1e12, "until": 1e12}, (4, 3, 2, 1)),
    ],
)
@pytest.mark.parametrize("attribute", [None, Attribute.EVENT_NAME])
def test_by_time(kept: Kept, times: dict[str, float], numbers: tuple[int, ...], attribute: Attribute | None) -> None:
    """Both ends are part of it."""
    kept.add(*(event(number) for number in range(1, 5)))
    assert found(kept, own(attribute, "Encrypt" if attribute else "", **times)) == ids(*numbers)


def test_an_event_id_is_looked_up_like_anything(kept: Kept) -> None:
    """Within the times, and not again on the next page."""
    kept.add(event(1))
    assert found(kept, own(Attribute.EVENT_ID, event_id(1), since=NOW + 2)) == []
    assert found(kept, own(Attribute.EVENT_ID, event_id(1), since=NOW + 1)) == ids(1)


def test_pages_stay_where_they_are(kept: Kept) -> None:
    """What is recorded between two pages is on neither, and shifts nothing."""
    kept.add(*(event(number) for number in range(1, 5)))
    first = kept.history.lookup(own(), before=None, limit=2)
    kept.add(event(5))
    second = kept.history.lookup(own(), before=first[-1].mark, limit=2)
    assert [recorded_event(one.body).event_id for one in (*first, *second)] == ids(4, 3, 2, 1)


def test_the_last_use(kept: Kept) -> None:
    """The last successful cryptographic operation of each key."""
    kept.add(
        event(1, "Encrypt", arn(1)),
        event(2, "ReEncrypt", arn(1), arn(2)),
        event(3, "DescribeKey", arn(1)),
        event(4, "Decrypt", arn(1), errorCode="InvalidCiphertextException"),
    )
    use = LastUse("ReEncrypt", NOW + 2, event_id(2), "22222222-0000-4000-8000-000000000002")
    assert [kept.history.last_use(arn(number)) for number in (1, 2, 3)] == [use, use, None]
    assert kept.history.tracked_since() == NOW + 1


def test_the_last_use_ends_with_the_key(kept: Kept) -> None:
    """Nothing is said of a key that is gone."""
    kept.add(event(1, "Encrypt", arn(1)), event(2, "DeleteKey", arn(1), requestID=None))
    assert kept.history.last_use(arn(1)) is None


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["Encrypt", "Decrypt", "ListKeys"]),
        st.integers(0, 3),
        st.integers(NOW, NOW + 3),
        st.sampled_from([ALICE_ACCOUNT, BOB_ACCOUNT]),
        st.sampled_from(["ann", "bob"]),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS)
def test_all_histories_agree(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, int, str, str]]
) -> None:
    """Whatever was recorded, each lookup finds the same everywhere."""
    records = [
        event(number, name, arn(key), at=at, account_id=account_id, user=user)
        for number, (name, key, at, account_id, user) in enumerate(events, start=1)
    ]
    one, other = memory(Path()), sqlite(tmp_path_factory.mktemp("history"))
    one.add(*records)
    other.add(*records)
    for account_id in (ALICE_ACCOUNT, None):
        for attribute, value in [(None, ""), (Attribute.USERNAME, "ann"), (Attribute.RESOURCE_NAME, arn(1))]:
            for since in (None, NOW + 1):
                lookup = Lookup(account_id=account_id, region=REGION, attribute=attribute, value=value, since=since)
                assert found(one, lookup) == found(other, lookup)
    for key in range(4):
        assert one.history.last_use(arn(key)) == other.history.last_use(arn(key))
    other.close()
