"""EC2's Query protocol, held against botocore's own client side for the operations around snapshots and volumes."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.results import as_read, result_of
from selfkms.domain.errors import (
    AccessDeniedException,
    AWSError,
    InvalidParameterValue,
    MalformedQueryString,
    MissingParameter,
)
from selfkms.protocol import ec2_query
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import ServiceModel
from selfkms.protocol.wire import EC2Wire
from selfkms.services.shapes import aws_name

OPERATIONS = (
    "CopySnapshot",
    "CreateSnapshot",
    "CreateTags",
    "CreateVolume",
    "DeleteSnapshot",
    "DeleteTags",
    "DeleteVolume",
    "DescribeSnapshotAttribute",
    "DescribeSnapshots",
    "DescribeTags",
    "DescribeVolumes",
    "DisableEbsEncryptionByDefault",
    "EnableEbsEncryptionByDefault",
    "GetEbsDefaultKmsKeyId",
    "GetEbsEncryptionByDefault",
    "ModifyEbsDefaultKmsKeyId",
    "ModifySnapshotAttribute",
    "ResetEbsDefaultKmsKeyId",
    "ResetSnapshotAttribute",
)
REQUEST_ID = "b1b2e8c3-2a6e-4c7d-9d0b-0f6f3e1c5a11"
FORM = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),)
AWKWARD = "a&b=<c>+%2B é部\U0001f511 \"'; ]]>\r\n\t/"
SECONDS = 1_336_521_241.25

MODEL = ServiceModel.load("ec2", only=OPERATIONS)
PUBLISHED = botocore.session.get_session().get_service_model("ec2")


def form(body: bytes, *, method: str = "POST", target: str = "/") -> HTTPRequest:
    return HTTPRequest(method=method, target=target, headers=FORM, body=body, peer="192.0.2.1")


def fields(**named: str) -> HTTPRequest:
    """A form; two underscores in a name stand for a dot."""
    return form(urlencode({name.replace("__", "."): value for name, value in named.items()}).encode())


def sent(name: str, parameters: Mapping[str, Any]) -> HTTPRequest:
    """What botocore sends for a call."""
    operation = PUBLISHED.operation_model(name)
    serialized = create_serializer("ec2", include_validation=False).serialize_to_request(parameters, operation)
    prepared = AWSRequest(method="POST", url="https://ec2.example/", data=serialized["body"]).prepare()
    return form(prepared.body if isinstance(prepared.body, bytes) else prepared.body.encode())


def parsed(name: str, answer: HTTPResponse) -> dict[str, Any]:
    """What botocore reads from an answer."""
    received = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
    read: dict[str, Any] = create_parser("ec2").parse(received, PUBLISHED.operation_model(name).output_shape)
    assert read["ResponseMetadata"].pop("RequestId") == REQUEST_ID
    del read["ResponseMetadata"]
    return read


def sample(shape: Any, entries: int) -> Any:
    """A value of a shape with every member that the model lets through, lists with so many entries."""
    match shape.type_name:
        case "structure":
            return {name: sample(member, entries) for name, member in shape.members.items()}
        case "list":
            return [sample(shape.member, number + 1) for number in range(entries)]
        case "integer" | "long":
            return entries
        case "boolean":
            return entries % 2 == 0
        case "timestamp":
            return SECONDS + entries
        case "string":
            return shape.enum[0] if shape.enum else f"{AWKWARD}{entries}"
        case other:
            pytest.fail(f"a type that no operation had before: {other}")


# -- botocore's requests are read, botocore reads our answers


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("entries", [1, 2])
def test_requests_of_clients(name: str, entries: int) -> None:
    """Every parameter of every operation arrives as the client gave it, by the name that the model has for it."""
    parameters = sample(PUBLISHED.operation_model(name).input_shape, entries)
    request = sent(name, parameters)
    assert EC2Wire().operation_name(request) == name
    assert ec2_query.decode(MODEL.operations[name], request) == parameters


def test_names_on_the_wire() -> None:
    """What clients other than botocore write: a capital first, the entries of lists without a word between."""
    request = form(
        b"Action=CreateTags&Version=2016-11-15&ResourceId.1=snap-1&ResourceId.2=vol-2&Tag.1.Key=a&Tag.1.Value=&DryRun=1"
    )
    assert ec2_query.decode(MODEL.operations["CreateTags"], request) == {
        "Resources": ["snap-1", "vol-2"],
        "Tags": [{"Key": "a", "Value": ""}],
        "DryRun": True,
    }


def test_a_get() -> None:
    """The form may stand in the address."""
    target = "/?Action=DescribeVolumes&Version=2016-11-15&Filter.1.Name=status&Filter.1.Value.1=in-use&MaxResults=5"
    request = form(b"", method="GET", target=target)
    assert EC2Wire().operation_name(request) == "DescribeVolumes"
    decoded = ec2_query.decode(MODEL.operations["DescribeVolumes"], request)
    assert decoded == {"Filters": [{"Name": "status", "Values": ["in-use"]}], "MaxResults": 5}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("entries", [0, 1, 2])
def test_answers_for_clients(name: str, entries: int) -> None:
    """Every member of every result is read by the client as it was given; what is None is not there."""
    model, shape = MODEL.operations[name], PUBLISHED.operation_model(name).output_shape
    if shape is None:
        answer = ec2_query.answer(model, None, REQUEST_ID)
        assert b"<return>true</return>" in answer.body
        assert parsed(name, answer) == {}
        return
    value = sample(shape, entries)
    assert parsed(name, ec2_query.answer(model, result_of(value), REQUEST_ID)) == as_read(shape, value)
    for nothing in (None, result_of(dict.fromkeys(shape.members))):
        assert parsed(name, ec2_query.answer(model, nothing, REQUEST_ID)) == {}


def test_an_answer() -> None:
    """As EC2 writes it: the request ID first, moments in milliseconds."""
    answer = ec2_query.answer(
        MODEL.operations["CreateSnapshot"],
        result_of({"SnapshotId": "snap-1", "StartTime": 1_795_514_400.0, "Encrypted": True, "Tags": []}),
        REQUEST_ID,
    )
    assert (answer.status, answer.headers[0]) == (200, ("content-type", "text/xml;charset=UTF-8"))
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<CreateSnapshotResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{REQUEST_ID}</requestId><snapshotId>snap-1</snapshotId>"
        "<startTime>2026-11-24T10:00:00.000Z</startTime><encrypted>true</encrypted><tagSet/></CreateSnapshotResponse>"
    )


def test_member_names_follow_the_rule_of_shapes() -> None:
    """All members around snapshots and volumes are what `aws_name` makes of snake_case."""
    for operation in MODEL.operations.values():
        for shape in operation.shapes.values():
            for member in shape.members:
                snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in member)
                assert aws_name(snake.removeprefix("_")) == member


def test_errors_for_clients() -> None:
    """Code, text, status and request ID are where clients look for them."""
    answer = ec2_query.error(AccessDeniedException("User: <x> is not authorized"), REQUEST_ID)
    assert answer.status == 403
    received = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
    read = create_parser("ec2").parse(received, None)
    assert read["Error"] == {
        "Code": "UnauthorizedOperation",
        "Message": "You are not authorized to perform this operation. User: <x> is not authorized",
    }
    assert read["ResponseMetadata"]["RequestId"] == REQUEST_ID


# -- what is refused


@pytest.mark.parametrize(
    ("name", "given", "missing"),
    [
        ("DeleteSnapshot", {}, "SnapshotId"),
        ("DeleteSnapshot", {"SnapshotId": ""}, "SnapshotId"),
        ("CopySnapshot", {"SourceRegion": "us-east-1"}, "SourceSnapshotId"),
        ("CreateTags", {"Tag__1__Key": "a"}, "ResourceId"),
        ("CreateTags", {"ResourceId__1": "snap-1"}, "Tag"),
        ("DescribeSnapshotAttribute", {"SnapshotId": "snap-1"}, "Attribute"),
    ],
)
def test_missing_parameters(name: str, given: dict[str, str], missing: str) -> None:
    """The first that is missing is named as it would stand in the form."""
    with pytest.raises(MissingParameter) as refused:
        ec2_query.decode(MODEL.operations[name], fields(**given))
    assert refused.value.message == f"The request must contain the parameter {missing}"


@pytest.mark.parametrize(
    "given",
    [
        {"DryRun": "yes"},
        {"DryRun": ""},
        {"MaxResults": "many"},
        {"MaxResults": "99999999999"},
        {"Owner__member__1": "self"},
        {"Owner": "self"},
        {"Owner__2": "self"},
        {"Owner__1": "self", "Owner__3": "other"},
        {"Owner__0": "self"},
        {"Owner__-1": "self"},
        {"Owner__99999999999999999999": "self"},
        {"Owner__1": "self", "Owner__01": "other"},
        {"Owner__1__Name": "self"},
        {"Filter__1": "x"},
        {"Filter__1__Value": "x"},
        {"Filter__1__Name__1": "x"},
    ],
)
def test_malformed_parameters(given: dict[str, str]) -> None:
    """Another type or structure than the model's is refused and never left out in silence."""
    with pytest.raises(InvalidParameterValue):
        ec2_query.decode(MODEL.operations["DescribeSnapshots"], fields(**given))


