"""Where the blocks of snapshots live, encrypted under the data key of their lineage."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from selfkms.domain.ebs.blocks import BlockMap
from selfkms.domain.secrets import Secret


class BlockCorruptError(Exception):
    """What is stored is not what was written, or the key is another one. Never an answer, always a failure."""


class BlockStoreUnavailableError(Exception):
    """Disk full, not writable …: whether what was to be written counts is not known. It may be tried again."""


class Block(NamedTuple):
    """A block that was read."""

    data: Secret
    """524,288 bytes."""
    checksum: bytes
    """SHA-256 of the data, 32 bytes."""


class Finished(NamedTuple):
    """A pack that became a block map."""

    map: BlockMap
    written: int
    """Blocks of the pack; one that was written several times counts once."""
    checksum: bytes
    """SHA-256 of the checksums of those blocks, one behind the other by their indices: AWS's aggregation LINEAR."""


class Progress(NamedTuple):
    """How far a copy is. It is done when both are the same."""

    copied: int
    total: int


class ChangedBlock(NamedTuple):
    """A block that is not the same in two block maps."""

    block_index: int
    in_first: bool
    in_second: bool


class BlockStore(Protocol):
    """Blocks of snapshots. An instance belongs to one thread; any number of instances and processes work side by side.

    Data keys are the 64 bytes of AES-256-XTS (IEEE 1619), and a lineage has one. Names of lineages, packs and block
    maps are made of digits, small letters and dashes.

    Each method raises:
        BlockNameError: a name that cannot be one.
        BlockStoreUnavailableError: see there.
    """

    def put(
        self, lineage: str, pack: str, block_index: int, block: Secret, *, checksum: bytes, data_key: Secret
    ) -> None:
        """Write a block, durably. Of several writes of an index the last one counts; the pack comes into being.

        Args:
            lineage: whose data key it is.
            pack: that of the upload.
            block_index: less than 2^27.
            block: 524,288 bytes.
            checksum: SHA-256 of the block, 32 bytes. The caller has verified it.
            data_key: of the lineage.
        """

    def finish(self, lineage: str, pack: str, map_id: str, *, parent: BlockMap | None, data_key: Secret) -> Finished:
        """Make a block map of a pack (which may be empty or missing) over that of the parent.

        To be called once nothing writes to the pack any more. It may be called again: the same comes out.

        Raises:
            BlockCorruptError: an entry of the pack is not what was written, or the parent's map is not.
        """

    def get(self, block_map: BlockMap, block_index: int, *, data_key: Secret) -> Block | None:
        """A block, or None if the snapshot has none with this index: it reads as zeros.

        Raises:
            BlockCorruptError: see there.
        """

    def indices(self, block_map: BlockMap, *, start: int, limit: int) -> list[int]:
        """The indices of the blocks of a snapshot, not less than `start`, ascending, at most `limit`.

        Raises:
            BlockCorruptError: the map is not what was written.
        """

    def changed(self, first: BlockMap | None, second: BlockMap, *, start: int, limit: int) -> list[ChangedBlock]:
        """Blocks that were written anew between two maps, or that one of them alone has; as `indices` in all else.

        It goes by where blocks are stored: one that was written again with the same data counts as changed.

        Raises:
            BlockCorruptError: a map is not what was written.
        """

    def copy(
        self, source: BlockMap, source_key: Secret, lineage: str, pack: str, data_key: Secret, *, limit: int
    ) -> Progress:
        """Write the next blocks of a snapshot, at most `limit`, into a pack that nobody else writes to.

        How far it is, the pack itself says: after a crash it is called again with the same arguments. What was copied
        is then made a map by `finish`.

        Raises:
            BlockCorruptError: a block of the source does not open, or the pack is not of this copy.
        """

    def written(self, lineage: str, pack: str) -> int:
        """How many blocks a pack has; one that was written several times counts once. It reads all entries of the pack.

        Raises:
            BlockCorruptError: the pack is not what was written. Not every damage shows here, but all of it in `finish`.
        """

    def copied(self, lineage: str, pack: str) -> int:
        """How many blocks of a copy are written: told at once, however many there are, and nothing to rely on."""

    def last_written_at(self, lineage: str, pack: str) -> float | None:
        """When a block was last written to a pack, seconds since the epoch by the wall clock; None: never."""

    def held(self, lineage: str) -> Collection[str]:
        """What there is of a lineage, by names that only `keep_only` knows."""

    def keep_only(
        self, lineage: str, maps: Sequence[BlockMap], packs: Sequence[str], *, of: Collection[str] | None = None
    ) -> None:
        """Remove what no snapshot of a lineage and no upload needs any more; of an empty lineage everything.

        Args:
            lineage: which one.
            of: what `held` gave before it was known what is needed, so that an upload that begins meanwhile loses
                nothing; None: everything that there is.
            maps: all block maps that a snapshot has, or that an upload under way builds on.
            packs: those of uploads and copies under way, until the record with the map of `finish` is committed.
        """

    def close(self) -> None: ...
