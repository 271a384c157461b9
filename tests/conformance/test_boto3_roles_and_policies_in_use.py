"""boto3: who may use a KMS key, by users, groups, roles, sessions, tags, contexts and grants; and who no longer may.

Every change is checked over connections to both workers: what was answered counts with the next request.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from typing import Any, Final, NamedTuple

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.calls import make_key
from harness.policies import Statement, allow, deny, document
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server, running

CONNECTIONS: Final = 10
"""The kernel gives each to one of two workers: all to the same one in 1 of 500 runs, which proves the less then."""

Denial = tuple[str, str]
Credentials = Mapping[str, str]

NO_IDENTITY: Final = "because no identity-based policy allows the {} action"
NO_BOUNDARY: Final = "because no permissions boundary allows the {} action"
NO_SESSION: Final = "because no session policy allows the {} action"
NO_RESOURCE: Final = "because no resource-based policy allows the {} action"
NO_TRUST: Final = "because no role trust policy allows the {} action"
DENIED: Final = "with an explicit deny in an identity-based policy"
FOREIGN: Final = (
    "because the resource does not exist in this Region, no resource-based policies allow access, "
    "or a resource-based policy explicitly denies access"
)
NO_TOKEN: Final = ("UnrecognizedClientException", "The security token included in the request is invalid.")


_NUMBERS: Final = count(1)


class Person(NamedTuple):
    """A user or a session, and its clients of AWS KMS, each with a connection of its own."""

    name: str
    arn: str
    credentials: Credentials
    clients: list[Any]

    def answers(self, operation: str, **parameters: Any) -> None:
        """Every worker lets this through."""
        for client in self.clients:
            getattr(client, operation)(**parameters)

    def refusals(self, operation: str, **parameters: Any) -> Denial:
        """Code and text of the one refusal that every worker answers."""
        (found,) = {refused(getattr(client, operation), **parameters) for client in self.clients}
        return found

    def is_refused(self, operation: str, action: str, reason: str, key: str, **parameters: Any) -> None:
        """Every worker refuses a permission on a key with AWS's text."""
        text = f"User: {self.arn} is not authorized to perform: {action} on resource: {key} {reason.format(action)}"
        assert self.refusals(operation, KeyId=key, **parameters) == ("AccessDeniedException", text)


def refused(call: Callable[..., Any], **parameters: Any) -> Denial:
    """Code and text of an error."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


class Stage:
    """A server, its two administrators, and whoever a test puts on it."""

    def __init__(self, server: Server, opened: ExitStack) -> None:
        self._server = server
        self._opened = opened
        self.iam, self.kms, self.sts = (self._admin(service, ALICE_ACCOUNT) for service in ("iam", "kms", "sts"))
        self.iam_of_bob, self.kms_of_bob = (self._admin(service, BOB_ACCOUNT) for service in ("iam", "kms"))

    def _admin(self, service: str, account_id: str) -> Any:
        client = self._server.client(service=service, profile=account_id)
        self._opened.callback(client.close)
        return client

    def name(self, what: str) -> str:
        """A name that nobody has."""
        return f"{what}{next(_NUMBERS)}"

    def user(self, *statements: Statement, iam: Any = None, **parameters: Any) -> Person:
        """A user whom one inline policy, `p`, allows these statements."""
        iam = iam or self.iam
        name = self.name("user")
        arn = iam.create_user(UserName=name, **parameters)["User"]["Arn"]
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
        return self.person(name, arn, iam.create_access_key(UserName=name)["AccessKey"])

    def role(self, trust: Statement, *statements: Statement) -> str:
        """The ARN of a role of the first account."""
        name = self.name("role")
        del trust["Resource"]
        arn: str = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return arn

    def session(self, by: Person, role_arn: str, **parameters: Any) -> Person:
        """Temporary credentials of a role."""
        answer = self.sts_of(by).assume_role(RoleArn=role_arn, RoleSessionName="session", **parameters)
        return self.person("session", answer["AssumedRoleUser"]["Arn"], answer["Credentials"])

    def person(self, name: str, arn: str, credentials: Credentials) -> Person:
        """Clients with these credentials."""
        return Person(name, arn, credentials, self._clients("kms", credentials, CONNECTIONS))

    def sts_of(self, person: Person) -> Any:
        """STS for somebody."""
        (client,) = self._clients("sts", person.credentials, 1)
        return client

    def _clients(self, service: str, credentials: Credentials, number: int) -> list[Any]:
        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
            region_name="us-east-1",
        )
        config = Config(retries={"total_max_attempts": 1})
        clients = [session.client(service, endpoint_url=self._server.endpoint, config=config) for _ in range(number)]
        for client in clients:
            self._opened.callback(client.close)
        return clients


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers, on which the users of these tests stay."""
    with running(tmp_path_factory.mktemp("in-use") / "data", "--workers", "2") as server:
        yield server


