"""CreatePolicy, GetPolicy, DeletePolicy, ListPolicies."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS, AWS_MANAGED_POLICIES
from selfkms.domain.iam.limits import POLICIES_PER_ACCOUNT_MAX
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.records import Put

MakeCaller = Callable[..., str]

DOCUMENT = json.dumps({"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}})
BARE = {
    "PolicyName",
    "PolicyId",
    "Arn",
    "Path",
    "DefaultVersionId",
    "AttachmentCount",
    "PermissionsBoundaryUsageCount",
    "IsAttachable",
    "CreateDate",
    "UpdateDate",
}


def arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ALICE_ACCOUNT}:policy{path}{name}"


def make(world: World, name: str = "Keys", **parameters: Any) -> dict[str, Any]:
    given = {"PolicyName": name, "PolicyDocument": DOCUMENT, **parameters}
    policy: dict[str, Any] = world.iam("CreatePolicy", given)["Policy"]
    return policy


def stored(world: World, name: str = "Keys") -> ManagedPolicy:
    policy = world.database.managed_policy(ALICE_ACCOUNT, name)
    assert policy is not None
    return policy


def names(world: World, **parameters: Any) -> list[str]:
    return [policy["PolicyName"] for policy in world.iam("ListPolicies", parameters)["Policies"]]


# -- CreatePolicy


def test_a_policy_is_made_with_its_first_version(world: World) -> None:
    """The answer has what AWS answers: no description, no document."""
    policy = make(world, Path="/team/", Description="uses keys", Tags=[{"Key": "a", "Value": "b"}])
    assert policy.keys() == {*BARE, "Tags"}
    assert (policy["Arn"], policy["Path"], policy["DefaultVersionId"]) == (arn("Keys", "/team/"), "/team/", "v1")
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"], policy["IsAttachable"]) == (0, 0, True)
    assert policy["PolicyId"].startswith("ANPA")
    assert policy["CreateDate"].timestamp() == policy["UpdateDate"].timestamp() == world.clock.now()
    assert stored(world).document == DOCUMENT
    assert make(world, "Bare").keys() == BARE


def test_a_name_is_taken_whatever_its_case_and_path(world: World) -> None:
    """But not in another account."""
    make(world)
    given = {"PolicyName": "KEYS", "Path": "/team/", "PolicyDocument": DOCUMENT}
    text = "A policy called KEYS already exists. Duplicate names are not allowed."
    assert world.iam_refusal("CreatePolicy", given) == (409, "EntityAlreadyExists", text)
    world.iam("CreatePolicy", given, by=BOB_ACCOUNT)


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        ("{}", (400, "MalformedPolicyDocument", "The policy has no Statement.")),
        (DOCUMENT.replace("kms", "k" * 6200), (409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")),
    ],
)
def test_a_document_that_is_none_is_refused(world: World, document: str, refusal: tuple[int, str, str]) -> None:
    """Nothing is made."""
    assert world.iam_refusal("CreatePolicy", {"PolicyName": "Keys", "PolicyDocument": document}) == refusal
    assert world.database.managed_policy(ALICE_ACCOUNT, "Keys") is None


def test_an_account_has_so_many_policies(world: World) -> None:
    """No more than the quota."""
    version = PolicyVersion("v1", DOCUMENT, 0.0)
    for i in range(POLICIES_PER_ACCOUNT_MAX):
        policy = ManagedPolicy(
            account_id=ALICE_ACCOUNT,
            policy_name=f"p{i}",
            policy_id="ANPA",
            created_at=0.0,
            updated_at=0.0,
            versions=(version,),
            default_version_id="v1",
        )
        world.database.commit([Put(policy)])
    text = "Cannot exceed quota for PoliciesPerAccount: 1500"
    given = {"PolicyName": "Keys", "PolicyDocument": DOCUMENT}
    assert world.iam_refusal("CreatePolicy", given) == (409, "LimitExceeded", text)


# -- GetPolicy


def test_a_policy_is_described_without_its_document(world: World) -> None:
    """With its description and its tags; one that has none of them is described without."""
    made = make(world, Description="uses keys", Tags=[{"Key": "a", "Value": "b"}])
    assert world.iam("GetPolicy", {"PolicyArn": arn("Keys")})["Policy"] == {**made, "Description": "uses keys"}
    assert world.iam("GetPolicy", {"PolicyArn": make(world, "Bare")["Arn"]})["Policy"].keys() == BARE


def test_a_policy_of_aws_is_described_to_everyone(world: World) -> None:
    """With its uses in the caller's own account: each of them has an administrator."""
    world.iam("PutUserPermissionsBoundary", {"UserName": "admin", "PermissionsBoundary": ADMINISTRATOR_ACCESS})
    for account_id, boundaries in ((ALICE_ACCOUNT, 1), (BOB_ACCOUNT, 0)):
        policy = world.iam("GetPolicy", {"PolicyArn": ADMINISTRATOR_ACCESS}, by=account_id)["Policy"]
        assert policy.keys() == {*BARE, "Description"}
        assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (1, boundaries)
        assert policy["CreateDate"].isoformat() == "2015-02-06T18:39:00+00:00"


@pytest.mark.parametrize("named", [arn("Missing"), arn("keys"), arn("Keys", "/team/"), arn("Keys").replace("1", "9")])
def test_a_policy_is_found_by_its_exact_arn(world: World, named: str) -> None:
    """Another name, case, path or account is another policy."""
    make(world)
    refusal = (404, "NoSuchEntity", f"Policy {named} was not found.")
    assert world.iam_refusal("GetPolicy", {"PolicyArn": named}) == refusal


