"""The commands. Each is loaded when it is called: `selfkms dev` must not wait for what `selfkms run` needs."""

import importlib
from typing import Final

import click

# name -> module of `selfkms.cli`; the command bears the name of its module there.
COMMANDS: Final = {
    "dev": "dev",
    "init": "init",
    "account": "account",
    "serve": "serve",
    "env": "env",
    "run": "run",
    "inspect": "inspect",
    "explain": "explain",
    "who-can": "who_can",
    "trail": "trail",
    "usage": "usage",
    "snapshot": "snapshot",
}


class LazyGroup(click.Group):
    """A group that imports a command when somebody asks for it."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None if there is none of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"selfkms.cli.{module}"), module)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="selfkms", prog_name="selfkms")
def main() -> None:
    """A self-hosted key management service that speaks the AWS KMS API.

    \b
    Try it:            selfkms dev
    For real:          selfkms init --data-dir DIR --account 111122223333
                       selfkms serve --data-dir DIR
    Then use it:       aws kms create-key   (the AWS CLI, boto3 or any SDK is the client)
    """
