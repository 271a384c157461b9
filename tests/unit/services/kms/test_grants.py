"""CreateGrant. What ends a grant is in `test_grants_end.py`."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.arns import assumed_role_arn, root_arn, user_arn
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import Role, User
from selfkms.domain.kms.grants import Grant
from selfkms.domain.records import Change, Put, Remove
from selfkms.services.kms.grant_tokens import read_grant_token

ADMIN = user_arn(ALICE_ACCOUNT, "/", "admin")
BOB = user_arn(BOB_ACCOUNT, "/", "admin")
STRANGER = "arn:aws:iam::999999999999:user/stranger"
SOURCE = f"arn:aws:ec2:{REGION}:{ALICE_ACCOUNT}:volume/vol-1"
NOWHERE = "00000000-0000-4000-8000-ffffffffffff"
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
    """Parameters that CreateGrant takes; a None takes one out."""
    every = {"KeyId": key_id, "GranteePrincipal": ADMIN, "Operations": ["Decrypt"], **parameters}
    return {name: value for name, value in every.items() if value is not None}


def stored(database: MemoryDatabase, key_id: str) -> list[Grant]:
    return database.grants(ALICE_ACCOUNT, REGION, key_id, after="", limit=1_000)


def only(world: World, key_id: str) -> Grant:
    (grant,) = stored(world.database, key_id)
    return grant


def make_role(world: World, *, path: str = "/", role_id: str = "AROAONE") -> Role:
    role = Role(
        account_id=ALICE_ACCOUNT, created_at=0.0, path=path, role_name="App", role_id=role_id, trust_policy="{}"
    )
    world.database.commit([Put(role)])
    return role


class TestCreate:
    """What a grant is made of."""

    def test_the_answer_has_an_id_and_a_token(self, world: World) -> None:
        """64 hex digits, and a token that names the grant; key ID and key ARN both name the key."""
        key = world.make_key()
        for name in (key["KeyId"], key["Arn"]):
            answer = create(world, name)
            assert answer.keys() == {"GrantId", "GrantToken"}
            assert re.fullmatch("[0-9a-f]{64}", answer["GrantId"])
            named = read_grant_token(world.keys, answer["GrantToken"])
            assert named == (ALICE_ACCOUNT, REGION, key["KeyId"], answer["GrantId"])

    def test_everything_is_kept(self, world: World, key_id: str) -> None:
        """All parameters, when and for which account it was made, and who the principals are."""
        role = make_role(world, path="/apps/")
        constraints = {"EncryptionContextSubset": {"Department": "IT"}, "SourceArn": SOURCE}
        parameters = good(
            key_id,
            RetiringPrincipal=role.arn,
            Operations=["Encrypt", "Decrypt", "Encrypt"],
            Constraints=constraints,
            Name="n",
        )
        world.clock.seconds += 1.5
        answer = world.call("CreateGrant", parameters)
        user = world.database.user(ALICE_ACCOUNT, "admin")
        assert user is not None
        grant = only(world, key_id)
        assert grant.grant_id == answer["GrantId"]
        assert (grant.created_at, grant.issuing_account) == (world.clock.now(), root_arn(ALICE_ACCOUNT))
        assert (grant.grantee, grant.grantee_id, grant.grantee_is_service) == (ADMIN, user.user_id, False)
        assert (grant.retiring, grant.retiring_id, grant.retiring_is_service) == (role.arn, "AROAONE", False)
        assert (grant.operations, grant.name) == (("Encrypt", "Decrypt"), "n")
        assert grant.constraints is not None
        assert grant.constraints.encryption_context_subset == {"Department": "IT"}
        assert grant.constraints.source_arn == SOURCE

    def test_no_constraints_are_none(self, world: World, key_id: str) -> None:
        """An empty structure says nothing."""
        create(world, key_id, Constraints={})
        assert only(world, key_id).constraints is None

    @pytest.mark.parametrize(
        "principal",
        [
            root_arn(ALICE_ACCOUNT),
            BOB,
            STRANGER,
            f"arn:aws:sts::{ALICE_ACCOUNT}:federated-user/Carol",
            assumed_role_arn(ALICE_ACCOUNT, "App", "session"),
        ],
    )
    def test_who_may_be_named(self, world: World, key_id: str, principal: str) -> None:
        """Accounts, federated users, sessions, and principals of other accounts, known here or not."""
        make_role(world)
        create(world, key_id, GranteePrincipal=principal, RetiringPrincipal=principal)
        grant = only(world, key_id)
        assert grant.grantee == grant.retiring == principal
        assert grant.grantee_id == grant.retiring_id

    def test_a_session_belongs_to_its_role(self, world: World, key_id: str) -> None:
        """The role's unique ID is kept with the ARN of the session."""
        make_role(world, path="/apps/")
        create(world, key_id, GranteePrincipal=assumed_role_arn(ALICE_ACCOUNT, "App", "session"))
        assert only(world, key_id).grantee_id == "AROAONE"

    def test_a_service_as_grantee(self, world: World, key_id: str) -> None:
        """With a resource to act for, and somebody who may retire the grant."""
        create(
            world,
            key_id,
            GranteePrincipal=None,
            GranteeServicePrincipal="ec2.us-east-1.amazonaws.com",
            RetiringServicePrincipal="ec2.amazonaws.com",
            Constraints={"SourceArn": SOURCE},
        )
        grant = only(world, key_id)
        assert (grant.grantee, grant.grantee_is_service) == ("ec2.us-east-1.amazonaws.com", True)
        assert (grant.retiring, grant.retiring_is_service) == ("ec2.amazonaws.com", True)
        assert (grant.grantee_id, grant.retiring_id) == (None, None)

    def test_on_a_key_of_another_account(self, world: World, key_id: str) -> None:
        """The grant belongs to the key; it was issued by the account of the caller."""
        document = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
                for root in (root_arn(ALICE_ACCOUNT), root_arn(BOB_ACCOUNT))
            ]
        }
        world.call("PutKeyPolicy", {"KeyId": key_id, "Policy": json.dumps(document)})
        arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/{key_id}"
        answer = world.call("CreateGrant", good(arn, GranteePrincipal=BOB), by=BOB_ACCOUNT)
        assert only(world, key_id).issuing_account == root_arn(BOB_ACCOUNT)
        world.call("RevokeGrant", {"KeyId": arn, "GrantId": answer["GrantId"]}, by=BOB_ACCOUNT)
        assert stored(world.database, key_id) == []


