"""`selfkms run -- CMD`: start a command with its secrets decrypted, in its environment and nowhere else.

A client of the API like any other: it works against whatever endpoint the AWS settings of the environment name.
"""

import os
import sys
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import click

from selfkms.cli.exit_codes import ExitCode

PREFIX: Final = "kms:"
"""A variable `NAME=kms:BLOB` holds a ciphertext blob in base64."""


class NotDecryptedError(Exception):
    """A variable cannot be decrypted. The message names it and never shows its value."""


def decrypted(environment: Mapping[str, str], client: Any, encryption_context: Mapping[str, str]) -> dict[str, str]:
    """The environment with every `kms:BLOB` replaced by its plaintext.

    Args:
        environment: names and values.
        client: a botocore client of AWS KMS.
        encryption_context: the pairs that all the values were encrypted with.

    Raises:
        NotDecryptedError: one of them cannot be decrypted, or its plaintext cannot stand in an environment.
    """
    plain = dict(environment)
    for name, value in environment.items():
        if value.startswith(PREFIX):
            plain[name] = _plaintext(name, value.removeprefix(PREFIX), client, encryption_context)
    return plain


def _plaintext(name: str, blob: str, client: Any, encryption_context: Mapping[str, str]) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        raw = b64decode(blob, validate=True)
    except (Base64Error, ValueError) as error:
        raise NotDecryptedError(f"{name}: what follows `{PREFIX}` is not base64") from error
    try:
        answer = client.decrypt(CiphertextBlob=raw, EncryptionContext=dict(encryption_context))
    except (ClientError, BotoCoreError) as error:
        raise NotDecryptedError(f"{name}: {error}") from error
    try:
        text: str = answer["Plaintext"].decode()
    except UnicodeDecodeError:
        raise NotDecryptedError(f"{name}: the plaintext is not text") from None  # the cause shows the bytes
    if "\0" in text:
        raise NotDecryptedError(f"{name}: the plaintext holds a NUL, which no environment can")
    return text


@click.command(
    context_settings={"ignore_unknown_options": True}, short_help="Start a command with its secrets decrypted."
)
@click.option(
    "--context",
    "pairs",
    metavar="NAME=VALUE",
    multiple=True,
    help="A pair of the encryption context that the values were encrypted with; may be given several times.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(pairs: tuple[str, ...], command: tuple[str, ...]) -> NoReturn:
    """Start COMMAND with every environment variable of the form kms:BLOB decrypted.

    BLOB is a ciphertext blob in base64, as `aws kms encrypt --query CiphertextBlob --output text` prints it. The
    endpoint, Region and credentials are those that the AWS CLI would use here. Nothing decrypted touches the disk. If
    one value cannot be decrypted, COMMAND is not started and the exit code is 4.

    \b
    Example:
      BLOB=$(aws kms encrypt --key-id alias/app --plaintext fileb://password --query CiphertextBlob --output text)
      export DB_PASSWORD=kms:$BLOB
      selfkms run -- ./server
    """
    try:
        environment = decrypted(os.environ, _client(), _pairs(pairs))
    except NotDecryptedError as error:
        click.echo(f"selfkms run: {error}", err=True)
        sys.exit(ExitCode.NOT_DECRYPTED)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606  to start what the user typed is its purpose
    except FileNotFoundError:
        click.echo(f"selfkms run: {command[0]}: command not found", err=True)
        sys.exit(ExitCode.NOT_FOUND)
    except OSError as error:
        click.echo(f"selfkms run: {command[0]}: {error.strerror}", err=True)
        sys.exit(ExitCode.NOT_EXECUTABLE)


def _client() -> Any:
    """A client of AWS KMS, made only when there is something to decrypt: botocore takes a while to load."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    if not any(value.startswith(PREFIX) for value in os.environ.values()):
        return None
    try:
        return botocore.session.get_session().create_client("kms")
    except BotoCoreError as error:
        raise NotDecryptedError(str(error)) from error


def _pairs(pairs: tuple[str, ...]) -> dict[str, str]:
    context: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{pair}' is not NAME=VALUE", param_hint="--context")
        context[name] = value
    return context
