"""The protocols by which clients speak to services: bytes to parameters, results and errors to bytes.

Source: Smithy, "AWS JSON 1.1 protocol", "AWS Query protocol", "AWS EC2 query protocol", "AWS restJson1 protocol".
"""

import functools
import re
from typing import Any, Final, Protocol

import msgspec

from selfkms.domain.errors import AWSError, UnknownOperationException
from selfkms.protocol import aws_json, aws_query, ec2_query, rest_json
from selfkms.protocol.errors import json_answer, json_error
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import OperationModel, ServiceModel
from selfkms.protocol.rest_routes import Route, Routes

# Where a signature says which service it is for; whether it says the truth is for `sigv4` to find.
_SCOPE: Final = re.compile(
    r"Credential=[^/,&]{1,128}(?:/|%2F)[0-9]{8}(?:/|%2F)[a-z0-9-]{1,64}(?:/|%2F)([a-z0-9-]{1,64})(?:/|%2F)aws4_request",
    re.ASCII,
)
_UNSIGNED: Final = {"AssumeRoleWithWebIdentity": "sts"}
"""Operations that anybody may call: what they bring is the proof."""


class Wire(Protocol):
    """One protocol."""

    def operation_name(self, request: HTTPRequest) -> str | None:
        """The operation that a request says it is for."""

    def decode(self, operation: OperationModel, request: HTTPRequest) -> dict[str, Any]:
        """The parameters, as the model allows them.

        Raises:
            AWSError: the protocol's error for what cannot be read, or breaks a constraint of the model.
        """

    def answer(self, operation: OperationModel, result: msgspec.Struct | None, request_id: str) -> HTTPResponse:
        """A successful answer."""

    def error(self, error: AWSError, request_id: str) -> HTTPResponse:
        """An error."""


class _JSONWire:
    """AWS JSON 1.1: the operation stands in a header."""

    def operation_name(self, request: HTTPRequest) -> str | None:
        if request.method != "POST":
            return None
        # The prefix of CloudTrail has dots of its own.
        _, dot, name = (request.header("x-amz-target") or "").rpartition(".")
        return name if dot and name else None

    def decode(self, operation: OperationModel, request: HTTPRequest) -> dict[str, Any]:
        return aws_json.decode(operation, request.body)

    def answer(self, _operation: OperationModel, result: msgspec.Struct | None, request_id: str) -> HTTPResponse:
        return json_answer(aws_json.encode(result), request_id)

    def error(self, error: AWSError, request_id: str) -> HTTPResponse:
        return json_error(error, request_id)


JSON_WIRE: Final[Wire] = _JSONWire()


def named_service(request: HTTPRequest) -> str:
    """The signing name in the credential scope of a request, or of an operation that needs no signature; else empty."""
    found = _SCOPE.search(request.header("authorization") or request.target)
    if found is not None:
        return found[1]
    return _UNSIGNED.get(aws_query.action_of(request) or "", "")


class QueryWire:
    """AWS Query: operation and parameters are a form, answers are XML."""

    def __init__(self, model: ServiceModel) -> None:
        """Of one service: its XML namespace stands in every answer."""
        self._model = model

    def operation_name(self, request: HTTPRequest) -> str | None:
        return aws_query.action_of(request)

    def decode(self, operation: OperationModel, request: HTTPRequest) -> dict[str, Any]:
        return aws_query.decode(operation, request)

    def answer(self, operation: OperationModel, result: msgspec.Struct | None, request_id: str) -> HTTPResponse:
        return aws_query.answer(aws_query.encode(operation, result, request_id), request_id)

    def error(self, error: AWSError, request_id: str) -> HTTPResponse:
        return aws_query.error(error, request_id, self._model)


class EC2Wire:
    """EC2's own AWS Query, in whatever API version it is asked for."""

    def operation_name(self, request: HTTPRequest) -> str | None:
        return aws_query.action_of(request)

    def decode(self, operation: OperationModel, request: HTTPRequest) -> dict[str, Any]:
        return ec2_query.decode(operation, request)

    def answer(self, operation: OperationModel, result: msgspec.Struct | None, request_id: str) -> HTTPResponse:
        return ec2_query.answer(operation, result, request_id)

    def error(self, error: AWSError, request_id: str) -> HTTPResponse:
        return ec2_query.error(error, request_id)


class RestJSONWire:
    """REST-JSON: method and path are the operation."""

    def __init__(self, model: ServiceModel) -> None:
        """Of one service; its operations are not looked at before there is a request."""
        self._model = model

    @functools.cached_property
    def _routes(self) -> Routes:
        return Routes(self._model.operations)

    def _route(self, request: HTTPRequest) -> Route | None:
        return self._routes.find(request.method, request.target)

    def operation_name(self, request: HTTPRequest) -> str | None:
        route = self._route(request)
        return route.operation if route is not None else None

    def decode(self, operation: OperationModel, request: HTTPRequest) -> dict[str, Any]:
        route = self._route(request)
        if route is None or route.operation != operation.name:
            raise UnknownOperationException
        return rest_json.decode(operation, request, route.labels)

    def answer(self, operation: OperationModel, result: msgspec.Struct | None, request_id: str) -> HTTPResponse:
        return rest_json.answer(operation, result, request_id)

    def error(self, error: AWSError, request_id: str) -> HTTPResponse:
        return rest_json.error(error, request_id)
