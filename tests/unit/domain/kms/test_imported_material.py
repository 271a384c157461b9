"""What becomes of a key whose material comes and goes, without a gate."""

from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import (
    IncorrectKeyMaterialException,
    KMSInvalidStateException,
    UnsupportedOperationException,
)
from selfkms.domain.kms.imported_material import (
    IMPORTABLE,
    MATERIAL_BYTES,
    ImportType,
    Terms,
    WrappingAlgorithm,
    WrappingKeySpec,
    check_importable,
    check_origin,
    check_valid_to,
    check_wrapping,
    expiration,
    expired,
    imported,
    without,
)
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeyMaterial, KeySpec, KMSKey, MaterialEntry, Origin
from selfkms.domain.kms.rotation import rotated_to_waiting
from selfkms.domain.limits import SECONDS_PER_DAY

NOW: Final = 1_000.0
EMPTY: Final = KMSKey(
    account_id="111122223333",
    region="us-east-1",
    key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
    created_at=0.0,
    state=KeyState.PENDING_IMPORT,
    policy="{}",
    origin=Origin.EXTERNAL,
)
NEW: Final = ImportType.NEW_KEY_MATERIAL
EXISTING: Final = ImportType.EXISTING_KEY_MATERIAL


def material(number: int) -> KeyMaterial:
    return KeyMaterial(
        account_id=EMPTY.account_id,
        region=EMPTY.region,
        key_id=EMPTY.key_id,
        handle=f"{number:032x}",
        material_id=f"{number:064x}",
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        created_at=NOW,
        wrapped=b"wrapped",
    )


def terms(
    import_type: ImportType | None = None,
    *,
    material_id: str | None = None,
    valid_to: float | None = None,
    description: str | None = None,
) -> Terms:
    return Terms(import_type=import_type, material_id=material_id, valid_to=valid_to, description=description)


def brought(key: KMSKey, number: int, import_type: ImportType | None = None, **more: float) -> KMSKey:
    return imported(key, material(number), terms(import_type, valid_to=more.get("valid_to")), now=NOW)


def one() -> KMSKey:
    return brought(EMPTY, 1)


def two() -> KMSKey:
    """A key that was rotated once."""
    return rotated_to_waiting(brought(one(), 2, NEW), now=NOW)


def entry(key: KMSKey, number: int) -> MaterialEntry:
    found = key.material(f"{number:032x}")
    assert found is not None
    return found


class TestKinds:
    """What may be imported, and how it may be wrapped."""

    def test_every_kind_but_the_post_quantum_ones_and_sm2(self) -> None:
        """ML-DSA AWS rules out, ML-KEM it does not speak of, SM2 is not made here at all."""
        others = {spec for spec in KeySpec if spec.startswith(("ML_", "SM2"))}
        assert set(KeySpec) - IMPORTABLE == others
        for spec in others:
            with pytest.raises(UnsupportedOperationException):
                check_importable(spec)
        for spec in IMPORTABLE:
            check_importable(spec)

    def test_lengths(self) -> None:
        """KMS developer guide, "Requirements for imported key material"."""
        assert {spec: (lengths.start, lengths.stop - 1) for spec, lengths in MATERIAL_BYTES.items()} == {
            "SYMMETRIC_DEFAULT": (32, 32),
            "HMAC_224": (28, 64),
            "HMAC_256": (32, 64),
            "HMAC_384": (48, 128),
            "HMAC_512": (64, 128),
        }

    @pytest.mark.parametrize("key_spec", sorted(IMPORTABLE))
    @pytest.mark.parametrize("wrapping_key_spec", WrappingKeySpec)
    @pytest.mark.parametrize("algorithm", WrappingAlgorithm)
    def test_wrapping(
        self, key_spec: KeySpec, wrapping_key_spec: WrappingKeySpec, algorithm: WrappingAlgorithm
    ) -> None:
        """All combinations but PKCS#1 v1.5, SM2, OAEP of RSA keys, and OAEP of P-521 keys under RSA_2048."""
        direct = algorithm.startswith("RSAES")
        refused = (
            algorithm in ("RSAES_PKCS1_V1_5", "SM2PKE")
            or wrapping_key_spec == "SM2"
            or (direct and key_spec.startswith("RSA_"))
            or (direct and (key_spec, wrapping_key_spec) == ("ECC_NIST_P521", "RSA_2048"))
        )
        if not refused:
            check_wrapping(key_spec, algorithm, wrapping_key_spec)
            return
        with pytest.raises(UnsupportedOperationException):
            check_wrapping(key_spec, algorithm, wrapping_key_spec)

    @pytest.mark.parametrize("origin", sorted(set(Origin) - {Origin.EXTERNAL}))
    def test_other_origins(self, origin: Origin) -> None:
        """The text names the origin, as AWS's does."""
        check_origin(EMPTY)
        with pytest.raises(UnsupportedOperationException) as refusal:
            check_origin(EMPTY.changed(origin=origin))
        assert refusal.value.message == f"{EMPTY.arn} origin is {origin} which is not valid for this operation."

    def test_the_date_of_expiry(self) -> None:
        """It lies ahead, by 365 days at most; without one there is nothing to check."""
        latest = NOW + 365 * SECONDS_PER_DAY
        for valid_to in (None, NOW + 0.001, latest):
            check_valid_to(valid_to, now=NOW)
        for valid_to in (NOW, NOW - 1, 0.0, latest + 1):
            with pytest.raises(ValidationException):
                check_valid_to(valid_to, now=NOW)


