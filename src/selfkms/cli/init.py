"""`selfkms init`: make an installation for real."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.options import AccountID
from selfkms.domain.secrets import SECRET_ACCESS

if TYPE_CHECKING:
    from selfkms.bootstrap.installation import Unsealed
    from selfkms.services.iam.accounts import Credential

SETTINGS = """# Settings of this installation. What stands here as a comment is the default; see docs/settings.md.

[server]
# host = "127.0.0.1"
# port = 4599
# workers = 0                      # one per processor core
# tls_certificate = "tls/server.pem"
# tls_private_key = "tls/server.key"

[seal]
# kind = "file"
file = {seal_file}

[audit]
# durability = "power"
"""


@click.command(short_help="Make an installation for real.")
@click.option(
    "--data-dir",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the installation is to be; made if it is not there.",
)
@click.option("--account", "account_id", required=True, type=AccountID(), help="The first account: any 12 digits.")
@click.option(
    "--seal-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the sealing key is to be kept; better not in the data directory.  [default: seal.key in it]",
)
def init(data_dir: Path, account_id: str, seal_file: Path | None) -> None:
    """Make an installation: a sealing key, a root key, an account, and its first administrator.

    The administrator's access key is printed once and is nowhere to be read again. Whoever has both the data directory
    and the sealing key has everything: keep the two apart, and keep a copy of each.
    """
    sys.exit(_init(data_dir.absolute(), account_id, seal_file))


def _init(directory: Path, account_id: str, seal_file: Path | None) -> int:
    from selfkms.adapters.system.clock import Baseline, SystemClock
    from selfkms.adapters.system.entropy import SystemEntropy
    from selfkms.bootstrap import installation
    from selfkms.bootstrap.data_dir import DataDir
    from selfkms.config import SETTINGS_FILE, SettingsError, load_settings

    place = DataDir(directory)
    settings_file = directory / SETTINGS_FILE
    try:
        place.make()
        if settings_file.exists() and seal_file is not None:
            click.echo(
                f"selfkms init: {settings_file} is there: say in it where the sealing key is to be (seal.file)",
                err=True,
            )
            return ExitCode.FAILED
        named = [f"seal.file={seal_file.absolute()}"] if seal_file else []
        settings = load_settings(directory, named)
        unsealed = installation.create(place, settings, clock=SystemClock(Baseline.take()), entropy=SystemEntropy())
        if not settings_file.exists():
            # A JSON string is a basic string of TOML too.
            settings_file.write_text(SETTINGS.format(seal_file=json.dumps(settings.seal.file, ensure_ascii=False)))
        credential = _first_account(unsealed, account_id)
    except (OSError, SettingsError, installation.InstallationError) as error:
        click.echo(f"selfkms init: {error}", err=True)
        return ExitCode.FAILED
    click.echo("# The first administrator. This is shown once:")
    click.echo(f"export AWS_ACCESS_KEY_ID={credential.access_key_id}")
    click.echo(f"export AWS_SECRET_ACCESS_KEY={credential.secret_access_key.open(SECRET_ACCESS).decode()}")
    sealing_key_path = place.of_settings(settings.seal.file)
    click.echo(f"\nThe sealing key is {sealing_key_path}: without it nothing here opens.", err=True)
    if place.holds(sealing_key_path):
        click.echo(
            "WARNING: it lies beside what it protects. A copy of the data directory opens everything. "
            "Move it elsewhere and say where in selfkms.toml (seal.file).",
            err=True,
        )
    click.echo(f"Next: selfkms serve --data-dir {directory}", err=True)
    return ExitCode.OK


def _first_account(unsealed: "Unsealed", account_id: str) -> "Credential":
    """Make the account; the access key of its administrator.

    Raises:
        InstallationError: it could not be written. The data directory is then of no use.
    """
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.bootstrap.installation import InstallationError
    from selfkms.ports.database import DatabaseUnavailableError
    from selfkms.services.iam.accounts import new_account, new_credential

    credential = new_credential(unsealed.entropy)
    assembly = Assembly(unsealed)
    database = assembly.database()
    try:
        database.commit(
            new_account(
                account_id,
                administrator=credential,
                root=None,
                keys=assembly.keys,
                entropy=unsealed.entropy,
                now=unsealed.clock.now(),
            )
        )
    except DatabaseUnavailableError as error:
        raise InstallationError(f"{error} Remove {unsealed.data_dir.root} and start anew.") from error
    finally:
        database.close()
    return credential
