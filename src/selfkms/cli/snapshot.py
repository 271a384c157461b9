"""`selfkms snapshot`: raw disk images become snapshots, and snapshots raw disk images."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from selfkms.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from selfkms.cli.snapshot_client import SnapshotClient

_OPTIONS = (
    click.option("--endpoint-url", metavar="URL", help="The server.  [default: by the settings of AWS]"),
    click.option("--region", help="The Region.  [default: by the settings of AWS]"),
    click.option("--profile", help="The profile of the AWS files.  [default: by the settings of AWS]"),
    click.option(
        "--parallel",
        "threads",
        type=click.IntRange(1, 64),
        default=8,
        show_default=True,
        help="How many blocks are under way at once.",
    ),
    click.option("--resume", is_flag=True, help="Go on where an interrupted one was, if there is one."),
    click.option("--json", "as_json", is_flag=True, help="For programs."),
)


def _shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of either direction."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def snapshot() -> None:
    """Make snapshots of disk images, and disk images of snapshots.

    Both are clients of the EBS direct APIs like any other: endpoint, Region and credentials are those that the AWS CLI
    would use here, unless an option says otherwise.
    """


@snapshot.command("import", short_help="Make a snapshot of a raw disk image.")
@click.argument("image", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--encrypted", is_flag=True, help="Encrypt it, with the account's default KMS key if no other is named.")
@click.option("--kms-key-arn", metavar="ARN", help="Encrypt it under this KMS key.")
@click.option("--description", help="Of the snapshot.")
@click.option("--no-wait", is_flag=True, help="End when all blocks are there, not when the snapshot is completed.")
@_shared
def import_(
    *,
    image: Path,
    encrypted: bool,
    kms_key_arn: str | None,
    description: str | None,
    no_wait: bool,
    threads: int,
    resume: bool,
    as_json: bool,
    **server: str | None,
) -> None:
    """Make a snapshot of FILE, a raw disk image of any size, and print its ID.

    The volume is as large as the image, rounded up to GiB. Holes and blocks of zeros are not sent. If it is
    interrupted, FILE.selfkms-upload says how far it was, and --resume goes on from there; a server gives a snapshot up
    that got no block for three days.
    """
    from selfkms.cli.snapshot_client import connected
    from selfkms.cli.snapshot_import import Wanted, import_image, state_file

    with _resumable(state_file(image)), _progress("importing", shown=not as_json) as progress:
        client = connected(threads=threads, **server)
        wanted = Wanted(description, encrypted, kms_key_arn)
        made = import_image(client, image, wanted, threads=threads, resume=resume, progress=progress)
    if not no_wait:
        _wait(client, made.snapshot_id)
    if as_json:
        report = {
            "SnapshotId": made.snapshot_id,
            "VolumeSize": made.size_gib,
            "State": "pending" if no_wait else "completed",
            "Blocks": made.blocks,
            "BlocksSent": made.sent,
        }
        click.echo(json.dumps(report))
    else:
        click.echo(made.snapshot_id)
        click.echo(f"{made.blocks:,} blocks with data of {made.size_gib:,} GiB, {made.sent:,} sent", err=True)


@snapshot.command("export", short_help="Make a raw disk image of a snapshot.")
@click.argument("snapshot_id")
@click.argument("image", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@_shared
def export(*, snapshot_id: str, image: Path, threads: int, resume: bool, as_json: bool, **server: str | None) -> None:
    """Make FILE, which must not exist, a raw disk image of a snapshot.

    It is as large as the volume, with holes where the snapshot has no blocks. Each block is checked against its
    checksum. Until it is whole it is called FILE.part; if it is interrupted, FILE.selfkms-download says how far it was,
    and --resume goes on from there.
    """
    from selfkms.cli.snapshot_client import connected
    from selfkms.cli.snapshot_export import export_image, state_file

    with _resumable(state_file(image)), _progress("exporting", shown=not as_json) as progress:
        client = connected(threads=threads, **server)
        made = export_image(client, snapshot_id, image, threads=threads, resume=resume, progress=progress)
    if as_json:
        report = {
            "SnapshotId": made.snapshot_id,
            "VolumeSize": made.size_gib,
            "File": str(image),
            "Blocks": made.blocks,
            "BlocksReceived": made.received,
        }
        click.echo(json.dumps(report))
    else:
        click.echo(f"{made.blocks:,} blocks of {made.size_gib:,} GiB, {made.received:,} received", err=True)


@contextmanager
def _resumable(state: Path) -> Iterator[None]:
    """Whatever ends a transfer early, the user learns it without a traceback, and how to go on."""
    from selfkms.cli.snapshot_client import TransferError
    from selfkms.cli.transfer_state import StateError

    try:
        yield
    except KeyboardInterrupt:
        _end(f"interrupted{_how_to_go_on(state)}", ExitCode.INTERRUPTED)
    except StateError as error:
        _end(str(error), ExitCode.FAILED)
    except (TransferError, OSError) as error:
        _end(f"{error}{_how_to_go_on(state)}", ExitCode.FAILED)


def _how_to_go_on(state: Path) -> str:
    return f"; go on with --resume, or remove {state} to begin anew" if state.exists() else ""


def _wait(client: "SnapshotClient", snapshot_id: str) -> None:
    from selfkms.cli.snapshot_client import TransferError

    try:
        client.wait(snapshot_id)
    except KeyboardInterrupt:
        _end(f"{snapshot_id} is still pending", ExitCode.INTERRUPTED)
    except TransferError as error:
        _end(str(error), ExitCode.FAILED)


def _end(message: str, code: ExitCode) -> NoReturn:
    click.echo(f"selfkms snapshot: {message}", err=True)
    sys.exit(code)


@contextmanager
def _progress(label: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, if that is a terminal, for what tells how many bytes of how many are done with."""
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not (shown and sys.stderr.isatty())) as bar:

        def tell(position: int, total: int) -> None:
            bar.length = total
            bar.update(position - bar.pos)

        yield tell