class TestImport:
    """Which material a key takes, and what state it is in then."""

    def test_the_first_material_is_current_and_enables(self) -> None:
        """Whether the caller calls it new or says nothing."""
        for import_type in (None, NEW):
            key = brought(EMPTY, 1, import_type)
            assert key.state is KeyState.ENABLED
            assert key.current_material == MaterialEntry(f"{1:032x}", f"{1:064x}")
            assert key.waiting_material is None

    def test_further_material_waits(self) -> None:
        """It does not encrypt, it is not the key's for good, and the key goes on as before."""
        key = brought(one(), 2, NEW)
        assert key.state is KeyState.ENABLED
        assert key.current_material == entry(key, 1)
        assert key.waiting_material == entry(key, 2)
        assert key.lasting_materials == (entry(key, 1),)

    def test_one_waits_at_a_time(self) -> None:
        """The text names both."""
        key = brought(one(), 2, NEW)
        with pytest.raises(KMSInvalidStateException) as refusal:
            brought(key, 3, NEW)
        assert refusal.value.message == (
            f"New key material (id: {3:064x}) cannot be imported into KMS key {key.arn}, "
            f"because another key material (id: {2:064x}) is pending rotation."
        )

    @pytest.mark.parametrize("import_type", [None, EXISTING])
    def test_other_material_is_incorrect(self, import_type: ImportType | None) -> None:
        """Once there is material, more of it must be called new."""
        with pytest.raises(IncorrectKeyMaterialException):
            brought(one(), 2, import_type)

    def test_known_material_is_not_new(self) -> None:
        """Current, old or waiting."""
        key = brought(two(), 3, NEW)
        for number in (1, 2, 3):
            with pytest.raises(IncorrectKeyMaterialException):
                brought(key, number, NEW)

    def test_existing_material_of_an_empty_key(self) -> None:
        """There is none."""
        with pytest.raises(IncorrectKeyMaterialException):
            brought(EMPTY, 1, EXISTING)

    def test_the_material_id_must_be_the_one(self) -> None:
        """Another one of the same key is not, and new material has none yet."""
        key = two()
        assert imported(key, material(1), terms(material_id=f"{1:064x}"), now=NOW) == key
        for wrong in (f"{2:064x}", f"{9:064x}"):
            with pytest.raises(IncorrectKeyMaterialException):
                imported(key, material(1), terms(material_id=wrong), now=NOW)
        for empty, import_type in ((key, NEW), (EMPTY, None)):
            with pytest.raises(ValidationException):
                imported(empty, material(3), terms(import_type, material_id=f"{3:064x}"), now=NOW)

    def test_again_changes_the_expiry_and_keeps_the_description(self) -> None:
        """AWS KMS API Reference, "ImportKeyMaterial", KeyMaterialDescription: retained unless another is given."""
        key = imported(EMPTY, material(1), terms(valid_to=NOW + 5, description="first"), now=NOW)
        assert (key.current_material.valid_to, key.due_at) == (NOW + 5, NOW + 5)
        again = brought(key, 1)
        assert (again.current_material.valid_to, again.due_at) == (None, None)
        assert again.current_material.description == "first"
        other = imported(again, material(1), terms(description="second"), now=NOW)
        assert other.current_material.description == "second"

    def test_a_disabled_key_stays_disabled(self) -> None:
        """A new date of expiry is no reason to use it again."""
        assert brought(one().changed(state=KeyState.DISABLED), 1).state is KeyState.DISABLED

    def test_enabled_only_with_all_that_were_ever_current(self) -> None:
        """AWS KMS API Reference, "ImportKeyMaterial"."""
        key = two()
        key = without(key, key.materials)
        assert key.state is KeyState.PENDING_IMPORT
        first = brought(key, 1)
        assert first.state is KeyState.PENDING_IMPORT
        assert brought(first, 2).state is KeyState.ENABLED
        assert brought(brought(key, 2), 1).materials == two().materials

    def test_what_waits_makes_no_key_whole(self) -> None:
        """A key whose material is gone is not Enabled by new material."""
        lost = without(one(), one().materials)
        assert brought(lost, 2, NEW).state is KeyState.PENDING_IMPORT


