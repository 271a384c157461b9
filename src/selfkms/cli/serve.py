"""`selfkms serve`: run an installation."""

import gc
import sys
from pathlib import Path

import click

from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.logs import log_to_stderr
from selfkms.cli.options import assignments, existing_data_dir


@click.command(short_help="Serve an installation.")
@existing_data_dir
@assignments
def serve(data_dir: Path, assignments: tuple[str, ...]) -> None:
    """Serve the installation in a data directory until SIGTERM or Ctrl-C.

    Prints `ready ADDRESS` when it takes requests. An address other than loopback needs a TLS certificate
    (server.tls_certificate, server.tls_private_key), or server.plain_http=true if a proxy in front speaks TLS.
    """
    log_to_stderr()
    sys.exit(_serve(data_dir.absolute(), assignments))


def _serve(directory: Path, assignments: tuple[str, ...]) -> int:
    gc.disable()  # what is loaded from here on stays; `processes.serve` lets the collector work again
    from selfkms.adapters.system.clock import Baseline, SystemClock
    from selfkms.adapters.system.entropy import SystemEntropy
    from selfkms.bootstrap import installation, processes
    from selfkms.bootstrap.data_dir import DataDir, DataDirInUseError
    from selfkms.config import SettingsError, load_settings

    place = DataDir(directory)
    try:
        settings = load_settings(directory, assignments)
        installation.check_origin(place)
        with place.held():
            clock = SystemClock(Baseline.take())
            unsealed = installation.open_existing(place, settings, clock=clock, entropy=SystemEntropy())
            if place.holds(place.of_settings(settings.seal.file)):
                click.echo("selfkms: WARNING the sealing key lies beside what it protects (seal.file)", err=True)
            return processes.serve(unsealed, ready=lambda address: click.echo(f"ready {address}"))
    except (OSError, SettingsError, DataDirInUseError, installation.InstallationError, processes.ServingError) as error:
        click.echo(f"selfkms serve: {error}", err=True)
        return ExitCode.FAILED
    finally:
        gc.enable()
