"""The digest: a list of log files, with the digest before it, signed.

Source: CloudTrail User Guide, "CloudTrail digest file structure", "Custom implementations of CloudTrail log file
integrity validation".
"""

import hashlib
from typing import Any, ClassVar, Final

import msgspec

from selfkms.domain.cloudtrail.deliveries import Chain, DigestFile
from selfkms.domain.cloudtrail.event import event_time
from selfkms.domain.records import Record

HASH_ALGORITHM: Final = "SHA-256"
SIGNATURE_ALGORITHM: Final = "SHA256withRSA"

_encode: Final = msgspec.json.Encoder().encode


class DigestKey(Record, frozen=True, kw_only=True):
    """A key pair that signs the digests of a Region."""

    TABLE: ClassVar = "digest_keys"

    region: str
    fingerprint: str
    public_key: bytes
    """RSAPublicKey in DER (RFC 8017, A.1.1)."""
    sealed_private_key: bytes
    """PrivateKeyInfo in DER, sealed with the installation's keys."""
    created_at: float
    """From when on it signs, seconds since the epoch."""
    valid_until: float
    """Until when it signs; what it signed stays valid."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.region, self.fingerprint)


def fingerprint(public_key: bytes) -> str:
    """The fingerprint of a public key: 32 hex digits, as CloudTrail's are. It is a name, nothing hangs on it."""
    return hashlib.md5(public_key, usedforsecurity=False).hexdigest()


def digest_document(chain: Chain, *, account_id: str) -> bytes:
    """The digest that a chain is writing, as JSON. Of equal chains it is equal, byte for byte."""
    assert chain.end is not None
    previous = chain.previous
    document: dict[str, Any] = {
        "awsAccountId": account_id,
        "digestStartTime": event_time(chain.start),
        "digestEndTime": event_time(chain.end),
        "digestS3Bucket": chain.bucket,
        "digestS3Object": chain.key,
        "digestPublicKeyFingerprint": chain.signing_key,
        "digestSignatureAlgorithm": SIGNATURE_ALGORITHM,
        "newestEventTime": max((log.newest for log in chain.logs), default=None),
        "oldestEventTime": min((log.oldest for log in chain.logs), default=None),
        "previousDigestS3Bucket": previous and previous.bucket,
        "previousDigestS3Object": previous and previous.key,
        "previousDigestHashValue": previous and previous.sha256,
        "previousDigestHashAlgorithm": previous and HASH_ALGORITHM,
        "previousDigestSignature": previous and previous.signature,
        "logFiles": [
            {
                "s3Bucket": log.bucket,
                "s3Object": log.key,
                "hashValue": log.sha256,
                "hashAlgorithm": HASH_ALGORITHM,
                "newestEventTime": log.newest,
                "oldestEventTime": log.oldest,
            }
            for log in chain.logs
        ],
    }
    return _encode(document)


class ListedFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A log file in a digest that is read."""

    bucket: str = msgspec.field(name="s3Bucket")
    key: str = msgspec.field(name="s3Object")
    hash_value: str


class ReadDigest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As much of a digest as its verification needs."""

    digest_end_time: str
    bucket: str = msgspec.field(name="digestS3Bucket")
    key: str = msgspec.field(name="digestS3Object")
    digest_public_key_fingerprint: str
    previous_bucket: str | None = msgspec.field(name="previousDigestS3Bucket")
    previous_key: str | None = msgspec.field(name="previousDigestS3Object")
    previous_digest_hash_value: str | None
    previous_digest_signature: str | None
    log_files: tuple[ListedFile, ...]

    @property
    def previous(self) -> DigestFile | None:
        """The digest before it; None: it is the first one of its chain."""
        if self.previous_key is None:
            return None
        return DigestFile(
            bucket=self.previous_bucket or "",
            key=self.previous_key,
            sha256=self.previous_digest_hash_value or "",
            signature=self.previous_digest_signature or "",
        )


def read_digest(document: bytes) -> ReadDigest:
    """What a digest says.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(document, type=ReadDigest)


def signed_bytes(end_time: str, *, path: str, document: bytes, previous: DigestFile | None) -> bytes:
    """What the signature of a digest is made over; `path` is bucket and key."""
    parts = (end_time, path, hashlib.sha256(document).hexdigest(), previous.signature if previous else "null")
    return "\n".join(parts).encode()
