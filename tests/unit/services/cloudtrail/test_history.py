"""LookupEvents through the gate: results, pages, and each refusal.

Source: CloudTrail API Reference, "LookupEvents".
"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, Refused, World
from selfkms.adapters.memory.event_history import MemoryEventHistory
from selfkms.ports.event_history import HistoryUnavailableError

ENTRY = {
    "EventId",
    "EventName",
    "ReadOnly",
    "AccessKeyId",
    "EventTime",
    "EventSource",
    "Username",
    "Resources",
    "CloudTrailEvent",
}
ROOT = f"{ALICE_ACCOUNT}-root"


def by(key: str, value: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def names(world: World, *, by: str = ALICE_ACCOUNT, region: str = REGION, **parameters: Any) -> list[str]:
    """The operations of the events that are found, lookups apart."""
    events = world.lookup_events(parameters, by=by, region=region)["Events"]
    return [entry["EventName"] for entry in events if entry["EventName"] != "LookupEvents"]


def refusal(world: World, parameters: dict[str, Any], **who: str) -> tuple[str, str | None]:
    with pytest.raises(Refused) as refused:
        world.lookup_events(parameters, **who)
    return refused.value.code, refused.value.message


@pytest.fixture
def key(world: World) -> dict[str, Any]:
    """A key that was used once, and looked at once by the root user."""
    key = world.make_key()
    world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})
    world.call("DescribeKey", {"KeyId": key["KeyId"]}, by=ROOT)
    return key


class TestResults:
    """What is found, and how it looks."""

    def test_an_event(self, world: World, key: dict[str, Any]) -> None:
        """All members, ReadOnly a string, and the whole record as JSON in a string."""
        answer = world.lookup_events(by("EventName", "Encrypt"))
        assert answer.keys() == {"Events"}
        (entry,) = answer["Events"]
        assert entry.keys() == ENTRY
        record = json.loads(entry["CloudTrailEvent"])
        assert record["requestParameters"]["keyId"] == key["KeyId"]
        assert entry["EventId"] == record["eventID"]
        assert entry["EventTime"] == int(world.clock.now())
        assert (entry["ReadOnly"], entry["Username"], entry["EventSource"]) == ("true", "admin", "kms.amazonaws.com")
        assert entry["AccessKeyId"] == f"AKIA{ALICE_ACCOUNT}ADMN"
        assert entry["Resources"] == [{"ResourceType": "AWS::KMS::Key", "ResourceName": key["Arn"]}]

    def test_an_event_of_no_user_about_nothing(self, world: World) -> None:
        """Members without a value are left out, the list of resources is there."""
        world.call("GenerateRandom", {"NumberOfBytes": 1}, by=ROOT)
        (entry,) = world.lookup_events(by("EventName", "GenerateRandom"))["Events"]
        assert (entry["Username"], entry["Resources"]) == ("root", [])
        world.clock.seconds += 400 * 86_400
        world.call("EnableKeyRotation", {"KeyId": world.make_key()["KeyId"]})
        world.clock.seconds += 400 * 86_400
        world.upkeep.attend_due_keys()
        (rotated,) = world.lookup_events(by("EventName", "RotateKey"))["Events"]
        assert rotated.keys() == ENTRY - {"Username", "AccessKeyId"}
        assert rotated["ReadOnly"] == "false"

    def test_the_newest_comes_first(self, world: World, key: dict[str, Any]) -> None:
        """Whether it was a change or not; the request that asks is not among them."""
        world.clock.seconds += 1
        world.call("DisableKey", {"KeyId": key["KeyId"]})
        assert names(world) == ["DisableKey", "DescribeKey", "Encrypt", "CreateKey"]

    def test_nothing_is_found(self, world: World) -> None:
        """An empty list, and no token."""
        assert world.lookup_events(by("EventName", "Encrypt")) == {"Events": []}

    def test_others_see_nothing_of_it(self, world: World, key: dict[str, Any]) -> None:
        """Neither another account nor another Region, not even by the ID of the event."""
        event_id = world.lookup_events(by("EventName", "Encrypt"))["Events"][0]["EventId"]
        assert len(world.lookup_events(by("EventId", event_id))["Events"]) == 1
        for query in ({}, by("EventId", event_id), by("ResourceName", key["Arn"])):
            assert names(world, by=BOB_ACCOUNT, **query) == []
            assert names(world, region="eu-west-1", **query) == []

    @pytest.mark.parametrize(
        ("attribute", "value", "found"),
        [
            ("ReadOnly", "false", ["CreateKey"]),
            ("ReadOnly", "true", ["DescribeKey", "Encrypt"]),
            ("Username", "root", ["DescribeKey"]),
            ("Username", "admin", ["Encrypt", "CreateKey"]),
            ("AccessKeyId", f"AKIA{ALICE_ACCOUNT}ROOT", ["DescribeKey"]),
            ("ResourceType", "AWS::KMS::Key", ["DescribeKey", "Encrypt", "CreateKey"]),
            ("ResourceType", "AWS::KMS::Alias", []),
            ("EventSource", "kms.amazonaws.com", ["DescribeKey", "Encrypt", "CreateKey"]),
        ],
    )
    @pytest.mark.usefixtures("key")
    def test_by_attribute(self, world: World, attribute: str, value: str, found: list[str]) -> None:
        """Each that the model has; the value to the letter."""
        assert names(world, **by(attribute, value)) == found

    def test_by_time(self, world: World, key: dict[str, Any]) -> None:
        """Both ends are part of it; also together with an attribute, and with fractions of a second."""
        now = world.clock.now()
        world.clock.seconds += 10
        world.call("DescribeKey", {"KeyId": key["KeyId"]})
        assert names(world, StartTime=now + 10) == ["DescribeKey"]
        assert names(world, StartTime=now + 0.5) == ["DescribeKey"]
        assert names(world, EndTime=now, **by("EventName", "DescribeKey")) == ["DescribeKey"]
        assert names(world, StartTime=now + 11) == []
        assert names(world, StartTime=now, EndTime=now) == ["DescribeKey", "Encrypt", "CreateKey"]

    def test_refused_requests_are_events(self, world: World) -> None:
        """With what they were refused with."""
        world.refusal("DescribeKey", {"KeyId": "alias/none"})
        (entry,) = world.lookup_events(by("EventName", "DescribeKey"))["Events"]
        assert json.loads(entry["CloudTrailEvent"])["errorCode"] == "NotFoundException"

    def test_the_lookup_itself_is_an_event(self, world: World) -> None:
        """It only reads; its parameters are written as CloudTrail writes them."""
        world.lookup_events({**by("Username", "eve"), "StartTime": 1_792_000_000, "MaxResults": 5})
        record = world.record()
        assert (record["eventSource"], record["readOnly"]) == ("cloudtrail.amazonaws.com", True)
        assert record["requestParameters"] == {
            "lookupAttributes": [{"attributeKey": "Username", "attributeValue": "eve"}],
            "startTime": "Oct 14, 2026, 5:46:40 PM",
            "maxResults": 5,
        }
        assert record["responseElements"] is None
        assert len(world.lookup_events(by("EventName", "LookupEvents"))["Events"]) == 1


class TestPages:
    """Tokens: the same query goes on, and no other."""

    def test_all_events_by_pages(self, world: World, key: dict[str, Any]) -> None:
        """Each once; no token when there is nothing more."""
        query = by("ResourceName", key["Arn"])
        page = world.lookup_events({**query, "MaxResults": 2})
        assert [entry["EventName"] for entry in page["Events"]] == ["DescribeKey", "Encrypt"]
        last = world.lookup_events({**query, "MaxResults": 2, "NextToken": page["NextToken"]})
        assert last.keys() == {"Events"}
        assert [entry["EventName"] for entry in last["Events"]] == ["CreateKey"]

    def test_fifty_are_the_most(self, world: World) -> None:
        """Without MaxResults and with it; exactly 50 need no token."""
        for _ in range(51):
            world.call("GenerateRandom", {"NumberOfBytes": 1})
        query = by("EventName", "GenerateRandom")
        page = world.lookup_events(query)
        assert len(page["Events"]) == 50
        assert len(world.lookup_events({**query, "NextToken": page["NextToken"]})["Events"]) == 1
        exactly = {**query, "EndTime": world.clock.now()}
        world.clock.seconds += 1
        assert "NextToken" in world.lookup_events({**exactly, "MaxResults": 50})

    def test_a_page_may_be_of_another_size(self, world: World, key: dict[str, Any]) -> None:
        """How much is wanted at once is no part of the query."""
        query = by("ResourceName", key["Arn"])
        token = world.lookup_events({**query, "MaxResults": 1})["NextToken"]
        assert len(world.lookup_events({**query, "MaxResults": 2, "NextToken": token})["Events"]) == 2

    @pytest.mark.parametrize(
        "other",
        [
            by("Username", "admin"),
            by("EventName", "Encrypt"),
            {"StartTime": 1.0},
            {"EndTime": 2e9},
            {**by("ReadOnly", "true"), "StartTime": 1.0},
        ],
    )
    def test_a_token_of_another_query(self, world: World, key: dict[str, Any], other: dict[str, Any]) -> None:
        """It must come with the parameters that it was issued for."""
        assert key
        token = world.lookup_events({**by("ReadOnly", "true"), "MaxResults": 1})["NextToken"]
        assert refusal(world, {**other, "NextToken": token})[0] == "InvalidNextTokenException"

    @pytest.mark.usefixtures("key")
    def test_a_token_of_another_account_or_region(self, world: World) -> None:
        """It is worth nothing there."""
        token = world.lookup_events({"MaxResults": 1})["NextToken"]
        for who in ({"by": BOB_ACCOUNT}, {"region": "eu-west-1"}):
            assert refusal(world, {"NextToken": token}, **who)[0] == "InvalidNextTokenException"
        assert world.lookup_events({"NextToken": token}, by=ROOT)["Events"]

    @pytest.mark.parametrize("token", ["", "x", "é", "AAAA", "A" * 4_000, "===="])
    def test_a_token_of_nobody(self, world: World, token: str) -> None:
        """Refused, whatever it is."""
        assert refusal(world, {"NextToken": token}) == ("InvalidNextTokenException", "The next token is not valid.")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_altered_token_is_never_taken(world: World, data: st.DataObject) -> None:
    """Whichever character is another one."""
    for _ in range(2):
        world.call("GenerateRandom", {"NumberOfBytes": 1})
    token = world.lookup_events({"MaxResults": 1, "EndTime": world.clock.now()})["NextToken"]
    position = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda other: other != token[position]))
    altered = token[:position] + character + token[position + 1 :]
    assert refusal(world, {"EndTime": world.clock.now(), "NextToken": altered})[0] == "InvalidNextTokenException"


class TestRefusals:
    """CloudTrail's own errors, not those of the model."""

    @pytest.mark.parametrize("number", [-1, 0, 51, 2**40])
    def test_max_results(self, world: World, number: int) -> None:
        """From 1 to 50."""
        assert refusal(world, {"MaxResults": number}) == (
            "InvalidMaxResultsException",
            f"A max results value of {number} is invalid. Specify max results between 1 and 50.",
        )

    @pytest.mark.parametrize("number", [1, 50])
    def test_the_highest_and_the_lowest(self, world: World, number: int) -> None:
        """Both are taken."""
        assert world.lookup_events({"MaxResults": number}) is not None

    @pytest.mark.parametrize("attribute", ["", "eventname", "EventNames", "CloudTrailEvent"])
    def test_no_such_attribute(self, world: World, attribute: str) -> None:
        """Case counts."""
        assert refusal(world, by(attribute, "x")) == (
            "InvalidLookupAttributesException",
            "Lookup attribute key is not valid.",
        )

    @pytest.mark.parametrize("value", ["", "x" * 2_001])
    def test_no_value_of_an_attribute(self, world: World, value: str) -> None:
        """1 to 2,000 characters."""
        assert refusal(world, by("Username", value)) == (
            "InvalidLookupAttributesException",
            "Lookup attribute value is not valid.",
        )
        assert world.lookup_events(by("Username", "x" * 2_000)) == {"Events": []}

    def test_one_attribute_at_most(self, world: World) -> None:
        """Currently the list can contain only one item."""
        two = by("Username", "a")["LookupAttributes"] * 2
        assert refusal(world, {"LookupAttributes": two})[0] == "InvalidLookupAttributesException"
        assert "Events" in world.lookup_events({"LookupAttributes": []})

    def test_times(self, world: World) -> None:
        """The end is not before the start."""
        assert refusal(world, {"StartTime": 2.0, "EndTime": 1.0})[0] == "InvalidTimeRangeException"
        assert world.lookup_events({"StartTime": 1.0, "EndTime": 1.0}) == {"Events": []}

    def test_categories(self, world: World) -> None:
        """There are no Insights events here, and no other category anywhere."""
        assert refusal(world, {"EventCategory": "insight"})[0] == "UnsupportedOperationException"
        for category in ("Insight", "management", ""):
            assert refusal(world, {"EventCategory": category})[0] == "InvalidEventCategoryException"

    @pytest.mark.parametrize(
        "attribute", [{}, {"AttributeKey": "Username"}, {"AttributeValue": "admin"}, {"AttributeKey": None}]
    )
    def test_half_an_attribute(self, world: World, attribute: dict[str, Any]) -> None:
        """Key and value are required by the model."""
        assert refusal(world, {"LookupAttributes": [attribute]})[0] == "ValidationException"

    def test_without_permission(self, world: World) -> None:
        """The text names the user and the permission; the resource is all of them."""
        world.strip_of_policies(ALICE_ACCOUNT)
        code, text = refusal(world, {})
        assert code == "AccessDeniedException"
        assert text is not None
        assert text.startswith(f"User: arn:aws:iam::{ALICE_ACCOUNT}:user/admin is not authorized to perform: ")
        assert text.endswith("because no identity-based policy allows the cloudtrail:LookupEvents action")
        assert world.record()["errorCode"] == "AccessDenied"

    def test_without_a_history(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """A failure that clients repeat, not an empty answer."""

        def fail(*_: object, **__: object) -> None:
            raise HistoryUnavailableError("locked")

        monkeypatch.setattr(MemoryEventHistory, "lookup", fail)
        assert refusal(world, {})[0] == "InternalFailure"

    def test_other_operations_are_not_served_yet(self, world: World) -> None:
        """They are known, and refused."""
        outcome = world.send(world.cloudtrail_request("ListChannels"))
        assert msgspec.json.decode(outcome.response.body)["__type"] == "UnsupportedOperationException"
        outcome = world.send(world.cloudtrail_request("Nothing"))
        assert msgspec.json.decode(outcome.response.body)["__type"] == "UnknownOperationException"
