"""The Query protocol of EC2: forms to typed requests, typed results and errors to XML of a kind of its own.

It differs from the Query protocol of other services in names, which begin with a capital letter in forms, and in lists,
which are numbered without a word between. Answers have no element around the result; an operation without a result
answers `return`, which is always true.

Source: Smithy, "AWS EC2 query protocol"; Amazon EC2 Developer Guide, "View request responses".
"""

from typing import Any, Final

import msgspec

from selfkms.domain.errors import (
    AWSError,
    InvalidParameterValue,
    MalformedInput,
    MissingParameter,
    SerializationException,
    ValidationException,
)
from selfkms.domain.secrets import Secret
from selfkms.protocol import xml
from selfkms.protocol.ec2_errors import on_ec2
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import OperationModel
from selfkms.protocol.query_form import Naming, fields_of, parameters_of
from selfkms.protocol.validate import ShapeReference

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_CONTENT_TYPE: Final = "text/xml;charset=UTF-8"


def _form_name(name: str, reference: ShapeReference) -> str:
    if reference.query_name is not None:
        return reference.query_name
    known = reference.location_name or name
    return known[:1].upper() + known[1:]


_NAMING: Final = Naming(member=_form_name, flattened=True)


def decode(operation: OperationModel, request: HTTPRequest) -> dict[str, Any]:
    """The parameters of a request as the model allows them, by the names of the model.

    Raises:
        MalformedQueryString: the form itself cannot be read; see `query_form.fields_of`.
        MissingParameter: one that the model requires is not there.
        InvalidParameterValue: one is of another type or structure than the model says, or breaks a constraint.
    """
    fields = fields_of(request)
    fields.pop("Action", None)
    fields.pop("Version", None)
    if operation.input_shape is None:
        return {}
    try:
        parameters = parameters_of(operation.shapes, operation.input_shape, fields, _NAMING)
        _check_complete(operation, parameters)
        return operation.validate(parameters)
    except (MalformedInput, SerializationException, ValidationException) as error:
        raise InvalidParameterValue(error.message) from None


def _check_complete(operation: OperationModel, parameters: dict[str, Any]) -> None:
    """Recorded with the name that stands in the form: ImageId, PublicKeyMaterial, SpotInstanceRequestId."""
    assert operation.input_shape is not None
    shape = operation.shapes[operation.input_shape]
    for name in shape.required:
        if parameters.get(name) in (None, ""):
            wanted = _form_name(name, shape.members[name])
            raise MissingParameter(f"The request must contain the parameter {wanted}")


def answer(operation: OperationModel, result: msgspec.Struct | None, request_id: str) -> HTTPResponse:
    """A successful answer. Members that are None are left out, empty lists are empty elements."""
    if operation.output_shape is None:
        assert result is None, "the model knows no result"
        content = xml.element("return", "true")
    else:
        value = {} if result is None else msgspec.to_builtins(result, builtin_types=(bytes, Secret))
        content = xml.members(operation.shapes, operation.output_shape, value, xml.milliseconds)
    name = f"{operation.name}Response"
    # Recorded: in answers the namespace of the model has a slash at its end.
    content = xml.element("requestId", xml.escaped(request_id)) + content
    body = f'<{name} xmlns="{operation.xml_namespace}/">{content}</{name}>'
    return _response(200, body, request_id)


def error(error: AWSError, request_id: str) -> HTTPResponse:
    """An error as a whole answer; here the request ID has other capitals. One without a text has an empty Message."""
    shown = on_ec2(error)
    told = xml.element("Code", xml.escaped(shown.code)) + xml.element("Message", xml.escaped(shown.text or ""))
    errors = xml.element("Errors", xml.element("Error", told))
    body = xml.element("Response", errors + xml.element("RequestID", xml.escaped(request_id)))
    return _response(shown.http_status, body, request_id)


def _response(status: int, body: str, request_id: str) -> HTTPResponse:
    headers = (("content-type", _CONTENT_TYPE), ("x-amzn-requestid", request_id))
    return HTTPResponse(status=status, headers=headers, body=f"{_DECLARATION}{body}".encode())
