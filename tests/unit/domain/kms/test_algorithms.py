"""Which algorithms a key spec has."""

from collections.abc import Mapping

import pytest

from selfkms.domain.kms.algorithms import (
    AGREEMENT,
    DIGEST_BYTES,
    ENCAPSULATION,
    ENCRYPTION,
    MAC,
    SIGNING,
    SigningAlgorithm,
    check_algorithm,
)
from selfkms.domain.kms.errors import InvalidKeyUsageException
from selfkms.domain.kms.keys import USAGES, KeySpec, KeyUsage

TABLES: Mapping[KeyUsage, Mapping[KeySpec, tuple[str, ...]]] = {
    KeyUsage.ENCRYPT_DECRYPT: ENCRYPTION,
    KeyUsage.SIGN_VERIFY: SIGNING,
    KeyUsage.GENERATE_VERIFY_MAC: MAC,
    KeyUsage.KEY_AGREEMENT: AGREEMENT,
    KeyUsage.ENCAPSULATE_DECAPSULATE: ENCAPSULATION,
}


@pytest.mark.parametrize("spec", [spec for spec in KeySpec if spec is not KeySpec.SM2])
@pytest.mark.parametrize("usage", TABLES)
def test_a_spec_has_algorithms_for_exactly_the_usages_it_permits(spec: KeySpec, usage: KeyUsage) -> None:
    """No usage without an algorithm, no algorithm without a usage."""
    assert (usage in USAGES[spec]) is bool(TABLES[usage].get(spec))


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE", "symmetric_default", ""])
def test_algorithms_of_other_keys_are_refused(algorithm: str) -> None:
    """A symmetric key takes no algorithm of another kind of key, and says so in AWS's words."""
    with pytest.raises(InvalidKeyUsageException) as refusal:
        check_algorithm(KeySpec.SYMMETRIC_DEFAULT, algorithm, ENCRYPTION)
    assert refusal.value.message == f"Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT."


def test_the_algorithm_of_symmetric_keys_is_refused_for_others() -> None:
    """An RSA key does not take SYMMETRIC_DEFAULT, an HMAC key nothing of Encrypt at all."""
    for spec in (KeySpec.RSA_2048, KeySpec.HMAC_256):
        with pytest.raises(InvalidKeyUsageException):
            check_algorithm(spec, "SYMMETRIC_DEFAULT", ENCRYPTION)
    check_algorithm(KeySpec.SYMMETRIC_DEFAULT, "SYMMETRIC_DEFAULT", ENCRYPTION)


def test_digest_lengths_are_those_of_the_hash() -> None:
    """A digest has the length that the algorithm's name says, in bytes; ML-DSA takes none."""
    assert DIGEST_BYTES[SigningAlgorithm.RSASSA_PSS_SHA_384] == 48
    assert DIGEST_BYTES[SigningAlgorithm.ECDSA_SHA_256] == 32
    assert DIGEST_BYTES[SigningAlgorithm.ED25519_PH_SHA_512] == 64
    assert SigningAlgorithm.ML_DSA_SHAKE_256 not in DIGEST_BYTES
