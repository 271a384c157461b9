"""Requests and results of every served operation against the published service model: names, types, enums, gaps."""

import typing
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final

import botocore.loaders
import msgspec
import pytest

from selfkms.domain.kms.keys import KeyManager, KeySpec, KeyUsage, Origin
from selfkms.domain.secrets import Secret
from selfkms.services.kms.table import OPERATIONS
from selfkms.services.operation import Operation

# What an answer never holds yet, and why.
OTHER_KEYS = "keys of that kind are not made yet"
ABSENT: Final[Mapping[str, Mapping[str, str]]] = {
    "GetKeyRotationStatusResponse": {
        "OnDemandRotationStartDate": "a rotation is through when RotateKeyOnDemand answers"
    },
    "KeyMetadata": {
        "CustomKeyStoreId": OTHER_KEYS,
        "CloudHsmClusterId": OTHER_KEYS,
        "XksKeyConfiguration": OTHER_KEYS,
    },
}

SCALARS: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "blob": (bytes, Secret),
    "integer": (int,),
    "boolean": (bool,),
    "timestamp": (float,),
}


def load() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = botocore.loaders.Loader().load_service_model("kms", "service-2")
    return loaded


MODEL: Final = load()


def result_type(operation: Operation) -> type[msgspec.Struct] | None:
    """What the handler gives back, as its annotation says."""
    returned = typing.get_type_hints(operation.run)["return"]
    kinds = [kind for kind in options(returned) if kind is not NoneType]
    assert len(kinds) <= 1
    return kinds[0] if kinds else None


def options(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the one type."""
    return typing.get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)


def structures(type_: type[msgspec.Struct], shape_name: str) -> Iterator[tuple[type[msgspec.Struct], str]]:
    """A struct with the name of its shape, and all that stand below it."""
    yield type_, shape_name
    members = MODEL["shapes"][shape_name]["members"]
    for field in msgspec.structs.fields(type_):
        if field.encode_name in members:
            yield from _below(field.type, members[field.encode_name]["shape"])


def _below(annotation: Any, shape_name: str) -> Iterator[tuple[type[msgspec.Struct], str]]:
    shape = MODEL["shapes"][shape_name]
    for option in options(annotation):
        if shape["type"] == "structure" and option is not NoneType:
            yield from structures(option, shape_name)
        elif shape["type"] == "list" and option is not NoneType:
            yield from _below(typing.get_args(option)[0], shape["member"]["shape"])


def fits(annotation: Any, shape_name: str) -> bool:
    """Whether a type holds what a shape says. An enum of ours must have all values of the model's."""
    shape = MODEL["shapes"][shape_name]
    for option in options(annotation):
        if option is NoneType:
            continue
        if shape["type"] == "list":
            entry, ellipsis = typing.get_args(option)
            fitting = ellipsis is Ellipsis and fits(entry, shape["member"]["shape"])
        elif shape["type"] == "map":
            fitting = option == dict[str, str]
        elif shape["type"] == "structure":
            fitting = issubclass(option, msgspec.Struct)
        elif issubclass(option, StrEnum):
            fitting = {*option} >= {*shape["enum"]}
        else:
            fitting = option in SCALARS[shape["type"]]
        if not fitting:
            return False
    return True


def all_structures() -> list[tuple[str, type[msgspec.Struct], str]]:
    """Every struct of every request and result: its operation, the struct, the name of its shape."""
    found = []
    for name, operation in OPERATIONS.items():
        published = MODEL["operations"][name]
        found += [(name, *pair) for pair in structures(operation.request, published["input"]["shape"])]
        result = result_type(operation)
        if result is not None:
            found += [(name, *pair) for pair in structures(result, published["output"]["shape"])]
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_only_operations_with_output_answer_something(name: str) -> None:
    """A handler gives a result exactly where the model has an output."""
    assert (result_type(OPERATIONS[name]) is not None) is ("output" in MODEL["operations"][name])


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_knows_every_member(name: str) -> None:
    """No parameter is dropped in silence, down to the members of members, and the required ones are required."""
    for type_, shape_name in structures(OPERATIONS[name].request, MODEL["operations"][name]["input"]["shape"]):
        shape = MODEL["shapes"][shape_name]
        required = {member: member in shape.get("required", ()) for member in shape["members"]}
        assert {field.encode_name: field.required for field in msgspec.structs.fields(type_)} == required


@pytest.mark.parametrize("name", [name for name in OPERATIONS if "output" in MODEL["operations"][name]])
def test_a_result_lacks_only_what_is_listed_here(name: str) -> None:
    """A result has every member of the model but those that are listed with their reasons, and none of its own."""
    result = result_type(OPERATIONS[name])
    assert result is not None
    for type_, shape_name in structures(result, MODEL["operations"][name]["output"]["shape"]):
        published = MODEL["shapes"][shape_name]["members"].keys()
        known = {field.encode_name for field in msgspec.structs.fields(type_)}
        assert known == published - ABSENT.get(shape_name, {}).keys()


def test_the_list_of_absent_members_is_not_out_of_date() -> None:
    """What is listed as absent is a member of the model, in a shape that is answered."""
    answered = {shape_name for _, _, shape_name in all_structures()}
    assert ABSENT.keys() <= answered
    for shape_name, members in ABSENT.items():
        assert members.keys() <= MODEL["shapes"][shape_name]["members"].keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_types_are_the_models(name: str) -> None:
    """Strings, numbers, blobs, dates, lists and maps are what the model says; no value it lets through is unknown."""
    for operation, type_, shape_name in all_structures():
        if operation == name:
            members = MODEL["shapes"][shape_name]["members"]
            for field in msgspec.structs.fields(type_):
                assert fits(field.type, members[field.encode_name]["shape"]), field.encode_name


@pytest.mark.parametrize(
    ("enum", "shape_name"),
    [(KeySpec, "KeySpec"), (KeyUsage, "KeyUsageType"), (Origin, "OriginType"), (KeyManager, "KeyManagerType")],
)
def test_enums_are_the_models(enum: type[StrEnum], shape_name: str) -> None:
    """Our enums have the values of the model and no others."""
    assert {*enum} == {*MODEL["shapes"][shape_name]["enum"]}


def test_secrets_travel_as_secrets() -> None:
    """Every member that the model calls sensitive, or that holds plaintext, is a `Secret`, so that no log shows it."""
    found = set()
    for _, type_, shape_name in all_structures():
        for field in msgspec.structs.fields(type_):
            member = MODEL["shapes"][shape_name]["members"][field.encode_name]
            if MODEL["shapes"][member["shape"]].get("sensitive"):
                found |= {(field.encode_name, option) for option in options(field.type) if option is not NoneType}
    members = ("Plaintext", "Message", "PrivateKeyPlaintext", "SharedSecret", "PublicKey")
    assert found == {(member, Secret) for member in members}
