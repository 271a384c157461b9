"""Making an installation, and opening one: from the data directory to its root key."""

from pathlib import Path

import msgspec

from selfkms.adapters.seals import SealError
from selfkms.adapters.seals.file import FileSeal
from selfkms.adapters.sql.installation import load_installation, store_installation
from selfkms.adapters.sql.migrate import UnknownRevisionError, upgrade
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.bootstrap.data_dir import DataDir
from selfkms.config import Settings
from selfkms.crypto.kdf import KEY_BYTES
from selfkms.crypto.root_key import RootKey
from selfkms.domain.installation import Installation
from selfkms.domain.secrets import Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError
from selfkms.ports.entropy import Entropy


class InstallationError(Exception):
    """An installation cannot be made or opened. The message is for the operator and holds no secret."""


class Unsealed(msgspec.Struct, frozen=True, kw_only=True):
    """An installation whose root key is known. Shared by all processes that are forked from the one that opened it."""

    data_dir: DataDir
    settings: Settings
    installation_id: str
    root_key: RootKey
    clock: Clock
    entropy: Entropy


def exists(data_dir: DataDir) -> bool:
    """Whether an installation was made here."""
    return data_dir.database.exists()


def check_origin(data_dir: DataDir) -> None:
    """Refuse to serve for real what `dev` made.

    Raises:
        InstallationError: it has credentials that everyone knows.
    """
    if data_dir.dev_mark.exists():
        raise InstallationError(f"{data_dir.root} was made by `selfkms dev`: its credentials are known to everyone")


def create(data_dir: DataDir, settings: Settings, *, clock: Clock, entropy: Entropy) -> Unsealed:
    """Make an installation without accounts: a seal, a root key, an empty database.

    Raises:
        InstallationError: there is one, or the directory cannot be written.
    """
    if exists(data_dir):
        raise InstallationError(f"{data_dir.root} holds an installation already")
    try:
        data_dir.make()
        seal = FileSeal.create(_seal_file(data_dir, settings), entropy)
        installation_id = entropy.uuid()
        root_key = RootKey(Secret(entropy.random_bytes(KEY_BYTES)))
        engine = open_engine(data_dir.database)
        upgrade(engine)
        store_installation(
            engine,
            Installation(
                installation_id=installation_id,
                created_at=clock.now(),
                seal=seal.name,
                sealed_root_key=seal.seal(root_key, installation_id),
            ),
        )
        engine.dispose()
    except (OSError, SealError, DatabaseUnavailableError) as error:
        raise InstallationError(str(error)) from error
    return Unsealed(
        data_dir=data_dir,
        settings=settings,
        installation_id=installation_id,
        root_key=root_key,
        clock=clock,
        entropy=entropy,
    )


def open_existing(data_dir: DataDir, settings: Settings, *, clock: Clock, entropy: Entropy) -> Unsealed:
    """Unseal an installation, and bring its database up to date with this version of the program.

    Raises:
        InstallationError: there is none, its seal does not open, or its database is damaged or of a newer version.
    """
    if not exists(data_dir):
        raise InstallationError(f"{data_dir.root} holds no installation; make one with `selfkms init`")
    engine = open_engine(data_dir.database)
    try:
        upgrade(engine)
        installation = load_installation(engine)
        if installation is None:
            raise InstallationError(f"{data_dir.root} was not finished by `selfkms init`; remove it and start anew")
        seal = FileSeal.load(_seal_file(data_dir, settings), entropy)
        root_key = seal.unseal(installation.sealed_root_key, installation.installation_id)
    except (SealError, CorruptRecordError, DatabaseUnavailableError, UnknownRevisionError) as error:
        raise InstallationError(str(error)) from error
    finally:
        # No connection may be open when processes are forked.
        engine.dispose()
    return Unsealed(
        data_dir=data_dir,
        settings=settings,
        installation_id=installation.installation_id,
        root_key=root_key,
        clock=clock,
        entropy=entropy,
    )


def _seal_file(data_dir: DataDir, settings: Settings) -> Path:
    return data_dir.of_settings(settings.seal.file)
