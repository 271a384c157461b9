"""`selfkms trail export`: audit records in a file that other tools read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from selfkms.cli.at_rest import unsealed_at
from selfkms.cli.event_filter import EventFilter, event_filter_options
from selfkms.cli.options import existing_data_dir
from selfkms.cli.parquet import convert, duckdb
from selfkms.cli.progress import Progress

if TYPE_CHECKING:
    from selfkms.bootstrap.installation import Unsealed

_FORMATS: Final = {".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".parquet": "parquet"}
_RECORDS_AT_ONCE: Final = 1_000


@click.command()
@existing_data_dir
@event_filter_options
@click.option(
    "--format", "kind", type=click.Choice(["ndjson", "parquet"]), help="Otherwise what the name of FILE ends with."
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export(*, data_dir: Path, file: Path, kind: str | None, **filters: Any) -> None:
    """Write audit records to FILE, the oldest first.

    Of all accounts and Regions and of the whole journal, data events, too. With several options an event must meet all
    of them. FILE is readable by its owner only, and takes its name when it is complete.
    """
    kind = kind or _FORMATS.get(file.suffix)
    if kind is None:
        raise click.UsageError(f"'{file.name}' ends with none of {', '.join(_FORMATS)}: say which --format it is.")
    if kind == "parquet":
        duckdb()  # Before an hour of work.
    unsealed = unsealed_at(data_dir)
    unfinished = file.with_name(f"{file.name}.unfinished")
    records = file.with_name(f"{file.name}.records") if kind == "parquet" else unfinished
    try:
        count = _write(records, unsealed, EventFilter(**filters))
        if kind == "parquet":
            convert(records, unfinished)
        unfinished.replace(file)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    finally:
        for left in {records, unfinished}:
            left.unlink(missing_ok=True)
    click.echo(f"{count} records in {file}", err=True)


def _write(path: Path, unsealed: "Unsealed", wanted: EventFilter) -> int:
    """The records, one a line. How many."""
    progress = Progress()
    count = 0
    _make_private(path)
    try:
        with path.open("wb") as lines:
            for body in _wanted(unsealed, wanted, progress):
                lines.write(body + b"\n")
                count += 1
    finally:
        progress.clear()
    return count


def _wanted(unsealed: "Unsealed", wanted: EventFilter, progress: Progress) -> Iterator[bytes]:
    from selfkms.adapters.audit_files.follow import BEGINNING
    from selfkms.adapters.audit_files.segments import JournalDamagedError
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.domain.cloudtrail.history import recorded_event

    follower = Assembly(unsealed).follower()
    place = BEGINNING
    try:
        while records := follower.read(place, records_max=_RECORDS_AT_ONCE):
            for record in records:
                try:
                    event = recorded_event(record.body)
                except (msgspec.DecodeError, ValueError):
                    click.echo(f"record {record.place.position.sequence} is no event and is left out", err=True)
                    continue
                if wanted.wants(event):
                    yield record.body
            place = records[-1].place
            progress("records looked at", place.position.sequence)
    except JournalDamagedError as error:
        raise click.ClickException(f"{error}; `selfkms trail verify` says more") from error


def _make_private(path: Path) -> None:
    """An empty file for the owner alone."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
