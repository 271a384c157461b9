"""How key material is opened, loaded and kept, and what a record with another public key is worth."""

import pickle
from collections.abc import Callable

import pytest

from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.domain.kms.algorithms import EncryptionAlgorithm, MessageType, SigningAlgorithm
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.database import CorruptRecordError

RAW = MessageType.RAW
ECDSA = SigningAlgorithm.ECDSA_SHA_256
OAEP = EncryptionAlgorithm.RSAES_OAEP_SHA_256
P256 = KeySpec.ECC_NIST_P256
NewMaterial = Callable[..., KeyMaterial]


@pytest.mark.parametrize("warm", [False, True])
def test_a_swapped_public_key_works_for_nothing(
    store: SoftwareKeyStore, new_material: NewMaterial, *, warm: bool
) -> None:
    """Neither Verify nor Sign takes a record whose public key is another's, also while the right one is warm."""
    material, stranger = new_material(key_spec=P256), new_material(key_spec=P256)
    forged = store.sign(stranger, ECDSA, b"x", message_type=RAW)
    if warm:
        signature = store.sign(material, ECDSA, b"x", message_type=RAW)
        store.verify(material, ECDSA, b"x", signature, message_type=RAW)
    for public_key in (stranger.public_key, b"", material.public_key[:-1]):
        swapped = material.changed(public_key=public_key)
        with pytest.raises(CorruptRecordError):
            store.verify(swapped, ECDSA, b"x", forged, message_type=RAW)
        with pytest.raises(CorruptRecordError):
            store.sign(swapped, ECDSA, b"x", message_type=RAW)


def test_a_symmetric_record_takes_no_public_key(store: SoftwareKeyStore, material: KeyMaterial) -> None:
    """Where there was none, one that was put there is noticed too."""
    with pytest.raises(CorruptRecordError):
        store.encrypt(material.changed(public_key=b"key"), Secret(b"x"), {})


def test_a_swapped_public_key_encrypts_and_encapsulates_nothing(
    store: SoftwareKeyStore, new_material: NewMaterial
) -> None:
    """Or whoever swapped it would read along."""
    uses: dict[KeySpec, Callable[[KeyMaterial], object]] = {
        KeySpec.RSA_2048: lambda record: store.encrypt_asymmetric(record, OAEP, Secret(b"x")),
        KeySpec.ML_KEM_768: store.encapsulate,
    }
    for key_spec, use in uses.items():
        material, stranger = new_material(key_spec=key_spec), new_material(key_spec=key_spec)
        with pytest.raises(CorruptRecordError):
            use(material.changed(public_key=stranger.public_key))


def test_work_with_a_public_key_keeps_no_private_key(
    store: SoftwareKeyStore, new_store: Callable[[], SoftwareKeyStore], new_material: NewMaterial
) -> None:
    """A process that only verifies holds public keys only."""
    material = new_material(key_spec=P256)
    signature = store.sign(material, ECDSA, b"x", message_type=RAW)
    other = new_store()
    for _ in range(2):
        other.verify(material, ECDSA, b"x", signature, message_type=RAW)
    assert len(other._materials._unwrapped) == 0
    assert len(other._materials._public_keys) == 1


def test_loaded_keys_are_kept_within_the_bound_and_forgotten(
    store: SoftwareKeyStore, new_material: NewMaterial
) -> None:
    """Private and public ones, two of each here."""
    materials = [new_material(key_id=f"key-{number}", key_spec=P256) for number in range(4)]
    for material in materials:
        signature = store.sign(material, ECDSA, b"x", message_type=RAW)
        store.verify(material, ECDSA, b"x", signature, message_type=RAW)
    kept = store._materials
    assert (len(kept._unwrapped), len(kept._public_keys)) == (2, 2)
    assert kept.key_pair(materials[-1]) is kept.key_pair(materials[-1])
    store.destroy(materials[-1])
    assert (len(kept._unwrapped), len(kept._public_keys)) == (1, 1)


@pytest.mark.parametrize("key_spec", [KeySpec.HMAC_256, P256, KeySpec.ML_DSA_44, KeySpec.ML_KEM_512])
def test_nothing_shows_or_pickles_key_material(
    store: SoftwareKeyStore, new_material: NewMaterial, key_spec: KeySpec
) -> None:
    """Neither the record, nor the loaded key, nor what keeps it."""
    material = new_material(key_spec=key_spec)
    kept = store._materials
    loaded = kept._warm(material)
    secret = kept._open(material).open(SECRET_ACCESS)
    for shown in (repr(store), repr(kept), repr(loaded), repr(kept._unwrapped), repr(material)):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
    for value in (store, kept, loaded):
        with pytest.raises(TypeError):
            pickle.dumps(value)
    assert secret not in pickle.dumps(material)


def test_material_of_another_kind_is_a_fault_of_the_caller(
    store: SoftwareKeyStore, new_material: NewMaterial, material: KeyMaterial
) -> None:
    """The gate admits an operation by key usage; what comes here all the same is refused, not worked on."""
    with pytest.raises(AssertionError):
        store.mac(material, b"x")
    with pytest.raises(AssertionError):
        store.agree(material, b"")
    with pytest.raises(AssertionError):
        store.encrypt(new_material(key_spec=P256), Secret(b"x"), {})
    with pytest.raises(AssertionError):
        store.decapsulate(new_material(key_spec=P256), b"")


@pytest.mark.parametrize("key_spec", [KeySpec.SYMMETRIC_DEFAULT, KeySpec.HMAC_256, KeySpec.ECC_NIST_P256])
def test_material_in_another_region_is_the_same(
    store: SoftwareKeyStore, new_material: NewMaterial, key_spec: KeySpec
) -> None:
    """Its names and its public key are, its wrapping is not; it is a record to insert."""
    here = new_material(key_spec=key_spec)
    there = store.replicate(here, region="us-east-1")
    assert there == here.changed(row_version=0, region="us-east-1", wrapped=there.wrapped)
    assert there.wrapped != here.wrapped
    if key_spec is KeySpec.SYMMETRIC_DEFAULT:
        blob = store.encrypt(here, Secret(b"text"), {"a": "b"})
        assert store.decrypt(there, blob, {"a": "b"}).open(SECRET_ACCESS) == b"text"
    elif key_spec is KeySpec.HMAC_256:
        assert store.mac(there, b"text") == store.mac(here, b"text")


def test_only_what_opens_is_replicated(store: SoftwareKeyStore, material: KeyMaterial) -> None:
    """A record that was changed, or belongs elsewhere, gives nothing that would work in another Region."""
    here = material
    for changed in (here.changed(wrapped=here.wrapped[:-1] + b"\0\0"), here.changed(key_id="key-2")):
        with pytest.raises(CorruptRecordError):
            store.replicate(changed, region="us-east-1")
    there = store.replicate(here, region="us-east-1")
    with pytest.raises(CorruptRecordError):
        store.encrypt(there.changed(region="eu-central-1", wrapped=there.wrapped), Secret(b"x"), {})
