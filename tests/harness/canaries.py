"""Bytes that must not turn up anywhere, and the search for them in every form in which they might."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Final

_LENGTH: Final = 24
"""Long enough for none of the forms below to turn up by chance."""


def forms(secret: bytes) -> set[bytes]:
    """A secret as it would stand in a file, a log or an answer: raw, base64, hex, escaped, and each of them in UTF-16.

    Of base64 there are three, for each place that the secret may have within something longer, without the characters
    at both ends that belong to its neighbours too.
    """
    texts = {secret.hex(), secret.hex().upper(), repr(secret)[2:-1]}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            whole = encode(bytes(before) + secret).decode()
            texts.add(whole[(0, 2, 3)[before] : len(whole) - 4])
    found = {secret, *(text.encode() for text in texts)}
    if secret.isascii():
        texts.add(secret.decode())
    for text in texts:
        found |= {text.encode("utf-16-le"), text.encode("utf-16-be")}
    return found


class Canaries:
    """All secrets of a test, by what they are called in a failure."""

    def __init__(self, random: Random) -> None:
        """Begin with none."""
        self._random = random
        self._forms: dict[str, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._forms)

    def new(self, name: str) -> bytes:
        """Random bytes."""
        return self.watch(name, self._random.randbytes(_LENGTH))

    def new_text(self, name: str) -> str:
        """Random letters, for where bytes cannot be written; one too many to be base64."""
        letters = self._random.choices("abcdefghijkmnpqrstuvwxyz", k=_LENGTH + 1)
        return self.watch(name, "".join(letters).encode()).decode()

    def watch(self, name: str, secret: bytes) -> bytes:
        """A secret that somebody else made."""
        assert len(secret) >= _LENGTH, "too short to be told from chance"
        assert name not in self._forms, name
        self._forms[name] = forms(secret)
        return secret

    def found_in(self, data: bytes) -> list[str]:
        """Which of them are in these bytes."""
        return sorted(name for name, wanted in self._forms.items() if any(form in data for form in wanted))


def files_below(folder: Path) -> Iterable[Path]:
    """Every file, whatever it is called."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def where(canaries: Canaries, paths: Iterable[Path], texts: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Everything that holds any of them, with which ones: files by their names, other bytes by theirs."""
    # A segment of the journal ends in zeros, which take long to search; one of them may belong to UTF-16.
    found = {path.name: canaries.found_in(path.read_bytes().rstrip(b"\0") + b"\0") for path in paths}
    found |= {name: canaries.found_in(data) for name, data in texts.items()}
    return {name: names for name, names in found.items() if names}
