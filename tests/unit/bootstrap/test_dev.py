"""What `selfkms dev` has beyond `serve`: known credentials, files for clients, certificates, a clock that is moved."""

import os
import re
import ssl
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import botocore.session
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.assembled import ask, made
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT
from selfkms.adapters.system.clock import Baseline, MovableClock
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.dev import (
    DEFAULT_ACCOUNTS,
    administrator_credential,
    clock_routes,
    ensure_accounts,
    ensure_certificates,
    root_credential,
    write_client_files,
)
from selfkms.bootstrap.installation import Unsealed
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.records import Put
from selfkms.domain.secrets import SECRET_ACCESS
from selfkms.ports.audit_sink import JournalUnavailableError
from selfkms.protocol.http import HTTPResponse
from selfkms.server.tls import server_context
from selfkms.services.iam.accounts import Credential, new_account

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "dev-server.md"
ACCOUNT_IDS: Final = st.from_regex(r"[0-9]{12}", fullmatch=True)
ENDPOINT: Final = "http://127.0.0.1:4599"
PLAIN: Final = {"region": "us-east-1", "endpoint_url": ENDPOINT, "cli_binary_format": "raw-in-base64-out"}


class FakeSink:
    """The way to the recorder; or one whose recorder does not answer."""

    def __init__(self, *, works: bool = True) -> None:
        self.records: list[AuditRecord] = []
        self._works = works

    def record(self, records: Sequence[AuditRecord]) -> None:
        if not self._works:
            raise JournalUnavailableError("the recorder does not answer")
        self.records += records


@pytest.fixture
def clock() -> Iterator[MovableClock]:
    """The clock of `dev`, not yet moved."""
    clock = MovableClock(Baseline.take())
    yield clock
    clock.close()


@pytest.fixture
def unsealed(tmp_path: Path, clock: MovableClock) -> Unsealed:
    """An installation with the accounts of `dev`, under its clock."""
    made_here = made(tmp_path / "data", clock=clock)
    ensure_accounts(made_here, DEFAULT_ACCOUNTS)
    return made_here


def secret(credential: Credential) -> str:
    """The secret access key as it is typed."""
    return credential.secret_access_key.open(SECRET_ACCESS).decode()


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def client_settings(data_dir: DataDir, profile: str | None, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, Any]:
    """Access key and configuration of a profile, as an AWS client reads the files."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(data_dir.clients / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(data_dir.clients / "credentials"))
    session = botocore.session.Session(profile=profile)
    credentials = session.get_credentials()
    settings = {name: value for name, value in session.get_scoped_config().items() if not name.startswith("aws_")}
    return credentials.access_key, credentials.secret_key, settings


def moved(unsealed: Unsealed, clock: MovableClock, body: bytes, sink: FakeSink | None = None) -> HTTPResponse:
    """The answer to `POST /-/dev/clock`."""
    routes = clock_routes(clock, Assembly(unsealed), sink or FakeSink())
    assert list(routes) == [("POST", "/-/dev/clock")]
    return routes["POST", "/-/dev/clock"](body)


def test_the_credentials_are_the_documented_ones() -> None:
    """Test suites spell them out, so they are for ever."""
    rows = re.findall(r"^\| (\d{12}) \| (admin|root) \| `(\w+)` \| `(\S+)` \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert {(account_id, holder) for account_id, holder, _, _ in rows} == {
        (account_id, holder) for account_id in DEFAULT_ACCOUNTS for holder in ("admin", "root")
    }
    for account_id, holder, access_key_id, secret_access_key in rows:
        credential = (administrator_credential if holder == "admin" else root_credential)(account_id)
        assert (credential.access_key_id, secret(credential)) == (access_key_id, secret_access_key)


@given(ACCOUNT_IDS, ACCOUNT_IDS)
def test_every_account_has_credentials_of_its_own(first: str, second: str) -> None:
    """In AWS's form: `AKIA` and 16 characters of base 32, and 40 characters."""
    credentials = [administrator_credential(first), root_credential(first), administrator_credential(second)]
    for credential in credentials:
        assert re.fullmatch("AKIA[A-Z2-7]{16}", credential.access_key_id)
        assert len(secret(credential)) == 40
    expected = 2 if first == second else 3
    assert len({credential.access_key_id for credential in credentials}) == expected
    assert len({secret(credential) for credential in credentials}) == expected


def test_each_credential_is_taken_for_its_own_account(unsealed: Unsealed) -> None:
    """A KMS key of one account is not there for the other."""
    for account_id in DEFAULT_ACCOUNTS:
        for credential in (administrator_credential(account_id), root_credential(account_id)):
            status, content = ask(unsealed, credential, "CreateKey")
            assert (status, content["KeyMetadata"]["AWSAccountId"]) == (200, account_id)
    assert len(ask(unsealed, administrator_credential(ALICE_ACCOUNT), "ListKeys")[1]["Keys"]) == 2


