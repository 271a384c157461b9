"""A disk without room: what cannot be kept is not answered as if it had been, and all goes on once there is room.

The limit on the size of files stands in for the disk: a write beyond it fails (setrlimit(2), RLIMIT_FSIZE).
"""

import base64
from pathlib import Path
from random import Random

import pytest

from harness.ledger import Actor, Calls, LostError, check_audit, look, replay
from harness.processes import Processes, full_for, restarts
from harness.server import Server, read_journal, running
from harness.wire import call, once


def failure(server: Server, operation: str, parameters: dict[str, str]) -> str:
    """The request ID of a request that fails, and gives nothing else away."""
    answer = once(server, call(server, operation, parameters))
    assert (answer.status, answer.code) == (500, "KMSInternalException"), answer
    assert answer.content.keys() == {"__type", "message"}
    return answer.request_id


def test_without_room_for_the_journal_no_plaintext_leaves(data_dir: Path) -> None:
    """While the journal cannot be written, what must be recorded there fails; changes, recorded elsewhere, do not."""
    with running(data_dir, "--workers", "2") as server:
        processes = Processes(server)
        calls = Calls(server)
        key_id = calls.result("CreateKey")["KeyMetadata"]["KeyId"]
        blob = calls.result("Encrypt", KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
        text = base64.b64encode(blob).decode()
        with full_for(processes, "recorder"):
            failed = [failure(server, "Decrypt", {"CiphertextBlob": text}) for _ in range(5)]
            failed += [failure(server, "DescribeKey", {"KeyId": "none"}) for _ in range(5)]
            calls.result("UpdateKeyDescription", KeyId=key_id, Description="meanwhile")
        assert calls.result("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"x"
        assert calls.result("DescribeKey", KeyId=key_id)["KeyMetadata"]["Description"] == "meanwhile"
        assert restarts(server) == []
        assert server.stop() == 0
    records = read_journal(data_dir)
    check_audit(records, calls.told)
    # There was no place for them: that is why they were not answered.
    assert {record["requestID"] for record in records}.isdisjoint(failed)
    assert len(records) == len(calls.told)


def test_without_room_for_the_database_no_change_is_half_there(data_dir: Path) -> None:
    """While the database cannot be written, changes fail whole and are in the audit as failed; all else goes on."""
    with running(data_dir, "--workers", "2") as server:
        processes = Processes(server)
        calls = Calls(server)
        actor = Actor(calls, 0, Random(0))
        while actor.changed < 20:
            actor.step()
        before = look(calls)
        key_id = calls.result("CreateKey", Description="before")["KeyMetadata"]["KeyId"]
        calls.result("Encrypt", KeyId=key_id, Plaintext=b"x")
        changes: tuple[tuple[str, dict[str, str]], ...] = (
            ("CreateKey", {}),
            ("CreateAlias", {"AliasName": "alias/meanwhile", "TargetKeyId": key_id}),
            ("UpdateKeyDescription", {"KeyId": key_id, "Description": "meanwhile"}),
            ("ScheduleKeyDeletion", {"KeyId": key_id}),
        )
        with full_for(processes, "worker", "keeper"):
            for operation, parameters in changes:
                with pytest.raises(LostError):
                    calls(operation, **parameters)
            # What reads and what encrypts needs no room in the database.
            assert calls.result("DescribeKey", KeyId=key_id)["KeyMetadata"]["Description"] == "before"
            calls.result("Encrypt", KeyId=key_id, Plaintext=b"x")
        failed = [told for told in calls.told if told.status >= 500]
        after = look(calls)
        assert (after.keys, after.aliases) == ({**before.keys, key_id: "Enabled"}, before.aliases)
        for operation, parameters in changes:
            calls.result(operation, **parameters)
        there = look(calls)
        assert restarts(server) == []
        assert server.stop() == 0
    records = read_journal(data_dir)
    check_audit(records, calls.told)
    assert replay(records) == there
    codes = {record["requestID"]: record.get("errorCode") for record in records}
    assert [codes.get(told.request_id) for told in failed] == ["KMSInternalException"] * len(changes)
