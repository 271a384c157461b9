"""`selfkms env`: the lines for a shell."""

import subprocess
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from selfkms.cli.env import env, export_lines, old_client_warning
from selfkms.config import ServerSettings, Settings

SETTINGS: Final = Settings()


def dev_files(data_dir: Path) -> Path:
    """A data directory with the AWS files that `selfkms dev` writes."""
    (data_dir / "aws").mkdir(parents=True)
    (data_dir / "aws" / "config").touch()
    return data_dir


def with_authority(data_dir: Path) -> Path:
    """A data directory with a certificate authority of its own."""
    (data_dir / "tls").mkdir(parents=True)
    (data_dir / "tls" / "ca.pem").touch()
    return data_dir


def install_aws(folder: Path, script: str) -> None:
    """An executable `aws` that is this script."""
    path = folder / "aws"
    path.write_text(script)
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH; empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_an_installation_is_an_endpoint(tmp_path: Path) -> None:
    """Credentials are the user's own; only the way to AWS KMS is set."""
    assert list(export_lines(tmp_path, SETTINGS)) == ["export AWS_ENDPOINT_URL_KMS=http://127.0.0.1:4599"]


def test_an_endpoint_with_tls(tmp_path: Path) -> None:
    """Whoever serves with a certificate is reached by https."""
    settings = Settings(server=ServerSettings(host="kms.example.com", port=443, tls_certificate="chain.pem"))
    assert list(export_lines(tmp_path, settings)) == ["export AWS_ENDPOINT_URL_KMS=https://kms.example.com:443"]


def test_the_files_of_selfkms_dev(tmp_path: Path) -> None:
    """They hold endpoint, Region and credentials: no variable may contradict them."""
    assert list(export_lines(dev_files(tmp_path), SETTINGS)) == [
        f"export AWS_CONFIG_FILE={tmp_path}/aws/config",
        f"export AWS_SHARED_CREDENTIALS_FILE={tmp_path}/aws/credentials",
    ]


def test_a_profile_of_selfkms_dev(tmp_path: Path) -> None:
    """It is chosen beside them."""
    lines = list(export_lines(dev_files(tmp_path), SETTINGS, "111122223333-root"))
    assert lines[2:] == ["export AWS_PROFILE=111122223333-root"]


def test_a_certificate_authority_of_its_own(tmp_path: Path) -> None:
    """Python, the AWS CLI and Node add it; for Go it would replace all others, so that line is a comment."""
    authority = f"{with_authority(tmp_path)}/tls/ca.pem"
    assert list(export_lines(tmp_path, SETTINGS))[1:] == [
        f"export AWS_CA_BUNDLE={authority}",
        f"export NODE_EXTRA_CA_CERTS={authority}",
        f"# for Go programs, instead of all other authorities: export SSL_CERT_FILE={authority}",
    ]


def test_the_command_reads_the_settings(tmp_path: Path, path: Path) -> None:
    """The endpoint is that of `selfkms.toml`; without an `aws` there is nothing to warn of."""
    (tmp_path / "selfkms.toml").write_text("[server]\nport = 8443\n")
    result = CliRunner(env={"PATH": str(path)}).invoke(env, ["--data-dir", str(tmp_path)])
    assert result.exit_code == 0
    assert result.stdout == "export AWS_ENDPOINT_URL_KMS=http://127.0.0.1:8443\n"
    assert result.stderr == ""


def test_the_command_warns_beside_the_lines(tmp_path: Path, path: Path) -> None:
    """A warning goes to the standard error: `eval` must not read it."""
    install_aws(path, "#!/bin/sh\necho 'aws-cli/2.9.19 Python/3.11.2 Linux/6.1'\n")
    result = CliRunner(env={"PATH": str(path)}).invoke(env, ["--data-dir", str(tmp_path)])
    assert result.exit_code == 0
    assert result.stdout == "export AWS_ENDPOINT_URL_KMS=http://127.0.0.1:4599\n"
    assert result.stderr.startswith("warning: ")


def test_settings_that_are_refused(tmp_path: Path) -> None:
    """The command says why, and prints nothing for `eval` to read."""
    (tmp_path / "selfkms.toml").write_text("[server]\nports = 1\n")
    result = CliRunner().invoke(env, ["--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "unknown field `ports`" in result.stderr


def test_a_data_directory_must_exist(tmp_path: Path) -> None:
    """A misspelt one is no installation."""
    result = CliRunner().invoke(env, ["--data-dir", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize("version", ["2.0.0", "2.9.19", "2.12.7"])
def test_a_client_that_would_talk_to_aws_itself(path: Path, version: str) -> None:
    """The variables count from AWS CLI 2.13 on; an older one is named, with the way out."""
    install_aws(path, f"#!/bin/sh\necho 'aws-cli/{version} Python/3.11.2 Linux/6.1'\n")
    warning = old_client_warning()
    assert warning is not None
    assert str(path / "aws") in warning
    assert "--endpoint-url" in warning
    assert "2.13" in warning


@pytest.mark.parametrize("version", ["2.13.0", "2.31.9", "2.100.0", "3.0.0", "1.46.3"])
def test_a_client_that_knows_the_variables(path: Path, version: str) -> None:
    """No warning: versions are compared as numbers, and AWS CLI 1 of today knows them too."""
    install_aws(path, f"#!/bin/sh\necho 'aws-cli/{version} Python/3.11.2 Linux/6.1'\n")
    assert old_client_warning() is None


@pytest.mark.usefixtures("path")
def test_without_a_client_there_is_no_warning() -> None:
    """Nobody to warn of."""
    assert old_client_warning() is None


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\necho hello\n", "#!/bin/sh\nexit 1\n", "#!/nowhere/sh\n", "not a script"]
)
def test_a_client_that_does_not_say_what_it_is(path: Path, script: str) -> None:
    """One that answers otherwise, fails or cannot be started is not judged."""
    install_aws(path, script)
    assert old_client_warning() is None


@pytest.mark.parametrize("name", ["my data", "it's", "$(echo x)", "a;b", "a&b"])
def test_a_shell_reads_what_was_meant(tmp_path: Path, name: str) -> None:
    """Whatever the directory is called."""
    data_dir = with_authority(dev_files(tmp_path / name))
    script = 'eval "$1"; printf "%s,%s,%s" "$AWS_CONFIG_FILE" "$AWS_PROFILE" "$AWS_CA_BUNDLE"'
    lines = "\n".join(export_lines(data_dir, SETTINGS, name))
    shown = subprocess.run(["/bin/sh", "-c", script, "sh", lines], capture_output=True, check=False, text=True)
    assert shown.stdout == f"{data_dir}/aws/config,{name},{data_dir}/tls/ca.pem"
    assert shown.stderr == ""


def test_an_endpoint_with_an_ipv6_address(tmp_path: Path) -> None:
    """RFC 3986, 3.2.2: in brackets."""
    settings = Settings(server=ServerSettings(host="::1"))
    assert list(export_lines(tmp_path, settings)) == ["export AWS_ENDPOINT_URL_KMS='http://[::1]:4599'"]


def test_an_old_client_of_version_1(path: Path) -> None:
    """It would talk to AWS itself, too."""
    install_aws(path, "#!/bin/sh\necho 'aws-cli/1.19.1 Python/3.9.2 Linux/5.10 botocore/1.20.0'\n")
    assert old_client_warning() is not None
