"""The names of members, and the shapes of all operations against the published service model."""

from collections.abc import Mapping
from typing import Any, Final

import botocore.loaders
import msgspec
import pytest

from selfkms.services.kms.table import OPERATIONS
from selfkms.services.shapes import Shape, aws_name


class Sample(Shape, frozen=True, kw_only=True):
    """A result with all kinds of members."""

    key_id: str
    aws_account_id: str
    enabled: bool
    description: str
    deletion_date: float | None = None


@pytest.fixture(scope="module")
def model() -> Mapping[str, Any]:
    """The published service model of AWS KMS."""
    loaded: Mapping[str, Any] = botocore.loaders.Loader().load_service_model("kms", "service-2")
    return loaded


WHOLE: Final = Sample(key_id="x", aws_account_id="111122223333", enabled=False, description="")


def members(type_: type[msgspec.Struct]) -> dict[str, bool]:
    """The members of a shape as they stand on the wire, and whether each is required."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(type_)}


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("key_id", "KeyId"),
        ("policy", "Policy"),
        ("aws_account_id", "AWSAccountId"),
        ("xks_key_id", "XksKeyId"),
        ("customer_master_key_spec", "CustomerMasterKeySpec"),
        ("number_of_bytes", "NumberOfBytes"),
        ("ciphertext_blob", "CiphertextBlob"),
    ],
)
def test_names_of_aws(member: str, name: str) -> None:
    """Every word begins with a capital; AWS itself is all capitals."""
    assert aws_name(member) == name


def test_a_member_without_a_value_is_left_out() -> None:
    """As AWS does it: never null. What is false or empty is there."""
    assert msgspec.to_builtins(WHOLE) == {
        "KeyId": "x",
        "AWSAccountId": "111122223333",
        "Enabled": False,
        "Description": "",
    }


def test_a_member_with_a_value_is_there() -> None:
    """Also one that is mostly absent."""
    dated = msgspec.structs.replace(WHOLE, deletion_date=0.0)
    assert msgspec.to_builtins(dated)["DeletionDate"] == 0.0


def test_a_shape_is_read_by_the_names_of_aws() -> None:
    """Ours are not taken for them, and a required member must be there."""
    assert msgspec.convert(msgspec.to_builtins(WHOLE), Sample) == WHOLE
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"key_id": "x", "AWSAccountId": "1", "Enabled": True, "Description": ""}, Sample)


def test_a_shape_does_not_change() -> None:
    """What was authorized is what is done."""
    with pytest.raises(AttributeError):
        WHOLE.key_id = "y"  # type: ignore[misc]  # that it cannot be assigned is the claim


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_request_has_the_members_of_the_service_model(name: str, model: Mapping[str, Any]) -> None:
    """No parameter of a client is dropped in silence, none is ours alone, and the same ones are required."""
    shape = model["shapes"][model["operations"][name]["input"]["shape"]]
    required = set(shape.get("required", ()))
    assert members(OPERATIONS[name].request) == {member: member in required for member in shape["members"]}
