"""What was acknowledged stands, and is in the audit, however the processes die."""

import os
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.commands import selfkms
from harness.ledger import DISABLED, ENABLED, PENDING, Actor, Calls, Crowd, Holdings, check_audit, look, replay
from harness.processes import Processes, restarts, until
from harness.server import Server, read_journal, running
from harness.wire import Connection

CLIENTS = 4
CHANGES_MIN = 200
ROUNDS_MIN = 5
ROUNDS_MAX = 15
READY_SECONDS_MAX = 10.0

# A segment takes about a thousand records: some kills meet the moment in which the next one is made.
OPTIONS = ("--workers", "2", "--set", "audit.segment_bytes=1048576")


@pytest.fixture
def random() -> Random:
    """Another course of events in each run; SELFKMS_TEST_SEED repeats one, as far as the machine lets it."""
    seed = int(os.environ.get("SELFKMS_TEST_SEED", time.time_ns()))
    show(f"SELFKMS_TEST_SEED={seed}")
    return Random(seed)


def show(line: str) -> None:
    """Say something that pytest shows when the test fails, or with `-s`."""
    sys.stdout.write(f"{line}\n")


def timed_start(data_dir: Path, port: int) -> tuple[Server, float]:
    """A server that answers `GET /readyz` with 200, and how many seconds that took."""
    began = time.monotonic()
    server = Server(data_dir, *OPTIONS, port=port)
    with Connection(server) as connection:
        assert connection.ask(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
    return server, time.monotonic() - began


def changed(actors: list[Actor]) -> int:
    """How many changes were acknowledged."""
    return sum(actor.changed for actor in actors)


def lost(actors: list[Actor]) -> int:
    """How many changes had no answer."""
    return sum(len(actor.lost) for actor in actors)


def await_changes(actors: list[Actor], number: int) -> None:
    """Wait until so many more changes were acknowledged."""
    wanted = changed(actors) + number
    until(lambda: changed(actors) >= wanted, f"{number} further changes")


def settle(actors: list[Actor], calls: Calls) -> Holdings:
    """Hold all that was told against all that is there; keys that nobody was told of come from lost answers."""
    there = look(calls)
    for actor in actors:
        actor.settle(there)
    known = {key_id for actor in actors for key_id in actor.keys}
    unknown = sum(actor.lost.count("CreateKey") for actor in actors)
    assert len(there.keys.keys() - known) <= unknown
    assert there.aliases.keys() <= {name for actor in actors for name in actor.aliases}
    return there


def use_every_key(calls: Calls, there: Holdings) -> None:
    """No key is half there: each of them encrypts, and decrypts what it encrypted."""
    for key_id, state in there.keys.items():
        if state == PENDING:
            calls.result("CancelKeyDeletion", KeyId=key_id)
        if state in {PENDING, DISABLED}:
            calls.result("EnableKey", KeyId=key_id)
            there.keys[key_id] = ENABLED
        blob = calls.result("Encrypt", KeyId=key_id, Plaintext=b"whole")["CiphertextBlob"]
        assert calls.result("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"whole"


def check_journal(server: Server, calls: Calls, expected: Holdings) -> list[dict[str, Any]]:
    """The journal of a stopped server is in order, has every answer, and tells how things came to be as they are."""
    verified = selfkms("trail", "verify", "--data-dir", server.data_dir)
    assert verified.returncode == 0, verified.stderr
    records = list(read_journal(server.data_dir))
    check_audit(records, calls.told)
    assert replay(records) == expected
    return records


def strike(server: Server, *, everything: bool) -> None:
    """SIGKILL to every process at once, or to the first one alone, which takes the others with it."""
    if everything:
        server.kill()
    else:
        server.process.kill()
        server.ended()


def test_what_was_acknowledged_survives_kill_nine_of_everything(data_dir: Path, random: Random) -> None:
    """Acknowledged changes are there after kill -9, none is half there, and each has one audit record."""
    server, _ = timed_start(data_dir, 0)
    calls = Calls(server)
    actors = [Actor(calls, number, Random(random.random())) for number in range(CLIENTS)]
    starts: list[float] = []
    try:
        while len(starts) < ROUNDS_MIN or (changed(actors) < CHANGES_MIN and len(starts) < ROUNDS_MAX):
            with Crowd(actors):
                time.sleep(random.uniform(0.05, 0.9))
                strike(server, everything=len(starts) % 2 == 0)
            server, seconds = timed_start(data_dir, server.port)
            starts.append(seconds)
            settle(actors, calls)
        there = settle(actors, calls)
        use_every_key(calls, there)
        for actor in actors:
            for _, blob, plaintext in actor.blobs:
                assert calls.result("Decrypt", CiphertextBlob=blob)["Plaintext"] == plaintext
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill()
    records = check_journal(server, calls, there)
    show(f"{changed(actors)} changes, {lost(actors)} answers lost, {len(records)} records; ready again in {starts} s")
    assert changed(actors) >= CHANGES_MIN
    assert max(starts) < READY_SECONDS_MAX


def test_single_processes_are_started_again(data_dir: Path, random: Random) -> None:
    """Kill -9 of a worker, the recorder or the keeper ends neither the service nor the audit of any answer."""
    with running(data_dir, *OPTIONS, "--set", "audit.durability=process") as server:
        processes = Processes(server)
        calls = Calls(server)
        actors = [Actor(calls, number, Random(random.random())) for number in range(CLIENTS)]
        victims = random.sample(["worker", "worker", "recorder", "recorder", "keeper", "keeper"], k=6)
        with Crowd(actors, forgiving=True):
            for victim in victims:
                time.sleep(random.uniform(0.1, 0.6))
                processes.kill(victim)
                await_changes(actors, 10)
        there = settle(actors, calls)
        use_every_key(calls, there)
        assert len(restarts(server)) == len(victims)
        assert server.stop() == 0
        assert not any(told.status >= 500 for told in calls.told)
        records = check_journal(server, calls, there)
    show(f"killed {victims}; {lost(actors)} answers lost, {len(records)} records")
