"""Unique IDs: AWS's form, and no two of them alike."""

import re

import pytest

from harness.world import CountedEntropy
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.services.iam.unique_ids import IDPrefix, unique_id


@pytest.mark.parametrize("prefix", IDPrefix)
def test_a_unique_id_says_what_it_is_of(prefix: IDPrefix) -> None:
    """The prefix of its kind and 17 capital letters and digits."""
    assert re.fullmatch(prefix + "[A-Z2-7]{17}", unique_id(prefix, SystemEntropy()))


class Fixed(CountedEntropy):
    """The same bytes again and again."""

    def __init__(self, value: bytes) -> None:
        super().__init__()
        self._value = value

    def random_bytes(self, number: int) -> bytes:
        assert number == len(self._value)
        return self._value


def test_all_characters_are_random() -> None:
    """85 bits: as many as 17 characters hold, the last of the random bytes."""
    assert unique_id(IDPrefix.USER, Fixed(b"\xff" * 11)) == "AIDA" + "7" * 17
    assert unique_id(IDPrefix.USER, Fixed(b"\xe0" + bytes(10))) == "AIDA" + "A" * 17
    assert unique_id(IDPrefix.USER, Fixed(b"\x1f" + bytes(9) + b"\x21")) == "AIDA7" + "A" * 14 + "BB"
