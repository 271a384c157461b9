"""What the tests of the audit journal share: a key, records, and journals that are let go of at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfkms.adapters.audit_files.journal import Durability, FileJournal
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret

INSTALLATION_ID = "6f1c1f6e-1111-4222-8333-444455556666"
SEGMENT_BYTES = 4_096 + 2_048


@pytest.fixture
def audit_key() -> Secret:
    return Secret(bytes(range(32)))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def make_records() -> Callable[..., list[AuditRecord]]:
    """`make_records(first, count, body_bytes)`: records numbered from `first`, which also gives their event IDs."""

    def make(first: int, count: int = 1, body_bytes: int = 100) -> list[AuditRecord]:
        records = []
        for number in range(first, first + count):
            head = f'{{"eventTime":"2026-11-04T12:00:{number % 60:02d}Z","number":{number},"padding":"'
            body = head + "x" * (body_bytes - len(head) - 2) + '"}'
            records.append(AuditRecord(f"00000000-0000-4000-8000-{number:012x}", body.encode()))
        return records

    return make


@pytest.fixture
def open_journal(directory: Path, audit_key: Secret) -> Iterator[Callable[..., FileJournal]]:
    """The journal of the test, in segments of 6 KiB with room for 2 KiB of records unless it is said otherwise."""
    opened: list[FileJournal] = []

    def make(
        *,
        key: Secret = audit_key,
        installation_id: str = INSTALLATION_ID,
        durability: Durability = Durability.POWER,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> FileJournal:
        journal = FileJournal(
            directory,
            audit_key=key,
            installation_id=installation_id,
            durability=durability,
            segment_bytes=segment_bytes,
        )
        opened.append(journal)
        return journal

    yield make
    for journal in opened:
        crash(journal)


def crash(journal: FileJournal) -> None:
    """Let go of the files as `kill -9` does: nothing is written any more. Does nothing to a journal that is closed."""
    journal._opened.close()


@pytest.fixture(name="crash")
def _crash() -> Callable[[FileJournal], None]:
    return crash
