"""`selfkms trail search` and `selfkms trail tail`."""

import json
from itertools import islice
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from harness.assembled import made, opened
from harness.events import NOW, arn, event, event_id
from harness.world import BOB_ACCOUNT, StandingClock
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.cli import trail_events
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.past import past_of
from selfkms.cli.trail import trail
from selfkms.domain.cloudtrail.record import AuditRecord

RECORDS = [
    event(1, "CreateKey", arn(1)),
    event(2, "Encrypt", arn(1)),
    event(3, "Decrypt", arn(1), user="bob", errorCode="AccessDenied"),
    event(4, "Encrypt", arn(2), account_id=BOB_ACCOUNT),
    event(5, "RotateKey", arn(2), userIdentity={"invokedBy": "AWS Internal"}, requestID=None, region="eu-west-1"),
]


def append(directory: Path, *records: AuditRecord) -> None:
    journal = Assembly(opened(directory)).journal()
    journal.append(records)
    journal.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An installation with the records in its journal."""
    made(tmp_path, clock=StandingClock())
    (tmp_path / "selfkms.toml").write_text("[audit]\nsegment_bytes = 1048576\n[trail]\nhistory_days = 10000\n")
    append(tmp_path, *RECORDS)
    return tmp_path


def invoke(command: str, directory: Path, *options: str) -> Result:
    return CliRunner().invoke(trail, [command, "--data-dir", str(directory), *options])


def numbers(result: Result) -> list[int]:
    """Of the events that were printed as JSON."""
    assert result.exit_code == 0, result.output
    ids = [json.loads(line)["eventID"] for line in result.stdout.splitlines()]
    return [number for one in ids for number in range(1, 20) if event_id(number) == one]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], [5, 4, 3, 2, 1]),
        (["--event-name", "Encrypt"], [4, 2]),
        (["--event-name", "encrypt"], []),
        (["--key", arn(1)], [3, 2, 1]),
        (["--key", arn(1), "--event-name", "Encrypt"], [2]),
        (["--principal", "bob"], [3]),
        (["--principal", "admin", "--event-name", "Encrypt"], [4, 2]),
        (["--principal", f"arn:aws:iam::{BOB_ACCOUNT}:user/admin"], [4]),
        (["--principal", "AKIABOB0000000000000"], [3]),
        (["--principal", "AKIABOB0000000000001"], []),
        (["--principal", "bob", "--key", arn(2)], []),
        (["--since", "2026-09-21T14:13:23Z"], [5, 4, 3]),
        (["--until", "2026-09-21T14:13:21"], [1]),
        (["--since", "2026-09-22"], []),
    ],
)
def test_search(directory: Path, options: list[str], found: list[int]) -> None:
    """All options together, over all accounts and Regions, the newest first."""
    assert numbers(invoke("search", directory, "--json", *options)) == found


def test_search_for_people(directory: Path) -> None:
    """A line an event, without colours where there is no terminal."""
    result = invoke("search", directory, "--key", arn(1))
    assert "\x1b" not in result.stdout
    assert [line.split()[3] for line in result.stdout.splitlines()] == ["Decrypt", "Encrypt", "CreateKey"]


def test_search_beyond_one_page(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is read at once."""
    monkeypatch.setattr(trail_events, "_EVENTS_AT_ONCE", 2)
    assert numbers(invoke("search", directory, "--json")) == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_what_is_no_time(directory: Path, option: str) -> None:
    """It is refused, with the forms that are taken."""
    result = invoke("search", directory, option, "yesterday")
    assert result.exit_code == ExitCode.USAGE
    assert "%Y-%m-%d" in result.stderr


def test_tail(directory: Path) -> None:
    """The newest last; ten unless it is said otherwise."""
    assert numbers(invoke("tail", directory, "--json", "--lines", "2")) == [4, 5]
    assert numbers(invoke("tail", directory, "--json")) == [1, 2, 3, 4, 5]
    assert numbers(invoke("tail", directory, "--json", "--lines", "0")) == []


class TestFollow:
    """What comes after the history."""

    def test_each_further_record(self, directory: Path) -> None:
        """Once, in the order of the journal."""
        pauses = 0

        def pause() -> None:
            nonlocal pauses
            pauses += 1
            append(directory, event(5 + pauses))

        with past_of(directory) as past:
            bodies = list(islice(trail_events._followed(past, pause=pause), 3))
        assert bodies == [event(number).body for number in (6, 7, 8)]
        assert pauses == 3

    def test_damage_ends_it(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """With the exit code of `trail verify`."""

        def pause() -> None:
            append(directory, event(6))
            path = DataDir(directory).journal / "00000000000000000001.journal"
            data = bytearray(path.read_bytes())
            data[data.index(event_id(6).encode())] ^= 1
            path.write_bytes(data)

        with past_of(directory) as past, pytest.raises(SystemExit) as ended:
            list(trail_events._followed(past, pause=pause))
        assert ended.value.code == ExitCode.DAMAGED
        assert "DAMAGED" in capsys.readouterr().err

    def test_another_journal_ends_it(self, directory: Path) -> None:
        """What was followed is not there any more."""

        def pause() -> None:
            DataDir(directory).journal.rename(directory / "kept")
            append(directory, event(6))

        with past_of(directory) as past, pytest.raises(click.ClickException, match="another one"):
            list(trail_events._followed(past, pause=pause))

    def test_ctrl_c_ends_it(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """In good order."""

        def pause(_seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("selfkms.cli.trail_events.time.sleep", pause)
        assert numbers(invoke("tail", directory, "--json", "--follow", "--lines", "1")) == [5]


def test_events_that_are_too_old_are_not_found(directory: Path) -> None:
    """As far back as the settings say; the journal keeps them."""
    (directory / "selfkms.toml").write_text("[trail]\nhistory_days = 1\n")
    old = event(9, at=NOW - 1_000 * 86_400)
    append(directory, old)
    assert 9 not in numbers(invoke("search", directory, "--json"))
