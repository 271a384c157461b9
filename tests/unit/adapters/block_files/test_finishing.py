"""Packs over parents, beside a dictionary that does the same."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfkms.adapters.block_files.finishing import Finishing, merge
from selfkms.adapters.block_files.layout import PackRow, encode_entry, index_of
from selfkms.adapters.block_files.maps import MapFile, MapWriter
from selfkms.adapters.block_files.packs import PackEntries, entries_file
from selfkms.crypto.blocks import DigestSeals
from selfkms.domain.ebs.blocks import BlockMap
from selfkms.domain.secrets import Secret

KEY = Secret(bytes(range(64)))
INDICES = st.lists(st.integers(0, 900), max_size=60) | st.integers(0, 900).map(lambda most: list(range(0, most, 2)))


def finished(directory: Path, pack: str, indices: list[int], parent: BlockMap | None) -> BlockMap:
    seals = DigestSeals(KEY, "l", pack)
    log = [encode_entry(index, seals.seal(index, at, bytes(32), random=bytes(8))) for at, index in enumerate(indices)]
    entries_file(directory, pack).write_bytes(b"".join(log))
    opened = MapFile(directory, parent) if parent is not None else None
    with PackEntries(directory, pack) as entries:
        writer = MapWriter(directory, "l", f"m-{pack}", pack, random=b"8 random")
        made = Finishing(pack, opened, seals).write(entries, writer).map
    if opened is not None:
        opened.close()
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(generations=st.lists(INDICES, min_size=1, max_size=5))
def test_each_generation_overrides_the_one_before(tmp_path: Path, generations: list[list[int]]) -> None:
    """Every block comes from the pack that wrote it last, and the rows count rightly."""
    expected: dict[int, str] = {}
    block_map: BlockMap | None = None
    for number, indices in enumerate(generations):
        pack = f"p{number}"
        block_map = finished(tmp_path, pack, indices, block_map)
        expected |= dict.fromkeys(indices, pack)
        file = MapFile(tmp_path, block_map)
        found = {index_of(entry): file.pack_of(entry) for entry in file.entries(0)}
        assert list(found) == sorted(expected)
        assert found == expected
        blocks = {row.name: row.blocks for row in file.rows if row.blocks}
        assert blocks == {name: list(expected.values()).count(name) for name in {*expected.values()}}
        assert block_map.packs == tuple(sorted({*expected.values()}))
        file.close()


def test_numbers_of_packs_are_given_anew(tmp_path: Path) -> None:
    """A long line of snapshots that override each other does not grow; what inherits keeps the numbers."""
    block_map = None
    for number in range(10):
        block_map = finished(tmp_path, f"p{number}", [0] if number == 1 else [1, 2], block_map)
    assert block_map is not None
    file = MapFile(tmp_path, block_map)
    assert file.rows == [PackRow("p9", 2), PackRow("p1", 1)]
    file.close()


def test_untouched_pages_go_through_as_they_are(tmp_path: Path) -> None:
    """Only where something is new are entries taken apart."""
    parent = MapFile(tmp_path, finished(tmp_path, "p", list(range(2_000)), None))
    own = encode_entry(1_000, bytes(60)) + bytes(4)
    pieces = list(merge(parent, iter([own]), lambda _: None))
    assert [len(piece) // 68 for piece in pieces] == [256, 256, 256, 233, 23, 256, 256, 256, 208]
    assert b"".join(pieces).count(own) == 1
    parent.close()
