"""Bodies in and out."""

import base64
import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfkms.domain.errors import AWSError, SerializationException, ValidationException
from selfkms.domain.limits import JSON_DEPTH_MAX
from selfkms.domain.secrets import SECRET_ACCESS, Secret, SecretText
from selfkms.protocol import aws_json
from selfkms.protocol.model import ServiceModel
from selfkms.services.shapes import Shape


class Call(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """A request and a result at once."""

    key_id: str
    plaintext: Secret
    ciphertext_blob: bytes | None = None
    encryption_context: dict[str, str] = {}
    grant_tokens: tuple[str, ...] = ()
    creation_date: float | None = None


def test_a_body_becomes_parameters(kms: ServiceModel) -> None:
    """The body is parsed and checked in one go; of a member given twice the last one counts."""
    body = b'{"KeyId":"a","KeyId":"b","NumberOfBytes":32,"Other":{"a":[1]}}'
    assert aws_json.decode(kms.operations["GenerateDataKey"], body) == {"KeyId": "b", "NumberOfBytes": 32}


def test_an_empty_body_is_an_empty_object(kms: ServiceModel) -> None:
    """Operations without parameters need no body, others still miss theirs."""
    assert aws_json.decode(kms.operations["ListKeys"], b"") == {}
    with pytest.raises(ValidationException, match="Value null at 'keyId'"):
        aws_json.decode(kms.operations["DescribeKey"], b"")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{} {}",
        b'{"KeyId":"a",}',
        b"{'KeyId':'a'}",
        b'{"KeyId":"\xff"}',
        b'{"\xff":1}',
        b'{"KeyId":"\xed\xa0\x80"}',
        b'{"KeyId":"\\ud800"}',
        b'{"KeyId":"a\nb"}',
        b'\xef\xbb\xbf{"KeyId":"a"}',
        '{"KeyId":"a"}'.encode("utf-16"),
        b'{"Limit":NaN}',
        b'{"Limit":Infinity}',
        b'{"Limit":-Infinity}',
        b'{"Limit":1e999}',
        b'{"Limit":' + b"9" * 10_000 + b"}",
        b'{"Limit":01}',
        b"null",
        b"true",
        b"1",
        b'"a"',
        b" ",
        b"\0",
    ],
)
def test_what_is_no_object(kms: ServiceModel, body: bytes) -> None:
    """What is not a JSON object in UTF-8 is refused without a text, and nothing of it is kept."""
    with pytest.raises(SerializationException) as raised:
        aws_json.decode(kms.operations["ListKeys"], body)
    assert raised.value.message is None
    assert raised.value.__cause__ is None


def test_a_list_is_no_object(kms: ServiceModel) -> None:
    """For a list AWS has words."""
    with pytest.raises(SerializationException, match=r"^Start of list found where not expected$"):
        aws_json.decode(kms.operations["ListKeys"], b'[{"Limit":1}]')


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"a":' * 200_000, b"[{}," * 100_000, b'{"a":' * 33 + b"1" + b"}" * 33]
)
def test_deep_nesting_is_refused(kms: ServiceModel, body: bytes) -> None:
    """What is nested too deeply is refused before it is parsed."""
    with pytest.raises(SerializationException) as raised:
        aws_json.decode(kms.operations["ListKeys"], body)
    assert raised.value.message is None


def test_what_only_looks_deep(kms: ServiceModel) -> None:
    """Brackets within strings, as in a policy, many shallow ones, and the deepest nesting allowed are fine."""
    policy = json.dumps({"Statement": ["{[" * 100, '"' * 50, "\\", '\\"[']})
    body = json.dumps({"KeyId": "a", "PolicyName": "default", "Policy": policy}).encode()
    assert aws_json.decode(kms.operations["PutKeyPolicy"], body)["Policy"] == policy
    tags = [{"TagKey": str(number), "TagValue": ""} for number in range(50)]
    body = json.dumps({"KeyId": "a", "Tags": tags}).encode()
    assert aws_json.decode(kms.operations["TagResource"], body)["Tags"] == tags
    deepest = b'{"a":' * JSON_DEPTH_MAX + b"1" + b"}" * JSON_DEPTH_MAX
    assert aws_json.decode(kms.operations["ListKeys"], deepest) == {}


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=30) | st.text('{}[]":,\\ax1-.eE', max_size=40).map(str.encode))
@example(body=b'"' + b"\\" * 1_000_001)
@example(body=b'{"' + b'[\\"' * 300_000)
@example(body=b"[" * 40 + b'"' * 1_000_001)
def test_nothing_but_awss_errors_comes_out(kms: ServiceModel, body: bytes) -> None:
    """Whatever the bytes are, they are parameters or one of AWS's errors."""
    try:
        parameters = aws_json.decode(kms.operations["ListKeys"], body)
    except AWSError:
        return
    assert isinstance(parameters, dict)