def test_constraints_of_the_model() -> None:
    """An enum and a range, in the words of the framework."""
    attribute = {"SnapshotId": "snap-1", "Attribute": "other"}
    with pytest.raises(InvalidParameterValue, match="enum value set"):
        ec2_query.decode(MODEL.operations["ResetSnapshotAttribute"], fields(**attribute))
    minutes = {"SourceRegion": "us-east-1", "SourceSnapshotId": "snap-1", "CompletionDurationMinutes": "2881"}
    with pytest.raises(InvalidParameterValue, match="less than or equal to 2880"):
        ec2_query.decode(MODEL.operations["CopySnapshot"], fields(**minutes))


@pytest.mark.parametrize("body", [b"SnapshotId=a&SnapshotId=b", b"SnapshotId=%zz", b"SnapshotId=%ff"])
def test_forms_that_cannot_be_read(body: bytes) -> None:
    """A parameter given twice, a broken escape, what is not UTF-8."""
    with pytest.raises(MalformedQueryString):
        ec2_query.decode(MODEL.operations["DeleteSnapshot"], form(body))


def test_a_parameter_given_in_both_places() -> None:
    """Once in the body and once in the address is twice."""
    with pytest.raises(MalformedQueryString):
        ec2_query.decode(MODEL.operations["DeleteSnapshot"], form(b"SnapshotId=a", target="/?SnapshotId=b"))


