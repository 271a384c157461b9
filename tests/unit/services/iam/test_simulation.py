"""SimulateCustomPolicy and SimulatePrincipalPolicy through the gate."""

from typing import Any

import pytest

from harness.policies import allow, change_user, deny, document, inline, new_managed_policy, new_role, only, user_of
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS

ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
KEY = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALLOWING = document(allow("kms:*"))


def custom(world: World, **parameters: Any) -> dict[str, Any]:
    """The answer of SimulateCustomPolicy about kms:Decrypt, unless something else is asked."""
    given = {"PolicyInputList": [ALLOWING], "ActionNames": ["kms:Decrypt"], **parameters}
    answer: dict[str, Any] = world.iam("SimulateCustomPolicy", given)
    return answer


def decisions(answer: dict[str, Any]) -> list[str]:
    return [result["EvalDecision"] for result in answer["EvaluationResults"]]


def test_a_policy_given_as_text(world: World) -> None:
    """The members of a result without resources, and the audit record."""
    answer = custom(world)
    assert answer == {
        "EvaluationResults": [
            {
                "EvalActionName": "kms:Decrypt",
                "EvalResourceName": "*",
                "EvalDecision": "allowed",
                "MatchedStatements": [
                    {
                        "SourcePolicyId": "PolicyInputList.1",
                        "SourcePolicyType": "IAM Policy",
                        "StartPosition": {"Line": 1, "Column": 41},
                        "EndPosition": {"Line": 1, "Column": len(ALLOWING) - 1},
                    }
                ],
                "MissingContextValues": [],
            }
        ],
        "IsTruncated": False,
    }
    record = world.record()
    assert record["requestParameters"] == {"policyInputList": [ALLOWING], "actionNames": ["kms:Decrypt"]}
    assert (record["eventName"], record["readOnly"], record["responseElements"]) == ("SimulateCustomPolicy", True, None)


def test_a_result_with_resources(world: World) -> None:
    """Details are there, and empty within one account; each resource has its own decision."""
    (result,) = custom(world, ResourceArns=[KEY])["EvaluationResults"]
    assert result["EvalDecisionDetails"] == {}
    assert result["EvalResourceName"] == "arn:aws:kms:${Region}:${Account}:key/${KeyId}"
    (specific,) = result["ResourceSpecificResults"]
    assert specific.keys() == {
        "EvalResourceName",
        "EvalResourceDecision",
        "MatchedStatements",
        "MissingContextValues",
    }
    assert (specific["EvalResourceName"], specific["EvalResourceDecision"]) == (KEY, "allowed")


def test_context_keys_that_are_missing(world: World) -> None:
    """All that the policies ask for, whether or not their statements are about the action; less what was given."""
    policies = [
        document(allow("kms:*", condition={"StringEquals": {"aws:SourceIp": "a", "kms:CallerAccount": "b"}})),
        document(allow("s3:*", condition={"Bool": {"aws:SecureTransport": "true"}})),
    ]
    entries = [
        {"ContextKeyName": "AWS:sourceip", "ContextKeyValues": ["a"], "ContextKeyType": "string"},
        {"ContextKeyName": "kms:calleraccount", "ContextKeyValues": ["b"], "ContextKeyType": "string"},
    ]
    for given, missing, decision in (
        (entries, ["aws:SecureTransport"], "allowed"),
        (entries[:1], ["kms:CallerAccount", "aws:SecureTransport"], "implicitDeny"),
    ):
        (result,) = custom(world, PolicyInputList=policies, ContextEntries=given)["EvaluationResults"]
        assert (result["MissingContextValues"], result["EvalDecision"]) == (missing, decision)


def test_several_actions_on_several_resources(world: World) -> None:
    """One result an action, in the order of the request, the most restrictive decision of its resources."""
    policies = [document(allow("kms:*"), deny("kms:Encrypt", resource=KEY))]
    actions = ["kms:Encrypt", "s3:GetObject", "kms:Decrypt"]
    answer = custom(world, PolicyInputList=policies, ActionNames=actions, ResourceArns=[f"{KEY}x", KEY])
    assert [result["EvalActionName"] for result in answer["EvaluationResults"]] == actions
    assert decisions(answer) == ["explicitDeny", "implicitDeny", "allowed"]
    first = answer["EvaluationResults"][0]["ResourceSpecificResults"]
    assert [specific["EvalResourceDecision"] for specific in first] == ["allowed", "explicitDeny"]


