"""Rotation through the gate: on demand, by itself, and what is told of it."""

from base64 import b64encode

import pytest

from harness.world import World

DAY = 86_400.0
TEXT = b64encode(b"text").decode()


@pytest.fixture
def world() -> World:
    return World()


def encrypted(world: World, key_id: str) -> str:
    blob: str = world.call("Encrypt", {"KeyId": key_id, "Plaintext": TEXT})["CiphertextBlob"]
    return blob


def material_id(world: World, key_id: str) -> str:
    found: str = world.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["CurrentKeyMaterialId"]
    return found


def test_status_without_rotation(world: World) -> None:
    """A new key does not rotate by itself: no period and no date."""
    key = world.make_key()
    status = world.call("GetKeyRotationStatus", {"KeyId": key["KeyId"]})
    assert status == {"KeyId": key["Arn"], "KeyRotationEnabled": False}


@pytest.mark.parametrize(("given", "days"), [(None, 365), (90, 90), (2560, 2560)])
def test_status_with_rotation(world: World, given: int | None, days: int) -> None:
    """The period, a year unless another one was given, and the date that follows from it."""
    key = world.make_key()
    period = {} if given is None else {"RotationPeriodInDays": given}
    assert world.call("EnableKeyRotation", {"KeyId": key["KeyId"], **period}) == {}
    assert world.call("GetKeyRotationStatus", {"KeyId": key["KeyId"]}) == {
        "KeyId": key["Arn"],
        "KeyRotationEnabled": True,
        "RotationPeriodInDays": days,
        "NextRotationDate": world.clock.now() + days * DAY,
    }


@pytest.mark.parametrize("days", [89, 2561])
def test_a_period_has_limits(world: World, days: int) -> None:
    """90 to 2,560 days."""
    key = world.make_key()
    code, _ = world.refusal("EnableKeyRotation", {"KeyId": key["KeyId"], "RotationPeriodInDays": days})
    assert code == "ValidationException"


def test_the_same_period_again_moves_nothing(world: World) -> None:
    """A client that sends what is so already does not push the rotation away; another period counts from now."""
    key_id = world.make_key()["KeyId"]
    world.call("EnableKeyRotation", {"KeyId": key_id, "RotationPeriodInDays": 100})
    date = world.call("GetKeyRotationStatus", {"KeyId": key_id})["NextRotationDate"]
    world.clock.seconds += 10 * DAY
    for period in ({"RotationPeriodInDays": 100}, {}):
        world.call("EnableKeyRotation", {"KeyId": key_id, **period})
        assert world.call("GetKeyRotationStatus", {"KeyId": key_id})["NextRotationDate"] == date
    world.call("EnableKeyRotation", {"KeyId": key_id, "RotationPeriodInDays": 90})
    assert world.call("GetKeyRotationStatus", {"KeyId": key_id})["NextRotationDate"] == world.clock.now() + 90 * DAY


def test_off_is_off(world: World) -> None:
    """After DisableKeyRotation the day passes without anything."""
    key_id = world.make_key()["KeyId"]
    world.call("EnableKeyRotation", {"KeyId": key_id})
    world.call("DisableKeyRotation", {"KeyId": key_id})
    world.clock.seconds += 400 * DAY
    assert world.upkeep.attend_due_keys() == 0
    assert world.call("GetKeyRotationStatus", {"KeyId": key_id})["KeyRotationEnabled"] is False


def test_on_demand(world: World) -> None:
    """New material at once; the schedule stays, and old blobs open with the material that made them."""
    key = world.make_key()
    world.call("EnableKeyRotation", {"KeyId": key["KeyId"]})
    date = world.call("GetKeyRotationStatus", {"KeyId": key["KeyId"]})["NextRotationDate"]
    first, old = material_id(world, key["KeyId"]), encrypted(world, key["KeyId"])
    assert world.call("RotateKeyOnDemand", {"KeyId": key["KeyId"]}) == {"KeyId": key["Arn"]}
    second, new = material_id(world, key["KeyId"]), encrypted(world, key["KeyId"])
    assert first != second
    for blob, made_by in ((old, first), (new, second)):
        opened = world.call("Decrypt", {"CiphertextBlob": blob})
        assert (opened["Plaintext"], opened["KeyMaterialId"], opened["KeyId"]) == (TEXT, made_by, key["Arn"])
    assert world.call("GetKeyRotationStatus", {"KeyId": key["KeyId"]})["NextRotationDate"] == date


