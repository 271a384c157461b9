"""AssumeRole, through the gate: who gets which session, and what it may do."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.principals import InlinePolicy, Role
from selfkms.domain.records import Put, Remove
from selfkms.domain.tags import Tag
from selfkms.services.sts.sessions import AssumeRoleRequest, condition_keys, role_actions
from selfkms.services.sts.shapes import SessionTag

MakeRole = Callable[..., Role]

ROLE_ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:role/deploy"
EXPIRED = "The security token included in the request is expired"
UNKNOWN = "The security token included in the request is invalid."
NO_DEVICE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid "
    "and associated with this user."
)
OVERRIDDEN = (
    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
    "the calling session."
)


def asked(**changed: Any) -> dict[str, Any]:
    return {"RoleArn": ROLE_ARN, "RoleSessionName": "build", **changed}


def assume(world: World, name: str, *, by: str = ALICE_ACCOUNT, **changed: Any) -> dict[str, Any]:
    """The answer to AssumeRole, whose credentials are then remembered by a name."""
    answer: dict[str, Any] = world.sts("AssumeRole", asked(**changed), by=by)
    world.remember(name, answer["Credentials"])
    return answer


def policy(*actions: str, effect: str = "Allow") -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": actions, "Resource": "*"}]})


def test_a_role_gives_credentials(world: World, make_role: MakeRole) -> None:
    """The answer has the credentials, who the session is, and how much of a token it takes; nothing is written."""
    make_role("deploy", path="/team/")
    answer = assume(world, "session", RoleArn=f"arn:aws:iam::{ALICE_ACCOUNT}:role/team/deploy")
    assert answer.keys() == {"Credentials", "AssumedRoleUser", "SessionTokenSize", "SessionTokenUtilization"}
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": "AROADEPLOYAAAAAAAAAAA:build",
        "Arn": f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/deploy/build",
    }
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert len(credentials["SecretAccessKey"]) == 40
    assert credentials["Expiration"].timestamp() == world.clock.now() + 3600
    assert len(credentials["SessionToken"]) == answer["SessionTokenSize"]
    assert world.sts("GetCallerIdentity", by="session") == {
        "UserId": answer["AssumedRoleUser"]["AssumedRoleId"],
        "Account": ALICE_ACCOUNT,
        "Arn": answer["AssumedRoleUser"]["Arn"],
    }


def test_a_session_ends_when_its_time_is_over(world: World, make_role: MakeRole) -> None:
    """At its last second it works, after it no more."""
    make_role("deploy")
    assume(world, "session", DurationSeconds=900)
    world.clock.seconds += 899
    world.sts("GetCallerIdentity", by="session")
    world.clock.seconds += 1
    assert world.sts_refusal("GetCallerIdentity", by="session") == (403, "ExpiredToken", EXPIRED)


def test_a_session_ends_with_its_role(world: World, make_role: MakeRole) -> None:
    """A role of the same name that is made later is another one."""
    role = make_role("deploy")
    assume(world, "session")
    present = world.database.role(*role.primary_key())
    assert present is not None
    world.database.commit([Remove(present)])
    assert world.sts_refusal("GetCallerIdentity", by="session") == (403, "InvalidClientTokenId", UNKNOWN)
    world.database.commit([Put(present.changed(row_version=0, role_id="AROAANOTHER"))])
    assert world.sts_refusal("GetCallerIdentity", by="session") == (403, "InvalidClientTokenId", UNKNOWN)


def test_who_is_not_trusted_gets_nothing(world: World, make_role: MakeRole) -> None:
    """A role of another account, and one that does not exist, are refused with the same text."""
    make_role("deploy")
    refusals = [
        world.sts_refusal("AssumeRole", asked(RoleArn=arn), by=BOB_ACCOUNT)
        for arn in (ROLE_ARN, ROLE_ARN.replace("deploy", "nobody"))
    ]
    assert [(status, code) for status, code, _ in refusals] == [(403, "AccessDenied")] * 2
    texts = [text.partition(" on resource: ") for _, _, text in refusals if text is not None]
    assert texts[0][0] == texts[1][0]
    assert texts[0][2].partition(" ")[2] == texts[1][2].partition(" ")[2]


def test_a_root_user_assumes_no_role(world: World, make_role: MakeRole) -> None:
    """However much it is trusted."""
    make_role("deploy")
    assert world.sts_refusal("AssumeRole", asked(), by=f"{ALICE_ACCOUNT}-root") == (
        403,
        "AccessDenied",
        "Roles may not be assumed by root accounts.",
    )


def test_nobody_has_an_mfa_device(world: World, make_role: MakeRole) -> None:
    """A code cannot be right, and is not passed over."""
    make_role("deploy")
    assert world.sts_refusal("AssumeRole", asked(SerialNumber="GAHT12345678", TokenCode="123456")) == (
        403,
        "AccessDenied",
        NO_DEVICE,
    )


def test_the_role_limits_the_duration(world: World, make_role: MakeRole) -> None:
    """Up to its maximum, and not a second more; the model's own range comes first."""
    make_role("deploy", max_session_seconds=7200)
    answer = assume(world, "session", DurationSeconds=7200)
    assert answer["Credentials"]["Expiration"].timestamp() == world.clock.now() + 7200
    assert world.sts_refusal("AssumeRole", asked(DurationSeconds=7201)) == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    for seconds in (899, 43_201):
        _, code, text = world.sts_refusal("AssumeRole", asked(DurationSeconds=seconds))
        assert code == "ValidationError"
        assert text is not None
        assert "at 'durationSeconds' failed to satisfy constraint" in text


