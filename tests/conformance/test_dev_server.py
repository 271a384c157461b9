"""`selfkms dev`: its options, what it prints and writes, and how it ends."""

import os
import signal
import socket
import ssl
import stat
import subprocess
import urllib.error
import urllib.request
import warnings
from base64 import b32encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

from harness.calls import fields, make_key, refusal, unchecked
from harness.commands import Started, group_lives, selfkms, started
from harness.processes import children
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server, credentials_of, read_journal, running

ADDRESS: Final = "127.0.0.1"
HINT: Final = "Type this in another terminal, after the two export lines above:"


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def health(endpoint: str, target: str) -> tuple[int, bytes]:
    """The answer to a GET without a signature."""
    with urllib.request.urlopen(f"{endpoint}{target}", timeout=30) as answer:
        return answer.status, answer.read()


def derived(account_id: str, suffix: str, holder: str) -> dict[str, str]:
    """An access key of `dev`, spelled out as the documents say."""
    number = b32encode(int(account_id).to_bytes(5, "big")).decode()
    return {
        "aws_access_key_id": f"AKIA{number}{suffix}",
        "aws_secret_access_key": f"selfkms/dev/{account_id}/{holder}/".ljust(40, "x"),
    }


def test_what_it_prints(data_dir: Path) -> None:
    """Three lines on standard output, which programs may rely on; hints for people on standard error."""
    with running(data_dir) as server:
        assert server.printed == [
            f"export AWS_CONFIG_FILE={data_dir}/aws/config",
            f"export AWS_SHARED_CREDENTIALS_FILE={data_dir}/aws/credentials",
            f"ready http://{ADDRESS}:{server.port}",
        ]
        server.stop()
        log = server.log.read_text()
        assert HINT in log
        assert log.rstrip().endswith("Ctrl-C stops the server.")


def test_what_it_writes_is_for_its_owner_only(data_dir: Path) -> None:
    """Files 0600 (the sealing key 0400), directories 0700, also with a umask that takes nothing away."""
    umask = os.umask(0)
    try:
        server = Server(data_dir, "--tls")
    finally:
        os.umask(umask)
    server.stop()
    found = [data_dir, *data_dir.rglob("*")]
    assert {"config", "credentials", "ca.pem", "server.key", "database.sqlite"} <= {path.name for path in found}
    for path in found:
        expected = 0o700 if path.is_dir() else 0o400 if path.name == "seal.key" else 0o600
        assert mode(path) == expected, path


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_any_loopback_address_will_do(data_dir: Path, host: str) -> None:
    """The address that is printed is the one that answers."""
    if host == "::1" and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with running(data_dir, "--host", host) as server:
        shown = f"[{host}]" if ":" in host else host
        assert server.endpoint == f"http://{shown}:{server.port}"
        with closing(server.client()) as kms:
            assert fields(kms.list_keys()) == {"Keys": [], "Truncated": False}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_no_other_address_is_taken(data_dir: Path, host: str) -> None:
    """Everybody knows the credentials; nothing is made."""
    done = selfkms("dev", "--host", host, "--port", "0", "--data-dir", data_dir)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for --host: the credentials of `dev` are known to everyone: loopback only" in done.stderr
    assert not data_dir.exists()


def test_no_other_address_is_taken_from_a_setting_either(data_dir: Path) -> None:
    """However it is given."""
    exposing = ("--set", "server.host=0.0.0.0", "--set", "server.plain_http=true")
    done = selfkms("dev", "--port", "0", "--data-dir", data_dir, *exposing)
    text = "selfkms dev: 0.0.0.0 is not a loopback address, and the credentials of `dev` are known to everyone\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", text)


