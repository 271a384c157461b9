"""In which order a request is checked: who, what, which key, permission, and only then what state the key is in."""

from typing import Any

import msgspec
import pytest

from harness.policies import allow, deny, only, set_key_policy
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, Refused, World
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.records import Put
from unit.gate.asked_permissions import ADMIN, ON_KEY_ID, refused
from unit.gate.conftest import Parameters

DRY_RUN = (
    "DryRunOperationException",
    "The request would have succeeded, but the DryRun option is set.",
)


def bring_into(world: World, key_id: str, state: KeyState) -> None:
    """Set a state, however a key comes to it."""
    key = world.database.key(ALICE_ACCOUNT, REGION, key_id)
    assert key is not None
    at = world.clock.now() + 86_400 if state is KeyState.PENDING_DELETION else None
    world.database.commit([Put(key.changed(state=state, deletion_at=at))])


class TestPermissionComesFirst:
    """Whoever may not use a key learns nothing of its state or kind."""

    @pytest.mark.parametrize("state", KeyState)
    @pytest.mark.parametrize("operation", ON_KEY_ID)
    def test_before_the_state(self, world: World, operation: str, state: KeyState) -> None:
        """In every state the refusal is the same."""
        key = world.make_key()
        bring_into(world, key["KeyId"], state)
        only(world)
        why = f"because no identity-based policy allows the kms:{operation} action"
        refusal = world.refusal(operation, {"KeyId": key["KeyId"], **ON_KEY_ID[operation]})
        assert refusal == refused(operation, key["Arn"], why)

    @pytest.mark.parametrize("operation", ["Encrypt", "Sign", "GenerateMac", "DeriveSharedSecret", "Decapsulate"])
    def test_before_the_usage(self, world: World, operation: str) -> None:
        """What kind of key it is, is not told."""
        kinds: list[dict[str, Any]] = [{}, {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}]
        keys = [world.make_key(**kind) for kind in kinds]
        only(world)
        for key in keys:
            code, _ = world.refusal(operation, {"KeyId": key["KeyId"], **ON_KEY_ID[operation]})
            assert code == "AccessDeniedException"

    def test_before_what_the_operation_itself_finds(self, world: World) -> None:
        """A policy that cannot be parsed, a grant or a name that is none, are no matter without permission."""
        key = world.make_key()
        world.call("CreateAlias", {"AliasName": "alias/taken", "TargetKeyId": key["KeyId"]})
        only(world)
        requests: dict[str, Parameters] = {
            "PutKeyPolicy": {"KeyId": key["KeyId"], "Policy": "no policy"},
            "CreateKey": {"Policy": "no policy"},
            "GetKeyPolicy": {"KeyId": key["KeyId"], "PolicyName": "other"},
            "RevokeGrant": {"KeyId": key["KeyId"], "GrantId": "0" * 64},
            "CreateAlias": {"AliasName": "alias/taken", "TargetKeyId": key["KeyId"]},
            "Decrypt": {"CiphertextBlob": "AA==", "KeyId": key["KeyId"]},
        }
        for operation, parameters in requests.items():
            assert world.refusal(operation, parameters)[0] == "AccessDeniedException", operation


class TestWhatComesBeforePermission:
    """Signature, parameters, and names of the caller's own account."""

    def test_the_signature(self, world: World) -> None:
        """A wrong one is refused as such, permission or not."""
        key_id = world.make_key()["KeyId"]
        only(world)
        request = world.request("DescribeKey", {"KeyId": key_id})
        outcome = world.send(msgspec.structs.replace(request, body=b"{}"))
        assert b"InvalidSignatureException" in outcome.response.body

    def test_the_parameters(self, world: World) -> None:
        """What breaks the model, or a rule of the operation, is a validation error."""
        key_id = world.make_key()["KeyId"]
        only(world)
        assert world.refusal("Encrypt", {"KeyId": key_id})[0] == "ValidationException"
        both = {"KeyId": key_id, "KeySpec": "AES_256", "NumberOfBytes": 32}
        assert world.refusal("GenerateDataKey", both)[0] == "ValidationException"

    def test_a_key_of_the_own_account_that_does_not_exist(self, world: World) -> None:
        """Is not found, permission or not; so is an alias."""
        only(world)
        unknown = "00000000-0000-0000-0000-000000000000"
        assert world.refusal("DescribeKey", {"KeyId": unknown})[0] == "NotFoundException"
        assert world.refusal("DescribeKey", {"KeyId": "alias/none"})[0] == "NotFoundException"
        assert world.refusal("DeleteAlias", {"AliasName": "alias/none"})[0] == "NotFoundException"

    def test_a_grant_token_that_is_none(self, world: World) -> None:
        """Is refused as such."""
        key_id = world.make_key()["KeyId"]
        only(world)
        refusal = world.refusal("Encrypt", {"KeyId": key_id, "Plaintext": "AA==", "GrantTokens": ["x"]})
        assert refusal[0] == "InvalidGrantTokenException"


