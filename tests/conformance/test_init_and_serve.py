"""`selfkms init` and `selfkms serve`: an installation for real."""

import re
import shutil
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError

import boto3
import pytest
from botocore.config import Config

from harness.calls import fields, make_key, refusal
from harness.commands import Started, selfkms, started
from harness.server import read_journal

ACCOUNT: Final = "123456789012"
ADDRESS: Final = "127.0.0.1"
FREE_PORT: Final = ("--set", "server.port=0")


class Installation(NamedTuple):
    """What `init` made and said."""

    data_dir: Path
    credentials: dict[str, str]
    done: subprocess.CompletedProcess[str]


class Served(NamedTuple):
    """An installation that is served."""

    server: Started
    data_dir: Path
    credentials: dict[str, str]


def init(data_dir: Path, *options: str | Path) -> Installation:
    """Make an installation."""
    done = selfkms("init", "--data-dir", data_dir, "--account", ACCOUNT, *options)
    assert done.returncode == 0, done.stderr
    said = dict(re.findall(r"^export (AWS_[A-Z_]+)=(\S+)$", done.stdout, re.MULTILINE))
    credentials = {
        "aws_access_key_id": said["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": said["AWS_SECRET_ACCESS_KEY"],
    }
    return Installation(data_dir, credentials, done)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with its sealing key beside it, as `init` left it."""
    return init(tmp_path_factory.mktemp("first") / "data")


@pytest.fixture
def made(first: Installation, data_dir: Path) -> Installation:
    """A copy of it, for the test's own use."""
    shutil.copytree(first.data_dir, data_dir)
    return first._replace(data_dir=data_dir)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, first: Installation) -> Iterator[Served]:
    """Another copy, served."""
    folder = tmp_path_factory.mktemp("served")
    data_dir = shutil.copytree(first.data_dir, folder / "data")
    with started("serve", "--data-dir", data_dir, *FREE_PORT, log=folder / "log") as server:
        yield Served(server, data_dir, first.credentials)


def client(server: Started, credentials: dict[str, str]) -> Any:
    """A client with the credentials that `init` printed."""
    return boto3.Session(region_name="us-east-1", **credentials).client(
        "kms", endpoint_url=server.endpoint, config=Config(retries={"total_max_attempts": 1})
    )


def refused(*arguments: str | Path) -> str:
    """The line with which a command ends, with exit code 1; before it there may be a warning, and nothing else."""
    done = selfkms(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    *warnings, last = done.stderr.splitlines()
    assert all(line.startswith("selfkms: WARNING ") for line in warnings), done.stderr
    return last


# -- init


def test_init_prints_the_credentials_once(first: Installation) -> None:
    """On standard output, ready for a shell, and nothing else there; they are nowhere in what it wrote."""
    access_key, secret = first.credentials["aws_access_key_id"], first.credentials["aws_secret_access_key"]
    assert first.done.stdout == (
        "# The first administrator. This is shown once:\n"
        f"export AWS_ACCESS_KEY_ID={access_key}\n"
        f"export AWS_SECRET_ACCESS_KEY={secret}\n"
    )
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", access_key)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", secret)
    assert secret not in first.done.stderr
    for path in first.data_dir.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_init_never_prints_the_same_twice(tmp_path: Path, first: Installation) -> None:
    """Two installations have nothing in common."""
    other = init(tmp_path / "other")
    assert not set(other.credentials.values()) & set(first.credentials.values())
    assert (other.data_dir / "seal.key").read_bytes() != (first.data_dir / "seal.key").read_bytes()


