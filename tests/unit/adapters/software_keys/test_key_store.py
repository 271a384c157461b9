"""The software key store: what is its own beside the port's contract (`tests/contracts/test_key_store.py`)."""

import importlib.util
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.adapters.software_keys.rsa_pool import RSAPool
from selfkms.crypto.labels import Purpose
from selfkms.crypto.mac import MACKey
from selfkms.crypto.root_key import RootKey
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.errors import InvalidCiphertextException, UnsupportedOperationException
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.records import Put
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import CorruptRecordError, Database
from selfkms.ports.entropy import Entropy

CONTEXT: Final = {"purpose": "test"}
VECTORS_DIRECTORY: Final = Path(__file__).parents[3] / "vectors" / "ciphertext"
VECTORS: Final[dict[str, Any]] = json.loads((VECTORS_DIRECTORY / "vectors.json").read_text("utf-8"))


def test_another_process_opens_what_this_one_made(
    store: SoftwareKeyStore, new_store: Callable[[], SoftwareKeyStore], material: KeyMaterial
) -> None:
    """Everything that is needed stands in the root key and the records."""
    blob = store.encrypt(material, Secret(b"plaintext"), CONTEXT)
    assert new_store().decrypt(material, blob, CONTEXT).open(SECRET_ACCESS) == b"plaintext"


@pytest.mark.parametrize(
    "moved",
    [
        {"account_id": "444455556666"},
        {"region": "us-east-1"},
        {"key_id": "key-2"},
        {"handle": "00" * 16},
        {"key_spec": KeySpec.HMAC_256},
    ],
    ids=lambda moved: str(*moved),
)
def test_a_row_moved_elsewhere_does_not_open(
    store: SoftwareKeyStore, new_material: Callable[..., KeyMaterial], material: KeyMaterial, moved: dict[str, Any]
) -> None:
    """Wrapped material belongs to one account, Region, key, handle and key spec, also while the right one is warm."""
    new_material(region="us-east-1")
    store.encrypt(material, Secret(b"x"), CONTEXT)
    with pytest.raises(CorruptRecordError):
        store.encrypt(material.changed(**moved), Secret(b"x"), CONTEXT)


def test_no_altered_row_opens(store: SoftwareKeyStore, material: KeyMaterial) -> None:
    """Each byte of the wrapped material counts, also while the right row is warm; it is never the caller's blob."""
    blob = store.encrypt(material, Secret(b"x"), CONTEXT)
    for offset in range(len(material.wrapped)):
        altered = bytearray(material.wrapped)
        altered[offset] ^= 1
        with pytest.raises(CorruptRecordError):
            store.decrypt(material.changed(wrapped=bytes(altered)), blob, CONTEXT)
    for length in (*range(len(material.wrapped)), len(material.wrapped) + 1):
        with pytest.raises(CorruptRecordError):
            store.decrypt(material.changed(wrapped=(material.wrapped + b"\0")[:length]), blob, CONTEXT)
    assert store.decrypt(material, blob, CONTEXT).open(SECRET_ACCESS) == b"x"


def test_a_damaged_row_is_named_and_not_shown(store: SoftwareKeyStore, material: KeyMaterial) -> None:
    """The error says table and primary key."""
    with pytest.raises(CorruptRecordError, match=f"key_materials 111122223333/eu-central-1/key-1/{material.handle}"):
        store.encrypt(material.changed(wrapped=material.wrapped[:-1]), Secret(b"x"), CONTEXT)


def test_no_altered_blob_opens(store: SoftwareKeyStore, material: KeyMaterial) -> None:
    """Each bit of a blob counts: identify refuses the header, decrypt everything."""
    blob = store.encrypt(material, Secret(b"plaintext"), CONTEXT)
    for offset in range(len(blob)):
        for bit in range(8):
            altered = bytearray(blob)
            altered[offset] ^= 1 << bit
            if offset < 34:
                with pytest.raises(InvalidCiphertextException):
                    store.identify(bytes(altered))
            with pytest.raises(InvalidCiphertextException) as refusal:
                store.decrypt(material, bytes(altered), CONTEXT)
            assert refusal.value.message is None


def test_no_cut_or_extended_blob_opens(store: SoftwareKeyStore, material: KeyMaterial) -> None:
    """Every length but the right one is refused."""
    blob = store.encrypt(material, Secret(b"plaintext"), CONTEXT)
    for cut in [*(blob[:length] for length in range(len(blob))), blob + b"\0", b"\0" + blob]:
        with pytest.raises(InvalidCiphertextException):
            store.decrypt(material, cut, CONTEXT)


