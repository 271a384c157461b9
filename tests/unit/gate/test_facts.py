"""What conditions and variables may ask of a request: global condition keys, present and absent.

Source: IAM User Guide, "AWS global condition context keys".
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from harness.policies import (
    allow,
    change_user,
    deny,
    may,
    new_role,
    new_session,
    new_user,
    only,
    set_key_policy,
    user_of,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.principals import Role, User
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.policy.facts import Fact
from selfkms.domain.tags import Tag
from selfkms.gate.facts import AboutResource, Surroundings, facts_of
from selfkms.protocol.http import TLSDetails

ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
ROOT = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
NOW = 1_790_000_000.0

USER = User(
    account_id=ALICE_ACCOUNT, user_name="bob", user_id="AIDABOB", created_at=0.0, path="/team/", tags=(Tag("Job", "x"),)
)
ROLE = Role(
    account_id=BOB_ACCOUNT,
    role_name="reader",
    role_id="AROAREADER",
    created_at=0.0,
    path="/team/",
    trust_policy="",
    tags=(Tag("Job", "role's"), Tag("Site", "role's")),
)


def session(kind: CallerKind, **fields: Any) -> Session:
    return Session(
        access_key_id="ASIA1",
        kind=kind,
        account_id=BOB_ACCOUNT,
        issued_at=NOW - 60,
        expires_at=NOW + 60,
        holder_id="AROAREADER",
        name="s1",
        **fields,
    )


def facts(caller: Caller, about: AboutResource | None = None, **around: Any) -> "Asked":
    surroundings = Surroundings(
        caller=caller,
        region="eu-west-1",
        now=NOW,
        source_ip="192.0.2.1",
        secure=True,
        user_agent=None,
        referer=None,
    )
    identity, resource = facts_of(msgspec.structs.replace(surroundings, **around), about or AboutResource())
    return Asked(lambda key: identity.get(key.lower()), lambda key: resource.get(key.lower()))


class Asked:
    """The two sides of the facts of a request."""

    def __init__(self, identity: Any, resource: Any) -> None:
        self.identity = identity
        self.resource = resource

    def __getitem__(self, key: str) -> Fact | None:
        """What both sides say."""
        found: Fact | None = self.identity(key)
        assert found == self.resource(key), key
        return found


PRINCIPALS: Mapping[str, tuple[Caller, Mapping[str, str | None]]] = {
    "user": (
        Caller.user(USER, "AKIA1"),
        {
            "aws:PrincipalArn": f"arn:aws:iam::{ALICE_ACCOUNT}:user/team/bob",
            "aws:PrincipalAccount": ALICE_ACCOUNT,
            "aws:PrincipalType": "User",
            "aws:userid": "AIDABOB",
            "aws:username": "bob",
            "aws:PrincipalTag/Job": "x",
            "aws:PrincipalTag/job": "x",
            "aws:TokenIssueTime": None,
            "aws:MultiFactorAuthPresent": None,
            "aws:SourceIdentity": None,
        },
    ),
    "session of a user": (
        Caller.user(USER, "ASIA1", session=session(CallerKind.USER)),
        {
            "aws:PrincipalType": "User",
            "aws:username": "bob",
            "aws:userid": "AIDABOB",
            "aws:TokenIssueTime": "2026-09-21T14:12:20Z",
            "aws:MultiFactorAuthPresent": "false",
        },
    ),
    "root user": (
        Caller.root(ALICE_ACCOUNT, "AKIA2"),
        {
            "aws:PrincipalArn": ROOT,
            "aws:PrincipalType": "Account",
            "aws:userid": ALICE_ACCOUNT,
            "aws:username": None,
            "aws:PrincipalTag/Job": None,
        },
    ),
    "role session": (
        Caller.assumed_role(
            ROLE,
            session(CallerKind.ROLE, tags=(Tag("job", "session's"),), source_identity="alice", holder_name="reader"),
        ),
        {
            "aws:PrincipalArn": f"arn:aws:iam::{BOB_ACCOUNT}:role/team/reader",
            "aws:PrincipalAccount": BOB_ACCOUNT,
            "aws:PrincipalType": "AssumedRole",
            "aws:userid": "AROAREADER:s1",
            "aws:username": None,
            "aws:PrincipalTag/Job": "session's",
            "aws:PrincipalTag/Site": "role's",
            "aws:SourceIdentity": "alice",
            "aws:MultiFactorAuthPresent": "false",
            "aws:FederatedProvider": None,
        },
    ),
    "role session of a token from elsewhere": (
        Caller.assumed_role(ROLE, session(CallerKind.ROLE, web_identity_provider="arn:of:provider")),
        {"aws:FederatedProvider": "arn:of:provider", "aws:SourceIdentity": None},
    ),
    "federated user": (
        Caller.federated(USER, session(CallerKind.FEDERATED, tags=(Tag("Job", "given"),))),
        {
            "aws:PrincipalArn": f"arn:aws:sts::{BOB_ACCOUNT}:federated-user/s1",
            "aws:PrincipalType": "FederatedUser",
            "aws:userid": f"{BOB_ACCOUNT}:s1",
            "aws:username": None,
            "aws:PrincipalTag/Job": "given",
        },
    ),
}


@pytest.mark.parametrize("who", PRINCIPALS)
def test_what_is_known_of_a_caller(who: str) -> None:
    """Each kind of caller has the keys that AWS documents for it, and lacks the others; both sides see the same."""
    caller, expected = PRINCIPALS[who]
    asked = facts(caller)
    for key, value in expected.items():
        assert asked[key] == value, key
    for key in ("aws:PrincipalIsAWSService", "aws:ViaAWSService"):
        assert asked[key] == "false"
    for key in ("aws:PrincipalOrgID", "aws:SourceArn", "aws:SourceAccount", "aws:SourceVpce", "aws:CalledVia"):
        assert asked[key] is None


def test_a_service_that_calls_for_a_caller() -> None:
    """kms:ViaService names it, and aws:ViaAWSService says so; of a direct call neither is true."""
    caller = msgspec.structs.replace(Caller.user(USER, "AKIA1"), service="ec2.eu-west-1.amazonaws.com")
    assert facts(caller)["kms:ViaService"] == "ec2.eu-west-1.amazonaws.com"
    assert facts(caller)["aws:ViaAWSService"] == "true"
    assert facts(Caller.user(USER, "AKIA1"))["kms:ViaService"] is None


def test_a_service_that_calls_for_itself() -> None:
    """It is an AWS service, and calls through none but itself."""
    asked = facts(Caller.aws_service("ec2.eu-west-1.amazonaws.com", ALICE_ACCOUNT, invoked_by="ebs.amazonaws.com"))
    assert (asked["aws:PrincipalIsAWSService"], asked["aws:ViaAWSService"]) == ("true", "false")
    assert asked["aws:PrincipalType"] == "Service"
    assert asked["kms:ViaService"] == "ec2.eu-west-1.amazonaws.com"
    assert asked["aws:username"] is None


def test_what_is_known_of_a_request() -> None:
    """Time in both forms, address, TLS, Region; headers if they were sent. What is not known is absent."""
    caller = Caller.user(USER, "AKIA1")
    asked = facts(caller, user_agent="curl/8", referer="https://example.org/")
    expected = {
        "aws:CurrentTime": "2026-09-21T14:13:20Z",
        "aws:EpochTime": "1790000000",
        "aws:SourceIp": "192.0.2.1",
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": "eu-west-1",
        "aws:UserAgent": "curl/8",
        "aws:Referer": "https://example.org/",
        "kms:CallerAccount": ALICE_ACCOUNT,
    }
    assert {key: asked[key] for key in expected} == expected
    assert facts(caller)["aws:UserAgent"] is None
    assert facts(caller)["aws:Referer"] is None
    unknown = facts(caller, source_ip=None, secure=None)
    assert (unknown["aws:SourceIp"], unknown["aws:SecureTransport"]) == (None, None)


KEY = KMSKey(
    account_id=BOB_ACCOUNT, region="eu-west-1", key_id="k", created_at=0.0, state=KeyState.ENABLED, policy="{}"
)


def test_what_is_known_of_a_resource() -> None:
    """Tags and aliases are for the identity side alone; the alias of a request is for both."""
    about = AboutResource(
        owner=BOB_ACCOUNT,
        key=KEY,
        request_alias="alias/a",
        aliases=lambda: ("alias/a", "alias/b"),
        tags=(Tag("team", "blue"),),
        requested=lambda: {"kms:MessageType": "RAW"},
    )
    asked = facts(Caller.user(USER, "AKIA1"), about)
    assert asked["aws:ResourceAccount"] == BOB_ACCOUNT
    assert asked["kms:CallerAccount"] == ALICE_ACCOUNT
    assert asked["kms:RequestAlias"] == "alias/a"
    assert asked["kms:MessageType"] == "RAW"
    assert asked["kms:MultiRegion"] == "false"
    for key, value in (("kms:ResourceAliases", ("alias/a", "alias/b")), ("aws:ResourceTag/Team", "blue")):
        assert asked.identity(key) == value
        assert asked.resource(key) is None
    assert asked.identity("iam:ResourceTag/team") is None


def test_tags_of_iam_have_two_names() -> None:
    """A user's or a role's tags are aws:ResourceTag and iam:ResourceTag."""
    asked = facts(Caller.user(USER, "AKIA1"), AboutResource(owner=ALICE_ACCOUNT, tags=(Tag("a", "b"),), of_iam=True))
    assert asked.identity("aws:ResourceTag/a") == asked.identity("iam:ResourceTag/a") == "b"
    assert asked.resource("iam:ResourceTag/a") is None


def test_tags_of_snapshots_have_two_names() -> None:
    """For Amazon EC2 a snapshot's or a volume's tags are aws:ResourceTag and ec2:ResourceTag."""
    asked = facts(Caller.user(USER, "AKIA1"), AboutResource(owner=ALICE_ACCOUNT, tags=(Tag("a", "b"),), of_ec2=True))
    assert asked.identity("aws:ResourceTag/a") == asked.identity("ec2:ResourceTag/a") == "b"
    assert asked.resource("ec2:ResourceTag/a") is None
    assert asked.identity("iam:ResourceTag/a") is None


def test_nothing_is_known_of_no_resource() -> None:
    """A permission on nothing has no account of a resource, no alias and no key."""
    asked = facts(Caller.user(USER, "AKIA1"))
    for key in ("aws:ResourceAccount", "kms:RequestAlias", "kms:ResourceAliases", "kms:KeySpec", "aws:ResourceTag/a"):
        assert asked[key] is None


def test_nothing_is_gathered_before_it_is_asked_for() -> None:
    """What an operation says costs nothing where no condition asks, and is gathered once for both sides."""
    calls: list[str] = []

    def requested() -> Mapping[str, Fact]:
        calls.append("requested")
        return {"kms:MessageType": "RAW"}

    def aliases() -> Fact | None:
        calls.append("aliases")
        return None

    asked = facts(Caller.user(USER, "AKIA1"), AboutResource(requested=requested, aliases=aliases))
    assert calls == []
    assert asked["kms:MessageType"] == "RAW"
    assert calls == ["requested"]
    assert asked.identity("kms:ResourceAliases") is None
    assert calls == ["requested", "aliases"]


@pytest.mark.parametrize(("primary_region", "kind"), [("eu-west-1", "PRIMARY"), ("us-east-1", "REPLICA")])
def test_a_multi_region_key_says_which_kind_it_is(primary_region: str, kind: str) -> None:
    """kms:MultiRegionKeyType is there for multi-Region keys, and absent for others."""
    about = AboutResource(owner=BOB_ACCOUNT, key=KEY.changed(multi_region=True, primary_region=primary_region))
    asked = facts(Caller.user(USER, "AKIA1"), about)
    assert (asked["kms:MultiRegion"], asked["kms:MultiRegionKeyType"]) == ("true", kind)
    single = facts(Caller.user(USER, "AKIA1"), AboutResource(owner=BOB_ACCOUNT, key=KEY))
    assert (single["kms:MultiRegion"], single["kms:MultiRegionKeyType"]) == ("false", None)


# A condition on a request of Alice's admin, with a value that it has and one that it has not.
CONDITIONS: list[tuple[str, str, Any, Any]] = [
    ("ArnEquals", "aws:PrincipalArn", ADMIN, ROOT),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/*", "arn:aws:iam::*:role/*"),
    ("StringEquals", "aws:PrincipalAccount", ALICE_ACCOUNT, BOB_ACCOUNT),
    ("StringEquals", "aws:PrincipalType", "User", "Account"),
    ("StringEquals", "aws:PrincipalTag/Job", "keeper", "Keeper"),
    ("StringEquals", "AWS:principaltag/JOB", "keeper", "other"),
    ("Null", "aws:PrincipalTag/Site", "true", "false"),
    ("StringEquals", "aws:username", "admin", "Admin"),
    ("StringLike", "aws:userid", "AIDA*", "AROA*"),
    ("IpAddress", "aws:SourceIp", "198.51.100.0/24", "198.51.101.0/24"),
    ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", "198.51.100.7"),
    ("Bool", "aws:SecureTransport", "false", "true"),
    ("DateGreaterThan", "aws:CurrentTime", "2026-09-21T14:13:19Z", "2026-09-21T14:13:20Z"),
    ("DateLessThanEquals", "aws:CurrentTime", "2026-09-21T14:13:20Z", "2026-09-21T14:13:19Z"),
    ("NumericEquals", "aws:EpochTime", 1_790_000_000, 1_790_000_001),
    ("DateEquals", "aws:EpochTime", "2026-09-21T14:13:20Z", "2026-09-21T14:13:21Z"),
    ("StringEquals", "aws:RequestedRegion", REGION, "eu-west-1"),
    ("StringEquals", "aws:ResourceAccount", ALICE_ACCOUNT, BOB_ACCOUNT),
    ("Null", "aws:UserAgent", "true", "false"),
    ("Bool", "aws:PrincipalIsAWSService", "false", "true"),
    ("Bool", "aws:ViaAWSService", "false", "true"),
    # Absent with long-term credentials: the negated and the lenient operators hold, and no other.
    ("BoolIfExists", "aws:MultiFactorAuthPresent", ["true", "false"], None),
    ("StringNotEquals", "aws:PrincipalOrgID", "o-1", None),
    ("StringNotEqualsIfExists", "aws:SourceVpce", "vpce-1", None),
    ("Null", "aws:TokenIssueTime", "true", "false"),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["a"], None),
]


@pytest.mark.parametrize(("operator", "key", "holds", "fails"), CONDITIONS)
def test_global_keys_count_in_both_kinds_of_policy(
    world: World, operator: str, key: str, holds: Any, fails: Any
) -> None:
    """An Allow with a value that the request has lets it through, one with another value does not."""
    key_id = world.make_key()["KeyId"]
    change_user(world, tags=(Tag("Job", "keeper"),))
    for value, allowed in ((holds, True), (fails, False)):
        if value is None:
            continue
        condition = {operator: {key: value}}
        set_key_policy(world, key_id, allow("kms:*", principal=ROOT))
        only(world, allow("kms:DescribeKey", condition=condition))
        assert may(world, "DescribeKey", {"KeyId": key_id}) is allowed
        only(world)
        set_key_policy(world, key_id, allow("kms:DescribeKey", principal="*", condition=condition))
        assert may(world, "DescribeKey", {"KeyId": key_id}) is allowed


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("Bool", "aws:MultiFactorAuthPresent", "false"),
        ("Bool", "aws:MultiFactorAuthPresent", "true"),
        ("StringLike", "aws:UserAgent", "*"),
        ("StringEquals", "aws:PrincipalOrgID", "o-1"),
        ("ForAnyValue:StringLike", "aws:CalledVia", "*"),
        ("NumericLessThan", "kms:RotationPeriodInDays", "9999"),
        ("ArnLike", "aws:SourceArn", "*"),
    ],
)
def test_an_absent_key_satisfies_no_positive_condition(world: World, operator: str, key: str, value: str) -> None:
    """Neither for an Allow nor for a Deny."""
    key_id = world.make_key()["KeyId"]
    condition = {operator: {key: value}}
    only(world, allow("kms:DescribeKey", condition=condition))
    assert not may(world, "DescribeKey", {"KeyId": key_id})
    only(world, allow("kms:DescribeKey"), deny("kms:*", condition=condition))
    assert may(world, "DescribeKey", {"KeyId": key_id})


def test_an_absent_key_is_caught_by_a_negated_deny(world: World) -> None:
    """`StringNotEquals` in a Deny hits the request without the key: nobody gets past by leaving it out."""
    key_id = world.make_key()["KeyId"]
    for operator in ("StringNotEquals", "StringNotEqualsIfExists", "BoolIfExists"):
        value = "false" if operator == "BoolIfExists" else "x"
        key = "aws:MultiFactorAuthPresent" if operator == "BoolIfExists" else "aws:PrincipalTag/Job"
        only(world, allow("kms:*"), deny("kms:*", condition={operator: {key: value}}))
        assert not may(world, "DescribeKey", {"KeyId": key_id}), operator


def test_what_the_request_carries_itself(world: World) -> None:
    """TLS, address and headers are those of the request; an IPv4 peer on a socket of both families is IPv4."""
    key_id = world.make_key()["KeyId"]
    request = world.request("DescribeKey", {"KeyId": key_id})

    def allowed(**fields: Any) -> bool:
        return world.send(msgspec.structs.replace(request, **fields)).response.status == 200

    only(world, allow("kms:DescribeKey", condition={"Bool": {"aws:SecureTransport": "true"}}))
    assert not allowed()
    assert allowed(tls=TLSDetails(tls_version="TLSv1.3", cipher_suite="TLS_AES_256_GCM_SHA384"))
    only(world, allow("kms:DescribeKey", condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))
    assert not allowed()
    assert allowed(peer="192.0.2.9")
    assert allowed(peer="::ffff:192.0.2.9")
    assert not allowed(peer="2001:db8::1")
    # A header cannot pretend to be the address.
    assert not allowed(headers=(*request.headers, ("x-forwarded-for", "192.0.2.9")))
    only(world, allow("kms:DescribeKey", condition={"StringLike": {"aws:UserAgent": "tool/*"}}))
    assert allowed(headers=(*request.headers, ("user-agent", "tool/1")))
    only(world, allow("kms:DescribeKey", condition={"StringEquals": {"aws:Referer": "https://example.org/"}}))
    assert allowed(headers=(*request.headers, ("referer", "https://example.org/")))
    assert not allowed()


def test_time_is_that_of_each_request(world: World) -> None:
    """A permission until a date ends with the date."""
    key_id = world.make_key()["KeyId"]
    only(world, allow("kms:DescribeKey", condition={"DateLessThan": {"aws:CurrentTime": "2026-09-21T14:14:20Z"}}))
    assert may(world, "DescribeKey", {"KeyId": key_id})
    world.clock.seconds += 60
    assert not may(world, "DescribeKey", {"KeyId": key_id})


def test_the_region_is_that_of_the_signature(world: World) -> None:
    """aws:RequestedRegion is the Region that the signature is bound to."""
    key_id = world.make_key(region="eu-west-1")["KeyId"]
    only(world, allow("kms:*", condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}))
    world.call("DescribeKey", {"KeyId": key_id}, region="eu-west-1")
    assert world.refusal("ListKeys")[0] == "AccessDeniedException"


def test_the_account_of_a_foreign_key(world: World) -> None:
    """aws:ResourceAccount is the owner of the key, kms:CallerAccount that of the caller."""
    key = world.make_key()
    condition = {"StringEquals": {"kms:CallerAccount": BOB_ACCOUNT, "aws:ResourceAccount": ALICE_ACCOUNT}}
    set_key_policy(
        world, key["KeyId"], allow("kms:*", principal=f"arn:aws:iam::{BOB_ACCOUNT}:root", condition=condition)
    )
    only(world, allow("kms:*", condition=condition), account_id=BOB_ACCOUNT)
    assert may(world, "DescribeKey", {"KeyId": key["Arn"]}, by=BOB_ACCOUNT)


def test_a_variable_of_a_policy(world: World) -> None:
    """`${aws:username}` in a resource and in a condition is the caller's name; without value nothing matches."""
    key_id = world.make_key()["KeyId"]
    new_user(world, "carol")
    world.call("CreateAlias", {"AliasName": "alias/admin", "TargetKeyId": key_id})
    condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/${aws:username}"}}
    for name in ("admin", "carol"):
        change_user(world, name, attached_policy_arns=(), inline_policies=())
    only(world, allow("kms:DescribeKey", condition=condition))
    change_user(world, "carol", inline_policies=user_of(world).inline_policies)
    assert may(world, "DescribeKey", {"KeyId": key_id})
    assert not may(world, "DescribeKey", {"KeyId": key_id}, by="carol")
    only(world, allow("kms:DescribeKey", resource="arn:aws:kms:*:*:key/${aws:PrincipalTag/None}*"))
    assert not may(world, "DescribeKey", {"KeyId": key_id})


def test_the_arn_of_a_role_session_in_conditions_is_the_roles(world: World) -> None:
    """aws:PrincipalArn is the role ARN with its path, also in a key policy; the text names the session."""
    key = world.make_key()
    role = new_role(world, "reader", "", path="/team/")
    new_session(world, "s1", role, kind=CallerKind.ROLE)
    for arn, allowed in ((role.arn, True), (f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader/s1", False)):
        condition = {"ArnEquals": {"aws:PrincipalArn": arn}}
        set_key_policy(world, key["KeyId"], allow("kms:DescribeKey", principal="*", condition=condition))
        assert may(world, "DescribeKey", {"KeyId": key["KeyId"]}, by="s1") is allowed
    code, text = world.refusal("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="}, by="s1")
    assert code == "AccessDeniedException"
    assert text == (
        f"User: arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader/s1 is not authorized to perform: kms:Encrypt "
        f"on resource: {key['Arn']} because no resource-based policy allows the kms:Encrypt action"
    )
