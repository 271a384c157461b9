"""The verdict over trust policies: who may assume a role.

Source: STS API Reference, "AssumeRole"; IAM User Guide, "AWS JSON policy elements: Principal", "How to use trust
policies with IAM roles".
"""

from typing import Any, Final

import pytest

from harness.verdicts import (
    APP,
    BOB,
    CALLERS,
    OTHER_APP,
    OTHER_BOB,
    OTHER_ROOT,
    OWNER,
    ROOT,
    SESSION,
    allow,
    aws,
    deny,
    identity,
    make_user,
    question,
    role_side,
    user_caller,
)
from selfkms.domain.policy.evaluate import Why, decide

MARKS: Final = {"+": None, "T": Why.NOT_IN_TRUST, "I": Why.NOT_IN_IDENTITY, "F": Why.FOREIGN}


class TestTrustPolicies:
    """A trust policy is the resource policy of a role: STS API Reference, "AssumeRole", "Permissions"."""

    ASSUME: Final = [allow("sts:AssumeRole")]

    @pytest.mark.parametrize(
        ("caller", "principal", "bare", "with_policy"),
        [
            ("user", aws(BOB.arn), "+", "+"),
            ("token", aws(BOB.arn), "+", "+"),
            ("user", "*", "+", "+"),
            ("user", aws(ROOT), "I", "+"),
            ("user", aws(OTHER_ROOT), "T", "T"),
            ("session", aws(SESSION), "+", "+"),
            ("session", aws(APP.arn), "+", "+"),
            ("session", aws(ROOT), "I", "+"),
            ("session", aws(BOB.arn), "T", "T"),
            ("other-user", aws(OTHER_BOB.arn), "I", "+"),
            ("other-user", aws(OTHER_ROOT), "I", "+"),
            ("other-user", aws(ROOT), "F", "F"),
            ("other-session", aws(OTHER_APP.arn), "I", "+"),
        ],
    )
    def test_who_may_assume_the_role(self, caller: str, principal: Any, bare: str, with_policy: str) -> None:
        """Named directly, a caller of the role's account needs no IAM policy; IAM without trust never suffices."""
        trust = role_side([allow("sts:AssumeRole", Principal=principal, Resource=...)])
        asked = question("sts:AssumeRole", resource=f"arn:aws:iam::{OWNER}:role/target")
        for policies, mark in (([], bare), (self.ASSUME, with_policy)):
            assert decide(identity(CALLERS[caller], policies), asked, trust).why is MARKS[mark]

    def test_each_action_is_asked_for(self) -> None:
        """sts:TagSession is not part of sts:AssumeRole. IAM User Guide, "Pass session tags in AWS STS"."""
        trust = role_side([allow("sts:AssumeRole", Principal="*", Resource=...)])
        asking = identity(CALLERS["user"], [allow("sts:*")])
        assert decide(asking, question("sts:TagSession"), trust).why is Why.NOT_IN_TRUST

    def test_the_condition_of_the_trust_policy_counts(self) -> None:
        """IAM User Guide, "Access to AWS accounts owned by third parties": sts:ExternalId."""
        condition = {"StringEquals": {"sts:ExternalId": "12345"}}
        trust = role_side([allow("sts:AssumeRole", Principal=aws(OTHER_ROOT), Resource=..., Condition=condition)])
        asking = identity(CALLERS["other-user"], self.ASSUME)
        assert decide(asking, question("sts:AssumeRole", facts={"sts:ExternalId": "12345"}), trust).allowed
        assert decide(asking, question("sts:AssumeRole"), trust).why is Why.FOREIGN

    def test_trust_does_not_outlive_the_user(self) -> None:
        """IAM User Guide, "AWS JSON policy elements: Principal": trust policies keep the unique ID."""
        statements = [allow("sts:AssumeRole", Principal=aws(BOB.arn), Resource=...)]
        asking = identity(user_caller(make_user("bob", user_id="AIDANEW")), self.ASSUME)
        trust = role_side(statements, principal_ids={BOB.arn: BOB.user_id})
        assert decide(asking, question("sts:AssumeRole"), trust).why is Why.NOT_IN_TRUST

    def test_a_deny_anywhere_wins(self) -> None:
        """In the trust policy and in that of the caller."""
        statements = [allow("sts:*", Principal=aws(BOB.arn), Resource=...)]
        asked = question("sts:AssumeRole")
        denied = identity(CALLERS["user"], [deny("sts:*")])
        assert decide(denied, asked, role_side(statements)).why is Why.DENIED_BY_IDENTITY
        statements.append(deny("sts:AssumeRole", Principal=aws(ROOT), Resource=...))
        assert decide(identity(CALLERS["user"]), asked, role_side(statements)).why is Why.DENIED_BY_RESOURCE
