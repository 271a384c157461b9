"""`selfkms inspect BLOB`: what a ciphertext blob says of itself, without decrypting it."""

import json
import sys
from base64 import b64decode
from binascii import Error as Base64Error
from pathlib import Path

import click

from selfkms.cli.at_rest import unsealed_at
from selfkms.cli.exit_codes import ExitCode
from selfkms.domain.kms.ciphertext import FORMAT_1, OVERHEAD_BYTES, CiphertextBlob, Suite
from selfkms.domain.kms.errors import InvalidCiphertextException


@click.command()
@click.argument("blob")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="An installation: tells whether it made the blob, and with which KMS key.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def inspect(blob: str, data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  a flag of the command line
    """Show the header of a ciphertext blob.

    BLOB is base64, `@FILE` for a file that holds the bytes, or `-` for base64 from standard input.
    """
    try:
        raw = _bytes_of(blob)
        facts = blob_facts(raw)
    except OSError as error:
        click.echo(f"selfkms inspect: {error}", err=True)
        sys.exit(ExitCode.FAILED)
    except (Base64Error, ValueError, InvalidCiphertextException) as error:
        click.echo(f"selfkms inspect: not a ciphertext blob of selfkms{f': {error}' if str(error) else ''}", err=True)
        sys.exit(ExitCode.FAILED)
    if data_dir is not None:
        facts |= _made_by(raw, data_dir.absolute())
    if as_json:
        click.echo(json.dumps(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}")


def blob_facts(blob: bytes) -> dict[str, str | int | bool | None]:
    """What the bytes say, believed or not: only the installation can tell whether the header is its own.

    Raises:
        InvalidCiphertextException: too short, or of no format that is known.
    """
    parsed = CiphertextBlob.parse(blob)
    if parsed.format != FORMAT_1 or parsed.suite not in set(Suite):
        raise InvalidCiphertextException("unknown format")
    return {
        "format": 1,
        "suite": Suite(parsed.suite).name.lower(),
        "key_material_handle": parsed.handle,
        "plaintext_bytes": len(blob) - OVERHEAD_BYTES,
    }


def _made_by(blob: bytes, directory: Path) -> dict[str, str | int | bool | None]:
    """Whether an installation made the header, and which KMS keys (one a Region) have its key material."""
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError

    assembly = Assembly(unsealed_at(directory))
    database = assembly.database()
    try:
        handle = assembly.key_store(database).identify(blob)
        keys = [key for region in sorted(assembly.regions) if (key := database.key_of_material(region, handle))]
    except InvalidCiphertextException:
        return {"made_here": False}
    except (CorruptRecordError, DatabaseUnavailableError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        database.close()
    return {"made_here": True, "kms_key": " ".join(key.arn for key in keys) or None}


def _bytes_of(blob: str) -> bytes:
    if blob.startswith("@"):
        return Path(blob[1:]).read_bytes()
    text = sys.stdin.read() if blob == "-" else blob
    # `base64` breaks its lines.
    return b64decode("".join(text.split()), validate=True)