def test_what_init_writes_is_for_its_owner_only(first: Installation) -> None:
    """The directory 0700, the sealing key 0400, the database 0600; a warning that the two lie side by side."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in first.data_dir.iterdir()}
    assert stat.S_IMODE(first.data_dir.stat().st_mode) == 0o700
    assert modes.keys() == {"seal.key", "database.sqlite", "selfkms.toml"}
    assert (modes["seal.key"], modes["database.sqlite"]) == (0o400, 0o600)
    assert f"The sealing key is {first.data_dir}/seal.key: without it nothing here opens." in first.done.stderr
    assert "WARNING: it lies beside what it protects." in first.done.stderr
    assert f"Next: selfkms serve --data-dir {first.data_dir}" in first.done.stderr


def test_init_refuses_a_second_time(first: Installation) -> None:
    """What is there stays, to the byte."""
    before = {path: path.read_bytes() for path in first.data_dir.iterdir()}
    text = f"selfkms init: {first.data_dir} holds an installation already"
    assert refused("init", "--data-dir", first.data_dir, "--account", ACCOUNT) == text
    assert {path: path.read_bytes() for path in first.data_dir.iterdir()} == before


def test_a_sealing_key_is_never_overwritten(tmp_path: Path, data_dir: Path) -> None:
    """It may be the only copy of another installation's."""
    seal = tmp_path / "seal.key"
    init(tmp_path / "first", "--seal-file", seal)
    before = seal.read_bytes()
    text = refused("init", "--data-dir", data_dir, "--account", ACCOUNT, "--seal-file", seal)
    assert text == f"selfkms init: {seal} exists; a sealing key is never overwritten"
    assert seal.read_bytes() == before
    assert init(data_dir).credentials


def test_what_init_does_not_understand(data_dir: Path) -> None:
    """Exit code 2 without an account that is one, and for an option that there is not."""
    assert selfkms("init", "--data-dir", data_dir).returncode == 2
    assert selfkms("init", "--data-dir", data_dir, "--account", "1234").returncode == 2
    assert selfkms("init", "--data-dir", data_dir, "--account", ACCOUNT, "--set", "a=1").returncode == 2
    assert init(data_dir).credentials


# -- the sealing key


def test_the_sealing_key_may_be_kept_elsewhere(tmp_path: Path, data_dir: Path) -> None:
    """The settings name it, no warning is given, and without it nothing starts."""
    seal = tmp_path / "elsewhere" / "seal.key"
    seal.parent.mkdir()
    made = init(data_dir, "--seal-file", seal)
    assert "WARNING" not in made.done.stderr
    assert not (data_dir / "seal.key").exists()
    assert stat.S_IMODE(seal.stat().st_mode) == 0o400
    with (
        started("serve", "--data-dir", data_dir, *FREE_PORT, log=tmp_path / "log") as server,
        closing(client(server, made.credentials)) as kms,
    ):
        key = make_key(kms)
    assert "WARNING" not in (tmp_path / "log").read_text()
    seal.rename(seal.with_suffix(".away"))
    text = f"selfkms serve: {seal} cannot be opened: No such file or directory"
    assert refused("serve", "--data-dir", data_dir, *FREE_PORT) == text
    seal.with_suffix(".away").rename(seal)
    with (
        started("serve", "--data-dir", data_dir, *FREE_PORT, log=tmp_path / "log") as server,
        closing(client(server, made.credentials)) as kms,
    ):
        assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] == key


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o604, 0o420])
def test_a_sealing_key_that_others_may_touch_is_not_used(made: Installation, mode: int) -> None:
    """The message says which mode it has and which it should have."""
    seal = made.data_dir / "seal.key"
    seal.chmod(mode)
    text = f"{seal} has mode {mode:04o}; group and others must have no access (0400)"
    assert refused("serve", "--data-dir", made.data_dir, *FREE_PORT) == f"selfkms serve: {text}"


def test_another_sealing_key_opens_nothing(tmp_path: Path, made: Installation) -> None:
    """Nor does a file that is none; what is in it is not shown."""
    seal = made.data_dir / "seal.key"
    shutil.copy(init(tmp_path / "other").data_dir / "seal.key", tmp_path / "other.key")
    seal.unlink()
    (tmp_path / "other.key").rename(seal)
    text = refused("serve", "--data-dir", made.data_dir, *FREE_PORT)
    assert text.startswith("selfkms serve: the root key does not open: sealed by another sealing key")
    seal.unlink()
    seal.touch(mode=0o400)
    text = refused("serve", "--data-dir", made.data_dir, *FREE_PORT)
    assert text == f"selfkms serve: {seal} is not a sealing key file of version 1"


