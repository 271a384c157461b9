"""GetSessionToken and GetFederationToken, through the gate."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.principals import InlinePolicy, Role
from selfkms.domain.records import Put, Remove
from selfkms.services.sts.shapes import SessionTag
from selfkms.services.sts.user_sessions import GetFederationTokenRequest, of_tags, tagging_too

MakeRole = Callable[..., Role]

ROOT = f"{ALICE_ACCOUNT}-root"
ADMIN_ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"


def take(
    world: World, name: str, operation: str, parameters: Mapping[str, Any] | None = None, *, by: str = ALICE_ACCOUNT
) -> dict[str, Any]:
    """The answer to an operation, whose credentials are then remembered by a name."""
    answer: dict[str, Any] = world.sts(operation, parameters, by=by)
    world.remember(name, answer["Credentials"])
    return answer


def lifetime(world: World, answer: Mapping[str, Any]) -> float:
    seconds: float = answer["Credentials"]["Expiration"].timestamp() - world.clock.now()
    return seconds


def policy(*actions: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})


def test_a_session_of_a_user_is_that_user(world: World) -> None:
    """It may do what the user may, for twelve hours."""
    answer = take(world, "session", "GetSessionToken")
    assert answer.keys() == {"Credentials", "SessionTokenSize", "SessionTokenUtilization"}
    assert lifetime(world, answer) == 43_200
    assert world.sts("GetCallerIdentity", by="session") == world.sts("GetCallerIdentity")
    world.call("ListKeys", by="session")


@pytest.mark.parametrize(
    ("operation", "parameters"), [("GetSessionToken", {}), ("GetFederationToken", {"Name": "bob"})]
)
def test_durations(world: World, operation: str, parameters: dict[str, Any]) -> None:
    """15 minutes to 36 hours; a root user gets an hour at most, without being told."""
    for asked, by, given in (
        (900, ALICE_ACCOUNT, 900),
        (129_600, ALICE_ACCOUNT, 129_600),
        (None, ROOT, 3600),
        (900, ROOT, 900),
        (129_600, ROOT, 3600),
    ):
        duration = {} if asked is None else {"DurationSeconds": asked}
        assert lifetime(world, world.sts(operation, {**parameters, **duration}, by=by)) == given
    for seconds in (899, 129_601):
        refused = world.sts_refusal(operation, {**parameters, "DurationSeconds": seconds})
        assert refused[:2] == (400, "ValidationError")


def test_a_session_of_the_root_user_is_the_root_user(world: World) -> None:
    """With its account as the user ID."""
    take(world, "session", "GetSessionToken", by=ROOT)
    assert world.sts("GetCallerIdentity", by="session") == {
        "UserId": ALICE_ACCOUNT,
        "Account": ALICE_ACCOUNT,
        "Arn": f"arn:aws:iam::{ALICE_ACCOUNT}:root",
    }


def test_get_session_token_needs_no_permission(world: World) -> None:
    """It cannot be withheld by policies either."""
    world.strip_of_policies(ALICE_ACCOUNT)
    take(world, "session", "GetSessionToken")


def test_get_federation_token_needs_permission(world: World) -> None:
    """And `sts:TagSession` for tags."""
    user = world.database.user(ALICE_ACCOUNT, "admin")
    assert user is not None
    allowed = InlinePolicy("own", policy("sts:GetFederationToken"))
    world.database.commit([Put(user.changed(attached_policy_arns=(), inline_policies=(allowed,)))])
    world.sts("GetFederationToken", {"Name": "bob"})
    tagged = {"Name": "bob", "Tags": [{"Key": "a", "Value": "b"}]}
    status, code, text = world.sts_refusal("GetFederationToken", tagged)
    assert (status, code) == (403, "AccessDenied")
    assert text is not None
    assert "sts:TagSession" in text
    world.strip_of_policies(ALICE_ACCOUNT)
    present = world.database.user(ALICE_ACCOUNT, "admin")
    assert present is not None
    world.database.commit([Put(present.changed(inline_policies=()))])
    assert world.sts_refusal("GetFederationToken", {"Name": "bob"})[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("operation", ["GetSessionToken", "GetFederationToken"])
def test_sessions_get_no_sessions(world: World, make_role: MakeRole, operation: str) -> None:
    """Neither a role session, nor one of a user, nor a federated user."""
    make_role("deploy")
    role = {"RoleArn": f"arn:aws:iam::{ALICE_ACCOUNT}:role/deploy", "RoleSessionName": "build"}
    everything = [{"arn": ADMINISTRATOR_ACCESS}]
    take(world, "role", "AssumeRole", role)
    take(world, "user", "GetSessionToken")
    take(world, "federated", "GetFederationToken", {"Name": "bob", "PolicyArns": everything})
    parameters = {"Name": "eve"} if operation == "GetFederationToken" else {}
    for by in ("role", "user", "federated"):
        assert world.sts_refusal(operation, parameters, by=by) == (
            403,
            "AccessDenied",
            f"Cannot call {operation} with session credentials",
        )


def test_a_session_of_a_user_assumes_roles_and_is_no_chain(world: World, make_role: MakeRole) -> None:
    """The role's own limit counts, not that of a chain. A federated user assumes none."""
    make_role("deploy", max_session_seconds=7200)
    role = {"RoleArn": f"arn:aws:iam::{ALICE_ACCOUNT}:role/deploy", "RoleSessionName": "build"}
    take(world, "user", "GetSessionToken")
    assert lifetime(world, take(world, "role", "AssumeRole", {**role, "DurationSeconds": 7200}, by="user")) == 7200
    take(world, "federated", "GetFederationToken", {"Name": "bob", "PolicyArns": [{"arn": ADMINISTRATOR_ACCESS}]})
    assert world.sts_refusal("AssumeRole", role, by="federated")[:2] == (403, "AccessDenied")


