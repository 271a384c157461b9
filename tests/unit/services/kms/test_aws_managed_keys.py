"""AWS managed keys through the gate: they come into being when they are named, and only their service uses them."""

from typing import Any

import pytest

from harness.policies import allow, deny, document, inline, new_user, only
from harness.troubled import TroubledDatabase, fail_with, in_turn
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, Refused, World
from selfkms.ports.database import DatabaseUnavailableError

EBS, EBS_ARN = "alias/aws/ebs", f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/aws/ebs"
ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
BY_ROOT = f"{ALICE_ACCOUNT}-root"
DAY = 86_400.0
USES: dict[str, dict[str, Any]] = {
    "Encrypt": {"Plaintext": "AA=="},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "PutKeyPolicy": {"Policy": "{}", "BypassPolicyLockoutSafetyCheck": True},
    "DisableKey": {},
    "EnableKey": {},
    "ScheduleKeyDeletion": {},
    "CancelKeyDeletion": {},
    "EnableKeyRotation": {},
    "DisableKeyRotation": {},
    "RotateKeyOnDemand": {},
    "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateKeyDescription": {"Description": "mine"},
    "CreateGrant": {"GranteePrincipal": ADMIN, "Operations": ["Decrypt"]},
    "ImportKeyMaterial": {
        "ImportToken": "AA==",
        "EncryptedKeyMaterial": "AA==",
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    },
    "DeleteImportedKeyMaterial": {},
}


def ebs_key(world: World) -> str:
    """The ID of the EBS key of Alice's account."""
    key_id: str = world.call("DescribeKey", {"KeyId": EBS})["KeyMetadata"]["KeyId"]
    return key_id


def keys_of(world: World, account_id: str = ALICE_ACCOUNT, region: str = REGION) -> list[str]:
    return world.database.keys(account_id, region, after="", limit=100)


class TestFirstUse:
    """The key comes into being when its alias is named."""

    @pytest.mark.parametrize("name", [EBS, EBS_ARN])
    def test_by_describe_key(self, world: World, name: str) -> None:
        """DescribeKey by alias name or alias ARN answers it, as a key of AWS."""
        metadata = world.call("DescribeKey", {"KeyId": name})["KeyMetadata"]
        assert metadata["KeyManager"] == "AWS"
        assert metadata["KeyState"] == "Enabled"
        assert metadata["KeySpec"] == "SYMMETRIC_DEFAULT"
        assert metadata["AWSAccountId"] == ALICE_ACCOUNT
        assert metadata["Description"] == "Default key that protects my EBS volumes when no other key is defined"
        assert keys_of(world) == [metadata["KeyId"]]

    @pytest.mark.parametrize("operation", USES)
    @pytest.mark.parametrize("name", [EBS, EBS_ARN])
    def test_by_use(self, world: World, operation: str, name: str) -> None:
        """A request to use it is refused, and the key is there afterwards."""
        code, text = world.refusal(operation, {"KeyId": name, **USES[operation]})
        (key_id,) = keys_of(world)
        arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/{key_id}"
        assert code == "AccessDeniedException"
        assert text == (
            f"User: {ADMIN} is not authorized to perform: kms:{operation} on resource: {arn} "
            f"because no resource-based policy allows the kms:{operation} action"
        )

    def test_it_is_made_once(self, world: World) -> None:
        """Whoever names it later, and however, gets the same key."""
        first = ebs_key(world)
        for name in (EBS, EBS_ARN, first):
            assert world.call("DescribeKey", {"KeyId": name}, by=BY_ROOT)["KeyMetadata"]["KeyId"] == first
        assert keys_of(world) == [first]

    def test_one_for_each_account_and_region(self, world: World) -> None:
        """And one for each service."""
        found = {
            world.call("DescribeKey", {"KeyId": name}, by=by, region=region)["KeyMetadata"]["Arn"]
            for name in (EBS, "alias/aws/s3")
            for by in (ALICE_ACCOUNT, BOB_ACCOUNT)
            for region in (REGION, "eu-west-1")
        }
        assert len(found) == 8

    @pytest.mark.parametrize("name", ["alias/aws/none", "alias/aws/EBS", "alias/aws/", "alias/aws/ebs/x"])
    def test_not_for_a_service_that_there_is_not(self, world: World, name: str) -> None:
        """Such an alias is not found."""
        text = f"Alias arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:{name} is not found."
        assert world.refusal("DescribeKey", {"KeyId": name}) == ("NotFoundException", text)
        assert keys_of(world) == []

    def test_not_in_the_account_of_somebody_else(self, world: World) -> None:
        """The alias ARN of another account makes nothing, neither there nor here, and looks like any other."""

        def told(arn: str) -> str:
            code, text = world.refusal("DescribeKey", {"KeyId": arn}, by=BOB_ACCOUNT)
            return f"{code} {text}".replace(arn, "ARN")

        before = told(EBS_ARN)
        assert before == told(EBS_ARN.replace("ebs", "none"))
        assert (keys_of(world), keys_of(world, BOB_ACCOUNT)) == ([], [])
        ebs_key(world)
        assert told(EBS_ARN) == before

    def test_not_by_the_arn_of_another_region(self, world: World) -> None:
        """That is no name of this Region."""
        refusal = world.refusal("DescribeKey", {"KeyId": EBS_ARN.replace(REGION, "eu-west-1")})
        assert refusal == ("NotFoundException", "Invalid arn eu-west-1")
        assert (keys_of(world), keys_of(world, region="eu-west-1")) == ([], [])

    @pytest.mark.parametrize("operation", ["GetKeyPolicy", "GetKeyRotationStatus", "ListGrants", "TagResource"])
    def test_not_by_what_takes_no_alias(self, world: World, operation: str) -> None:
        """There an alias is no identifier."""
        parameters = {"KeyId": EBS, **CHANGES.get(operation, {})}
        assert world.refusal(operation, parameters) == ("NotFoundException", f"Invalid keyId '{EBS}'")
        assert keys_of(world) == []

    def test_not_by_a_request_that_is_not_signed_or_not_valid(self, world: World) -> None:
        """Nothing is made for strangers and for requests that break the model."""
        world.credentials["stranger"] = world.credentials[ALICE_ACCOUNT]._replace(access_key_id="AKIANOBODY")
        assert world.refusal("DescribeKey", {"KeyId": EBS}, by="stranger")[0] == "UnrecognizedClientException"
        assert world.refusal("Encrypt", {"KeyId": EBS})[0] == "ValidationException"
        assert keys_of(world) == []

    def test_re_encrypt_to_it(self, world: World) -> None:
        """The destination of ReEncrypt is named by alias, too."""
        key_id = world.make_key()["KeyId"]
        blob = world.call("Encrypt", {"KeyId": key_id, "Plaintext": "AA=="})["CiphertextBlob"]
        code, _ = world.refusal("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": EBS})
        assert code == "AccessDeniedException"
        assert len(keys_of(world)) == 2

    def test_re_encrypt_between_two_of_them(self, world: World) -> None:
        """Source and destination may both be named for the first time."""
        key_id = world.make_key()["KeyId"]
        blob = world.call("Encrypt", {"KeyId": key_id, "Plaintext": "AA=="})["CiphertextBlob"]
        parameters = {"CiphertextBlob": blob, "SourceKeyId": EBS, "DestinationKeyId": "alias/aws/s3"}
        assert world.refusal("ReEncrypt", parameters)[0] == "AccessDeniedException"
        assert len(keys_of(world)) == 3


