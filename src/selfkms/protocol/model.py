"""AWS's published service models: botocore's data files, read without botocore's code, which would cost start-up time.

Source: botocore, `data/<service>/<version>/service-2.json` and `data/partitions.json`.
"""

import functools
import gzip
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from selfkms.domain.arns import PARTITION
from selfkms.protocol.validate import Shape, ShapeReference, Shapes, Validator, compile_input

# A partition's entry for services without Regions. Nobody signs for it.
_GLOBAL: Final = f"{PARTITION}-global"


class OperationModel(msgspec.Struct, frozen=True, kw_only=True):
    """What the wire must know of one operation."""

    name: str
    validate: Validator
    """From the JSON object to clean parameters; see `protocol.validate`."""
    input_shape: str | None
    """None: there are no parameters."""
    output_shape: str | None
    """None: the answer has no content."""
    result_wrapper: str | None
    """Query protocol: the element around the result."""
    xml_namespace: str
    """Query protocol: that of the answer; else empty."""
    shapes: Shapes
    """All of the service, by name."""
    sensitive: frozenset[str]
    """AWS's names of all members of input and output, at any depth, that must never be logged or shown."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    target_prefix: str = ""
    api_version: str = ""
    xml_namespace: str = ""


class _Output(msgspec.Struct, frozen=True, rename="camel"):
    shape: str
    result_wrapper: str | None = None


class _Operation(msgspec.Struct, frozen=True):
    name: str
    input: ShapeReference | None = None
    output: _Output | None = None


class _ServiceFile(msgspec.Struct, frozen=True):
    metadata: _Metadata
    operations: dict[str, _Operation]
    shapes: dict[str, Shape]


class _Partition(msgspec.Struct, frozen=True):
    id: str
    regions: dict[str, msgspec.Raw]


class _PartitionsFile(msgspec.Struct, frozen=True):
    partitions: list[_Partition]


class ServiceModel(msgspec.Struct, frozen=True, kw_only=True):
    """The operations of one service."""

    target_prefix: str
    """What stands before the operation in X-Amz-Target: `TrentService`. Empty where the protocol is another."""
    api_version: str
    """The date that a request of the Query protocol names as its Version."""
    xml_namespace: str
    """Query protocol: that of all answers; else empty."""
    operations: Mapping[str, OperationModel]

    @classmethod
    def load(cls, service: str) -> Self:
        """Read and compile the newest version of the model that botocore has under this name: some milliseconds."""
        folder = max((_data() / service).iterdir(), key=lambda version: version.name)
        found = msgspec.json.decode(_read(folder / "service-2.json"), type=_ServiceFile)
        return cls(
            target_prefix=found.metadata.target_prefix,
            api_version=found.metadata.api_version,
            xml_namespace=found.metadata.xml_namespace,
            operations={name: _operation(operation, found) for name, operation in found.operations.items()},
        )


@functools.cache
def regions() -> frozenset[str]:
    """All Regions of the partition `aws`."""
    found = msgspec.json.decode(_read(_data() / "partitions.json"), type=_PartitionsFile)
    partition = next(partition for partition in found.partitions if partition.id == PARTITION)
    return frozenset(partition.regions) - {_GLOBAL}


def _operation(operation: _Operation, file: _ServiceFile) -> OperationModel:
    names = [reference.shape for reference in (operation.input, operation.output) if reference is not None]
    return OperationModel(
        name=operation.name,
        validate=compile_input(file.shapes, operation.input.shape) if operation.input else _no_parameters,
        input_shape=operation.input.shape if operation.input else None,
        output_shape=operation.output.shape if operation.output else None,
        result_wrapper=operation.output.result_wrapper if operation.output else None,
        xml_namespace=file.metadata.xml_namespace,
        shapes=file.shapes,
        sensitive=frozenset(member for name in names for member in _sensitive_members(file.shapes, name)),
    )


def _no_parameters(_: dict[str, Any]) -> dict[str, Any]:
    """The validator of an operation without input: whatever is sent is unknown to it and left out."""
    return {}


def _sensitive_members(shapes: Shapes, name: str) -> Iterator[str]:
    shape = shapes[name]
    for member, reference in shape.members.items():
        if shapes[reference.shape].sensitive:
            yield member
        yield from _sensitive_members(shapes, reference.shape)
    for entries in (shape.member, shape.value):
        if entries is not None:
            yield from _sensitive_members(shapes, entries.shape)


def _data() -> Path:
    specification = importlib.util.find_spec("botocore")
    assert specification is not None, "botocore is a dependency"
    assert specification.submodule_search_locations, "botocore is a package"
    return Path(specification.submodule_search_locations[0]) / "data"


def _read(path: Path) -> bytes:
    """The bytes of a data file, which some releases of botocore hold compressed."""
    compressed = path.with_name(f"{path.name}.gz")
    return gzip.decompress(compressed.read_bytes()) if compressed.exists() else path.read_bytes()
