"""What public detection rules look at, in real records of ours: each rule finds what it is for, and nothing else.

The conditions are told in our own words; each test names the rule and its repository: SigmaHQ/sigma,
elastic/detection-rules, panther-labs/panther-analysis.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from harness.importer import FIRST, LASTING, parameters_for_import
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, Refused, World

Record = dict[str, Any]
Rule = Callable[[Record], bool]

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    ],
}
KALI = "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.12 md/arch#x86_64 lang/python#3.13 md/distrib#kali.2026"


def policy(*principals: str) -> str:
    """A key policy: the account itself, and these."""
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": name}, "Action": "kms:*", "Resource": "*"}
        for name in (f"arn:aws:iam::{ALICE_ACCOUNT}:root", *principals)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """A day's work: each operation that a rule is for, what surrounds it, and the same refused."""
    world = World()
    _work_with_keys(world)
    _work_with_people(world)
    _work_with_trails(world)
    return [json.loads(record.body) for record in world._records()]


def _work_with_keys(world: World) -> None:
    key_id = world.make_key(Policy=policy())["KeyId"]
    world.call("Encrypt", {"KeyId": key_id, "Plaintext": "eA=="})
    world.call("PutKeyPolicy", {"KeyId": key_id, "Policy": policy("*")})
    world.call("DisableKey", {"KeyId": key_id})
    world.call("EnableKey", {"KeyId": key_id})
    for operation in ("DisableKey", "ScheduleKeyDeletion"):
        world.refusal(operation, {"KeyId": f"arn:aws:kms:us-east-1:{BOB_ACCOUNT}:key/{key_id}"})
    world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    imported = world.make_key(Origin="EXTERNAL")["KeyId"]
    world.call("ImportKeyMaterial", {**parameters_for_import(world, imported, FIRST), **LASTING})
    world.call("DeleteImportedKeyMaterial", {"KeyId": imported})
    request = world.request("ListKeys")
    world.send(msgspec.structs.replace(request, headers=(*request.headers, ("user-agent", KALI))))


def _work_with_people(world: World) -> None:
    world.call("ListKeys", by=f"{ALICE_ACCOUNT}-root")
    world.iam("CreateUser", {"UserName": "bob"})
    world.iam("AttachUserPolicy", {"UserName": "bob", "PolicyArn": ADMINISTRATOR})
    world.remember("bob", world.iam("CreateAccessKey", {"UserName": "bob"})["AccessKey"])
    world.iam("CreateAccessKey", {"UserName": "bob"}, by="bob")
    role = world.iam("CreateRole", {"RoleName": "reader", "AssumeRolePolicyDocument": json.dumps(TRUST)})["Role"]
    world.iam("AttachRolePolicy", {"RoleName": "reader", "PolicyArn": ADMINISTRATOR})
    session = world.sts("AssumeRole", {"RoleArn": role["Arn"], "RoleSessionName": "night"}, by="bob")
    world.remember("night", session["Credentials"])
    world.call("ListAliases", by="night")


def _work_with_trails(world: World) -> None:
    world.cloudtrail("CreateTrail", {"Name": "audit", "S3BucketName": "logs"})
    world.cloudtrail("StartLogging", {"Name": "audit"})
    for included in (True, False):
        selectors = [{"IncludeManagementEvents": included}]
        world.cloudtrail("PutEventSelectors", {"TrailName": "audit", "EventSelectors": selectors})
    world.cloudtrail("UpdateTrail", {"Name": "audit", "IsMultiRegionTrail": True})
    world.cloudtrail("StopLogging", {"Name": "audit"})
    world.cloudtrail("DeleteTrail", {"Name": "audit"})
    with pytest.raises(Refused):
        world.cloudtrail("StopLogging", {"Name": "audit"})


def found(records: list[Record], rule: Rule) -> list[str]:
    """The names of the events that a rule finds, in their order."""
    return [record["eventName"] for record in records if rule(record)]


def walk(record: Any, *names: str) -> Any:
    """A field within fields, as rules name it; None if it is not there."""
    for name in names:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def succeeded(record: Record) -> bool:
    """Panther's `aws_cloudtrail_success`: neither an error code nor an error message."""
    return not record.get("errorCode") and not record.get("errorMessage")


