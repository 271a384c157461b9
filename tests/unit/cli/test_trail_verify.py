"""`selfkms trail verify`: what it says of an installation, for people and for programs."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.assembled import made, opened
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.cli.past import past_of
from selfkms.cli.trail import trail
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.gate.delivered import DeliveredCheck
from selfkms.ports.database import CorruptRecordError
from selfkms.ports.log_store import LogStoreDeniedError

SETTING = "audit.segment_bytes=1048576"
SEGMENT = "00000000000000000001.journal"
NO_HISTORY = "event history: there is none; it is made when the installation is served\n"


def record(number: int) -> AuditRecord:
    """An audit record of its own minute."""
    body = f'{{"eventTime":"2026-11-04T12:{number:02d}:00Z","secret":"horse"}}'
    return AuditRecord(f"00000000-0000-4000-8000-{number:012x}", body.encode())


def served(directory: Path, *numbers: int) -> Path:
    """An installation with these records in its journal."""
    made(directory, SETTING)
    append(directory, *numbers)
    return directory


def append(directory: Path, *numbers: int) -> None:
    """Add records to the journal."""
    journal = Assembly(opened(directory, SETTING)).journal()
    journal.append([record(number) for number in numbers])
    journal.close()


def damage(directory: Path, position: int) -> None:
    """Alter a bit of one record, counted from 0."""
    path = DataDir(directory).journal / SEGMENT
    data = bytearray(path.read_bytes())
    data[[found.start() for found in re.finditer(b"horse", data)][position]] ^= 1
    path.write_bytes(data)


def verify(directory: Path, *options: str) -> Result:
    """`selfkms trail verify`."""
    return CliRunner().invoke(trail, ["verify", "--data-dir", str(directory), *options])


def test_a_journal_in_order(tmp_path: Path) -> None:
    """How much there is, and from when to when."""
    result = verify(served(tmp_path, 1, 2, 3))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "audit journal: 3 records in 1 segments, from 2026-11-04T12:01:00Z to 2026-11-04T12:03:00Z\n"
        f"{NO_HISTORY}all in order\n"
    )


def test_a_journal_without_records(tmp_path: Path) -> None:
    """It is in order; there is no time to name."""
    result = verify(served(tmp_path))
    assert (result.exit_code, result.stdout) == (
        0,
        f"audit journal: 0 records in 1 segments\n{NO_HISTORY}all in order\n",
    )


def test_a_journal_in_order_for_programs(tmp_path: Path) -> None:
    """One JSON object with everything that is known."""
    served(tmp_path, 1, 2)
    result = verify(tmp_path, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["damage"] is None
    assert (report["history"], report["trails"]) == ({"records": 0, "missing": True, "damage": None}, [])
    assert re.fullmatch("[0-9a-f-]{36}", report["journal"].pop("installation_id"))
    assert report["journal"] == {
        "records": 2,
        "segments": 1,
        "first_time": "2026-11-04T12:01:00Z",
        "last_time": "2026-11-04T12:02:00Z",
        "open_end_bytes": 0,
        "damage": None,
    }


def test_while_it_is_served(tmp_path: Path) -> None:
    """The recorder has the journal; whoever checks it needs no lock."""
    journal = Assembly(made(tmp_path, SETTING)).journal()
    journal.append([record(1)])
    with DataDir(tmp_path).held():
        assert verify(tmp_path).exit_code == 0
    journal.append([record(2)])
    journal.close()
    assert verify(tmp_path).stdout.startswith("audit journal: 2 records")


def test_a_damaged_record_is_found(tmp_path: Path) -> None:
    """Exit code 3: the file and what stood before are named, and nothing of the record is shown."""
    damage(served(tmp_path, 1, 2, 3), 1)
    result = verify(tmp_path)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"DAMAGED audit journal: {SEGMENT}, offset ")
    assert "after 1 records" in result.stderr
    assert "horse" not in result.stderr


def test_a_damaged_record_for_programs(tmp_path: Path) -> None:
    """Exit code 3; the JSON object says where."""
    damage(served(tmp_path, 1, 2, 3), 2)
    result = verify(tmp_path, "--json")
    assert (result.exit_code, result.stderr) == (3, "")
    report = json.loads(result.stdout)
    journal = report["journal"]
    assert (journal["records"], journal["damage"]["segment"], journal["damage"]["sequence"]) == (2, SEGMENT, 3)
    assert (report["damage"]["part"], report["damage"]["what"]) == ("audit journal", journal["damage"]["what"])
    assert report["history"] is None


@pytest.mark.parametrize("missing", [SEGMENT, "settled.mark"])
def test_a_missing_file_is_found(tmp_path: Path, missing: str) -> None:
    """Whoever removes a piece does not make the rest look whole."""
    (DataDir(served(tmp_path, 1)).journal / missing).unlink()
    assert verify(tmp_path).exit_code == 3


def test_the_journal_of_another_installation_is_found(tmp_path: Path) -> None:
    """Its chain is under another key."""
    first, second = served(tmp_path / "first", 1), served(tmp_path / "second", 2)
    DataDir(second).journal.rename(tmp_path / "kept")
    DataDir(first).journal.rename(DataDir(second).journal)
    assert verify(second).exit_code == 3


def test_without_a_journal_nothing_is_in_order(tmp_path: Path) -> None:
    """Exit code 1: it cannot be checked. Somebody may have taken it away."""
    made(tmp_path)
    result = verify(tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert str(tmp_path / "audit") in result.stderr


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    """Exit code 1: no installation, one whose sealing key is missing, settings that are refused."""
    assert "holds no installation" in verify(tmp_path).stderr
    served(tmp_path / "data", 1)
    (tmp_path / "data" / "seal.key").unlink()
    result = verify(tmp_path / "data")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "seal.key cannot be opened" in result.stderr
    (tmp_path / "data" / "selfkms.toml").write_text("ports = 1\n")
    assert verify(tmp_path / "data").exit_code == 1


def test_the_damage_is_said_in_words(tmp_path: Path) -> None:
    """An operator reads a sentence."""
    damage(served(tmp_path, 1), 0)
    assert "Damage(" not in verify(tmp_path).stderr


class TestHistory:
    """The index over the journal."""

    def test_it_may_be_behind(self, tmp_path: Path) -> None:
        """That is no damage."""
        served(tmp_path, 1, 2)
        with past_of(tmp_path):
            pass
        assert "event history: 2 records\n" in verify(tmp_path).stdout
        append(tmp_path, 3)
        result = verify(tmp_path)
        assert result.exit_code == 0
        assert "event history: 2 records; 1 more are taken in" in result.stdout

    def test_damage_is_named(self, tmp_path: Path) -> None:
        """Exit code 3, with the file."""
        served(tmp_path, 1)
        with past_of(tmp_path):
            pass
        with closing(sqlite3.connect(DataDir(tmp_path).history)) as connection, connection:
            connection.execute("INSERT INTO last_uses VALUES ('arn', 'Encrypt', 1, 'e', 'r')")
        result = verify(tmp_path)
        assert result.exit_code == 3
        assert result.stderr.startswith("DAMAGED event history: history.sqlite: last uses of KMS keys: ")


def test_a_damaged_database_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3: it says what must have been delivered."""

    def refuse(_: object) -> None:
        raise CorruptRecordError("row 1 of trails")

    monkeypatch.setattr(DeliveredCheck, "read", refuse)
    result = verify(served(tmp_path, 1))
    assert result.exit_code == 3
    assert result.stderr.endswith(": row 1 of trails\n")


def test_a_place_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1: nobody knows whether it is in order."""

    def refuse(_: object) -> None:
        raise LogStoreDeniedError("AccessDenied")

    monkeypatch.setattr(DeliveredCheck, "read", refuse)
    result = verify(served(tmp_path, 1))
    assert result.exit_code == 1
    assert "cannot be read: AccessDenied" in result.stderr
