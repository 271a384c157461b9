"""What an installation knows of itself: its root key, sealed, and a domain key per Region.

The hierarchy is seal → root key → domain key → key material. Domain keys are rotated and old ones kept, so that a
Region's material can be wrapped anew without touching another Region.
"""

from typing import ClassVar

import msgspec

from selfkms.domain.records import Record


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """The one row that is read before any key is known; what protects it is the seal itself."""

    installation_id: str
    """A UUID."""
    created_at: float
    """Seconds since the epoch."""
    seal: str
    """Which seal: `file`."""
    sealed_root_key: bytes


class DomainKey(Record, frozen=True, kw_only=True):
    """32 bytes that wrap the key materials of one Region, themselves wrapped by the root key."""

    TABLE: ClassVar = "domain_keys"

    region: str
    version: int
    """1, 2, 3 …; the highest one wraps, the others still unwrap."""
    created_at: float
    """Seconds since the epoch."""
    wrapped: bytes

    def primary_key(self) -> tuple[str, ...]:
        return (self.region, f"{self.version:06d}")
