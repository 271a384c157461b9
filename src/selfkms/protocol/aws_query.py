"""The Query protocol of IAM and STS: forms to typed requests, typed results and errors to XML.

`Action` and `Version` name the operation. What is in the rest of the form says `protocol.query_form`, how a result is
written `protocol.xml`, and what errors are called `protocol.query_errors`.

Source: Smithy, "AWS Query protocol"; IAM User Guide, "Call the IAM API using HTTP query requests".
"""

import re
from typing import Any, Final

import msgspec

from selfkms.domain.errors import (
    AWSError,
    MalformedInput,
    SerializationException,
    ValidationError,
    ValidationException,
)
from selfkms.domain.secrets import Secret
from selfkms.protocol import xml
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import OperationModel, ServiceModel
from selfkms.protocol.query_errors import on_query
from selfkms.protocol.query_form import fields_of, forms_of, parameters_of

# The literal stands first, and what stands before it is looked at afterwards: so a large body is run through quickly.
_ACTION: Final = re.compile(rb"Action=(?<![^&]Action=)([A-Za-z][A-Za-z0-9]{0,63})(?![^&])")
_VERSION: Final = re.compile(rb"Version=(?<![^&]Version=)([0-9-]{1,16})(?![^&])")


def action_of(request: HTTPRequest) -> str | None:
    """The operation that a request of this protocol asks for, if its name can be one; None: it is of another kind.

    Read without parsing, before anything is known of the caller. `decode` refuses a form that names two.
    """
    return _first(_ACTION, request)


def version_of(request: HTTPRequest) -> str | None:
    """The API version that a request names, if it can be one."""
    return _first(_VERSION, request)


def _first(pattern: re.Pattern[bytes], request: HTTPRequest) -> str | None:
    body, query = forms_of(request)
    found = pattern.search(body) or pattern.search(query.encode())
    return found[1].decode("ascii") if found else None


def decode(operation: OperationModel, request: HTTPRequest) -> dict[str, Any]:
    """The parameters of a request as the model allows them; blobs are bytes, timestamps seconds since the epoch.

    Raises:
        MalformedQueryString: the form itself cannot be read; see `query_form.fields_of`.
        MalformedInput: a parameter is not of the type or of the structure that the model says.
        ValidationError: a constraint of the model is broken; an entry missing between those of a list is one, too.
    """
    fields = fields_of(request)
    fields.pop("Action", None)
    fields.pop("Version", None)
    if operation.input_shape is None:
        return {}
    try:
        return operation.validate(parameters_of(operation.shapes, operation.input_shape, fields))
    except ValidationException as error:
        raise ValidationError(error.message) from None
    except SerializationException as error:
        raise MalformedInput(error.message) from None


def encode(operation: OperationModel, result: msgspec.Struct | None, request_id: str) -> bytes:
    """The body of a successful answer. Members that are None are left out, empty lists are empty elements."""
    if operation.output_shape is None:
        assert result is None, "the model knows no result"
        content = ""
    else:
        assert operation.result_wrapper is not None, "an operation of the Query protocol"
        members = {} if result is None else msgspec.to_builtins(result, builtin_types=(bytes, Secret))
        content = xml.element(operation.result_wrapper, xml.members(operation.shapes, operation.output_shape, members))
    metadata = xml.element("ResponseMetadata", _request_id(request_id))
    return _document(f"{operation.name}Response", operation.xml_namespace, content + metadata)


def error_body(error: AWSError, request_id: str, namespace: str) -> bytes:
    """The body of an error, by its name in this protocol. One without a text has no Message."""
    shown = on_query(error)
    content = xml.element("Type", "Receiver" if shown.http_status >= 500 else "Sender")
    content += xml.element("Code", xml.escaped(shown.code))
    if shown.text is not None:
        content += xml.element("Message", xml.escaped(shown.text))
    return _document("ErrorResponse", namespace, xml.element("Error", content) + _request_id(request_id))


def answer(body: bytes, request_id: str) -> HTTPResponse:
    """A successful answer; `body` comes from `encode`."""
    return HTTPResponse(status=200, headers=_headers(request_id), body=body)


def error(error: AWSError, request_id: str, model: ServiceModel) -> HTTPResponse:
    """An error as a whole answer, in the namespace of the service."""
    body = error_body(error, request_id, model.xml_namespace)
    return HTTPResponse(status=on_query(error).http_status, headers=_headers(request_id), body=body)


def _request_id(request_id: str) -> str:
    return xml.element("RequestId", xml.escaped(request_id))


def _document(name: str, namespace: str, content: str) -> bytes:
    return f'<{name} xmlns="{namespace}">{content}</{name}>'.encode()


def _headers(request_id: str) -> tuple[tuple[str, str], ...]:
    return (("content-type", "text/xml"), ("x-amzn-requestid", request_id))
