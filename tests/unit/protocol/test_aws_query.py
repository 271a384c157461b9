"""The Query protocol, held against botocore's own client side for every operation of IAM and STS."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.parsers import QueryParser
from botocore.serialize import QuerySerializer

from harness.results import as_read, result_of
from selfkms.domain.errors import (
    AccessDeniedException,
    AWSError,
    InternalFailure,
    MalformedInput,
    MalformedQueryString,
    ValidationError,
)
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.protocol import aws_query
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import OperationModel, ServiceModel
from selfkms.protocol.query_form import fields_of, parameters_of

REQUEST_ID = "b1b2e8c3-2a6e-4c7d-9d0b-0f6f3e1c5a11"
FORM = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),)

MODELS = {"iam": ServiceModel.load("iam"), "sts": ServiceModel.load("sts")}
PUBLISHED = {name: botocore.session.get_session().get_service_model(name) for name in MODELS}
OPERATIONS = [(service, name) for service, model in MODELS.items() for name in model.operations]

AWKWARD = "a&b=<c>+%2B é部\U0001f511 \"'; ]]>\r\n\t/"
SECONDS = 1_336_521_241


def request_of(body: bytes, *, method: str = "POST", target: str = "/") -> HTTPRequest:
    return HTTPRequest(method=method, target=target, headers=FORM, body=body, peer="192.0.2.1")


def form(**fields: str) -> HTTPRequest:
    return request_of(urlencode(fields).encode())


def sent(service: str, name: str, parameters: Mapping[str, Any]) -> HTTPRequest:
    """What botocore sends for a call."""
    operation = PUBLISHED[service].operation_model(name)
    serialized = QuerySerializer().serialize_to_request(parameters, operation)
    prepared = AWSRequest(
        method="POST", url="https://example.com/", headers=serialized["headers"], data=serialized["body"]
    ).prepare()
    body = prepared.body if isinstance(prepared.body, bytes) else prepared.body.encode()
    return request_of(body)


def parsed(service: str, name: str, answer: HTTPResponse) -> dict[str, Any]:
    """What botocore reads from an answer."""
    received = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
    read: dict[str, Any] = QueryParser().parse(received, PUBLISHED[service].operation_model(name).output_shape)
    assert read["ResponseMetadata"].pop("RequestId") == REQUEST_ID
    del read["ResponseMetadata"]
    return read


def sample(shape: Any, number: int = 2) -> Any:
    """A value of a shape of botocore's with every member; the entries of its lists and maps differ."""
    match shape.type_name:
        case "structure":
            return {name: sample(member, number) for name, member in shape.members.items()}
        case "list":
            return [sample(shape.member, entry) for entry in range(number)]
        case "map":
            return {f"{entry}{AWKWARD}": sample(shape.value, entry) for entry in range(number)}
        case "integer":
            return number - 1
        case "boolean":
            return number % 2 == 0
        case "timestamp":
            return SECONDS + number
        case "blob":
            return bytes([0, 255, number])
        case "string":
            return f"{AWKWARD}{number}" if number else ""
        case other:
            pytest.fail(f"a type that no result has had before: {other}")


