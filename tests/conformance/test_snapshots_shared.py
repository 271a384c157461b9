"""boto3: a snapshot of one account is copied by another. Every refusal, with the step that makes it pass."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final

import pytest

from harness.policies import allow, document
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server
from harness.stored_snapshots import ENCRYPTED, REGION, Storage, random_blocks, refused

BLOCKS: Final = random_blocks((0, 3), seed=11)
NOT_ACCESSIBLE: Final = "Given key ID is not accessible"
NOT_FOUND: Final = "Source snapshot is not found"
COPIER: Final = f"arn:aws:iam::{BOB_ACCOUNT}:user/copier"
OWNER: Final = allow("kms:*", principal=f"arn:aws:iam::{ALICE_ACCOUNT}:root")
USE: Final = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
GRANT: Final = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]
FOR_SERVICES: Final = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
EBS: Final = ["ec2:CopySnapshot", "ec2:CreateVolume", "ec2:Describe*", "ebs:*"]


class Story:
    """Two accounts: the administrator of the first one, and a user `copier` of the second with policies of its own."""

    def __init__(self, server: Server) -> None:
        """Make the user, who may do nothing, and a KMS key and a snapshot in either account."""
        self.alice = Storage(server)
        self.bob = Storage(server, profile=BOB_ACCOUNT)
        self._iam = server.client(profile=BOB_ACCOUNT, service="iam")
        self._iam.create_user(UserName="copier")
        made = self._iam.create_access_key(UserName="copier")["AccessKey"]
        keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
        self.copier = Storage(server, keys=keys)
        self.key: str = self.alice.kms.create_key()["KeyMetadata"]["Arn"]
        self.own: str = self.bob.kms.create_key()["KeyMetadata"]["Arn"]
        self.snapshot_id = self.alice.upload(BLOCKS, KmsKeyArn=self.key, **ENCRYPTED)

    def ready(self) -> None:
        """Everything is as it must be for a copy."""
        self.share()
        self.key_policy()
        self.iam_policy()
        self.alice.kms.enable_key(KeyId=self.key)
        self.bob.kms.enable_key(KeyId=self.own)

    def share(self, operation: str = "add") -> None:
        """Let the second account have the snapshot, or no longer."""
        self.alice.ec2.modify_snapshot_attribute(
            SnapshotId=self.snapshot_id,
            Attribute="createVolumePermission",
            OperationType=operation,
            UserIds=[BOB_ACCOUNT],
        )

    def key_policy(self, *, use: list[str] | None = None, grant: bool = True) -> None:
        """Let the copier use the key of the first account: by the two statements that AWS documents, or less."""
        statements = [OWNER]
        if use is None or use:
            statements.append(allow(USE if use is None else use, principal=COPIER))
        if grant:
            statements.append(allow(GRANT, principal=COPIER, condition=FOR_SERVICES))
        self.alice.kms.put_key_policy(KeyId=self.key, Policy=document(*statements))

    def iam_policy(self, *, keys: tuple[str, ...] | None = None, use: list[str] | None = None) -> None:
        """What the second account allows the copier."""
        named = list((self.key, self.own) if keys is None else keys)
        statements = [allow(EBS)]
        if named:
            statements += [allow(use or USE, resource=named), allow(GRANT, resource=named, condition=FOR_SERVICES)]
        self._iam.put_user_policy(UserName="copier", PolicyName="copy", PolicyDocument=document(*statements))

    def copy(self, **parameters: Any) -> str:
        """What comes of a copy under the copier's own key; one that comes to something has the same blocks."""
        copy_id = self.copier.copy(self.snapshot_id, **{"Encrypted": True, "KmsKeyId": self.own, **parameters})
        outcome = self.copier.outcome(copy_id)
        if outcome == "completed":
            described = self.copier.described(copy_id)
            assert (described["KmsKeyId"], described["OwnerId"]) == (self.own, BOB_ACCOUNT)
            assert self.copier.read(copy_id) == BLOCKS
        return outcome


@pytest.fixture(scope="module")
def made(server: Server) -> Story:
    """One for all tests."""
    return Story(server)


@pytest.fixture
def story(made: Story) -> Iterator[Story]:
    """The same, with everything as it must be for a copy, and again afterwards."""
    made.ready()
    yield made
    made.ready()


def test_a_copy_is_the_other_accounts_own(story: Story) -> None:
    """With everything allowed it is made; withdrawn share and disabled key leave it readable and end all others."""
    copy_id = story.copier.copy(story.snapshot_id, Encrypted=True, KmsKeyId=story.own)
    assert story.copier.outcome(copy_id) == "completed"
    story.alice.kms.disable_key(KeyId=story.key)
    assert story.copy() == NOT_ACCESSIBLE
    story.share("remove")
    assert story.copy() == NOT_FOUND
    assert story.copier.read(copy_id) == BLOCKS
    assert refused(story.alice.read, story.snapshot_id) == (400, "ValidationException", "INVALID_DEPENDENCY_REQUEST")
    story.alice.kms.enable_key(KeyId=story.key)
    assert story.alice.read(story.snapshot_id) == BLOCKS


def test_a_snapshot_under_the_default_key_is_not_shared(story: Story) -> None:
    """A copy of it under a customer managed key is."""
    default = story.alice.upload(BLOCKS, **ENCRYPTED)
    share = {"Attribute": "createVolumePermission", "OperationType": "add", "UserIds": [BOB_ACCOUNT]}
    assert refused(story.alice.ec2.modify_snapshot_attribute, SnapshotId=default, **share) == (
        400,
        "OperationNotPermitted",
        "Encrypted snapshots with EBS default key cannot be shared",
    )
    copy_id = story.alice.copy(default, Encrypted=True, KmsKeyId=story.key)
    assert story.alice.outcome(copy_id) == "completed"
    story.alice.ec2.modify_snapshot_attribute(SnapshotId=copy_id, **share)
    assert story.copier.described(copy_id)["OwnerId"] == ALICE_ACCOUNT


