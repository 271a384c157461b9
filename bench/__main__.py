"""`make bench`: start-up, memory, decisions, and the warm path beside a raw loop, in one interleaved run."""

import argparse
import json
from base64 import b64encode
from collections.abc import Callable
from statistics import median

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench import decisions
from bench.load import Result, load
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
    results: dict[str, list[Result]] = {}
    with (
        raw_loop() as raw_port,
        selfkms(*workers) as (power, _),
        selfkms(*workers, "--set", "audit.durability=process") as (process, _),
    ):
        targets: list[tuple[str, int, Callable[[], bytes]]] = [
            ("raw loop, empty answer", raw_port, lambda: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        ]
        for durability, address in (("power", power), ("process", process)):
            port = int(address.rsplit(":", 1)[1])
            targets += [(f"{name}, {durability}", port, make) for name, make in requests_for(address).items()]
        for _ in range(arguments.rounds):
            for name, port, make in targets:
                measured = load("127.0.0.1", port, make(), connections=arguments.connections, seconds=arguments.seconds)
                results.setdefault(name, []).append(measured)
    show(results)


def show(results: dict[str, list[Result]]) -> None:
    """Medians, and their ratio to the first line."""
    base = median(r.requests_per_second for r in next(iter(results.values())))
    print(f"\n{'':32} {'req/s':>8} {'of raw':>7} {'p50 ms':>7} {'p99 ms':>7} {'failed':>7}")
    for name, runs in results.items():
        rate = median(r.requests_per_second for r in runs)
        p50, p99 = median(r.p50_milliseconds for r in runs), median(r.p99_milliseconds for r in runs)
        print(f"{name:32} {rate:8.0f} {rate / base:7.2f} {p50:7.2f} {p99:7.2f} {sum(r.failures for r in runs):7}")


if __name__ == "__main__":
    main()
