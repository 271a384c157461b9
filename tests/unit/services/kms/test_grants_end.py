"""RetireGrant, RevokeGrant, and the end of the key."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, REGION, World
from selfkms.domain.arns import user_arn
from selfkms.domain.kms.grants import Grant

ADMIN = user_arn(ALICE_ACCOUNT, "/", "admin")
DRY_RUN = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


@pytest.fixture
def key_id(world: World) -> str:
    """A new symmetric KMS key."""
    made: str = world.make_key()["KeyId"]
    return made


def create(world: World, key_id: str, **parameters: Any) -> dict[str, Any]:
    """The answer of CreateGrant with an operation and a grantee."""
    return world.call("CreateGrant", good(key_id, **parameters))


def good(key_id: str, **parameters: Any) -> dict[str, Any]:
    """Parameters that CreateGrant takes."""
    return {"KeyId": key_id, "GranteePrincipal": ADMIN, "Operations": ["Decrypt"], **parameters}


def stored(world: World, key_id: str) -> list[Grant]:
    return world.database.grants(ALICE_ACCOUNT, REGION, key_id, after="", limit=1_000)


def only(world: World, key_id: str) -> Grant:
    (grant,) = stored(world, key_id)
    return grant


class TestRetire:
    """RetireGrant, by the root user of the account, which may always do so."""

    root = f"{ALICE_ACCOUNT}-root"

    def test_by_token(self, world: World, key_id: str) -> None:
        """Any token of the grant; it answers nothing, and the grant is gone."""
        other = create(world, key_id)
        create(world, key_id, Name="n")
        token = create(world, key_id, Name="n")["GrantToken"]
        assert world.call("RetireGrant", {"GrantToken": token}, by=self.root) == {}
        assert only(world, key_id).grant_id == other["GrantId"]
        code, _ = world.refusal("RetireGrant", {"GrantToken": token}, by=self.root)
        assert code == "NotFoundException"

    @pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
    def test_by_key_and_grant_id(self, world: World, named_by: str) -> None:
        """Key ID or key ARN, and the grant ID."""
        key = world.make_key()
        grant_id = create(world, key["KeyId"])["GrantId"]
        parameters = {"KeyId": key[named_by], "GrantId": grant_id}
        assert world.call("RetireGrant", parameters, by=self.root) == {}
        assert stored(world, key["KeyId"]) == []

    @pytest.mark.parametrize("members", [(), ("KeyId",), ("GrantId",), ("GrantToken", "KeyId"), "all"])
    def test_in_one_way(self, world: World, key_id: str, members: Sequence[str]) -> None:
        """A token, or a key and a grant ID; half of it or both is refused and retires nothing."""
        answer = create(world, key_id)
        every = {"KeyId": key_id, **answer}
        parameters = every if members == "all" else {member: every[member] for member in members}
        text = "You must specify either a grant token, or both a key ID and a grant ID."
        assert world.refusal("RetireGrant", parameters, by=self.root) == ("ValidationException", text)
        assert only(world, key_id).grant_id == answer["GrantId"]

    def test_what_is_no_grant(self, world: World, key_id: str) -> None:
        """A grant ID of another form, one that the key does not have, a token that is none."""
        call = {"KeyId": key_id, "GrantId": "abc"}
        assert world.refusal("RetireGrant", call, by=self.root) == (
            "InvalidGrantIdException",
            "Invalid grantId 'abc'",
        )
        code, _ = world.refusal("RetireGrant", {"KeyId": key_id, "GrantId": "0" * 64}, by=self.root)
        assert code == "NotFoundException"
        refusal = world.refusal("RetireGrant", {"GrantToken": "forged"}, by=self.root)
        assert refusal == ("InvalidGrantTokenException", None)

    def test_a_dry_run_retires_nothing(self, world: World, key_id: str) -> None:
        """DryRun says only that it would."""
        answer = create(world, key_id)
        call = {"GrantToken": answer["GrantToken"], "DryRun": True}
        assert world.refusal("RetireGrant", call, by=self.root) == DRY_RUN
        assert only(world, key_id).grant_id == answer["GrantId"]


class TestRevoke:
    """RevokeGrant."""

    @pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
    def test_by_key_and_grant_id(self, world: World, named_by: str) -> None:
        """It answers nothing, the grant is gone, and others stay."""
        key = world.make_key()
        first, second = (create(world, key["KeyId"])["GrantId"] for _ in range(2))
        assert world.call("RevokeGrant", {"KeyId": key[named_by], "GrantId": first}) == {}
        assert only(world, key["KeyId"]).grant_id == second
        refusal = world.refusal("RevokeGrant", {"KeyId": key[named_by], "GrantId": first})
        assert refusal == ("NotFoundException", f"Grant ID {first} not found")

    def test_what_is_no_grant_of_this_key(self, world: World, key_id: str) -> None:
        """The ID of a grant on another key, and what cannot be one."""
        other = create(world, world.make_key()["KeyId"])["GrantId"]
        refusal = world.refusal("RevokeGrant", {"KeyId": key_id, "GrantId": other})
        assert refusal == ("NotFoundException", f"Grant ID {other} not found")
        refusal = world.refusal("RevokeGrant", {"KeyId": key_id, "GrantId": "abc"})
        assert refusal == ("InvalidGrantIdException", "Invalid grantId 'abc'")

    def test_a_dry_run_revokes_nothing(self, world: World, key_id: str) -> None:
        """DryRun says only that it would; an unknown grant is unknown."""
        grant_id = create(world, key_id)["GrantId"]
        assert world.refusal("RevokeGrant", {"KeyId": key_id, "GrantId": grant_id, "DryRun": True}) == DRY_RUN
        assert only(world, key_id).grant_id == grant_id
        code, _ = world.refusal("RevokeGrant", {"KeyId": key_id, "GrantId": "0" * 64, "DryRun": True})
        assert code == "NotFoundException"


def test_a_key_takes_its_grants_along(world: World, key_id: str) -> None:
    """At the end of the pending window all grants of the key go with it, and those of other keys stay."""
    other = world.make_key()["KeyId"]
    for number in range(3):
        create(world, key_id, Name=f"n{number}")
    kept = create(world, other)
    world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    world.clock.seconds += 7 * 86_400
    world.upkeep.attend_due_keys()
    assert world.database.key(ALICE_ACCOUNT, REGION, key_id) is None
    assert stored(world, key_id) == []
    assert only(world, other).grant_id == kept["GrantId"]


class TestAudit:
    """Source: KMS developer guide, "Examples of AWS KMS log entries": RetireGrant, RevokeGrant."""

    def test_retire_grant(self, world: World, key_id: str) -> None:
        """No parameters; the grant ID among the additional facts."""
        answer = create(world, key_id)
        world.call("RetireGrant", {"GrantToken": answer["GrantToken"]}, by=TestRetire.root)
        record = world.record()
        assert (record["requestParameters"], record["responseElements"]) == (None, None)
        assert record["additionalEventData"] == {"grantId": answer["GrantId"]}
        assert record["resources"][0]["ARN"].endswith(key_id)
        assert record["readOnly"] is False

    def test_revoke_grant(self, world: World, key_id: str) -> None:
        """Key and grant ID as they were given."""
        grant_id = create(world, key_id)["GrantId"]
        world.call("RevokeGrant", {"KeyId": key_id, "GrantId": grant_id})
        record = world.record()
        assert record["requestParameters"] == {"keyId": key_id, "grantId": grant_id}
        assert record["responseElements"] is None
        assert record["readOnly"] is False

    def test_no_token_is_recorded(self, world: World, key_id: str) -> None:
        """Neither one that was given out, nor one that was brought, whatever came of it."""
        token = create(world, key_id)["GrantToken"]
        create(world, key_id, GrantTokens=[token])
        records = world.committed_records()
        for operation, parameters in (
            ("CreateGrant", good(key_id, GrantTokens=[token], DryRun=True)),
            ("RetireGrant", {"GrantToken": token, "KeyId": key_id}),
            ("RetireGrant", {"GrantToken": token, "DryRun": True}),
        ):
            world.refusal(operation, parameters, by=TestRetire.root)
            records.append(world.record())
        assert token not in json.dumps(records)
