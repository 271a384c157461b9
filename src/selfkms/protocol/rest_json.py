"""The protocol REST-JSON: parameters stand in path, query, headers and body, results in headers and body.

Which of them where says the model. A body is a JSON object, or the bytes of a single member as they are.

Source: Smithy, "AWS restJson1 protocol", "HTTP binding traits".
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from selfkms.domain.errors import AWSError, MalformedQueryString, ValidationException
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.protocol import aws_json
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import OperationModel
from selfkms.protocol.query_form import integer, long, query_fields_of
from selfkms.protocol.rest_errors import on_rest
from selfkms.protocol.validate import Shape

_JSON: Final = "application/json"
_BYTES: Final = "application/octet-stream"

_ENCODER: Final = msgspec.json.Encoder(enc_hook=aws_json.from_secret)
_NUMBERS: Final = {"integer": integer, "long": long}


def decode(operation: OperationModel, request: HTTPRequest, labels: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of a request as the model allows them.

    Args:
        operation: which operation it is.
        request: as received.
        labels: what stands in its path; see `rest_routes`.

    Raises:
        SerializationException: the body is not JSON, or a member of it has another JSON type than the model says.
        ValidationException: something outside of the body cannot be read, or a constraint of the model is broken.
    """
    if operation.input_shape is None:
        return {}
    shape = operation.shapes[operation.input_shape]
    parameters = _outside_of_the_body(operation, shape, request, labels)
    if shape.payload is not None:
        parameters[shape.payload] = request.body
    else:
        inside = {name for name, reference in shape.members.items() if reference.location is None}
        body = aws_json.parse(request.body) if inside else {}
        # What has a place elsewhere does not count here.
        parameters |= {name: value for name, value in body.items() if name in inside}
    return operation.validate(parameters)


def _outside_of_the_body(
    operation: OperationModel, shape: Shape, request: HTTPRequest, labels: Mapping[str, str]
) -> dict[str, Any]:
    try:
        query = query_fields_of(request.target)
    except MalformedQueryString:
        raise ValidationException("The query string contains a syntax error.") from None
    parameters = {}
    for name, reference in shape.members.items():
        place = reference.location_name or name
        match reference.location:
            case "uri":
                text = labels.get(place)
            case "querystring":
                text = query.get(place)
            case "header":
                text = request.header(place.lower())
            case _:
                continue
        if text is not None:
            parameters[name] = _typed(operation.shapes[reference.shape], place, text)
    return parameters


def _typed(shape: Shape, place: str, text: str) -> Any:
    read = _NUMBERS.get(shape.type)
    if read is None:
        assert shape.type == "string", "no other type stands outside of a body"
        return text
    value = read(text)
    if isinstance(value, str):
        # The value is not repeated: it may be anything.
        raise ValidationException(f"The value of {place} is not a number.")
    return value


def answer(operation: OperationModel, result: msgspec.Struct | None, request_id: str) -> HTTPResponse:
    """A successful answer. Members that are None are left out; timestamps are seconds since the epoch."""
    members: dict[str, Any] = {}
    if result is not None:
        members = msgspec.to_builtins(result, builtin_types=(bytes, Secret))
    shape = operation.shapes[operation.output_shape] if operation.output_shape is not None else Shape("structure")
    headers, body = [], {}
    for name, value in members.items():
        reference = shape.members[name]
        if value is None:
            continue
        place = reference.location_name or name
        if reference.location == "header":
            headers.append((place.lower(), str(value)))
        else:
            body[place] = value
    if shape.payload is None:
        kind, content = _JSON, _ENCODER.encode(body)
    else:
        kind, content = _BYTES, _opened(body.get(shape.payload, b""))
    return _response(operation.success_status, kind, headers, content, request_id)


def _opened(value: bytes | Secret) -> bytes:
    return value.open(SECRET_ACCESS) if isinstance(value, Secret) else value


def error(error: AWSError, request_id: str) -> HTTPResponse:
    """An error; its code stands in a header. One without a text has no Message."""
    shown = on_rest(error)
    told = {"Message": error.message, "Reason": shown.reason}
    content = _ENCODER.encode({name: value for name, value in told.items() if value is not None})
    return _response(shown.http_status, _JSON, [("x-amzn-errortype", shown.code)], content, request_id)


def _response(status: int, kind: str, headers: list[tuple[str, str]], content: bytes, request_id: str) -> HTTPResponse:
    common = (("content-type", kind), ("x-amzn-requestid", request_id))
    return HTTPResponse(status=status, headers=(*common, *headers), body=content)
