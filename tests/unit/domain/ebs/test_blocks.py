"""Names of lineages, packs and maps; block maps as part of records."""

import msgspec
import pytest

from selfkms.domain.ebs.blocks import BLOCKS_MAX, BlockMap, BlockNameError, check_names


def test_names() -> None:
    """Digits, small letters and dashes; nothing that means something in a path."""
    check_names("a", "0", "snap-0123456789abcdef0", "a" * 100)
    for name in ("", ".", "..", "a/b", "A", "a_b", "a.b", "a\n", "-a", "\N{SUPERSCRIPT TWO}", "a" * 101):
        with pytest.raises(BlockNameError):
            check_names("a", name)


def test_the_largest_index() -> None:
    """64 TiB of 512 KiB: an index has 27 bits."""
    assert BLOCKS_MAX == 2**27


def test_a_block_map_stands_in_records() -> None:
    """It comes out of JSON as it went in."""
    block_map = BlockMap(lineage="l", map_id="m", pack="p", sha256="00", count=1, packs=("p",))
    assert msgspec.json.decode(msgspec.json.encode(block_map), type=BlockMap) == block_map
