"""How refusals of AWS KMS are told."""

import pytest

from harness.snapshots import SnapshotWorld
from harness.world import World
from selfkms.domain.ebs.errors import ResourceNotFoundException, ValidationException
from selfkms.domain.ebs.storage import DataKey
from selfkms.domain.errors import AccessDeniedException, AWSError
from selfkms.domain.kms.errors import DisabledException, KMSInternalException, NotFoundException
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.database import CorruptRecordError
from selfkms.services.ebs import keys


@pytest.mark.parametrize(
    ("refusal", "told", "reason"),
    [
        (AccessDeniedException("no"), ResourceNotFoundException, "DEPENDENCY_RESOURCE_NOT_FOUND"),
        (NotFoundException("no"), ResourceNotFoundException, "DEPENDENCY_RESOURCE_NOT_FOUND"),
        (DisabledException("no"), ValidationException, "INVALID_DEPENDENCY_REQUEST"),
    ],
)
def test_refusals_of_kms(refusal: AWSError, told: type[AWSError], reason: str) -> None:
    """Whoever may not use a key is told the same as if there were none; nothing of KMS's text is passed on."""
    with pytest.raises(told) as raised, keys.told_directly():
        raise refusal
    assert getattr(raised.value, "reason") == reason  # noqa: B009  the two classes have it, their base has not
    assert raised.value.message != "no"


def test_failures_are_no_refusals() -> None:
    """They may be tried again."""
    with pytest.raises(KMSInternalException), keys.told_directly():
        raise KMSInternalException("not now")


def test_the_data_key_of_plain_blocks() -> None:
    """It opens for its own lineage only."""
    installation_keys = World().keys
    secret = Secret(bytes(range(64)))
    sealed = DataKey(wrapped=installation_keys.seal(secret, bound_to=("data key of plain blocks", "a")))
    opened = keys.open_plain(installation_keys, sealed, "a")
    assert opened.open(SECRET_ACCESS) == secret.open(SECRET_ACCESS)
    with pytest.raises(CorruptRecordError):
        keys.open_plain(installation_keys, sealed, "b")


def test_a_key_that_cannot_encrypt() -> None:
    """An asymmetric one is none for volumes."""
    world = SnapshotWorld()
    arn = world.make_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["Arn"]
    parameters = {"AvailabilityZone": "us-east-1a", "Size": 1, "Encrypted": True, "KmsKeyId": arn}
    refusal = ("InvalidParameterValue", f"The specified keyId {arn} is invalid")
    assert world.compute_refusal("CreateVolume", **parameters) == refusal
