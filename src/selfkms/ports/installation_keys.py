"""What the installation's own keys do for the core without being seen: seal small secrets, and tag what we issued."""

from typing import Protocol

from selfkms.domain.secrets import Secret


class InstallationKeys(Protocol):
    """Keys derived from the root key, one a purpose."""

    def seal(self, secret: Secret, *, bound_to: tuple[str, ...]) -> bytes:
        """The secret, encrypted; it opens only when bound to the same words."""

    def open(self, sealed: bytes, *, bound_to: tuple[str, ...]) -> Secret:
        """The secret.

        Raises:
            CorruptRecordError: altered, or bound to something else.
        """

    def tag(self, purpose: str, data: bytes) -> bytes:
        """16 bytes that only this installation can compute; another purpose gives another tag."""
