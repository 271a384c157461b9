"""What `selfkms dev` has beyond `serve`: accounts with known credentials, files for clients, a clock that can be moved.

Signatures, policies and the audit are the same as in production.
"""

from base64 import b32encode
from collections.abc import Iterable
from configparser import ConfigParser
from pathlib import Path
from typing import Final

import msgspec

from selfkms.adapters.system.clock import MovableClock
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.installation import InstallationError, Unsealed, create, exists, open_existing
from selfkms.bootstrap.processes import ServingError, is_loopback
from selfkms.config import ServerSettings, Settings
from selfkms.crypto.certificates import self_made_certificates
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.audit_sink import AuditSink
from selfkms.ports.clock import Clock
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError
from selfkms.ports.entropy import Entropy
from selfkms.protocol.http import HTTPResponse
from selfkms.server.interfaces import Routes
from selfkms.server.keeper import keep
from selfkms.services.iam.accounts import Credential, new_account

DEFAULT_ACCOUNTS: Final = ("111122223333", "444455556666")
DEFAULT_REGION: Final = "us-east-1"

_SECRET_LENGTH: Final = 40
_CERTIFICATE_DAYS: Final = 365


def administrator_credential(account_id: str) -> Credential:
    """The access key of an account's user `admin`. Known to everyone: only `dev` has it."""
    return _credential(account_id, "ADMINKEY", "admin")


def root_credential(account_id: str) -> Credential:
    """The access key of an account's root user. Known to everyone: only `dev` has it."""
    return _credential(account_id, "ROOTKEYS", "root")


def _credential(account_id: str, suffix: str, holder: str) -> Credential:
    """`AKIA`, the account ID as a number of 5 bytes in base 32, and 8 letters; a secret that can be spelled out."""
    number = b32encode(int(account_id).to_bytes(5, "big")).decode()
    secret = f"selfkms/dev/{account_id}/{holder}/".ljust(_SECRET_LENGTH, "x")
    return Credential(f"AKIA{number}{suffix}", Secret(secret.encode()))


def check_loopback(server: ServerSettings) -> None:
    """Refuse an address that others can reach, wherever the setting came from.

    Raises:
        ServingError: it is none of this machine alone.
    """
    if not is_loopback(server.host):
        raise ServingError(
            f"{server.host} is not a loopback address, and the credentials of `dev` are known to everyone"
        )


def installation(place: DataDir, settings: Settings, *, clock: Clock, entropy: Entropy) -> Unsealed:
    """The installation of a data directory, made if there is none.

    Raises:
        InstallationError: it cannot be made or opened, or it was made by `init`: credentials that everyone knows do not
            belong there.
    """
    if not exists(place):
        _write(place.dev_mark, b"The credentials of this installation are known to everyone: see docs/dev-server.md\n")
        return create(place, settings, clock=clock, entropy=entropy)
    if not place.dev_mark.exists():
        raise InstallationError(f"{place.root} was made by `selfkms init`: run it with `selfkms serve`")
    return open_existing(place, settings, clock=clock, entropy=entropy)


def ensure_accounts(unsealed: Unsealed, account_ids: Iterable[str]) -> None:
    """Make the accounts that are not there yet, each with the credentials of `dev`.

    Raises:
        InstallationError: the database is damaged, or cannot be written.
    """
    assembly = Assembly(unsealed)
    database = assembly.database()
    try:
        for account_id in account_ids:
            if database.account(account_id) is not None:
                continue
            database.commit(
                new_account(
                    account_id,
                    administrator=administrator_credential(account_id),
                    root=root_credential(account_id),
                    keys=assembly.keys,
                    entropy=unsealed.entropy,
                    now=unsealed.clock.now(),
                )
            )
    except (CorruptRecordError, DatabaseUnavailableError) as error:
        raise InstallationError(str(error)) from error
    finally:
        database.close()


def write_client_files(data_dir: DataDir, account_ids: Iterable[str], endpoint: str) -> None:
    """`aws/config` and `aws/credentials`: a profile for each admin and root; the first admin is the default."""
    config, credentials = ConfigParser(interpolation=None), ConfigParser(interpolation=None)
    authority = data_dir.tls / "ca.pem"
    for position, account_id in enumerate(account_ids):
        profiles = {
            account_id: administrator_credential(account_id),
            f"{account_id}-root": root_credential(account_id),
        }
        if position == 0:
            profiles["default"] = profiles[account_id]
        for profile, credential in profiles.items():
            section = "default" if profile == "default" else f"profile {profile}"
            config[section] = {
                "region": DEFAULT_REGION,
                "endpoint_url": endpoint,
                # What `aws kms encrypt --plaintext TEXT` means: version 2 of the AWS CLI would else take base64.
                "cli_binary_format": "raw-in-base64-out",
                **({"ca_bundle": str(authority)} if endpoint.startswith("https:") else {}),
            }
            credentials[profile] = {
                "aws_access_key_id": credential.access_key_id,
                "aws_secret_access_key": credential.secret_access_key.open(SECRET_ACCESS).decode(),
            }
    data_dir.clients.mkdir(mode=0o700, exist_ok=True)
    for name, content in (("config", config), ("credentials", credentials)):
        path = data_dir.clients / name
        path.touch(mode=0o600)
        with path.open("w") as file:
            content.write(file)


def ensure_certificates(unsealed: Unsealed, host: str) -> None:
    """`tls/`: an authority of this data directory's own, and a certificate for the host and `localhost`."""
    folder = unsealed.data_dir.tls
    made_for = folder / "host"
    if made_for.exists() and made_for.read_text() == host:
        return
    made = self_made_certificates(
        hosts=(host, "localhost"),
        not_before=unsealed.clock.wall(),
        days=_CERTIFICATE_DAYS,
    )
    folder.mkdir(mode=0o700, exist_ok=True)
    made_for.unlink(missing_ok=True)
    _write(folder / "ca.pem", made.authority)
    _write(folder / "server.key", made.private_key.open(SECRET_ACCESS))
    _write(folder / "server.pem", made.certificate)
    # Last: it says that all of the above is there.
    _write(made_for, host.encode())


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    advance_seconds: float


def clock_routes(clock: MovableClock, assembly: Assembly, sink: AuditSink) -> Routes:
    """`POST /-/dev/clock {"advance_seconds": n}`: move the clock, and let happen what falls due by it, then answer."""

    def advance(body: bytes) -> HTTPResponse:
        try:
            offset = clock.advance(msgspec.json.decode(body, type=_Advance).advance_seconds)
        except (msgspec.DecodeError, ValueError) as error:
            return _json(400, {"message": str(error)})
        database = assembly.database()
        try:
            keep(assembly.upkeep(database), sink)
        finally:
            database.close()
        return _json(200, {"offset_seconds": offset, "now": clock.now()})

    return {("POST", "/-/dev/clock"): advance}


def _json(status: int, content: dict[str, object]) -> HTTPResponse:
    return HTTPResponse(
        status=status, headers=(("content-type", "application/json"),), body=msgspec.json.encode(content)
    )
