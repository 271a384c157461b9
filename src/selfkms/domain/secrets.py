"""Secret bytes in a type of their own, so that they cannot slip into a log, an error or a comparison.

Opening one takes the token `SECRET_ACCESS`: a search for that word shows every place that sees secret bytes.
"""

import hmac
from typing import Final, NoReturn


class _SecretAccess:
    """The type of `SECRET_ACCESS`."""


SECRET_ACCESS: Final = _SecretAccess()


class Secret:
    """Plaintext or key material: no text form, no pickling, no `==`."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def open(self, token: _SecretAccess) -> bytes:
        """The bytes. The caller says with the token that it knows what it holds."""
        if token is not SECRET_ACCESS:
            raise TypeError("a secret is opened with SECRET_ACCESS")
        return self._value

    def equals(self, other: "Secret") -> bool:
        """Whether both hold the same bytes, in time that does not depend on where they differ."""
        return hmac.compare_digest(self._value, other.open(SECRET_ACCESS))

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are compared with Secret.equals")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class SecretText(Secret):
    """A secret that is text wherever it travels; its bytes are UTF-8."""

    __slots__ = ()
