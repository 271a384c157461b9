"""AssumeRoleWithWebIdentity, through the gate: who gets which session, and what it may do."""

import json
import typing
from typing import Any

import msgspec
import pytest

from harness.bearer import (
    NOT_PERMITTED,
    PROVIDER,
    PROVIDER_ARN,
    ROLE_ARN,
    assume,
    make_provider,
    make_role,
    refusal,
    trusting,
)
from harness.issuer import AUDIENCE, SUBJECT, Issuer
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.callers import Caller
from selfkms.domain.iam.identity_providers import WebIdentity
from selfkms.domain.iam.principals import InlinePolicy
from selfkms.domain.records import Put
from selfkms.domain.secrets import SecretText
from selfkms.domain.sts.web_identity import NOT_A_JWT_TEXT
from selfkms.domain.tags import Tag
from selfkms.services.sts.web_identity import AssumeRoleWithWebIdentityRequest, condition_keys, role_actions

TAGS = "https://aws.amazon.com/tags"
SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
TAGGED: dict[str, Any] = {TAGS: {"principal_tags": {"Team": ["red"]}, "transitive_tag_keys": ["Team"]}}
OF_ALICE: dict[str, Any] = {SOURCE_IDENTITY: "alice"}
LIST_KEYS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}'


@pytest.fixture
def issuer(world: World) -> Issuer:
    """An issuer that the first account trusts."""
    return make_provider(world)


def with_all(*further: str) -> dict[str, Any]:
    return trusting(Action=["sts:AssumeRoleWithWebIdentity", *further])


def policy_of(world: World, *statements: dict[str, Any]) -> None:
    """The role may do no more than this."""
    role = world.database.role(ALICE_ACCOUNT, "app")
    assert role is not None
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    world.database.commit([Put(role.changed(inline_policies=(InlinePolicy("own", document),)))])


def test_a_token_gives_credentials(world: World, issuer: Issuer) -> None:
    """The answer says who the session is and whom the token is about; nothing is written."""
    make_role(world)
    answer = assume(world, issuer.token())
    credentials = answer.pop("Credentials")
    assert credentials["Expiration"].timestamp() == world.clock.now() + 3600
    assert len(credentials["SessionToken"]) == answer.pop("SessionTokenSize")
    answer.pop("SessionTokenUtilization")
    assert answer == {
        "SubjectFromWebIdentityToken": SUBJECT,
        "AssumedRoleUser": {
            "AssumedRoleId": "AROAAPPAAAAAAAAAAAAAA:pod-1",
            "Arn": f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/app/pod-1",
        },
        "Provider": PROVIDER_ARN,
        "Audience": AUDIENCE,
    }
    assert world.sts("GetCallerIdentity", by="session")["Arn"] == f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/app/pod-1"
    key = world.make_key()
    assert world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "YQ=="}, by="session")["KeyId"] == key["Arn"]


def test_a_role_may_set_how_long(world: World, issuer: Issuer) -> None:
    """Longer than an hour only if it says so."""
    make_role(world, max_session_seconds=7200)
    assert assume(world, issuer.token(), DurationSeconds=7200)["Credentials"]["Expiration"].timestamp() == (
        world.clock.now() + 7200
    )
    assert refusal(world, issuer.token(), DurationSeconds=7201) == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )


def test_session_policies_limit_it(world: World, issuer: Issuer) -> None:
    """And their size is told."""
    make_role(world)
    assert assume(world, issuer.token(), Policy=LIST_KEYS)["PackedPolicySize"] > 0
    world.call("ListKeys", by="session")
    assert world.refusal("ListAliases", by="session")[0] == "AccessDeniedException"
    arn = "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"
    assume(world, issuer.token(), PolicyArns=[{"arn": arn}])
    world.call("ListAliases", by="session")
    assert world.sts_refusal("GetAccessKeyInfo", {"AccessKeyId": "A" * 20}, by="session")[1] == "AccessDenied"
    assert refusal(world, issuer.token(), Policy="{}")[1] == "MalformedPolicyDocument"


def test_a_token_may_bring_tags(world: World, issuer: Issuer) -> None:
    """If the trust policy lets it; they are the principal's tags then, and go on through a chain."""
    make_role(world, with_all("sts:TagSession"))
    assert "PackedPolicySize" in assume(world, issuer.token(**TAGGED))
    condition = {"StringEquals": {"aws:PrincipalTag/Team": "red"}}
    everything = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
    policy_of(world, {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*", "Condition": condition}, everything)
    world.call("ListKeys", by="session")
    assume(world, issuer.token(), "plain")
    assert world.refusal("ListKeys", by="plain")[0] == "AccessDeniedException"
    by_role = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:root"},
        "Action": "sts:*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/Team": "red"}},
    }
    make_role(world, by_role, name="next")
    chained = {"RoleArn": ROLE_ARN.replace("app", "next"), "RoleSessionName": "s1"}
    world.remember("chained", world.sts("AssumeRole", chained, by="session")["Credentials"])
    assert world.sts_refusal("AssumeRole", chained, by="plain")[1] == "AccessDenied"


