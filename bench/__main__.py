"""`make bench`: start-up, memory, decisions, and the warm path beside nginx and a raw loop, in one interleaved run."""

import argparse
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench import decisions
from bench.accounting import ProcessorSeconds, processor_seconds
from bench.load import Result, load
from bench.nginx import nginx
from bench.processes import Start, raw_loop, selfkms
from selfkms.bootstrap.dev import DEFAULT_ACCOUNTS, DEFAULT_REGION, administrator_credential
from selfkms.domain.secrets import SECRET_ACCESS

CREDENTIAL = administrator_credential(DEFAULT_ACCOUNTS[0])
SECRET = CREDENTIAL.secret_access_key.open(SECRET_ACCESS).decode()


def signed(address: str, operation: str, parameters: dict[str, object]) -> bytes:
    """The bytes of a signed request."""
    body = json.dumps(parameters).encode()
    host = address.removeprefix("http://")
    request = AWSRequest(
        method="POST",
        url=address + "/",
        data=body,
        headers={
            "Host": host,
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"TrentService.{operation}",
        },
    )
    SigV4Auth(Credentials(CREDENTIAL.access_key_id, SECRET), "kms", DEFAULT_REGION).add_auth(request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST / HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def requests_for(address: str) -> dict[str, Callable[[], bytes]]:
    """The warm path's operations. Signed anew for each run: a signature is good for five minutes."""
    client = boto3.client(
        "kms",
        endpoint_url=address,
        region_name=DEFAULT_REGION,
        aws_access_key_id=CREDENTIAL.access_key_id,
        aws_secret_access_key=SECRET,
    )
    key_id = client.create_key()["KeyMetadata"]["KeyId"]
    context = {"purpose": "bench"}
    blob = client.encrypt(KeyId=key_id, Plaintext=bytes(32), EncryptionContext=context)["CiphertextBlob"]
    text = b64encode(blob).decode()
    of_key = {"KeyId": key_id, "EncryptionContext": context}
    return {
        "GenerateDataKey": lambda: signed(address, "GenerateDataKey", {**of_key, "KeySpec": "AES_256"}),
        "Encrypt": lambda: signed(address, "Encrypt", {**of_key, "Plaintext": "A" * 43 + "="}),
        "Decrypt": lambda: signed(address, "Decrypt", {"CiphertextBlob": text, "EncryptionContext": context}),
        "DescribeKey": lambda: signed(address, "DescribeKey", {"KeyId": key_id}),
    }


class Target(NamedTuple):
    """Something that is measured."""

    name: str
    port: int
    make: Callable[[], bytes]
    supervisor: int | None = None
    """Whose processes are accounted for."""


class Measured(NamedTuple):
    """One run, with the processor time that each request took."""

    result: Result
    used: ProcessorSeconds | None


def measure(target: Target, *, connections: int, seconds: float) -> Measured:
    """Load a target once."""
    request = target.make()
    before = processor_seconds(target.supervisor) if target.supervisor is not None else None
    result = load("127.0.0.1", target.port, request, connections=connections, seconds=seconds)
    if target.supervisor is None or before is None:
        return Measured(result, None)
    return Measured(result, processor_seconds(target.supervisor).since(before))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()

    starts: list[Start] = []
    for _ in range(arguments.rounds):
        with selfkms() as (_, start):
            starts.append(start)
    print(f"first answer after {median(s.first_answer_seconds for s in starts):.2f} s")
    print(f"memory of all processes, one worker: {median(s.memory_bytes for s in starts) / 1e6:.0f} MB (PSS)")

    decisions.measure()

    workers = ("--workers", str(arguments.workers))
    results: dict[str, list[Measured]] = {}
    with (
        raw_loop() as raw_port,
        nginx(arguments.workers) as nginx_port,
        selfkms(*workers) as power,
        selfkms(*workers, "--set", "audit.durability=process") as process,
    ):
        bare = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
        targets = [Target("raw loop, empty answer", raw_port, lambda: bare)]
        served = requests_for(power[0])
        if nginx_port is None:
            print("\nnginx is not installed, so nothing is compared with it (Debian: nginx-light)")
        else:
            targets.append(Target("nginx, answering 200", nginx_port, served["Encrypt"]))
        targets += [
            Target(f"{name}, power", _port(power[0]), make, power[1].supervisor) for name, make in served.items()
        ]
        targets += [
            Target(f"{name}, process", _port(process[0]), make, process[1].supervisor)
            for name, make in requests_for(process[0]).items()
        ]
        for _ in range(arguments.rounds):
            for target in targets:
                measured = measure(target, connections=arguments.connections, seconds=arguments.seconds)
                results.setdefault(target.name, []).append(measured)
    show(results)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def show(results: dict[str, list[Measured]]) -> None:
    """Medians, and their ratio to what they are compared with; processor time in microseconds a request."""
    rates = {name: median(run.result.requests_per_second for run in runs) for name, runs in results.items()}
    raw = next(iter(rates.values()))
    of_nginx = next((rate for name, rate in rates.items() if name.startswith("nginx")), None)
    print(
        f"\n{'':32} {'req/s':>8} {'of raw':>7} {'of nginx':>8} {'p50 ms':>7} {'p99 ms':>7} {'failed':>7}"
        f" {'workers µs':>11} {'recorder':>9} {'keeper':>7}"
    )
    for name, runs in results.items():
        rate = rates[name]
        p50 = median(run.result.p50_milliseconds for run in runs)
        p99 = median(run.result.p99_milliseconds for run in runs)
        failed = sum(run.result.failures for run in runs)
        ratio = f"{rate / of_nginx:8.2f}" if of_nginx else f"{'':8}"
        print(f"{name:32} {rate:8.0f} {rate / raw:7.2f} {ratio} {p50:7.2f} {p99:7.2f} {failed:7}{_used(runs)}")


def _used(runs: Sequence[Measured]) -> str:
    each = [
        [seconds / run.result.answers * 1e6 for seconds in run.used]
        for run in runs
        if run.used is not None and run.result.answers
    ]
    if not each:
        return ""
    workers, recorder, keeper = (median(kind) for kind in zip(*each, strict=True))
    return f" {workers:11.0f} {recorder:9.0f} {keeper:7.0f}"


if __name__ == "__main__":
    main()
