"""How errors and answers look on the wire."""

import json

import pytest

from selfkms.domain.errors import (
    AccessDeniedException,
    AWSError,
    RequestEntityTooLargeException,
    SerializationException,
    ValidationException,
)
from selfkms.domain.kms.errors import InvalidCiphertextException, KMSInternalException, NotFoundException
from selfkms.protocol.errors import json_answer, json_error
from selfkms.protocol.http import HTTPResponse

REQUEST_ID = "b1b2e8c3-2a6e-4c7d-9d0b-0f6f3e1c5a11"
HEADERS = (("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", REQUEST_ID))


@pytest.mark.parametrize(
    ("error", "status", "fields"),
    [
        (NotFoundException("gone"), 400, {"__type": "NotFoundException", "message": "gone"}),
        (ValidationException(""), 400, {"__type": "ValidationException", "message": ""}),
        (InvalidCiphertextException(), 400, {"__type": "InvalidCiphertextException"}),
        (AccessDeniedException("no"), 400, {"__type": "AccessDeniedException", "Message": "no"}),
        (SerializationException("odd"), 400, {"__type": "SerializationException", "Message": "odd"}),
        (SerializationException(), 400, {"__type": "SerializationException"}),
        (KMSInternalException("oops"), 500, {"__type": "KMSInternalException", "message": "oops"}),
        (RequestEntityTooLargeException(), 413, {"__type": "RequestEntityTooLargeException"}),
    ],
)
def test_errors(error: AWSError, status: int, fields: dict[str, str]) -> None:
    """An error has its code and its text, if it has one, under the name that AWS uses for it."""
    answer = json_error(error, REQUEST_ID)
    assert (answer.status, answer.headers) == (status, HEADERS)
    assert json.loads(answer.body) == fields


def test_texts_are_written_as_they_are() -> None:
    """Whatever a text repeats of a request cannot break out of it."""
    text = "Invalid keyId '\"}\n\u2028é'"
    assert json.loads(json_error(NotFoundException(text), REQUEST_ID).body)["message"] == text


def test_answers() -> None:
    """A success has status 200 and the body as it is, be it empty."""
    for body in (b"", b"{}"):
        assert json_answer(body, REQUEST_ID) == HTTPResponse(status=200, headers=HEADERS, body=body)