@pytest.mark.parametrize("front", [b"\xa2\x01", b"\xa1\x02", b"\xa1\x03", b"\xa1\x00"])
def test_another_format_with_our_tag_is_refused(
    store: SoftwareKeyStore, root_key: RootKey, material: KeyMaterial, front: bytes
) -> None:
    """A format or suite that this key store does not know is refused although this installation made the header."""
    blob = store.encrypt(material, Secret(b"x"), CONTEXT)
    fields = front + blob[2:18]
    tagged = fields + MACKey(root_key.subkey(Purpose.HEADER)).short_tag(fields) + blob[34:]
    for refused in (store.identify, lambda blob: store.decrypt(material, blob, CONTEXT)):
        with pytest.raises(InvalidCiphertextException):
            refused(tagged)


def test_the_newest_domain_key_wraps_and_old_material_still_opens(
    store: SoftwareKeyStore,
    new_store: Callable[[], SoftwareKeyStore],
    new_material: Callable[..., KeyMaterial],
    material: KeyMaterial,
) -> None:
    """After a renewal new material names the new version, and material of both versions opens in a new process."""
    assert store.renew_domain_key("eu-central-1", older_than=float("inf"))
    newer = new_material()
    assert (material.wrapped[:5], newer.wrapped[:5]) == (b"\xd2\0\0\0\1", b"\xd2\0\0\0\2")
    for each in (material, newer):
        blob = store.encrypt(each, Secret(b"x"), CONTEXT)
        assert new_store().decrypt(each, blob, CONTEXT).open(SECRET_ACCESS) == b"x"


def test_the_cache_is_bounded_and_forgets(store: SoftwareKeyStore, new_material: Callable[..., KeyMaterial]) -> None:
    """More material than the cache takes works all the same; destroyed material is not kept."""
    materials = [new_material(key_id=f"key-{number}") for number in range(5)]
    for material in materials * 2:
        blob = store.encrypt(material, Secret(b"x"), CONTEXT)
        assert store.decrypt(material, blob, CONTEXT).open(SECRET_ACCESS) == b"x"
        assert len(store._materials._unwrapped) <= 2
    store.destroy(materials[-1])
    assert store._materials._unwrapped.get(materials[-1]) is None


def test_another_root_key_opens_nothing(
    store: SoftwareKeyStore, material: KeyMaterial, database: Database, clock: Clock, entropy: Entropy
) -> None:
    """A foreign root key neither knows the header nor opens the domain key."""
    foreign = SoftwareKeyStore(
        root_key=RootKey(Secret(bytes(32))), database=database, clock=clock, entropy=entropy, cached_materials=2
    )
    blob = store.encrypt(material, Secret(b"x"), CONTEXT)
    with pytest.raises(InvalidCiphertextException):
        foreign.identify(blob)
    with pytest.raises(CorruptRecordError):
        foreign.decrypt(material, blob, CONTEXT)


@pytest.fixture
def careful_store(database: Database, clock: Clock, entropy: Entropy, root_key: RootKey) -> SoftwareKeyStore:
    """As it is without any setting: nothing that takes a time which depends on secrets."""
    return SoftwareKeyStore(root_key=root_key, database=database, clock=clock, entropy=entropy, cached_materials=2)


def test_ml_kem_512_has_to_be_allowed(
    careful_store: SoftwareKeyStore, new_material: Callable[..., KeyMaterial]
) -> None:
    """Neither made, nor used where it was made before it was forbidden."""
    spec = KeySpec.ML_KEM_512
    material = new_material(key_spec=spec)
    uses: list[Callable[[], object]] = [
        lambda: careful_store.generate(account_id="111122223333", region="eu-central-1", key_id="k", key_spec=spec),
        lambda: careful_store.generate_pair(spec),
        lambda: careful_store.encapsulate(material),
        lambda: careful_store.decapsulate(material, bytes(768)),
    ]
    for use in uses:
        with pytest.raises(UnsupportedOperationException, match="ML_KEM_512 is not enabled here, because"):
            use()
    careful_store.destroy(material)


def test_sm2_is_refused_in_awss_words(store: SoftwareKeyStore) -> None:
    """As a KMS key and as a data key pair."""
    with pytest.raises(UnsupportedOperationException, match="KeySpec SM2 is not supported in this Region"):
        store.generate(account_id="111122223333", region="eu-central-1", key_id="k", key_spec=KeySpec.SM2)
    with pytest.raises(UnsupportedOperationException, match="KeyPairSpec SM2 is not supported in this Region"):
        store.generate_pair(KeySpec.SM2)


