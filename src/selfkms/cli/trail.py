"""`selfkms trail`: the audit of an installation."""

import click

from selfkms.cli.trail_events import search, tail
from selfkms.cli.trail_export import export
from selfkms.cli.trail_verify import verify


@click.group()
def trail() -> None:
    """Look after the audit of an installation."""


trail.add_command(verify)
trail.add_command(search)
trail.add_command(tail)
trail.add_command(export)
