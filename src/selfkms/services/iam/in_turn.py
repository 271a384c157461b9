"""Listings of several kinds of entries, one kind after the other, on the same pages.

Source: IAM API Reference, "GetAccountAuthorizationDetails", "ListEntitiesForPolicy": one marker for several lists.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from selfkms.services.markers import Read


class Part(NamedTuple):
    """The entries of one kind."""

    read: Read[Any]
    position: Callable[[Any], str]


class Placed(NamedTuple):
    """An entry of a listing of several kinds."""

    kind: str
    entry: Any
    position: str
    """The kind, a space, and the position among those of the kind."""


def in_turn(parts: Mapping[str, Part]) -> Read[Placed]:
    """The reading of the entries of all kinds, in the order of `parts`; their names hold no space."""
    kinds = tuple(parts)

    def read(after: str, count: int) -> Sequence[Placed]:
        begun, _, within = after.partition(" ")
        found: list[Placed] = []
        # A kind that the listing no longer has begins anew rather than skip any.
        for kind in kinds[kinds.index(begun) if begun in kinds else 0 :]:
            missing = count - len(found)
            if missing == 0:
                break
            part = parts[kind]
            entries = part.read(within if kind == begun else "", missing)
            found += [Placed(kind, entry, f"{kind} {part.position(entry)}") for entry in entries]
        return found

    return read


def position_of_placed(placed: Placed) -> str:
    """Where an entry stands."""
    return placed.position