@pytest.fixture
def stage(own_server: Server) -> Iterator[Stage]:
    """The server, and clients that are closed after the test."""
    with ExitStack() as opened:
        yield Stage(own_server, opened)


@pytest.fixture
def key(stage: Stage) -> str:
    """The ARN of a KMS key with the default key policy: the account, and so its IAM policies."""
    arn: str = make_key(stage.kms)["Arn"]
    return arn


def test_an_inline_policy_is_about_one_key(stage: Stage, key: str) -> None:
    """Its key and its actions, and no longer than it is there; a Deny ends all."""
    other = make_key(stage.kms)["Arn"]
    user = stage.user(allow(["kms:Encrypt", "kms:DescribeKey"], resource=key))
    user.answers("encrypt", KeyId=key, Plaintext=b"x")
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, other, Plaintext=b"x")
    user.is_refused("disable_key", "kms:DisableKey", NO_IDENTITY, key)
    denying = document(allow("kms:*"), deny("kms:Encrypt", resource=key))
    stage.iam.put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=denying)
    user.is_refused("encrypt", "kms:Encrypt", DENIED, key, Plaintext=b"x")
    user.answers("encrypt", KeyId=other, Plaintext=b"x")
    stage.iam.delete_user_policy(UserName=user.name, PolicyName="p")
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, other, Plaintext=b"x")


def test_groups_give_and_take(stage: Stage, key: str) -> None:
    """With membership and by managed policies, in their default version."""
    group, policy_name = stage.name("group"), stage.name("policy")
    stage.iam.create_group(GroupName=group)
    policy = stage.iam.create_policy(PolicyName=policy_name, PolicyDocument=document(allow("kms:Encrypt")))["Policy"]
    stage.iam.attach_group_policy(GroupName=group, PolicyArn=policy["Arn"])
    user = stage.user()
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x")
    stage.iam.add_user_to_group(GroupName=group, UserName=user.name)
    user.answers("encrypt", KeyId=key, Plaintext=b"x")
    newer = {"PolicyArn": policy["Arn"], "PolicyDocument": document(allow("kms:DescribeKey")), "SetAsDefault": True}
    stage.iam.create_policy_version(**newer)
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x")
    stage.iam.set_default_policy_version(PolicyArn=policy["Arn"], VersionId="v1")
    user.answers("encrypt", KeyId=key, Plaintext=b"x")
    stage.iam.remove_user_from_group(GroupName=group, UserName=user.name)
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x")


