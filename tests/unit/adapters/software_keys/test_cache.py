"""The cache of unwrapped key material."""

from selfkms.adapters.software_keys.cache import MaterialCache
from selfkms.domain.kms.keys import KeyMaterial, KeySpec


def record(key_id: str) -> KeyMaterial:
    """A record, equal to another one of the same key ID and not the same object."""
    return KeyMaterial(
        account_id="111122223333",
        region="eu-central-1",
        key_id=key_id,
        handle="00" * 16,
        material_id="00" * 32,
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        created_at=0.0,
        wrapped=b"wrapped",
    )


def test_what_was_not_used_for_longest_goes_first() -> None:
    """A look counts as use."""
    cache: MaterialCache[str] = MaterialCache(2)
    cache.keep(record("a"), "a")
    cache.keep(record("b"), "b")
    assert cache.get(record("a")) is not None
    cache.keep(record("c"), "c")
    assert [cache.get(record(name)) is not None for name in "abc"] == [True, False, True]
    assert len(cache) == 2


def test_a_record_that_differs_in_anything_is_not_found() -> None:
    """What was unwrapped for one row is not given for an altered one of the same place."""
    cache: MaterialCache[str] = MaterialCache(2)
    cache.keep(record("a"), "a")
    assert cache.get(record("a").changed(wrapped=b"other")) is None
    assert cache.get(record("a").changed(key_spec=KeySpec.HMAC_256)) is None


def test_keeping_again_replaces() -> None:
    """One place, one entry."""
    cache: MaterialCache[str] = MaterialCache(2)
    cache.keep(record("a"), "a")
    cache.keep(record("a"), "newer")
    assert cache.get(record("a")) == "newer"
    assert len(cache) == 1


def test_what_is_forgotten_is_gone() -> None:
    """Also when it was never there."""
    cache: MaterialCache[str] = MaterialCache(2)
    cache.keep(record("a"), "a")
    cache.forget(record("a"))
    cache.forget(record("b"))
    assert len(cache) == 0