class TestSeveralPermissions:
    """Asked in the order of the operation; the first that is missing is told."""

    def test_re_encrypt_asks_for_the_source_first(self, world: World) -> None:
        """With neither permission the text is that of the source."""
        source, destination = world.make_key(), world.make_key()
        blob = world.call("Encrypt", {"KeyId": source["KeyId"], "Plaintext": "AA=="})["CiphertextBlob"]
        only(world)
        named = {"CiphertextBlob": blob, "SourceKeyId": source["KeyId"], "DestinationKeyId": destination["KeyId"]}
        why = "because no identity-based policy allows the kms:ReEncryptFrom action"
        assert world.refusal("ReEncrypt", named) == refused("ReEncryptFrom", source["Arn"], why)

    def test_no_state_is_looked_at_before_all_is_permitted(self, world: World) -> None:
        """A disabled source does not show while the destination is closed."""
        source, destination = world.make_key(), world.make_key()
        blob = world.call("Encrypt", {"KeyId": source["KeyId"], "Plaintext": "AA=="})["CiphertextBlob"]
        world.call("DisableKey", {"KeyId": source["KeyId"]})
        only(world, allow("kms:ReEncryptFrom"))
        parameters = {"CiphertextBlob": blob, "DestinationKeyId": destination["KeyId"]}
        assert world.refusal("ReEncrypt", parameters)[0] == "AccessDeniedException"
        only(world, allow("kms:ReEncrypt*"))
        assert world.refusal("ReEncrypt", parameters)[0] == "DisabledException"


DRY = (
    "CreateGrant",
    "RetireGrant",
    "RevokeGrant",
    "Encrypt",
    "Decrypt",
    "ReEncrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
)


class TestDryRun:
    """A dry run is permitted and refused like the request itself, and never acts."""

    @pytest.mark.parametrize("operation", DRY)
    def test_it_is_refused_as_the_request_is(self, world: World, good: dict[str, Parameters], operation: str) -> None:
        """Code and text are those without DryRun; a Deny of its own kind there is none."""
        only(world, allow("kms:*"), deny(f"kms:{operation}*"))
        real = world.refusal(operation, good[operation])
        assert real[0] == "AccessDeniedException"
        assert world.refusal(operation, {**good[operation], "DryRun": True}) == real

    @pytest.mark.parametrize("operation", DRY)
    def test_it_tells_that_it_would_succeed(self, world: World, good: dict[str, Parameters], operation: str) -> None:
        """And the request succeeds afterwards: nothing was done."""
        assert world.refusal(operation, {**good[operation], "DryRun": True}) == DRY_RUN
        world.call(operation, good[operation])

    def test_the_state_of_a_key_is_told_after_permission(self, world: World) -> None:
        """A disabled key: AccessDenied for who may not, DisabledException for who may."""
        key = world.make_key()
        world.call("DisableKey", {"KeyId": key["KeyId"]})
        dry = {"KeyId": key["KeyId"], "Plaintext": "AA==", "DryRun": True}
        assert world.refusal("Encrypt", dry)[0] == "DisabledException"
        only(world)
        assert world.refusal("Encrypt", dry)[0] == "AccessDeniedException"


class TestOneDecisionAtATime:
    """What one request found out changes nothing for the next one."""

    def test_a_refusal_changes_nothing(self, world: World) -> None:
        """No record is written but that of the audit; the key is as it was."""
        key = world.make_key()
        before = world.database.key(ALICE_ACCOUNT, REGION, key["KeyId"])
        set_key_policy(world, key["KeyId"], allow("kms:*", principal=ADMIN))
        after_policy = world.database.key(ALICE_ACCOUNT, REGION, key["KeyId"])
        for operation in ("DisableKey", "ScheduleKeyDeletion", "TagResource", "PutKeyPolicy"):
            with pytest.raises(Refused):
                world.call(operation, {"KeyId": key["Arn"], **ON_KEY_ID[operation]}, by=BOB_ACCOUNT)
        assert world.database.key(ALICE_ACCOUNT, REGION, key["KeyId"]) == after_policy
        assert before is not None
        assert after_policy is not None
        assert after_policy.row_version == before.row_version + 1
