"""What each thread gets of an unsealed installation, on real files: the parts fit together."""

import time
from pathlib import Path
from typing import Final

import pytest

from harness.assembled import answer, ask, gate_of, made, opened, signed
from harness.world import ALICE_ACCOUNT, StandingClock
from selfkms.adapters.audit_files.journal import JournalInUseError
from selfkms.adapters.audit_files.verify import verify
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.dev import administrator_credential, ensure_accounts
from selfkms.bootstrap.installation import Unsealed
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.secrets import Secret
from selfkms.ports.clock import Clock
from selfkms.ports.database import CorruptRecordError
from selfkms.protocol.model import regions
from selfkms.services.iam.accounts import Credential

ADMIN: Final = administrator_credential(ALICE_ACCOUNT)
RECORD: Final = AuditRecord("00000000-0000-4000-8000-000000000001", b'{"eventTime":"2026-11-04T12:00:00Z"}')


def installed(directory: Path, *assignments: str, clock: Clock | None = None) -> Unsealed:
    """An installation with an account."""
    unsealed = made(directory, *assignments, clock=clock)
    ensure_accounts(unsealed, [ALICE_ACCOUNT])
    return unsealed


def test_an_assembly_has_no_connections(tmp_path: Path) -> None:
    """It exists before processes are forked, which must not share any: it opens nothing by itself."""
    unsealed = made(tmp_path / "data")
    (tmp_path / "data" / "database.sqlite").unlink()
    assembly = Assembly(unsealed)
    _ = assembly.services, assembly.regions, assembly.audit_key
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"seal.key"}


def test_the_models_are_read_once(tmp_path: Path) -> None:
    """Before the fork, so that all workers share what was read."""
    assembly = Assembly(made(tmp_path))
    assert assembly.services is assembly.services
    assert {prefix: service.signing_name for prefix, service in assembly.services.items()} == {"TrentService": "kms"}


def test_the_gate_takes_what_the_account_signed(tmp_path: Path) -> None:
    """And nothing that was signed with another secret, or by nobody it knows."""
    unsealed = installed(tmp_path)
    assert ask(unsealed, ADMIN, "ListKeys") == (200, {"Keys": [], "Truncated": False})
    status, refusal = ask(unsealed, ADMIN._replace(secret_access_key=Secret(b"another")), "ListKeys")
    assert (status, refusal["__type"]) == (400, "InvalidSignatureException")
    status, refusal = ask(unsealed, Credential("AKIANOBODYNOBODYNOBO", ADMIN.secret_access_key), "ListKeys")
    assert (status, refusal["__type"]) == (400, "UnrecognizedClientException")


def test_what_one_thread_changed_the_others_see_in_their_next_turn(tmp_path: Path) -> None:
    """Each has a gate of its own with records kept in memory."""
    unsealed = installed(tmp_path)
    with gate_of(unsealed) as first, gate_of(unsealed) as second:
        assert answer(second, signed(ADMIN, "ListKeys", {}))[1]["Keys"] == []
        key_id = answer(first, signed(ADMIN, "CreateKey", {}))[1]["KeyMetadata"]["KeyId"]
        assert answer(second, signed(ADMIN, "DescribeKey", {"KeyId": key_id}))[0] == 200
        assert answer(first, signed(ADMIN, "ScheduleKeyDeletion", {"KeyId": key_id}))[0] == 200
        status, refusal = answer(second, signed(ADMIN, "Encrypt", {"KeyId": key_id, "Plaintext": "AA=="}))
        assert (status, refusal["__type"]) == (400, "KMSInvalidStateException")


def test_ciphertext_outlives_a_restart(tmp_path: Path) -> None:
    """An installation that is opened again decrypts what it encrypted before."""
    unsealed = installed(tmp_path)
    key_id = ask(unsealed, ADMIN, "CreateKey")[1]["KeyMetadata"]["KeyId"]
    blob = ask(unsealed, ADMIN, "Encrypt", {"KeyId": key_id, "Plaintext": "c2VjcmV0"})[1]["CiphertextBlob"]
    status, content = ask(opened(tmp_path), ADMIN, "Decrypt", {"CiphertextBlob": blob})
    assert (status, content["Plaintext"]) == (200, "c2VjcmV0")