# -- botocore's requests are read, botocore reads our answers


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_requests_of_clients(service: str, name: str) -> None:
    """The parameters of every operation arrive as the client gave them, full ones, short ones and empty lists."""
    model = MODELS[service].operations[name]
    shape = PUBLISHED[service].operation_model(name).input_shape
    if shape is None:
        assert aws_query.decode(model, sent(service, name, {})) == {}
        return
    assert model.input_shape is not None
    for entries in (0, 1, 2):
        parameters = {key: value for key, value in sample(shape, entries).items() if value != {}}
        request = sent(service, name, parameters)
        assert aws_query.action_of(request) == name
        assert aws_query.version_of(request) == MODELS[service].api_version
        assert parameters_of(model.shapes, model.input_shape, fields_of(request)) == parameters


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_answers_for_clients(service: str, name: str) -> None:
    """The results of every operation are read by the client as they were given, full ones, short ones and none."""
    model = MODELS[service].operations[name]
    shape = PUBLISHED[service].operation_model(name).output_shape
    if shape is None:
        answer = aws_query.answer(aws_query.encode(model, None, REQUEST_ID), REQUEST_ID)
        assert parsed(service, name, answer) == {}
        return
    for entries in (0, 1, 2):
        value = sample(shape, entries)
        answer = aws_query.answer(aws_query.encode(model, result_of(value), REQUEST_ID), REQUEST_ID)
        assert parsed(service, name, answer) == as_read(shape, value)
    for nothing in (None, result_of(dict.fromkeys(shape.members))):
        answer = aws_query.answer(aws_query.encode(model, nothing, REQUEST_ID), REQUEST_ID)
        assert parsed(service, name, answer) == {}


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("iam", "ListUsers", {}),
    ("iam", "ListUsers", {"PathPrefix": "/division/", "MaxItems": 1000}),
    ("iam", "CreateUser", {"UserName": "alice+1@example.com", "Path": "/a/b/", "Tags": []}),
    ("iam", "TagUser", {"UserName": "alice", "Tags": [{"Key": "Größe", "Value": ""}, {"Key": "b", "Value": "部 門"}]}),
    ("iam", "UntagUser", {"UserName": "alice", "TagKeys": [f"key{number}" for number in range(12)]}),
    ("iam", "CreateLoginProfile", {"UserName": "alice", "Password": "a&b=+%\u00e9", "PasswordResetRequired": False}),
    ("iam", "UpdateAccountPasswordPolicy", {"MinimumPasswordLength": 14, "RequireSymbols": True}),
    ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": '{"a":\r\n"+&=%20"}'}),
    ("iam", "GetAccountSummary", {}),
    (
        "iam",
        "SimulateCustomPolicy",
        {
            "PolicyInputList": ["{}"],
            "ActionNames": ["kms:Decrypt", "kms:Encrypt"],
            "ContextEntries": [
                {"ContextKeyName": "aws:username", "ContextKeyValues": ["a", "b"], "ContextKeyType": "stringList"}
            ],
        },
    ),
    ("sts", "GetCallerIdentity", {}),
    (
        "sts",
        "AssumeRole",
        {
            "RoleArn": "arn:aws:iam::111122223333:role/deploy",
            "RoleSessionName": "build-7",
            "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
            "Policy": '{"Version":"2012-10-17","Statement":[]}',
            "DurationSeconds": 900,
            "Tags": [{"Key": "project", "Value": "x=y +z"}],
            "TransitiveTagKeys": ["project"],
            "ExternalId": "a:b/c",
        },
    ),
]


@pytest.mark.parametrize(("service", "name", "parameters"), CALLS)
def test_whole_calls(service: str, name: str, parameters: dict[str, Any]) -> None:
    """Read and checked, a call has the parameters that the client gave."""
    model = MODELS[service].operations[name]
    assert aws_query.decode(model, sent(service, name, parameters)) == parameters


def test_a_signed_address() -> None:
    """A presigned GET carries everything in its target; what belongs to the signature is no parameter."""
    target = (
        "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
        "AKIDEXAMPLE%2F20260101%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60"
        "&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=00"
    )
    request = request_of(b"", method="GET", target=target)
    assert aws_query.action_of(request) == "GetCallerIdentity"
    assert aws_query.decode(MODELS["sts"].operations["GetCallerIdentity"], request) == {}


# -- which operation


@pytest.mark.parametrize(
    ("body", "target", "action"),
    [
        (b"Action=ListUsers&Version=2010-05-08", "/", "ListUsers"),
        (b"Version=2010-05-08&Action=ListUsers", "/", "ListUsers"),
        (b"", "/?Action=ListUsers", "ListUsers"),
        (b"A=1", "/?B=2&Action=ListUsers", "ListUsers"),
        (b"Action=ListUsers", "/?Action=ListRoles", "ListUsers"),
        (b"XAction=ListUsers", "/", None),
        (b"A=Action=ListUsers", "/", None),
        (b"Action=List%55sers", "/", None),
        (b"Action=List-Users", "/", None),
        (b"Action=ListUsers\n", "/", None),
        (b"Action=", "/", None),
        (b"Action=" + b"a" * 64, "/", "a" * 64),
        (b"Action=" + b"a" * 65, "/", None),
        (b'{"Action":"ListUsers"}', "/", None),
        (b"", "/Action=ListUsers", None),
        (b"", "/", None),
        (b"xAction=" * 100_000, "/", None),
    ],
)
def test_the_action(body: bytes, target: str, action: str | None) -> None:
    """Found wherever a form may be, if it is a name; never in the middle of something else."""
    assert aws_query.action_of(request_of(body, target=target)) == action


