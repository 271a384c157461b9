"""The verdict and an independent judge agree on requests and policies that a seed makes up.

Left out is where the judge follows AWS's documentation less closely than we do, or is not told enough: root users,
grants and unique IDs; session policies against `*` and the session's ARN as principals (it always lets them limit);
NotPrincipal (it spares whoever is listed in part); policies of Version 2008-10-17; `kms:EncryptionContext:` (which it
drops); and whose federated user it is.

Source: IAM User Guide, "Policy evaluation logic", which both follow.
"""

import json
import random
from collections.abc import Callable
from typing import Any, Final

import pytest

from harness.verdicts import (
    APP,
    BOB,
    CALLERS,
    KEY_ARN,
    OTHER,
    OTHER_APP,
    OTHER_BOB,
    OTHER_ROOT,
    OWNER,
    REGION,
    ROOT,
    Statement,
    allow,
    aws,
    deny,
    identity,
    key_side,
    question,
)
from selfkms.domain.policy.evaluate import decide

REQUESTS: Final = 2_000
ACTIONS: Final = ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:PutKeyPolicy")
NAMED: Final = (ROOT, OWNER, OTHER_ROOT, OTHER, BOB.arn, APP.arn, OTHER_BOB.arn, OTHER_APP.arn)
CALLING: Final = ("user", "session", "other-user", "other-session", "federated", "other-federated")

