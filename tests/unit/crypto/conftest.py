"""The `openssl` command: another program that must agree with ours."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.kms.keys import KeySpec

OpenSSL = Callable[..., bytes]
"""Runs a command of `openssl` in a directory of its own, with the files given; gives what it wrote to `out`.

A command that fails fails the test.
"""


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSSL:
    """The command, or a skip that says so; on a build server it has to be there."""
    program = shutil.which("openssl")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("the openssl command is needed here")
        pytest.skip("the openssl command is not installed")

    def run(*arguments: str, **files: bytes) -> bytes:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        done = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        out = tmp_path / "out"
        return out.read_bytes() if out.exists() else b""

    return run


@pytest.fixture(scope="session")
def rsa_2048() -> RSAKeyPair:
    return RSAKeyPair.generate(KeySpec.RSA_2048)