def test_on_demand_has_a_limit(world: World) -> None:
    """25 for a key, in AWS's words."""
    key = world.make_key()
    for _ in range(25):
        world.call("RotateKeyOnDemand", {"KeyId": key["KeyId"]})
    text = (
        "The on-demand rotations limit has been reached for the given keyId. "
        f"No more on-demand rotations can be performed for this key: {key['Arn']}"
    )
    assert world.refusal("RotateKeyOnDemand", {"KeyId": key["KeyId"]}) == ("LimitExceededException", text)


def test_on_demand_just_before_the_day(world: World) -> None:
    """Within 20 minutes of an automatic rotation: ConflictException."""
    key_id = world.make_key()["KeyId"]
    world.call("EnableKeyRotation", {"KeyId": key_id})
    world.clock.seconds += 365 * DAY - 1_201
    world.call("RotateKeyOnDemand", {"KeyId": key_id})
    world.clock.seconds += 1
    assert world.refusal("RotateKeyOnDemand", {"KeyId": key_id})[0] == "ConflictException"


def test_by_itself(world: World) -> None:
    """On its day, once, also when the server was down for several of them; the days that follow stay what they were."""
    key_id = world.make_key()["KeyId"]
    world.call("EnableKeyRotation", {"KeyId": key_id, "RotationPeriodInDays": 100})
    begun, old = world.clock.now(), encrypted(world, key_id)
    world.clock.seconds += 100 * DAY - 1
    assert world.upkeep.attend_due_keys() == 0
    world.clock.seconds += 1
    assert world.upkeep.attend_due_keys() == 1
    assert world.upkeep.attend_due_keys() == 0
    world.clock.seconds += 350 * DAY
    assert world.upkeep.attend_due_keys() == 1
    status = world.call("GetKeyRotationStatus", {"KeyId": key_id})
    assert status["NextRotationDate"] == begun + 500 * DAY
    rotations = world.call("ListKeyRotations", {"KeyId": key_id})["Rotations"]
    assert [entry["RotationType"] for entry in rotations] == ["AUTOMATIC", "AUTOMATIC"]
    assert world.call("Decrypt", {"CiphertextBlob": old})["Plaintext"] == TEXT


def test_a_jump_of_the_clock_rotates_nothing(world: World) -> None:
    """A wall clock that is ahead of what really passed brings no rotation."""
    key_id = world.make_key()["KeyId"]
    world.call("EnableKeyRotation", {"KeyId": key_id})
    world.clock.mature_seconds = world.clock.now()
    world.clock.seconds += 400 * DAY
    assert world.upkeep.attend_due_keys() == 0


def test_a_disabled_key_waits(world: World) -> None:
    """It rotates when it is enabled again."""
    key_id = world.make_key()["KeyId"]
    world.call("EnableKeyRotation", {"KeyId": key_id})
    world.call("DisableKey", {"KeyId": key_id})
    world.clock.seconds += 366 * DAY
    assert world.upkeep.attend_due_keys() == 0
    world.call("EnableKey", {"KeyId": key_id})
    assert world.upkeep.attend_due_keys() == 1


def test_a_key_that_is_pending_deletion_does_not_rotate(world: World) -> None:
    """Its status says so; after CancelKeyDeletion it is what it was."""
    key_id = world.make_key()["KeyId"]
    world.call("EnableKeyRotation", {"KeyId": key_id})
    world.call("ScheduleKeyDeletion", {"KeyId": key_id})
    assert world.call("GetKeyRotationStatus", {"KeyId": key_id})["KeyRotationEnabled"] is False
    world.call("CancelKeyDeletion", {"KeyId": key_id})
    assert world.call("GetKeyRotationStatus", {"KeyId": key_id})["KeyRotationEnabled"] is True


