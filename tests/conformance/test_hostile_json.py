"""Bodies made to hurt, under a valid signature: AWS's error or AWS's answer, at once, and one audit record each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.ledger import Told, check_audit
from harness.processes import children, restarts, until
from harness.server import Server, read_journal, running
from harness.wire import Answer, Connection, call

DEEP = 100_000

NO_JSON = {
    "white space": b" \t\r\n",
    "cut off": b'{"NumberOfBytes": 1',
    "two objects": b'{"NumberOfBytes": 1}{"NumberOfBytes": 1}',
    "trailing comma": b'{"NumberOfBytes": 1,}',
    "comment": b'{"NumberOfBytes": 1} // one',
    "single quotes": b"{'NumberOfBytes': 1}",
    "byte order mark": b'\xef\xbb\xbf{"NumberOfBytes": 1}',
    "UTF-16": '{"NumberOfBytes": 1}'.encode("utf-16"),
    "invalid UTF-8 in a value": b'{"NumberOfBytes": 1, "x": "\xff"}',
    "invalid UTF-8 in a name": b'{"NumberOfBytes": 1, "\xc3\x28": 1}',
    "surrogates in UTF-8": b'{"NumberOfBytes": 1, "x": "\xed\xa0\x80"}',
    "half of a surrogate pair": rb'{"NumberOfBytes": 1, "x": "\ud800"}',
    "NUL in a string": b'{"NumberOfBytes": 1, "x": "\0"}',
    "NUL behind": b'{"NumberOfBytes": 1}\0',
    "line break in a string": b'{"NumberOfBytes": 1, "x": "\n"}',
    "unknown escape": rb'{"NumberOfBytes": 1, "x": "\x41"}',
    "NaN": b'{"NumberOfBytes": NaN}',
    "Infinity": b'{"NumberOfBytes": -Infinity}',
    "a number beyond floats": b'{"NumberOfBytes": 1e400}',
    "a number of 5,000 digits": b'{"NumberOfBytes": 1' + b"0" * 5_000 + b"}",
    "a number with a leading zero": b'{"NumberOfBytes": 01}',
    "null": b"null",
    "a list": b"[]",
    "a string": b'"NumberOfBytes"',
    "a number": b"1",
    "lists in lists": b'{"x": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "lists without end": b"[" * 1_000_000,
    "objects in objects": b'{"x": ' * DEEP + b"1" + b"}" * DEEP,
    "objects without end": b'{"x": ' * DEEP,
    "lists after a string with brackets": b'{"y": "]]]]\\"", "x": ' + b"[" * 40 + b"]" * 40 + b"}",
    "another type": b'{"NumberOfBytes": "1"}',
    "a fraction": b'{"NumberOfBytes": 1.5}',
}

OUT_OF_RANGE = {
    "nothing": b"",
    "nothing in it": b"{}",
    "null in it": b'{"NumberOfBytes": null}',
    "zero": b'{"NumberOfBytes": 0}',
    "less than nothing": b'{"NumberOfBytes": -9223372036854775809}',
    "a number of 4,000 digits": b'{"NumberOfBytes": 1' + b"0" * 4_000 + b"}",
    "a float of 300 digits": b'{"NumberOfBytes": 1e300}',
}

TAKEN = {
    "a float that is whole": (b'{"NumberOfBytes": 2.0}', 2),
    "an exponent": (b'{"NumberOfBytes": 1e2}', 100),
    "the last of two equal names": (b'{"NumberOfBytes": 1, "NumberOfBytes": 3}', 3),
    "escaped name": (rb'{"\u004eumberOfBytes": 4}', 4),
    "brackets in a string": (b'{"NumberOfBytes": 5, "x": "' + b"[" * DEEP + b'"}', 5),
    "a long string": (b'{"NumberOfBytes": 6, "x": "' + b"a" * 1_000_000 + b'"}', 6),
    "many members": (b"{" + b"".join(b'"%d":1,' % n for n in range(80_000)) + b'"NumberOfBytes": 7}', 7),
    "a long list": (b'{"NumberOfBytes": 8, "x": [' + b"0," * 400_000 + b"0]}", 8),
    "much white space": (b" " * 1_000_000 + b'{"NumberOfBytes": 9}', 9),
}


class Target:
    """A server, and what it was asked: every answer must have its record."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.told: list[Told] = []

    def ask(self, operation: str, parameters: dict[str, Any] | bytes) -> Answer:
        """The answer to a signed request; the connection stays open after it."""
        with Connection(self.server) as connection:
            answer = connection.ask(call(self.server, operation, parameters))
            assert not answer.closes
            assert connection.is_open()
        self.told.append(Told(operation, answer.request_id, answer.status, answer.code))
        return answer

    def make_key(self, **parameters: Any) -> str:
        """The ID of a new key."""
        key_id: str = self.ask("CreateKey", parameters).content["KeyMetadata"]["KeyId"]
        return key_id


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server with one worker: what holds it up holds up everybody."""
    data_dir: Path = tmp_path_factory.mktemp("hostile") / "data"
    with running(data_dir, "--set", "audit.segment_bytes=1048576") as server:
        yield Target(server)


@pytest.fixture(autouse=True)
def unharmed(target: Target) -> Iterator[None]:
    """After each test the server answers, no process is another one, and each answer has exactly one record."""
    before = children(target.server)
    already = len(target.told)
    yield
    assert target.ask("GenerateRandom", {"NumberOfBytes": 1}).status == 200
    assert children(target.server) == before
    assert restarts(target.server) == []
    new = target.told[already:]
    wanted = {told.request_id for told in new}
    # Those of changes come by way of the database.
    until(lambda: wanted <= recorded(target), "an audit record of each answer")
    check_audit(read_journal(target.server.data_dir), new)


def recorded(target: Target) -> set[str]:
    """The request IDs in the journal."""
    return {record.get("requestID", "") for record in read_journal(target.server.data_dir)}


def refused(answer: Answer, code: str) -> None:
    """The answer is this error, and no larger than an error should be."""
    assert (answer.status, answer.code) == (400, code), answer
    assert len(answer.body) < 10_000


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_cannot_be_read_is_refused(target: Target, body: bytes) -> None:
    """What is no JSON, nested too deeply, or of another type than the model says is a SerializationException."""
    refused(target.ask("GenerateRandom", body), "SerializationException")


@pytest.mark.parametrize("body", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE.keys())
def test_numbers_out_of_range_are_refused(target: Target, body: bytes) -> None:
    """A number that is none of the model's, however long, is a ValidationException."""
    refused(target.ask("GenerateRandom", body), "ValidationException")


