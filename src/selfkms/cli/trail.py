"""`selfkms trail`: the audit of an installation."""

import json
import sys
from pathlib import Path

import click
import msgspec

from selfkms.cli.at_rest import unsealed_at
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.options import existing_data_dir
from selfkms.cli.trail_events import search, tail


@click.group()
def trail() -> None:
    """Look after the audit of an installation."""


trail.add_command(search)
trail.add_command(tail)


@trail.command()
@existing_data_dir
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001  a flag of the command line
    """Check every hash, number and link of the audit journal.

    Works while the installation is served too. Exit code 0: all in order; 3: the first thing that is wrong is named.
    """
    from selfkms.adapters.audit_files.verify import verify as verify_journal
    from selfkms.bootstrap.assembly import Assembly

    unsealed = unsealed_at(data_dir)
    try:
        report = verify_journal(unsealed.data_dir.journal, Assembly(unsealed).audit_key)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(report)))
    elif report.damage is None:
        click.echo(f"{report.records} records in {report.segments} segments, all in order")
        if report.first_time:
            click.echo(f"from {report.first_time} to {report.last_time}")
    else:
        damage = report.damage
        click.echo(
            f"DAMAGED after {report.records} records: {damage.segment}, offset {damage.offset}: {damage.what}", err=True
        )
    sys.exit(ExitCode.OK if report.damage is None else ExitCode.DAMAGED)
