"""The decision on one simulated permission."""

from typing import Any

import pytest

from harness.policies import Statement, allow, deny, document
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.policy.document import PolicyKind
from selfkms.domain.policy.evaluate import Identity
from selfkms.services.iam.simulated_policies import SimulatedPolicy, SourceType, given_policies, parsed
from selfkms.services.iam.simulated_request import EVERYTHING, Simulated, Simulation, Verdict, simulate

USER = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
KEY = f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BUCKET = "arn:aws:s3:::teambucket"


def simulated(
    *identity: Statement,
    action: str = "kms:Decrypt",
    resource: str = KEY,
    boundary: Statement | None = None,
    of_resource: Statement | None = None,
    owner: str | None = None,
    facts: dict[str, Any] | None = None,
) -> Simulated:
    """What comes of an action for the user `admin`."""
    caller = Caller(kind=CallerKind.USER, account_id=ALICE_ACCOUNT, principal_id="", arn=USER, access_key_id="")
    limit = None if boundary is None else given_policies([document(boundary)], "B", SourceType.BOUNDARY)[0]
    text = "" if of_resource is None else document(of_resource)
    policy = SimulatedPolicy("R", parsed(text, PolicyKind.KEY), text, SourceType.RESOURCE) if text else None
    policies = given_policies([document(*identity)] if identity else [], "I", SourceType.IDENTITY)
    simulation = Simulation(
        identity=Identity(caller=caller, policies=policies, boundary=limit),
        resource_policy=policy,
        resource_owner=owner,
        facts=facts or {},
    )
    return simulate(simulation, action, resource)


def names(result: Simulated) -> list[str]:
    """Of the policies that matched."""
    return [policy.name for policy, _ in result.matched]


def test_identity_policies_alone() -> None:
    """Allowed, denied by a statement, or not allowed."""
    assert simulated(allow("kms:Decrypt")).verdict is Verdict.ALLOWED
    assert simulated(allow("kms:Encrypt")).verdict is Verdict.IMPLICIT_DENY
    denied = simulated(allow("kms:*"), deny("kms:Decrypt"))
    assert (denied.verdict, len(denied.matched)) == (Verdict.EXPLICIT_DENY, 1)
    assert [verdict.written for verdict in Verdict] == ["allowed", "implicitDeny", "explicitDeny"]


def test_all_resources() -> None:
    """Only a statement about everything covers `*`."""
    assert simulated(allow("kms:*"), resource=EVERYTHING).verdict is Verdict.ALLOWED
    assert simulated(allow("kms:*", resource=KEY), resource=EVERYTHING).verdict is Verdict.IMPLICIT_DENY


def test_conditions_see_what_was_given_and_nothing_else() -> None:
    """The time of now, too, is unknown."""
    conditional = allow("kms:*", condition={"DateGreaterThan": {"aws:CurrentTime": "2018-08-16T12:00:00Z"}})
    assert simulated(conditional).verdict is Verdict.IMPLICIT_DENY
    later = {"aws:CurrentTime": "2019-04-25T11:00:00Z"}
    assert simulated(conditional, facts=later).verdict is Verdict.ALLOWED


@pytest.mark.parametrize(
    ("boundary", "verdict"),
    [
        (allow("kms:*"), Verdict.ALLOWED),
        (allow("s3:*"), Verdict.IMPLICIT_DENY),
        (deny("kms:*"), Verdict.EXPLICIT_DENY),
    ],
)
def test_a_boundary_limits(boundary: Statement, verdict: Verdict) -> None:
    """And says whether it let the action through."""
    result = simulated(allow("kms:*"), boundary=boundary)
    assert (result.verdict, result.allowed_by_boundary) == (verdict, verdict is Verdict.ALLOWED)
    assert simulated(allow("kms:*")).allowed_by_boundary is None


def test_a_resource_policy_that_names_the_user_is_enough() -> None:
    """In one account, against the boundary, as in the sample "Same-Account Simulation" of SimulateCustomPolicy."""
    result = simulated(
        allow("iam:*"),
        action="s3:PutObject",
        resource="arn:aws:s3:::production/Test",
        boundary=allow("iam:*"),
        of_resource=allow(["s3:List*", "s3:Put*"], resource="arn:aws:s3:::production/*", principal=USER),
    )
    assert (result.verdict, result.allowed_by_boundary, names(result)) == (Verdict.ALLOWED, False, ["R"])
    assert result.by_type is None


def test_another_account_needs_both_sides() -> None:
    """As in the sample "Cross-Account Simulation" of SimulatePrincipalPolicy, and with an IAM policy that allows."""
    of_resource = allow("s3:Put*", resource="arn:aws:s3:::mary/*", principal=USER)
    asked: dict[str, Any] = {"action": "s3:PutObject", "resource": "arn:aws:s3:::mary/Test", "owner": BOB_ACCOUNT}
    refused = simulated(boundary=allow("iam:*"), of_resource=of_resource, **asked)
    assert (refused.verdict, names(refused)) == (Verdict.IMPLICIT_DENY, ["R"])
    assert refused.by_type == {
        "IAM Policy": Verdict.IMPLICIT_DENY,
        "Resource Policy": Verdict.ALLOWED,
        "Permissions Boundary Policy": Verdict.IMPLICIT_DENY,
    }
    allowed = simulated(allow("s3:*"), of_resource=of_resource, **asked)
    assert (allowed.verdict, names(allowed)) == (Verdict.ALLOWED, ["I.1", "R"])
    silent = simulated(allow("s3:*"), of_resource=allow("s3:Get*", principal=USER), **asked)
    assert silent.verdict is Verdict.IMPLICIT_DENY
    denied = simulated(allow("s3:*"), of_resource=deny("s3:*", principal=USER), **asked)
    assert (denied.verdict, names(denied)) == (Verdict.EXPLICIT_DENY, ["R"])


def test_a_silent_resource_policy_stops_kms_alone() -> None:
    """No principal has a permission on a KMS key that its key policy does not give."""
    of_resource = allow("*", principal=f"arn:aws:iam::{ALICE_ACCOUNT}:user/other")
    assert simulated(allow("kms:*"), of_resource=of_resource).verdict is Verdict.IMPLICIT_DENY
    s3 = simulated(allow("s3:*"), action="s3:GetObject", resource=BUCKET, of_resource=of_resource)
    assert s3.verdict is Verdict.ALLOWED


def test_the_account_named_by_a_key_policy_lets_iam_decide() -> None:
    """With it an IAM policy is needed, and enough."""
    of_resource = allow("kms:*", principal=f"arn:aws:iam::{ALICE_ACCOUNT}:root")
    assert simulated(of_resource=of_resource).verdict is Verdict.IMPLICIT_DENY
    assert names(simulated(allow("kms:*"), of_resource=of_resource)) == ["I.1", "R"]
