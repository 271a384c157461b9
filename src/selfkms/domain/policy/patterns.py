"""Patterns with wildcards: `*` is any run of characters, `?` any one; every other character stands for itself.

A pattern is made of pieces, literal texts and wildcards, and never of a text that is read again: what was put in for
a policy variable is a literal piece, so data of a request cannot act as a wildcard.

No pattern takes long. Between two `*` stands a segment of fixed length. A segment that fits at some place never needs
to be tried further right: whatever follows it has the more room the further left it is. So each is looked for once,
from where the one before it ended.

Source: IAM User Guide, "IAM JSON policy elements: Resource", "IAM JSON policy elements: Condition operators".
"""

import functools
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final, NamedTuple, Self

import msgspec


class Wildcard(Enum):
    """The two characters that stand for others."""

    ANY_RUN = "*"
    ANY_ONE = "?"


ANY_RUN: Final = Wildcard.ANY_RUN
ANY_ONE: Final = Wildcard.ANY_ONE

Piece = str | Wildcard
"""Text that stands for itself, or a wildcard."""

_LAST_FIRST: Final = tuple(range(5, -1, -1))

_WILDCARD: Final = re.compile(r"([*?])")


def pieces(text: str) -> tuple[Piece, ...]:
    """The pieces of a text in which `*` and `?` are wildcards."""
    parts = _WILDCARD.split(text)
    return tuple(Wildcard(part) if place % 2 else part for place, part in enumerate(parts) if part)


class _Segment(NamedTuple):
    """What stands between two runs: literals, each with its offset, and `?` for the characters that are in none."""

    length: int
    literals: tuple[tuple[int, str], ...]

    def fits(self, text: str, at: int) -> bool:
        """Whether the literals are in `text`, which is long enough, if the segment begins at `at`."""
        return all(text.startswith(literal, at + offset) for offset, literal in self.literals)

    def find(self, text: str, start: int, end: int) -> int:
        """The first place in `text[start:end]` that the segment fits, or -1."""
        if len(self.literals) == 1 and len(self.literals[0][1]) == self.length:
            return text.find(self.literals[0][1], start, end)
        if end - start < self.length:
            return -1
        return self._find_with_gaps(text, start, end)

    def _find_with_gaps(self, text: str, start: int, end: int) -> int:
        # Shift-And (Baeza-Yates and Gonnet, "A new approach to text searching", 1992): bit i of `places` says that the
        # last i + 1 characters fit the first i + 1 of the segment. One step a character, however much repeats itself.
        bits: dict[str, int] = {}
        gaps = (1 << self.length) - 1
        for offset, literal in self.literals:
            gaps ^= ((1 << len(literal)) - 1) << offset
            for place, character in enumerate(literal, offset):
                bits[character] = bits.get(character, 0) | 1 << place
        places, whole = 0, 1 << (self.length - 1)
        for at in range(start, end):
            places = (places << 1 | 1) & (bits.get(text[at], 0) | gaps)
            if places & whole:
                return at + 1 - self.length
        return -1


class Pattern(msgspec.Struct, frozen=True):
    """A compiled pattern."""

    literal: str | None
    """The one text that matches, where there is no wildcard."""
    first: _Segment
    """Before the first run; the whole pattern, where there is none."""
    others: tuple[_Segment, ...]
    """After each run; those in the middle are not empty."""

    @classmethod
    def of(cls, parts: Sequence[Piece]) -> Self:
        """The pattern of some pieces."""
        if ANY_RUN not in parts and ANY_ONE not in parts:
            literal = "".join(part for part in parts if isinstance(part, str))
            return cls(literal, _segment((literal,)), ())
        runs = [place for place, part in enumerate(parts) if part is ANY_RUN]
        bounds = zip([-1, *runs], [*runs, len(parts)], strict=True)
        first, *others = [_segment(parts[start + 1 : end]) for start, end in bounds]
        return cls(None, first, tuple(s for place, s in enumerate(others, 1) if s.length or place == len(others)))

    @property
    def start(self) -> str | None:
        """What all texts that match begin with and no other does, where the only wildcard is a `*` at the end."""
        if len(self.others) != 1 or self.others[0].length:
            return None
        if not self.first.length:
            return ""
        literals = self.first.literals
        return literals[0][1] if len(literals) == 1 and len(literals[0][1]) == self.first.length else None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pattern of a text in which `*` and `?` are wildcards."""
        return cls.of(pieces(text))

    def matches(self, text: str) -> bool:
        """Whether the pattern covers the whole text."""
        if self.literal is not None:
            return text == self.literal
        if not self.others:
            return len(text) == self.first.length and self.first.fits(text, 0)
        at, end = self.first.length, len(text) - self.others[-1].length
        if at > end or not self.first.fits(text, 0):
            return False
        for segment in self.others[:-1]:
            at = segment.find(text, at, end)
            if at < 0:
                return False
            at += segment.length
        return self.others[-1].fits(text, end)


def _segment(parts: Iterable[Piece]) -> _Segment:
    literals: list[tuple[int, str]] = []
    length = 0
    for part in parts:
        if isinstance(part, str):
            literals.append((length, part))
        length += len(part) if isinstance(part, str) else 1
    return _Segment(length, tuple(literals))


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern covers the whole text."""
    return Pattern.parse(pattern).matches(text)


