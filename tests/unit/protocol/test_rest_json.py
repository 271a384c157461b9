"""REST-JSON, held against botocore's own client side for every operation of the EBS direct APIs."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.results import as_read, result_of
from selfkms.domain.errors import (
    AccessDeniedException,
    AWSError,
    SerializationException,
    UnknownOperationException,
    ValidationException,
)
from selfkms.domain.secrets import Secret
from selfkms.protocol import rest_json
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import ServiceModel
from selfkms.protocol.wire import RestJSONWire

REQUEST_ID = "b1b2e8c3-2a6e-4c7d-9d0b-0f6f3e1c5a11"
SECONDS = 1_336_521_241.25
BLOCK = bytes(range(256)) * 8

MODEL = ServiceModel.load("ebs")
WIRE = RestJSONWire(MODEL)
PUBLISHED = botocore.session.get_session().get_service_model("ebs")

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("StartSnapshot", {"VolumeSize": 1}),
    (
        "StartSnapshot",
        {
            "VolumeSize": 2**40,
            "ParentSnapshotId": "snap-0123456789abcdef0",
            "Tags": [{"Key": "Größe", "Value": ""}, {"Key": "b", "Value": "部 門"}],
            "Description": 'a "b"\n',
            "ClientToken": "550e8400-e29b-41d4-a716-446655440000",
            "Encrypted": True,
            "KmsKeyArn": "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "Timeout": 60,
        },
    ),
    (
        "PutSnapshotBlock",
        {
            "SnapshotId": "snap-0123",
            "BlockIndex": 5,
            "BlockData": BLOCK,
            "DataLength": len(BLOCK),
            "Progress": 100,
            "Checksum": "y3mZ4vLb0g8Jd3Yz9fVQ0w0QGgY2eM2nW2n3p1oVb8E=",
            "ChecksumAlgorithm": "SHA256",
        },
    ),
    (
        "CompleteSnapshot",
        {
            "SnapshotId": "snap-0123",
            "ChangedBlocksCount": 0,
            "Checksum": "a+/=",
            "ChecksumAlgorithm": "SHA256",
            "ChecksumAggregationMethod": "LINEAR",
        },
    ),
    ("ListSnapshotBlocks", {"SnapshotId": "snap-0123"}),
    (
        "ListSnapshotBlocks",
        {"SnapshotId": "snap-0123", "NextToken": "a+/=", "MaxResults": 100, "StartingBlockIndex": 7},
    ),
    (
        "ListChangedBlocks",
        {
            "FirstSnapshotId": "snap-0122",
            "SecondSnapshotId": "snap-0123",
            "NextToken": "abc==",
            "MaxResults": 10_000,
            "StartingBlockIndex": 0,
        },
    ),
    ("GetSnapshotBlock", {"SnapshotId": "snap-0123", "BlockIndex": 2**31 - 1, "BlockToken": "abc+/=="}),
]


def request(method: str, target: str, body: bytes = b"", **headers: str) -> HTTPRequest:
    """A request; underscores in the names of headers stand for hyphens."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HTTPRequest(method=method, target=target, headers=named, body=body, peer="192.0.2.1")


def sent(name: str, parameters: Mapping[str, Any]) -> HTTPRequest:
    """What botocore sends for a call."""
    serialized = create_serializer("rest-json", include_validation=False).serialize_to_request(
        parameters, PUBLISHED.operation_model(name)
    )
    url = f"https://ebs.example{serialized['url_path']}"
    if serialized["query_string"]:
        # As botocore's `prepare_request_dict` does it.
        url += "?" + urlencode(serialized["query_string"], quote_via=quote, safe="-._~")
    prepared = AWSRequest(
        method=serialized["method"], url=url, headers=serialized["headers"], data=serialized["body"]
    ).prepare()
    parts = urlsplit(prepared.url)
    body = prepared.body or b""
    return HTTPRequest(
        method=prepared.method,
        target=parts.path + (f"?{parts.query}" if parts.query else ""),
        headers=tuple((key.lower(), str(value)) for key, value in prepared.headers.items()),
        body=body if isinstance(body, bytes) else body.encode(),
        peer="192.0.2.1",
    )


class Stream:
    """A body as botocore's parser wants one that streams."""

    def __init__(self, body: bytes) -> None:
        self.body = body


def parsed(name: str, answer: HTTPResponse) -> dict[str, Any]:
    """What botocore reads from an answer."""
    operation = PUBLISHED.operation_model(name)
    body = Stream(answer.body) if operation.has_streaming_output else answer.body
    received = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": body}
    read: dict[str, Any] = create_parser("rest-json").parse(received, operation.output_shape)
    assert read["ResponseMetadata"]["RequestId"] == REQUEST_ID
    assert read.pop("ResponseMetadata")["HTTPStatusCode"] == operation.http.get("responseCode", 200)
    if operation.has_streaming_output:
        read["BlockData"] = read["BlockData"].body
    return read


