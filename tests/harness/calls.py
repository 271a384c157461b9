"""Calls of AWS KMS over a socket, and what came of them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.server import Server
from harness.wire import Answer, framed, once, signed_headers


def fields(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the service said, without what botocore adds of its own."""
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """Code and text (empty if there is none) of the error that answers a call: always with status 400, as AWS does."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def make_key(kms: Any, **parameters: Any) -> dict[str, Any]:
    """The KeyMetadata of a new KMS key."""
    metadata: dict[str, Any] = kms.create_key(**parameters)["KeyMetadata"]
    return metadata


def unchecked(
    server: Server,
    operation: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    profile: str = "default",
    region: str = "us-east-1",
) -> Answer:
    """The answer to a signed request whose parameters no client has checked before."""
    body = json.dumps(parameters or {}).encode()
    return once(server, framed(signed_headers(server, operation, body, profile=profile, region=region), body))


def error_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of an error."""
    assert answer.status == 400
    return answer.content
