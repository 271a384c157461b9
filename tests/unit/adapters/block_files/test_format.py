"""A second reader, written from docs/snapshot-format.md: it shares nothing with the one of the program."""

import hashlib
import hmac
import struct
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import XTS

from harness.blocks import KEY, LINEAGE, OTHER_KEY, OTHER_LINEAGE, block, put, snapshot
from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.domain.secrets import SECRET_ACCESS, Secret

SIZE = 524_288


def frame(*words: str) -> bytes:
    return struct.pack(">I", len(words)) + b"".join(struct.pack(">I", len(word)) + word.encode() for word in words)


class Reader(NamedTuple):
    """Reads a lineage."""

    directory: Path
    lineage: str
    data_key: bytes

    def block(self, pack: str, entry: bytes) -> bytes:
        """The block of an entry, checked."""
        index, slot = struct.unpack(">II", entry[:8])
        fixed = b"\0\0\0\1selfkms/v1/block-digest\0" + frame(self.lineage, pack) + struct.pack(">I", 256)
        key = hmac.digest(self.data_key, fixed, "sha256")
        digest = AESGCM(key).decrypt(entry[4:16], entry[16:64], entry[:4])
        with (self.directory / self.lineage / f"{pack}.blocks").open("rb") as file:
            file.seek(slot * SIZE)
            ciphertext = file.read(SIZE)
        decryptor = Cipher(AES(self.data_key), XTS(index.to_bytes(16, "little"))).decryptor()
        plaintext = decryptor.update(ciphertext) + decryptor.finalize()
        assert hashlib.sha256(plaintext).digest() == digest
        return plaintext

    def pack(self, pack: str) -> dict[int, bytes]:
        """All blocks of a pack."""
        data = (self.directory / self.lineage / f"{pack}.entries").read_bytes()
        counting: dict[int, bytes] = {}
        for entry in sorted((data[at : at + 64] for at in range(0, len(data) // 64 * 64, 64)), key=lambda e: e[4:8]):
            if entry != bytes(64):
                counting[int.from_bytes(entry[:4])] = entry
        return {index: self.block(pack, entry) for index, entry in counting.items()}

    def map(self, name: str, sha256: str) -> dict[int, bytes]:
        """All blocks of a snapshot."""
        data = (self.directory / self.lineage / f"{name}.map").read_bytes()
        assert hashlib.sha256(data).hexdigest() == sha256
        assert data[:16] == b"selfkms map v1\r\n"
        entries, packs = struct.unpack(">II", data[-8:])
        rows = data[16 + 68 * entries : -8]
        assert len(rows) == 104 * packs
        names = [rows[at : at + 100].rstrip(b"\0").decode() for at in range(0, len(rows), 104)]
        read: dict[int, bytes] = {}
        for at in range(16, 16 + 68 * entries, 68):
            entry, number = data[at : at + 64], int.from_bytes(data[at + 64 : at + 68])
            read[int.from_bytes(entry[:4])] = self.block(names[number], entry)
        assert list(read) == sorted(read)
        return read


def said(**words: str) -> dict[int, bytes]:
    return {int(index[1:]): block(word).open(SECRET_ACCESS) for index, word in words.items()}


def reader(lineage: Path, name: str = LINEAGE, key: Secret = KEY) -> Reader:
    return Reader(lineage.parent, name, key.open(SECRET_ACCESS))


def test_packs_read_as_the_page_says(store: FileBlockStore, lineage: Path) -> None:
    """Of two writes of an index the later one."""
    put(store, "p", {5: "old", 70_000: "b"})
    put(store, "p", {5: "new"})
    assert reader(lineage).pack("p") == said(_5="new", _70000="b")


def test_maps_read_as_the_page_says(store: FileBlockStore, lineage: Path) -> None:
    """With what they inherit."""
    first = snapshot(store, "one", {0: "a", 1: "b"})
    second = snapshot(store, "two", {1: "c", 9: "d"}, parent=first)
    assert reader(lineage).map("m-two.p-two", second.sha256) == said(_0="a", _1="c", _9="d")
    assert reader(lineage).map("m-one.p-one", first.sha256) == said(_0="a", _1="b")


def test_copies_read_as_the_page_says(store: FileBlockStore, lineage: Path) -> None:
    """By ascending index from slot 0 on."""
    source = snapshot(store, "one", {7: "b", 3: "a"})
    store.copy(source, KEY, OTHER_LINEAGE, "copied", OTHER_KEY, limit=5)
    assert reader(lineage, OTHER_LINEAGE, OTHER_KEY).pack("copied") == said(_3="a", _7="b")
    entries = (lineage.parent / OTHER_LINEAGE / "copied.entries").read_bytes()
    assert [struct.unpack(">II", entries[at : at + 8]) for at in (0, 64)] == [(3, 0), (7, 1)]