def sample(shape: Any, entries: int) -> Any:
    """A value of a shape with every member, lists with so many entries."""
    match shape.type_name:
        case "structure":
            return {name: sample(member, entries) for name, member in shape.members.items()}
        case "list":
            return [sample(shape.member, number + 1) for number in range(entries)]
        case "integer" | "long":
            return entries
        case "timestamp":
            return SECONDS + entries
        case "blob":
            return BLOCK
        case "string":
            return f'a"é{entries}'
        case other:
            pytest.fail(f"a type that no result has had before: {other}")


# -- botocore's requests are read, botocore reads our answers


@pytest.mark.parametrize(("name", "parameters"), CALLS)
def test_requests_of_clients(name: str, parameters: dict[str, Any]) -> None:
    """The parameters of every operation arrive as the client gave them, wherever they stand."""
    received = sent(name, parameters)
    assert WIRE.operation_name(received) == name
    assert WIRE.decode(MODEL.operations[name], received) == parameters


@pytest.mark.parametrize("name", sorted(MODEL.operations))
@pytest.mark.parametrize("entries", [0, 1, 2])
def test_answers_for_clients(name: str, entries: int) -> None:
    """Every member of every result is read by the client as it was given, wherever it stands."""
    model, shape = MODEL.operations[name], PUBLISHED.operation_model(name).output_shape
    value = sample(shape, entries)
    if "Checksum" in value:
        value["Checksum"] = "a+/="
        value["ChecksumAlgorithm"] = "SHA256"
    answer = WIRE.answer(model, result_of(value), REQUEST_ID)
    located = [member for member, inner in shape.members.items() if inner.serialization.get("location") == "header"]
    assert all(shape.members[member].serialization["name"].lower() in dict(answer.headers) for member in located)
    assert parsed(name, answer) == as_read(shape, value)


def test_an_answer_that_is_bytes() -> None:
    """A block is the whole body, secret or not, and its checksum stands in headers."""
    for data in (BLOCK, Secret(BLOCK)):
        result = result_of({"DataLength": 2048, "BlockData": data, "Checksum": "a=", "ChecksumAlgorithm": None})
        answer = WIRE.answer(MODEL.operations["GetSnapshotBlock"], result, REQUEST_ID)
        assert (answer.status, answer.body) == (200, BLOCK)
        assert answer.headers == (
            ("content-type", "application/octet-stream"),
            ("x-amzn-requestid", REQUEST_ID),
            ("x-amz-data-length", "2048"),
            ("x-amz-checksum", "a="),
        )


def test_an_answer_that_is_json() -> None:
    """With the status of the model; what is None is not there."""
    result = result_of({"SnapshotId": "snap-1", "StartTime": SECONDS, "Description": None})
    answer = WIRE.answer(MODEL.operations["StartSnapshot"], result, REQUEST_ID)
    assert (answer.status, answer.headers[0]) == (201, ("content-type", "application/json"))
    assert json.loads(answer.body) == {"SnapshotId": "snap-1", "StartTime": SECONDS}
    nothing = WIRE.answer(MODEL.operations["PutSnapshotBlock"], None, REQUEST_ID)
    assert (nothing.status, nothing.body) == (201, b"{}")


def test_what_the_model_does_not_know() -> None:
    """A member that no client would understand is a mistake of ours and is not left out in silence."""
    with pytest.raises(KeyError):
        WIRE.answer(MODEL.operations["StartSnapshot"], result_of({"Other": 1}), REQUEST_ID)


def test_errors_for_clients() -> None:
    """Code, text, reason and request ID are where clients look for them."""
    answer = WIRE.error(AccessDeniedException("no"), REQUEST_ID)
    assert (answer.status, json.loads(answer.body)) == (403, {"Message": "no", "Reason": "UNAUTHORIZED_ACCOUNT"})
    received = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": answer.body}
    read = create_parser("rest-json").parse(received, None)
    assert read["Error"] == {"Code": "AccessDeniedException", "Message": "no"}
    assert read["ResponseMetadata"]["RequestId"] == REQUEST_ID
    modeled = create_parser("rest-json").parse(received, PUBLISHED.shape_for("AccessDeniedException"))
    assert modeled["Reason"] == "UNAUTHORIZED_ACCOUNT"
    assert WIRE.error(UnknownOperationException(), REQUEST_ID).body == b"{}"


# -- what is refused

BLOCKS = "/snapshots/snap-0123/blocks"


