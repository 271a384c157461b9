"""What is known of a request, for the conditions and variables of policies.

Source: IAM User Guide, "AWS global condition context keys", "Single-valued vs. multivalued context keys".
"""

from collections.abc import Callable, Mapping
from typing import Final, Self

Fact = str | tuple[str, ...]
"""The value of a condition key that has one value, or the values of one that may have several."""

_COMPARISONS_MAX: Final = 100_000
"""About a tenth of a second. No policy that somebody means comes near it; a key policy of 32 KB full of patterns and an
encryption context of a thousand pairs would take seconds."""


class Facts:
    """The condition keys of one request. They are gathered when the first is asked for: most policies ask for none."""

    __slots__ = ("_comparisons_left", "_gather", "_known", "asked")

    def __init__(self, gather: Callable[[], Mapping[str, Fact]]) -> None:
        """Prepare.

        Args:
            gather: called once at most; gives values by names as AWS writes them. A key that is absent is left out.
        """
        self._gather = gather
        self._known: dict[str, Fact] | None = None
        self.asked = False
        """Whether anybody asked for a key: if nobody did, a verdict does not depend on the request."""
        self._comparisons_left = _COMPARISONS_MAX

    @classmethod
    def of(cls, known: Mapping[str, Fact]) -> Self:
        """Facts that are known already."""
        return cls(lambda: known)

    def get(self, name_lower: str) -> Fact | None:
        """The value of a condition key by its name in small letters, or None if the key is absent."""
        self.asked = True
        if self._known is None:
            self._known = _by_lower_name(self._gather())
        return self._known.get(name_lower)

    def afford(self, comparisons: int) -> bool:
        """Whether so many values may still be compared for this request; if so, they count."""
        if comparisons > self._comparisons_left:
            return False
        self._comparisons_left -= comparisons
        return True


def _by_lower_name(gathered: Mapping[str, Fact]) -> dict[str, Fact]:
    """Names in small letters: AWS compares them without case, also what a client put behind `kms:EncryptionContext:`.

    Two names that are equal but for case become one key with the values of both, so that neither hides the other.
    """
    known: dict[str, Fact] = {name.lower(): fact for name, fact in gathered.items()}
    if len(known) == len(gathered):
        return known
    known.clear()
    for name, fact in gathered.items():
        lowered = name.lower()
        known[lowered] = (*_values(known[lowered]), *_values(fact)) if lowered in known else fact
    return known


def _values(fact: Fact) -> tuple[str, ...]:
    return (fact,) if isinstance(fact, str) else fact