def as_elastic(record: Record) -> dict[str, Any]:
    """The fields that Elastic's AWS integration makes of a CloudTrail record."""
    agent = record.get("userAgent", "")
    return {
        "event.provider": record["eventSource"],
        "event.action": record["eventName"],
        "event.outcome": "success" if succeeded(record) else "failure",
        "user_agent.original": agent,
        "user_agent.name": agent.partition("/")[0],
        "aws.cloudtrail.user_identity.type": walk(record, "userIdentity", "type"),
        "aws.cloudtrail.request_parameters": json.dumps(record["requestParameters"]),
    }


def elastic(records: list[Record], rule: Rule) -> list[str]:
    return found(records, lambda record: rule(as_elastic(record)))


class TestSigma:
    """SigmaHQ/sigma, `rules/cloud/aws/cloudtrail`."""

    def test_imported_key_material(self, records: list[Record]) -> None:
        """`aws_kms_import_key_material`: source and name."""
        names = {"ImportKeyMaterial", "DeleteImportedKeyMaterial"}
        events = found(records, lambda r: r["eventSource"] == "kms.amazonaws.com" and r["eventName"] in names)
        assert events == ["ImportKeyMaterial", "DeleteImportedKeyMaterial"]

    def test_changes_to_trails(self, records: list[Record]) -> None:
        """`aws_cloudtrail_disable_logging`: source and name, also of what failed."""
        names = {"StopLogging", "UpdateTrail", "DeleteTrail"}
        events = found(records, lambda r: r["eventSource"] == "cloudtrail.amazonaws.com" and r["eventName"] in names)
        assert events == ["UpdateTrail", "StopLogging", "DeleteTrail", "StopLogging"]

    def test_root(self, records: list[Record]) -> None:
        """`aws_root_account_usage`: the type of the identity, but not what a service did."""
        events = found(
            records, lambda r: walk(r, "userIdentity", "type") == "Root" and r["eventType"] != "AwsServiceEvent"
        )
        assert events == ["ListKeys"]

    def test_roles_in_use(self, records: list[Record]) -> None:
        """`aws_sts_assumerole_misuse`: the type of the identity, and of who issued its session."""

        def rule(record: Record) -> bool:
            issuer = walk(record, "userIdentity", "sessionContext", "sessionIssuer", "type")
            return bool(walk(record, "userIdentity", "type") == "AssumedRole" and issuer == "Role")

        assert found(records, rule) == ["ListAliases"]

    def test_powerful_policies(self, records: list[Record]) -> None:
        """`aws_iam_attach_critical_managed_policy`: source, name, and the policy among the parameters."""
        names = {"AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy"}

        def rule(record: Record) -> bool:
            named = record["eventSource"] == "iam.amazonaws.com" and record["eventName"] in names
            return bool(named and walk(record, "requestParameters", "policyArn") == ADMINISTRATOR)

        assert found(records, rule) == ["AttachUserPolicy", "AttachRolePolicy"]