@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?maxResults=many")),
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?maxResults=")),
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?maxResults=99")),
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?maxResults=1e3")),
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?startingBlockIndex=99999999999")),
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?maxResults=100&maxResults=200")),
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?pageToken=%zz")),
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?pageToken=%ff")),
        ("ListSnapshotBlocks", request("GET", f"{BLOCKS}?pageToken=a%20b")),
        ("ListSnapshotBlocks", request("GET", "/snapshots/vol-0123/blocks")),
        ("GetSnapshotBlock", request("GET", f"{BLOCKS}/5")),
        ("GetSnapshotBlock", request("GET", f"{BLOCKS}/five?blockToken=a")),
        ("GetSnapshotBlock", request("GET", f"{BLOCKS}/-1?blockToken=a")),
        ("GetSnapshotBlock", request("GET", f"{BLOCKS}/%D9%A5?blockToken=a")),
        ("CompleteSnapshot", request("POST", "/snapshots/completion/snap-0123")),
        ("CompleteSnapshot", request("POST", "/snapshots/completion/snap-0123", x_amz_changedblockscount="-1")),
        # A body does not stand in for headers.
        ("CompleteSnapshot", request("POST", "/snapshots/completion/snap-0123", b'{"ChangedBlocksCount":1}')),
        ("StartSnapshot", request("POST", "/snapshots")),
        ("StartSnapshot", request("POST", "/snapshots?VolumeSize=1", b"{}")),
    ],
)
def test_parameters_that_break_the_model(name: str, received: HTTPRequest) -> None:
    """Are refused with EBS's error and its reason."""
    assert WIRE.operation_name(received) == name
    with pytest.raises(ValidationException) as refused:
        WIRE.decode(MODEL.operations[name], received)
    answer = WIRE.error(refused.value, REQUEST_ID)
    assert (answer.status, json.loads(answer.body)["Reason"]) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"VolumeSize":"1"}', b"\xff", b"[" * 100])
def test_bodies_that_cannot_be_read(body: bytes) -> None:
    """What is not JSON, not an object, or has a member of another type."""
    with pytest.raises(SerializationException):
        WIRE.decode(MODEL.operations["StartSnapshot"], request("POST", "/snapshots", body))


def test_what_is_not_known_is_ignored() -> None:
    """Parameters of no shape, also those that belong to a presigned signature."""
    received = request("GET", f"{BLOCKS}?maxResults=100&X-Amz-Date=1&other=", b"not read", x_amz_other="1")
    decoded = WIRE.decode(MODEL.operations["ListSnapshotBlocks"], received)
    assert decoded == {"SnapshotId": "snap-0123", "MaxResults": 100}


def test_another_operation_than_the_path_says() -> None:
    """Cannot be decoded from it."""
    with pytest.raises(UnknownOperationException):
        WIRE.decode(MODEL.operations["StartSnapshot"], request("GET", BLOCKS))


def test_outside_of_bodies_there_are_strings_and_numbers() -> None:
    """No other type has to be read from text, in the operations that there are."""
    for operation in MODEL.operations.values():
        assert operation.input_shape is not None
        members = operation.shapes[operation.input_shape].members.values()
        types = {operation.shapes[reference.shape].type for reference in members if reference.location is not None}
        assert types <= {"string", "integer"}
        assert "?" not in operation.uri


@settings(max_examples=60, deadline=None)
@given(
    token=st.text("abcXYZ019+/=", min_size=1, max_size=40),
    index=st.integers(0, 2**31 - 1),
    digits=st.text("0123456789abcdef", min_size=1, max_size=17),
)
def test_whatever_is_sent_arrives(token: str, index: int, digits: str) -> None:
    """Tokens with characters that must be escaped, all indexes, all IDs."""
    parameters = {"SnapshotId": f"snap-{digits}", "BlockIndex": index, "BlockToken": token}
    assert WIRE.decode(MODEL.operations["GetSnapshotBlock"], sent("GetSnapshotBlock", parameters)) == parameters


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(("GET", "PUT", "POST", "DELETE", "get", "")),
    segments=st.lists(st.sampled_from(("snapshots", "snap-0", "blocks", "5", "..", "", "%2F", "%zz", "%")), max_size=6),
    query=st.text(max_size=12),
    body=st.binary(max_size=12),
)
def test_whatever_comes_is_decoded_or_refused(method: str, segments: list[str], query: str, body: bytes) -> None:
    """No request makes it fail otherwise."""
    received = request(method, f"/{'/'.join(segments)}?{query}", body)
    name = WIRE.operation_name(received)
    if name is None:
        return
    try:
        rest_json.decode(MODEL.operations[name], received, {})
        WIRE.decode(MODEL.operations[name], received)
    except AWSError as refused:
        answer = WIRE.error(refused, REQUEST_ID)
        assert answer.status == 400
