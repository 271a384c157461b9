"""AWS's published service models: botocore's data files, read without botocore's code, which would cost start-up time.

Source: botocore, `data/<service>/<version>/service-2.json` and `data/partitions.json`.
"""

import functools
import gzip
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self

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
    output_shape: str | None
    """None: the answer has an empty body."""
    sensitive: frozenset[str]
    """AWS's names of all members of input and output, at any depth, that must never be logged or shown."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    target_prefix: str


class _Operation(msgspec.Struct, frozen=True):
    name: str
    input: ShapeReference
    output: ShapeReference | None = None


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
    """What stands before the operation in X-Amz-Target: `TrentService`."""
    operations: Mapping[str, OperationModel]

    @classmethod
    def load(cls, service: str) -> Self:
        """Read and compile the newest version of the model that botocore has under this name: some milliseconds."""
        folder = max((_data() / service).iterdir(), key=lambda version: version.name)
        found = msgspec.json.decode(_read(folder / "service-2.json"), type=_ServiceFile)
        return cls(
            target_prefix=found.metadata.target_prefix,
            operations={name: _operation(operation, found.shapes) for name, operation in found.operations.items()},
        )


@functools.cache
def regions() -> frozenset[str]:
    """All Regions of the partition `aws`."""
    found = msgspec.json.decode(_read(_data() / "partitions.json"), type=_PartitionsFile)
    partition = next(partition for partition in found.partitions if partition.id == PARTITION)
    return frozenset(partition.regions) - {_GLOBAL}


def _operation(operation: _Operation, shapes: Shapes) -> OperationModel:
    output = operation.output.shape if operation.output else None
    names = [operation.input.shape] if output is None else [operation.input.shape, output]
    return OperationModel(
        name=operation.name,
        validate=compile_input(shapes, operation.input.shape),
        output_shape=output,
        sensitive=frozenset(member for name in names for member in _sensitive_members(shapes, name)),
    )


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
