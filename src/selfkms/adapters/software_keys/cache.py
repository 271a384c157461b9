"""Unwrapped key material, and keys loaded from it, that are kept because they are used, within a bound."""

from collections import OrderedDict
from typing import Generic, TypeVar

from selfkms.domain.kms.keys import KeyMaterial

T = TypeVar("T")


class MaterialCache(Generic[T]):
    """What was made of at most `capacity` key materials; what was not used for longest goes first."""

    def __init__(self, capacity: int) -> None:
        assert capacity > 0
        self._capacity = capacity
        self._warm: OrderedDict[tuple[str, ...], tuple[KeyMaterial, T]] = OrderedDict()

    def get(self, record: KeyMaterial) -> T | None:
        """What was kept for exactly this record: one that differs in anything must show that it opens by itself."""
        place = record.primary_key()
        found = self._warm.get(place)
        if found is None or (found[0] is not record and found[0] != record):
            return None
        self._warm.move_to_end(place)
        return found[1]

    def keep(self, record: KeyMaterial, warm: T) -> None:
        """Keep it, in place of what was kept for the same key material."""
        place = record.primary_key()
        self._warm[place] = (record, warm)
        self._warm.move_to_end(place)
        if len(self._warm) > self._capacity:
            self._warm.popitem(last=False)

    def forget(self, record: KeyMaterial) -> None:
        """Drop what is kept for this key material, if anything is."""
        self._warm.pop(record.primary_key(), None)

    def __len__(self) -> int:
        return len(self._warm)
