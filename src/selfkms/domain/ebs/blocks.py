"""Blocks of snapshots, and the names of what holds them.

A *lineage* is all volumes and snapshots that share one data key. A *pack* is the blocks that one upload or copy wrote.
A *block map* is the complete list of a finished snapshot's blocks, also of those that it inherited from its parent.

Source: EBS direct APIs, "StartSnapshot" and "PutSnapshotBlock": blocks of 512 KiB, volumes of up to 64 TiB.
"""

import re
from base64 import b64encode
from typing import Final

import msgspec

BLOCK_BYTES: Final = 524_288
BLOCKS_PER_GIB: Final = 2_048
VOLUME_GIB_MAX: Final = 65_536
BLOCKS_MAX: Final = VOLUME_GIB_MAX * BLOCKS_PER_GIB
"""The index of a block is less than this: 2^27."""
CHECKSUM_BYTES: Final = 32
"""SHA-256, the only one that EBS knows."""

_NAME: Final = re.compile(r"[0-9a-z][0-9a-z-]{0,99}", re.ASCII)


class BlockNameError(ValueError):
    """Not a name of a lineage, a pack or a block map. Names become file names: this is where tricks with paths end."""


def checksum_text(checksum: bytes) -> str:
    """A checksum as the API has it: base64."""
    return b64encode(checksum).decode("ascii")


def check_names(*names: str) -> None:
    """Return if these are names of lineages, packs or block maps: digits, small letters and dashes, at most 100.

    Raises:
        BlockNameError: one of them is not.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise BlockNameError(name)


class BlockMap(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says of a block map. The map itself is a file, which the checksum here makes authentic."""

    lineage: str
    map_id: str
    pack: str
    """The pack that it was made from."""
    sha256: str
    """Of the file, in hex."""
    count: int
    """Blocks, with those that it inherited."""
    packs: tuple[str, ...]
    """The packs that hold at least one of them, in their order."""