def test_no_form_no_action() -> None:
    """What another protocol sends in its body is not looked into, nor is the body of a GET."""
    body = b"Action=ListUsers"
    json = HTTPRequest(method="POST", target="/", headers=(("content-type", "application/json"),), body=body, peer="")
    assert aws_query.action_of(json) is None
    assert aws_query.action_of(request_of(body, method="GET")) is None


def test_the_version() -> None:
    """The version is read in the same way; none is none."""
    assert aws_query.version_of(form(Action="ListUsers", Version="2010-05-08")) == "2010-05-08"
    assert aws_query.version_of(request_of(b"", target="/?Version=2010-05-08")) == "2010-05-08"
    assert aws_query.version_of(form(Action="ListUsers", Version="latest")) is None
    assert aws_query.version_of(form(Action="ListUsers")) is None


# -- refusals


@pytest.mark.parametrize(
    ("service", "name", "fields", "error", "text"),
    [
        (
            "iam",
            "CreateRole",
            {},
            ValidationError,
            (
                "2 validation errors detected: Value null at 'roleName' failed to satisfy constraint: Member must not "
                "be null; Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be "
                "null"
            ),
        ),
        (
            "iam",
            "GetUser",
            {"UserName": ""},
            ValidationError,
            (
                "2 validation errors detected: Value '' at 'userName' failed to satisfy constraint: Member must have "
                "length greater than or equal to 1; Value '' at 'userName' failed to satisfy constraint: Member must "
                "satisfy regular expression pattern: [\\w+=,.@-]+"
            ),
        ),
        (
            "sts",
            "GetSessionToken",
            {"DurationSeconds": "1"},
            ValidationError,
            (
                "1 validation error detected: Value '1' at 'durationSeconds' failed to satisfy constraint: Member must "
                "have value greater than or equal to 900"
            ),
        ),
        (
            "iam",
            "TagUser",
            {"UserName": "alice", "Tags.member.1.Key": "a*", "Tags.member.1.Value": "b"},
            ValidationError,
            (
                "1 validation error detected: Value 'a*' at 'tags.1.member.key' failed to satisfy constraint: Member "
                "must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"
            ),
        ),
        (
            "iam",
            "TagUser",
            {"UserName": "alice", "Tags.member.2.Key": "a", "Tags.member.2.Value": "b"},
            ValidationError,
            (
                "1 validation error detected: Value null at 'tags.1.member' failed to satisfy constraint: Member must "
                "not be null"
            ),
        ),
        (
            "sts",
            "GetSessionToken",
            {"DurationSeconds": "soon"},
            MalformedInput,
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            "sts",
            "GetSessionToken",
            {"SerialNumber.1": "a"},
            MalformedInput,
            "Start of structure or map found where not expected.",
        ),
        ("iam", "GetAccountSummary", {"": "\udc80"}, MalformedQueryString, None),
    ],
)
def test_refused_parameters(
    service: str, name: str, fields: dict[str, str], error: type[AWSError], text: str | None
) -> None:
    """Broken constraints, wrong types and broken forms have the codes that IAM and STS use, and AWS's words."""
    body = urlencode(fields, errors="surrogateescape").encode()
    with pytest.raises(error) as raised:
        aws_query.decode(MODELS[service].operations[name], request_of(body))
    assert type(raised.value) is error
    assert raised.value.message == text
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("limit", ["PolicyArns.1.arn", "PolicyArns.arn", "PolicyArns", "Policy.1", "Policy."])
def test_nothing_that_limits_a_session_is_dropped(limit: str) -> None:
    """A session policy that is written in another way than the protocol's makes no session without it."""
    fields = {"RoleArn": "arn:aws:iam::111122223333:role/deploy", "RoleSessionName": "build"}
    decode, assume_role = aws_query.decode, MODELS["sts"].operations["AssumeRole"]
    assert decode(assume_role, form(**fields)) == fields
    with pytest.raises(MalformedInput):
        decode(assume_role, form(**fields, **{limit: "arn:aws:iam::aws:policy/ReadOnlyAccess"}))


def test_two_actions_are_refused() -> None:
    """What was looked up before authentication is what is decoded after it."""
    request = request_of(b"Action=ListUsers&Action=ListRoles")
    with pytest.raises(MalformedQueryString):
        aws_query.decode(MODELS["iam"].operations["ListUsers"], request)


