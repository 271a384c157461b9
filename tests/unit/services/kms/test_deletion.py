"""ScheduleKeyDeletion, CancelKeyDeletion, and what the pending window means for the key."""

import pytest

from harness.world import ALICE_ACCOUNT, REGION, World
from selfkms.domain.iam.callers import Caller
from selfkms.services.context import Context
from selfkms.services.kms.deletion import end_key

DAY = 86_400


def constraint(shown: str, text: str) -> tuple[str, str]:
    begin = f"1 validation error detected: Value '{shown}' at 'pendingWindowInDays' failed to satisfy constraint: "
    return "ValidationException", begin + text


@pytest.mark.parametrize(("parameters", "days"), [({}, 30), ({"PendingWindowInDays": 7}, 7)])
def test_the_answer_says_when_the_key_ends(world: World, parameters: dict[str, int], days: int) -> None:
    """30 days unless the request says so; the answer has the ARN, the date, the state and the days."""
    key = world.make_key()
    world.clock.seconds += 0.5
    answer = world.call("ScheduleKeyDeletion", {"KeyId": key["KeyId"], **parameters})
    end = world.clock.now() + days * DAY
    assert answer == {
        "KeyId": key["Arn"],
        "DeletionDate": end,
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }
    described = world.call("DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"]
    assert described == key | {"KeyState": "PendingDeletion", "Enabled": False, "DeletionDate": end}


@pytest.mark.parametrize("days", [7, 8, 29, 30])
def test_the_window_has_seven_to_thirty_days(world: World, days: int) -> None:
    """Both ends of the range are taken."""
    key_id = world.make_key()["KeyId"]
    answer = world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": days})
    assert answer["DeletionDate"] == world.clock.now() + days * DAY


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (6, "Member must have value greater than or equal to 7"),
        (0, "Member must have value greater than or equal to 7"),
        (-7, "Member must have value greater than or equal to 7"),
        (31, "Member must have value less than or equal to 30"),
        (365, "Member must have value less than or equal to 30"),
    ],
)
def test_other_windows_are_refused(world: World, days: int, text: str) -> None:
    """The model says 1 to 365, the service 7 to 30; a refused request leaves the key as it was."""
    key = world.make_key()
    parameters = {"KeyId": key["KeyId"], "PendingWindowInDays": days}
    assert world.refusal("ScheduleKeyDeletion", parameters) == constraint(str(days), text)
    assert world.call("DescribeKey", {"KeyId": key["KeyId"]}) == {"KeyMetadata": key}


def test_a_cancelled_key_is_disabled(world: World) -> None:
    """CancelKeyDeletion answers the ARN, leaves the key Disabled, and its date goes."""
    key = world.make_key()
    world.call("ScheduleKeyDeletion", {"KeyId": key["KeyId"]})
    assert world.call("CancelKeyDeletion", {"KeyId": key["Arn"]}) == {"KeyId": key["Arn"]}
    described = world.call("DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"]
    assert described == key | {"KeyState": "Disabled", "Enabled": False}


def test_a_cancelled_key_opens_its_old_blobs_again(world: World) -> None:
    """Nothing of the material is lost while a key waits for its end: enabled again, it decrypts what it encrypted."""
    key_id = world.make_key()["KeyId"]
    blob = world.call("Encrypt", {"KeyId": key_id, "Plaintext": "c2VjcmV0"})["CiphertextBlob"]
    world.call("ScheduleKeyDeletion", {"KeyId": key_id})
    world.call("CancelKeyDeletion", {"KeyId": key_id})
    world.call("EnableKey", {"KeyId": key_id})
    assert world.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == "c2VjcmV0"


@pytest.mark.parametrize("state", ["Enabled", "Disabled"])
def test_only_a_waiting_key_can_be_cancelled(world: World, state: str) -> None:
    """CancelKeyDeletion of a key that is not pending deletion is refused."""
    key = world.make_key()
    if state == "Disabled":
        world.call("DisableKey", {"KeyId": key["KeyId"]})
    text = f"{key['Arn']} is not pending deletion."
    assert world.refusal("CancelKeyDeletion", {"KeyId": key["KeyId"]}) == ("KMSInvalidStateException", text)


def test_the_window_is_not_begun_twice(world: World) -> None:
    """A second ScheduleKeyDeletion is refused and moves the end neither way."""
    key = world.make_key()
    first = world.call("ScheduleKeyDeletion", {"KeyId": key["KeyId"]})
    world.clock.seconds += DAY
    parameters = {"KeyId": key["KeyId"], "PendingWindowInDays": 7}
    text = f"{key['Arn']} is pending deletion."
    assert world.refusal("ScheduleKeyDeletion", parameters) == ("KMSInvalidStateException", text)
    described = world.call("DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"]
    assert described["DeletionDate"] == first["DeletionDate"]


def test_a_key_is_scheduled_anew_after_a_cancel(world: World) -> None:
    """The window of a second schedule begins with it, not with the first."""
    key_id = world.make_key()["KeyId"]
    world.call("ScheduleKeyDeletion", {"KeyId": key_id})
    world.call("CancelKeyDeletion", {"KeyId": key_id})
    world.clock.seconds += DAY
    answer = world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    assert answer["DeletionDate"] == world.clock.now() + 7 * DAY


def test_after_the_window_alone_a_key_is_still_there(world: World) -> None:
    """Requests never end a key, however late it is: until the keeper does, it stays pending and can be cancelled."""
    key = world.make_key()
    world.call("ScheduleKeyDeletion", {"KeyId": key["KeyId"]})
    world.clock.seconds += 31 * DAY
    assert world.call("CancelKeyDeletion", {"KeyId": key["KeyId"]}) == {"KeyId": key["Arn"]}


def test_only_the_end_of_a_window_ends_a_key(world: World) -> None:
    """`end_key` on a key that is in use is a mistake of ours, and nothing is asked to change."""
    key_id = world.make_key()["KeyId"]
    key = world.database.key(ALICE_ACCOUNT, REGION, key_id)
    assert key is not None
    context = Context(
        caller=Caller.root(ALICE_ACCOUNT, ""),
        region=REGION,
        now=0.0,
        database=world.database,
        key_store=world.key_store,
        entropy=world.entropy,
        keys=world.keys,
    )
    with pytest.raises(AssertionError):
        end_key(key, context)
    assert context.changes == []
