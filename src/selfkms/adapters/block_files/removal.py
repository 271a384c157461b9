"""Taking away what nobody needs any more."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from selfkms.adapters.audit_files.segments import sync_directory
from selfkms.adapters.block_files.layout import MAP, PACK_BLOCKS, PACK_ENTRIES, UNFINISHED
from selfkms.domain.ebs.blocks import BlockMap


def names_in(directory: Path) -> list[str]:
    """The files of a lineage; none if it has no directory."""
    try:
        return sorted(path.name for path in directory.iterdir())
    except FileNotFoundError:
        return []


def remove_all_but(
    directory: Path, maps: Sequence[BlockMap], packs: Sequence[str], *, of: Iterable[str] | None = None
) -> None:
    """Remove maps and packs of a lineage, as `ports.block_store.BlockStore.keep_only` says, maps first."""
    needed_packs = {*packs, *(pack for block_map in maps for pack in block_map.packs)}
    needed_maps = {(block_map.map_id, block_map.pack) for block_map in maps}
    if not directory.exists():
        return
    doomed: list[tuple[int, str]] = []
    for name in names_in(directory) if of is None else of:
        match name.split("."):
            case [map_id, pack, kind] if kind == MAP and (map_id, pack) not in needed_maps and pack not in packs:
                doomed.append((0, name))
            case [_, pack, _, kind] if kind == UNFINISHED and pack not in packs:
                doomed.append((0, name))
            case [pack, kind] if kind in {PACK_BLOCKS, PACK_ENTRIES} and pack not in needed_packs:
                doomed.append((1, name))
    _remove(directory, (name for _, name in sorted(doomed)))
    if not maps and not packs:
        # Not if somebody began an upload meanwhile.
        with contextlib.suppress(OSError):
            directory.rmdir()
            sync_directory(directory.parent)


def _remove(directory: Path, names: Iterable[str]) -> None:
    for name in names:
        path = directory / name
        with contextlib.suppress(FileNotFoundError):
            if name.endswith(f".{PACK_BLOCKS}"):
                # Other processes may have it open for long; the disk gets its room back at once.
                os.truncate(path, 0)
            path.unlink()
    sync_directory(directory)
