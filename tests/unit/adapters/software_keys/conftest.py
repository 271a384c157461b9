"""An installation for the software key store: a database in memory, a clock that stands still, and a root key."""

import hashlib
from collections.abc import Callable

import pytest

from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.crypto.root_key import RootKey
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.secrets import Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import Database
from selfkms.ports.entropy import Entropy


class StoppedClock:
    """Always the same time."""

    def now(self) -> float:
        return 1_700_000_000.0

    wall = matured = now


class CountingEntropy:
    """Bytes that never come twice, and are the same in every run."""

    def __init__(self) -> None:
        self._count = 0

    def random_bytes(self, count: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(self._count.to_bytes(4, "big")).digest(count)

    def uuid(self) -> str:
        raise NotImplementedError


@pytest.fixture
def database() -> Database:
    return MemoryDatabase()


@pytest.fixture
def clock() -> Clock:
    return StoppedClock()


@pytest.fixture(scope="session")
def entropy() -> Entropy:
    return CountingEntropy()


@pytest.fixture(scope="session")
def root_key() -> RootKey:
    return RootKey(Secret(b"root key, that nobody should see"))


@pytest.fixture
def new_store(database: Database, clock: Clock, entropy: Entropy, root_key: RootKey) -> Callable[[], SoftwareKeyStore]:
    """Another key store of the same installation: another process, with a cache of two."""

    def make() -> SoftwareKeyStore:
        return SoftwareKeyStore(
            root_key=root_key,
            database=database,
            clock=clock,
            entropy=entropy,
            cached_materials=2,
            allow_variable_time=True,
        )

    return make


@pytest.fixture
def store(new_store: Callable[[], SoftwareKeyStore]) -> SoftwareKeyStore:
    return new_store()


@pytest.fixture
def new_material(store: SoftwareKeyStore) -> Callable[..., KeyMaterial]:
    """New key material, as the database gives it back."""

    def make(
        *, region: str = "eu-central-1", key_id: str = "key-1", key_spec: KeySpec = KeySpec.SYMMETRIC_DEFAULT
    ) -> KeyMaterial:
        made = store.generate(account_id="111122223333", region=region, key_id=key_id, key_spec=key_spec)
        return made.changed(row_version=1)

    return make


@pytest.fixture
def material(new_material: Callable[..., KeyMaterial]) -> KeyMaterial:
    return new_material()
