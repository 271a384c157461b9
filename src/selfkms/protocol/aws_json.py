"""The protocol AWS JSON 1.1: bodies to typed requests, typed results to bodies.

A body is parsed once, and only the parsed form is used after that. Of a member given twice the last one counts.

Source: Smithy, "AWS JSON 1.1 protocol"; RFC 8259.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from selfkms.domain.errors import SerializationException
from selfkms.domain.limits import JSON_DEPTH_MAX
from selfkms.domain.secrets import SECRET_ACCESS, Secret, SecretText
from selfkms.protocol.model import OperationModel

_Request = TypeVar("_Request", bound=msgspec.Struct)

# Linear in any body: the quantifiers are possessive, and an unfinished string ends where the body ends.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[{\]}]")


def from_secret(value: Any) -> Any:
    """What the JSON encoder does not know: a secret becomes base64."""
    if isinstance(value, Secret):
        return base64.b64encode(value.open(SECRET_ACCESS)).decode("ascii")
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def _to_secret(type_: type, value: Any) -> Any:
    if type_ is Secret and isinstance(value, bytes):
        return Secret(value)
    if type_ is SecretText and isinstance(value, str):
        return SecretText(value.encode())
    raise NotImplementedError(f"{type_.__name__} is not read from {type(value).__name__}")


_DECODER: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder(enc_hook=from_secret)


def decode(operation: OperationModel, body: bytes) -> dict[str, Any]:
    """The parameters of a request as the model allows them; blobs are bytes. An empty body counts as `{}`.

    Raises:
        SerializationException: not UTF-8, not JSON (NaN and Infinity are not), nested deeper than `JSON_DEPTH_MAX`, no
            object, or a value of another JSON type than the model says.
        ValidationException: a constraint of the model is broken.
    """
    return operation.validate(parse(body))


def parse(body: bytes) -> dict[str, Any]:
    """The same before the model is asked.

    Raises:
        SerializationException: what is said of `decode`, but for types.
    """
    if not body:
        return {}
    if _too_deep(body):
        raise SerializationException
    try:
        parameters = _DECODER.decode(body)
    except ValueError:
        # The cause is cut off: it may hold parts of the body.
        raise SerializationException from None
    if isinstance(parameters, list):
        raise SerializationException("Start of list found where not expected")
    if not isinstance(parameters, dict):
        raise SerializationException
    return parameters


def convert(parameters: Mapping[str, Any], type_: type[_Request]) -> _Request:
    """What `decode` gave, as the operation's request struct: AWS's names by `rename`, blobs as `bytes` or `Secret`.

    A text may be `SecretText`. A struct that takes less than the model allows is a mistake of ours:
    `msgspec.ValidationError` then comes through.
    """
    return msgspec.convert(parameters, type_, builtin_types=(bytes,), dec_hook=_to_secret)


def encode(result: msgspec.Struct | None) -> bytes:
    """The body of a successful answer; empty for an operation without output. `bytes` and `Secret` become base64."""
    return b"" if result is None else _ENCODER.encode(result)


def _too_deep(body: bytes) -> bool:
    """Whether arrays and objects are nested too deeply, found without parsing: the parser recurses."""
    if body.count(b"{") + body.count(b"[") <= JSON_DEPTH_MAX:
        return False
    # Policies are JSON within strings: only brackets outside of strings count.
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", body)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > JSON_DEPTH_MAX:
            return True
    return False