CONDITIONS: Final[tuple[dict[str, Any], ...]] = (
    {"StringEquals": {"kms:CallerAccount": OWNER}},
    {"StringEquals": {"kms:CallerAccount": [OTHER, "0"]}},
    {"StringNotEquals": {"kms:CallerAccount": OWNER}},
    {"StringEquals": {"KMS:viaservice": f"s3.{REGION}.amazonaws.com"}},
    {"StringNotEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}},
    {"StringEqualsIfExists": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}},
    {"StringLike": {"aws:RequestedRegion": "eu-*"}},
    {"StringNotLike": {"aws:RequestedRegion": ["us-*", "eu-west-?"]}},
    {"StringEqualsIgnoreCase": {"aws:PrincipalTag/Team": "BLUE"}},
    {"StringEquals": {"aws:PrincipalTag/team": "Blue"}},
    {"StringEquals": {"aws:PrincipalTag/team": "${aws:PrincipalTag/other, 'blue'}"}},
    {"StringLike": {"aws:userid": "${aws:username}*"}},
    {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OWNER}:*/team/*"}},
    {"ArnEquals": {"aws:PrincipalArn": [BOB.arn, OTHER_APP.arn]}},
    {"ArnNotEquals": {"aws:PrincipalArn": APP.arn}},
    {"Bool": {"aws:SecureTransport": "true"}},
    {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
    {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    {"Null": {"aws:MultiFactorAuthPresent": "true"}},
    {"Null": {"kms:ViaService": "false"}},
    {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}},
    {"NotIpAddress": {"aws:SourceIp": "10.1.0.0/16"}},
    {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
    {"DateLessThanEquals": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
    {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": ["a", "c"]}},
    {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["a", "b"]}},
    {"StringEquals": {"kms:CallerAccount": OWNER}, "Bool": {"aws:SecureTransport": "true"}},
)
RESOURCES: Final = (
    KEY_ARN,
    f"arn:aws:kms:*:{OWNER}:key/*",
    f"arn:aws:kms:{REGION}:*:key/1234????-12ab-*",
    [f"arn:aws:kms:us-east-1:{OWNER}:key/*", f"arn:aws:kms:{REGION}:{OTHER}:key/*"],
    f"arn:aws:kms:*:{OWNER}:alias/*",
    f"arn:aws:kms:*:{OWNER}:key/${{aws:PrincipalTag/key}}",
)
ACTION_PATTERNS: Final = (
    "kms:Encrypt",
    "KMS:*crypt",
    "kms:?ecrypt",
    ["kms:DescribeKey", "kms:PutKeyPolicy"],
    "kms:Put*",
    "s3:*",
    "*",
)
FACTS: Final[dict[str, tuple[Any, ...]]] = {
    "kms:ViaService": (None, f"s3.{REGION}.amazonaws.com", f"ec2.{REGION}.amazonaws.com"),
    "aws:PrincipalTag/team": (None, "blue", "Blue"),
    "aws:PrincipalTag/key": (None, KEY_ARN.rpartition("/")[2]),
    "aws:MultiFactorAuthPresent": (None, "true", "false"),
    "aws:SecureTransport": ("true", "true", "false"),
    "aws:SourceIp": ("10.1.2.3", "10.2.2.3", "192.0.2.1", "2001:db8::1"),
    "aws:CurrentTime": ("2025-11-24T00:00:00Z", "2026-11-24T00:00:00Z"),
    "kms:EncryptionContextKeys": (None, ("a",), ("a", "b"), ("c", "d")),
}


class Request:
    """One made-up request with all documents that concern it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.caller = self._random.choice(CALLING)
        self.action = self._random.choice(ACTIONS)
        self.facts = self._facts()
        self.policies = self._policy(self._of_identity)
        self.boundary = self._policy(self._of_identity) if self._one_in(3) else None
        limited = self.caller not in {"user", "other-user"} and self._one_in(2)
        self.session = self._policy(self._of_identity) if limited else None
        self.key_policy = self._policy(self._of_key)

    def __repr__(self) -> str:
        return json.dumps(self.simulation, indent=1)

    @property
    def allowed(self) -> bool:
        """Our verdict."""
        session = None if self.session is None else [self.session]
        asking = identity(CALLERS[self.caller], self.policies, boundary=self.boundary, session=session)
        return decide(asking, question(self.action, facts=self.facts), key_side(self.key_policy)).allowed

    @property
    def simulation(self) -> dict[str, Any]:
        """The request as the oracle takes it."""
        written: dict[str, Any] = {
            "request": {
                "principal": CALLERS[self.caller].arn,
                "action": self.action,
                "resource": {"resource": KEY_ARN, "accountId": OWNER},
                "contextVariables": self.facts,
            },
            "identityPolicies": [{"name": "identity", "policy": _document(self.policies)}],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
            "resourcePolicy": _document(self.key_policy),
        }
        if self.boundary is not None:
            written["permissionBoundaryPolicies"] = [{"name": "boundary", "policy": _document(self.boundary)}]
        if self.session is not None:
            written["sessionPolicy"] = _document(self.session)
        return written

    def _one_in(self, number: int) -> bool:
        return self._random.randrange(number) == 0

    def _facts(self) -> dict[str, Any]:
        caller = CALLERS[self.caller]
        chosen = {name: self._random.choice(values) for name, values in FACTS.items()}
        if not self.action.endswith("crypt"):
            # The oracle knows which operations have an encryption context.
            del chosen["kms:EncryptionContextKeys"]
        known = {
            "aws:PrincipalArn": caller.principal_arn,
            "aws:PrincipalAccount": caller.account_id,
            "aws:userid": caller.principal_id,
            "aws:username": caller.user_name,
            "aws:RequestedRegion": REGION,
            "kms:CallerAccount": caller.account_id,
            **chosen,
        }
        return {name: value for name, value in known.items() if value is not None}

    def _policy(self, make: Callable[[], Statement]) -> list[Statement]:
        return [make() for _ in range(self._random.randint(1, 3))]

    def _of_identity(self) -> Statement:
        return self._statement()

    def _of_key(self) -> Statement:
        known = [name for name in NAMED if "federated" not in self.caller or ":user/" not in name]
        listed = self._random.sample(known, self._random.randint(1, 3))
        # Here the oracle lets session policies limit: IAM User Guide, "Session policies", has it otherwise.
        if self.session is None and self._one_in(4):
            listed.append(self._random.choice([CALLERS[self.caller].arn, "*"]))
        return self._statement(Principal=aws(*listed))

    def _statement(self, **about: Any) -> Statement:
        make = deny if self._one_in(6) else allow
        action: Any = "kms:*" if self._one_in(2) else self._random.choice(ACTION_PATTERNS)
        if self._one_in(8):
            about["NotAction"], action = action, ...
        if self._one_in(4):
            resource = self._random.choice(RESOURCES)
            # NotResource with a variable that has no value: see test_evaluate.py.
            negated = self._one_in(4) and "${" not in resource
            about |= {"Resource": ..., "NotResource" if negated else "Resource": resource}
        if self._one_in(3):
            about["Condition"] = self._random.choice(CONDITIONS)
        return make(action, **about)


def _document(statements: list[Statement]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """The same ones in every run."""
    return [Request(seed) for seed in range(REQUESTS)]


def test_requests_are_worth_asking(requests: list[Request]) -> None:
    """Each kind of caller is allowed and refused often enough."""
    for caller in CALLING:
        verdicts = [request.allowed for request in requests if request.caller == caller]
        assert min(verdicts.count(True), verdicts.count(False)) >= REQUESTS // 50


def test_the_oracle_agrees(requests: list[Request], oracle: Callable[[list[dict[str, Any]]], list[str]]) -> None:
    """Users, role sessions and federated users, of the key's account or another one."""
    verdicts = oracle([request.simulation for request in requests])
    assert len(verdicts) == len(requests)
    assert not [verdict for verdict in verdicts if verdict.startswith("error")]
    differing = [
        (verdict, request)
        for verdict, request in zip(verdicts, requests, strict=True)
        if (verdict == "Allowed") is not request.allowed
    ]
    assert not differing[:3]
