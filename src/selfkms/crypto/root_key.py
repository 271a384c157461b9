"""The root key of an installation: everything else is derived from it or wrapped by what is."""

from typing import NoReturn

from selfkms.crypto.kdf import KEY_BYTES, derive
from selfkms.crypto.labels import Purpose
from selfkms.domain.secrets import SECRET_ACCESS, Secret


class RootKey:
    """32 random bytes. They encrypt nothing themselves; each purpose has a key of its own, derived from them."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a root key has {KEY_BYTES} bytes")
        self._secret = secret

    def subkey(self, purpose: Purpose) -> Secret:
        """The 32 bytes for one purpose: the same ones at every start."""
        derived = derive(self._secret.open(SECRET_ACCESS), label=purpose.encode(), context=b"", length=KEY_BYTES)
        return Secret(derived)

    def for_seal(self) -> Secret:
        """The root key itself. Only a seal asks for it."""
        return self._secret

    def __repr__(self) -> str:
        return "RootKey(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a root key is not pickled")
