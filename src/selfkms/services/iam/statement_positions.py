"""Where the statements of a policy stand in its text, as the policy simulator shows it.

Lines and columns count from 1 and name the place behind a character. The first statement begins behind the bracket
that opens the list (a statement without a list: behind its own brace), every other one behind the one before it; each
ends behind its closing brace. So answers of AWS have it.

Source: IAM API Reference, "Statement", "Position", and the samples of "SimulateCustomPolicy"; AWS CLI Command
Reference, the examples of "simulate-custom-policy" and "simulate-principal-policy".
"""

import json
import re
from bisect import bisect
from typing import Final, NamedTuple

_DECODER: Final = json.JSONDecoder()
_LINE_END: Final = re.compile("\n")
_BETWEEN: Final = re.compile(r"[\s:,]*")


class Position(NamedTuple):
    """A place in a text."""

    line: int
    column: int


class Span(NamedTuple):
    """From where to where a statement reaches."""

    start: Position
    end: Position


def statement_spans(text: str) -> list[Span]:
    """The statements of a policy in their order; none if the text is no policy."""
    try:
        begin = _statement_element(text)
        ends = _ends(text, begin)
    except (ValueError, RecursionError):
        return []
    starts = [begin + 1, *ends][: len(ends)]
    lines = [0, *(match.end() for match in _LINE_END.finditer(text))]
    return [Span(_position(lines, start), _position(lines, end)) for start, end in zip(starts, ends, strict=True)]


def _statement_element(text: str) -> int:
    """Where the value of the Statement element begins.

    Raises:
        ValueError: the text is no JSON, or has no such element.
    """
    at = _after(text, text.index("{") + 1)
    while text.startswith('"', at):
        name, at = _DECODER.raw_decode(text, at)
        at = _after(text, at)
        if name == "Statement":
            return at
        _, at = _DECODER.raw_decode(text, at)
        at = _after(text, at)
    raise ValueError("no Statement element")


def _ends(text: str, begin: int) -> list[int]:
    """Where each statement ends."""
    if not text.startswith("[", begin):
        return [_DECODER.raw_decode(text, begin)[1]]
    ends: list[int] = []
    at = _after(text, begin + 1)
    while text.startswith("{", at):
        _, end = _DECODER.raw_decode(text, at)
        ends.append(end)
        at = _after(text, end)
    return ends


def _after(text: str, at: int) -> int:
    """The next place at which something other than white space and separators stands."""
    match = _BETWEEN.match(text, at)
    assert match is not None, "it matches nothing, too"
    return match.end()


def _position(lines: list[int], offset: int) -> Position:
    """The place before a character; `lines` has where each line begins."""
    line = bisect(lines, offset)
    return Position(line, offset - lines[line - 1] + 1)
