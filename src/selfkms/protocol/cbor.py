"""CBOR as attestation documents have it, and nothing beyond: unsigned numbers, bytes, text, arrays, maps, null.

Every length is compared with what is left before anything is made of it, nothing nests deeper than `DEPTH_MAX`, and no
name stands twice in a map: two readers might see two documents. Strings have definite lengths. Maps and arrays may be
of indefinite length: some Nitro hypervisors write documents so.

Source: RFC 8949, 3 (encoding), 3.2.2 (indefinite lengths), 5.6 (duplicate keys).
"""

from collections.abc import Iterator
from typing import Final

DEPTH_MAX: Final = 3
"""A document needs as many: its map, a map or list in it, and what that holds."""
ENTRIES_MAX: Final = 64
"""Of one array or map. There are at most 32 PCRs."""

Value = int | bytes | str | list["Value"] | dict[int | str, "Value"] | None

_NULL: Final = 0xF6
_BREAK: Final = b"\xff"
_OF_NAMES: Final = (0, 3)
_INDEFINITE: Final = 31
_IN_ITSELF_MAX: Final = 23
"""An argument up to this stands in the initial byte."""
_BYTES_THAT_FOLLOW: Final = {24: 1, 25: 2, 26: 4, 27: 8}


class CBORError(ValueError):
    """Not CBOR, or more of it than is read here."""


def decode(data: bytes) -> Value:
    """The one data item that the bytes are.

    Raises:
        CBORError: they are none, or several, or one of another kind, too deep or too long.
    """
    reader = _Reader(data)
    value = reader.item(DEPTH_MAX)
    reader.end()
    return value


class _Reader:
    """Reads on from where it is."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def end(self) -> None:
        """Refuse what comes after the item."""
        if self._at != len(self._data):
            raise CBORError("trailing bytes")

    def item(self, depth: int) -> Value:
        """The next data item, which may hold items so deep."""
        if depth == 0:
            raise CBORError("nested too deeply")
        initial = self._take(1)[0]
        if initial == _NULL:
            return None
        major, additional = initial >> 5, initial & 0x1F
        match major:
            case 0:  # an unsigned number
                return self._argument(additional)
            case 2:  # bytes
                return self._take(self._argument(additional))
            case 3:  # text
                return self._text(self._argument(additional))
            case 4:  # an array
                return [self.item(depth - 1) for _ in self._entries(additional)]
            case 5:  # a map
                return self._map(additional, depth)
            case _:
                raise CBORError("a data item of a kind that is not read here")

    def _take(self, number: int) -> bytes:
        if number > len(self._data) - self._at:
            raise CBORError("cut off")
        taken = self._data[self._at : self._at + number]
        self._at += number
        return taken

    def _argument(self, additional: int) -> int:
        """The number in or after an initial byte: a value, or a length."""
        if additional <= _IN_ITSELF_MAX:
            return additional
        following = _BYTES_THAT_FOLLOW.get(additional)
        if following is None:
            raise CBORError("an indefinite or a reserved length")
        return int.from_bytes(self._take(following), "big")

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise CBORError("text that is not UTF-8") from None

    def _map(self, additional: int, depth: int) -> dict[int | str, Value]:
        found: dict[int | str, Value] = {}
        for _ in self._entries(additional):
            name = self._name()
            if name in found:
                raise CBORError("a name that stands twice")
            found[name] = self.item(depth - 1)
        return found

    def _name(self) -> int | str:
        """The name of an entry, a number or text: nothing that holds anything, so that names do not nest."""
        initial = self._take(1)[0]
        major, additional = initial >> 5, initial & 0x1F
        if major not in _OF_NAMES:
            raise CBORError("a name that is neither a number nor text")
        argument = self._argument(additional)
        return argument if major == 0 else self._text(argument)

    def _entries(self, additional: int) -> Iterator[None]:
        """One turn for each entry that follows."""
        if additional != _INDEFINITE:
            number = self._argument(additional)
            if number > ENTRIES_MAX:
                raise CBORError("too many entries")
            yield from (None for _ in range(number))
            return
        for _ in range(ENTRIES_MAX + 1):
            if self._data[self._at : self._at + 1] == _BREAK:
                self._at += 1
                return
            yield None
        raise CBORError("too many entries")
