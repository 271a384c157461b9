"""The table of IAM's operations against the published service model."""

from collections.abc import Mapping
from typing import Any, Final

import botocore.loaders
import msgspec
import pytest

from selfkms.services.iam.table import FAMILIES, OPERATIONS
from selfkms.services.operation import Operation


def load() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = botocore.loaders.Loader().load_service_model("iam", "service-2")
    return loaded


MODEL: Final = load()


def encoded_name(operation: Operation, member: str) -> str:
    """AWS's name of a member of a request."""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(operation.request)}
    return names[member]


def test_every_operation_stands_in_one_family() -> None:
    """No row hides another."""
    names = [operation.name for family in FAMILIES for operation in family.OPERATIONS]
    assert len(names) == len(set(names)) == len(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_knows_every_member(name: str) -> None:
    """No parameter is dropped in silence, and the required ones are required."""
    published = MODEL["operations"][name]
    shape = MODEL["shapes"][published["input"]["shape"]] if "input" in published else {"members": {}}
    required = {member: member in shape.get("required", ()) for member in shape["members"]}
    fields = msgspec.structs.fields(OPERATIONS[name].request)
    assert {field.encode_name: field.required for field in fields} == required


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_row_says_that_it_is_of_iam(name: str) -> None:
    """Its permission begins with `iam:`, and what the audit lets in are members of its request."""
    operation = OPERATIONS[name]
    assert operation.action == f"iam:{name}"
    assert operation.audit.read_only is not operation.writes
    for member in operation.audit.parameters:
        assert (
            encoded_name(operation, member) in MODEL["shapes"][MODEL["operations"][name]["input"]["shape"]]["members"]
        )


@pytest.mark.parametrize("name", OPERATIONS)
def test_reading_operations_are_those_that_read(name: str) -> None:
    """By the first word of their names, as CloudTrail tells them apart."""
    assert OPERATIONS[name].audit.read_only is name.startswith(("Get", "List", "Simulate"))
