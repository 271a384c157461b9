"""The verdict: who is denied, by whatever else may let them in.

Source: IAM User Guide, "How AWS enforcement code logic evaluates requests to allow or deny access", "AWS JSON policy
elements: Principal", "AWS JSON policy elements: NotPrincipal".
"""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from harness.verdicts import (
    APP,
    BOB,
    CALLERS,
    FEDERATED,
    KEY_ARN,
    OTHER_BOB,
    OTHER_ROOT,
    OWNER,
    ROOT,
    SERVICE,
    SESSION,
    Statement,
    Statements,
    allow,
    aws,
    deny,
    identity,
    keep_out,
    let,
    role_session,
    service_caller,
    why,
)
from selfkms.domain.policy.evaluate import Identity, Why

KMS: Final = [allow("kms:*")]


def spared(key_policy: Statements, who: Mapping[str, Identity] | None = None) -> set[str]:
    """Who may still do something, of callers that may do everything but for this Deny."""
    callers = who or {name: identity(caller, KMS) for name, caller in CALLERS.items()}
    return {name for name, each in callers.items() if why(each, [allow(Principal="*"), *key_policy]) is None}


class TestDeny:
    """An explicit Deny ends it. IAM User Guide, "How AWS enforcement code logic evaluates requests"."""

    @pytest.mark.parametrize(
        ("principal", "denied"),
        [
            ("*", set(CALLERS)),
            (aws("*"), set(CALLERS)),
            (aws(ROOT), {"root", "user", "token", "session", "federated"}),
            (aws(OWNER), {"root", "user", "token", "session", "federated"}),
            (aws(OTHER_ROOT), {"other-root", "other-user", "other-session", "other-federated"}),
            (aws(BOB.arn), {"user", "token", "federated"}),
            (aws(BOB.user_id), {"user", "token", "federated"}),
            (aws(APP.arn), {"session"}),
            (aws(APP.role_id), {"session"}),
            (aws(SESSION), {"session"}),
            (aws(role_session(APP, "two").arn), set()),
            (aws(FEDERATED), {"federated"}),
            (aws(OTHER_BOB.arn, SESSION), {"other-user", "other-federated", "session"}),
            ({"Service": SERVICE}, set()),
        ],
    )
    def test_whom_it_is_about(self, principal: Any, denied: set[str]) -> None:
        """A role's ARN covers its sessions, a user's its federated users, an account's all its principals."""
        assert spared([deny(Principal=principal)]) == set(CALLERS) - denied

    @pytest.mark.parametrize(
        ("statement", "denies"),
        [
            (keep_out(BOB.arn, action="kms:enc*"), True),
            (keep_out(BOB.arn, action="kms:Decrypt"), False),
            (keep_out(BOB.arn, NotAction="kms:Decrypt", action=...), True),
            (keep_out(BOB.arn, NotAction="kms:Encrypt", action=...), False),
            (keep_out(BOB.arn, Condition={"StringNotEquals": {"kms:ViaService": "s3.amazonaws.com"}}), True),
            (keep_out(BOB.arn, Condition={"StringNotEqualsIfExists": {"kms:ViaService": "s3.amazonaws.com"}}), True),
            (keep_out(BOB.arn, Condition={"StringEquals": {"kms:ViaService": "s3.amazonaws.com"}}), False),
            (keep_out(BOB.arn, Resource=KEY_ARN.replace("1234", "0000")), False),
        ],
    )
    def test_what_it_is_about(self, statement: Statement, *, denies: bool) -> None:
        """A Deny that is not about the request says nothing; a negated operator holds where the key is absent."""
        for key_policy in ([let(BOB.arn), statement], [statement, let(BOB.arn)]):
            assert why("user", key_policy) is (Why.DENIED_BY_RESOURCE if denies else None)

    @pytest.mark.parametrize("principal", [SESSION, APP.arn, ROOT, "*"])
    def test_it_beats_every_way_of_being_named(self, principal: str) -> None:
        """In any document, and also of those whose mere silence does not limit. One reason is reported."""
        key_policy, denial = [let(principal)], [deny("kms:Encrypt"), *KMS]
        caller = CALLERS["session"]
        for asking, reason in (
            (identity(caller, denial, boundary=KMS, session=[KMS]), Why.DENIED_BY_IDENTITY),
            (identity(caller, KMS, boundary=denial, session=[KMS]), Why.DENIED_BY_BOUNDARY),
            (identity(caller, KMS, boundary=KMS, session=[KMS, denial]), Why.DENIED_BY_SESSION),
            (identity(caller, KMS, boundary=denial, session=[denial]), Why.DENIED_BY_BOUNDARY),
            (identity(caller, denial, boundary=denial, session=[denial]), Why.DENIED_BY_IDENTITY),
        ):
            assert why(asking, key_policy) is reason
            assert why(asking, [*key_policy, keep_out(APP.arn)]) is Why.DENIED_BY_RESOURCE
            assert why(asking, [let(OTHER_ROOT)]) is reason

    def test_it_beats_the_root_user(self) -> None:
        """KMS developer guide, "Default key policy": a Deny may lock out the account itself."""
        assert why("root", [let(ROOT), keep_out(ROOT)]) is Why.DENIED_BY_RESOURCE

    def test_of_another_accounts_key_it_is_not_said_that_there_is_a_deny(self) -> None:
        """Denied, not let in, not there: one text for all."""
        assert why("other-user", [let(OTHER_ROOT), keep_out(OTHER_BOB.arn)]) is Why.FOREIGN
        assert why("other-user", [let(ROOT)]) is Why.FOREIGN
        assert why("other-user", []) is Why.FOREIGN

    def test_a_deny_on_everyone_is_about_services_too(self) -> None:
        """It takes aws:PrincipalIsAWSService to spare them. IAM User Guide, "AWS global condition context keys"."""
        asking = identity(service_caller(SERVICE))
        assert why(asking, [allow(Principal={"Service": SERVICE}), deny(Principal="*")]) is Why.DENIED_BY_RESOURCE


