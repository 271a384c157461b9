"""Many mixed requests from several processes over raw connections that are kept, signed as fast as Python can.

A client goes on after every connection that breaks, and keeps what it was answered. It never repeats a request: what
had no answer is lost, and nobody claims anything about it.
"""

import hashlib
import hmac
import json
import multiprocessing
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, NamedTuple, Self

from harness.ledger import Told
from harness.server import Server, credentials_of
from harness.wire import Answer, ClosedError, Connection, HalfAnswerError

CONNECTIONS: Final = 4
"""Of each client."""
REGION: Final = "us-east-1"
_LOST: Final = (OSError, ClosedError, HalfAnswerError)
_PAUSE_SECONDS: Final = 0.05

_SPAWNED: Final = multiprocessing.get_context("spawn")


class Target(NamedTuple):
    """What a client works on; it can be sent to another process."""

    port: int
    access_key_id: str
    secret_access_key: str
    key_id: str
    blob: str
    """A ciphertext blob of the key, in base64."""


class Signer:
    """Signature Version 4 with what is the same in all requests worked out once.

    Source: IAM User Guide, "Create a signed AWS API request".
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._host = f"127.0.0.1:{target.port}"
        self._day = ""
        self._key = b""

    def request(self, operation: str, body: bytes) -> bytes:
        """A signed request to AWS KMS, as it goes over the wire."""
        now = datetime.now(UTC)
        moment, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
        if day != self._day:
            self._day, self._key = day, self._key_of(day)
        name = f"TrentService.{operation}"
        signed = "content-type;host;x-amz-date;x-amz-target"
        canonical = (
            f"POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:{self._host}\nx-amz-date:{moment}\n"
            f"x-amz-target:{name}\n\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        )
        scope = f"{day}/{REGION}/kms/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key, text.encode(), "sha256").hex()
        head = (
            f"POST / HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/x-amz-json-1.1\r\n"
            f"X-Amz-Date: {moment}\r\nX-Amz-Target: {name}\r\nAuthorization: AWS4-HMAC-SHA256 "
            f"Credential={self._target.access_key_id}/{scope}, SignedHeaders={signed}, Signature={signature}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _key_of(self, day: str) -> bytes:
        key = f"AWS4{self._target.secret_access_key}".encode()
        for part in (day, REGION, "kms", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


class _Client:
    def __init__(self, target: Target, number: int, seed: float) -> None:
        self._target = target
        self._number = number
        self._random = Random(seed)
        self._signer = Signer(target)
        self._aliases: list[str] = []
        self._count = 0
        self._lines: list[Connection | None] = [None] * CONNECTIONS
        self.told: list[Told] = []

    def round(self) -> None:
        """A request on each connection, then the answers."""
        sent: list[tuple[int, str]] = []
        for line in range(CONNECTIONS):
            operation, parameters = self._choose()
            with suppress(*_LOST):
                connection = self._lines[line] or Connection(self._target)
                self._lines[line] = connection
                connection.send(self._signer.request(operation, json.dumps(parameters).encode()))
                sent.append((line, operation))
        lost = len(sent) < CONNECTIONS
        for line, operation in sent:
            used = self._lines[line]
            assert used is not None
            try:
                answer = used.answer()
            except _LOST:
                lost = True
            else:
                self._note(operation, answer)
                if not answer.closes:
                    continue
            used.close()
            self._lines[line] = None
        if lost:
            time.sleep(_PAUSE_SECONDS)

    def _note(self, operation: str, answer: Answer) -> None:
        self.told.append(Told(operation, answer.request_id, answer.status, answer.code))

    def _choose(self) -> tuple[str, dict[str, Any]]:
        key, blob = {"KeyId": self._target.key_id}, self._target.blob
        lot = self._random.random()
        if lot < 0.4:
            return "GenerateDataKey", {**key, "KeySpec": "AES_256"}
        if lot < 0.6:
            return "Encrypt", {**key, "Plaintext": b64encode(self._random.randbytes(20)).decode()}
        if lot < 0.8:
            return "Decrypt", {"CiphertextBlob": blob}
        if lot < 0.88:
            return "DescribeKey", key
        if lot < 0.92:
            return "Decrypt", {"CiphertextBlob": "bm90IG9uZSBvZiBvdXJz"}
        if lot < 0.95:
            return "DescribeKey", {"KeyId": "alias/none"}
        if self._aliases and lot < 0.97:
            return "DeleteAlias", {"AliasName": self._aliases.pop()}
        self._count += 1
        self._aliases.append(f"alias/storm/{self._number}/{self._count}")
        return "CreateAlias", {"AliasName": self._aliases[-1], "TargetKeyId": self._target.key_id}


def _work(target: Target, number: int, seed: float, requests: int, progress: Any, results: Any) -> None:
    """What a process does: until so many requests were answered."""
    client = _Client(target, number, seed)
    while len(client.told) < requests:
        client.round()
        progress.value = len(client.told)
    results.put(client.told)


class Storm:
    """Clients at work within a `with` block."""

    def __init__(self, server: Server, random: Random, *, clients: int, requests: int) -> None:
        """Make a key and start; `requests` is how many answers all of them together want."""
        kms = server.client()
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = b64encode(kms.encrypt(KeyId=key_id, Plaintext=b"storm")["CiphertextBlob"]).decode()
        kms.close()
        own = credentials_of(server.data_dir, "default")
        target = Target(server.port, own["aws_access_key_id"], own["aws_secret_access_key"], key_id, blob)
        self._results = _SPAWNED.Queue()
        self._progress = [_SPAWNED.Value("i", 0) for _ in range(clients)]
        self._processes = [
            _SPAWNED.Process(
                target=_work,
                args=(target, number, random.random(), requests // clients, progress, self._results),
                daemon=True,
            )
            for number, progress in enumerate(self._progress)
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.join()
        self._results.close()

    @property
    def answered(self) -> int:
        """How many requests were answered so far."""
        assert all(process.exitcode in {None, 0} for process in self._processes), "a client failed"
        return sum(progress.value for progress in self._progress)

    def told(self) -> Sequence[Told]:
        """Wait for the end, and what all were told."""
        return [told for _ in self._processes for told in self._results.get(timeout=600)]
