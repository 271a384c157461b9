"""From bytes to services and operations, in the protocol of each; and answers back in it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.errors import AccessDenied, AccessDeniedException, UnknownOperationException, ValidationError
from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.model import ServiceModel
from selfkms.protocol.wire import JSON_WIRE, EC2Wire, QueryWire, RestJSONWire, Wire, named_service
from selfkms.services.shapes import Shape

FORM = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")


def request(*headers: tuple[str, str], method: str = "POST", target: str = "/", body: bytes = b"") -> HTTPRequest:
    return HTTPRequest(method=method, target=target, headers=headers, body=body, peer="192.0.2.1")


def scoped(scope: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=0"


class TestNamedService:
    """The signing name in the credential scope, wherever the signature stands."""

    @pytest.mark.parametrize("service", ["kms", "iam", "sts", "other-service"])
    def test_in_the_header(self, service: str) -> None:
        """Of `Authorization`, whatever is beside it."""
        signed = request(("authorization", scoped(f"AKIA1/20261124/us-east-1/{service}/aws4_request")))
        assert named_service(signed) == service

    @pytest.mark.parametrize("slash", ["/", "%2F"])
    def test_in_the_query(self, slash: str) -> None:
        """Of a presigned request, escaped or not."""
        scope = slash.join(("AKIA1", "20261124", "us-east-1", "sts", "aws4_request"))
        presigned = request(method="GET", target=f"/?Action=GetCallerIdentity&X-Amz-Credential={scope}&X-Amz-Date=1")
        assert named_service(presigned) == "sts"

    def test_the_header_comes_first(self) -> None:
        """A request with both is one of its header; `sigv4` refuses it if that does not fit."""
        both = request(
            ("authorization", scoped("AKIA1/20261124/us-east-1/iam/aws4_request")),
            target="/?X-Amz-Credential=AKIA1/20261124/us-east-1/sts/aws4_request",
        )
        assert named_service(both) == "iam"

    @pytest.mark.parametrize(
        "scope",
        [
            "",
            "AKIA1",
            "AKIA1/20261124/us-east-1/kms",
            "AKIA1/20261124/us-east-1/kms/aws4",
            "AKIA1/20261124/us-east-1//aws4_request",
            "AKIA1/2026112/us-east-1/kms/aws4_request",
            "AKIA1/20261124/us east/kms/aws4_request",
            "AKIA1/20261124/us-east-1/KMS/aws4_request",
            "/20261124/us-east-1/kms/aws4_request",
            f"{'A' * 129}/20261124/us-east-1/kms/aws4_request",
        ],
    )
    def test_a_scope_that_cannot_be_read_names_none(self, scope: str) -> None:
        """Nothing is guessed."""
        assert named_service(request(("authorization", scoped(scope)))) == ""

    def test_an_operation_that_needs_no_signature(self) -> None:
        """AssumeRoleWithWebIdentity is STS's, with nothing but its form; no other operation is found that way."""
        form = b"Action=%s&Version=2011-06-15"
        assert named_service(request(FORM, body=form % b"AssumeRoleWithWebIdentity")) == "sts"
        for action in (b"AssumeRole", b"GetCallerIdentity", b"CreateUser", b"assumerolewithwebidentity", b""):
            assert named_service(request(FORM, body=form % action)) == ""

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=80), st.text(max_size=80), st.binary(max_size=60))
    def test_whatever_comes_it_is_a_name_or_nothing(self, header: str, target: str, body: bytes) -> None:
        """No bytes make it fail."""
        name = named_service(request(("authorization", header), FORM, target=target, body=body))
        assert name == "" or set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


class Random(Shape, frozen=True, kw_only=True):
    """A result."""

    key_id: str


