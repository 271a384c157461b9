"""Callers: what is known of who sent a request, by the kind of its credentials.

Source: IAM User Guide, "IAM identifiers", "AWS global condition context keys"; CloudTrail User Guide, "userIdentity
element"; STS API Reference, "AssumeRole", "GetFederationToken", "GetSessionToken".
"""

from typing import Final

import msgspec
import pytest

from harness.verdicts import APP, BOB, CALLERS, OTHER_APP, OTHER_BOB, make_session, service_caller
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.tags import Tag

ACCOUNT: Final = "111122223333"
TEAM: Final = "arn:aws:iam::111122223333"


@pytest.mark.parametrize(
    ("name", "kind", "principal_id", "arn"),
    [
        ("root", CallerKind.ROOT, ACCOUNT, f"{TEAM}:root"),
        ("user", CallerKind.USER, BOB.user_id, f"{TEAM}:user/team/bob"),
        ("token", CallerKind.USER, BOB.user_id, f"{TEAM}:user/team/bob"),
        (
            "session",
            CallerKind.ROLE,
            f"{APP.role_id}:one",
            # Without the path of the role.
            f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one",
        ),
        ("federated", CallerKind.FEDERATED, f"{ACCOUNT}:guest", f"arn:aws:sts::{ACCOUNT}:federated-user/guest"),
    ],
)
def test_how_each_kind_is_known(name: str, kind: CallerKind, principal_id: str, arn: str) -> None:
    """Kind, account, principal ID and ARN as they stand in audit records and messages."""
    caller = CALLERS[name]
    assert (caller.kind, caller.account_id, caller.principal_id, caller.arn) == (kind, ACCOUNT, principal_id, arn)


@pytest.mark.parametrize(
    ("name", "principal_arn"),
    [
        ("root", f"{TEAM}:root"),
        ("user", f"{TEAM}:user/team/bob"),
        ("token", f"{TEAM}:user/team/bob"),
        ("session", f"{TEAM}:role/team/app"),
        ("federated", f"arn:aws:sts::{ACCOUNT}:federated-user/guest"),
    ],
)
def test_the_principal_arn(name: str, principal_arn: str) -> None:
    """For a role session it is that of the role, path included: aws:PrincipalArn."""
    assert CALLERS[name].principal_arn == principal_arn


@pytest.mark.parametrize(
    ("name", "unique_id", "user_name"),
    [
        ("root", ACCOUNT, None),
        ("user", BOB.user_id, "bob"),
        ("token", BOB.user_id, "bob"),
        ("session", APP.role_id, None),
        ("federated", f"{ACCOUNT}:guest", None),
    ],
)
def test_unique_id_and_user_name(name: str, unique_id: str, user_name: str | None) -> None:
    """The ID is the role's, whatever its session is called; only IAM users have a user name: aws:username."""
    assert (CALLERS[name].unique_id, CALLERS[name].user_name) == (unique_id, user_name)


def test_the_account_of_a_session_is_that_of_its_role_or_user() -> None:
    """Whoever assumed the role: kms:CallerAccount."""
    assert {CALLERS[name].account_id for name in CALLERS if name.startswith("other")} == {OTHER_APP.account_id}
    assert OTHER_APP.account_id == OTHER_BOB.account_id != ACCOUNT


def test_what_stands_behind_the_caller() -> None:
    """The user, the role, and for temporary credentials the session."""
    assert {
        name: (c.iam_user, c.role, c.session is not None) for name, c in CALLERS.items() if "other" not in name
    } == {
        "root": (None, None, False),
        "user": (BOB, None, False),
        "token": (BOB, None, True),
        "session": (None, APP, True),
        "federated": (BOB, None, True),
    }


def test_who_has_the_power_of_root() -> None:
    """The root user, and whom it made a federated user; nobody by being named so."""
    session = make_session(CallerKind.FEDERATED, ACCOUNT, name="root")
    assert {name for name, caller in CALLERS.items() if caller.is_root} == {"root", "other-root"}
    assert Caller.federated(None, session).is_root
    assert not Caller.federated(BOB, session).is_root
    assert not service_caller("ebs.amazonaws.com").is_root


