"""Which class works for which key spec."""

from collections.abc import Callable

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from selfkms.adapters.software_keys.asymmetric import PAIRS, KeyPair, load_key_pair, load_public_key, new_key_pair
from selfkms.adapters.software_keys.rsa_pool import RSAPool
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.kms.keys import KeySpec
from selfkms.ports.entropy import Entropy

ORDERED = sorted(PAIRS)


@pytest.fixture(scope="session")
def pair_of(entropy: Entropy) -> Callable[[KeySpec], KeyPair]:
    """One key pair of each key spec for all tests: RSA takes its time."""
    pool = RSAPool(RSAKeyPair.generate, ready_per_size=0)
    made: dict[KeySpec, KeyPair] = {}
    return lambda key_spec: made.setdefault(key_spec, made.get(key_spec) or new_key_pair(key_spec, entropy, pool))


def test_every_key_spec_but_sm2_has_a_pair_or_is_random_bytes() -> None:
    """So none is forgotten here that `KeySpec` has."""
    assert {spec for spec in KeySpec if spec not in PAIRS} == {
        KeySpec.SYMMETRIC_DEFAULT,
        KeySpec.HMAC_224,
        KeySpec.HMAC_256,
        KeySpec.HMAC_384,
        KeySpec.HMAC_512,
        KeySpec.SM2,
    }


@pytest.mark.parametrize("key_spec", ORDERED)
def test_what_is_made_loads_again(key_spec: KeySpec, pair_of: Callable[[KeySpec], KeyPair]) -> None:
    """The same private and public key, by their encodings."""
    pair = pair_of(key_spec)
    loaded = load_key_pair(key_spec, pair.pkcs8())
    assert type(loaded) is type(pair)
    assert loaded.public_key() == pair.public_key()
    assert loaded.pkcs8().equals(pair.pkcs8())
    public = load_public_key(key_spec, pair.public_key())
    assert type(public).__name__ == type(pair).__name__.replace("KeyPair", "PublicKey")


# The library checks a large RSA key for seconds before it is refused as something else: one size speaks for all.
@pytest.mark.parametrize("key_spec", [spec for spec in ORDERED if spec not in {KeySpec.RSA_3072, KeySpec.RSA_4096}])
def test_no_other_key_spec_loads_it(key_spec: KeySpec, pair_of: Callable[[KeySpec], KeyPair]) -> None:
    """A record of ours that says one key spec and holds another is a fault, and no key."""
    pair = pair_of(key_spec)
    for other in PAIRS - {key_spec}:
        with pytest.raises((AssertionError, UnsupportedAlgorithm)):
            load_key_pair(other, pair.pkcs8())
        with pytest.raises((AssertionError, UnsupportedAlgorithm)):
            load_public_key(other, pair.public_key())


def test_seeds_come_from_the_port() -> None:
    """The same entropy gives the same key pair where a private key is a string of random bytes."""

    class Same:
        def random_bytes(self, count: int) -> bytes:
            return b"\x07" * count

        def uuid(self) -> str:
            raise NotImplementedError

    pool = RSAPool(RSAKeyPair.generate, ready_per_size=0)
    for key_spec in (KeySpec.ECC_NIST_EDWARDS25519, KeySpec.ML_DSA_65, KeySpec.ML_KEM_512, KeySpec.ML_KEM_768):
        first, second = (new_key_pair(key_spec, Same(), pool) for _ in range(2))
        assert first.public_key() == second.public_key()
