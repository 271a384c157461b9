"""`selfkms env`: the lines that point AWS clients at an installation."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from selfkms.config import Settings, SettingsError, load_settings

# `endpoint_url` in the configuration file and AWS_ENDPOINT_URL count from this version on; older ones ask AWS itself.
AWS_CLI_WITH_ENDPOINTS: Final = {1: (1, 29), 2: (2, 13)}


@click.command()
@click.option(
    "--data-dir",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The data directory of the installation.",
)
@click.option("--profile", help="A profile of the files that `selfkms dev` writes, for example 111122223333-root.")
def env(data_dir: Path, profile: str | None) -> None:
    """Print the variables that point AWS clients at an installation.

    \b
    Use it as:  eval "$(selfkms env --data-dir DIR)"
    """
    try:
        settings = load_settings(data_dir)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    for line in export_lines(data_dir.absolute(), settings, profile):
        click.echo(line)
    warning = old_client_warning()
    if warning:
        click.echo(warning, err=True)


def export_lines(data_dir: Path, settings: Settings, profile: str | None = None) -> Iterator[str]:
    """The `export` lines for a shell."""
    if (data_dir / "aws" / "config").exists():
        yield _export("AWS_CONFIG_FILE", data_dir / "aws" / "config")
        yield _export("AWS_SHARED_CREDENTIALS_FILE", data_dir / "aws" / "credentials")
        if profile:
            yield _export("AWS_PROFILE", profile)
    else:
        scheme = "https" if settings.server.tls_certificate else "http"
        host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
        yield _export("AWS_ENDPOINT_URL_KMS", f"{scheme}://{host}:{settings.server.port}")
    authority = data_dir / "tls" / "ca.pem"
    if authority.exists():
        yield _export("AWS_CA_BUNDLE", authority)
        yield _export("NODE_EXTRA_CA_CERTS", authority)
        # Go has no variable that adds an authority; this one replaces all the others.
        yield f"# for Go programs, instead of all other authorities: {_export('SSL_CERT_FILE', authority)}"


def _export(name: str, value: object) -> str:
    """A line for `eval`: whatever a path holds, the shell takes it as text."""
    return f"export {name}={shlex.quote(str(value))}"


def old_client_warning() -> str | None:
    """A warning if the `aws` of the PATH would ignore the endpoint and talk to AWS itself."""
    aws = shutil.which("aws")
    if aws is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603  the AWS CLI of the user's own PATH
            [aws, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.match(r"aws-cli/(\d+)\.(\d+)", answer.stdout)
    if version is None:
        return None
    major, minor = int(version.group(1)), int(version.group(2))
    needed = AWS_CLI_WITH_ENDPOINTS.get(major, (major, minor))
    if (major, minor) >= needed:
        return None
    return (
        f"warning: {aws} is older than {needed[0]}.{needed[1]} and ignores these variables: it would ask AWS itself. "
        "Give it --endpoint-url with every command, or use a newer one."
    )
