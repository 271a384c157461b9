"""`selfkms explain`: why a request is permitted or refused, and what would change that."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from selfkms.cli.at_rest import unsealed_at
from selfkms.cli.options import existing_data_dir

if TYPE_CHECKING:
    from selfkms.bootstrap.installation import Unsealed
    from selfkms.domain.policy.changes import Change
    from selfkms.domain.policy.explain import Part
    from selfkms.domain.policy.facts import Fact
    from selfkms.gate.explain import Explainer, Explanation, Hypothesis
    from selfkms.gate.recorded import Recorded

DEFAULT_REGION: Final = "us-east-1"

_BACKLOG_MAX: Final = 1_000_000
"""More than the keeper ever lets lie."""


@click.command(short_help="Say why a request is permitted or refused.")
@click.argument("request_id", required=False)
@existing_data_dir
@click.option("--principal", metavar="ARN", help="Who asks: a root user, a user, a role, or a role session.")
@click.option("--action", metavar="PERMISSION", help="What for, as policies name it: kms:Decrypt.")
@click.option("--key", "key_arn", metavar="ARN", help="The KMS key, by its key ARN or an alias ARN.")
@click.option("--region", help=f"Of a request that is about no KMS key.  [default: {DEFAULT_REGION}]")
@click.option(
    "--context", "pairs", metavar="NAME=VALUE", multiple=True, help="A pair of the encryption context. May be repeated."
)
@click.option(
    "--fact",
    "facts",
    metavar="KEY=VALUE",
    multiple=True,
    help="A condition key, for example aws:SourceIp=192.0.2.1. Given twice it has two values.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def explain(  # noqa: PLR0913  the options of a command line
    *,
    request_id: str | None,
    data_dir: Path,
    principal: str | None,
    action: str | None,
    key_arn: str | None,
    region: str | None,
    pairs: tuple[str, ...],
    facts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say why a request is permitted or refused.

    Either name a principal, a permission and a KMS key, or give the REQUEST_ID of an answer: the request is then found
    in the audit, and explained with the policies of now; what its record leaves out may be given (--context, --key for
    the key of a ciphertext). The rules are the server's own. Exit code 0: it could be explained, whatever the decision.
    """
    named = principal is not None and action is not None
    if (request_id is None) is not named or (request_id is not None and (principal or action or region)):
        raise click.UsageError("give --principal and --action (with --key), or the ID of a request")
    context, given = _pairs(pairs), _facts(facts)
    unsealed = unsealed_at(data_dir)
    found: Recorded | None = None
    with explaining(unsealed) as explainer:
        if principal is not None and action is not None:
            asked = _asked(explainer, unsealed, principal, action, key_arn, region)
            hypotheses = [_with(asked, context, given)]
        else:
            found = _recorded(unsealed, explainer, str(request_id), key_arn, context, given)
            hypotheses = list(found.asked)
        answers = [explainer.explain(hypothesis) for hypothesis in hypotheses]
    if as_json:
        click.echo(json.dumps(_for_programs(answers, found), indent=2))
        return
    for line in _for_people(answers, found):
        click.echo(printable(line))