def test_passwords_are_not_shown() -> None:
    """A sensitive parameter that breaks a constraint is not repeated."""
    with pytest.raises(ValidationError) as raised:
        aws_query.decode(
            MODELS["iam"].operations["ChangePassword"], form(OldPassword="secret\u0100", NewPassword="y" * 129)
        )
    assert "secret" not in str(raised.value)
    assert "yy" not in str(raised.value)


# -- answers


def test_an_answer_letter_by_letter() -> None:
    """The document is as AWS sends it, line breaks apart, and says who made it and in which language."""
    credentials = {
        "AccessKeyId": "ASIAEXAMPLE",
        "SecretAccessKey": Secret(b"wJal/<&>"),
        "SessionToken": "token",
        "Expiration": SECONDS + 0.75,
    }
    model = MODELS["sts"].operations["GetSessionToken"]
    body = aws_query.encode(model, result_of({"Credentials": result_of(credentials)}), REQUEST_ID)
    assert body.decode() == (
        '<GetSessionTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetSessionTokenResult><Credentials>'
        "<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>wJal/&lt;&amp;&gt;</SecretAccessKey>"
        "<SessionToken>token</SessionToken><Expiration>2012-05-08T23:54:01Z</Expiration></Credentials>"
        f"</GetSessionTokenResult><ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
        "</GetSessionTokenResponse>"
    )
    assert aws_query.answer(body, REQUEST_ID) == HTTPResponse(
        status=200, headers=(("content-type", "text/xml"), ("x-amzn-requestid", REQUEST_ID)), body=body
    )


def test_lists_that_are_empty_are_there() -> None:
    """A listing of nothing is an empty element, and no member at all is an empty result."""
    model = MODELS["iam"].operations["ListUsers"]
    body = aws_query.encode(model, result_of({"Users": (), "IsTruncated": False, "Marker": None}), REQUEST_ID)
    assert b"<ListUsersResult><Users/><IsTruncated>false</IsTruncated></ListUsersResult>" in body
    assert b"<ListUsersResult/>" in aws_query.encode(model, None, REQUEST_ID)


def test_secret_bytes() -> None:
    """A secret becomes text where the model has a string and base64 where it has a blob."""
    model = MODELS["iam"].operations["GetCredentialReport"]
    secret = Secret(b"\x00report")
    body = aws_query.encode(model, result_of({"Content": secret}), REQUEST_ID)
    assert base64.b64encode(secret.open(SECRET_ACCESS)) in body


@pytest.mark.parametrize("service", MODELS)
@pytest.mark.parametrize(
    ("error", "status", "kind", "code", "text"),
    [
        (AccessDeniedException("User: <arn> & \0"), 403, "Sender", "AccessDenied", "User: <arn> & \ufffd"),
        (ValidationError("no"), 400, "Sender", "ValidationError", "no"),
        (MalformedQueryString(), 404, "Sender", "MalformedQueryString", None),
        (InternalFailure("oops"), 500, "Receiver", "InternalFailure", "oops"),
    ],
)
def test_errors_for_clients(service: str, error: AWSError, status: int, kind: str, code: str, text: str | None) -> None:
    """A client reads code, text, kind and request ID of every error; one without a text has none."""
    answer = aws_query.error(error, REQUEST_ID, MODELS[service])
    assert answer.status == status
    assert answer.headers == (("content-type", "text/xml"), ("x-amzn-requestid", REQUEST_ID))
    assert f'<ErrorResponse xmlns="{PUBLISHED[service].metadata["xmlNamespace"]}">'.encode() in answer.body
    expected = {"Type": kind, "Code": code} | ({} if text is None else {"Message": text})
    read = parsed(service, "GetUser" if service == "iam" else "GetCallerIdentity", answer)
    read.pop("message", None)
    assert read == {"Error": expected}


def test_what_the_model_does_not_know_is_not_sent() -> None:
    """A result that has no place in the answer is a mistake of ours."""
    with pytest.raises(AssertionError):
        aws_query.encode(MODELS["iam"].operations["DeleteUser"], result_of({"A": 1}), REQUEST_ID)
    with pytest.raises(KeyError):
        aws_query.encode(MODELS["iam"].operations["GetUser"], result_of({"A": 1}), REQUEST_ID)
    kms: OperationModel = ServiceModel.load("kms").operations["ListKeys"]
    with pytest.raises(AssertionError):
        aws_query.encode(kms, None, REQUEST_ID)
