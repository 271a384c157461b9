"""Randomness and IDs come in here, so that tests can name them."""

from typing import Protocol


class Entropy(Protocol):
    """Cryptographically secure randomness."""

    def random_bytes(self, count: int) -> bytes:
        """`count` random bytes."""

    def uuid(self) -> str:
        """A random UUID in lower case with dashes: key IDs, request IDs, event IDs."""
