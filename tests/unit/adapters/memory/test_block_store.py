"""The block store of a test; what it shares with the real one is in the contracts."""

import pytest

from harness.blocks import KEY, LINEAGE, OTHER_KEY, OTHER_LINEAGE, finish, put
from selfkms.adapters.memory.block_store import MemoryBlockStore
from selfkms.ports.block_store import BlockStoreUnavailableError


def test_a_test_says_when_the_disk_is_full_and_what_time_it_is() -> None:
    """Nothing is written then, and all goes on later."""
    now = 5.0
    store = MemoryBlockStore(lambda: now)
    put(store, "p-one", {0: "a"})
    now = 6.0
    assert store.last_written_at(LINEAGE, "p-one") == 5.0
    store.full = True
    with pytest.raises(BlockStoreUnavailableError):
        put(store, "p-one", {1: "b"})
    with pytest.raises(BlockStoreUnavailableError):
        finish(store, "one")
    store.full = False
    block_map = finish(store, "one").map
    store.full = True
    with pytest.raises(BlockStoreUnavailableError):
        store.copy(block_map, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=1)
    assert store.written(LINEAGE, "p-one") == 1
