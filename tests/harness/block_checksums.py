"""Checksums of blocks, as clients of the EBS direct APIs compute them."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping


def checksum_of(data: bytes) -> str:
    """The SHA-256 of a block as the API has it."""
    return b64encode(hashlib.sha256(data).digest()).decode()


def linear(blocks: Mapping[int, bytes]) -> str:
    """What LINEAR gives over the checksums of blocks: in the order of their indices."""
    return checksum_of(b"".join(hashlib.sha256(data).digest() for _, data in sorted(blocks.items())))
