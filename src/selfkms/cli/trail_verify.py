"""`selfkms trail verify`: whether the audit is whole, wherever it is."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from selfkms.cli.at_rest import unsealed_at
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.options import existing_data_dir
from selfkms.cli.progress import Progress

if TYPE_CHECKING:
    from selfkms.adapters.audit_files.verify import Report
    from selfkms.adapters.event_history.check import HistoryReport
    from selfkms.bootstrap.installation import Unsealed
    from selfkms.gate.delivered import TrailReport


class Damage(msgspec.Struct, frozen=True):
    """The first thing that is wrong."""

    part: str
    """`audit journal`, `event history`, `database`, or the ARN of a trail."""
    where: str
    what: str


class _Verification:
    """The parts one after the other; the first one with damage is the last one that is looked at."""

    def __init__(self, unsealed: "Unsealed") -> None:
        self._unsealed = unsealed
        self._progress = Progress()
        self.journal: Report | None = None
        self.history: HistoryReport | None = None
        self.trails: list[TrailReport] = []

    def run(self) -> Damage | None:
        """The first thing that is wrong."""
        try:
            return self._check_journal() or self._check_history() or self._check_trails()
        finally:
            self._progress.clear()

    def _check_journal(self) -> Damage | None:
        from selfkms.adapters.audit_files.verify import verify as verify_journal
        from selfkms.bootstrap.assembly import Assembly

        self.journal = verify_journal(
            self._unsealed.data_dir.journal,
            Assembly(self._unsealed).audit_key,
            progress=lambda count: self._progress("records of the journal checked", count),
        )
        damage = self.journal.damage
        if damage is None:
            return None
        where = f"{damage.segment}, offset {damage.offset}, after {self.journal.records} records"
        return Damage("audit journal", where, damage.what)

    def _check_history(self) -> Damage | None:
        from selfkms.adapters.event_history.check import check_history
        from selfkms.bootstrap.assembly import Assembly

        path = self._unsealed.data_dir.history
        self.history = check_history(
            path,
            Assembly(self._unsealed).follower(),
            clock=self._unsealed.clock,
            history_days=self._unsealed.settings.trail.history_days,
            progress=lambda count: self._progress("records compared with the event history", count),
        )
        return None if self.history.damage is None else Damage("event history", path.name, self.history.damage)

    def _check_trails(self) -> Damage | None:
        from selfkms.bootstrap.assembly import Assembly
        from selfkms.gate.delivered import DeliveryDamagedError
        from selfkms.ports.database import CorruptRecordError

        assembly = Assembly(self._unsealed)
        database = assembly.database()
        check = assembly.delivered_check(database, self._progress)
        try:
            check.read()
            check.compare(assembly.journal_records())
        except DeliveryDamagedError as error:
            return Damage(error.trail, error.where, error.what)
        except CorruptRecordError as error:
            return Damage("database", self._unsealed.data_dir.database.name, str(error))
        finally:
            self.trails = check.reports
            database.close()
        return None


@click.command()
@existing_data_dir
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001  a flag of the command line
    """Check the audit journal, the event history, and what trails have delivered.

    Works while the installation is served too. Exit code 0: all in order; 1: something cannot be read; 3: the first
    thing that is wrong is named.
    """
    from selfkms.ports.audit_records import AuditUnreadableError
    from selfkms.ports.database import DatabaseUnavailableError
    from selfkms.ports.log_store import LogStoreError

    verification = _Verification(unsealed_at(data_dir))
    try:
        damage = verification.run()
    except LogStoreError as error:
        raise click.ClickException(f"what trails have delivered cannot be read: {error}") from error
    except (OSError, AuditUnreadableError, DatabaseUnavailableError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(_content(verification, damage)))
    else:
        _print(verification, damage)
    sys.exit(ExitCode.OK if damage is None else ExitCode.DAMAGED)


def _content(verification: _Verification, damage: Damage | None) -> dict[str, Any]:
    parts = {
        "damage": damage,
        "journal": verification.journal,
        "history": verification.history,
        "trails": verification.trails,
    }
    content: dict[str, Any] = msgspec.to_builtins(parts)
    return content


def _print(verification: _Verification, damage: Damage | None) -> None:
    if verification.journal is not None and verification.journal.damage is None:
        click.echo(_journal_line(verification.journal))
        if verification.history is not None and verification.history.damage is None:
            click.echo(_history_line(verification.history, verification.journal.records))
    for trail in verification.trails:
        if damage is None or damage.part != trail.arn:
            click.echo(_trail_line(trail))
    if damage is None:
        click.echo("all in order")
    else:
        click.echo(f"DAMAGED {damage.part}: {damage.where}: {damage.what}", err=True)


def _journal_line(report: "Report") -> str:
    times = f", from {report.first_time} to {report.last_time}" if report.first_time else ""
    return f"audit journal: {report.records} records in {report.segments} segments{times}"


def _history_line(report: "HistoryReport", records: int) -> str:
    if report.missing:
        return "event history: there is none; it is made when the installation is served"
    behind = max(0, records - report.records)
    late = f"; {behind} more are taken in when the installation is served" if behind else ""
    return f"event history: {report.records} records{late}"


def _trail_line(report: "TrailReport") -> str:
    line = f"{report.arn}: {report.records} records, {report.log_files} log files, {report.digests} digests"
    if report.older_records:
        line += f"; {report.older_records} records are older than the journal"
    if report.other_spans:
        line += f"; {report.other_spans} times from another journal, which is not here to compare with"
    return line