@pytest.mark.parametrize(
    "without",
    [
        pytest.param(lambda story: story.key_policy(use=[], grant=False), id="a key policy"),
        pytest.param(lambda story: story.key_policy(grant=False), id="CreateGrant in the key policy"),
        pytest.param(lambda story: story.key_policy(use=["kms:DescribeKey"], grant=False), id="all but DescribeKey"),
        pytest.param(lambda story: story.iam_policy(keys=(story.own,)), id="the source key in the IAM policy"),
        pytest.param(lambda story: story.iam_policy(use=["kms:DescribeKey"]), id="GenerateDataKey on the copy's key"),
    ],
)
def test_without_the_right_to_a_key_a_copy_comes_to_nothing(story: Story, without: Callable[[Story], None]) -> None:
    """The state says so; with what was missing the next one is made."""
    without(story)
    assert story.copy() == NOT_ACCESSIBLE
    story.ready()
    assert story.copy() == "completed"


def test_a_snapshot_that_is_not_shared_is_none(story: Story) -> None:
    """Like one that does not exist: by the state of a copy, and by all other calls at once."""
    story.share("remove")
    assert story.copy() == NOT_FOUND
    assert refused(story.copier.tokens, story.snapshot_id) == (404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")
    assert refused(story.copier.described, story.snapshot_id)[1] == "InvalidSnapshot.NotFound"
    nobodys = story.copier.copy("snap-00000000000000000", Encrypted=True, KmsKeyId=story.own)
    assert story.copier.outcome(nobodys) == NOT_FOUND
    story.share()
    assert story.copy() == "completed"


def test_the_destination_key_is_looked_at_at_once(story: Story) -> None:
    """Not to be described, disabled, of another Region, none at all."""
    story.iam_policy(keys=(story.key,))
    assert refused(story.copy)[:2] == (403, "AuthFailure")
    story.iam_policy()
    story.bob.kms.disable_key(KeyId=story.own)
    assert refused(story.copy) == (400, "InvalidParameterValue", f"The specified keyId {story.own} is disabled")
    story.bob.kms.enable_key(KeyId=story.own)
    elsewhere = story.own.replace(REGION, "eu-west-1")
    assert refused(story.bob.copy, story.snapshot_id, Encrypted=True, KmsKeyId=elsewhere)[1] == "InvalidParameterValue"
    unknown = f"{story.own[:-12]}000000000000"
    assert refused(story.bob.copy, story.snapshot_id, Encrypted=True, KmsKeyId=unknown)[1] == "InvalidParameterValue"
    assert refused(story.copy, Encrypted=False)[1] == "InvalidParameterDependency"
    assert story.copy() == "completed"


def test_a_region_that_does_not_exist(story: Story) -> None:
    """Nor one of another partition."""
    for region in ("moon-east-1", "cn-north-1"):
        assert refused(story.copy, SourceRegion=region)[1] == "InvalidRegion"


def test_a_copy_is_never_plain(story: Story) -> None:
    """Whoever does not say that it is to be encrypted gets it encrypted, under his own default key."""
    story.iam_policy(keys=("*",))
    for parameters in ({}, {"Encrypted": False}):
        copy_id = story.copier.copy(story.snapshot_id, **parameters)
        assert story.copier.outcome(copy_id) == "completed"
        described = story.copier.described(copy_id)
        assert described["Encrypted"]
        assert described["KmsKeyId"].startswith(f"arn:aws:kms:{REGION}:{BOB_ACCOUNT}:key/")


def test_a_copy_goes_to_another_region(story: Story, server: Server) -> None:
    """Under a key that is there; the source key's grant is for the copying service alone, and retired at the end."""
    far = Storage(server, region="eu-west-1")
    far_key = far.kms.create_key()["KeyMetadata"]["Arn"]
    copy_id = far.copy(story.snapshot_id, SourceRegion=REGION, Encrypted=True, KmsKeyId=far_key)
    assert far.outcome(copy_id) == "completed"
    assert far.read(copy_id) == BLOCKS
    assert far.described(copy_id)["KmsKeyId"] == far_key
    assert story.alice.kms.list_grants(KeyId=story.key)["Grants"] == []
    assert far.kms.list_grants(KeyId=far_key)["Grants"] == []


def test_a_volume_of_a_shared_snapshot(story: Story) -> None:
    """It is under the other account's key; without the right to the source key it disappears."""
    wanted = {"SnapshotId": story.snapshot_id, "AvailabilityZone": f"{REGION}a", "Encrypted": True}
    volume = story.copier.ec2.create_volume(KmsKeyId=story.own, **wanted)
    assert volume["KmsKeyId"] == story.own
    snapshot_id = story.bob.ec2.create_snapshot(VolumeId=volume["VolumeId"])["SnapshotId"]
    assert story.bob.outcome(snapshot_id) == "completed"
    story.alice.kms.disable_key(KeyId=story.key)
    assert story.bob.read(snapshot_id) == BLOCKS


def test_the_owner_learns_of_it(story: Story, server: Server) -> None:
    """Both accounts have a record of what was done with the key; the owner's names the other account."""
    assert story.copy() == "completed"
    with closing(server.client(service="cloudtrail")) as cloudtrail:
        found = cloudtrail.lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "SharedSnapshotCopyInitiated"}]
        )["Events"]
    events = [json.loads(event["CloudTrailEvent"]) for event in found]
    assert any(
        event["serviceEventDetails"]["snapshotId"] == story.snapshot_id
        and event["userIdentity"]["accountId"] == BOB_ACCOUNT
        for event in events
    )
