"""Stops, starts and damage: nothing half answered, nothing lost, and what is damaged is named."""

import json
import os
import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.commands import selfkms
from harness.ledger import Calls, LostError, Told, check_audit
from harness.processes import Processes, listens, recorder_socket, until
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, credentials_of, read_journal, running
from harness.wire import Answer, Connection, call, once

FAILED = 1
DAMAGED = 3

SEGMENT = "00000000000000000001.journal"
FIRST_FRAME = 4_096


def trail_verify(data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What an operator types."""
    return selfkms("trail", "verify", "--data-dir", data_dir, *options)


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What `trail verify --json` printed of the journal."""
    report: dict[str, Any] = json.loads(done.stdout)["journal"]
    return report


def told(operation: str, answer: Answer) -> Told:
    """An answer off the wire, as the audit is held against it."""
    return Told(operation, answer.request_id, answer.status, answer.code)


# -- SIGTERM


def test_a_stop_leaves_no_answer_half(data_dir: Path) -> None:
    """At SIGTERM each request that is under way gets a whole answer or none, and each answer has its record."""
    with running(data_dir, "--workers", "2", "--set", "server.drain_seconds=5") as server, ExitStack() as opened:
        calls = Calls(server)
        key_id = calls.result("CreateKey")["KeyMetadata"]["KeyId"]
        quick = call(server, "Encrypt", {"KeyId": key_id, "Plaintext": "eA=="})
        slow = call(server, "UpdateKeyDescription", {"KeyId": key_id, "Description": "x"})
        busy = [opened.enter_context(Connection(server)) for _ in range(20)]
        halfway = [opened.enter_context(Connection(server)) for _ in range(4)]
        idle = opened.enter_context(Connection(server))
        first = calls.told + [told("Encrypt", connection.ask(quick)) for connection in (*busy, idle)]
        for connection in halfway:
            connection.send(quick[:-10])
        for number, connection in enumerate(busy):
            connection.send((quick, slow)[number % 2] * 8)
        server.process.send_signal(signal.SIGTERM)
        # The worker is told while it reads; what arrives after that is for a connection that is about to end.
        for connection in halfway:
            connection.send(quick[-10:])
        answers = [connection.answers() for connection in busy]
        finished = [connection.answers() for connection in halfway]
        assert idle.answers() == []
        assert server.ended() == 0
        records = read_journal(data_dir)
    given = [
        told((("Encrypt", "UpdateKeyDescription")[number % 2]), answer)
        for number, of_one in enumerate(answers)
        for answer in of_one
    ]
    given += [told("Encrypt", answer) for of_one in finished for answer in of_one]
    assert all(len(of_one) <= 1 for of_one in finished)
    assert {answer.status for answer in given} <= {200}
    check_audit(records, [*first, *given])


def test_what_was_made_before_sigkill_is_there_after_the_start(data_dir: Path) -> None:
    """Blobs, data keys, aliases, tags and states of before a SIGKILL are what they were."""
    with running(data_dir) as server:
        calls = Calls(server)
        key = calls.result("CreateKey", Description="kept", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
        other = calls.result("CreateKey")["KeyMetadata"]["KeyId"]
        calls.result("CreateAlias", AliasName="alias/kept", TargetKeyId=key["KeyId"])
        calls.result("DisableKey", KeyId=other)
        context = {"purpose": "test"}
        blob = calls.result("Encrypt", KeyId="alias/kept", Plaintext=b"kept", EncryptionContext=context)
        data_key = calls.result("GenerateDataKey", KeyId="alias/kept", KeySpec="AES_256")
        server.kill()
        with running(data_dir, port=server.port):
            opened = calls.result("Decrypt", CiphertextBlob=blob["CiphertextBlob"], EncryptionContext=context)
            assert opened["Plaintext"] == b"kept"
            opened = calls.result("Decrypt", CiphertextBlob=data_key["CiphertextBlob"])
            assert opened["Plaintext"] == data_key["Plaintext"]
            assert calls.result("DescribeKey", KeyId="alias/kept")["KeyMetadata"] == key
            assert calls.result("ListResourceTags", KeyId=key["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
            assert calls("Encrypt", KeyId=other, Plaintext=b"x") == "DisabledException"
            assert calls("Decrypt", CiphertextBlob=blob["CiphertextBlob"]) == "InvalidCiphertextException"


def test_a_second_sigterm_does_not_cut_the_stop_short(data_dir: Path) -> None:
    """Who asks twice gets the same orderly end: exit code 0, and nothing left of the recorder's socket."""
    with running(data_dir, "--set", "server.drain_seconds=5") as server, Connection(server) as connection:
        data = call(server, "GenerateRandom", {"NumberOfBytes": 1})
        connection.send(data[:-5])
        socket_path = recorder_socket(Processes(server).of("recorder"))
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not listens(server), "the workers take no more connections")
        server.process.send_signal(signal.SIGTERM)
        connection.send(data[-5:])
        assert connection.answer().status == 200
        assert server.ended() == 0
        assert not socket_path.exists()


# -- the journal


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a stopped installation with some records. Who damages it puts it right again."""
    data_dir = tmp_path_factory.mktemp("at-rest") / "data"
    with running(data_dir) as server:
        calls = Calls(server)
        key_id = calls.result("CreateKey")["KeyMetadata"]["KeyId"]
        for _ in range(4):
            calls.result("Encrypt", KeyId=key_id, Plaintext=b"x")
        assert server.stop() == 0
    return data_dir


def test_the_trail_is_verified_at_rest_and_while_it_is_written(data_dir: Path) -> None:
    """`trail verify` finds all in order and counts every record, also while the server goes on recording."""
    with running(data_dir, "--workers", "2") as server, ExitStack() as opened:
        calls = Calls(server)
        random = call(server, "GenerateRandom", {"NumberOfBytes": 1})
        answered = 0
        for _ in range(3):
            busy = [opened.enter_context(Connection(server)) for _ in range(4)]
            for connection in busy:
                connection.send(random * 200)
            before = answered
            done = trail_verify(data_dir, "--json")
            answered += sum(connection.answer().status == 200 for connection in busy for _ in range(200))
            assert done.returncode == 0, done.stderr
            assert before <= report_of(done)["records"] <= answered
        calls.result("CreateKey")
        assert server.stop() == 0
    done = trail_verify(data_dir)
    assert done.returncode == 0
    assert f"audit journal: {answered + 1} records in 1 segments" in done.stdout


def second_frame(data: bytes) -> int:
    """The offset of the second record's frame in its segment. Source: docs/audit-journal.md, "Segment"."""
    return FIRST_FRAME + 60 + int.from_bytes(data[FIRST_FRAME : FIRST_FRAME + 4], "big")


@contextmanager
def flipped(path: Path, offset: int) -> Iterator[None]:
    """A file with one bit changed, for the length of a block."""
    flip(path, offset)
    try:
        yield
    finally:
        flip(path, offset)


def flip(path: Path, offset: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((byte ^ 0x10,)))


@pytest.mark.parametrize(
    ("name", "offset", "records", "sequence"),
    [
        pytest.param(SEGMENT, lambda _data: 20, 0, None, id="installation ID of the segment"),
        pytest.param(SEGMENT, lambda _data: FIRST_FRAME + 2, 0, 1, id="length of the first record"),
        pytest.param(SEGMENT, lambda data: second_frame(data) + 12, 1, 2, id="event ID"),
        pytest.param(SEGMENT, lambda data: second_frame(data) + 40, 1, 2, id="chain hash"),
        pytest.param(SEGMENT, lambda data: second_frame(data) + 300, 1, 2, id="body"),
        pytest.param("settled.mark", lambda _data: 40, 0, None, id="settled mark"),
    ],
)
def test_a_flipped_bit_in_the_journal_is_named(
    at_rest: Path, name: str, offset: Callable[[bytes], int], records: int, sequence: int | None
) -> None:
    """One changed bit: `trail verify` ends with 3 and names file, place and record."""
    path = at_rest / "audit" / name
    place = offset(path.read_bytes())
    with flipped(path, place):
        done = trail_verify(at_rest, "--json")
    assert done.returncode == DAMAGED
    report = report_of(done)
    assert report["records"] == records
    assert report["damage"]["segment"] == name
    assert report["damage"]["sequence"] == sequence
    assert report["damage"]["offset"] <= place


def test_nobody_writes_on_behind_damage(at_rest: Path) -> None:
    """A damaged journal keeps a server from starting; the operator is told what is wrong with it and where."""
    path = at_rest / "audit" / SEGMENT
    with flipped(path, FIRST_FRAME + 100):
        refused = selfkms("dev", "--data-dir", at_rest, "--port", "0")
        said = trail_verify(at_rest)
    assert refused.returncode == FAILED
    assert "the audit journal cannot be used" in refused.stderr
    assert said.returncode == DAMAGED
    for text in (refused.stderr, said.stderr):
        assert SEGMENT in text
        assert str(FIRST_FRAME) in text
    assert trail_verify(at_rest).returncode == 0


# -- the database


def flip_in_row(data_dir: Path, table: str, column: str, key_column: str, key: str) -> bytes:
    """Change one bit in the middle of a row, while nobody has the database open; the value as it was."""
    with closing(sqlite3.connect(data_dir / "database.sqlite")) as database, database:
        (value,) = database.execute(f"SELECT {column} FROM {table} WHERE {key_column} = ?", (key,)).fetchone()
        altered = bytearray(value)
        altered[len(altered) // 2] ^= 0x01
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {key_column} = ?", (bytes(altered), key))
    assert isinstance(value, bytes)
    return value


DAMAGES = (
    # Table and column of the damage; whether blobs of the key can be decrypted all the same.
    ("kms_keys", "body", False),
    ("kms_keys", "mac", False),
    ("key_materials", "body", False),
    ("aliases", "body", True),
)


def test_a_damaged_row_fails_its_own_requests_only(data_dir: Path) -> None:
    """A flipped bit in a row is an internal failure that tells nothing of the row; all others go on working."""
    with running(data_dir) as server:
        calls = Calls(server)
        key_ids = [calls.result("CreateKey")["KeyMetadata"]["KeyId"] for _ in (*DAMAGES, "sound")]
        blobs = [calls.result("Encrypt", KeyId=key_id, Plaintext=b"x")["CiphertextBlob"] for key_id in key_ids]
        for key_id in key_ids:
            calls.result("CreateAlias", AliasName=f"alias/{key_id}", TargetKeyId=key_id)
        assert server.stop() == 0
        failed = []
        values = [
            flip_in_row(data_dir, table, column, *named(table, key_id))
            for key_id, (table, column, _) in zip(key_ids, DAMAGES, strict=False)
        ]
        with running(data_dir, port=server.port) as again:
            for key_id, blob, value, (_, _, opens) in zip(key_ids, blobs, values, DAMAGES, strict=False):
                answer = once(again, call(again, "Encrypt", {"KeyId": f"alias/{key_id}", "Plaintext": "eA=="}))
                assert (answer.status, answer.code) == (500, "KMSInternalException")
                assert answer.content.keys() == {"__type", "message"}
                assert not any(text in answer.raw for text in re.findall(rb"[\w/+=-]{8,}", value))
                failed.append(told("Encrypt", answer))
                if opens:
                    assert calls.result("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"x"
                else:
                    with pytest.raises(LostError):
                        calls("Decrypt", CiphertextBlob=blob)
            sound = calls.result("Encrypt", KeyId=f"alias/{key_ids[-1]}", Plaintext=b"y")["CiphertextBlob"]
            for blob in (sound, blobs[-1]):
                assert calls.result("Decrypt", CiphertextBlob=blob)["KeyId"].endswith(key_ids[-1])
            assert again.stop() == 0
        records = read_journal(data_dir)
    check_audit(records, [*calls.told, *failed])
    codes = {record["requestID"]: record.get("errorCode") for record in records}
    assert [codes[answer.request_id] for answer in failed] == ["KMSInternalException"] * len(DAMAGES)


def named(table: str, key_id: str) -> tuple[str, str]:
    """How a row about this key is found: a column and its value."""
    return ("alias_name", f"alias/{key_id}") if table == "aliases" else ("key_id", key_id)


def test_a_damaged_access_key_lets_nobody_in_with_it(data_dir: Path) -> None:
    """A flipped bit in the row of an access key refuses its owner, and nobody else."""
    with running(data_dir) as server:
        access_key_id = credentials_of(data_dir, BOB_ACCOUNT)["aws_access_key_id"]
        assert server.stop() == 0
        flip_in_row(data_dir, "access_keys", "body", "access_key_id", access_key_id)
        with running(data_dir, port=server.port) as again:
            for profile, status in ((BOB_ACCOUNT, 500), (f"{BOB_ACCOUNT}-root", 200), (ALICE_ACCOUNT, 200)):
                answer = once(again, call(again, "GenerateRandom", {"NumberOfBytes": 1}, profile=profile))
                assert answer.status == status, answer


def test_a_damaged_audit_record_does_not_hold_up_the_others(data_dir: Path) -> None:
    """A flipped bit in one record that waits for the journal does not keep the records of later changes from it."""
    with running(data_dir) as server:
        calls = Calls(server)
        # The record waits as long as the keeper stands still.
        os.kill(Processes(server).of("keeper"), signal.SIGSTOP)
        calls.result("CreateKey")
        server.kill()
        with closing(sqlite3.connect(data_dir / "database.sqlite")) as database:
            ((event_id,),) = database.execute("SELECT event_id FROM audit_outbox").fetchall()
        flip_in_row(data_dir, "audit_outbox", "body", "event_id", event_id)
        with running(data_dir, port=server.port) as again:
            calls.result("CreateKey")
            # The keeper moves what waits before it ends.
            assert again.stop() == 0
        assert calls.told[-1].request_id in {record["requestID"] for record in read_journal(data_dir)}
