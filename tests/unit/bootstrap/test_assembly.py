"""What each thread gets of an unsealed installation, on real files: the parts fit together."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from harness.assembled import answer, ask, gate_of, made, opened, signed
from harness.attestation import TEST_ROOT
from harness.world import ALICE_ACCOUNT, StandingClock
from selfkms.adapters.audit_files.journal import JournalInUseError
from selfkms.adapters.audit_files.verify import verify
from selfkms.adapters.log_stores.s3 import S3LogStore
from selfkms.adapters.nitro.roots import trusted_roots
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.dev import administrator_credential, ensure_accounts
from selfkms.bootstrap.installation import Unsealed
from selfkms.crypto.certificates import self_made_certificates
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.cloudtrail.trails import Trail
from selfkms.domain.records import Put
from selfkms.domain.secrets import Secret
from selfkms.ports.audit_sink import Journal
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
    assert {name: service.signing_name for name, service in assembly.services.items()} == {
        name: name for name in ("kms", "iam", "sts", "cloudtrail", "ec2", "ebs")
    }


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


def test_trails_deliver_to_s3_or_to_a_directory(tmp_path: Path) -> None:
    """To S3 if its endpoint is set; else into the data directory, where a bucket is a folder."""
    s3 = Assembly(made(tmp_path / "s3", "trail.s3_endpoint=http://127.0.0.1:1")).log_store()
    assert isinstance(s3, S3LogStore)
    assembly = Assembly(made(tmp_path / "data"))
    (tmp_path / "data" / "trails" / "logs").mkdir(parents=True)
    assembly.log_store().put("logs", "key", b"body", metadata={})
    assert (tmp_path / "data" / "trails" / "logs" / "key").read_bytes() == b"body"


def test_what_is_delivered_comes_from_the_journal(tmp_path: Path) -> None:
    """A StopLogging that is only in the database is moved there first."""
    clock = StandingClock(time.time())
    unsealed = installed(tmp_path, clock=clock)
    assembly = Assembly(unsealed)
    (tmp_path / "trails" / "logs").mkdir(parents=True)
    journal = assembly.journal()
    database = assembly.database()
    trail = Trail(account_id=ALICE_ACCOUNT, home_region="us-east-1", name="audit", created_at=1.0, bucket="logs")
    stopped = trail.with_validation(enabled=True, at=1.0).started(at=1.0, place="").stopped(at=clock.now())
    database.commit([Put(stopped)], [RECORD])
    deliverer = assembly.deliverer(_Sink(journal))
    deliverer.attend()
    assert database.audit_backlog(limit=10) == []
    assert database.trails(ALICE_ACCOUNT)[0].sessions == ()
    (digest,) = (tmp_path / "trails" / "logs").rglob("*_CloudTrail-Digest_*.json.gz")
    assert digest.is_file()
    deliverer._database.close()
    database.close()
    journal.close()


class _Sink:
    """The way to the journal without a recorder."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def record(self, records: Sequence[AuditRecord]) -> None:
        self._journal.append(records)


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


def test_the_threads_of_a_process_share_the_keys_of_issuers(tmp_path: Path) -> None:
    """What one of them fetched; private addresses are asked only if a setting says so."""
    assembly = Assembly(installed(tmp_path / "one"))
    keys = assembly.web_identity_keys
    for _ in range(2):
        gate = assembly.gate()
        assert gate._authenticator._web_identity_keys is keys
        gate._database.close()
    assert not keys._fetcher._allow_private_addresses
    allowing = Assembly(made(tmp_path / "two", "web_identity.allow_private_addresses=true"))
    assert allowing.web_identity_keys._fetcher._allow_private_addresses


def test_a_file_says_which_authorities_are_trusted(tmp_path: Path) -> None:
    """Instead of the system's; below the data directory, or anywhere."""
    authority = self_made_certificates(hosts=["issuer.example"], not_before=1_790_000_000.0, days=1).authority
    for directory in ("one", "two"):
        place = tmp_path / directory
        named = "ca.pem" if directory == "one" else tmp_path / "elsewhere.pem"
        assembly = Assembly(made(place, f"web_identity.ca_file={named}"))
        (place / named).write_bytes(authority)
        trusted = assembly.web_identity_keys._fetcher._tls.get_ca_certs()
        assert [certificate["subject"] for certificate in trusted] == [((("commonName", "selfkms dev authority"),),)]


def test_documents_lead_to_awss_root_or_to_those_in_a_file(tmp_path: Path) -> None:
    """One verifier for all threads of a process, and how old documents may be is a setting."""
    assembly = Assembly(installed(tmp_path / "one"))
    gate = assembly.gate()
    assert gate._recipients is assembly.recipients
    gate._database.close()
    assert (assembly.recipients._roots, assembly.recipients._skew_seconds) == (trusted_roots(None), 300)
    own = Assembly(made(tmp_path / "two", "attestation.root_file=roots.pem", "attestation.skew_seconds=60"))
    (tmp_path / "two" / "roots.pem").write_bytes(TEST_ROOT.pem)
    assert own.recipients._roots == {TEST_ROOT.certificate_der}
    assert own.recipients._skew_seconds == 60