class TestLoss:
    """Material that is deleted or expires."""

    def test_the_entry_stays(self) -> None:
        """With its handle, its ID and what was written to it, so that the same material is known again."""
        key = imported(EMPTY, material(1), terms(valid_to=NOW + 5, description="mine"), now=NOW)
        lost = without(key, key.materials)
        assert lost.state is KeyState.PENDING_IMPORT
        assert lost.current_material == MaterialEntry(f"{1:032x}", f"{1:064x}", present=False, description="mine")
        assert (lost.due_at, lost.whole(NOW), expiration(lost)) == (None, False, None)

    def test_what_waited_is_forgotten(self) -> None:
        """And the state stays: other new material may be imported in its place."""
        key = brought(one(), 2, NEW)
        assert without(key, (entry(key, 2),)) == one()
        assert brought(without(key, (entry(key, 2),)), 3, NEW).waiting_material is not None

    @pytest.mark.parametrize("state", KeyState)
    def test_states(self, state: KeyState) -> None:
        """PendingImport afterwards, but for a key that is pending deletion; one that is being created has none."""
        if state is KeyState.CREATING:
            return
        lost = without(one().changed(state=state), one().materials)
        ending = state in (KeyState.PENDING_DELETION, KeyState.PENDING_REPLICA_DELETION)
        expected = state if ending else KeyState.PENDING_IMPORT
        assert lost.state is expected

    def test_expiry_by_the_clock(self) -> None:
        """From the second of ValidTo on; what is gone already does not expire again."""
        key = brought(two(), 2, valid_to=NOW + 5)
        assert expired(key, at=NOW + 4.999) == ()
        assert key.whole(NOW + 4.999)
        assert expired(key, at=NOW + 5) == (entry(key, 2),)
        assert not key.whole(NOW + 5)
        assert expired(without(key, (entry(key, 2),)), at=NOW + 9) == ()

    def test_what_is_told_of_expiry(self) -> None:
        """KeyMetadata: the earliest date of all that are the key's for good; nothing of keys of another origin."""
        assert expiration(EMPTY) is None
        assert expiration(one().changed(origin=Origin.AWS_KMS)) is None
        assert expiration(one()) == ("KEY_MATERIAL_DOES_NOT_EXPIRE", None)
        key = brought(brought(two(), 1, valid_to=NOW + 9), 2, valid_to=NOW + 5)
        assert expiration(key) == ("KEY_MATERIAL_EXPIRES", NOW + 5)
        assert expiration(brought(one(), 2, NEW, valid_to=NOW + 5)) == ("KEY_MATERIAL_DOES_NOT_EXPIRE", None)

    def test_a_key_that_is_pending_deletion_is_due_at_what_comes_first(self) -> None:
        """Its end, or the expiry of its material."""
        key = brought(EMPTY, 1, valid_to=NOW + 5).changed(state=KeyState.PENDING_DELETION)
        assert key.changed(deletion_at=NOW + 9).due_at == NOW + 5
        assert key.changed(deletion_at=NOW + 3).due_at == NOW + 3


@given(st.lists(st.tuples(st.sampled_from(["new", "again", "lose", "rotate"]), st.integers(1, 4)), max_size=25))
def test_whatever_happens_a_key_is_enabled_only_while_it_is_whole(happenings: list[tuple[str, int]]) -> None:
    """And remembers every material that ever was current, in their order."""
    key = EMPTY
    ever: list[str] = []
    for what, number in happenings:
        try:
            match what:
                case "new":
                    key = brought(key, number, NEW)
                case "again":
                    key = brought(key, number, EXISTING)
                case "lose":
                    gone = tuple(e for e in key.materials if e.handle == f"{number:032x}" and e.present)
                    key = without(key, gone) if gone else key
                case _:
                    key = rotated_to_waiting(key, now=NOW) if key.waiting_material and key.enabled else key
        except (IncorrectKeyMaterialException, KMSInvalidStateException):
            continue
        assert key.enabled == key.whole(NOW)
        lasting = [found.handle for found in key.lasting_materials]
        assert lasting[: len(ever)] == ever
        assert msgspec.json.decode(msgspec.json.encode(key), type=KMSKey) == key
        ever = lasting