def test_a_boundary_limits_what_policies_give(stage: Stage, key: str) -> None:
    """While it is there; a key policy that names the user directly stands above it, as on AWS."""
    limit = document(allow("kms:DescribeKey"))
    boundary = stage.iam.create_policy(PolicyName=stage.name("limit"), PolicyDocument=limit)["Policy"]["Arn"]
    user = stage.user(allow("kms:*"), PermissionsBoundary=boundary)
    user.answers("describe_key", KeyId=key)
    user.is_refused("encrypt", "kms:Encrypt", NO_BOUNDARY, key, Plaintext=b"x")
    policy = json.loads(stage.kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append(allow("kms:Encrypt", principal=user.arn))
    stage.kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    user.answers("encrypt", KeyId=key, Plaintext=b"x")
    user.is_refused("disable_key", "kms:DisableKey", NO_BOUNDARY, key)
    stage.iam.delete_user_permissions_boundary(UserName=user.name)
    user.answers("enable_key", KeyId=key)


def test_a_role_for_another_account_with_an_external_id(stage: Stage, key: str) -> None:
    """Without the external ID nobody gets in; the credentials end with the role."""
    only_with_id = {"StringEquals": {"sts:ExternalId": "2718"}}
    trust = allow("sts:AssumeRole", principal=f"arn:aws:iam::{BOB_ACCOUNT}:root", condition=only_with_id)
    role_arn = stage.role(trust, allow("kms:Encrypt", resource=key))
    bob = stage.user(allow("sts:AssumeRole", resource=role_arn), iam=stage.iam_of_bob)
    asked = {"RoleArn": role_arn, "RoleSessionName": "session"}
    prefix = f"User: {bob.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn} "
    for wrong in ({}, {"ExternalId": "3141"}):
        text = prefix + NO_TRUST.format("sts:AssumeRole")
        assert refused(stage.sts_of(bob).assume_role, **asked, **wrong) == ("AccessDenied", text)
    session = stage.session(bob, role_arn, ExternalId="2718")
    session.answers("encrypt", KeyId=key, Plaintext=b"x")
    session.is_refused("describe_key", "kms:DescribeKey", NO_IDENTITY, key)
    bob.is_refused("encrypt", "kms:Encrypt", FOREIGN, key, Plaintext=b"x")
    stage.iam_of_bob.delete_user_policy(UserName=bob.name, PolicyName="p")
    text = prefix + NO_IDENTITY.format("sts:AssumeRole")
    assert refused(stage.sts_of(bob).assume_role, **asked, ExternalId="2718") == ("AccessDenied", text)
    session.answers("encrypt", KeyId=key, Plaintext=b"x")
    role_name = role_arn.rpartition("/")[2]
    stage.iam.delete_role_policy(RoleName=role_name, PolicyName="p")
    session.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x")
    stage.iam.delete_role(RoleName=role_name)
    assert session.refusals("encrypt", KeyId=key, Plaintext=b"x")[0] == "UnrecognizedClientException"


def test_another_account_needs_both_sides(stage: Stage, key: str) -> None:
    """The key policy and an IAM policy of the other account; a grant to the account counts with the latter, too."""
    bob = stage.user(allow("kms:Encrypt", resource=key), iam=stage.iam_of_bob)
    bob.is_refused("encrypt", "kms:Encrypt", FOREIGN, key, Plaintext=b"x")
    default = stage.kms.get_key_policy(KeyId=key)["Policy"]
    policy = json.loads(default)
    policy["Statement"].append(allow(["kms:Encrypt", "kms:Decrypt"], principal=f"arn:aws:iam::{BOB_ACCOUNT}:root"))
    stage.kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    bob.answers("encrypt", KeyId=key, Plaintext=b"x")
    blob = bob.clients[0].encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    bob.is_refused("decrypt", "kms:Decrypt", NO_IDENTITY, key, CiphertextBlob=blob)
    stage.kms.put_key_policy(KeyId=key, Policy=default)
    bob.is_refused("encrypt", "kms:Encrypt", FOREIGN, key, Plaintext=b"x")
    grant = {"KeyId": key, "GranteePrincipal": f"arn:aws:iam::{BOB_ACCOUNT}:root", "Operations": ["Encrypt"]}
    stage.kms.create_grant(**grant)
    bob.answers("encrypt", KeyId=key, Plaintext=b"x")


def test_session_policies_only_take_away(stage: Stage, key: str) -> None:
    """What the role and the session policy both allow, and nothing that either denies."""
    alice = stage.user(allow("sts:AssumeRole"))
    role_arn = stage.role(
        allow("sts:AssumeRole", principal=alice.arn), allow(["kms:Encrypt", "kms:DescribeKey"], resource=key)
    )
    limited = stage.session(alice, role_arn, Policy=document(allow(["kms:Encrypt", "kms:DisableKey"])))
    limited.answers("encrypt", KeyId=key, Plaintext=b"x")
    limited.is_refused("describe_key", "kms:DescribeKey", NO_SESSION, key)
    limited.is_refused("disable_key", "kms:DisableKey", NO_IDENTITY, key)
    denied = stage.session(alice, role_arn, Policy=document(allow("kms:*"), deny("kms:Encrypt")))
    reason = "with an explicit deny in a session policy"
    denied.is_refused("encrypt", "kms:Encrypt", reason, key, Plaintext=b"x")
    denied.answers("describe_key", KeyId=key)
    stage.session(alice, role_arn).answers("encrypt", KeyId=key, Plaintext=b"x")


def test_tags_of_the_principal_and_of_the_key_must_agree(stage: Stage) -> None:
    """Attribute-based access: by the tags of now, of the user or of the session."""
    same_team = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    red, blue = (make_key(stage.kms, Tags=[{"TagKey": "team", "TagValue": team}])["Arn"] for team in ("red", "blue"))
    user = stage.user(allow("kms:Encrypt", condition=same_team), allow(["sts:AssumeRole", "sts:TagSession"]))
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, red, Plaintext=b"x")
    stage.iam.tag_user(UserName=user.name, Tags=[{"Key": "team", "Value": "red"}])
    user.answers("encrypt", KeyId=red, Plaintext=b"x")
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, blue, Plaintext=b"x")
    stage.kms.tag_resource(KeyId=blue, Tags=[{"TagKey": "team", "TagValue": "red"}])
    stage.kms.untag_resource(KeyId=red, TagKeys=["team"])
    user.answers("encrypt", KeyId=blue, Plaintext=b"x")
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, red, Plaintext=b"x")
    trust = allow(["sts:AssumeRole", "sts:TagSession"], principal=user.arn)
    role_arn = stage.role(trust, allow("kms:Encrypt", condition=same_team))
    stage.session(user, role_arn, Tags=[{"Key": "team", "Value": "red"}]).answers("encrypt", KeyId=blue, Plaintext=b"x")
    other = stage.session(user, role_arn, Tags=[{"Key": "team", "Value": "green"}])
    other.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, blue, Plaintext=b"x")