@contextmanager
def explaining(unsealed: "Unsealed") -> Iterator["Explainer"]:
    """What answers for an installation. It reads, and works while the installation is served.

    Raises:
        click.ClickException: what was asked for does not exist, or the database does not answer.
    """
    from selfkms.adapters.audit_files.segments import JournalDamagedError
    from selfkms.bootstrap.assembly import Assembly
    from selfkms.gate.explain import Explainer, UnknownSubjectError
    from selfkms.gate.permissions import UnknownPermissionError
    from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError

    database = Assembly(unsealed).database()
    try:
        yield Explainer(database)
    except (UnknownSubjectError, UnknownPermissionError, JournalDamagedError, OSError) as error:
        raise click.ClickException(printable(str(error))) from error
    except (CorruptRecordError, DatabaseUnavailableError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        database.close()


def printable(line: str) -> str:
    """A line that stays one: a Sid or a text of a request may hold what moves a terminal's cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _asked(
    explainer: "Explainer",
    unsealed: "Unsealed",
    principal: str,
    action: str,
    key_arn: str | None,
    region: str | None,
) -> "Hypothesis":
    from selfkms.gate.explain import Hypothesis
    from selfkms.gate.permissions import permission_named

    permission = permission_named(action)
    if permission.on_key is not (key_arn is not None) and permission.action != "kms:TagResource":
        asked_for = "on a KMS key: name it with --key" if permission.on_key else "on no KMS key"
        raise click.UsageError(f"{permission.action} is asked for {asked_for}")
    if permission.on_principal:
        raise click.UsageError(f"{permission.action} is asked for on a principal: give the ID of a request")
    now = unsealed.clock.now()
    caller = explainer.caller(principal, now=now)
    if key_arn is None:
        return Hypothesis(caller=caller, action=permission.action, now=now, region=region or DEFAULT_REGION)
    key, request_alias = explainer.key(key_arn)
    return Hypothesis(
        caller=caller, action=permission.action, key=key, request_alias=request_alias, now=now, region=key.region
    )


def _with(asked: "Hypothesis", context: Mapping[str, str], facts: "Mapping[str, Fact]") -> "Hypothesis":
    import msgspec

    return msgspec.structs.replace(asked, encryption_context=context, facts=facts)


def _recorded(
    unsealed: "Unsealed",
    explainer: "Explainer",
    request_id: str,
    key_arn: str | None,
    context: Mapping[str, str],
    facts: "Mapping[str, Fact]",
) -> "Recorded":
    from selfkms.gate.recorded import recorded

    for body in _bodies(unsealed, explainer):
        # Parsing every record of a journal would take a hundred times as long.
        if request_id.encode() in body:
            record = json.loads(body)
            if record.get("requestID") == request_id:
                return recorded(record, explainer, encryption_context=context, facts=facts, key_arn=key_arn)
    raise click.ClickException(f"there is no request {request_id} in the audit")


def _bodies(unsealed: "Unsealed", explainer: "Explainer") -> Iterator[bytes]:
    """All audit records: those that the keeper has yet to move first, so that none can slip past."""
    from selfkms.adapters.audit_files.verify import read
    from selfkms.bootstrap.assembly import Assembly

    for _, record in explainer.database.audit_backlog(limit=_BACKLOG_MAX):
        yield record.body
    if unsealed.data_dir.journal.is_dir():
        for _, body in read(unsealed.data_dir.journal, Assembly(unsealed).audit_key):
            yield body


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or name in pairs:
            raise click.BadParameter(f"'{text}' is not NAME=VALUE, or is there twice", param_hint="--context")
        pairs[name] = value
    return pairs


def _facts(texts: tuple[str, ...]) -> "dict[str, Fact]":
    values: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or ":" not in name:
            raise click.BadParameter(f"'{text}' is not KEY=VALUE with a condition key", param_hint="--fact")
        values[name] = (*values.get(name, ()), value)
    return {name: given[0] if len(given) == 1 else given for name, given in values.items()}


def _for_programs(answers: list["Explanation"], found: "Recorded | None") -> dict[str, Any]:
    import msgspec

    explanations: list[dict[str, Any]] = [msgspec.to_builtins(answer) for answer in answers]
    if found is None:
        return explanations[0]
    return {
        "request_id": found.request_id,
        "event_name": found.event_name,
        "time": found.time,
        "answer": found.answer,
        "notes": list(found.notes),
        "permissions": explanations,
    }


def _for_people(answers: list["Explanation"], found: "Recorded | None") -> Iterator[str]:
    if found is not None:
        yield f"request     {found.request_id}: {found.event_name} at {found.time}"
        yield f"answered    {found.answer or 'it succeeded'}"
        yield "explained   with the policies of now"
        yield from (f"note        {note}" for note in found.notes)
        yield ""
    for place, answer in enumerate(answers):
        if place:
            yield ""
        yield from _explanation(answer)


def _explanation(answer: "Explanation") -> Iterator[str]:
    yield f"principal   {answer.principal}"
    yield f"permission  {answer.action}"
    yield f"resource    {answer.resource or 'none'}"
    yield f"decision    {'ALLOWED' if answer.allowed else 'REFUSED'}"
    yield f"decided by  {answer.decided_by}"
    if answer.text:
        yield f"answer      {answer.text}"
    yield from (f"note        {note}" for note in answer.notes)
    yield ""
    yield from _parts(answer.parts)
    if not answer.changes:
        return
    yield ""
    yield f"It would be {'refused' if answer.allowed else 'allowed'} by any one of:"
    for number, change in enumerate(answer.changes, 1):
        yield from _change(number, change)


def _parts(parts: tuple["Part", ...]) -> Iterator[str]:
    width = max(len(part.part) for part in parts)
    says = max(len(part.says) for part in parts)
    for part in parts:
        yield f"{part.part:<{width}}  {part.says:<{says}}  {part.by}".rstrip()
        yield from (f"{'':<{width}}  near: {near}" for near in part.near)


def _change(number: int, steps: tuple["Change", ...]) -> Iterator[str]:
    for place, step in enumerate(steps):
        yield f"{f'{number}.' if place == 0 else '  '} {'and ' if place else ''}{step.text}"
        if step.statement is not None:
            yield f"     {json.dumps(step.statement)}"
