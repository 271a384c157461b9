"""The KMS key and what kinds of it there are."""

from collections.abc import Mapping
from typing import Any, Final

import botocore.loaders
import pytest

from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import USAGES, KeyManager, KeySpec, KeyUsage, KMSKey, MaterialEntry, Origin

OLD: Final = MaterialEntry(handle="0" * 32, material_id="a" * 64)
CURRENT: Final = MaterialEntry(handle="1" * 32, material_id="b" * 64)

KEY: Final = KMSKey(
    account_id="111122223333",
    region="eu-central-1",
    key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
    created_at=1.0,
    state=KeyState.ENABLED,
    policy="{}",
    materials=(OLD, CURRENT),
)

# AWS KMS API Reference, "CreateKey", parameter KeyUsage.
PERMITTED_USAGES: Final = {
    "SYMMETRIC_DEFAULT": {"ENCRYPT_DECRYPT"},
    "RSA_2048": {"ENCRYPT_DECRYPT", "SIGN_VERIFY"},
    "RSA_3072": {"ENCRYPT_DECRYPT", "SIGN_VERIFY"},
    "RSA_4096": {"ENCRYPT_DECRYPT", "SIGN_VERIFY"},
    "ECC_NIST_P256": {"SIGN_VERIFY", "KEY_AGREEMENT"},
    "ECC_NIST_P384": {"SIGN_VERIFY", "KEY_AGREEMENT"},
    "ECC_NIST_P521": {"SIGN_VERIFY", "KEY_AGREEMENT"},
    "ECC_SECG_P256K1": {"SIGN_VERIFY"},
    "ECC_NIST_EDWARDS25519": {"SIGN_VERIFY"},
    "HMAC_224": {"GENERATE_VERIFY_MAC"},
    "HMAC_256": {"GENERATE_VERIFY_MAC"},
    "HMAC_384": {"GENERATE_VERIFY_MAC"},
    "HMAC_512": {"GENERATE_VERIFY_MAC"},
    "ML_DSA_44": {"SIGN_VERIFY"},
    "ML_DSA_65": {"SIGN_VERIFY"},
    "ML_DSA_87": {"SIGN_VERIFY"},
    "ML_KEM_512": {"ENCAPSULATE_DECAPSULATE"},
    "ML_KEM_768": {"ENCAPSULATE_DECAPSULATE"},
    "ML_KEM_1024": {"ENCAPSULATE_DECAPSULATE"},
    "SM2": {"ENCRYPT_DECRYPT", "SIGN_VERIFY", "KEY_AGREEMENT"},
}


@pytest.fixture(scope="module")
def shapes() -> Mapping[str, Any]:
    """The shapes of the published service model of AWS KMS."""
    model: Mapping[str, Any] = botocore.loaders.Loader().load_service_model("kms", "service-2")["shapes"]
    return model


@pytest.mark.parametrize(
    ("ours", "shape"),
    [(KeySpec, "KeySpec"), (KeyUsage, "KeyUsageType"), (Origin, "OriginType"), (KeyManager, "KeyManagerType")],
)
def test_kinds_are_those_of_the_service_model(
    ours: type[KeySpec | KeyUsage | Origin | KeyManager], shape: str, shapes: Mapping[str, Any]
) -> None:
    """No kind of key is missing and none is ours alone."""
    assert {member.value for member in ours} == set(shapes[shape]["enum"])


@pytest.mark.parametrize("key_spec", PERMITTED_USAGES)
def test_usages_of_each_key_spec(key_spec: str) -> None:
    """Each key spec permits the usages that AWS permits for it, and no others."""
    assert USAGES[KeySpec(key_spec)] == PERMITTED_USAGES[key_spec]


def test_every_key_spec_has_usages() -> None:
    """A new key spec must say what it may do."""
    assert set(USAGES) == set(KeySpec) == set(PERMITTED_USAGES)


def test_the_arn_of_a_key() -> None:
    """Region, account and key ID."""
    assert KEY.arn == "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_key_is_what_aws_makes_unless_told_otherwise() -> None:
    """CreateKey without parameters: symmetric, for encryption, material of our own, one Region, the customer's."""
    assert KEY.key_spec is KeySpec.SYMMETRIC_DEFAULT
    assert KEY.key_usage is KeyUsage.ENCRYPT_DECRYPT
    assert KEY.origin is Origin.AWS_KMS
    assert KEY.manager is KeyManager.CUSTOMER
    assert (KEY.multi_region, KEY.description, KEY.tags, KEY.deletion_at) == (False, "", (), None)


@pytest.mark.parametrize("state", KeyState)
def test_enabled_is_the_key_state_and_nothing_else(state: KeyState) -> None:
    """`Enabled` of KeyMetadata is derived, so the two cannot disagree."""
    assert KEY.changed(state=state).enabled == (state == "Enabled")


def test_the_last_material_encrypts() -> None:
    """Materials stand oldest first."""
    assert KEY.current_material is CURRENT


def test_what_is_pending_rotation_does_not_encrypt() -> None:
    """It stands last, and is not current."""
    waiting = MaterialEntry(handle="2" * 32, material_id="c" * 64, pending_rotation=True)
    key = KEY.changed(materials=(OLD, CURRENT, waiting))
    assert (key.current_material, key.waiting_material) == (CURRENT, waiting)
    assert key.lasting_materials == (OLD, CURRENT)
    assert KEY.waiting_material is None


def test_only_imported_material_can_be_missing() -> None:
    """A key with material of our own is whole as long as it lives."""
    assert KEY.whole(now=1e12)
    assert not KEY.changed(origin=Origin.EXTERNAL, materials=()).whole(now=0.0)


def test_every_material_is_found_by_its_handle() -> None:
    """Old ciphertext stays readable: also the materials that no longer encrypt are the key's."""
    assert KEY.material(OLD.handle) is OLD
    assert KEY.material(CURRENT.handle) is CURRENT


@pytest.mark.parametrize("handle", ["2" * 32, "", "a" * 64])
def test_material_of_another_key_is_not_found(handle: str) -> None:
    """A handle that is none of this key's gives nothing."""
    assert KEY.material(handle) is None