class ARNPattern(msgspec.Struct, frozen=True, dict=True):
    """Six patterns, one for each component of an ARN: no wildcard reaches across the first five colons."""

    components: tuple[Pattern, ...]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The pattern of a text in which `*` and `?` are wildcards, or None if it has fewer than six components."""
        components = text.split(":", 5)
        return cls(tuple(map(Pattern.parse, components))) if len(components) == 6 else None

    @property
    def literal(self) -> str | None:
        """The one ARN that matches, where there is no wildcard."""
        literals = [pattern.literal for pattern in self.components]
        present = [literal for literal in literals if literal is not None]
        return ":".join(present) if len(present) == len(literals) else None

    @property
    def prefix(self) -> str | None:
        """What all ARNs that match begin with and no other does, where the only wildcard is a `*` at the very end."""
        *front, last = self.components
        literals = [pattern.literal for pattern in front]
        start = last.start
        present = [literal for literal in literals if literal is not None]
        return None if start is None or len(present) < len(literals) else ":".join([*present, start])

    def matches(self, text: str) -> bool:
        """Whether `text` is an ARN whose components match, each its own pattern."""
        return self.match(text.split(":", 5))

    def match(self, components: Sequence[str]) -> bool:
        """The same, of an ARN that is taken apart."""
        if len(components) != 6:
            return False
        # The last component first, in which the ARNs of a policy differ. Patterns proper are seldom left to be asked.
        for place, literal in self._literals:
            if components[place] != literal:
                return False
        for place, start in self._starts:
            if not components[place].startswith(start):
                return False
        return all(pattern.matches(components[place]) for place, pattern in self._others)

    @functools.cached_property
    def _literals(self) -> tuple[tuple[int, str], ...]:
        """The components without wildcards, by their places."""
        literals = ((place, self.components[place].literal) for place in _LAST_FIRST)
        return tuple((place, literal) for place, literal in literals if literal is not None)

    @functools.cached_property
    def _starts(self) -> tuple[tuple[int, str], ...]:
        """What those begin with whose only wildcard is a `*` at the end; that which everything matches is left out."""
        starts = ((place, self.components[place].start) for place in _LAST_FIRST)
        return tuple((place, start) for place, start in starts if start)

    @functools.cached_property
    def _others(self) -> tuple[tuple[int, Pattern], ...]:
        patterns = ((place, self.components[place]) for place in _LAST_FIRST)
        return tuple((place, each) for place, each in patterns if each.literal is None and each.start is None)

    def is_all_of(self, service: str, *, region: str | None, account_id: str | None) -> bool:
        """Whether the resource part is `*` alone, and the rest fits the service, and Region and account where known."""
        _, _, services, regions, accounts, resources = self.components
        return (
            resources == _EVERYTHING
            and services.matches(service)
            and (region is None or regions.matches(region))
            and (account_id is None or accounts.matches(account_id))
        )


_EVERYTHING: Final = Pattern.parse("*")

ANY_ARN: Final = ARNPattern((_EVERYTHING,) * 6)
