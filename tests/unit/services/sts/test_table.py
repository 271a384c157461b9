"""The table of STS against the published service model: names, required members, gaps, secrets."""

import typing
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Final

import botocore.loaders
import msgspec
import pytest

from selfkms.domain.secrets import Secret
from selfkms.services.operation import Operation
from selfkms.services.sts.table import FAMILIES, OPERATIONS

MODEL: Final[Mapping[str, Any]] = botocore.loaders.Loader().load_service_model("sts", "service-2")
SHAPES: Final[Mapping[str, Any]] = MODEL["shapes"]


def structures(type_: Any, shape_name: str) -> Iterator[tuple[type[msgspec.Struct], str]]:
    """A struct with the name of its shape, and all that stand below it."""
    yield type_, shape_name
    for field in msgspec.structs.fields(type_):
        member = SHAPES[shape_name]["members"].get(field.encode_name)
        if member is not None:
            shape = SHAPES[member["shape"]]
            below = member["shape"] if shape["type"] == "structure" else shape.get("member", {}).get("shape")
            for option in (field.type, *typing.get_args(field.type)):
                if isinstance(option, type) and issubclass(option, msgspec.Struct):
                    yield from structures(option, below)


def result_of(operation: Operation) -> type[msgspec.Struct]:
    returned = typing.get_type_hints(operation.run)["return"]
    assert returned is not NoneType
    result: type[msgspec.Struct] = returned
    return result


def published(name: str, side: str) -> str:
    shape: str = MODEL["operations"][name][side]["shape"]
    return shape


def test_every_row_is_an_operation_of_the_model_once() -> None:
    """What is served exists, and asks for a permission of STS."""
    assert len(OPERATIONS) == sum(len(family.OPERATIONS) for family in FAMILIES)
    assert OPERATIONS.keys() <= MODEL["operations"].keys()
    assert {operation.service for operation in OPERATIONS.values()} == {"sts"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_knows_every_member(name: str) -> None:
    """No parameter is dropped in silence, and the required ones are required."""
    for type_, shape_name in structures(OPERATIONS[name].request, published(name, "input")):
        shape = SHAPES[shape_name]
        required = {member: member in shape.get("required", ()) for member in shape["members"]}
        assert {field.encode_name: field.required for field in msgspec.structs.fields(type_)} == required


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_result_has_every_member(name: str) -> None:
    """All of the model's, and none of its own."""
    for type_, shape_name in structures(result_of(OPERATIONS[name]), published(name, "output")):
        assert {field.encode_name for field in msgspec.structs.fields(type_)} == SHAPES[shape_name]["members"].keys()


def test_secrets_travel_as_secrets() -> None:
    """What the model calls sensitive, and the session token, is a `Secret`, so that no log shows it."""
    found = {
        field.encode_name
        for name, operation in OPERATIONS.items()
        for type_, _ in structures(result_of(operation), published(name, "output"))
        for field in msgspec.structs.fields(type_)
        if field.type is Secret
    }
    assert found == {"SecretAccessKey", "SessionToken"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_audit_holds_no_secret(name: str) -> None:
    """Neither one-time codes nor messages nor what is a secret of the result."""
    audit = OPERATIONS[name].audit
    assert not {"token_code", "encoded_message"} & {*audit.parameters}
    assert not {"issued", "decoded_message"} & {*audit.answers}