class TestRefusals:
    """Grants that are not made."""

    @pytest.mark.parametrize(
        ("parameters", "text"),
        [
            (
                {"GranteePrincipal": None},
                "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
            ),
            (
                {"GranteeServicePrincipal": "ec2.us-east-1.amazonaws.com"},
                "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
            ),
            (
                {"RetiringPrincipal": ADMIN, "RetiringServicePrincipal": "ec2.us-east-1.amazonaws.com"},
                "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both.",
            ),
            (
                {"GranteePrincipal": None, "GranteeServicePrincipal": "ec2.us-east-1.amazonaws.com"},
                "When you specify a GranteeServicePrincipal, you must also specify a SourceArn grant constraint.",
            ),
            (
                {
                    "GranteePrincipal": None,
                    "GranteeServicePrincipal": "ec2.us-east-1.amazonaws.com",
                    "Constraints": {"SourceArn": SOURCE},
                },
                (
                    "When you specify a GranteeServicePrincipal, you must also specify either a RetiringPrincipal "
                    "or a RetiringServicePrincipal."
                ),
            ),
            ({"Operations": ["CreateGrant"]}, "Grants must not contain only the CreateGrant operation."),
            (
                {"Operations": []},
                (
                    "1 validation error detected: Value '[]' at 'operations' failed to satisfy constraint: "
                    "Member must have length greater than or equal to 1"
                ),
            ),
            (
                {"Constraints": {"EncryptionContextEquals": {"a": "b"}, "EncryptionContextSubset": {"a": "b"}}},
                "You can specify only one type of encryption context constraint in a grant.",
            ),
            (
                {"Constraints": {"EncryptionContextEquals": {}}},
                "An encryption context constraint must have at least one encryption context pair.",
            ),
        ],
    )
    def test_parameters(self, world: World, key_id: str, parameters: dict[str, Any], text: str) -> None:
        """What the model cannot say is refused before anything is looked up, and leaves nothing behind."""
        assert world.refusal("CreateGrant", good(NOWHERE, **parameters)) == ("ValidationException", text)
        assert world.refusal("CreateGrant", good(key_id, **parameters)) == ("ValidationException", text)
        assert stored(world.database, key_id) == []

    @pytest.mark.parametrize("member", ["GranteePrincipal", "RetiringPrincipal"])
    @pytest.mark.parametrize(
        "arn",
        [
            "admin",
            "ec2.amazonaws.com",
            f"arn:aws:iam::{ALICE_ACCOUNT}:group/Admins",
            f"arn:aws:iam::{ALICE_ACCOUNT}:user/nobody",
            f"arn:aws:iam::{ALICE_ACCOUNT}:user/Admin",
            f"arn:aws:iam::{ALICE_ACCOUNT}:user/path/admin",
            f"arn:aws:iam::{BOB_ACCOUNT}:role/nobody",
            assumed_role_arn(ALICE_ACCOUNT, "nobody", "session"),
        ],
    )
    def test_principals(self, world: World, key_id: str, member: str, arn: str) -> None:
        """Forms that grants do not know, and users and roles of accounts here that do not exist."""
        text = f"ARN does not refer to a valid principal: {arn}"
        assert world.refusal("CreateGrant", good(key_id, **{member: arn})) == ("InvalidArnException", text)

    def test_operations_of_another_kind_of_key(self, world: World, key_id: str) -> None:
        """A symmetric key signs nothing."""
        code, text = world.refusal("CreateGrant", good(key_id, Operations=["Decrypt", "Sign"]))
        assert code == "ValidationException"
        assert text == (
            f"The grant operation Sign is not valid for arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/{key_id}: "
            "its key spec is SYMMETRIC_DEFAULT, its key usage is ENCRYPT_DECRYPT."
        )

    def test_an_encryption_context_of_another_kind_of_key(self, world: World) -> None:
        """MACs have none."""
        mac = world.make_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
        limits = {"EncryptionContextSubset": {"a": "b"}}
        parameters = good(mac, Operations=["GenerateMac"], Constraints=limits)
        text = "Encryption context grant constraints are supported only on symmetric encryption KMS keys."
        assert world.refusal("CreateGrant", parameters) == ("ValidationException", text)

    def test_an_alias_is_no_key(self, world: World, key_id: str) -> None:
        """Grants take key ID or key ARN."""
        world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key_id})
        assert world.refusal("CreateGrant", good("alias/a")) == ("NotFoundException", "Invalid keyId 'alias/a'")

    def test_a_forged_token(self, world: World, key_id: str) -> None:
        """A grant token that was not made here is refused."""
        refusal = world.refusal("CreateGrant", good(key_id, GrantTokens=["AQpAforged"]))
        assert refusal == ("InvalidGrantTokenException", None)

    def test_the_limit(self) -> None:
        """50,000 grants per key."""
        world = World(database=FullDatabase())
        key = world.make_key()
        text = f"{key['Arn']} has reached the limit of 50000 grants."
        assert world.refusal("CreateGrant", good(key["KeyId"])) == ("LimitExceededException", text)

    @pytest.mark.parametrize("name", [None, "n"])
    def test_a_dry_run_makes_nothing(self, world: World, key_id: str, name: str | None) -> None:
        """With DryRun it is checked whether it would work; what would not work says why."""
        assert world.refusal("CreateGrant", good(key_id, Name=name, DryRun=True)) == DRY_RUN
        assert stored(world.database, key_id) == []
        code, _ = world.refusal("CreateGrant", good(key_id, Operations=["Sign"], DryRun=True))
        assert code == "ValidationException"