@pytest.mark.parametrize(("body", "length"), TAKEN.values(), ids=TAKEN.keys())
def test_unusual_json_is_read(target: Target, body: bytes, length: int) -> None:
    """What is only unusual JSON is taken for what it says."""
    answer = target.ask("GenerateRandom", body)
    assert answer.status == 200, answer
    assert len(answer.content["Plaintext"]) == (length + 2) // 3 * 4


# -- what may be in the audit, and is too large for it


def test_an_encryption_context_without_end(target: Target) -> None:
    """A request whose parameters are longer than an audit record may be is answered, and is in the audit."""
    key_id = target.make_key()
    context = {"x": "y" * 300_000, "z": "\x01" * 50_000}
    for _ in range(3):
        answer = target.ask("Encrypt", {"KeyId": key_id, "Plaintext": "eA==", "EncryptionContext": context})
        assert answer.status in {200, 400}
    answer = target.ask("Encrypt", {"KeyId": "none", "Plaintext": "eA==", "EncryptionContext": context})
    assert answer.status == 400


def test_changes_with_parameters_without_end(target: Target) -> None:
    """A change whose parameters are longer than an audit record may be keeps no later one out of the audit."""
    key_id = target.make_key()
    tag_keys = [f"{number:03d}" + "\x01" * 100 for number in range(1_500)]
    assert target.ask("UntagResource", {"KeyId": key_id, "TagKeys": tag_keys}).status in {200, 400}
    tags = [{"TagKey": tag_key, "TagValue": "\x01" * 250} for tag_key in tag_keys[:50]]
    assert target.ask("TagResource", {"KeyId": key_id, "Tags": tags}).status in {200, 400}
    policy = target.ask("GetKeyPolicy", {"KeyId": key_id}).content["Policy"]
    largest = {"Policy": "\n" * (32_768 - len(policy)) + policy, "Description": "\x01" * 8_192, "Tags": tags}
    assert target.ask("CreateKey", largest).status in {200, 400}
    refused(target.ask("CreateKey", {"Policy": '"' * 131_072}), "LimitExceededException")
    assert target.ask("UpdateKeyDescription", {"KeyId": key_id, "Description": "later"}).status == 200


