"""Requests to Amazon EC2 as CloudTrail shows them: lists are `{"items": [...]}`, and names are EC2's older ones.

Source: log files of AWS CloudTrail, which the user guides of EC2 show no more than some of.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Parameters = Mapping[str, Any]
"""What of a request may be recorded. Its names begin with a small letter, and those inside are as in the request."""


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