class TestNames:
    """The same request sent again."""

    def test_without_a_name_each_is_another(self, world: World, key_id: str) -> None:
        """Even if all parameters are identical."""
        assert create(world, key_id)["GrantId"] != create(world, key_id)["GrantId"]

    def test_with_a_name_it_is_the_same(self, world: World, key_id: str) -> None:
        """The first ID comes back with a new token; both tokens name the one grant."""
        parameters = {"Name": "n", "Operations": ["Decrypt", "Encrypt"], "RetiringPrincipal": ADMIN}
        first = create(world, key_id, **parameters)
        world.clock.seconds += 10
        again = create(world, key_id, **parameters)
        assert again["GrantId"] == first["GrantId"] == only(world, key_id).grant_id
        assert again["GrantToken"] != first["GrantToken"]
        tokens = (first["GrantToken"], again["GrantToken"])
        assert len({read_grant_token(world.keys, token) for token in tokens}) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"Name": "m"},
            {"GranteePrincipal": BOB},
            {"RetiringPrincipal": ADMIN},
            {"Operations": ["Decrypt", "Encrypt"]},
            {"Constraints": {"EncryptionContextEquals": {"a": "b"}}},
        ],
    )
    def test_with_anything_else_different_it_is_another(self, world: World, key_id: str, other: dict[str, Any]) -> None:
        """A name alone identifies no grant."""
        first = create(world, key_id, Name="n")
        second = create(world, key_id, **{"Name": "n", **other})
        assert first["GrantId"] != second["GrantId"]

    def test_on_another_key_it_is_another(self, world: World, key_id: str) -> None:
        """Names belong to a key."""
        other = world.make_key()["KeyId"]
        assert create(world, key_id, Name="n")["GrantId"] != create(world, other, Name="n")["GrantId"]

    def test_for_somebody_else_of_that_name_it_is_another(self, world: World, key_id: str) -> None:
        """A user who was deleted and made again does not get the grant of the first."""
        user = User(account_id=ALICE_ACCOUNT, created_at=0.0, user_name="U", user_id="AIDAONE")
        world.database.commit([Put(user)])
        first = create(world, key_id, GranteePrincipal=user.arn, Name="n")
        world.database.commit([Remove(user.changed(row_version=1))])
        world.database.commit([Put(user.changed(user_id="AIDATWO"))])
        assert create(world, key_id, GranteePrincipal=user.arn, Name="n")["GrantId"] != first["GrantId"]

    def test_after_its_end_it_is_another(self, world: World, key_id: str) -> None:
        """A grant that was revoked does not come back."""
        first = create(world, key_id, Name="n")
        world.call("RevokeGrant", {"KeyId": key_id, "GrantId": first["GrantId"]})
        assert create(world, key_id, Name="n")["GrantId"] != first["GrantId"]

    def test_two_at_once_are_one(self) -> None:
        """A retry that overtakes the first request finds its grant."""
        database = OvertakingDatabase()
        world = World(database=database)
        key_id = world.make_key()["KeyId"]
        answer = create(world, key_id, Name="n")
        assert database.overtaken
        assert only(world, key_id).grant_id == answer["GrantId"] == "f" * 64

    def test_without_a_name_nobody_waits(self, world: World, key_id: str) -> None:
        """The record of the key stays as it is, so that many grants can be made at once."""
        before = world.database.key(ALICE_ACCOUNT, REGION, key_id)
        create(world, key_id)
        assert world.database.key(ALICE_ACCOUNT, REGION, key_id) == before


