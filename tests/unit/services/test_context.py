"""What a handler is given beside its request and its keys."""

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.errors import KeyUnavailableException
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Put, Remove
from selfkms.services.context import Context


@pytest.fixture
def context(world: World) -> Context:
    return Context(
        caller=Caller.root(BOB_ACCOUNT, ""),
        region="eu-west-1",
        now=7.5,
        database=world.database,
        key_store=world.key_store,
        entropy=world.entropy,
        keys=world.keys,
    )


@pytest.fixture
def key(world: World) -> KMSKey:
    """A key of another account and Region than the context's."""
    found = world.database.key(ALICE_ACCOUNT, REGION, world.make_key()["KeyId"])
    assert found is not None
    return found


def test_a_context_is_about_the_callers_account(context: Context) -> None:
    """Account and Region are those of the caller and the signature; nothing is to change yet."""
    assert (context.account_id, context.region, context.now) == (BOB_ACCOUNT, "eu-west-1", 7.5)
    assert context.key_arn("x") == f"arn:aws:kms:eu-west-1:{BOB_ACCOUNT}:key/x"
    assert (context.changes, context.notes, context.touched) == ([], {}, [])


def test_changes_are_gathered_and_not_written(context: Context, key: KMSKey) -> None:
    """What a handler puts and removes is kept in its order for the gate; the database has none of it."""
    changed = key.changed(description="changed")
    context.put(changed)
    context.remove(key)
    assert context.changes == [Put(changed), Remove(key)]
    assert context.database.key(*key.primary_key()) == key


def test_notes_and_touched_keys_are_gathered(context: Context, key: KMSKey) -> None:
    """Facts for the audit add up, and a key that came into being is named."""
    context.note(key_material_id="a")
    context.note(source_key_material_id="b")
    context.touch(key)
    assert context.notes == {"key_material_id": "a", "source_key_material_id": "b"}
    assert context.touched == [key]


def test_material_is_that_of_the_key(context: Context, key: KMSKey) -> None:
    """Material is looked up by the account and Region of its key, which need not be the caller's."""
    entry = key.current_material
    assert context.material(key, entry.handle).material_id == entry.material_id


def test_material_that_is_missing_makes_the_key_unavailable(context: Context, key: KMSKey) -> None:
    """A key without the material that its record names cannot be used now; the client learns no handle."""
    with pytest.raises(KeyUnavailableException) as raised:
        context.material(key, "0" * 32)
    assert raised.value.message == f"{key.arn} has no usable key material."


def test_the_past_is_for_requests(context: Context) -> None:
    """What falls due by itself does not ask for it."""
    with pytest.raises(AssertionError, match="only requests ask for the past"):
        _ = context.history


def test_attested_callers_are_answered_by_requests(context: Context) -> None:
    """Nothing else has a document."""
    with pytest.raises(AssertionError, match="only requests come with attestation documents"):
        _ = context.recipients


def test_contexts_share_nothing(context: Context, key: KMSKey) -> None:
    """What one request changes and notes is not in the context of another."""
    context.put(key)
    context.note(key_material_id="a")
    other = Context(
        caller=context.caller,
        region=REGION,
        now=0.0,
        database=context.database,
        key_store=context.key_store,
        entropy=context.entropy,
        keys=context.keys,
    )
    assert (other.changes, other.notes) == ([], {})