def test_a_chain_lasts_an_hour_a_link(world: World, make_role: MakeRole) -> None:
    """A role session gets another role for one hour; the limit of the role comes first."""
    make_role("first")
    make_role("deploy", max_session_seconds=43_200)
    make_role("short")
    assume(world, "session", RoleArn=ROLE_ARN.replace("deploy", "first"))
    assume(world, "next", by="session", DurationSeconds=3600)
    assert world.sts_refusal("AssumeRole", asked(DurationSeconds=3601), by="session") == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    short = asked(RoleArn=ROLE_ARN.replace("deploy", "short"), DurationSeconds=3601)
    assert world.sts_refusal("AssumeRole", short, by="session")[2] == (
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    )


def test_an_inline_session_policy_limits_the_session(world: World, make_role: MakeRole) -> None:
    """The role may do more than its session."""
    make_role("deploy", allows=["kms:*"])
    answer = assume(world, "session", Policy=policy("kms:ListKeys"))
    assert answer["PackedPolicySize"] == answer["SessionTokenUtilization"]
    world.call("ListKeys", by="session")
    code, text = world.refusal("ListAliases", by="session")
    assert code == "AccessDeniedException"
    assert text is not None
    assert text.endswith("because no session policy allows the kms:ListAliases action")


def test_a_session_policy_gives_nothing(world: World, make_role: MakeRole) -> None:
    """What the role may not do the session may not either."""
    make_role("deploy", allows=["kms:ListKeys"])
    assume(world, "session", PolicyArns=[{"arn": ADMINISTRATOR_ACCESS}])
    world.call("ListKeys", by="session")
    _, text = world.refusal("ListAliases", by="session")
    assert text is not None
    assert text.endswith("because no identity-based policy allows the kms:ListAliases action")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Policy": "not JSON"}, "MalformedPolicyDocument"),
        ({"Policy": " " * 2049}, "ValidationError"),
        ({"PolicyArns": [{"arn": f"arn:aws:iam::{ALICE_ACCOUNT}:policy/none"}]}, "ValidationError"),
        ({"PolicyArns": [{"arn": ADMINISTRATOR_ACCESS}] * 11}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "aws:a", "Value": ""}]}, "InvalidParameterValue"),
        ({"TransitiveTagKeys": ["a"]}, "InvalidParameterValue"),
        ({"ProvidedContexts": [{"ProviderArn": "x" * 20, "ContextAssertion": "abcd"}]}, "ValidationError"),
        ({"RoleSessionName": "a b"}, "ValidationError"),
        ({"RoleSessionName": "a"}, "ValidationError"),
        ({"SourceIdentity": "aws:me"}, "ValidationError"),
        ({"MinimumSessionTokenSize": 4097}, "ValidationError"),
    ],
)
def test_what_cannot_be_is_refused(world: World, make_role: MakeRole, changed: dict[str, Any], code: str) -> None:
    """With the code of AWS, and status 400."""
    make_role("deploy")
    assert world.sts_refusal("AssumeRole", asked(**changed))[:2] == (400, code)


