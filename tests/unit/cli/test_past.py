"""The history for commands: as far as the journal goes, or a message for the operator."""

from pathlib import Path

import click
import pytest

from harness.assembled import made
from harness.events import arn, event
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.cli.past import past_of
from selfkms.domain.cloudtrail.history import Lookup

ALL = Lookup(account_id=None, region=None)


def installed(directory: Path, numbers: int) -> None:
    journal = Assembly(made(directory, "audit.segment_bytes=1048576")).journal()
    journal.append([event(number, "Encrypt", arn(number)) for number in range(1, numbers + 1)])
    journal.close()


def test_it_is_brought_up_to_date(tmp_path: Path) -> None:
    """Nobody did that before; what comes behind it can be followed."""
    installed(tmp_path, 3)
    with past_of(tmp_path) as past:
        assert past.history.last_use(arn(3)) is not None
        assert past.place.position.sequence == 3
        assert past.follower.read(past.place, records_max=1) == []
    with past_of(tmp_path) as past:
        assert past.place.position.sequence == 3


def test_a_history_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """For the operator, without a traceback; also when it fails later on."""
    installed(tmp_path, 1)
    with past_of(tmp_path):
        pass
    place = DataDir(tmp_path)
    place.journal.rename(tmp_path / "kept")
    with pytest.raises(click.ClickException, match="record 1 is not where"), past_of(tmp_path) as past:
        past.history.lookup(ALL, before=None, limit=1)
    place.history.write_bytes(b"no database" * 100)
    with pytest.raises(click.ClickException, match="does not answer"), past_of(tmp_path):
        pass


def test_there_must_be_an_installation(tmp_path: Path) -> None:
    """As for every command."""
    with pytest.raises(click.ClickException, match="holds no installation"), past_of(tmp_path):
        pass
