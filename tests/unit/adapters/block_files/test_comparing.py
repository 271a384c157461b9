"""What changed between two maps, beside two dictionaries."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfkms.adapters.block_files.comparing import changes
from selfkms.adapters.block_files.layout import PackRow
from selfkms.adapters.block_files.maps import MapFile, MapWriter

Places = dict[int, tuple[int, int]]
"""Pack and slot by block index."""

PLACES = st.dictionaries(st.integers(0, 700), st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=40)


@contextmanager
def opened(directory: Path, name: str, packs: list[str], places: Places) -> Iterator[MapFile]:
    writer = MapWriter(directory, "l", name, "p", random=b"8 random")
    for index, (pack, slot) in sorted(places.items()):
        writer.add(index.to_bytes(4) + slot.to_bytes(4) + packs[pack].encode() * 56 + pack.to_bytes(4))
    file = MapFile(directory, writer.finish([PackRow(pack, 1) for pack in packs]))
    yield file
    file.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(common=st.integers(0, 700), start=st.integers(0, 800), first=PLACES, second=PLACES)
def test_what_differs(tmp_path: Path, common: int, start: int, first: Places, second: Places) -> None:
    """Another place, or one side alone: with a long stretch in common, from any start, whatever numbers packs have."""
    inherited = {index: (0, index) for index in range(common)}
    before, after = inherited | first, inherited | second
    with (
        opened(tmp_path, "a", ["x", "y", "z"], before) as one,
        opened(tmp_path, "b", ["x", "z", "y"], after) as other,
    ):
        found = [tuple(change) for change in changes(one, other, start)]
    named = [{index: ("xyz"[pack], slot) for index, (pack, slot) in before.items()}]
    named.append({index: ("xzy"[pack], slot) for index, (pack, slot) in after.items()})
    assert found == [
        (index, index in before, index in after)
        for index in sorted({*before, *after})
        if index >= start and named[0].get(index) != named[1].get(index)
    ]