def test_a_federated_user_may_do_what_its_policies_and_its_user_allow(world: World) -> None:
    """It is a principal of its own."""
    answer = take(world, "federated", "GetFederationToken", {"Name": "bob", "Policy": policy("kms:ListKeys")})
    assert answer["FederatedUser"] == {
        "FederatedUserId": f"{ALICE_ACCOUNT}:bob",
        "Arn": f"arn:aws:sts::{ALICE_ACCOUNT}:federated-user/bob",
    }
    assert answer["PackedPolicySize"] == answer["SessionTokenUtilization"]
    assert world.sts("GetCallerIdentity", by="federated") == {
        "UserId": f"{ALICE_ACCOUNT}:bob",
        "Account": ALICE_ACCOUNT,
        "Arn": f"arn:aws:sts::{ALICE_ACCOUNT}:federated-user/bob",
    }
    world.call("ListKeys", by="federated")
    assert world.refusal("ListAliases", by="federated")[0] == "AccessDeniedException"


def test_a_federated_user_without_policies_may_do_nothing(world: World) -> None:
    """Not even what its user may."""
    answer = take(world, "federated", "GetFederationToken", {"Name": "bob"})
    assert "PackedPolicySize" not in answer
    assert world.refusal("ListKeys", by="federated")[0] == "AccessDeniedException"
    assert world.sts_refusal("GetAccessKeyInfo", {"AccessKeyId": "A" * 20}, by="federated")[:2] == (403, "AccessDenied")


def test_sessions_end_with_their_user(world: World) -> None:
    """Whoever is deleted is gone everywhere."""
    take(world, "session", "GetSessionToken")
    take(world, "federated", "GetFederationToken", {"Name": "bob", "Policy": policy("kms:*")})
    user = world.database.user(ALICE_ACCOUNT, "admin")
    assert user is not None
    world.database.commit([Remove(user)])
    for by in ("session", "federated"):
        assert world.sts_refusal("GetCallerIdentity", by=by)[:2] == (403, "InvalidClientTokenId")


def test_nobody_has_an_mfa_device(world: World) -> None:
    """A code is never right."""
    code = {"SerialNumber": f"arn:aws:iam::{ALICE_ACCOUNT}:mfa/admin", "TokenCode": "123456"}
    status, error, text = world.sts_refusal("GetSessionToken", code)
    assert (status, error) == (403, "AccessDenied")
    assert text is not None
    assert text.startswith("MultiFactorAuthentication failed, unable to validate MFA code.")
    assert world.sts_refusal("GetSessionToken", {"TokenCode": "123456"})[2] == (
        "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Name": "b"}, "ValidationError"),
        ({"Name": "x" * 33}, "ValidationError"),
        ({"Policy": "{}"}, "MalformedPolicyDocument"),
        ({"Policy": " " * 2049}, "ValidationError"),
        ({"PolicyArns": [{"arn": f"arn:aws:iam::{ALICE_ACCOUNT}:policy/none"}]}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_is_refused(world: World, changed: dict[str, Any], code: str) -> None:
    """With the code of AWS, and status 400."""
    assert world.sts_refusal("GetFederationToken", {"Name": "bob", **changed})[:2] == (400, code)


def test_tags_are_condition_keys_and_need_a_permission() -> None:
    """A request without tags says nothing of them."""
    tagged = GetFederationTokenRequest(name="bob", tags=(SessionTag(key="Team", value="red"),))
    assert of_tags(tagged) == {"aws:RequestTag/Team": "red", "aws:TagKeys": ("Team",)}
    assert tagging_too(tagged) == ("sts:TagSession",)
    plain = GetFederationTokenRequest(name="bob")
    assert (of_tags(plain), tagging_too(plain)) == ({}, ())


def test_the_audit_names_the_new_credentials_and_no_secret(world: World) -> None:
    """Their access key ID, by which later events are found, and when they end."""
    answer = take(world, "federated", "GetFederationToken", {"Name": "bob", "Policy": policy("kms:*")})
    record = world.record()
    assert record["requestParameters"] == {"name": "bob", "policy": policy("kms:*")}
    assert record["responseElements"] == {
        "credentials": {"accessKeyId": answer["Credentials"]["AccessKeyId"], "expiration": "Sep 22, 2026, 2:13:20 AM"},
        "federatedUser": {
            "federatedUserId": f"{ALICE_ACCOUNT}:bob",
            "arn": f"arn:aws:sts::{ALICE_ACCOUNT}:federated-user/bob",
        },
        "packedPolicySize": answer["PackedPolicySize"],
    }
    take(world, "session", "GetSessionToken")
    assert world.record()["responseElements"]["credentials"].keys() == {"accessKeyId", "expiration"}
