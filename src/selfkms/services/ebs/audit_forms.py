"""Requests to Amazon EC2 as CloudTrail shows them: lists are `{"items": [...]}`, and names are EC2's older ones.

Source: KMS developer guide, "Amazon EC2 example one", for CreateVolume; else log files of AWS CloudTrail that others
published.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Parameters = Mapping[str, Any]
"""What of a request may be recorded. Its names begin with a small letter, and those inside are as in the request."""


_RENAMED: Final = {"availabilityZone": "zone", "state": "status"}
_SIZES: Final = frozenset({"size", "volumeSize"})
_TIMES: Final = frozenset({"createTime", "startTime"})


def asked_shown(parameters: Parameters) -> dict[str, Any]:
    """What is to be made: sizes are texts, and tags a set."""
    shown = _renamed({name: value for name, value in parameters.items() if name != "tagSpecifications"})
    tags = tag_specification_set(parameters)
    return {**shown, "tagSpecificationSet": tags} if tags else shown


def made_shown(answers: Parameters) -> dict[str, Any]:
    """What was made, as response elements: times are milliseconds since the epoch."""
    return _renamed(answers)


def _renamed(members: Parameters) -> dict[str, Any]:
    return {_RENAMED.get(name, name): _as_recorded(name, value) for name, value in members.items()}


def _as_recorded(name: str, value: Any) -> Any:
    if name in _SIZES:
        return str(value)
    return int(value * 1_000) if name in _TIMES else value


def items(name: str, values: Iterable[str] | None) -> dict[str, Any]:
    """A list of texts, each called `name`; `{}` where there are none."""
    found = [{name: value} for value in values or ()]
    return {"items": found} if found else {}


def filter_set(parameters: Parameters) -> dict[str, Any]:
    """The filters of a request."""
    found = [
        {"name": one.get("Name"), "valueSet": items("value", one.get("Values"))}
        for one in parameters.get("filters") or ()
    ]
    return {"items": found} if found else {}


def results_shown(parameters: Parameters) -> dict[str, Any]:
    """How large a page was asked for."""
    count = parameters.get("maxResults")
    return {} if count is None else {"maxResults": count}


def tag_set(tags: Iterable[Parameters] | None) -> dict[str, Any]:
    """Tags. A value that was left out is left out here, too."""
    found = [_tag(tag) for tag in tags or ()]
    return {"items": found} if found else {}


def tag_specification_set(parameters: Parameters) -> dict[str, Any]:
    """The tags for what a request is to make."""
    found = [
        {"resourceType": one.get("ResourceType"), "tags": [_tag(tag) for tag in one.get("Tags") or ()]}
        for one in parameters.get("tagSpecifications") or ()
    ]
    return {"items": found} if found else {}


def _tag(tag: Parameters) -> dict[str, Any]:
    return {name.lower(): value for name, value in tag.items()}