def test_pages(world: World) -> None:
    """By MaxItems and Marker; a marker of the other operation is refused."""
    actions = [f"kms:Action{number}" for number in range(5)]
    first = custom(world, ActionNames=actions, MaxItems=2)
    assert (len(first["EvaluationResults"]), first["IsTruncated"]) == (2, True)
    rest = custom(world, ActionNames=actions, Marker=first["Marker"])
    assert [result["EvalActionName"] for result in rest["EvaluationResults"]] == actions[2:]
    assert not rest["IsTruncated"]
    other = {"PolicySourceArn": ADMIN, "ActionNames": actions, "Marker": first["Marker"]}
    assert world.iam_refusal("SimulatePrincipalPolicy", other)[:2] == (400, "ValidationError")


def test_large_simulations_are_cut_or_refused(world: World) -> None:
    """A page takes no longer than it may: fewer results than MaxItems, or none that would be too many."""
    many = [
        document(*(allow("kms:*", condition={"StringEquals": {f"a:{n}-{i}": "x"}}) for n in range(200)))
        for i in range(10)
    ]
    arns = [f"{KEY}{number}" for number in range(20)]
    answer = custom(world, PolicyInputList=many, ResourceArns=arns, ActionNames=["kms:A", "kms:B", "kms:C"])
    assert (len(answer["EvaluationResults"]), answer["IsTruncated"]) == (1, True)
    parameters = {"PolicyInputList": many, "ActionNames": ["kms:A"], "ResourceArns": arns * 20}
    refused = world.iam_refusal("SimulateCustomPolicy", parameters)
    assert refused[:2] == (400, "InvalidInput")
    assert "too many" in (refused[2] or "")


def test_the_policies_of_a_user(world: World) -> None:
    """Those that it has, its boundary, and given ones besides; a given boundary takes the place of its own."""
    boundary = new_managed_policy(world, "limit", document(allow("kms:Decrypt")))
    parameters: dict[str, Any] = {
        "PolicySourceArn": ADMIN,
        "ActionNames": ["kms:Decrypt", "kms:Encrypt", "iam:GetUser"],
    }
    only(world, allow("iam:*"))
    assert decisions(world.iam("SimulatePrincipalPolicy", parameters)) == ["implicitDeny", "implicitDeny", "allowed"]
    change_user(world, attached_policy_arns=(ADMINISTRATOR_ACCESS,), inline_policies=inline(ALLOWING))
    answer = world.iam("SimulatePrincipalPolicy", parameters)
    matched = answer["EvaluationResults"][0]["MatchedStatements"]
    assert [statement["SourcePolicyId"] for statement in matched] == ["user_admin_p0", "AdministratorAccess"]
    given = {**parameters, "PolicyInputList": [document(deny("kms:Encrypt"))]}
    assert decisions(world.iam("SimulatePrincipalPolicy", given)) == ["allowed", "explicitDeny", "allowed"]
    role = new_role(
        world,
        "builder",
        document(allow("sts:AssumeRole", principal="*")),
        inline_policies=inline(ALLOWING),
        permissions_boundary=boundary.arn,
    )
    of_role = {**parameters, "PolicySourceArn": role.arn}
    answer = world.iam("SimulatePrincipalPolicy", of_role)
    assert decisions(answer) == ["allowed", "implicitDeny", "implicitDeny"]
    details = [result["PermissionsBoundaryDecisionDetail"] for result in answer["EvaluationResults"]]
    assert [detail["AllowedByPermissionsBoundary"] for detail in details] == [True, False, False]
    wider = {**of_role, "PermissionsBoundaryPolicyInputList": [ALLOWING]}
    assert decisions(world.iam("SimulatePrincipalPolicy", wider)) == ["allowed", "allowed", "implicitDeny"]
    assert world.record()["requestParameters"]["policySourceArn"] == role.arn


