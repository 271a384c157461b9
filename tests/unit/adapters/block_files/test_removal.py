"""What is taken away, and what is left alone."""

from pathlib import Path

from selfkms.adapters.block_files.removal import remove_all_but
from selfkms.domain.ebs.blocks import BlockMap


def made(directory: Path, *names: str) -> Path:
    directory.mkdir()
    for name in names:
        (directory / name).write_bytes(b"content")
    return directory


def block_map(map_id: str, pack: str, *packs: str) -> BlockMap:
    return BlockMap(lineage="l", map_id=map_id, pack=pack, sha256="", count=0, packs=packs)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_what_is_needed_stays(tmp_path: Path) -> None:
    """Maps that are named with their packs; of an upload all that it made, also what is unfinished."""
    needed = ["a.blocks", "a.entries", "m.b.map", "u.00.unfinished", "u.blocks", "w.u.0011.unfinished", "w.u.map"]
    rest = ["b.blocks", "b.entries", "m.a.map", "n.b.map", "n.b.0011.unfinished"]
    directory = made(tmp_path / "l", *needed, *rest, "notes.txt")
    remove_all_but(directory, [block_map("m", "b", "a")], ["u"])
    assert names(directory) == sorted([*needed, "notes.txt"])


def test_room_is_given_back_at_once(tmp_path: Path) -> None:
    """Although another process has the blocks open."""
    directory = made(tmp_path / "l", "a.blocks", "a.entries")
    with (directory / "a.blocks").open("rb") as file:
        remove_all_but(directory, [], [])
        assert file.read() == b""
    assert not directory.exists()


def test_a_directory_with_something_else_stays(tmp_path: Path) -> None:
    """What is not ours is not touched; what is missing is gone already."""
    directory = made(tmp_path / "l", "a.blocks", "notes.txt")
    remove_all_but(directory, [], [])
    assert names(directory) == ["notes.txt"]
    remove_all_but(tmp_path / "missing", [], [])


def test_a_lineage_with_an_upload_stays(tmp_path: Path) -> None:
    """Also while there is nothing of it."""
    directory = made(tmp_path / "l", "a.blocks")
    remove_all_but(directory, [], ["u"])
    assert names(directory) == []