def test_conditions_on_the_encryption_context(stage: Stage, key: str) -> None:
    """A pair that must be there, and names that must all be known."""
    condition: dict[str, dict[str, Any]] = {
        "StringEquals": {"kms:EncryptionContext:app": "web"},
        "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app", "stage"]},
    }
    user = stage.user(allow(["kms:Encrypt", "kms:Decrypt"], resource=key, condition=condition))
    good = {"app": "web", "stage": "test"}
    user.answers("encrypt", KeyId=key, Plaintext=b"x", EncryptionContext=good)
    for wrong in ({}, {"app": "mail"}, {**good, "other": "x"}):
        user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x", EncryptionContext=wrong)
    blob = stage.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"app": "mail"})["CiphertextBlob"]
    user.is_refused("decrypt", "kms:Decrypt", NO_IDENTITY, key, CiphertextBlob=blob, EncryptionContext={"app": "mail"})
    # With the pair that is allowed the caller gets past authorization, and the blob does not open.
    assert user.refusals("decrypt", KeyId=key, CiphertextBlob=blob, EncryptionContext=good) == (
        "InvalidCiphertextException",
        "",
    )


def test_grants_count_at_once_and_are_gone_at_once(stage: Stage, key: str) -> None:
    """For a user whom no policy allows anything, within the constraint."""
    user = stage.user()
    pair = {"app": "web"}
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x", EncryptionContext=pair)
    given = {"KeyId": key, "GranteePrincipal": user.arn, "Operations": ["Encrypt", "CreateGrant", "RetireGrant"]}
    made = stage.kms.create_grant(**given, Constraints={"EncryptionContextSubset": pair})
    user.answers("encrypt", KeyId=key, Plaintext=b"x", EncryptionContext={**pair, "more": "x"})
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x")
    user.is_refused("describe_key", "kms:DescribeKey", NO_IDENTITY, key)
    stage.kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    user.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x", EncryptionContext=pair)


def test_child_grants_are_never_wider(stage: Stage, key: str) -> None:
    """Of operations and constraints; a child outlives its parent, and its grantee may retire it."""
    parent, child = stage.user(), stage.user()
    pair = {"app": "web"}
    wide = stage.kms.create_grant(
        KeyId=key,
        GranteePrincipal=parent.arn,
        Operations=["Encrypt", "RetireGrant", "CreateGrant"],
        Constraints={"EncryptionContextSubset": pair},
    )
    asked = {"KeyId": key, "GranteePrincipal": child.arn}
    constraints = {"EncryptionContextSubset": {**pair, "stage": "test"}}
    narrow = {"Operations": ["Encrypt", "RetireGrant"], "Constraints": constraints}
    for wider in (
        {**narrow, "Operations": ["Encrypt", "Decrypt"]},
        {**narrow, "Constraints": {"EncryptionContextSubset": {"stage": "test"}}},
        {"Operations": ["Encrypt"]},
    ):
        code, text = refused(parent.clients[0].create_grant, **asked, **wider)
        assert code == "AccessDeniedException"
        assert f"{parent.arn} is not authorized to perform: kms:CreateGrant on resource: {key}" in text
    made = parent.clients[0].create_grant(**asked, **narrow)
    used = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": constraints["EncryptionContextSubset"]}
    child.answers("encrypt", **used)
    child.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x", EncryptionContext=pair)
    stage.kms.revoke_grant(KeyId=key, GrantId=wide["GrantId"])
    parent.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x", EncryptionContext=pair)
    child.answers("encrypt", **used)
    child.clients[0].retire_grant(GrantToken=made["GrantToken"])
    assert child.refusals("encrypt", **used)[0] == "AccessDeniedException"


