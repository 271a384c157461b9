"""The keys that sign digests."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from harness.world import World
from selfkms.adapters.software_keys.digest_signer import SoftwareDigestSigner
from selfkms.domain.cloudtrail.digests import DigestKey
from selfkms.ports.database import CorruptRecordError


@pytest.fixture(scope="module")
def signer() -> SoftwareDigestSigner:
    return SoftwareDigestSigner(World().keys)


@pytest.fixture(scope="module")
def key(signer: SoftwareDigestSigner) -> DigestKey:
    return signer.new_key("us-east-1", created_at=1.0, valid_until=2.0)


def test_what_it_signs_verifies(signer: SoftwareDigestSigner, key: DigestKey) -> None:
    """With the public half, PKCS #1 in DER; and the signature is the same every time."""
    signature = signer.sign(key, b"digest")
    public_key = load_der_public_key(key.public_key)
    assert isinstance(public_key, RSAPublicKey)
    assert public_key.key_size == 2048
    assert public_key.public_bytes(Encoding.DER, PublicFormat.PKCS1) == key.public_key
    public_key.verify(signature, b"digest", PKCS1v15(), SHA256())
    assert signer.sign(key, b"digest") == signature
    assert signer.verify(key, b"digest", signature)
    assert not signer.verify(key, b"other", signature)


def test_its_name_is_its_fingerprint(key: DigestKey) -> None:
    """Of the public half."""
    assert key.fingerprint == hashlib.md5(key.public_key).hexdigest()
    assert (key.created_at, key.valid_until) == (1.0, 2.0)


def test_a_key_of_another_region_does_not_open(signer: SoftwareDigestSigner, key: DigestKey) -> None:
    """The private half is bound to what the row says."""
    with pytest.raises(CorruptRecordError):
        signer.sign(key.changed(region="eu-central-1"), b"digest")
