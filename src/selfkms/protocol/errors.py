"""How answers and errors look on the wire of AWS JSON 1.1.

The framework's own errors write their text as `Message`, those of the service as `message`; clients read both. There is
no x-amzn-errortype: services of this protocol do not send it.

Source: Smithy, "AWS JSON 1.1 protocol"; recorded answers of KMS, EMR, Firehose and Kinesis.
"""

from typing import Final

import msgspec

from selfkms.domain.errors import AWSError
from selfkms.protocol.http import HTTPResponse

_CONTENT_TYPE: Final = "application/x-amz-json-1.1"

# Recorded: AccessDeniedException from KMS and EMR, SerializationException from Kinesis, DynamoDB and Athena.
_CAPITAL_MESSAGE: Final = frozenset({"AccessDeniedException", "SerializationException"})


def json_answer(body: bytes, request_id: str) -> HTTPResponse:
    """A successful answer; `body` comes from `aws_json.encode`."""
    return HTTPResponse(status=200, headers=_headers(request_id), body=body)


def json_error(error: AWSError, request_id: str) -> HTTPResponse:
    """An error. One without a text has no message member at all."""
    fields = {"__type": error.code}
    if error.message is not None:
        fields["Message" if error.code in _CAPITAL_MESSAGE else "message"] = error.message
    return HTTPResponse(status=error.http_status, headers=_headers(request_id), body=msgspec.json.encode(fields))


def _headers(request_id: str) -> tuple[tuple[str, str], ...]:
    return (("content-type", _CONTENT_TYPE), ("x-amzn-requestid", request_id))