class TestNotPrincipal:
    """A Deny of everybody but a few: IAM User Guide, "AWS JSON policy elements: NotPrincipal"."""

    @pytest.mark.parametrize(
        ("listed", "spares"),
        [
            (aws(ROOT), {"root"}),
            (aws(OWNER), {"root"}),
            (aws(ROOT, BOB.arn), {"root", "user", "token"}),
            (aws(OWNER, BOB.arn), {"root", "user", "token"}),
            (aws(BOB.arn), set()),
            (aws(ROOT, APP.arn), {"root"}),
            (aws(ROOT, SESSION), {"root"}),
            (aws(APP.arn, SESSION), set()),
            (aws(ROOT, APP.arn, SESSION), {"root", "session"}),
            (aws(ROOT, APP.arn, role_session(APP, "two").arn), {"root"}),
            (aws(ROOT, FEDERATED), {"root"}),
            (aws(ROOT, BOB.arn, FEDERATED), {"root", "user", "token", "federated"}),
            (aws(OTHER_ROOT, OTHER_BOB.arn), {"other-root", "other-user"}),
            ({"Service": SERVICE}, set()),
        ],
    )
    def test_each_name_of_the_caller_must_be_listed(self, listed: Any, spares: set[str]) -> None:
        """Account and user; or account, role and session. The account alone spares none of its users."""
        assert spared([deny(NotPrincipal=listed)]) == spares

    @pytest.mark.parametrize("caller", ["user", "session", "federated"])
    def test_who_has_a_permissions_boundary_is_never_spared(self, caller: str) -> None:
        """Listed or not, whatever the boundary allows."""
        statement = deny(NotPrincipal=aws(ROOT, BOB.arn, APP.arn, SESSION, FEDERATED))
        bound = {caller: identity(CALLERS[caller], KMS, boundary=[allow("*")])}
        free = {caller: identity(CALLERS[caller], KMS)}
        assert (spared([statement], free), spared([statement], bound)) == ({caller}, set())

    def test_a_service_is_spared_by_its_name(self) -> None:
        """A principal may be a service."""
        asking = identity(service_caller(SERVICE))
        let_in = allow(Principal={"Service": [SERVICE, "ec2.amazonaws.com"]})
        assert why(asking, [let_in, deny(NotPrincipal={"Service": SERVICE})]) is None
        assert why(asking, [let_in, deny(NotPrincipal={"Service": "ec2.amazonaws.com"})]) is Why.DENIED_BY_RESOURCE
        assert why(asking, [let_in, deny(NotPrincipal=aws(ROOT))]) is Why.DENIED_BY_RESOURCE