def test_the_history(world: World) -> None:
    """Newest first; the first material only if it is asked for, without date and type; page by page."""
    key = world.make_key()
    ids = [material_id(world, key["KeyId"])]
    for _ in range(2):
        world.clock.seconds += DAY
        world.call("RotateKeyOnDemand", {"KeyId": key["KeyId"]})
        ids.append(material_id(world, key["KeyId"]))
    now = world.clock.now()
    newest = [
        {
            "KeyId": key["Arn"],
            "KeyMaterialId": material,
            "KeyMaterialState": state,
            "RotationDate": at,
            "RotationType": "ON_DEMAND",
        }
        for material, state, at in ((ids[2], "CURRENT", now), (ids[1], "NON_CURRENT", now - DAY))
    ]
    first = {"KeyId": key["Arn"], "KeyMaterialId": ids[0], "KeyMaterialState": "NON_CURRENT"}
    listed = world.call("ListKeyRotations", {"KeyId": key["KeyId"]})
    assert listed == {"Rotations": newest, "Truncated": False}
    everything = {"KeyId": key["KeyId"], "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
    assert world.call("ListKeyRotations", everything)["Rotations"] == [*newest, first]
    page = world.call("ListKeyRotations", {**everything, "Limit": 2})
    assert (page["Rotations"], page["Truncated"]) == (newest, True)
    rest = world.call("ListKeyRotations", {**everything, "Marker": page["NextMarker"]})
    assert (rest["Rotations"], rest["Truncated"]) == ([first], False)


def test_a_new_key_lists_nothing(world: World) -> None:
    """There was no rotation yet."""
    assert world.call("ListKeyRotations", {"KeyId": world.make_key()["KeyId"]})["Rotations"] == []


@pytest.mark.parametrize(
    "operation",
    ["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "ListKeyRotations"],
)
@pytest.mark.parametrize(("spec", "usage"), [("ECC_NIST_P256", "SIGN_VERIFY"), ("HMAC_256", "GENERATE_VERIFY_MAC")])
def test_other_keys_do_not_rotate(world: World, operation: str, spec: str, usage: str) -> None:
    """Asymmetric and HMAC keys: UnsupportedOperationException without a message."""
    key_id = world.make_key(KeySpec=spec, KeyUsage=usage)["KeyId"]
    assert world.refusal(operation, {"KeyId": key_id}) == ("UnsupportedOperationException", None)


def test_a_disabled_key_of_another_kind_is_disabled_first(world: World) -> None:
    """The state is looked at before the kind: seen on AWS with RotateKeyOnDemand."""
    key = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    world.call("DisableKey", {"KeyId": key["KeyId"]})
    assert world.refusal("RotateKeyOnDemand", {"KeyId": key["KeyId"]}) == (
        "DisabledException",
        f"{key['Arn']} is disabled.",
    )


@pytest.mark.parametrize("automatic", [True, False])
def test_the_event(world: World, automatic: bool) -> None:  # noqa: FBT001  a case of the test
    """RotateKey, as CloudTrail shows it: nobody asked, old and new material are named by their IDs."""
    key = world.make_key()
    first = material_id(world, key["KeyId"])
    if automatic:
        world.call("EnableKeyRotation", {"KeyId": key["KeyId"]})
        world.clock.seconds += 365 * DAY
        world.upkeep.attend_due_keys()
    else:
        world.call("RotateKeyOnDemand", {"KeyId": key["KeyId"]})
    event = world.committed_records()[-1]
    assert (event["eventName"], event["eventType"]) == ("RotateKey", "AwsServiceEvent")
    assert "requestID" not in event
    assert event["serviceEventDetails"] == {
        "rotationType": "AUTOMATIC" if automatic else "ON_DEMAND",
        "keyOrigin": "AWS_KMS",
        "previousKeyMaterialId": first,
        "currentKeyMaterialId": material_id(world, key["KeyId"]),
        "keyId": key["KeyId"],
    }
    assert event["resources"][0]["ARN"] == key["Arn"]


@pytest.mark.parametrize(
    "kind",
    [
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"Origin": "EXTERNAL"},
    ],
)
def test_the_rotation_status_of_keys_that_do_not_rotate_is_false(world: World, kind: dict[str, str]) -> None:
    """Terraform asks it of each key of origin AWS_KMS that it reads; only to enable or disable rotation is refused."""
    key = world.make_key(**kind)
    status = world.call("GetKeyRotationStatus", {"KeyId": key["KeyId"]})
    assert status == {"KeyId": key["Arn"], "KeyRotationEnabled": False}
