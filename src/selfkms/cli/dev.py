"""`selfkms dev`: a server for trying things and for tests, with accounts and credentials ready."""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

from selfkms.cli.env import export_lines
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.logs import log_to_stderr
from selfkms.cli.options import AccountID, assignments

HINT = """
Type this in another terminal, after the two export lines above:

  KEY=$({aws} kms create-key --query KeyMetadata.KeyId --output text)
  {aws} kms create-alias --alias-name alias/first --target-key-id $KEY
  {aws} kms encrypt --key-id alias/first --plaintext "my first secret" \\
      --query CiphertextBlob --output text | base64 -d > first.kms
  {aws} kms decrypt --ciphertext-blob fileb://first.kms --query Plaintext --output text | base64 -d

Ctrl-C stops the server{and_removes}.
"""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address: nothing else is taken.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free one.  [default: 4599]")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything here, also for the next time. Without it everything is gone at the end.",
)
@click.option(
    "--account",
    "account_ids",
    type=AccountID(),
    multiple=True,
    help="An account to have; may be given several times.  [default: 111122223333 and 444455556666]",
)
@click.option("--tls", is_flag=True, help="Serve HTTPS with a self-made certificate.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Worker processes.")
@assignments
def dev(
    host: str,
    port: int | None,
    data_dir: Path | None,
    account_ids: tuple[str, ...],
    tls: bool,  # noqa: FBT001  a flag of the command line
    workers: int,
    assignments: tuple[str, ...],
) -> None:
    """Start a server for trying things and for tests.

    Each account has a root user and an IAM user `admin` with AdministratorAccess, both with access keys that are known
    in advance (docs/dev-server.md). Signatures and policies are enforced as in production. When the server takes
    requests, the lines that point AWS clients at it are printed, then `ready ADDRESS`.
    """
    from selfkms.bootstrap.processes import is_loopback

    log_to_stderr()
    if not is_loopback(host):
        raise click.BadParameter("the credentials of `dev` are known to everyone: loopback only", param_hint="--host")
    overriding = [f"server.host={host}", f"server.workers={workers}", *assignments]
    if port is not None:
        overriding.append(f"server.port={port}")
    if tls:
        overriding += ["server.tls_certificate=tls/server.pem", "server.tls_private_key=tls/server.key"]
    directory = data_dir or Path(tempfile.mkdtemp(prefix="selfkms-dev-"))
    try:
        code = _serve(directory.absolute(), overriding, account_ids, tls=tls, passing=data_dir is None)
    finally:
        if data_dir is None:
            shutil.rmtree(directory, ignore_errors=True)
    sys.exit(code)


def _serve(directory: Path, overriding: list[str], account_ids: tuple[str, ...], *, tls: bool, passing: bool) -> int:
    gc.disable()  # what is loaded from here on stays; `processes.serve` lets the collector work again
    from selfkms.adapters.system.clock import Baseline, MovableClock
    from selfkms.adapters.system.entropy import SystemEntropy
    from selfkms.bootstrap import dev as dev_parts
    from selfkms.bootstrap.data_dir import DataDir, DataDirInUseError
    from selfkms.bootstrap.installation import InstallationError
    from selfkms.bootstrap.processes import ServingError, serve
    from selfkms.config import SettingsError, load_settings

    place = DataDir(directory)
    accounts = tuple(dict.fromkeys(account_ids)) or dev_parts.DEFAULT_ACCOUNTS
    try:
        place.make()
        settings = load_settings(directory, overriding)
        dev_parts.check_loopback(settings.server)
        with place.held():
            clock = MovableClock(Baseline.take(), None if passing else place.clock_offset)
            unsealed = dev_parts.installation(place, settings, clock=clock, entropy=SystemEntropy())
            dev_parts.ensure_accounts(unsealed, accounts)
            if tls:
                dev_parts.ensure_certificates(unsealed, settings.server.host)

            def ready(address: str) -> None:
                dev_parts.write_client_files(place, accounts, address)
                for line in export_lines(directory, settings):
                    click.echo(line)
                click.echo(f"ready {address}")
                click.echo(_hint(passing=passing), err=True)

            return serve(
                unsealed, ready=ready, routes=lambda assembly, sink: dev_parts.clock_routes(clock, assembly, sink)
            )
    # A ValueError is MovableClock's, of a file that holds no offset.
    except (OSError, ValueError, SettingsError, DataDirInUseError, InstallationError, ServingError) as error:
        click.echo(f"selfkms dev: {error}", err=True)
        return ExitCode.FAILED
    finally:
        gc.enable()


def _hint(*, passing: bool) -> str:
    """What a newcomer types next, with whichever `aws` is there."""
    beside = Path(sys.prefix).parent / ".venv-clients" / "bin" / "aws"
    aws = "aws" if shutil.which("aws") or not os.access(beside, os.X_OK) else str(beside)
    return HINT.format(aws=aws, and_removes=" and removes everything it kept" if passing else "")
