"""The services behind the gate: each has its model, its protocol, and operations that the model knows."""

import pytest

from harness.world import ALICE_ACCOUNT, SERVICES, World
from selfkms.bootstrap.services import services
from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.wire import JSON_WIRE, EC2Wire, QueryWire, RestJSONWire


def test_there_are_six() -> None:
    """By the names that signatures are bound to."""
    assert services().keys() == {"kms", "iam", "sts", "cloudtrail", "ec2", "ebs"}


@pytest.mark.parametrize("name", SERVICES)
def test_each_serves_operations_of_its_own_model(name: str) -> None:
    """No operation has a name that AWS does not have, or asks for a permission of another service."""
    service = SERVICES[name]
    assert service.signing_name == name
    assert service.operations
    assert service.operations.keys() <= service.model.operations.keys()
    for operation_name, operation in service.operations.items():
        assert operation.name == operation_name
        assert operation.action == f"{name}:{operation_name}"


@pytest.mark.parametrize(
    ("name", "wire", "region", "target_prefix"),
    [
        ("kms", type(JSON_WIRE), None, "TrentService"),
        ("iam", QueryWire, "us-east-1", None),
        ("sts", QueryWire, None, None),
        ("cloudtrail", type(JSON_WIRE), None, "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"),
        ("ec2", EC2Wire, None, None),
        ("ebs", RestJSONWire, None, None),
    ],
)
def test_protocols_and_regions(name: str, wire: type, region: str | None, target_prefix: str | None) -> None:
    """KMS and CloudTrail speak JSON and have targets, the others other protocols. IAM alone has no Regions."""
    service = SERVICES[name]
    assert isinstance(service.wire, wire)
    assert service.region == region
    assert (service.model.target_prefix or None) == target_prefix


def test_an_operation_that_may_be_left_unasked_is_the_callers_own_identity() -> None:
    """GetCallerIdentity is permitted even against a Deny, and what needs no caller; everything else is asked for."""
    unasked = {
        name
        for service in SERVICES.values()
        for name, operation in service.operations.items()
        if not operation.asks_permission
    }
    assert unasked <= {"GetCallerIdentity", "AssumeRoleWithWebIdentity", "GetSessionToken"}
    assert "GetCallerIdentity" in unasked


class TestOneSignatureOneService:
    """A request signed for one service is no request to another."""

    @pytest.fixture
    def world(self) -> World:
        return World()

    def test_kms_with_a_signature_for_iam(self, world: World) -> None:
        """The target names KMS, the signature IAM."""
        signed = world.query_request("iam", "GetUser", {})
        body = world.send(
            HTTPRequest(
                method=signed.method,
                target=signed.target,
                headers=(*signed.headers, ("x-amz-target", "TrentService.ListKeys")),
                body=signed.body,
                peer=signed.peer,
            )
        ).response.body
        assert b"InvalidSignatureException" in body

    def test_iam_with_a_signature_for_kms(self, world: World) -> None:
        """Without a target the signature says what is meant: KMS has no such operation."""
        signed = world.request("ListKeys", {})
        form = ("content-type", "application/x-www-form-urlencoded")
        headers = tuple(pair for pair in signed.headers if pair[0] not in ("x-amz-target", "content-type"))
        body = world.send(
            HTTPRequest(
                method="POST",
                target="/",
                headers=(*headers, form),
                body=b"Action=CreateUser&UserName=mallory&Version=2010-05-08",
                peer=signed.peer,
            )
        ).response.body
        assert b"UnknownOperationException" in body
        assert world.database.user(ALICE_ACCOUNT, "mallory") is None

    def test_where_records_of_iam_stand(self, world: World) -> None:
        """In us-east-1; conditions ask for that Region, too."""
        world.iam("GetUser", {"UserName": "admin"})
        record = world.record()
        assert (record["awsRegion"], record["eventSource"]) == ("us-east-1", "iam.amazonaws.com")
