"""HMAC with four hashes, against RFC 4231."""

import hashlib
import hmac
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.crypto.hmacs import KEY_BYTES, HMACKey
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import Secret

# RFC 4231, 4.3 (test case 2): the key is "Jefe".
PUBLISHED = {
    KeySpec.HMAC_224: "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
    KeySpec.HMAC_256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    KeySpec.HMAC_384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47"
    "e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    KeySpec.HMAC_512: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
}


@pytest.mark.parametrize("key_spec", PUBLISHED)
def test_the_published_tags(key_spec: KeySpec) -> None:
    """RFC 4231, test case 2, twice from one key: a computation leaves nothing behind."""
    key = HMACKey(key_spec, Secret(b"Jefe"))
    for _ in range(2):
        assert key.tag(b"what do ya want for nothing?").hex() == PUBLISHED[key_spec]


@given(key=st.binary(min_size=1, max_size=200), message=st.binary(max_size=300), key_spec=st.sampled_from([*KEY_BYTES]))
def test_the_standard_library_agrees(key: bytes, message: bytes, key_spec: KeySpec) -> None:
    """For keys shorter and longer than a block, as an imported one may be."""
    expected = hmac.new(key, message, f"sha{key_spec[-3:]}").digest()
    assert HMACKey(key_spec, Secret(key)).tag(message) == expected


@pytest.mark.parametrize(("key_spec", "length"), KEY_BYTES.items())
def test_a_key_is_as_long_as_its_hash(key_spec: KeySpec, length: int) -> None:
    """28, 32, 48 and 64 bytes."""
    assert length == hashlib.new(f"sha{key_spec[-3:]}").digest_size


def test_a_key_is_neither_shown_nor_pickled() -> None:
    """Its text form is its class and an address."""
    key = HMACKey(KeySpec.HMAC_256, Secret(b"nobody should see"))
    assert repr(key).startswith("<selfkms.crypto.hmacs.HMACKey object at 0x")
    with pytest.raises(TypeError):
        pickle.dumps(key)