def test_tags_and_a_source_identity_need_permission(world: World, issuer: Issuer) -> None:
    """Of the trust policy, too: without it the token opens nothing."""
    make_role(world)
    assert refusal(world, issuer.token(**TAGGED)) == (403, "AccessDenied", "Not authorized to perform sts:TagSession")
    assert refusal(world, issuer.token(**OF_ALICE)) == (
        403,
        "AccessDenied",
        "Not authorized to perform sts:SetSourceIdentity",
    )


def test_a_source_identity_stays(world: World, issuer: Issuer) -> None:
    """Through a chain of roles."""
    make_role(world, with_all("sts:SetSourceIdentity"))
    assert assume(world, issuer.token(**OF_ALICE))["SourceIdentity"] == "alice"
    anybody = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:root"}, "Action": "sts:*"}
    make_role(world, anybody, name="next")
    answer = world.sts(
        "AssumeRole", {"RoleArn": ROLE_ARN.replace("app", "next"), "RoleSessionName": "s1"}, by="session"
    )
    assert answer["SourceIdentity"] == "alice"


@pytest.mark.parametrize(
    ("condition", "lets_in"),
    [
        ({"StringEquals": {f"{PROVIDER}:sub": SUBJECT}}, True),
        ({"StringEquals": {f"{PROVIDER}:SUB": SUBJECT}}, True),
        ({"StringEquals": {f"{PROVIDER}:sub": SUBJECT.upper()}}, False),
        ({"StringLike": {f"{PROVIDER}:sub": "system:serviceaccount:prod:*"}}, True),
        ({"StringLike": {f"{PROVIDER}:sub": "system:serviceaccount:dev:*"}}, False),
        ({"StringEquals": {f"{PROVIDER}:aud": AUDIENCE}}, True),
        ({"StringEquals": {f"{PROVIDER}:aud": "another"}}, False),
        ({"StringEquals": {f"{PROVIDER}:oaud": AUDIENCE}}, True),
        ({"StringEquals": {f"{PROVIDER}:email": "a@example.org"}}, True),
        ({"ForAnyValue:StringEquals": {f"{PROVIDER}:amr": "mfa"}}, True),
        ({"ForAnyValue:StringEquals": {f"{PROVIDER}:amr": "sms"}}, False),
        ({"StringEquals": {"token.example.org/another:sub": SUBJECT}}, False),
        ({"ArnEquals": {"aws:FederatedProvider": PROVIDER_ARN}}, True),
        ({"StringEquals": {"sts:RoleSessionName": "pod-1"}}, True),
        ({"StringEquals": {"sts:RoleSessionName": "pod-2"}}, False),
        ({"StringEquals": {"aws:PrincipalType": "Anonymous"}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": ALICE_ACCOUNT}}, False),
        ({"Null": {"aws:PrincipalArn": "true", "aws:userid": "true", "aws:username": "true"}}, True),
    ],
)
def test_conditions_of_the_trust_policy(
    world: World, issuer: Issuer, condition: dict[str, Any], *, lets_in: bool
) -> None:
    """By what the token says, and what the request does."""
    make_role(world, trusting(Condition=condition))
    token = issuer.token(amr=["pwd", "mfa"], email="a@example.org")
    if lets_in:
        assume(world, token)
    else:
        assert refusal(world, token) == NOT_PERMITTED


def test_sessions_keep_what_the_token_said(world: World, issuer: Issuer) -> None:
    """Subject, audience and methods count in every request of the session; the rest was for the trust policy alone."""
    make_role(world)
    assume(world, issuer.token(amr=["mfa"], email="a@example.org"))
    assume(world, issuer.token(sub="another"), "other")
    condition = {
        "StringEquals": {
            f"{PROVIDER}:sub": SUBJECT,
            f"{PROVIDER}:aud": AUDIENCE,
            "aws:FederatedProvider": PROVIDER_ARN,
        },
        "ForAnyValue:StringEquals": {f"{PROVIDER}:amr": "mfa"},
        "Null": {f"{PROVIDER}:email": "true"},
    }
    policy_of(world, {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*", "Condition": condition})
    world.call("ListKeys", by="session")
    assert world.refusal("ListKeys", by="other")[0] == "AccessDeniedException"


def test_variables_of_policies(world: World, issuer: Issuer) -> None:
    """A policy may name what belongs to the subject of the token."""
    make_role(world)
    assume(world, issuer.token(sub="alice"))
    for name in ("alice", "bob"):
        world.call("CreateAlias", {"AliasName": f"alias/{name}", "TargetKeyId": world.make_key()["KeyId"]})
    mine = f"arn:aws:kms:*:*:alias/${{{PROVIDER}:sub}}"
    keys = {"Effect": "Allow", "Action": "kms:DeleteAlias", "Resource": "arn:aws:kms:*:*:key/*"}
    policy_of(world, {"Effect": "Allow", "Action": "kms:DeleteAlias", "Resource": mine}, keys)
    assert world.refusal("DeleteAlias", {"AliasName": "alias/bob"}, by="session")[0] == "AccessDeniedException"
    world.call("DeleteAlias", {"AliasName": "alias/alice"}, by="session")


def test_a_session_is_one_of_the_role(world: World, issuer: Issuer) -> None:
    """It ends with its role, and with its time."""
    make_role(world)
    assume(world, issuer.token())
    world.clock.seconds += 3600
    assert world.sts_refusal("GetCallerIdentity", by="session")[1] == "ExpiredToken"


def test_other_identity_providers_are_refused(world: World, issuer: Issuer) -> None:
    """Access tokens of OAuth 2.0 are not taken."""
    make_role(world)
    for provider_id in ("www.amazon.com", "graph.facebook.com"):
        assert refusal(world, issuer.token(), ProviderId=provider_id)[1] == "ValidationError"


def test_a_token_never_shows(world: World, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in an audit record nor in the log nor in a refusal nor in what a debugger prints."""
    make_role(world)
    secret = issuer.token()
    for token in (secret, secret[:-9], secret.replace(".", ".A", 1), secret * 40):
        try:
            answer: object = assume(world, token)
        except Exception as error:  # noqa: BLE001  whatever it says
            answer = error
        shown = f"{answer}{world.record()}{caplog.text}"
        assert not any(part in shown for part in token.split(".") if len(part) > 20)
    request = AssumeRoleWithWebIdentityRequest(
        role_arn=ROLE_ARN, role_session_name="s", web_identity_token=SecretText(secret.encode())
    )
    assert secret not in repr(request)


def test_what_the_model_calls_sensitive_is_a_secret() -> None:
    """The token is no text that slips into a message."""
    types = {field.name: field.type for field in msgspec.structs.fields(AssumeRoleWithWebIdentityRequest)}
    assert types["web_identity_token"] is SecretText
    assert SecretText not in {option for name, type_ in types.items() for option in typing.get_args(type_)}


def test_what_a_token_needs_besides() -> None:
    """Each of both for itself."""
    plain = WebIdentity(provider_arn="arn", issuer="https://a.example", subject="s", audience="a")
    tagged = msgspec.structs.replace(plain, tags=(Tag("Team", "red"),), transitive_tag_keys=("Team",))
    full = msgspec.structs.replace(tagged, source_identity="alice")
    assert [role_actions(identity) for identity in (plain, tagged, full)] == [
        (),
        ("sts:TagSession",),
        ("sts:TagSession", "sts:SetSourceIdentity"),
    ]
    request = AssumeRoleWithWebIdentityRequest(
        role_arn=ROLE_ARN, role_session_name="s", web_identity_token=SecretText(b"")
    )
    assert condition_keys(request, plain) == {"sts:RoleSessionName": "s"}
    assert condition_keys(request, full) == {
        "sts:RoleSessionName": "s",
        "aws:RequestTag/Team": "red",
        "aws:TagKeys": ("Team",),
        "sts:TransitiveTagKeys": ("Team",),
        "sts:SourceIdentity": "alice",
    }


def test_who_brings_a_token_is_nobody_of_an_account() -> None:
    """No root user, no user, and without tags: tags count once the session has them."""
    identity = WebIdentity(
        provider_arn="arn", issuer="https://a.example", subject="s", audience="a", tags=(Tag("Team", "red"),)
    )
    caller = Caller.of_web_identity(identity, BOB_ACCOUNT)
    assert (caller.is_root, caller.user_name, caller.tags, caller.access_key_id) == (False, None, (), "")
    assert caller.principal_id == "arn:a:s"


def test_what_is_no_token_is_told(world: World, issuer: Issuer) -> None:
    """In AWS's words."""
    make_role(world)
    assert refusal(world, "access-token") == (400, "InvalidIdentityToken", NOT_A_JWT_TEXT)
    assert refusal(world, issuer.token(aud="another")) == (400, "InvalidIdentityToken", "Incorrect token audience")
    assert refusal(world, issuer.token(exp=1))[:2] == (400, "ExpiredTokenException")
