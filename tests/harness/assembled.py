"""An installation in a directory, and its gate in this process: real files, but no sockets and no other processes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.world import ENDPOINT, REGION
from selfkms.adapters.system.clock import Baseline, SystemClock
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.bootstrap.assembly import Assembly
from selfkms.bootstrap.data_dir import DataDir
from selfkms.bootstrap.installation import Unsealed, create, open_existing
from selfkms.config import load_settings
from selfkms.domain.secrets import SECRET_ACCESS
from selfkms.gate.handle import Gate
from selfkms.ports.clock import Clock
from selfkms.protocol.http import HTTPRequest
from selfkms.services.iam.accounts import Credential


def made(directory: Path, *assignments: str, clock: Clock | None = None) -> Unsealed:
    """A new installation without accounts."""
    return create(
        DataDir(directory),
        load_settings(directory, assignments),
        clock=clock or SystemClock(Baseline.take()),
        entropy=SystemEntropy(),
    )


def opened(directory: Path, *assignments: str, clock: Clock | None = None) -> Unsealed:
    """An installation that is there."""
    return open_existing(
        DataDir(directory),
        load_settings(directory, assignments),
        clock=clock or SystemClock(Baseline.take()),
        entropy=SystemEntropy(),
    )


def signed(
    credential: Credential, operation: str, parameters: Mapping[str, Any], *, region: str = REGION
) -> HTTPRequest:
    """A request signed by botocore."""
    body = json.dumps(parameters).encode()
    unsigned = AWSRequest(
        method="POST",
        url=f"https://{ENDPOINT}/",
        data=body,
        headers={
            "Host": ENDPOINT,
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"TrentService.{operation}",
        },
    )
    secret = credential.secret_access_key.open(SECRET_ACCESS).decode()
    SigV4Auth(Credentials(credential.access_key_id, secret), "kms", region).add_auth(unsigned)
    headers = tuple((name.lower(), value) for name, value in unsigned.headers.items())
    return HTTPRequest(method="POST", target="/", headers=headers, body=body, peer="198.51.100.7")


@contextmanager
def gate_of(unsealed: Unsealed) -> Iterator[Gate]:
    """The gate of an installation, whose database is closed at the end of the block."""
    gate = Assembly(unsealed).gate()
    try:
        yield gate
    finally:
        gate._database.close()


def answer(gate: Gate, request: HTTPRequest) -> tuple[int, dict[str, Any]]:
    """Status and content of the answer to a request."""
    gate.begin_turn()
    response = gate.handle(request).response
    return response.status, json.loads(response.body) if response.body else {}


def ask(
    unsealed: Unsealed,
    credential: Credential,
    operation: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    region: str = REGION,
) -> tuple[int, dict[str, Any]]:
    """Status and content of the answer to one request, by a gate of its own."""
    with gate_of(unsealed) as gate:
        return answer(gate, signed(credential, operation, parameters or {}, region=region))