def test_records_of_another_root_key_are_not_believed(tmp_path: Path) -> None:
    """The MAC on each row is this installation's own."""
    first, second = installed(tmp_path / "first"), made(tmp_path / "second")
    (tmp_path / "second" / "database.sqlite").unlink()
    (tmp_path / "first" / "database.sqlite").rename(tmp_path / "second" / "database.sqlite")
    assert first.installation_id != second.installation_id
    database = Assembly(second).database()
    try:
        with pytest.raises(CorruptRecordError):
            database.account(ALICE_ACCOUNT)
    finally:
        database.close()


def test_all_regions_are_served_unless_the_settings_name_some(tmp_path: Path) -> None:
    """Those of the partition `aws`; a signature for any other is refused."""
    assert Assembly(made(tmp_path / "all")).regions == regions()
    unsealed = installed(tmp_path / "some", "regions=eu-central-1,eu-west-1")
    assert Assembly(unsealed).regions == {"eu-central-1", "eu-west-1"}
    assert ask(unsealed, ADMIN, "ListKeys", region="eu-west-1")[0] == 200
    status, refusal = ask(unsealed, ADMIN, "ListKeys", region="us-east-1")
    assert (status, refusal["__type"]) == (400, "InvalidSignatureException")
    assert refusal["message"] == "Credential should be scoped to a valid region. "


@pytest.mark.parametrize(
    ("assignments", "ahead_seconds", "status"),
    [
        ((), 250.0, 200),
        ((), 400.0, 400),
        (("signature.skew_seconds=900",), 400.0, 200),
        (("signature.skew_seconds=60",), 100.0, 400),
    ],
)
def test_how_old_a_signature_may_be(
    tmp_path: Path, assignments: tuple[str, ...], ahead_seconds: float, status: int
) -> None:
    """As long as the settings say, 5 minutes without."""
    clock = StandingClock(time.time())
    unsealed = installed(tmp_path, *assignments, clock=clock)
    clock.wall_ahead_seconds = ahead_seconds
    assert ask(unsealed, ADMIN, "ListKeys")[0] == status


def test_the_keepers_jobs_reach_the_records(tmp_path: Path) -> None:
    """A key whose pending window is over is gone for every gate."""
    clock = StandingClock(time.time())
    unsealed = installed(tmp_path, clock=clock)
    key_id = ask(unsealed, ADMIN, "CreateKey")[1]["KeyMetadata"]["KeyId"]
    ask(unsealed, ADMIN, "ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    assembly = Assembly(unsealed)
    database = assembly.database()
    upkeep = assembly.upkeep(database)
    assert upkeep.attend_due_keys() == 0
    clock.seconds += 7 * 86_400
    assert upkeep.attend_due_keys() == 1
    database.close()
    assert ask(unsealed, ADMIN, "DescribeKey", {"KeyId": key_id})[1]["__type"] == "NotFoundException"


@pytest.mark.parametrize("durability", ["power", "process"])
def test_the_journal_is_this_installations_own(tmp_path: Path, durability: str) -> None:
    """In the data directory, with segments as long as the settings say, under the audit key."""
    unsealed = made(tmp_path, f"audit.durability={durability}", "audit.segment_bytes=1048576")
    assembly = Assembly(unsealed)
    journal = assembly.journal()
    journal.append([RECORD])
    journal.close()
    place = DataDir(tmp_path)
    report = verify(place.journal, assembly.audit_key)
    assert (report.records, report.damage, report.installation_id) == (1, None, unsealed.installation_id)
    assert {path.stat().st_size for path in place.journal.glob("*.journal")} == {1_048_576}
    again = verify(place.journal, Assembly(opened(tmp_path)).audit_key)
    assert again.damage is None


def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    """A second one is refused for as long as the first has it."""
    assembly = Assembly(made(tmp_path))
    journal = assembly.journal()
    with pytest.raises(JournalInUseError):
        assembly.journal()
    journal.close()
    assembly.journal().close()
