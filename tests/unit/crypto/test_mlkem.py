"""ML-KEM: the library's two sizes, and kyber-py's one."""

import base64
import json
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from kyber_py.ml_kem import ML_KEM_768, ML_KEM_1024  # type: ignore[import-untyped]  # has annotations, but no py.typed

from selfkms.crypto.ecc import CurveKeyPair
from selfkms.crypto.mlkem import (
    ENCAPSULATION_BYTES,
    SEED_BYTES,
    MLKEM512KeyPair,
    MLKEM512PublicKey,
    MLKEMKeyPair,
    MLKEMPublicKey,
)
from selfkms.domain.kms.errors import InvalidCiphertextException
from selfkms.domain.kms.keys import KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

SEED = Secret(bytes(range(SEED_BYTES)))
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ml-kem-512" / "vectors.json").read_text("utf-8"))
SPECS = tuple(ENCAPSULATION_BYTES)


def key_pair(key_spec: KeySpec, seed: Secret = SEED) -> MLKEMKeyPair | MLKEM512KeyPair:
    return MLKEM512KeyPair(seed) if key_spec is KeySpec.ML_KEM_512 else MLKEMKeyPair.from_seed(key_spec, seed)


def public_key(key_spec: KeySpec) -> MLKEMPublicKey | MLKEM512PublicKey:
    spki = key_pair(key_spec).public_key()
    return MLKEM512PublicKey.load(spki) if key_spec is KeySpec.ML_KEM_512 else MLKEMPublicKey.load(key_spec, spki)


def test_the_published_key_pair_and_encapsulation() -> None:
    """ML-KEM-512 of RFC 9935 and RFC 9936: public key, decapsulation, and the private key as a seed."""
    pair = MLKEM512KeyPair(Secret(bytes.fromhex(VECTORS["seed"])))
    assert pair.public_key() == base64.b64decode(VECTORS["public_key"])
    opened = pair.decapsulate(bytes.fromhex(VECTORS["encapsulation"]))
    assert opened.open(SECRET_ACCESS).hex() == VECTORS["shared_secret"]
    assert MLKEM512KeyPair.load(pair.pkcs8()).public_key() == pair.public_key()


@pytest.mark.parametrize("key_spec", SPECS)
def test_decapsulate_undoes_encapsulate(key_spec: KeySpec) -> None:
    """A secret of 32 bytes, a new one each time, in an encapsulation of the length that FIPS 203 gives."""
    first, encapsulation = public_key(key_spec).encapsulate()
    second, _ = public_key(key_spec).encapsulate()
    assert (len(first), len(encapsulation)) == (32, ENCAPSULATION_BYTES[key_spec])
    assert key_pair(key_spec).decapsulate(encapsulation).equals(first)
    assert not first.equals(second)


@pytest.mark.parametrize("key_spec", SPECS)
def test_a_changed_encapsulation_gives_another_secret(key_spec: KeySpec) -> None:
    """Never an error, and always the same one (FIPS 203, 6.3); likewise for another key pair."""
    shared_secret, encapsulation = public_key(key_spec).encapsulate()
    changed = bytes([encapsulation[0] ^ 1]) + encapsulation[1:]
    pair = key_pair(key_spec)
    assert not pair.decapsulate(changed).equals(shared_secret)
    assert pair.decapsulate(changed).equals(pair.decapsulate(changed))
    stranger = key_pair(key_spec, Secret(b"\x07" * SEED_BYTES))
    assert not stranger.decapsulate(encapsulation).equals(shared_secret)


@pytest.mark.parametrize("key_spec", SPECS)
def test_another_length_is_refused(key_spec: KeySpec) -> None:
    """Also that of another key spec; without a message."""
    pair, right = key_pair(key_spec), ENCAPSULATION_BYTES[key_spec]
    for length in {0, 1, right - 1, right + 1, *ENCAPSULATION_BYTES.values()} - {right}:
        with pytest.raises(InvalidCiphertextException) as refusal:
            pair.decapsulate(bytes(length))
        assert refusal.value.message is None


