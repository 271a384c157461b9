"""An installation for commands that look at it without serving it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from selfkms.bootstrap.installation import Unsealed


def unsealed_at(directory: Path) -> "Unsealed":
    """The installation of a data directory.

    Raises:
        click.ClickException: there is none that opens; the message is for the operator.
    """
    from selfkms.adapters.system.clock import Baseline, SystemClock
    from selfkms.adapters.system.entropy import SystemEntropy
    from selfkms.bootstrap import installation
    from selfkms.bootstrap.data_dir import DataDir
    from selfkms.config import SettingsError, load_settings

    place = DataDir(directory.absolute())
    try:
        return installation.open_existing(
            place, load_settings(place.root), clock=SystemClock(Baseline.take()), entropy=SystemEntropy()
        )
    except (OSError, SettingsError, installation.InstallationError) as error:
        raise click.ClickException(str(error)) from error
