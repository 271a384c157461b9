"""`selfkms trail export`, and the queries of its page."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.assembled import made, opened
from harness.duck import needs_duckdb
from harness.events import NOW, arn, event, event_id
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.trail import trail
from selfkms.domain.cloudtrail.record import AuditRecord

PAGE = Path(__file__).parents[3] / "docs" / "trail-export.md"
DAY = 86_400
NOVEMBER = 1_793_491_200
"""2026-11-01."""
USERS = [f"user{number}" for number in range(12)]

RECORDS = [
    event(1, "CreateKey", arn(1), at=NOW - 200 * DAY),
    event(2, "Encrypt", arn(1)),
    event(3, "Decrypt", arn(1), user="bob", errorCode="AccessDenied"),
    event(4, "GetSnapshotBlock", managementEvent=False, eventCategory="Data"),
]


def append(directory: Path, *records: AuditRecord) -> None:
    journal = Assembly(opened(directory)).journal()
    journal.append(records)
    journal.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An installation with the records in its journal."""
    place = tmp_path / "data"
    made(place, "audit.segment_bytes=1048576")
    append(place, *RECORDS)
    return place


def export(directory: Path, file: Path, *options: str) -> Result:
    return CliRunner().invoke(trail, ["export", "--data-dir", str(directory), str(file), *options])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], [1, 2, 3, 4]),
        (["--event-name", "Decrypt"], [3]),
        (["--key", arn(1), "--principal", "admin"], [1, 2]),
        (["--since", "2026-09-01"], [2, 3, 4]),
        (["--until", "2026-09-01"], [1]),
    ],
)
def test_lines(directory: Path, tmp_path: Path, options: list[str], found: list[int]) -> None:
    """The records as they are, the oldest first, of the whole journal."""
    file = tmp_path / "events.ndjson"
    result = export(directory, file, *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{len(found)} records in {file}\n"
    assert file.read_bytes() == b"".join(RECORDS[number - 1].body + b"\n" for number in found)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob("events*")) == [file]


def test_parquet(directory: Path, tmp_path: Path) -> None:
    """By the name of the file, or because it was said."""
    module = needs_duckdb()
    for name, options in (("a.parquet", ()), ("b", ("--format", "parquet"))):
        file = tmp_path / name
        assert export(directory, file, *options).exit_code == 0
        ids = module.read_parquet(str(file)).project("eventID").fetchall()
        assert ids == [(event_id(number),) for number in (1, 2, 3, 4)]
        assert file.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"data", "a.parquet", "b"}


def test_the_format_must_be_known(directory: Path, tmp_path: Path) -> None:
    """Exit code 2."""
    result = export(directory, tmp_path / "events.csv")
    assert result.exit_code == ExitCode.USAGE
    assert "--format" in result.stderr


def test_without_duckdb_nothing_is_begun(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said at once."""

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("selfkms.cli.parquet.importlib.import_module", missing)
    result = export(directory, tmp_path / "a.parquet")
    assert result.exit_code == ExitCode.FAILED
    assert "not installed" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_damaged_journal(directory: Path, tmp_path: Path) -> None:
    """There is no file that looks whole."""
    path = DataDir(directory).journal / "00000000000000000001.journal"
    data = bytearray(path.read_bytes())
    data[data.index(event_id(3).encode())] ^= 1
    path.write_bytes(data)
    result = export(directory, tmp_path / "a.ndjson")
    assert result.exit_code == ExitCode.FAILED
    assert "trail verify" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_cannot_be_written(directory: Path, tmp_path: Path) -> None:
    """Exit code 1, with the name."""
    result = export(directory, tmp_path / "none" / "a.ndjson")
    assert result.exit_code == ExitCode.FAILED
    assert "a.ndjson" in result.stderr


def test_what_is_no_event_is_left_out(directory: Path, tmp_path: Path) -> None:
    """And said to be."""
    append(directory, AuditRecord(event_id(9), b'{"a":1}'))
    result = export(directory, tmp_path / "a.ndjson")
    assert result.stderr.startswith("record 5 is no event")
    assert len((tmp_path / "a.ndjson").read_text().splitlines()) == 4


def queries() -> dict[str, str]:
    """The SQL of the page, by the file that each query reads."""
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return {re.findall(r"'(events\.[a-z]+)'", block)[0]: block for block in blocks}


@pytest.mark.parametrize("name", ["events.ndjson", "events.parquet"])
def test_the_ten_busiest_principals(
    directory: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The query of the page, as it stands there, over an export of ours."""
    module = needs_duckdb()
    ranked = [user for rank, user in enumerate(USERS) for _ in range(20 - rank)]
    records = [
        event(
            100 + number,
            "Decrypt",
            user=user,
            at=NOVEMBER + number,
            **({} if number % 7 else {"errorCode": "AccessDenied"}),
        )
        for number, user in enumerate(ranked)
    ]
    before = [event(1_000 + number, user="user11", at=NOVEMBER - 1 - number) for number in range(50)]
    append(directory, *records, *before)
    assert export(directory, tmp_path / name).exit_code == 0
    monkeypatch.chdir(tmp_path)
    found = module.sql(queries()[name]).fetchall()
    busiest = USERS[:10]
    assert [(row[0].rpartition("/")[2], row[1]) for row in found] == [(u, 20 - i) for i, u in enumerate(busiest)]
    assert sum(row[2] for row in found) == sum(user in busiest for user in ranked[::7])
