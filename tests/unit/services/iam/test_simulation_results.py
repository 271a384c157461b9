"""One result an action, summed up over its resources."""

from harness.policies import allow, deny, document
from selfkms.services.iam.simulated_policies import SourceType, given_policies
from selfkms.services.iam.simulated_request import Simulated, Verdict
from selfkms.services.iam.simulation_results import MATCHED_STATEMENTS_MAX, evaluation_result

(POLICY,) = given_policies([document(allow("kms:*"), deny("s3:*"))], "PolicyInputList", SourceType.IDENTITY)
ALLOWING, DENYING = ((POLICY, statement) for statement in POLICY.policy.statements)
KEYS = [f"arn:aws:kms:us-east-1:111122223333:key/{number}" for number in range(3)]

ALLOWED = Simulated(
    resource=KEYS[0], verdict=Verdict.ALLOWED, matched=(ALLOWING,), allowed_by_boundary=True, by_type=None
)
NOT_ALLOWED = Simulated(
    resource=KEYS[1], verdict=Verdict.IMPLICIT_DENY, matched=(ALLOWING,), allowed_by_boundary=False, by_type=None
)
DENIED = Simulated(
    resource=KEYS[2], verdict=Verdict.EXPLICIT_DENY, matched=(DENYING, DENYING), allowed_by_boundary=True, by_type=None
)


def test_the_most_restrictive_decision_counts() -> None:
    """With the statements that led to it; each resource has its own."""
    for simulated, decision, matched in (
        ([ALLOWED], "allowed", 1),
        ([ALLOWED, NOT_ALLOWED], "implicitDeny", 0),
        ([DENIED, ALLOWED, NOT_ALLOWED], "explicitDeny", 1),
    ):
        result = evaluation_result("kms:Decrypt", simulated, ("aws:a",))
        assert (result.eval_decision, len(result.matched_statements)) == (decision, matched)
        assert result.resource_specific_results is not None
        for specific, one in zip(result.resource_specific_results, simulated, strict=True):
            assert (specific.eval_resource_name, specific.eval_resource_decision) == (one.resource, one.verdict.written)
            assert specific.missing_context_values == result.missing_context_values == ("aws:a",)
            assert len(specific.matched_statements) == 1


def test_the_boundary_must_let_each_resource_through() -> None:
    """One that it stops is enough."""
    for simulated, allowed in (([ALLOWED, DENIED], True), ([ALLOWED, NOT_ALLOWED], False)):
        detail = evaluation_result("kms:Decrypt", simulated, ()).permissions_boundary_decision_detail
        assert detail is not None
        assert detail.allowed_by_permissions_boundary is allowed


def test_without_resources_there_are_no_details() -> None:
    """One result about `*`; no boundary, no detail of it."""
    everything = Simulated(resource="*", verdict=Verdict.ALLOWED, matched=(), allowed_by_boundary=None, by_type=None)
    result = evaluation_result("kms:ListKeys", [everything], ())
    assert result.eval_resource_name == "*"
    assert (result.eval_decision_details, result.resource_specific_results) == (None, None)
    assert result.permissions_boundary_decision_detail is None


def test_details_sum_up_accounts() -> None:
    """Empty within one account; else the most restrictive decision of each kind of policy."""
    assert evaluation_result("a:b", [ALLOWED], ()).eval_decision_details == {}
    foreign = [
        Simulated(
            resource=KEYS[0],
            verdict=Verdict.IMPLICIT_DENY,
            matched=(),
            allowed_by_boundary=None,
            by_type={"IAM Policy": mine, "Resource Policy": theirs},
        )
        for mine, theirs in (
            (Verdict.ALLOWED, Verdict.IMPLICIT_DENY),
            (Verdict.EXPLICIT_DENY, Verdict.ALLOWED),
        )
    ]
    details = evaluation_result("a:b", foreign, ()).eval_decision_details
    assert details == {"IAM Policy": "explicitDeny", "Resource Policy": "implicitDeny"}


def test_resources_of_one_kind_have_a_template() -> None:
    """Of several kinds, or of unknown ones, `*`."""
    unknown = Simulated(
        resource="arn:aws:s3:::b", verdict=Verdict.ALLOWED, matched=(), allowed_by_boundary=None, by_type=None
    )
    template = "arn:aws:kms:${Region}:${Account}:key/${KeyId}"
    assert evaluation_result("a:b", [ALLOWED, DENIED], ()).eval_resource_name == template
    assert evaluation_result("a:b", [ALLOWED, unknown], ()).eval_resource_name == "*"
    assert evaluation_result("a:b", [unknown], ()).eval_resource_name == "*"


def test_few_of_many_statements_are_shown() -> None:
    """An answer stays bounded."""
    text = document(*[allow("kms:*")] * 100)
    (many,) = given_policies([text], "PolicyInputList", SourceType.IDENTITY)
    simulated = Simulated(
        resource="*",
        verdict=Verdict.ALLOWED,
        matched=tuple((many, statement) for statement in many.policy.statements),
        allowed_by_boundary=None,
        by_type=None,
    )
    assert len(evaluation_result("a:b", [simulated], ()).matched_statements) == MATCHED_STATEMENTS_MAX
