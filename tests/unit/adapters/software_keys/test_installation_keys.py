"""The installation's own keys."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.adapters.software_keys.installation_keys import RootInstallationKeys
from selfkms.crypto.root_key import RootKey
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.database import CorruptRecordError
from selfkms.ports.entropy import Entropy

PLACE = ("access_keys", "AKIAIOSFODNN7EXAMPLE")


@pytest.fixture(scope="module")
def keys(root_key: RootKey, entropy: Entropy) -> RootInstallationKeys:
    return RootInstallationKeys(root_key, entropy)


@given(secret=st.binary(), bound_to=st.lists(st.text(st.characters(exclude_categories=["Cs"]))).map(tuple))
def test_what_was_sealed_opens(keys: RootInstallationKeys, secret: bytes, bound_to: tuple[str, ...]) -> None:
    """Opening undoes sealing."""
    sealed = keys.seal(Secret(secret), bound_to=bound_to)
    assert keys.open(sealed, bound_to=bound_to).open(SECRET_ACCESS) == secret


@pytest.mark.parametrize("other", [(), ("access_keys",), ("access_keysA", "KIAIOSFODNN7EXAMPLE"), (*PLACE, "")])
def test_a_secret_bound_to_something_else_does_not_open(keys: RootInstallationKeys, other: tuple[str, ...]) -> None:
    """Words that run together to the same text are other words."""
    sealed = keys.seal(Secret(b"secret"), bound_to=PLACE)
    with pytest.raises(CorruptRecordError):
        keys.open(sealed, bound_to=other)


def test_no_altered_secret_opens(keys: RootInstallationKeys) -> None:
    """Each byte counts, each cut too; the error names the row and shows nothing."""
    sealed = keys.seal(Secret(b"nobody should see"), bound_to=PLACE)
    altered = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for broken in [*altered, *(sealed[:length] for length in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(CorruptRecordError, match="access_keys/AKIAIOSFODNN7EXAMPLE"):
            keys.open(broken, bound_to=PLACE)


def test_tags_belong_to_their_purpose(keys: RootInstallationKeys, root_key: RootKey, entropy: Entropy) -> None:
    """16 bytes, the same ones in every process, others for another purpose, other data or another installation."""
    tag = keys.tag("marker", b"data")
    assert len(tag) == 16
    assert RootInstallationKeys(root_key, entropy).tag("marker", b"data") == tag
    foreign = RootInstallationKeys(RootKey(Secret(bytes(32))), entropy)
    others = [
        keys.tag("markerd", b"ata"),
        keys.tag("token", b"data"),
        keys.tag("marker", b""),
        foreign.tag("marker", b"data"),
    ]
    assert tag not in others


def test_the_keys_are_not_pickled(keys: RootInstallationKeys) -> None:
    """No key leaves the process by accident."""
    with pytest.raises(TypeError):
        pickle.dumps(keys)