def test_a_key_policy_that_names_the_caller(world: World) -> None:
    """By ARN and by unique ID; a role by its ARN; another caller than the principal whose policies are simulated."""
    user_id = user_of(world).user_id
    role = f"arn:aws:iam::{BOB_ACCOUNT}:role/r"
    asked = {"PolicyInputList": [document(allow("s3:*"))], "ActionNames": ["kms:Decrypt"], "ResourceArns": [KEY]}
    for principal, caller, decision in (
        (ADMIN, ADMIN, "allowed"),
        (user_id, ADMIN, "allowed"),
        (ADMIN, f"{ADMIN}x", "implicitDeny"),
        (user_id, f"arn:aws:iam::{ALICE_ACCOUNT}:group/g", "implicitDeny"),
        (f"arn:aws:iam::{ALICE_ACCOUNT}:role/r", f"arn:aws:iam::{ALICE_ACCOUNT}:role/r", "allowed"),
        (role, role, "implicitDeny"),
    ):
        key_policy = document(allow("kms:*", principal=principal))
        answer = world.iam("SimulateCustomPolicy", {**asked, "ResourcePolicy": key_policy, "CallerArn": caller})
        assert decisions(answer) == [decision], (principal, caller)
    other = {
        "PolicySourceArn": ADMIN,
        "ActionNames": ["kms:Decrypt"],
        "ResourceArns": [KEY],
        "CallerArn": role,
        "ResourcePolicy": document(allow("kms:*", principal=role)),
    }
    answer = world.iam("SimulatePrincipalPolicy", other)
    assert decisions(answer) == ["allowed"]
    expected = {"IAM Policy": "allowed", "Resource Policy": "allowed"}
    assert answer["EvaluationResults"][0]["EvalDecisionDetails"] == expected


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"ActionNames": ["Decrypt"]}, "Invalid Input Actions: Decrypt"),
    ({"ActionNames": ["kms:*"]}, "Invalid Input Actions: kms:*"),
    ({"ResourceArns": [KEY, "1234"]}, "ResourceNames are not in a valid ARN format: 1234."),
    ({"ResourceOwner": "123456789012"}, "'123456789012' is not a valid as a Resource Owner."),
    ({"ResourceOwner": ADMIN}, f"'{ADMIN}' is not a valid as a Resource Owner."),
    ({"CallerArn": "me"}, "Invalid Entity Arn: me does not clearly define entity type and name."),
    ({"ResourcePolicy": document(allow("kms:*", principal="*"))}, "CallerArn is required if ResourcePolicy is given."),
    ({"ResourcePolicy": "{}", "CallerArn": ADMIN}, "The policy has no Statement."),
    ({"PolicyInputList": ["{}"]}, "The policy has no Statement."),
    ({"PermissionsBoundaryPolicyInputList": ["{}"]}, "The policy has no Statement."),
    ({"PermissionsBoundaryPolicyInputList": [ALLOWING] * 2}, "Only one permissions boundary policy may be given."),
    (
        {"OrderedOrganizationPolicyInputList": [{"ServiceControlPolicyInputList": [ALLOWING]}]},
        "OrderedOrganizationPolicyInputList is not supported: there are no organizations.",
    ),
    (
        {"ContextEntries": [{"ContextKeyName": "a:bcd", "ContextKeyValues": ["x"], "ContextKeyType": "ip"}]},
        "Invalid value for context key a:bcd of type ip.",
    ),
]


@pytest.mark.parametrize(("parameters", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_what_cannot_be_simulated(world: World, parameters: dict[str, Any], text: str) -> None:
    """InvalidInput, with AWS's text where it is known."""
    given = {"PolicyInputList": [ALLOWING], "ActionNames": ["kms:Decrypt"], **parameters}
    assert world.iam_refusal("SimulateCustomPolicy", given) == (400, "InvalidInput", text)


def test_policies_cannot_be_excluded(world: World) -> None:
    """Better refused than left out in silence."""
    parameters = {
        "PolicySourceArn": ADMIN,
        "ActionNames": ["kms:Decrypt"],
        "PolicyExclusionList": [{"PolicyType": "inline"}],
    }
    refused = (400, "InvalidInput", "PolicyExclusionList is not supported.")
    assert world.iam_refusal("SimulatePrincipalPolicy", parameters) == refused


def test_a_principal_of_another_account(world: World) -> None:
    """Nobody sees its policies, and nothing is said of whether it exists."""
    for name in ("admin", "nobody"):
        arn = f"arn:aws:iam::{BOB_ACCOUNT}:user/{name}"
        parameters = {"PolicySourceArn": arn, "ActionNames": ["kms:Decrypt"]}
        text = (
            f"Invalid Policy Source Arn: caller's account {ALICE_ACCOUNT} does not have access to policies in "
            f"account {BOB_ACCOUNT}"
        )
        assert world.iam_refusal("SimulatePrincipalPolicy", parameters) == (400, "InvalidInput", text)


def test_permission_is_needed(world: World) -> None:
    """For texts on no resource."""
    only(world, allow("kms:*"))
    refused = world.iam_refusal("SimulateCustomPolicy", {"PolicyInputList": [ALLOWING], "ActionNames": ["kms:Decrypt"]})
    assert refused[:2] == (403, "AccessDenied")
    assert "iam:SimulateCustomPolicy" in (refused[2] or "")