# -- serve


def test_serve_says_that_it_is_ready(served: Served) -> None:
    """One line; the printed credentials work, for the account that was named and as its administrator."""
    server, data_dir, credentials = served
    assert server.printed == [f"ready {server.endpoint}"]
    assert re.fullmatch(rf"http://{ADDRESS}:\d+", server.endpoint)
    with closing(client(server, credentials)) as kms:
        key = make_key(kms)
        assert key["Arn"].startswith(f"arn:aws:kms:us-east-1:{ACCOUNT}:key/")
        blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert "selfkms: WARNING the sealing key lies beside what it protects" in server.log.read_text()
    callers = {record["userIdentity"]["arn"] for record in read_journal(data_dir) if record["eventName"] == "Decrypt"}
    assert callers == {f"arn:aws:iam::{ACCOUNT}:user/admin"}


def test_the_credentials_of_dev_are_not_known(served: Served) -> None:
    """What everybody knows lets nobody in."""
    published = {
        "aws_access_key_id": "AKIADHPWNEHFADMINKEY",
        "aws_secret_access_key": "selfkms/dev/111122223333/admin/xxxxxxxxx",
    }
    with closing(client(served.server, published)) as kms:
        assert refusal(kms.list_keys)[0] == "UnrecognizedClientException"


def test_the_clock_of_a_served_installation_cannot_be_moved(served: Served) -> None:
    """The address is not known here: it is refused like any other that names no operation."""
    address = f"{served.server.endpoint}/-/dev/clock"
    with pytest.raises(HTTPError) as refused_move:
        urllib.request.urlopen(address, data=b'{"advance_seconds": 604800}', timeout=30)
    with closing(refused_move.value) as answer:
        assert (answer.status, answer.read()) == (400, b'{"__type":"UnknownOperationException"}')
    with closing(client(served.server, served.credentials)) as kms:
        created = make_key(kms)["CreationDate"].timestamp()
    assert abs(created - time.time()) < 60


def test_one_at_a_time_serves_a_directory(served: Served) -> None:
    """A second one says who has it; the first goes on."""
    text = refused("serve", "--data-dir", served.data_dir, *FREE_PORT)
    assert text == f"selfkms serve: {served.data_dir} is served by another selfkms"
    with closing(client(served.server, served.credentials)) as kms:
        assert fields(kms.list_keys())


def test_what_serve_made_survives_a_stop_and_a_start(made: Installation, tmp_path: Path) -> None:
    """Keys, states, aliases, tags, policies, and all ciphertext."""
    with (
        started("serve", "--data-dir", made.data_dir, *FREE_PORT, log=tmp_path / "log") as server,
        closing(client(server, made.credentials)) as kms,
    ):
        key = make_key(kms, Description="kept", Tags=[{"TagKey": "a", "TagValue": "b"}])
        kms.create_alias(AliasName="alias/kept", TargetKeyId=key["KeyId"])
        blob = kms.encrypt(KeyId="alias/kept", Plaintext=b"kept", EncryptionContext={"a": "b"})["CiphertextBlob"]
        policy = kms.get_key_policy(KeyId=key["KeyId"])["Policy"]
        disabled = make_key(kms)["KeyId"]
        kms.disable_key(KeyId=disabled)
        assert server.end() == 0
    with (
        started("serve", "--data-dir", made.data_dir, *FREE_PORT, log=tmp_path / "log") as server,
        closing(client(server, made.credentials)) as kms,
    ):
        assert fields(kms.describe_key(KeyId="alias/kept")) == {"KeyMetadata": key}
        assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"] == b"kept"
        assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
        assert kms.get_key_policy(KeyId=key["KeyId"])["Policy"] == policy
        assert kms.describe_key(KeyId=disabled)["KeyMetadata"]["KeyState"] == "Disabled"


