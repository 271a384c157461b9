"""`selfkms who-can`: who may do something on a KMS key, and how each comes by it."""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from selfkms.cli.at_rest import unsealed_at
from selfkms.cli.explain import explaining, printable
from selfkms.cli.options import existing_data_dir

if TYPE_CHECKING:
    from selfkms.bootstrap.installation import Unsealed
    from selfkms.domain.kms.keys import KMSKey
    from selfkms.gate.explain import Explainer
    from selfkms.gate.who_can import Holder

DECRYPT: Final = "kms:Decrypt"


@click.command("who-can", short_help="Say who may do something on a KMS key.")
@click.argument("action", required=False)
@click.argument("key_arn", metavar="KEY_ARN", required=False)
@existing_data_dir
@click.option(
    "--blob",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with a ciphertext blob, as it is or in base64: who may decrypt it.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def who_can(*, action: str | None, key_arn: str | None, data_dir: Path, blob: Path | None, as_json: bool) -> None:
    """Say who has a permission on a KMS key: ACTION as policies name it (kms:Decrypt), KEY_ARN a key or an alias.

    Every principal of every account is asked about, by the server's own rules; a role stands for its sessions without
    session policies. Who may only under conditions that hang on the request is listed with these conditions. With
    --blob: who may decrypt that blob, in each Region that has its KMS key; it is not opened.
    """
    if (blob is None) is not (action is not None and key_arn is not None) or (blob is not None and action is not None):
        raise click.UsageError("give ACTION and KEY_ARN, or --blob FILE")
    unsealed = unsealed_at(data_dir)
    with explaining(unsealed) as explainer:
        from selfkms.gate.permissions import permission_named
        from selfkms.gate.who_can import WhoCan

        permission = permission_named(action or DECRYPT)
        if not permission.on_key:
            raise click.UsageError(f"{permission.action} is asked for on no KMS key")
        keys = [explainer.key(str(key_arn))[0]] if blob is None else _keys_of(blob, unsealed, explainer)
        everybody = WhoCan(explainer)
        found = [(key, list(everybody.holders(permission.action, key, now=unsealed.clock.now()))) for key in keys]
    if as_json:
        click.echo(json.dumps([_for_programs(permission.action, key, holders) for key, holders in found], indent=2))
        return
    for place, (key, holders) in enumerate(found):
        if place:
            click.echo()
        for line in _for_people(permission.action, key, holders):
            click.echo(printable(line))


def _keys_of(file: Path, unsealed: "Unsealed", explainer: "Explainer") -> list["KMSKey"]:
    """The KMS keys, one a Region, whose key material made a blob. Its header alone is looked at."""
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.domain.kms.errors import InvalidCiphertextException

    assembly, database = Assembly(unsealed), explainer.database
    raw = file.read_bytes()
    for blob in (raw, _decoded(raw)):
        try:
            handle = assembly.key_store(database).identify(blob)
        except InvalidCiphertextException:
            continue
        keys = [key for region in sorted(assembly.regions) if (key := database.key_of_material(region, handle))]
        if not keys:
            raise click.ClickException(f"{file} was made here, but its KMS key is gone: nobody can decrypt it")
        return keys
    raise click.ClickException(f"{file} holds no ciphertext blob of this installation")


def _decoded(raw: bytes) -> bytes:
    """What base64 stands for; nothing, if it is none."""
    try:
        return b64decode(b"".join(raw.split()), validate=True)
    except (Base64Error, ValueError):
        return b""


def _for_programs(action: str, key: "KMSKey", holders: list["Holder"]) -> dict[str, object]:
    import msgspec

    return {"action": action, "key": key.arn, "state": key.state, "holders": msgspec.to_builtins(holders)}


def _for_people(action: str, key: "KMSKey", holders: list["Holder"]) -> Iterator[str]:
    state = "" if key.enabled else f" (key state: {key.state})"
    yield f"{action} on {key.arn}{state}:"
    if not holders:
        yield "  nobody"
        return
    width = max(len(holder.principal) for holder in holders)
    for holder in holders:
        yield f"  {holder.principal:<{width}}  {holder.by}"
        for condition in holder.conditions:
            only = "" if condition.startswith("unless ") else "if "
            yield f"  {'':<{width}}    {only}{condition}"
