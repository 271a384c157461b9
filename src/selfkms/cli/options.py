"""Options that several commands share."""

from pathlib import Path

import click

from selfkms.domain.arns import is_account_id

existing_data_dir = click.option(
    "--data-dir",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The data directory of the installation.",
)

assignments = click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting, for example audit.durability=process; wins over selfkms.toml. May be given several times.",
)


class AccountID(click.ParamType[str]):
    """12 digits."""

    name = "account"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The account ID as it was given."""
        if not is_account_id(value):
            self.fail(f"'{value}' is not an account ID of 12 digits", param, ctx)
        return value
