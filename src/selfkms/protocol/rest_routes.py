"""Operations by HTTP method and path, as the models of REST protocols have them: `/snapshots/{snapshotId}/blocks`.

A path is compared as it was received, segment by segment. So a path that matches has no empty segment and no dots, and
is the very one that a signature covers, which is normalised.

Source: Smithy, "http trait"; RFC 3986, 3.3 "Path".
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from selfkms.protocol.model import OperationModel

_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOTS: Final = frozenset({".", ".."})


class Route(NamedTuple):
    """The operation of a request, and what stands in the path at its labels, decoded."""

    operation: str
    labels: dict[str, str]


class Routes:
    """The table of one service."""

    def __init__(self, operations: Mapping[str, OperationModel]) -> None:
        """Prepare; of two templates that take one path, the one with more words of its own comes first."""
        templates = [
            (operation.method, operation.uri.removeprefix("/").split("/"), name)
            for name, operation in operations.items()
        ]
        self._templates = sorted(templates, key=lambda template: sum(map(_is_label, template[1])))

    def find(self, method: str, target: str) -> Route | None:
        """The route of a request; None: there is none, or a label holds what no segment of a path should."""
        path = target.partition("?")[0]
        if not path.startswith("/"):
            return None
        segments = path[1:].split("/")
        for wanted, template, name in self._templates:
            if wanted == method and len(template) == len(segments):
                labels = _labels(template, segments)
                if labels is not None:
                    return Route(name, labels)
        return None


def _is_label(part: str) -> bool:
    return part.startswith("{")


def _labels(template: list[str], segments: list[str]) -> dict[str, str] | None:
    labels = {}
    for part, segment in zip(template, segments, strict=True):
        if not _is_label(part):
            if part != segment:
                return None
            continue
        text = _decoded(segment)
        if text is None:
            return None
        labels[part.strip("{}")] = text
    return labels


def _decoded(segment: str) -> str | None:
    """A segment without escapes; None for one that is empty, cannot be read, or would be another path."""
    if _BROKEN_ESCAPE.search(segment):
        return None
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return None
    return None if not text or "/" in text or text in _DOTS else text