def test_too_many_tags_are_too_large(world: World, make_role: MakeRole) -> None:
    """Fifty tags may be given, if they fit."""
    make_role("deploy")
    tags = [{"Key": f"key-{number}", "Value": "x" * 256} for number in range(50)]
    assert assume(world, "session", Tags=tags)["PackedPolicySize"] < 100
    noise = [{"Key": f"{n}", "Value": "".join(f"{n * k * k:x}"[-3:] for k in range(1000, 1080))} for n in range(50)]
    assert world.sts_refusal("AssumeRole", asked(Tags=noise))[:2] == (400, "PackedPolicyTooLarge")


def test_a_longer_token_on_demand(world: World, make_role: MakeRole) -> None:
    """Clients can try whether their header takes the longest one."""
    make_role("deploy")
    answer = assume(world, "session", MinimumSessionTokenSize=4096)
    assert (answer["SessionTokenSize"], answer["SessionTokenUtilization"]) == (4096, 100)
    world.sts("GetCallerIdentity", by="session")


def test_session_tags_are_principal_tags(world: World, make_role: MakeRole) -> None:
    """They stand before those of the role, key by key, whatever their case."""
    allowed = {"StringEquals": {"aws:PrincipalTag/Team": "red", "aws:PrincipalTag/Stage": "prod"}}
    statement = {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*", "Condition": allowed}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = make_role("deploy", tags=(Tag("Team", "blue"), Tag("Stage", "prod")))
    present = world.database.role(*role.primary_key())
    assert present is not None
    world.database.commit([Put(present.changed(inline_policies=(InlinePolicy("own", document),)))])
    assume(world, "plain")
    assume(world, "tagged", Tags=[{"Key": "team", "Value": "red"}])
    assert world.refusal("ListKeys", by="plain")[0] == "AccessDeniedException"
    world.call("ListKeys", by="tagged")


@pytest.mark.parametrize(
    ("actions", "changed", "missing"),
    [
        (["sts:AssumeRole"], {"Tags": [{"Key": "a", "Value": "b"}]}, "sts:TagSession"),
        (["sts:AssumeRole"], {"SourceIdentity": "alice"}, "sts:SetSourceIdentity"),
    ],
)
def test_tags_and_source_identity_need_permissions_of_their_own(
    world: World, make_role: MakeRole, actions: list[str], changed: dict[str, Any], missing: str
) -> None:
    """Of the trust policy, too."""
    make_role("deploy", actions=actions)
    assume(world, "session")
    status, code, text = world.sts_refusal("AssumeRole", asked(**changed))
    assert (status, code) == (403, "AccessDenied")
    assert text is not None
    assert f"is not authorized to perform: {missing} on resource: {ROLE_ARN}" in text


def test_the_external_id_is_only_compared(world: World, make_role: MakeRole) -> None:
    """The trust policy says which one it wants."""
    make_role("deploy", condition={"StringEquals": {"sts:ExternalId": "Unique-7"}})
    assume(world, "session", ExternalId="Unique-7")
    for changed in ({}, {"ExternalId": "unique-7"}):
        assert world.sts_refusal("AssumeRole", asked(**changed))[:2] == (403, "AccessDenied")


def test_a_source_identity_stays_through_a_chain(world: World, make_role: MakeRole) -> None:
    """It is inherited, may be said again, and cannot be changed."""
    make_role("deploy")
    assert assume(world, "session", SourceIdentity="alice")["SourceIdentity"] == "alice"
    assert assume(world, "next", by="session")["SourceIdentity"] == "alice"
    assert assume(world, "again", by="next", SourceIdentity="alice")["SourceIdentity"] == "alice"
    assert world.sts_refusal("AssumeRole", asked(SourceIdentity="bob"), by="next") == (
        400,
        "ValidationError",
        "The source identity is already set for this assume role session",
    )


def test_an_inherited_source_identity_needs_permission(world: World, make_role: MakeRole) -> None:
    """Also where the request says nothing of it."""
    make_role("deploy")
    make_role("plain", actions=["sts:AssumeRole"], path="/")
    assume(world, "session", SourceIdentity="alice")
    plain = asked(RoleArn=ROLE_ARN.replace("deploy", "plain"))
    world.sts("AssumeRole", plain)
    _, code, text = world.sts_refusal("AssumeRole", plain, by="session")
    assert code == "AccessDenied"
    assert text is not None
    assert "sts:SetSourceIdentity" in text


def test_transitive_tags_go_through_a_chain(world: World, make_role: MakeRole) -> None:
    """They cannot be overridden, and the others stay behind."""
    make_role("deploy")
    tags = [{"Key": "Department", "Value": "red"}, {"Key": "Stage", "Value": "prod"}]
    assume(world, "first", Tags=tags, TransitiveTagKeys=["department"])
    assume(world, "second", by="first")
    assert world.sts_refusal("AssumeRole", asked(Tags=[{"Key": "department", "Value": "blue"}]), by="second") == (
        400,
        "InvalidParameterValue",
        OVERRIDDEN,
    )
    assume(world, "third", by="second", Tags=[{"Key": "Stage", "Value": "test"}])


def test_inherited_tags_need_permission(world: World, make_role: MakeRole) -> None:
    """Also where the request has no tags."""
    make_role("deploy")
    make_role("plain", actions=["sts:AssumeRole"])
    assume(world, "first", Tags=[{"Key": "a", "Value": "b"}], TransitiveTagKeys=["a"])
    _, code, text = world.sts_refusal("AssumeRole", asked(RoleArn=ROLE_ARN.replace("deploy", "plain")), by="first")
    assert code == "AccessDenied"
    assert text is not None
    assert "sts:TagSession" in text


def test_a_role_of_another_account(world: World, make_role: MakeRole) -> None:
    """The session is of the account of its role."""
    arn = f"arn:aws:iam::{BOB_ACCOUNT}:role/guest"
    make_role("guest", account_id=BOB_ACCOUNT)
    assume(world, "session", RoleArn=arn)
    assert world.sts("GetCallerIdentity", by="session")["Account"] == BOB_ACCOUNT


CALLER = Caller.root(ALICE_ACCOUNT, "AKIA")


def role_session(**members: Any) -> Session:
    return Session(
        access_key_id="ASIA",
        kind=CallerKind.ROLE,
        account_id=ALICE_ACCOUNT,
        issued_at=0.0,
        expires_at=1.0,
        holder_id="AROA",
        name="build",
        **members,
    )


def test_a_plain_request_needs_nothing_further() -> None:
    """And it says nothing but its session name; another operation's request says nothing here."""
    plain = AssumeRoleRequest(role_arn=ROLE_ARN, role_session_name="build")
    assert role_actions(plain, CALLER) == ()
    assert role_actions(object(), CALLER) == ()
    assert condition_keys(plain) == {"sts:RoleSessionName": "build"}


def test_every_parameter_is_a_condition_key() -> None:
    """By the names of the IAM User Guide."""
    full = AssumeRoleRequest(
        role_arn=ROLE_ARN,
        role_session_name="build",
        external_id="x7",
        source_identity="alice",
        tags=(SessionTag(key="Team", value="red"),),
        transitive_tag_keys=("Team",),
    )
    assert role_actions(full, CALLER) == ("sts:TagSession", "sts:SetSourceIdentity")
    assert condition_keys(full) == {
        "sts:RoleSessionName": "build",
        "sts:ExternalId": "x7",
        "sts:SourceIdentity": "alice",
        "sts:TransitiveTagKeys": ("Team",),
        "aws:RequestTag/Team": "red",
        "aws:TagKeys": ("Team",),
    }


def test_an_inherited_source_identity_is_a_condition_key() -> None:
    """As if the request had it; one that it has comes first."""
    plain = AssumeRoleRequest(role_arn=ROLE_ARN, role_session_name="build")
    own = role_session(source_identity="alice")
    assert condition_keys(plain, own)["sts:SourceIdentity"] == "alice"
    asking = AssumeRoleRequest(role_arn=ROLE_ARN, role_session_name="build", source_identity="bob")
    assert condition_keys(asking, own)["sts:SourceIdentity"] == "bob"


def test_the_audit_has_the_parameters_and_no_secret(world: World, make_role: MakeRole) -> None:
    """The role is its resource. Neither secret access key nor session token are in it."""
    make_role("deploy")
    answer = assume(world, "session", ExternalId="x7", Tags=[{"Key": "a", "Value": "b"}], SourceIdentity="alice")
    record = world.record()
    assert record["eventSource"] == "sts.amazonaws.com"
    assert record["requestParameters"] == {
        "roleArn": ROLE_ARN,
        "roleSessionName": "build",
        "externalId": "x7",
        "tags": [{"key": "a", "value": "b"}],
        "sourceIdentity": "alice",
    }
    assert record["resources"] == [{"accountId": ALICE_ACCOUNT, "type": "AWS::IAM::Role", "ARN": ROLE_ARN}]
    text = json.dumps(record)
    assert answer["Credentials"]["SecretAccessKey"] not in text
    assert answer["Credentials"]["SessionToken"] not in text