class TestAudit:
    """Source: KMS developer guide, "Examples of AWS KMS log entries": CreateGrant."""

    def test_create_grant(self, world: World, key_id: str) -> None:
        """The parameters but for the name; the grant ID and the key ARN; never the token."""
        answer = create(world, key_id, RetiringPrincipal=ADMIN, Name="n", Constraints={"SourceArn": SOURCE})
        record = world.record()
        parameters = record["requestParameters"]
        # How the members of `constraints` are written is not said here.
        assert parameters.pop("constraints").keys() != set()
        assert parameters == {
            "keyId": key_id,
            "granteePrincipal": ADMIN,
            "retiringPrincipal": ADMIN,
            "operations": ["Decrypt"],
        }
        arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/{key_id}"
        assert record["responseElements"] == {"grantId": answer["GrantId"], "keyId": arn}
        assert [resource["ARN"] for resource in record["resources"]] == [arn]
        assert record["readOnly"] is False


class FullDatabase(MemoryDatabase):
    """Every key has as many grants as it may have."""

    def grant_count(self, account_id: str, region: str, key_id: str) -> int:  # noqa: ARG002  the port's
        return 50_000


class OvertakingDatabase(MemoryDatabase):
    """Somebody else makes the same grant, with an ID of its own, just before the first one is written."""

    overtaken = False

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        if not self.overtaken and any(isinstance(change.record, Grant) for change in changes):
            self.overtaken = True
            others = [
                Put(change.record.changed(grant_id="f" * 64) if isinstance(change.record, Grant) else change.record)
                for change in changes
            ]
            super().commit(others)
        super().commit(changes, audit)
