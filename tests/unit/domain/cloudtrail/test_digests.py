"""The digest document, and what is signed."""

import hashlib
import json

from selfkms.domain.cloudtrail.deliveries import Chain, DigestFile, LogFile
from selfkms.domain.cloudtrail.digests import digest_document, fingerprint, read_digest, signed_bytes

CHAIN = Chain(
    region="us-east-1",
    start=1_790_000_000,
    end=1_790_003_600,
    bucket="logs",
    key="AWSLogs/digest.json.gz",
    signing_key="ab",
    logs=(LogFile(bucket="logs", key="k", sha256="cd", newest="2026-09-21T14:20:00Z", oldest="2026-09-21T14:15:00Z"),),
)
PREVIOUS = DigestFile(bucket="logs", key="p", sha256="ef", signature="0123")


def test_a_starting_digest() -> None:
    """All fields of CloudTrail's, those of a digest before it null."""
    assert json.loads(digest_document(CHAIN, account_id="111122223333")) == {
        "awsAccountId": "111122223333",
        "digestStartTime": "2026-09-21T14:13:20Z",
        "digestEndTime": "2026-09-21T15:13:20Z",
        "digestS3Bucket": "logs",
        "digestS3Object": "AWSLogs/digest.json.gz",
        "digestPublicKeyFingerprint": "ab",
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": "2026-09-21T14:20:00Z",
        "oldestEventTime": "2026-09-21T14:15:00Z",
        "previousDigestS3Bucket": None,
        "previousDigestS3Object": None,
        "previousDigestHashValue": None,
        "previousDigestHashAlgorithm": None,
        "previousDigestSignature": None,
        "logFiles": [
            {
                "s3Bucket": "logs",
                "s3Object": "k",
                "hashValue": "cd",
                "hashAlgorithm": "SHA-256",
                "newestEventTime": "2026-09-21T14:20:00Z",
                "oldestEventTime": "2026-09-21T14:15:00Z",
            }
        ],
    }


def test_a_following_digest_names_the_one_before() -> None:
    """Five fields of it."""
    chain = Chain(region="r", start=1, end=2, previous=PREVIOUS)
    document = json.loads(digest_document(chain, account_id="1"))
    names = ("S3Bucket", "S3Object", "HashValue", "HashAlgorithm", "Signature")
    assert [document[f"previousDigest{name}"] for name in names] == ["logs", "p", "ef", "SHA-256", "0123"]
    assert (document["newestEventTime"], document["oldestEventTime"], document["logFiles"]) == (None, None, [])


def test_what_is_signed() -> None:
    """Four lines: end, place, hash, signature of the digest before or `null`."""
    signed = signed_bytes("2026-09-21T15:13:20Z", path=f"logs/{CHAIN.key}", document=b"document", previous=None)
    assert signed.decode().split("\n") == [
        "2026-09-21T15:13:20Z",
        "logs/AWSLogs/digest.json.gz",
        hashlib.sha256(b"document").hexdigest(),
        "null",
    ]
    assert signed_bytes("", path="", document=b"", previous=PREVIOUS).endswith(b"\n0123")


def test_a_digest_is_read() -> None:
    """As far as whoever verifies it needs it."""
    read = read_digest(digest_document(CHAIN, account_id="1"))
    assert (read.bucket, read.key, read.digest_end_time) == ("logs", CHAIN.key, "2026-09-21T15:13:20Z")
    assert [(log.bucket, log.key, log.hash_value) for log in read.log_files] == [
        (log.bucket, log.key, log.sha256) for log in CHAIN.logs
    ]
    assert read.previous is None
    following = Chain(region="r", start=1, end=2, previous=PREVIOUS)
    assert read_digest(digest_document(following, account_id="1")).previous == PREVIOUS


def test_a_fingerprint() -> None:
    """32 hex digits."""
    assert fingerprint(b"") == "d41d8cd98f00b204e9800998ecf8427e"