def test_the_event_of_its_beginning(world: World) -> None:
    """CreateKey as an event of the service, with the key; the request has its own record beside it."""
    key_id = ebs_key(world)
    arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/{key_id}"
    (event,) = world.committed_records()
    assert (event["eventName"], event["eventType"]) == ("CreateKey", "AwsServiceEvent")
    assert event["userIdentity"] == {"accountId": ALICE_ACCOUNT, "invokedBy": "AWS Internal"}
    assert event["recipientAccountId"] == ALICE_ACCOUNT
    assert event["resources"] == [{"accountId": ALICE_ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}]
    assert event["serviceEventDetails"]["keyId"] == key_id
    assert "errorCode" not in event
    assert world.record()["eventName"] == "DescribeKey"


class TestWhatItIsFor:
    """It is listed and described, and nobody can use or change it."""

    @pytest.fixture
    def key_id(self, world: World) -> str:
        return ebs_key(world)

    def test_it_is_listed(self, world: World, key_id: str) -> None:
        """Among keys and aliases of the account."""
        assert [entry["KeyId"] for entry in world.call("ListKeys")["Keys"]] == [key_id]
        (entry,) = world.call("ListAliases")["Aliases"]
        assert (entry["AliasName"], entry["AliasArn"], entry["TargetKeyId"]) == (EBS, EBS_ARN, key_id)

    def test_what_is_known_of_it(self, world: World, key_id: str) -> None:
        """Metadata, policy, rotation, tags, grants: by IAM policies."""
        rotation = world.call("GetKeyRotationStatus", {"KeyId": key_id})
        assert (rotation["KeyRotationEnabled"], rotation["RotationPeriodInDays"]) == (True, 365)
        assert "kms:ViaService" in world.call("GetKeyPolicy", {"KeyId": key_id})["Policy"]
        for operation in ("DescribeKey", "ListResourceTags", "ListGrants", "ListKeyRotations", "ListKeyPolicies"):
            world.call(operation, {"KeyId": key_id})
            only(world)
            assert world.refusal(operation, {"KeyId": key_id})[0] == "AccessDeniedException"
            only(world, allow("kms:*"))

    @pytest.mark.parametrize("by", [ALICE_ACCOUNT, BY_ROOT])
    @pytest.mark.parametrize("operation", [*USES, *CHANGES])
    def test_what_nobody_may(self, world: World, key_id: str, operation: str, by: str) -> None:
        """Neither an administrator nor the root user; the key policy does not let them."""
        before = world.database.key(ALICE_ACCOUNT, REGION, key_id)
        parameters = {"KeyId": key_id, **(USES | CHANGES)[operation]}
        code, text = world.refusal(operation, parameters, by=by)
        assert code == "AccessDeniedException"
        assert text is not None
        assert text.endswith(f"because no resource-based policy allows the kms:{operation} action")
        assert world.database.key(ALICE_ACCOUNT, REGION, key_id) == before

    def test_its_alias_is_reserved(self, world: World, key_id: str) -> None:
        """Nobody makes, moves or deletes an alias below `alias/aws/`, or gives the key another one."""
        other = world.make_key()["KeyId"]
        for name in (EBS, "alias/aws/mine"):
            named = {"AliasName": name, "TargetKeyId": other}
            assert world.refusal("CreateAlias", named) == ("NotAuthorizedException", None)
            assert world.refusal("UpdateAlias", named) == ("NotAuthorizedException", None)
            assert world.refusal("DeleteAlias", {"AliasName": name}) == ("NotAuthorizedException", None)
        code, _ = world.refusal("CreateAlias", {"AliasName": "alias/mine", "TargetKeyId": key_id})
        assert code == "AccessDeniedException"

    def test_it_rotates_every_year(self, world: World, key_id: str) -> None:
        """The keeper sees to it, and to the event."""
        world.clock.seconds += 365 * DAY - 1
        assert world.upkeep.attend_due_keys() == 0
        for year in (1, 2):
            world.clock.seconds += 365 * DAY if year > 1 else 1
            assert world.upkeep.attend_due_keys() == 1
            (newest, *_) = reversed(world.committed_records())
            assert newest["eventName"] == "RotateKey"
            assert len(world.call("ListKeyRotations", {"KeyId": key_id})["Rotations"]) == year

    def test_other_accounts_do_not_see_it(self, world: World, key_id: str) -> None:
        """By its ARN it looks like a key that does not exist."""
        arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/{key_id}"
        texts = set()
        for named in (arn, arn[:-4] + "ffff"):
            code, text = world.refusal("DescribeKey", {"KeyId": named}, by=BOB_ACCOUNT)
            assert code == "AccessDeniedException"
            assert text is not None
            texts.add(text.replace(named, "ARN"))
        assert len(texts) == 1