# -- DeletePolicy


def test_a_policy_is_deleted_when_nobody_has_it(world: World) -> None:
    """And when one version of it is left."""
    make(world)
    world.iam("AttachUserPolicy", {"UserName": "admin", "PolicyArn": arn("Keys")})
    world.iam("CreatePolicyVersion", {"PolicyArn": arn("Keys"), "PolicyDocument": DOCUMENT})
    attached = (409, "DeleteConflict", "Cannot delete a policy attached to entities.")
    assert world.iam_refusal("DeletePolicy", {"PolicyArn": arn("Keys")}) == attached
    world.iam("DetachUserPolicy", {"UserName": "admin", "PolicyArn": arn("Keys")})
    status, code, text = world.iam_refusal("DeletePolicy", {"PolicyArn": arn("Keys")})
    assert (status, code) == (409, "DeleteConflict")
    assert text is not None
    assert text.startswith("This policy has more than one version.")
    world.iam("DeletePolicyVersion", {"PolicyArn": arn("Keys"), "VersionId": "v2"})
    world.iam("DeletePolicy", {"PolicyArn": arn("Keys")})
    assert world.iam_refusal("DeletePolicy", {"PolicyArn": arn("Keys")})[1] == "NoSuchEntity"


def test_a_policy_of_aws_is_not_deleted(world: World) -> None:
    """Not even by the root user."""
    refusal = (403, "AccessDenied", "Policy is outside your own account.")
    by = f"{ALICE_ACCOUNT}-root"
    assert world.iam_refusal("DeletePolicy", {"PolicyArn": ADMINISTRATOR_ACCESS}, by=by) == refusal


# -- ListPolicies


def test_policies_are_listed_by_scope(world: World) -> None:
    """Those of the account by their names, then those of AWS; without descriptions and tags."""
    make(world, "b", Description="d", Tags=[{"Key": "a", "Value": "b"}])
    make(world, "A")
    world.iam("CreatePolicy", {"PolicyName": "foreign", "PolicyDocument": DOCUMENT}, by=BOB_ACCOUNT)
    of_aws = sorted(policy.policy_name for policy in AWS_MANAGED_POLICIES.values())
    assert names(world, Scope="Local") == ["A", "b"]
    assert names(world, Scope="AWS") == of_aws
    assert names(world) == names(world, Scope="All") == ["A", "b", *of_aws]
    assert all(policy.keys() == BARE for policy in world.iam("ListPolicies")["Policies"])


def test_policies_are_listed_by_path_and_use(world: World) -> None:
    """Attached ones, permissions policies, permissions boundaries."""
    for name in ("attached", "boundary", "unused"):
        make(world, name, Path="/team/x/" if name == "unused" else "/")
    world.iam("AttachUserPolicy", {"UserName": "admin", "PolicyArn": arn("attached")})
    world.iam("CreateUser", {"UserName": "Ann", "PermissionsBoundary": arn("boundary")})
    assert names(world, PathPrefix="/team/") == ["unused"]
    assert names(world, OnlyAttached=True) == ["attached", "AdministratorAccess"]
    assert names(world, Scope="Local", PolicyUsageFilter="PermissionsPolicy") == ["attached"]
    assert names(world, PolicyUsageFilter="PermissionsBoundary") == ["boundary"]
    assert names(world, PolicyUsageFilter="PermissionsBoundary", OnlyAttached=True) == ["boundary"]


def test_pages_go_from_the_accounts_policies_to_those_of_aws(world: World) -> None:
    """Each policy comes once; a marker is good for the same question alone."""
    for i in range(3):
        make(world, f"p{i}")
    found: list[str] = []
    page = world.iam("ListPolicies", {"MaxItems": 2})
    first_marker = page["Marker"]
    found += [policy["PolicyName"] for policy in page["Policies"]]
    while page["IsTruncated"]:
        page = world.iam("ListPolicies", {"MaxItems": 2, "Marker": page["Marker"]})
        found += [policy["PolicyName"] for policy in page["Policies"]]
    assert found == names(world)
    wrong = {"Scope": "Local", "Marker": first_marker}
    assert world.iam_refusal("ListPolicies", wrong) == (400, "ValidationError", "Invalid Marker.")


# -- permissions and audit


def test_making_is_permitted_on_the_arn_to_be(world: World, make_caller: MakeCaller) -> None:
    """Path included; with tags the permission to tag is needed, too."""
    statement = {"Effect": "Allow", "Action": "iam:CreatePolicy", "Resource": arn("*", "/team/")}
    maker = make_caller("maker", statement)
    given = {"PolicyName": "Keys", "PolicyDocument": DOCUMENT}
    assert world.iam_refusal("CreatePolicy", given, by=maker)[:2] == (403, "AccessDenied")
    tagged = {**given, "Path": "/team/", "Tags": [{"Key": "a", "Value": "b"}]}
    text = world.iam_refusal("CreatePolicy", tagged, by=maker)[2]
    assert text is not None
    assert "iam:TagPolicy" in text
    world.iam("CreatePolicy", {**given, "Path": "/team/"}, by=maker)


def test_the_audit_has_request_and_answer(world: World) -> None:
    """With the document, which is no secret."""
    policy = make(world, Description="uses keys")
    record = world.record()
    assert record["requestParameters"] == {
        "policyName": "Keys",
        "policyDocument": DOCUMENT,
        "description": "uses keys",
    }
    assert record["responseElements"]["policy"]["policyId"] == policy["PolicyId"]