def test_accounts_are_made_once(unsealed: Unsealed) -> None:
    """At the next start they stay as they are, and only what is missing is made."""
    database = Assembly(unsealed).database()
    before = [database.user(account_id, "admin") for account_id in DEFAULT_ACCOUNTS]
    ensure_accounts(unsealed, [*DEFAULT_ACCOUNTS, "000000000001", "000000000001"])
    database.refresh()
    assert [database.user(account_id, "admin") for account_id in DEFAULT_ACCOUNTS] == before
    assert {account.account_id for account in database.accounts()} == {*DEFAULT_ACCOUNTS, "000000000001"}
    database.close()
    assert ask(unsealed, root_credential("000000000001"), "ListKeys")[0] == 200


def test_the_profiles_of_the_client_files(unsealed: Unsealed, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each admin and each root user; the default is the first account's admin, whatever its number."""
    write_client_files(unsealed.data_dir, (BOB_ACCOUNT, ALICE_ACCOUNT), ENDPOINT)
    expected = {
        None: administrator_credential(BOB_ACCOUNT),
        BOB_ACCOUNT: administrator_credential(BOB_ACCOUNT),
        f"{BOB_ACCOUNT}-root": root_credential(BOB_ACCOUNT),
        ALICE_ACCOUNT: administrator_credential(ALICE_ACCOUNT),
        f"{ALICE_ACCOUNT}-root": root_credential(ALICE_ACCOUNT),
    }
    for profile, credential in expected.items():
        found = client_settings(unsealed.data_dir, profile, monkeypatch)
        assert found == (credential.access_key_id, secret(credential), PLAIN)


def test_with_tls_the_clients_are_told_the_authority(unsealed: Unsealed, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without it they are not."""
    write_client_files(unsealed.data_dir, DEFAULT_ACCOUNTS, "https://127.0.0.1:4599")
    _, _, settings = client_settings(unsealed.data_dir, None, monkeypatch)
    assert settings["ca_bundle"] == str(unsealed.data_dir.tls / "ca.pem")
    assert settings["endpoint_url"] == "https://127.0.0.1:4599"


def test_the_files_follow_the_server(unsealed: Unsealed, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next start with another port and other accounts nothing of the old ones is left."""
    write_client_files(unsealed.data_dir, DEFAULT_ACCOUNTS, "https://127.0.0.1:1")
    write_client_files(unsealed.data_dir, [BOB_ACCOUNT], ENDPOINT)
    assert client_settings(unsealed.data_dir, None, monkeypatch)[2] == PLAIN
    for name in ("config", "credentials"):
        assert ALICE_ACCOUNT not in (unsealed.data_dir.clients / name).read_text()


def test_what_is_written_is_for_its_owner_only(unsealed: Unsealed) -> None:
    """Directories 0700, files 0600, whatever the umask."""
    former = os.umask(0)
    try:
        write_client_files(unsealed.data_dir, DEFAULT_ACCOUNTS, ENDPOINT)
        ensure_certificates(unsealed, "127.0.0.1")
    finally:
        os.umask(former)
    for folder, names in (
        (unsealed.data_dir.clients, {"config", "credentials"}),
        (unsealed.data_dir.tls, {"ca.pem", "host", "server.key", "server.pem"}),
    ):
        assert mode(folder) == 0o700
        assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys(names, 0o600)


def test_a_directory_with_a_percent_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of the authority is written as it is."""
    place = DataDir(tmp_path / "100% mine")
    place.make()
    write_client_files(place, DEFAULT_ACCOUNTS, "https://127.0.0.1:4599")
    _, _, settings = client_settings(place, None, monkeypatch)
    assert settings["ca_bundle"] == str(place.tls / "ca.pem")


def connect(data_dir: DataDir, name: str) -> None:
    """A TLS handshake in memory with a client that trusts the authority of the data directory."""
    client_context = ssl.create_default_context(cafile=str(data_dir.tls / "ca.pem"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = server_context(data_dir.tls / "server.pem", data_dir.tls / "server.key")
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.cipher() is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_the_certificate_is_for_the_host_and_for_localhost(unsealed: Unsealed, host: str) -> None:
    """Clients may name the server by either."""
    ensure_certificates(unsealed, host)
    connect(unsealed.data_dir, host)
    connect(unsealed.data_dir, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(unsealed.data_dir, "127.0.0.3")


def test_certificates_are_made_once(unsealed: Unsealed) -> None:
    """Clients that were given the authority need it no second time."""
    ensure_certificates(unsealed, "127.0.0.1")
    before = {path: path.read_bytes() for path in unsealed.data_dir.tls.iterdir()}
    ensure_certificates(unsealed, "127.0.0.1")
    assert {path: path.read_bytes() for path in unsealed.data_dir.tls.iterdir()} == before


def test_an_interrupted_start_is_made_good(unsealed: Unsealed) -> None:
    """What says for whom they were made is written last: without it all are made anew, and fit each other."""
    ensure_certificates(unsealed, "127.0.0.1")
    (unsealed.data_dir.tls / "host").unlink()
    (unsealed.data_dir.tls / "server.pem").unlink()
    ensure_certificates(unsealed, "127.0.0.1")
    connect(unsealed.data_dir, "127.0.0.1")


def test_another_host_has_a_certificate_too(unsealed: Unsealed) -> None:
    """`dev --tls --host` with another address than the last time."""
    ensure_certificates(unsealed, "127.0.0.1")
    ensure_certificates(unsealed, "127.0.0.2")
    connect(unsealed.data_dir, "127.0.0.2")


def test_the_clock_moves(unsealed: Unsealed, clock: MovableClock) -> None:
    """The answer says how far it is ahead in all, and what time it is then; the wall clock stays."""
    for body, offset in ((b'{"advance_seconds": 60}', 60.0), (b'{"advance_seconds":0.5}', 60.5)):
        answer = moved(unsealed, clock, body)
        assert (answer.status, answer.headers) == (200, (("content-type", "application/json"),))
        told = msgspec.json.decode(answer.body)
        assert told == {"offset_seconds": offset, "now": pytest.approx(time.time() + offset, abs=5)}
        assert clock.now() == pytest.approx(told["now"], abs=5)
    assert clock.wall() == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"60",
        b"null",
        b"[]",
        b"{}",
        b'{"advance_seconds": "60"}',
        b'{"advance_seconds": null}',
        b'{"advance_seconds": true}',
        b'{"advance_seconds": NaN}',
        b'{"advance_seconds": 1e999}',
        b'{"advance_seconds": -1}',
        b'{"advance_seconds": 3153600001}',
        b'{"advance_seconds": 60, "account": "111122223333"}',
        b'{"advance_seconds": 60} {}',
        b'{"advance_seconds": 60',
        b"\xff",
        b'{"\xff": 60}',
    ],
)
def test_what_moves_no_clock(unsealed: Unsealed, clock: MovableClock, body: bytes) -> None:
    """400 with a reason; time stays where it is."""
    answer = moved(unsealed, clock, body)
    assert answer.status == 400
    assert msgspec.json.decode(answer.body)["message"]
    assert clock.offset() == 0.0


def pending_key(unsealed: Unsealed) -> str:
    """A KMS key whose pending window is 7 days."""
    admin = administrator_credential(ALICE_ACCOUNT)
    key_id: str = ask(unsealed, admin, "CreateKey")[1]["KeyMetadata"]["KeyId"]
    status, _ = ask(unsealed, admin, "ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    assert status == 200
    return key_id


def test_what_falls_due_has_happened_when_the_answer_comes(unsealed: Unsealed, clock: MovableClock) -> None:
    """A key is there until the last second of its pending window, then it is gone, and the audit says so."""
    admin, key_id, sink = administrator_credential(ALICE_ACCOUNT), pending_key(unsealed), FakeSink()
    moved(unsealed, clock, b'{"advance_seconds": 604500}', sink)
    assert ask(unsealed, admin, "DescribeKey", {"KeyId": key_id})[1]["KeyMetadata"]["KeyState"] == "PendingDeletion"
    moved(unsealed, clock, b'{"advance_seconds": 300}', sink)
    assert ask(unsealed, admin, "DescribeKey", {"KeyId": key_id})[1]["__type"] == "NotFoundException"
    events = [msgspec.json.decode(record.body)["eventName"] for record in sink.records]
    assert events == ["CreateKey", "ScheduleKeyDeletion", "DeleteKey"]


def test_without_the_recorder_the_clock_moves_all_the_same(unsealed: Unsealed, clock: MovableClock) -> None:
    """What is to be recorded stays in the database for the keeper's next round."""
    key_id = pending_key(unsealed)
    answer = moved(unsealed, clock, b'{"advance_seconds": 604800}', FakeSink(works=False))
    assert answer.status == 200
    admin = administrator_credential(ALICE_ACCOUNT)
    assert ask(unsealed, admin, "DescribeKey", {"KeyId": key_id})[1]["__type"] == "NotFoundException"
    sink = FakeSink()
    moved(unsealed, clock, b'{"advance_seconds": 0}', sink)
    assert msgspec.json.decode(sink.records[-1].body)["eventName"] == "DeleteKey"


def test_an_account_of_init_keeps_its_own_credentials(tmp_path: Path) -> None:
    """`dev` on an installation that `init` made does not open its accounts with credentials that everyone knows."""
    unsealed = made(tmp_path)
    own = Credential("AKIAOWNOWNOWNOWNOWNO", administrator_credential(BOB_ACCOUNT).secret_access_key)
    assembly = Assembly(unsealed)
    database = assembly.database()
    changes: Sequence[Put] = new_account(
        ALICE_ACCOUNT,
        administrator=own,
        root=None,
        keys=assembly.keys,
        entropy=unsealed.entropy,
        now=unsealed.clock.now(),
    )
    database.commit(changes)
    database.close()
    ensure_accounts(unsealed, [ALICE_ACCOUNT])
    assert ask(unsealed, own, "ListKeys")[0] == 200
    for known in (administrator_credential(ALICE_ACCOUNT), root_credential(ALICE_ACCOUNT)):
        assert ask(unsealed, known, "ListKeys")[1]["__type"] == "UnrecognizedClientException"
