"""AWS's published service models: botocore's data files, read without botocore's code, which would cost start-up time.

Source: botocore, `data/<service>/<version>/service-2.json` and `data/partitions.json`.
"""

import functools
import gzip
import importlib.util
from collections.abc import Collection, Iterator, Mapping
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
    """Those of the service that its operations use, by name."""
    sensitive: frozenset[str]
    """AWS's names of all members of input and output, at any depth, that must never be logged or shown."""
    method: str
    """REST: the HTTP method."""
    uri: str
    """REST: the template of the path, with `{labels}`."""
    success_status: int
    """REST: the HTTP status of an answer."""
    unsigned_payload: bool
    """Whether a client may leave the body out of its signature."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    target_prefix: str = ""
    api_version: str = ""
    xml_namespace: str = ""


class _Output(msgspec.Struct, frozen=True, rename="camel"):
    shape: str
    result_wrapper: str | None = None


class _HTTP(msgspec.Struct, frozen=True, rename="camel"):
    method: str = "POST"
    request_uri: str = "/"
    response_code: int = 200


class _Operation(msgspec.Struct, frozen=True):
    name: str
    http: _HTTP = _HTTP()
    input: ShapeReference | None = None
    output: _Output | None = None
    unsigned_payload: bool = msgspec.field(default=False, name="unsignedPayload")


class _ServiceFile(msgspec.Struct, frozen=True):
    """Shapes and operations are left as they stand: of a large service most are never looked at."""

    metadata: _Metadata
    operations: dict[str, msgspec.Raw]
    shapes: dict[str, msgspec.Raw]


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
    def load(cls, service: str, *, only: Collection[str] | None = None) -> Self:
        """Read and compile the newest version of the model that botocore has under this name: some milliseconds.

        Args:
            service: botocore's name of it.
            only: the operations that are wanted, with which only their shapes are kept; None: all.
        """
        found = _service_file(service)
        return cls(
            target_prefix=found.metadata.target_prefix,
            api_version=found.metadata.api_version,
            xml_namespace=found.metadata.xml_namespace,
            operations=_operations(found, found.operations if only is None else only),
        )

    @classmethod
    def on_demand(cls, service: str, *, only: Collection[str]) -> Self:
        """The same, read when somebody first looks for an operation: EC2's takes some tens of milliseconds.

        For services that neither X-Amz-Target nor an XML namespace is asked of before there is an operation.
        """
        operations = _OnDemand(service, tuple(only))
        return cls(target_prefix="", api_version=_folder(service).name, xml_namespace="", operations=operations)


class _OnDemand(Mapping[str, OperationModel]):
    """The operations of a service, read once they are asked for."""

    def __init__(self, service: str, only: tuple[str, ...]) -> None:
        self._service = service
        self._only = only

    @functools.cached_property
    def _loaded(self) -> dict[str, OperationModel]:
        found = _service_file(self._service)
        assert not found.metadata.target_prefix, "would have to be known before"
        return _operations(found, self._only)

    def __getitem__(self, name: str) -> OperationModel:
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


@functools.cache
def regions() -> frozenset[str]:
    """All Regions of the partition `aws`."""
    found = msgspec.json.decode(_read(_data() / "partitions.json"), type=_PartitionsFile)
    partition = next(partition for partition in found.partitions if partition.id == PARTITION)
    return frozenset(partition.regions) - {_GLOBAL}


def _folder(service: str) -> Path:
    """The newest version: the folders bear dates."""
    return max((_data() / service).iterdir(), key=lambda version: version.name)


def _service_file(service: str) -> _ServiceFile:
    return msgspec.json.decode(_read(_folder(service) / "service-2.json"), type=_ServiceFile)


def _operations(file: _ServiceFile, names: Collection[str]) -> dict[str, OperationModel]:
    """The operations of these names, with the shapes that they reach."""
    found = {name: msgspec.json.decode(file.operations[name], type=_Operation) for name in names}
    shapes: dict[str, Shape] = {}
    for operation in found.values():
        for reference in (operation.input, operation.output):
            if reference is not None:
                _collect(reference.shape, file.shapes, shapes)
    return {name: _operation(operation, shapes, file.metadata.xml_namespace) for name, operation in found.items()}


def _collect(name: str, raw: Mapping[str, msgspec.Raw], shapes: dict[str, Shape]) -> None:
    if name in shapes:
        return
    shape = shapes[name] = msgspec.json.decode(raw[name], type=Shape)
    for reference in (shape.member, shape.key, shape.value, *shape.members.values()):
        if reference is not None:
            _collect(reference.shape, raw, shapes)


def _operation(operation: _Operation, shapes: Shapes, xml_namespace: str) -> OperationModel:
    names = [reference.shape for reference in (operation.input, operation.output) if reference is not None]
    return OperationModel(
        name=operation.name,
        validate=compile_input(shapes, operation.input.shape) if operation.input else _no_parameters,
        input_shape=operation.input.shape if operation.input else None,
        output_shape=operation.output.shape if operation.output else None,
        result_wrapper=operation.output.result_wrapper if operation.output else None,
        xml_namespace=xml_namespace,
        shapes=shapes,
        sensitive=frozenset(member for name in names for member in _sensitive_members(shapes, name)),
        method=operation.http.method,
        uri=operation.http.request_uri,
        success_status=operation.http.response_code,
        unsigned_payload=operation.unsigned_payload,
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