def test_root_with_temporary_credentials_is_root() -> None:
    """GetSessionToken gives the caller itself."""
    session = make_session(CallerKind.ROOT, ACCOUNT)
    temporary = Caller.root(ACCOUNT, "ASIA1", session=session)
    assert (temporary.is_root, temporary.kind, temporary.arn) == (True, CallerKind.ROOT, f"{TEAM}:root")


TAGS: Final = (Tag(tag_key="team", tag_value="blue"), Tag(tag_key="Stage", tag_value="test"))


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ((), {"team": "blue", "Stage": "test"}),
        ((Tag(tag_key="team", tag_value="red"),), {"team": "red", "Stage": "test"}),
        ((Tag(tag_key="STAGE", tag_value="live"),), {"team": "blue", "STAGE": "live"}),
        ((Tag(tag_key="more", tag_value="1"),), {"team": "blue", "Stage": "test", "more": "1"}),
    ],
)
@pytest.mark.parametrize("of", ["role", "federated"])
def test_session_tags_override_those_of_the_holder(of: str, given: tuple[Tag, ...], tags: dict[str, str]) -> None:
    """Key by key, case ignored; the others stay. IAM User Guide, "Pass session tags in AWS STS"."""
    tagged = msgspec.structs.replace(make_session(CallerKind.ROLE, "", name="one"), tags=given)
    caller = (
        Caller.assumed_role(APP.changed(tags=TAGS), tagged)
        if of == "role"
        else Caller.federated(BOB.changed(tags=TAGS), tagged)
    )
    assert {tag.tag_key: tag.tag_value for tag in caller.tags} == tags


def test_a_user_has_its_own_tags() -> None:
    """Also with temporary credentials; the root user has none."""
    assert Caller.user(BOB.changed(tags=TAGS), "AKIA1").tags == TAGS
    session = make_session(CallerKind.USER, BOB.user_id)
    assert Caller.user(BOB.changed(tags=TAGS), "ASIA1", session=session).tags == TAGS
    assert Caller.root(ACCOUNT, "AKIA1").tags == ()


@pytest.mark.parametrize("kind", [CallerKind.ROLE, CallerKind.FEDERATED])
def test_sessions_of_roles_and_federated_users_have_a_name(kind: CallerKind) -> None:
    """We never make one without."""
    nameless = make_session(kind, "")
    with pytest.raises(AssertionError):
        Caller.assumed_role(APP, nameless) if kind is CallerKind.ROLE else Caller.federated(BOB, nameless)


def test_the_kinds_of_caller_in_the_words_of_cloudtrail() -> None:
    """They stand in the userIdentity of each audit record."""
    signing = {"Root", "IAMUser", "AssumedRole", "FederatedUser", "AWSService"}
    assert {kind.value for kind in CallerKind} == {*signing, "WebIdentityUser"}


def test_a_caller_through_a_service_stays_who_it_is() -> None:
    """The same principal in all respects, but for the service and how the audit names it."""
    caller = Caller.root("111122223333", "AKIA1")
    through = caller.through("ec2.us-east-1.amazonaws.com", invoked_by="ec2-frontend-api.amazonaws.com")
    assert (through.service, through.invoked_by) == ("ec2.us-east-1.amazonaws.com", "ec2-frontend-api.amazonaws.com")
    assert msgspec.structs.replace(through, service=None, invoked_by=None) == caller
    assert (caller.service, caller.invoked_by) == (None, None)


def test_a_service_is_known_by_its_name() -> None:
    """It is no user, no role and no root user, and did not sign."""
    service = Caller.aws_service("ec2.us-east-1.amazonaws.com", "111122223333", invoked_by="ebs.amazonaws.com")
    assert service.kind is CallerKind.SERVICE
    assert service.arn == service.principal_id == service.service == "ec2.us-east-1.amazonaws.com"
    assert (service.access_key_id, service.user_name, service.is_root) == ("", None, False)