BRACKETS = st.text('[]{}"\\', max_size=6)


@given(
    document=st.recursive(
        BRACKETS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(BRACKETS, inner, max_size=3),
        max_leaves=60,
    )
)
def test_depth_is_measured_outside_of_strings(document: object) -> None:
    """The measure without parsing agrees with the parsed value."""

    def depth(value: object) -> int:
        if isinstance(value, dict):
            return 1 + max(map(depth, value.values()), default=0)
        return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0

    body = json.dumps({"a": document}).encode()
    for _ in range(JSON_DEPTH_MAX - depth({"a": document})):
        body = b'{"a":' + body + b"}"
    assert not aws_json._too_deep(body)
    assert aws_json._too_deep(b'{"a":' + body + b"}")


def test_parameters_become_a_request(kms: ServiceModel) -> None:
    """AWS's names become the struct's, and a plaintext becomes a secret at once."""
    body = b'{"KeyId":"k","Plaintext":"AAE=","EncryptionContext":{"a":"b"},"GrantTokens":["t"],"DryRun":true}'
    call = aws_json.convert(aws_json.decode(kms.operations["Encrypt"], body), Call)
    assert call.key_id == "k"
    assert call.plaintext.open(SECRET_ACCESS) == b"\0\1"
    assert call.encryption_context == {"a": "b"}
    assert call.grant_tokens == ("t",)
    assert "AAE" not in repr(call)
    assert aws_json.convert({"KeyId": "k", "Plaintext": b"", "CiphertextBlob": b"c"}, Call).ciphertext_blob == b"c"


def test_a_struct_that_does_not_fit_the_model_is_our_mistake() -> None:
    """A struct that takes less than the model is not answered as the client's error."""
    with pytest.raises(msgspec.ValidationError):
        aws_json.convert({"KeyId": 1, "Plaintext": b""}, Call)


def test_a_secret_is_made_of_a_decoded_blob_alone() -> None:
    """Text never becomes a secret unseen."""
    with pytest.raises(NotImplementedError):
        aws_json.convert({"KeyId": "k", "Plaintext": "YQ=="}, Call)


def test_a_text_that_is_secret_says_so() -> None:
    """A web identity token: it has no form that a log could show. A blob is no such text."""

    class Bearer(Shape, frozen=True, kw_only=True):
        token: SecretText

    secret = aws_json.convert({"Token": "ä"}, Bearer).token
    assert (secret.open(SECRET_ACCESS).decode(), repr(secret)) == ("ä", "Secret(…)")
    for value in (b"blob", 5, None):
        with pytest.raises(NotImplementedError):
            aws_json.convert({"Token": value}, Bearer)


@given(plaintext=st.binary(max_size=40), blob=st.binary(max_size=40), context=st.dictionaries(st.text(), st.text()))
def test_results_are_written_as_clients_read_them(plaintext: bytes, blob: bytes, context: dict[str, str]) -> None:
    """Blobs and secrets are base64, names are AWS's, and what has no value is left out."""
    call = Call(key_id="k", plaintext=Secret(plaintext), ciphertext_blob=blob, encryption_context=context)
    read = json.loads(aws_json.encode(call))
    assert set(read) == {"KeyId", "Plaintext", "CiphertextBlob", *(["EncryptionContext"] if context else [])}
    decoded = {name: base64.b64decode(read[name], validate=True) for name in ("Plaintext", "CiphertextBlob")}
    assert decoded == {"Plaintext": plaintext, "CiphertextBlob": blob}
    assert read.get("EncryptionContext", {}) == context


def test_no_result_is_an_empty_body() -> None:
    """Operations without output answer with nothing at all."""
    assert aws_json.encode(None) == b""


def test_times_are_numbers() -> None:
    """Seconds since the epoch, as a JSON number without exponent."""
    call = Call(key_id="k", plaintext=Secret(b""), creation_date=1_795_478_400.125)
    assert b'"CreationDate":1795478400.125' in aws_json.encode(call)


class Odd(msgspec.Struct):
    """A result that cannot be written."""

    value: object


def test_what_has_no_json_form_is_our_mistake() -> None:
    """An object without a JSON form is not written as its text."""
    with pytest.raises(NotImplementedError, match="object has no JSON form"):
        aws_json.encode(Odd(object()))
