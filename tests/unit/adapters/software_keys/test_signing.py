"""Which messages each signing algorithm takes."""

import itertools

import pytest

from selfkms.adapters.software_keys.signing import check_message
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import DIGEST_BYTES, MU_BYTES, SIGNING, MessageType, SigningAlgorithm
from selfkms.domain.kms.keys import KeySpec

RAW, DIGEST, MU = MessageType.RAW, MessageType.DIGEST, MessageType.EXTERNAL_MU
PAIRS = [(spec, algorithm) for spec, algorithms in SIGNING.items() for algorithm in algorithms]


def taken_by(key_spec: KeySpec, algorithm: SigningAlgorithm) -> set[MessageType]:
    """As AWS KMS API Reference, "Sign", parameter MessageType, says."""
    if algorithm is SigningAlgorithm.ED25519_SHA_512:
        return {RAW}
    if algorithm is SigningAlgorithm.ED25519_PH_SHA_512:
        return {DIGEST}
    return {RAW, MU} if key_spec.startswith("ML_DSA") else {RAW, DIGEST}


@pytest.mark.parametrize(("key_spec", "algorithm"), PAIRS)
def test_a_message_of_a_type_that_fits_is_taken(key_spec: KeySpec, algorithm: SigningAlgorithm) -> None:
    """RAW of any length, a digest and a mu of exactly one."""
    for message_type in taken_by(key_spec, algorithm):
        if message_type is RAW:
            for length in (0, 1, 32, 64, 4096):
                check_message(key_spec, algorithm, bytes(length), RAW)
            continue
        right = MU_BYTES if message_type is MU else DIGEST_BYTES[algorithm]
        check_message(key_spec, algorithm, bytes(right), message_type)
        for length in {0, 20, 32, 48, 64, right - 1, right + 1} - {right}:
            with pytest.raises(ValidationException) as refusal:
                check_message(key_spec, algorithm, bytes(length), message_type)
            assert refusal.value.message == f"Digest is invalid length for algorithm {algorithm}."


@pytest.mark.parametrize(("pair", "message_type"), [*itertools.product(PAIRS, MessageType)])
def test_a_message_of_another_type_is_refused(
    pair: tuple[KeySpec, SigningAlgorithm], message_type: MessageType
) -> None:
    """Before its length is looked at; for Ed25519 it is the algorithm that does not fit."""
    key_spec, algorithm = pair
    if message_type in taken_by(key_spec, algorithm):
        return
    what = f"algorithm {algorithm}" if key_spec is KeySpec.ECC_NIST_EDWARDS25519 else f"key spec {key_spec}"
    with pytest.raises(ValidationException) as refusal:
        check_message(key_spec, algorithm, b"", message_type)
    assert refusal.value.message == f"Message type {message_type} is incompatible with {what}."


def test_an_algorithm_of_another_key_spec_is_a_fault_of_the_caller() -> None:
    """Services have refused it before (`domain.kms.algorithms.check_algorithm`)."""
    with pytest.raises(AssertionError):
        check_message(KeySpec.ECC_NIST_P256, SigningAlgorithm.ECDSA_SHA_384, b"", RAW)