def test_a_port_that_is_taken(data_dir: Path) -> None:
    """One line that says so, and exit code 1; no traceback."""
    with socket.socket() as holder:
        holder.bind((ADDRESS, 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = selfkms("dev", "--port", str(port), "--data-dir", data_dir)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"selfkms dev: {ADDRESS}:{port}: port {port} of {ADDRESS} is in use by another process\n"


def test_two_servers_side_by_side(server: Server, alice: Any, data_dir: Path) -> None:
    """Each with its own port and its own keys; neither port nor directory of one is to be had by another."""
    blob = alice.encrypt(KeyId=make_key(alice)["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    with running(data_dir) as second, closing(second.client()) as kms:
        assert second.port != server.port
        assert kms.list_keys()["Keys"] == []
        assert refusal(kms.decrypt, CiphertextBlob=blob) == ("InvalidCiphertextException", "")
    taken = selfkms("dev", "--port", str(server.port), "--data-dir", data_dir)
    assert (taken.returncode, "in use by another process" in taken.stderr) == (1, True)
    again = selfkms("dev", "--port", "0", "--data-dir", server.data_dir)
    assert again.returncode == 1
    assert again.stderr == f"selfkms dev: {server.data_dir} is served by another selfkms\n"
    assert alice.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_with_a_data_directory_everything_is_there_the_next_time(data_dir: Path) -> None:
    """Keys, aliases, and what was encrypted; the files for clients name the new port."""
    with running(data_dir) as server, closing(server.client()) as kms:
        key = make_key(kms)
        kms.create_alias(AliasName="alias/kept", TargetKeyId=key["KeyId"])
        blob = kms.encrypt(KeyId="alias/kept", Plaintext=b"kept")["CiphertextBlob"]
    with running(data_dir) as server, closing(server.client()) as kms:
        assert kms.decrypt(CiphertextBlob=blob, KeyId="alias/kept")["Plaintext"] == b"kept"
        assert f"endpoint_url = {server.endpoint}\n" in (data_dir / "aws" / "config").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_a_data_directory_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    """It keeps what it has in the directory for temporary files, and removes it all at its end."""
    place = tmp_path / "temporary"
    place.mkdir()
    with started("dev", "--port", "0", log=tmp_path / "log", env={"TMPDIR": str(place)}) as server:
        config = Path(server.printed[0].removeprefix("export AWS_CONFIG_FILE="))
        assert config.is_relative_to(place)
        assert mode(config.parent.parent) == 0o700
        assert server.end(number) == 0
        assert list(place.iterdir()) == []
        assert not group_lives(server.process.pid)
    assert "Ctrl-C stops the server and removes everything it kept." in (tmp_path / "log").read_text()


def test_ctrl_c_in_a_terminal(tmp_path: Path, data_dir: Path) -> None:
    """The terminal sends SIGINT to all of its processes at once: they end in order, with exit code 0."""
    with started("dev", "--port", "0", "--workers", "2", "--data-dir", data_dir, log=tmp_path / "log") as server:
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait(timeout=30) == 0
        assert not group_lives(server.process.pid)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_when_its_terminal_is_closed_nothing_is_left_either(tmp_path: Path) -> None:
    """The terminal sends SIGHUP; it ends as it does by Ctrl-C."""
    place = tmp_path / "temporary"
    place.mkdir()
    with started("dev", "--port", "0", log=tmp_path / "log", env={"TMPDIR": str(place)}) as server:
        server.end(signal.SIGHUP)
        assert list(place.iterdir()) == []


def test_accounts_may_be_named(data_dir: Path) -> None:
    """Those and no others, each with an administrator and a root user; the first is the default."""
    accounts = ("000000000007", "999999999999")
    named = ("--account", accounts[0], "--account", accounts[1], "--account", accounts[0])
    with running(data_dir, *named) as server:
        for account in accounts:
            assert credentials_of(data_dir, account) == derived(account, "ADMINKEY", "admin")
            assert credentials_of(data_dir, f"{account}-root") == derived(account, "ROOTKEYS", "root")
            for profile in (account, f"{account}-root"):
                with closing(server.client(profile=profile)) as kms:
                    assert make_key(kms)["AWSAccountId"] == account
        assert credentials_of(data_dir, "default") == credentials_of(data_dir, accounts[0])
        assert ALICE_ACCOUNT not in (data_dir / "aws" / "credentials").read_text()
        with closing(client_of(server.endpoint, derived(ALICE_ACCOUNT, "ADMINKEY", "admin"))) as kms:
            assert refusal(kms.list_keys)[0] == "UnrecognizedClientException"


def client_of(endpoint: str, credentials: dict[str, str], authority: Path | None = None) -> Any:
    """A client with credentials that no file holds, which trusts an authority of its own if one is given."""
    return boto3.Session(region_name="us-east-1", **credentials).client(
        "kms",
        endpoint_url=endpoint,
        config=Config(retries={"total_max_attempts": 1}),
        verify=str(authority) if authority else None,
    )


def test_the_two_accounts_of_the_documents(server: Server) -> None:
    """Without `--account`: their credentials can be spelled out."""
    for account in (ALICE_ACCOUNT, BOB_ACCOUNT):
        assert credentials_of(server.data_dir, account) == derived(account, "ADMINKEY", "admin")
        assert credentials_of(server.data_dir, f"{account}-root") == derived(account, "ROOTKEYS", "root")


def test_an_account_that_is_none() -> None:
    """The command line is not understood: exit code 2."""
    for account in ("12", "1111222233334", "11112222333a", ""):
        done = selfkms("dev", "--port", "0", "--account", account)
        assert done.returncode == 2
        assert f"'{account}' is not an account ID of 12 digits" in done.stderr


def test_as_many_workers_as_were_asked_for(server: Server, data_dir: Path) -> None:
    """Beside the recorder and the keeper; one without a word."""
    assert len(children(server)) == 2 + 2
    with running(data_dir) as alone:
        assert len(children(alone)) == 1 + 2
    assert selfkms("dev", "--port", "0", "--workers", "0").returncode == 2


@pytest.mark.parametrize(
    ("assignment", "text"),
    [
        ("nonsense.x=1", "selfkms dev: setting: Object contains unknown field `nonsense`"),
        ("server.nonsense=1", "selfkms dev: setting: Object contains unknown field `nonsense` - at `$.server`"),
        ("server.workers=many", "selfkms dev: setting: Expected `int`, got `str` - at `$.server.workers`"),
        ("audit.durability=none", "selfkms dev: setting: Invalid enum value 'none' - at `$.audit.durability`"),
        ("signature.skew_seconds=901", "selfkms dev: setting: Expected `int` <= 900 - at `$.signature.skew_seconds`"),
        ("audit", "selfkms dev: 'audit' is not KEY=VALUE"),
    ],
)
def test_settings_that_are_none(assignment: str, text: str) -> None:
    """One line that names it, and exit code 1: a misspelt setting never leaves its default in silence."""
    done = selfkms("dev", "--port", "0", "--set", assignment)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{text}\n")


def test_settings_may_be_given(data_dir: Path) -> None:
    """Here: how long a body may be."""
    with running(data_dir, "--set", "server.body_bytes_max=100", "--set", "audit.durability=process") as server:
        assert unchecked(server, "ListKeys").status == 200
        assert unchecked(server, "ListKeys", {"Marker": "m" * 100}).status == 413


def test_health_is_told_without_a_signature(server: Server) -> None:
    """Both answer 200 while it serves."""
    for target in ("/livez", "/readyz"):
        assert health(server.endpoint, target) == (200, b'{"status":"ok"}')


# -- TLS


@pytest.fixture(scope="module")
def tls_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the server with TLS."""
    return tmp_path_factory.mktemp("tls") / "data"


@pytest.fixture(scope="module")
def with_tls(tls_dir: Path) -> Iterator[Started]:
    """A server with TLS."""
    with started("dev", "--port", "0", "--tls", "--data-dir", tls_dir, log=tls_dir.with_suffix(".log")) as server:
        yield server


def exported(server: Started) -> dict[str, str]:
    """The variables that a shell has after the lines that were printed."""
    lines = [line.removeprefix("export ") for line in server.printed if line.startswith("export ")]
    return dict(line.split("=", 1) for line in lines)


def test_tls(with_tls: Started, tls_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 needs the exported variables and nothing else; the audit says how the connection was encrypted."""
    authority = tls_dir / "tls" / "ca.pem"
    assert with_tls.printed == [
        f"export AWS_CONFIG_FILE={tls_dir}/aws/config",
        f"export AWS_SHARED_CREDENTIALS_FILE={tls_dir}/aws/credentials",
        f"export AWS_CA_BUNDLE={authority}",
        f"export NODE_EXTRA_CA_CERTS={authority}",
        f"# for Go programs, instead of all other authorities: export SSL_CERT_FILE={authority}",
        f"ready {with_tls.endpoint}",
    ]
    assert with_tls.endpoint.startswith(f"https://{ADDRESS}:")
    for name, value in exported(with_tls).items():
        monkeypatch.setenv(name, value)
    by_address = with_tls.endpoint.removeprefix("https://")
    by_name = by_address.replace(ADDRESS, "localhost")
    with closing(boto3.Session().client("kms")) as kms:
        assert kms.list_keys()["Keys"] == []
    with closing(boto3.Session().client("kms", endpoint_url=f"https://{by_name}")) as kms:
        assert len(kms.generate_random(NumberOfBytes=16)["Plaintext"]) == 16
    # The record of a request that changes nothing is in the journal before its answer leaves.
    details = {record["eventName"]: record["tlsDetails"] for record in read_journal(tls_dir)}
    for name, host in (("ListKeys", by_address), ("GenerateRandom", by_name)):
        assert details[name].keys() == {"tlsVersion", "cipherSuite", "clientProvidedHostHeader"}
        assert (details[name]["tlsVersion"], details[name]["clientProvidedHostHeader"]) == ("TLSv1.3", host)
        assert details[name]["cipherSuite"].startswith("TLS_")


def test_a_client_that_does_not_know_the_authority_does_not_connect(with_tls: Started, tls_dir: Path) -> None:
    """The certificate counts with the directory's own authority only."""
    with (
        closing(client_of(with_tls.endpoint, credentials_of(tls_dir, "default"))) as kms,
        pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        kms.list_keys()


def handshake(server: Started, authority: Path, version: ssl.TLSVersion) -> str | None:
    """The version that server and a client of this version agree upon."""
    context = ssl.create_default_context(cafile=str(authority))
    # The library itself would not offer the old ones any more.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    port = int(server.endpoint.rsplit(":", 1)[1])
    with (
        socket.create_connection((ADDRESS, port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        return encrypted.version()


def test_old_versions_of_tls_are_refused(with_tls: Started, tls_dir: Path) -> None:
    """TLS 1.2 and 1.3 are spoken, 1.0 and 1.1 are not, nor is plain HTTP on the same port."""
    authority = tls_dir / "tls" / "ca.pem"
    assert handshake(with_tls, authority, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert handshake(with_tls, authority, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        # With an alert, or by closing the connection; the client itself has nothing against the version.
        with pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|UNEXPECTED_EOF"):
            handshake(with_tls, authority, version)
    plain = with_tls.endpoint.replace("https:", "http:")
    with pytest.raises((OSError, urllib.error.URLError)):
        health(plain, "/livez")


def test_the_certificate_follows_the_host(data_dir: Path, tmp_path: Path) -> None:
    """A directory that was served at one address before may be served at another."""
    options = ("dev", "--port", "0", "--tls", "--data-dir", data_dir)
    with started(*options, log=tmp_path / "log"):
        pass
    with (
        started(*options, "--host", "127.0.0.2", log=tmp_path / "log") as server,
        closing(client_of(server.endpoint, credentials_of(data_dir, "default"), data_dir / "tls" / "ca.pem")) as kms,
    ):
        assert kms.list_keys()["Keys"] == []


# -- directories with unusual names


def test_the_export_lines_hold_in_a_directory_with_a_blank(tmp_path: Path) -> None:
    """They are for a shell."""
    data_dir = tmp_path / "two words"
    with running(data_dir) as server:
        exports = "\n".join(line for line in server.printed if line.startswith("export "))
        done = subprocess.run(
            ["bash", "-c", f'{exports}\nprintf %s "$AWS_CONFIG_FILE"'], capture_output=True, text=True, check=False
        )
    assert (done.stdout, done.stderr) == (str(data_dir / "aws" / "config"), "")


def test_a_directory_with_a_percent_sign_and_tls(tmp_path: Path) -> None:
    """The files for AWS clients can name it."""
    with started("dev", "--port", "0", "--tls", "--data-dir", tmp_path / "100%", log=tmp_path / "log") as server:
        assert server.printed