def test_a_grant_to_a_role_holds_for_its_sessions(stage: Stage, key: str) -> None:
    """Within the session policies; one to a session ends with it."""
    alice = stage.user(allow("sts:AssumeRole"))
    role_arn = stage.role(allow("sts:AssumeRole", principal=alice.arn))
    session = stage.session(alice, role_arn)
    session.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x")
    made = stage.kms.create_grant(KeyId=key, GranteePrincipal=role_arn, Operations=["Encrypt"])
    session.answers("encrypt", KeyId=key, Plaintext=b"x")
    stage.kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    session.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x")


def test_an_inactive_access_key_opens_nothing(stage: Stage, key: str) -> None:
    """As if it did not exist, until it is active again; deleted it stays away."""
    user = stage.user(allow("kms:*"))
    named = {"UserName": user.name, "AccessKeyId": user.credentials["AccessKeyId"]}
    user.answers("encrypt", KeyId=key, Plaintext=b"x")
    stage.iam.update_access_key(**named, Status="Inactive")
    assert user.refusals("encrypt", KeyId=key, Plaintext=b"x") == NO_TOKEN
    assert refused(stage.sts_of(user).get_caller_identity) == ("InvalidClientTokenId", NO_TOKEN[1])
    stage.iam.update_access_key(**named, Status="Active")
    user.answers("encrypt", KeyId=key, Plaintext=b"x")
    stage.iam.delete_access_key(**named)
    assert user.refusals("encrypt", KeyId=key, Plaintext=b"x") == NO_TOKEN


def test_a_user_made_anew_is_another_one(stage: Stage, key: str) -> None:
    """A deleted user's credentials are void, and what a key policy or a grant gave the name is not inherited."""
    user = stage.user()
    policy = json.loads(stage.kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append(allow("kms:Encrypt", principal=user.arn))
    stage.kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    stage.kms.create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=["DescribeKey"])
    user.answers("encrypt", KeyId=key, Plaintext=b"x")
    user.answers("describe_key", KeyId=key)
    stage.iam.delete_access_key(UserName=user.name, AccessKeyId=user.credentials["AccessKeyId"])
    stage.iam.delete_user(UserName=user.name)
    assert user.refusals("encrypt", KeyId=key, Plaintext=b"x") == NO_TOKEN
    stage.iam.create_user(UserName=user.name)
    anew = stage.person(user.name, user.arn, stage.iam.create_access_key(UserName=user.name)["AccessKey"])
    anew.is_refused("encrypt", "kms:Encrypt", NO_IDENTITY, key, Plaintext=b"x")
    anew.is_refused("describe_key", "kms:DescribeKey", NO_IDENTITY, key)


def test_a_key_policy_without_the_account_leaves_iam_out(stage: Stage) -> None:
    """Not even AdministratorAccess opens the key; who is named may use it."""
    user = stage.user()
    admin = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
    policy = document(
        allow(["kms:PutKeyPolicy", "kms:DescribeKey"], principal=admin), allow("kms:Encrypt", principal=user.arn)
    )
    key = make_key(stage.kms, Policy=policy)["Arn"]
    user.answers("encrypt", KeyId=key, Plaintext=b"x")
    text = f"User: {admin} is not authorized to perform: kms:Encrypt on resource: {key} {NO_RESOURCE}"
    assert refused(stage.kms.encrypt, KeyId=key, Plaintext=b"x") == (
        "AccessDeniedException",
        text.format("kms:Encrypt"),
    )