class TestJSON:
    """AWS JSON 1.1, the protocol of KMS."""

    @pytest.mark.parametrize(
        ("method", "target", "name"),
        [
            ("POST", "TrentService.Encrypt", "Encrypt"),
            ("POST", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", "LookupEvents"),
            ("POST", "TrentService.", None),
            ("POST", "TrentService", None),
            ("POST", "", None),
            ("GET", "TrentService.Encrypt", None),
            ("PUT", "TrentService.Encrypt", None),
        ],
    )
    def test_the_operation_stands_in_a_header(self, method: str, target: str, name: str | None) -> None:
        """Behind the dot, of a POST."""
        assert JSON_WIRE.operation_name(request(("x-amz-target", target), method=method)) == name

    def test_without_the_header(self) -> None:
        """There is none, whatever the body says."""
        assert JSON_WIRE.operation_name(request(FORM, body=b"Action=Encrypt")) is None

    def test_parameters_results_and_errors(self) -> None:
        """All of them JSON."""
        operation = ServiceModel.load("kms").operations["GenerateRandom"]
        assert JSON_WIRE.decode(operation, request(body=b'{"NumberOfBytes": 3}')) == {"NumberOfBytes": 3}
        answer = JSON_WIRE.answer(operation, Random(key_id="k"), "r-1")
        assert (answer.status, json.loads(answer.body)) == (200, {"KeyId": "k"})
        assert JSON_WIRE.answer(operation, None, "r-1").body == b""
        error = JSON_WIRE.error(AccessDeniedException("no"), "r-1")
        assert (error.status, json.loads(error.body)) == (400, {"__type": "AccessDeniedException", "Message": "no"})


class Identity(msgspec.Struct, frozen=True, rename="pascal"):
    """What GetCallerIdentity answers."""

    account: str
    arn: str


class TestQuery:
    """AWS Query, the protocol of IAM and STS."""

    def test_the_operation_stands_in_the_form(self) -> None:
        """In the body of a POST, in the query of a GET; not in the header of the other protocol."""
        wire = QueryWire(ServiceModel.load("sts"))
        form = b"Action=GetCallerIdentity&Version=2011-06-15"
        assert wire.operation_name(request(FORM, body=form)) == "GetCallerIdentity"
        assert wire.operation_name(request(method="GET", target="/?" + form.decode())) == "GetCallerIdentity"
        assert wire.operation_name(request(("x-amz-target", "TrentService.Encrypt"))) is None

    def test_parameters_results_and_errors(self) -> None:
        """A form comes, XML in the namespace of the service goes."""
        model = ServiceModel.load("sts")
        wire = QueryWire(model)
        form = b"Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=AKIAIOSFODNN7EXAMPLE"
        decoded = wire.decode(model.operations["GetAccessKeyInfo"], request(FORM, body=form))
        assert decoded == {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}
        operation = model.operations["GetCallerIdentity"]
        answer = wire.answer(operation, Identity(account="111122223333", arn="arn:of:caller"), "r-1")
        assert answer.status == 200
        assert b'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"' in answer.body
        for text in (b"<Account>111122223333</Account>", b"<RequestId>r-1</RequestId>"):
            assert text in answer.body
        error = wire.error(AccessDenied("no"), "r-1")
        assert error.status == 403
        assert b"<Code>AccessDenied</Code><Message>no</Message>" in error.body.replace(b"\n", b"").replace(b"  ", b"")

    @pytest.mark.parametrize(
        "body",
        [b"Action=GetAccessKeyInfo&Version=2011-06-15", b"Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=x"],
    )
    def test_what_breaks_the_model(self, body: bytes) -> None:
        """Is refused by the protocol, in its own error."""
        model = ServiceModel.load("sts")
        operation: Any = model.operations["GetAccessKeyInfo"]
        with pytest.raises(ValidationError):
            QueryWire(model).decode(operation, request(FORM, body=body))


class TestEC2:
    """EC2's own Query protocol."""

    def test_requests_answers_and_errors(self) -> None:
        """A form comes, XML goes, in any API version."""
        wire: Wire = EC2Wire()
        operation = ServiceModel.load("ec2", only=["DeleteVolume"]).operations["DeleteVolume"]
        for version in (b"2016-11-15", b"2014-10-01"):
            received = request(FORM, body=b"Action=DeleteVolume&VolumeId=vol-1&Version=" + version)
            assert wire.operation_name(received) == "DeleteVolume"
            assert wire.decode(operation, received) == {"VolumeId": "vol-1"}
        assert wire.operation_name(request(FORM, body=b"VolumeId=vol-1")) is None
        assert b"<return>true</return>" in wire.answer(operation, None, "r-1").body
        assert wire.error(UnknownOperationException(operation="RunInstances"), "r-1").status == 400


class TestRestJSON:
    """REST-JSON, the protocol of EBS."""

    def test_nothing_is_read_before_there_is_a_request(self) -> None:
        """The model may be one that is read on demand."""
        model = ServiceModel.on_demand("ebs", only=["GetSnapshotBlock"])
        wire: Wire = RestJSONWire(model)
        assert "_loaded" not in vars(model.operations)
        assert wire.operation_name(request(method="POST", target="/snapshots")) is None
        received = request(method="GET", target="/snapshots/snap-1/blocks/5?blockToken=a%2B")
        assert wire.operation_name(received) == "GetSnapshotBlock"
        decoded = wire.decode(model.operations["GetSnapshotBlock"], received)
        assert decoded == {"SnapshotId": "snap-1", "BlockIndex": 5, "BlockToken": "a+"}
        assert wire.answer(model.operations["GetSnapshotBlock"], None, "r-1").status == 200
        assert wire.error(AccessDenied("no"), "r-1").status == 403