def test_what_is_not_known_is_ignored() -> None:
    """Names of no shape, and those that begin with a small letter."""
    given = {"SnapshotId": "snap-1", "snapshotId": "snap-2", "Other__1__A": "x", "Snapshot" + "__x" * 400: "y"}
    assert ec2_query.decode(MODEL.operations["DeleteSnapshot"], fields(**given)) == {"SnapshotId": "snap-1"}


@settings(max_examples=60, deadline=None)
@given(
    tags=st.lists(
        st.fixed_dictionaries({"Key": st.text(min_size=1, max_size=9), "Value": st.text(max_size=9)}),
        min_size=1,
        max_size=12,
    ),
    resources=st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=12),
)
def test_whatever_is_sent_arrives(tags: list[dict[str, str]], resources: list[str]) -> None:
    """Texts of any kind, in lists that are longer than nine."""
    parameters = {"Resources": resources, "Tags": tags}
    assert ec2_query.decode(MODEL.operations["CreateTags"], sent("CreateTags", parameters)) == parameters


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(OPERATIONS),
    given_fields=st.dictionaries(
        st.lists(st.sampled_from(("SnapshotId", "Filter", "Tag", "1", "2", "", "Value", "Key")), max_size=5).map(
            ".".join
        ),
        st.text(max_size=5),
        max_size=6,
    ),
)
def test_whatever_comes_is_decoded_or_refused(name: str, given_fields: dict[str, str]) -> None:
    """No form makes it fail otherwise."""
    try:
        ec2_query.decode(MODEL.operations[name], form(urlencode(given_fields).encode()))
    except AWSError as refused:
        answer = EC2Wire().error(refused, REQUEST_ID)
        assert answer.status == 400
        assert ET.fromstring(answer.body).tag == "Response"
