"""The root key."""

import copy
import pickle

import pytest

from selfkms.crypto.labels import Purpose
from selfkms.crypto.root_key import RootKey
from selfkms.domain.secrets import SECRET_ACCESS, Secret

BYTES = b"root key, that nobody should see"


def test_each_purpose_has_a_key_of_its_own() -> None:
    """Seven purposes, seven keys, the same at every start, and none of them the root key."""
    keys = [RootKey(Secret(BYTES)).subkey(purpose).open(SECRET_ACCESS) for purpose in Purpose]
    again = [RootKey(Secret(BYTES)).subkey(purpose).open(SECRET_ACCESS) for purpose in Purpose]
    assert keys == again
    assert len({*keys, BYTES}) == len(Purpose) + 1
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_another_length_is_refused(length: int) -> None:
    """A root key has 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        RootKey(Secret(bytes(length)))


def test_a_root_key_shows_nothing() -> None:
    """No text form holds the bytes, and it is neither pickled nor copied."""
    root_key = RootKey(Secret(BYTES))
    assert "nobody" not in f"{root_key} {root_key!r} {RootKey.__dict__}"
    for escape in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError) as refusal:
            escape(root_key)
        assert "nobody" not in str(refusal.value)