@pytest.mark.parametrize("faster", [{"KeyId": EBS}, {"KeyId": EBS_ARN}])
def test_two_at_once_make_one_key(faster: dict[str, str]) -> None:
    """The second finds the alias taken when it writes, decides again, and finds what the first made."""
    database = TroubledDatabase()
    world = World(database=database)
    made: list[str] = []
    database.before_commit = in_turn(
        lambda: made.append(world.call("DescribeKey", faster, by=BY_ROOT)["KeyMetadata"]["KeyId"])
    )
    assert [ebs_key(world)] == made == keys_of(world)
    assert [record["eventName"] for record in world.committed_records()] == ["CreateKey"]
    assert len(database.materials(ALICE_ACCOUNT, REGION, made[0])) == 1


def test_a_request_goes_on_without_the_key_that_could_not_be_written() -> None:
    """The database does not answer: the request fails, nothing is half made, and the next one makes the key."""
    database = TroubledDatabase()
    world = World(database=database)
    database.before_commit = in_turn(fail_with(DatabaseUnavailableError("not now")))
    assert world.refusal("DescribeKey", {"KeyId": EBS})[0] == "KMSInternalException"
    assert keys_of(world) == []
    assert [ebs_key(world)] == keys_of(world)


def test_dry_run_makes_no_key(world: World) -> None:
    """A request that is to change nothing leaves no KMS key behind."""
    with pytest.raises(Refused):
        world.call("Encrypt", {"KeyId": "alias/aws/ebs", "Plaintext": "AAAA", "DryRun": True})
    assert world.call("ListKeys")["Keys"] == []


def test_whoever_may_nothing_makes_no_key(world: World) -> None:
    """A caller whom every policy denies everything makes no KMS key in the account."""
    new_user(world, "mallory", inline_policies=inline(document(deny("*"))))
    with pytest.raises(Refused):
        world.call("DescribeKey", {"KeyId": "alias/aws/ebs"}, by="mallory")
    assert world.call("ListKeys")["Keys"] == []


def test_however_the_alias_is_written(world: World) -> None:
    """A request that makes a key runs off the event loop, whatever JSON escapes its alias has."""
    request = world.request("DescribeKey", body=b'{"KeyId": "alias\\/aws\\/ebs"}')
    assert world.gate.off_loop(request)
