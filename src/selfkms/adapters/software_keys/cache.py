"""Unwrapped key material that is kept because it is used, within a bound."""

from collections import OrderedDict
from typing import NamedTuple

from selfkms.domain.kms.keys import KeyMaterial
from selfkms.domain.secrets import Secret


class WarmMaterial(NamedTuple):
    """Key material as it is used: unwrapped, and with the header that its blobs begin with."""

    record: KeyMaterial
    secret: Secret
    header: bytes
    """Bytes 0 to 33 of every blob that this material makes."""


class MaterialCache:
    """At most `capacity` key materials; the one that was not used for longest goes first."""

    def __init__(self, capacity: int) -> None:
        assert capacity > 0
        self._capacity = capacity
        self._warm: OrderedDict[tuple[str, ...], WarmMaterial] = OrderedDict()

    def get(self, record: KeyMaterial) -> WarmMaterial | None:
        """What was kept for exactly this record: one that differs in anything must show that it opens by itself."""
        place = record.primary_key()
        found = self._warm.get(place)
        if found is None or (found.record is not record and found.record != record):
            return None
        self._warm.move_to_end(place)
        return found

    def keep(self, warm: WarmMaterial) -> None:
        """Keep it, in place of what was kept for the same key material."""
        place = warm.record.primary_key()
        self._warm[place] = warm
        self._warm.move_to_end(place)
        if len(self._warm) > self._capacity:
            self._warm.popitem(last=False)

    def forget(self, record: KeyMaterial) -> None:
        """Drop what is kept for this key material, if anything is."""
        self._warm.pop(record.primary_key(), None)

    def __len__(self) -> int:
        return len(self._warm)