@pytest.mark.parametrize(("key_spec", "other"), [(KeySpec.ML_KEM_768, ML_KEM_768), (KeySpec.ML_KEM_1024, ML_KEM_1024)])
@settings(max_examples=3, deadline=None)
@given(seed=st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES))
def test_both_implementations_agree_where_there_are_two(key_spec: KeySpec, other: object, seed: bytes) -> None:
    """kyber-py and the library: one key pair from one seed, and each opens what the other encapsulates."""
    assert isinstance(other, type(ML_KEM_768))
    encapsulation_key, decapsulation_key = other.key_derive(seed)
    pair = MLKEMKeyPair.from_seed(key_spec, Secret(seed))
    assert pair.public_key().endswith(encapsulation_key)
    theirs, encapsulation = other.encaps(encapsulation_key)
    assert pair.decapsulate(encapsulation).open(SECRET_ACCESS) == theirs
    ours, encapsulation = MLKEMPublicKey.load(key_spec, pair.public_key()).encapsulate()
    assert other.decaps(decapsulation_key, encapsulation) == ours.open(SECRET_ACCESS)


@pytest.mark.parametrize("key_spec", SPECS)
def test_a_private_key_is_a_seed_of_one_length(key_spec: KeySpec) -> None:
    """86 bytes of PKCS#8 for each key spec: the same but for the OID, also the one that the library does not write."""
    encoded = key_pair(key_spec).pkcs8().open(SECRET_ACCESS)
    number = bytes([SPECS.index(key_spec) + 1])
    front = bytes.fromhex("3054020100300b06096086480165030404") + number + bytes.fromhex("04428040")
    assert encoded == front + SEED.open(SECRET_ACCESS)


def test_the_public_key_of_512_looks_like_the_librarys_of_768() -> None:
    """The same structure: only lengths, OID and key differ."""
    ours, theirs = key_pair(KeySpec.ML_KEM_512).public_key(), key_pair(KeySpec.ML_KEM_768).public_key()
    for spki, key_bytes, number in ((ours, 800, 1), (theirs, 1184, 2)):
        bit_string = b"\x03\x82" + (key_bytes + 1).to_bytes(2, "big") + b"\0"
        algorithm = bytes.fromhex("300b06096086480165030404") + bytes([number])
        inside = algorithm + bit_string
        assert spki[:-key_bytes] == b"\x30\x82" + (len(inside) + key_bytes).to_bytes(2, "big") + inside


@pytest.mark.parametrize("key_spec", SPECS[1:])
def test_a_key_pair_is_loaded_as_it_was(key_spec: KeySpec) -> None:
    """PKCS#8 and back, and nothing of another key spec."""
    pair = key_pair(key_spec)
    assert isinstance(pair, MLKEMKeyPair)
    assert MLKEMKeyPair.load(key_spec, pair.pkcs8()).public_key() == pair.public_key()
    other = KeySpec.ML_KEM_768 if key_spec is KeySpec.ML_KEM_1024 else KeySpec.ML_KEM_1024
    with pytest.raises(AssertionError):
        MLKEMKeyPair.load(other, pair.pkcs8())
    with pytest.raises(AssertionError):
        MLKEMPublicKey.load(other, pair.public_key())


def test_nothing_else_is_loaded_as_512() -> None:
    """Neither another size nor another kind of key."""
    curve = CurveKeyPair(ec.generate_private_key(ec.SECP256R1()))
    for pair in (key_pair(KeySpec.ML_KEM_768), curve):
        with pytest.raises(AssertionError):
            MLKEM512KeyPair.load(pair.pkcs8())
        with pytest.raises(AssertionError):
            MLKEM512PublicKey.load(pair.public_key())


@pytest.mark.parametrize("key_spec", SPECS)
def test_a_key_pair_is_neither_shown_nor_pickled(key_spec: KeySpec) -> None:
    """Its text form is its class and an address."""
    pair = key_pair(key_spec)
    assert "KeyPair object at 0x" in repr(pair)
    with pytest.raises(TypeError):
        pickle.dumps(pair)
