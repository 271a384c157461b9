"""`selfkms account`: accounts and the access keys of their root users, which no AWS API makes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from selfkms.cli.at_rest import unsealed_at
from selfkms.cli.options import AccountID, existing_data_dir
from selfkms.domain.secrets import SECRET_ACCESS

if TYPE_CHECKING:
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.bootstrap.installation import Unsealed
    from selfkms.domain.cloudtrail.record import AuditRecord
    from selfkms.domain.iam.principals import AccessKey, Account
    from selfkms.domain.records import Change
    from selfkms.ports.database import Database
    from selfkms.services.iam.accounts import Credential

NAME_CHARACTERS_MAX: Final = 128

_for_programs = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group()
def account() -> None:
    """Make and list accounts. Works while the installation is served: what is made counts with the next request."""


@account.command()
@existing_data_dir
@click.option("--account", "account_id", required=True, type=AccountID(), help="The account: any 12 digits.")
@click.option("--name", default="", help="For people.")
@click.option("--root-key", "with_root_key", is_flag=True, help="Make an access key of the root user, too.")
@_for_programs
def create(*, data_dir: Path, account_id: str, name: str, with_root_key: bool, as_json: bool) -> None:
    """Make an account with a root user and its first administrator, the IAM user `admin`.

    The access keys are printed once and are nowhere to be read again.
    """
    if len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        raise click.BadParameter(f"at most {NAME_CHARACTERS_MAX} printable characters", param_hint="--name")
    from selfkms.domain.iam.principals import Account
    from selfkms.domain.records import Put
    from selfkms.services.iam.accounts import new_account, new_credential

    unsealed = _for_real(unsealed_at(data_dir))
    administrator = new_credential(unsealed.entropy)
    root = new_credential(unsealed.entropy) if with_root_key else None
    with _database(unsealed) as (assembly, database):
        _refuse_if(database.account(account_id) is not None, f"account {account_id} is there already")
        changes = [
            Put(change.record.changed(name=name)) if isinstance(change.record, Account) else change
            for change in new_account(
                account_id,
                administrator=administrator,
                root=root,
                keys=assembly.keys,
                entropy=unsealed.entropy,
                now=unsealed.clock.now(),
            )
        ]
        database.commit(changes, [_event(unsealed, "CreateAccount", account_id, {"rootAccessKey": with_root_key})])
    credentials = {"administrator": administrator, **({"root": root} if root is not None else {})}
    if as_json:
        shown = {holder: _shown(credential) for holder, credential in credentials.items()}
        click.echo(json.dumps({"account": account_id, "name": name, **shown}))
        return
    click.echo("# The first administrator. This is shown once:")
    _print_exports(administrator)
    if root is not None:
        click.echo("# The root user. This is shown once:")
        _print_exports(root)


@account.command("list")
@existing_data_dir
@_for_programs
def list_(*, data_dir: Path, as_json: bool) -> None:
    """List the accounts, and how many access keys the root user of each has."""
    with _database(unsealed_at(data_dir)) as (_, database):
        found = [(account, database.access_keys(account.account_id, None)) for account in database.accounts()]
    if as_json:
        click.echo(json.dumps([_listed(*each) for each in found]))
        return
    for each in found:
        listed = _listed(*each)
        keys = len(each[1])
        click.echo(f"{listed['account']}  {listed['created']}  root access keys: {keys}  {listed['name']}".rstrip())


@account.group("root-key")
def root_key() -> None:
    """Make or delete access keys of the root user of an account."""


@root_key.command("create")
@click.argument("account_id", metavar="ACCOUNT", type=AccountID())
@existing_data_dir
@_for_programs
def create_root_key(*, account_id: str, data_dir: Path, as_json: bool) -> None:
    """Make an access key of the root user: for who is locked out. Delete it when it has done its work.

    It is printed once and is nowhere to be read again.
    """
    from selfkms.domain.iam.limits import ACCESS_KEYS_PER_USER_MAX
    from selfkms.domain.iam.principals import AccessKey, secret_binding
    from selfkms.domain.records import Put
    from selfkms.services.iam.accounts import new_credential

    unsealed = _for_real(unsealed_at(data_dir))
    credential = new_credential(unsealed.entropy)
    access_key_id = credential.access_key_id
    with _database(unsealed) as (assembly, database):
        present = _root_keys(database, account_id)
        _refuse_if(
            len(present) >= ACCESS_KEYS_PER_USER_MAX,
            f"the root user of {account_id} has {len(present)} access keys, which is as many as there can be",
        )
        access_key = AccessKey(
            access_key_id=access_key_id,
            account_id=account_id,
            user_name=None,
            sealed_secret=assembly.keys.seal(credential.secret_access_key, bound_to=secret_binding(access_key_id)),
            created_at=unsealed.clock.now(),
        )
        event = _event(unsealed, "CreateAccessKey", account_id, {"accessKeyId": access_key_id})
        database.commit([Put(access_key)], [event])
    if as_json:
        click.echo(json.dumps({"account": account_id, "root": _shown(credential)}))
        return
    click.echo("# The root user. This is shown once:")
    _print_exports(credential)


@root_key.command("delete")
@click.argument("account_id", metavar="ACCOUNT", type=AccountID())
@existing_data_dir
@_for_programs
def delete_root_key(*, account_id: str, data_dir: Path, as_json: bool) -> None:
    """Delete all access keys of the root user of an account."""
    from selfkms.domain.records import Remove

    unsealed = _for_real(unsealed_at(data_dir))
    with _database(unsealed) as (_, database):
        keys = _root_keys(database, account_id)
        changes: list[Change] = [Remove(key) for key in keys]
        events = [_event(unsealed, "DeleteAccessKey", account_id, {"accessKeyId": key.access_key_id}) for key in keys]
        database.commit(changes, events)
    if as_json:
        click.echo(json.dumps({"account": account_id, "deleted": [key.access_key_id for key in keys]}))
        return
    for key in keys:
        click.echo(f"deleted {key.access_key_id}")
    if not keys:
        click.echo(f"the root user of {account_id} has no access key", err=True)


@contextmanager
def _database(unsealed: "Unsealed") -> Iterator[tuple["Assembly", "Database"]]:
    """The records. One process at a time writes them, so this may wait a moment for a server.

    Raises:
        click.ClickException: they cannot be read or written.
    """
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.ports.database import ConflictError, CorruptRecordError, DatabaseUnavailableError

    assembly = Assembly(unsealed)
    database = assembly.database()
    try:
        yield assembly, database
    except ConflictError as error:
        raise click.ClickException("somebody else changed the same at this moment; try again") from error
    except (CorruptRecordError, DatabaseUnavailableError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        database.close()


def _for_real(unsealed: "Unsealed") -> "Unsealed":
    """Refuse what `dev` made: it writes the files of clients for accounts whose access keys it knows."""
    made_by_dev = unsealed.data_dir.dev_mark.exists()
    _refuse_if(made_by_dev, f"{unsealed.data_dir.root} was made by `selfkms dev`: give that --account instead")
    return unsealed


def _refuse_if(condition: bool, message: str) -> None:  # noqa: FBT001  it is the condition itself
    if condition:
        raise click.ClickException(message)


def _root_keys(database: "Database", account_id: str) -> list["AccessKey"]:
    _refuse_if(database.account(account_id) is None, f"there is no account {account_id}")
    return database.access_keys(account_id, None)


def _event(unsealed: "Unsealed", name: str, account_id: str, details: dict[str, object]) -> "AuditRecord":
    """What the audit keeps of it. Nobody signed a request: whoever has the data directory and its seal did it."""
    import msgspec

    from selfkms.domain.cloudtrail.event import EVENT_VERSION, event_time
    from selfkms.domain.cloudtrail.record import AuditRecord

    event_id = unsealed.entropy.uuid()
    record = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"accountId": account_id, "invokedBy": "selfkms account"},
        "eventTime": event_time(unsealed.clock.now()),
        "eventSource": "organizations.amazonaws.com" if name == "CreateAccount" else "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "selfkms account",
        "userAgent": "selfkms account",
        "requestParameters": None,
        "responseElements": None,
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": account_id,
        "serviceEventDetails": details,
        "eventCategory": "Management",
    }
    return AuditRecord(event_id, msgspec.json.encode(record))


def _listed(account: "Account", root_keys: "Sequence[AccessKey]") -> dict[str, object]:
    from selfkms.domain.cloudtrail.event import event_time

    return {
        "account": account.account_id,
        "name": account.name,
        "created": event_time(account.created_at),
        "root_access_keys": [key.access_key_id for key in root_keys],
    }


def _shown(credential: "Credential") -> dict[str, str]:
    secret = credential.secret_access_key.open(SECRET_ACCESS).decode()
    return {"access_key_id": credential.access_key_id, "secret_access_key": secret}


def _print_exports(credential: "Credential") -> None:
    shown = _shown(credential)
    click.echo(f"export AWS_ACCESS_KEY_ID={shown['access_key_id']}")
    click.echo(f"export AWS_SECRET_ACCESS_KEY={shown['secret_access_key']}")