def test_rsa_key_pairs_come_from_the_pool(
    database: Database, clock: Clock, entropy: Entropy, root_key: RootKey
) -> None:
    """For a KMS key and for a caller alike."""
    taken = RSAKeyPair.generate(KeySpec.RSA_2048)
    pool = RSAPool(lambda _key_spec: taken, ready_per_size=0)
    store = SoftwareKeyStore(
        root_key=root_key, database=database, clock=clock, entropy=entropy, cached_materials=2, rsa_pool=pool
    )
    spec = KeySpec.RSA_2048
    made = store.generate(account_id="111122223333", region="eu-central-1", key_id="k", key_spec=spec)
    assert made.public_key == store.generate_pair(spec)[1] == taken.public_key()


def test_nothing_shows_key_material(
    store: SoftwareKeyStore, material: KeyMaterial, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither text forms, nor pickling, nor errors with their tracebacks, nor the log hold material or plaintext."""
    caplog.set_level(logging.DEBUG)
    plaintext = b"nobody should see"
    blob = store.encrypt(material, Secret(plaintext), CONTEXT)
    warm = store._materials.symmetric(material)
    shown = [repr(store), str(store), repr(warm), repr(store._materials), repr(material), caplog.text]
    for broken in (blob[:-1], blob[:34] + bytes(200)):
        with pytest.raises(InvalidCiphertextException) as refusal:
            store.decrypt(material, broken, CONTEXT)
        shown.append("".join(traceback.format_exception(refusal.value)))
    for value in (store, warm, store._materials, store._materials.domain_keys):
        with pytest.raises(TypeError) as unpickled:
            pickle.dumps(value)
        shown.append(str(unpickled.value))
    secret = store._materials._open(material).open(SECRET_ACCESS)
    for text in shown:
        for form in (secret.hex(), repr(secret)[2:-1], plaintext.decode(), "root key, that nobody"):
            assert form not in text
    assert secret not in pickle.dumps(material)


def test_the_vectors_are_what_the_program_makes() -> None:
    """The maker gives the file as it is checked in: nothing about the format has moved."""
    spec = importlib.util.spec_from_file_location("make_vectors", VECTORS_DIRECTORY / "make_vectors.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.vectors() == VECTORS


@pytest.fixture
def vector_store(database: Database, clock: Clock, entropy: Entropy) -> SoftwareKeyStore:
    """A key store that finds the domain key of the vectors in its database."""
    row = VECTORS["domain_key"]
    wrapped = bytes.fromhex(row["wrapped"])
    database.commit([Put(DomainKey(region=row["region"], version=1, created_at=0.0, wrapped=wrapped))])
    root_key = RootKey(Secret(bytes.fromhex(VECTORS["root_key"])))
    return SoftwareKeyStore(root_key=root_key, database=database, clock=clock, entropy=entropy, cached_materials=2)


@pytest.fixture
def vector_material() -> KeyMaterial:
    row = VECTORS["key_material"]
    names = ("account_id", "region", "key_id", "handle", "material_id")
    fields = {name: row[name] for name in names} | {"key_spec": KeySpec(row["key_spec"]), "created_at": 0.0}
    return KeyMaterial(**fields, wrapped=bytes.fromhex(row["wrapped"]))


@pytest.mark.parametrize("vector", VECTORS["blobs"], ids=lambda vector: vector["name"])
def test_every_blob_of_the_vectors_opens(
    vector_store: SoftwareKeyStore, vector_material: KeyMaterial, vector: dict[str, Any]
) -> None:
    """What was made once opens for ever."""
    blob = bytes.fromhex(vector["blob"])
    assert vector_store.identify(blob) == vector_material.handle
    opened = vector_store.decrypt(vector_material, blob, vector["encryption_context"])
    assert opened.open(SECRET_ACCESS).hex() == vector["plaintext"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_every_refused_blob_of_the_vectors_is_refused(
    vector_store: SoftwareKeyStore, vector_material: KeyMaterial, vector: dict[str, Any]
) -> None:
    """Altered, cut, extended, or with another context."""
    with pytest.raises(InvalidCiphertextException):
        vector_store.decrypt(vector_material, bytes.fromhex(vector["blob"]), vector["encryption_context"])
