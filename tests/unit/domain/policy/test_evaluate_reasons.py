"""What a decision says of itself: the document and the statement that decided, and the reason in AWS's words.

Source: IAM User Guide, "Troubleshoot access denied error messages".
"""

from typing import Final

import pytest

from harness.verdicts import (
    BOB,
    CALLERS,
    OTHER,
    OTHER_ROOT,
    ROOT,
    Statements,
    allow,
    deny,
    identity,
    keep_out,
    key_side,
    let,
    question,
)
from selfkms.domain.policy.evaluate import Decision, Why, decide

KMS: Final = [allow("kms:*")]


class TestDecisions:
    """A decision names what decided."""

    @pytest.mark.parametrize(
        ("caller", "key_policy", "decisive"),
        [
            ("user", [let(ROOT, Sid="account"), let(BOB.arn, Sid="bob")], ("the key policy", "bob")),
            ("user", [let(ROOT, Sid="account")], ("the key policy", "account")),
            ("root", [let(ROOT, Sid="account")], ("the key policy", "account")),
            ("other-user", [let(OTHER, Sid="partner")], ("the key policy", "partner")),
            ("user", [let(ROOT), keep_out(BOB.arn, Sid="not bob")], ("the key policy", "not bob")),
            ("user", [let(OTHER_ROOT)], None),
        ],
    )
    def test_the_statement_of_the_key_policy(
        self, caller: str, key_policy: Statements, decisive: tuple[str, str] | None
    ) -> None:
        """A Deny, else what let the caller in; where nothing did there is none to name."""
        decision = decide(identity(CALLERS[caller], KMS), question(), key_side(key_policy))
        assert named(decision) == decisive

    def test_the_document_of_the_identity_side(self) -> None:
        """The one with the Deny; without a resource the one with the Allow."""
        caller, denial = CALLERS["session"], [deny(Sid="no")]
        key_policy = key_side([let(ROOT)])
        for asking, name in (
            (identity(caller, denial), "the identity policy"),
            (identity(caller, KMS, boundary=denial), "the boundary"),
            (identity(caller, KMS, session=[KMS, denial]), "a session policy"),
        ):
            assert named(decide(asking, question(), key_policy)) == (name, "no")
        lists = identity(caller, [allow("kms:List*", Sid="lists"), allow(Sid="everything")])
        assert named(decide(lists, question("kms:ListKeys", resource="*"), None)) == ("the identity policy", "lists")

    def test_allowed_means_that_there_is_no_reason_against(self) -> None:
        """A decision is one or the other."""
        assert Decision(None).allowed
        assert not any(Decision(reason).allowed for reason in Why)

    @pytest.mark.parametrize(
        ("reason", "text"),
        [
            (Why.DENIED_BY_RESOURCE, "with an explicit deny in a resource-based policy"),
            (Why.DENIED_BY_IDENTITY, "with an explicit deny in an identity-based policy"),
            (Why.DENIED_BY_BOUNDARY, "with an explicit deny in a permissions boundary"),
            (Why.DENIED_BY_SESSION, "with an explicit deny in a session policy"),
            (Why.NOT_IN_RESOURCE, "because no resource-based policy allows the kms:Encrypt action"),
            (Why.NOT_IN_TRUST, "because no role trust policy allows the kms:Encrypt action"),
            (Why.NOT_IN_IDENTITY, "because no identity-based policy allows the kms:Encrypt action"),
            (Why.NOT_IN_BOUNDARY, "because no permissions boundary allows the kms:Encrypt action"),
            (Why.NOT_IN_SESSION, "because no session policy allows the kms:Encrypt action"),
            (
                Why.FOREIGN,
                (
                    "because the resource does not exist in this Region, no resource-based policies allow access, "
                    "or a resource-based policy explicitly denies access"
                ),
            ),
        ],
    )
    def test_the_reasons_in_the_words_of_aws(self, reason: Why, text: str) -> None:
        """IAM User Guide, "Troubleshoot access denied error messages"."""
        assert reason.value.format(action="kms:Encrypt") == text


def named(decision: Decision) -> tuple[str, str | None] | None:
    """Document and Sid of the statement that decided."""
    if decision.document is None or decision.statement is None:
        return None
    return decision.document.name, decision.statement.sid