def test_a_value_without_end_is_not_given_back_ten_times(target: Target) -> None:
    """However often a long value breaks the model, the answer is no larger than the request by much."""
    for operation, parameters in (
        ("DescribeKey", {"KeyId": "x" * 1_000_000}),
        ("CreateAlias", {"AliasName": "?" * 1_000_000, "TargetKeyId": ""}),
        ("Encrypt", {"KeyId": "k", "Plaintext": "eA==", "GrantTokens": ["x" * 90_000] * 11}),
        ("TagResource", {"KeyId": "k", "Tags": [{"TagKey": "x" * 90_000, "TagValue": "y"}] * 11}),
    ):
        answer = target.ask(operation, parameters)
        assert answer.status == 400
        assert len(answer.body) < 2_500_000


# -- policies are JSON within JSON


ALLOW = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}


def policy_with(**elements: Any) -> str:
    """A key policy that allows everything, and a second statement with these elements."""
    return json.dumps({"Version": "2012-10-17", "Statement": [ALLOW, {**ALLOW, **elements}]})


BAD_POLICIES = {
    "nested": "[" * 30_000,
    "nested objects": '{"Statement":' * 2_000,
    "nested in a condition": '{"Version":"2012-10-17","Statement":{"Condition":' + '{"a":' * 5_000 + "1" + "}" * 5_002,
    "NaN": '{"Version": NaN}',
    "equal names": '{"Version":"2012-10-17","Statement":[],"Statement":[]}',
    "a number of 5,000 digits": '{"Version": 1' + "0" * 5_000 + "}",
    "nothing": " ",
    "null": "null",
    "a number for an action": policy_with(Action=1),
    "a list in a list": policy_with(Action=[["kms:*"]]),
    "a number for a principal": policy_with(Principal={"AWS": 5}),
    "an object for an effect": policy_with(Effect={}),
    "a list for an effect": policy_with(Effect=["Allow"]),
    "an object for a version": '{"Version": {}, "Statement": []}',
    "a list for a version": '{"Version": [], "Statement": []}',
    "statements of statements": '{"Version":"2012-10-17","Statement":[[]]}',
}


@pytest.mark.parametrize("policy", BAD_POLICIES.values(), ids=BAD_POLICIES.keys())
def test_policies_made_to_hurt_are_refused(target: Target, policy: str) -> None:
    """A key policy that is no policy is a MalformedPolicyDocumentException, however deep or odd it is."""
    refused(target.ask("CreateKey", {"Policy": policy}), "MalformedPolicyDocumentException")


@pytest.mark.parametrize(
    "action", ["kms:" + "*" * 10_000 + "!", "kms:" + "*a" * 5_000 + "!", "kms:" + "?*" * 5_000, "*" * 5_000 + ":x"]
)
def test_patterns_made_to_hurt_hold_up_nobody(target: Target, action: str) -> None:
    """A pattern that could be matched in endlessly many ways is matched at once, whenever the key is used."""
    key_id = target.make_key()
    parameters = {"KeyId": key_id, "Policy": policy_with(Action=action), "BypassPolicyLockoutSafetyCheck": True}
    if target.ask("PutKeyPolicy", parameters).status == 200:
        answer = target.ask("Encrypt", {"KeyId": key_id, "Plaintext": "eA=="})
        assert answer.status == 200
