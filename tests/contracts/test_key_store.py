"""What `ports.key_store.KeyStore` promises, asked of every adapter."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.crypto.root_key import RootKey
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.ciphertext import OVERHEAD_BYTES
from selfkms.domain.kms.errors import InvalidCiphertextException
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.limits import PLAINTEXT_BYTES_MAX
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.key_store import KeyStore

TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CONTEXTS: Final = st.dictionaries(TEXT, TEXT, max_size=3)
# The key store of a test is the same for all examples, and is meant to be.
ONE_STORE: Final = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class StoppedClock:
    def now(self) -> float:
        return 1_000_000.0

    wall = matured = now


def software() -> KeyStore:
    """The software key store of a new installation."""
    entropy = SystemEntropy()
    root_key = RootKey(Secret(entropy.random_bytes(32)))
    return SoftwareKeyStore(
        root_key=root_key, database=MemoryDatabase(), clock=StoppedClock(), entropy=entropy, cached_materials=4
    )


@pytest.fixture(params=[software], ids=lambda new: new.__name__)
def new_installation(request: pytest.FixtureRequest) -> Callable[[], KeyStore]:
    new: Callable[[], KeyStore] = request.param
    return new


@pytest.fixture
def key_store(new_installation: Callable[[], KeyStore]) -> KeyStore:
    return new_installation()


def generate(key_store: KeyStore, *, key_id: str = "key-1", region: str = "eu-central-1") -> KeyMaterial:
    """New material, as it comes back from the database."""
    spec = KeySpec.SYMMETRIC_DEFAULT
    made = key_store.generate(account_id="111122223333", region=region, key_id=key_id, key_spec=spec)
    return made.changed(row_version=1)


def test_new_material_is_a_record_to_insert(key_store: KeyStore) -> None:
    """It bears what it was asked for, a random handle, an ID, a date and something wrapped."""
    spec = KeySpec.SYMMETRIC_DEFAULT
    made = key_store.generate(account_id="111122223333", region="eu-central-1", key_id="key-1", key_spec=spec)
    assert (made.account_id, made.region, made.key_id, made.key_spec) == ("111122223333", "eu-central-1", "key-1", spec)
    assert made.row_version == 0
    assert made.created_at == 1_000_000.0
    assert (len(bytes.fromhex(made.handle)), len(bytes.fromhex(made.material_id))) == (16, 32)
    assert made.wrapped


def test_no_two_materials_are_the_same(key_store: KeyStore) -> None:
    """Not even two of one KMS key."""
    first, second = generate(key_store), generate(key_store)
    assert first.handle != second.handle
    assert first.material_id != second.material_id
    assert first.wrapped != second.wrapped


@ONE_STORE
@given(plaintext=st.binary(max_size=200), context=CONTEXTS)
def test_decrypt_undoes_encrypt(key_store: KeyStore, plaintext: bytes, context: dict[str, str]) -> None:
    """The blob is 110 bytes longer, names its material, and opens to the plaintext."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(plaintext), context)
    assert len(blob) == len(plaintext) + OVERHEAD_BYTES
    assert key_store.identify(blob) == material.handle
    assert key_store.decrypt(material, blob, dict(reversed(context.items()))).open(SECRET_ACCESS) == plaintext


def test_the_largest_plaintext_goes_through(key_store: KeyStore) -> None:
    """4,096 bytes."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"x" * PLAINTEXT_BYTES_MAX), {})
    assert len(key_store.decrypt(material, blob, {})) == PLAINTEXT_BYTES_MAX


def test_no_two_blobs_are_the_same(key_store: KeyStore) -> None:
    """Equal plaintexts do not show."""
    material = generate(key_store)
    first, second = (key_store.encrypt(material, Secret(b"same"), {}) for _ in range(2))
    assert first[34:50] != second[34:50]
    assert first[94:] != second[94:]


@ONE_STORE
@given(first=CONTEXTS, second=CONTEXTS)
def test_another_context_does_not_open(key_store: KeyStore, first: dict[str, str], second: dict[str, str]) -> None:
    """A blob opens with exactly the pairs it was made with."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"x"), first)
    if first == second:
        assert key_store.decrypt(material, blob, second).open(SECRET_ACCESS) == b"x"
    else:
        with pytest.raises(InvalidCiphertextException):
            key_store.decrypt(material, blob, second)


def test_a_context_that_runs_together_does_not_open(key_store: KeyStore) -> None:
    """Names and values have their lengths."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"x"), {"a": "bc"})
    with pytest.raises(InvalidCiphertextException):
        key_store.decrypt(material, blob, {"ab": "c"})


def test_a_context_without_utf8_form_is_refused(key_store: KeyStore) -> None:
    """Both ways."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"x"), {})
    with pytest.raises(ValidationException):
        key_store.encrypt(material, Secret(b"x"), {"a": "\ud800"})
    with pytest.raises(ValidationException):
        key_store.decrypt(material, blob, {"\udfff": "a"})


@pytest.mark.parametrize("other", [{}, {"key_id": "key-2"}, {"region": "us-east-1"}], ids=["same key", "key", "Region"])
def test_other_material_does_not_open(key_store: KeyStore, other: dict[str, str]) -> None:
    """Not even another material of the same KMS key; also not with its own header in front."""
    material, stranger = generate(key_store), generate(key_store, **other)
    blob = key_store.encrypt(material, Secret(b"x"), {})
    foreign = key_store.encrypt(stranger, Secret(b"x"), {})
    for tried in (blob, foreign[:34] + blob[34:]):
        with pytest.raises(InvalidCiphertextException) as refusal:
            key_store.decrypt(stranger, tried, {})
        assert refusal.value.message is None


@ONE_STORE
@given(data=st.data())
def test_no_altered_blob_opens(key_store: KeyStore, data: st.DataObject) -> None:
    """A byte changed, bytes cut off or bytes added: one error without a message."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"plaintext"), {"purpose": "test"})
    offset = data.draw(st.integers(0, len(blob) - 1))
    change = data.draw(st.integers(1, 255))
    added = data.draw(st.binary(min_size=1, max_size=3))
    changed = blob[:offset] + bytes([blob[offset] ^ change]) + blob[offset + 1 :]
    for altered in (changed, blob[:offset], blob + added, added + blob):
        with pytest.raises(InvalidCiphertextException) as refusal:
            key_store.decrypt(material, altered, {"purpose": "test"})
        assert refusal.value.message is None


@ONE_STORE
@given(blob=st.binary(max_size=300))
def test_what_was_not_made_here_is_not_identified(key_store: KeyStore, blob: bytes) -> None:
    """Arbitrary bytes name no material."""
    for tried in (blob, b"\xa1\x01" + blob):
        with pytest.raises(InvalidCiphertextException) as refusal:
            key_store.identify(tried)
        assert refusal.value.message is None


def test_a_blob_of_another_installation_is_not_identified(new_installation: Callable[[], KeyStore]) -> None:
    """Its header bears another tag."""
    here, there = new_installation(), new_installation()
    blob = there.encrypt(generate(there), Secret(b"x"), {})
    with pytest.raises(InvalidCiphertextException):
        here.identify(blob)


def test_material_is_destroyed_as_often_as_one_likes(key_store: KeyStore) -> None:
    """Whether it was ever used or not."""
    used, unused = generate(key_store), generate(key_store)
    key_store.encrypt(used, Secret(b"x"), {})
    for material in (used, unused, used):
        key_store.destroy(material)