def test_serve_needs_an_installation(data_dir: Path) -> None:
    """A directory without one is said to be so; one that is not there is a mistake of the command line."""
    assert selfkms("serve", "--data-dir", data_dir).returncode == 2
    data_dir.mkdir()
    text = f"selfkms serve: {data_dir} holds no installation; make one with `selfkms init`"
    assert refused("serve", "--data-dir", data_dir) == text


def test_other_than_loopback_only_with_tls(made: Installation, tmp_path: Path) -> None:
    """Plaintexts and data keys pass there; whoever has a proxy for it may say so."""
    exposed = ("--set", "server.host=0.0.0.0")
    text = refused("serve", "--data-dir", made.data_dir, *FREE_PORT, *exposed)
    assert text == (
        "selfkms serve: 0.0.0.0 is not a loopback address: set server.tls_certificate and server.tls_private_key, "
        "or server.plain_http=true if a proxy in front speaks TLS"
    )
    taken_on = (*FREE_PORT, *exposed, "--set", "server.plain_http=true")
    with started("serve", "--data-dir", made.data_dir, *taken_on, log=tmp_path / "log") as server:
        assert server.endpoint.startswith("http://0.0.0.0:")


def test_settings_of_the_file_count(made: Installation, tmp_path: Path) -> None:
    """And one that is not known there is an error."""
    file = made.data_dir / "selfkms.toml"
    text = file.read_text()
    file.write_text(text.replace("# port = 4599", "port = 0").replace("# workers = 0", "workers = 1"))
    with started("serve", "--data-dir", made.data_dir, log=tmp_path / "log") as server:
        assert server.endpoint != f"http://{ADDRESS}:4599"
    file.write_text(f"{text}\nnonsense = 1\n")
    said = refused("serve", "--data-dir", made.data_dir)
    assert said == "selfkms serve: setting: Object contains unknown field `nonsense` - at `$.audit`"


@pytest.mark.parametrize("settings", ["server.tls_certificate=nowhere.pem", "server.tls_private_key=nowhere.key"])
def test_half_a_certificate_is_an_error(made: Installation, settings: str) -> None:
    """Rather than plain HTTP without a word."""
    text = refused("serve", "--data-dir", made.data_dir, *FREE_PORT, "--set", settings)
    assert text == "selfkms serve: server.tls_certificate and server.tls_private_key go together"


# -- what init was told, serve must know


def test_a_sealing_key_named_by_the_file_is_made_there(tmp_path: Path, data_dir: Path) -> None:
    """A selfkms.toml that is there before init is obeyed."""
    data_dir.mkdir()
    (data_dir / "selfkms.toml").write_text(f'[seal]\nfile = "{tmp_path}/seal.key"\n')
    init(data_dir)
    assert (tmp_path / "seal.key").exists()
    with started("serve", "--data-dir", data_dir, *FREE_PORT, log=tmp_path / "log") as server:
        assert server.printed


def test_dev_does_not_open_an_installation_that_was_made_for_real(made: Installation) -> None:
    """Its published credentials would stay there, and let everybody in when it is served again."""
    told = refused("dev", "--data-dir", made.data_dir, *FREE_PORT)
    assert told == f"selfkms dev: {made.data_dir} was made by `selfkms init`: run it with `selfkms serve`"


def test_what_dev_made_is_not_served_for_real(data_dir: Path, tmp_path: Path) -> None:
    """Everybody knows its credentials."""
    with started("dev", "--data-dir", data_dir, "--port", "0", log=tmp_path / "log"):
        pass
    told = refused("serve", "--data-dir", data_dir)
    assert told == f"selfkms serve: {data_dir} was made by `selfkms dev`: its credentials are known to everyone"


def test_a_sealing_key_in_a_place_with_an_unusual_name(tmp_path: Path, data_dir: Path) -> None:
    """What init writes is TOML, whatever the path holds."""
    place = tmp_path / 'keys "old"'
    place.mkdir()
    init(data_dir, "--seal-file", place / "seal.key")
    with started("serve", "--data-dir", data_dir, *FREE_PORT, log=tmp_path / "log") as server:
        assert server.printed
