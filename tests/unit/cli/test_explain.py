"""`selfkms explain`: what is asked on the command line, and how the answer reads."""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from click.testing import CliRunner, Result

from harness.assembled import gate_of, made, opened, signed
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.dev import administrator_credential, ensure_accounts
from selfkms.cli.explain import explain, printable
from selfkms.cli.who_can import who_can
from selfkms.domain.arns import root_arn, user_arn
from selfkms.services.iam.accounts import Credential

ADMIN: Final = user_arn(ALICE_ACCOUNT, "/", "admin")
BOB: Final = user_arn(BOB_ACCOUNT, "/", "admin")
PAGE: Final = Path(__file__).parents[3] / "docs" / "explain.md"
SID: Final = "\u001b[2J\nfor all"


class Installed(NamedTuple):
    """An installation with two accounts and a KMS key that lets Bob encrypt in a context."""

    directory: Path
    arn: str


def sent(directory: Path, who: Credential, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The audit record of a request, which is put into the journal, if it is not in the database."""
    with gate_of(opened(directory)) as gate:
        gate.begin_turn()
        outcome = gate.handle(signed(who, operation, parameters))
        body = outcome.record.body if outcome.record else _backlog(directory)[-1]
    if outcome.record is not None:
        journal = Assembly(opened(directory)).journal()
        journal.append([outcome.record])
        journal.close()
    found: dict[str, Any] = json.loads(body)
    return found


def _backlog(directory: Path) -> list[bytes]:
    database = Assembly(opened(directory)).database()
    try:
        return [record.body for _, record in database.audit_backlog(limit=100)]
    finally:
        database.close()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    directory = tmp_path_factory.mktemp("explain") / "data"
    ensure_accounts(made(directory), [ALICE_ACCOUNT, BOB_ACCOUNT])
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": root_arn(ALICE_ACCOUNT)},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": SID,
                "Effect": "Allow",
                "Principal": {"AWS": root_arn(BOB_ACCOUNT)},
                "Action": "kms:Encrypt",
                "Resource": "*",
                "Condition": {
                    "StringEquals": {"kms:EncryptionContext:app": "web"},
                    "IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
                },
            },
        ],
    }
    admin = administrator_credential(ALICE_ACCOUNT)
    record = sent(directory, admin, "CreateKey", {"Policy": json.dumps(policy)})
    return Installed(directory, record["resources"][0]["ARN"])


def invoke(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(explain, [*arguments, "--data-dir", str(directory)])


def answered(directory: Path, *arguments: str) -> Any:
    """What it says to programs; exit code 0 whatever was decided."""
    result = invoke(directory, *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def asking(key_arn: str, principal: str, action: str = "kms:Encrypt") -> tuple[str, ...]:
    return ("--principal", principal, "--action", action, "--key", key_arn)


def test_an_allowed_request_for_people(installed: Installed) -> None:
    """Decision, what decided, every part, and what would end it."""
    result = invoke(installed.directory, *asking(installed.arn, ADMIN))
    assert (result.exit_code, result.stderr) == (0, "")
    of_key = "statement 1 of the key policy, which names the account"
    of_iam = "statement 1 of arn:aws:iam::aws:policy/AdministratorAccess"
    deny = {"Effect": "Deny", "Principal": {"AWS": ADMIN}, "Action": "kms:Encrypt", "Resource": "*"}
    assert result.stdout.splitlines() == [
        f"principal   {ADMIN}",
        "permission  kms:Encrypt",
        f"resource    {installed.arn}",
        "decision    ALLOWED",
        f"decided by  {of_key}; {of_iam}",
        "",
        f"key policy            allows        {of_key}",
        f"IAM policies          allows        {of_iam}",
        "permissions boundary  none",
        "session policies      none",
        "grants                says nothing",
        "",
        "It would be refused by any one of:",
        "1. detach arn:aws:iam::aws:policy/AdministratorAccess",
        f"2. let the key policy deny it to {ADMIN}",
        f"     {json.dumps(deny)}",
        "3. remove statement 1 of the key policy",
    ]


def test_a_refused_request_for_people(installed: Installed) -> None:
    """AWS's text, and what came near; a Sid cannot move the cursor or make lines of its own."""
    result = invoke(installed.directory, *asking(installed.arn, BOB))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "decision    REFUSED" in lines
    assert any(line.startswith(f"answer      User: {BOB} is not authorized to perform: kms:Encrypt") for line in lines)
    near = "near: statement 2 (\\x1b[2J\\nfor all) of the key policy: not met: StringEquals"
    assert any(line.strip().startswith(near) for line in lines)
    assert "\u001b" not in result.stdout
    assert "It would be allowed by any one of:" in lines


def test_context_and_facts(installed: Installed) -> None:
    """They count; a condition key that is given twice has two values."""
    bob = asking(installed.arn, BOB)
    given = ("--context", "app=web", "--fact", "aws:SourceIp=192.0.2.5")
    assert answered(installed.directory, *bob, *given)["allowed"] is True
    assert answered(installed.directory, *bob, *given[:2])["allowed"] is False
    twice = (*given, "--fact", "aws:SourceIp=198.51.100.1")
    assert answered(installed.directory, *bob, *twice)["allowed"] is False


def test_for_programs(installed: Installed) -> None:
    """One object, with the steps of each change and the statements to add."""
    said = answered(installed.directory, *asking(installed.arn, BOB, "KMS:decrypt"))
    assert said.keys() == {
        "principal",
        "action",
        "resource",
        "allowed",
        "text",
        "decided_by",
        "parts",
        "changes",
        "notes",
    }
    assert (said["principal"], said["action"], said["allowed"]) == (BOB, "kms:Decrypt", False)
    assert [[step["doing"] for step in steps] for steps in said["changes"]] == [
        ["allow-in-key-policy"],
        ["create-grant"],
    ]


def test_without_a_key(installed: Installed) -> None:
    """The Region of the request counts."""
    asked = ("--principal", ADMIN, "--action", "kms:CreateKey", "--region", "eu-west-1")
    said = answered(installed.directory, *asked)
    assert (said["resource"], said["allowed"]) == (None, True)
    assert "resource    none" in invoke(installed.directory, *asked).stdout


def test_a_request_of_the_journal(installed: Installed) -> None:
    """It is found by its ID, with its time and its answer, and said to be explained by the policies of now."""
    parameters = {"KeyId": installed.arn, "Plaintext": "AA==", "EncryptionContext": {"app": "web"}}
    record = sent(installed.directory, administrator_credential(BOB_ACCOUNT), "Encrypt", parameters)
    said = answered(installed.directory, record["requestID"])
    assert said.keys() == {"request_id", "event_name", "time", "answer", "notes", "permissions"}
    assert (said["event_name"], said["time"]) == ("Encrypt", record["eventTime"])
    assert said["answer"] == f"AccessDenied: {record['errorMessage']}"
    assert said["permissions"][0]["text"] == record["errorMessage"]
    people = invoke(installed.directory, record["requestID"]).stdout.splitlines()
    assert people[0] == f"request     {record['requestID']}: Encrypt at {record['eventTime']}"
    assert people[2] == "explained   with the policies of now"
    assert people[3].startswith("note        the encryption context of this request is not recorded")
    elsewhere = ("--context", "app=web", "--fact", "aws:SourceIp=192.0.2.5")
    assert answered(installed.directory, record["requestID"], *elsewhere)["permissions"][0]["allowed"] is True


def test_a_request_that_waits_in_the_database(installed: Installed) -> None:
    """One with a change, which the keeper has yet to move."""
    parameters = {"KeyId": installed.arn.rpartition("/")[2], "Description": "x"}
    record = sent(installed.directory, administrator_credential(ALICE_ACCOUNT), "UpdateKeyDescription", parameters)
    said = answered(installed.directory, record["requestID"])
    assert [each["action"] for each in said["permissions"]] == ["kms:UpdateKeyDescription"]
    assert "answered    it succeeded" in invoke(installed.directory, record["requestID"]).stdout


def test_a_request_whose_key_the_ciphertext_names(installed: Installed) -> None:
    """`--key` tells what the record does not."""
    admin = administrator_credential(ALICE_ACCOUNT)
    with gate_of(opened(installed.directory)) as gate:
        gate.begin_turn()
        response = gate.handle(signed(admin, "Encrypt", {"KeyId": installed.arn, "Plaintext": "AA=="})).response
    blob = json.loads(response.body)["CiphertextBlob"]
    record = sent(installed.directory, administrator_credential(BOB_ACCOUNT), "Decrypt", {"CiphertextBlob": blob})
    result = invoke(installed.directory, record["requestID"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "name it with --key" in result.stderr
    said = answered(installed.directory, record["requestID"], "--key", installed.arn)
    assert (said["permissions"][0]["action"], said["permissions"][0]["allowed"]) == ("kms:Decrypt", False)


def test_what_cannot_be_explained(installed: Installed) -> None:
    """Exit code 1 and one line."""
    for arguments in (
        ("00000000-0000-4000-8000-000000000000",),
        asking(installed.arn, ADMIN + "x"),
        asking(installed.arn + "x", ADMIN),
        asking(installed.arn, ADMIN, "kms:Decrpyt"),
    ):
        result = invoke(installed.directory, *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("Error: there is no ")
        assert result.stderr.count("\n") == 1


def test_a_damaged_journal(tmp_path: Path) -> None:
    """Records that cannot be believed are not explained."""
    directory = tmp_path / "data"
    ensure_accounts(made(directory), [ALICE_ACCOUNT])
    record = sent(directory, administrator_credential(ALICE_ACCOUNT), "ListKeys", {})
    assert answered(directory, record["requestID"])["permissions"][0]["allowed"] is True
    segment = next((directory / "audit").glob("*.journal"))
    data = bytearray(segment.read_bytes())
    data[data.index(b"ListKeys")] ^= 1
    segment.write_bytes(data)
    result = invoke(directory, record["requestID"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: audit journal, ")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--principal", ADMIN),
        ("--action", "kms:Decrypt"),
        ("--key", "x"),
        ("id", "--principal", ADMIN, "--action", "kms:Decrypt"),
        ("id", "--action", "kms:Decrypt"),
        ("id", "--region", REGION),
        ("--principal", ADMIN, "--action", "kms:Decrypt"),
        ("--principal", ADMIN, "--action", "kms:ListKeys", "--key", "x"),
        ("--principal", ADMIN, "--action", "kms:ListRetirableGrants"),
        ("id", "--context", "app"),
        ("id", "--context", "=x"),
        ("id", "--context", "a=b", "--context", "a=c"),
        ("id", "--fact", "aws:SourceIp"),
        ("id", "--fact", "SourceIp=x"),
    ],
)
def test_what_is_not_understood(installed: Installed, arguments: tuple[str, ...]) -> None:
    """Exit code 2."""
    assert invoke(installed.directory, *arguments).exit_code == 2


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    """`docs/explain.md`: an installation with a new KMS key, and then with a grant on it."""
    directory = tmp_path / "data"
    ensure_accounts(made(directory), [ALICE_ACCOUNT, BOB_ACCOUNT])
    admin = administrator_credential(ALICE_ACCOUNT)
    arn = sent(directory, admin, "CreateKey", {})["resources"][0]["ARN"]
    page = PAGE.read_text().replace("1234abcd-12ab-34cd-56ef-1234567890ab", arn.rpartition("/")[2])
    assert _shown(invoke(directory, *asking(arn, BOB, "kms:Decrypt"))) in page
    constraints = {"EncryptionContextSubset": {"app": "web"}}
    given = {"KeyId": arn, "GranteePrincipal": BOB, "Operations": ["Decrypt"], "Constraints": constraints}
    grant_id = sent(directory, admin, "CreateGrant", given)["responseElements"]["grantId"]
    who = CliRunner().invoke(who_can, ["kms:Decrypt", arn, "--data-dir", str(directory)])
    assert _shown(who) in page.replace(f"{1:064x}", grant_id)


def _shown(result: Result) -> str:
    """As a block of a page."""
    return "".join(f"    {line}".rstrip() + "\n" for line in result.stdout.splitlines())


def test_lines_stay_lines() -> None:
    """Whatever a policy or a request holds."""
    assert printable("é \u009b2J\r\n\u202e") == "é \\x9b2J\\r\\n\\u202e"