class TestElastic:
    """elastic/detection-rules, `rules/integrations/aws`."""

    def test_keys_that_are_taken_away(self, records: list[Record]) -> None:
        """`impact_kms_cmk_disabled_or_scheduled_for_deletion`: provider, action, outcome."""
        names = {"DisableKey", "ScheduleKeyDeletion"}

        def rule(fields: Record) -> bool:
            return (
                fields["event.provider"] == "kms.amazonaws.com"
                and fields["event.action"] in names
                and fields["event.outcome"] == "success"
            )

        assert elastic(records, rule) == ["DisableKey", "ScheduleKeyDeletion"]

    def test_key_policies(self, records: list[Record]) -> None:
        """`defense_evasion_kms_key_policy_put`: the same, and no service did it."""

        def rule(fields: Record) -> bool:
            named = (fields["event.provider"], fields["event.action"]) == ("kms.amazonaws.com", "PutKeyPolicy")
            succeeds = bool(fields["event.outcome"] == "success")
            return named and succeeds and fields["aws.cloudtrail.user_identity.type"] != "AWSService"

        assert elastic(records, rule) == ["PutKeyPolicy"]

    def test_trails_that_are_stopped(self, records: list[Record]) -> None:
        """`defense_evasion_cloudtrail_logging_suspended`: once, since the second attempt failed."""

        def rule(fields: Record) -> bool:
            named = (fields["event.provider"], fields["event.action"]) == ("cloudtrail.amazonaws.com", "StopLogging")
            return named and bool(fields["event.outcome"] == "success")

        assert elastic(records, rule) == ["StopLogging"]

    def test_management_events_that_are_left_out(self, records: list[Record]) -> None:
        """`defense_evasion_cloudtrail_management_events_disabled_via_eventselectors`: a text within the parameters."""

        def rule(fields: Record) -> bool:
            _, said, rest = fields["aws.cloudtrail.request_parameters"].partition("includeManagementEvents")
            return fields["event.action"] == "PutEventSelectors" and bool(said) and "false" in rest

        assert elastic(records, rule) == ["PutEventSelectors"]

    def test_user_agents(self, records: list[Record]) -> None:
        """`initial_access_kali_user_agent_detected_with_aws_cli`: the client by its name, and a part of the whole."""

        def rule(fields: Record) -> bool:
            known = fields["user_agent.name"] in {"aws-cli", "Boto3"}
            return known and "distrib#kali" in fields["user_agent.original"] and fields["event.outcome"] == "success"

        assert elastic(records, rule) == ["ListKeys"]


class TestPanther:
    """panther-labs/panther-analysis, `rules/aws_cloudtrail_rules`."""

    def test_keys_that_are_lost(self, records: list[Record]) -> None:
        """`aws_kms_cmk_loss`: success and name; alerts are gathered by the ARN of the key among the resources."""
        lost = [r for r in records if succeeded(r) and r["eventName"] in {"DisableKey", "ScheduleKeyDeletion"}]
        arns = {x["ARN"] for r in lost for x in r.get("resources") or [] if x.get("type") == "AWS::KMS::Key"}
        assert len(lost) == 2
        assert len(arns) == 1
        assert arns.pop().startswith(f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/")

    def test_keys_for_everybody(self, records: list[Record]) -> None:
        """`aws_resource_made_public`: the policy among the parameters is a text, and JSON."""

        def rule(record: Record) -> bool:
            if not succeeded(record) or record["eventName"] not in {"CreateKey", "PutKeyPolicy"}:
                return False
            document = json.loads(walk(record, "requestParameters", "policy") or '{"Statement": []}')
            return any(statement["Principal"] == {"AWS": "*"} for statement in document["Statement"])

        assert found(records, rule) == ["PutKeyPolicy"]
        created = [walk(r, "requestParameters", "policy") for r in records if r["eventName"] == "CreateKey"]
        assert created == [policy(), None]

    def test_access_keys_for_others(self, records: list[Record]) -> None:
        """`aws_iam_user_key_created`: the user of the new access key is not who asked for it."""

        def rule(record: Record) -> bool:
            owner = walk(record, "responseElements", "accessKey", "userName")
            return (
                succeeded(record)
                and (record["eventSource"], record["eventName"]) == ("iam.amazonaws.com", "CreateAccessKey")
                and not record["userIdentity"]["arn"].endswith(f"user/{owner}")
            )

        assert [r["userIdentity"]["userName"] for r in records if rule(r)] == ["admin"]

    def test_trails_that_are_stopped(self, records: list[Record]) -> None:
        """`aws_cloudtrail_stopped`: success and name; alerts are gathered by the name of the trail."""
        stopped = [r for r in records if succeeded(r) and r["eventName"] in {"DeleteTrail", "StopLogging"}]
        assert [walk(r, "requestParameters", "name") for r in stopped] == ["audit", "audit"]
        assert {r["recipientAccountId"] for r in stopped} == {ALICE_ACCOUNT}

    def test_management_events_that_are_left_out(self, records: list[Record]) -> None:
        """`aws_cloudtrail_event_selectors_disabled`: what each selector says of management events."""

        def rule(record: Record) -> bool:
            selectors = walk(record, "requestParameters", "eventSelectors") or []
            return record["eventName"] == "PutEventSelectors" and not all(
                selector["includeManagementEvents"] for selector in selectors
            )

        assert found(records, rule) == ["PutEventSelectors"]
