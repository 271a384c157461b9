"""Plaintexts, data keys and random bytes are in the answers that give them, and nowhere else: not on disk, in no log.

Each secret is one of a kind, so that whatever turns up says where it came from.
"""

import base64
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.canaries import Canaries, files_below, forms, where
from harness.processes import Processes, until
from harness.server import BOB_ACCOUNT, Server, read_journal, running
from harness.wire import Answer, Connection, call, framed, once, signed_headers
from selfkms.protocol.model import ServiceModel
from selfkms.services.kms.table import OPERATIONS

WINDOW_SECONDS = 8 * 86_400


def text_of(data: bytes) -> str:
    """A blob as JSON has it."""
    return base64.b64encode(data).decode()


class Session:
    """One server that is asked for everything, with what it answered."""

    def __init__(self, server: Server, canaries: Canaries) -> None:
        """Make the keys that are asked for."""
        self.server = server
        self.canaries = canaries
        self.refusals: list[Answer] = []
        self.operations: set[str] = set()
        """Those that succeeded."""
        self.key_id, self.other, self.disabled, self.ending = (self._make_key() for _ in range(4))
        self.succeed("DisableKey", {"KeyId": self.disabled})
        self.succeed("ScheduleKeyDeletion", {"KeyId": self.ending})

    def _make_key(self) -> str:
        key_id: str = self.succeed("CreateKey", {})["KeyMetadata"]["KeyId"]
        return key_id

    def succeed(self, operation: str, parameters: dict[str, Any], *, giving: bytes | None = None) -> dict[str, Any]:
        """The content of a success. Of all secrets at most `giving` is in it, as the plaintext that was asked for."""
        self.operations.add(operation)
        answer = once(self.server, call(self.server, operation, parameters))
        assert answer.status == 200, answer
        content = answer.content
        member = next((name for name in ("Plaintext", "PrivateKeyPlaintext", "SharedSecret") if name in content), "")
        given = content.pop(member, None)
        assert giving is None or given == text_of(giving)
        if given is not None and giving is None:
            giving = self.canaries.watch(f"{operation} {len(self.canaries)}", base64.b64decode(given))
            content[member] = giving
        rest = answer.raw.replace(text_of(giving).encode(), b"") if giving else answer.raw
        assert self.canaries.found_in(rest) == []
        return content

    def refuse(self, operation: str, parameters: dict[str, Any] | bytes, *, profile: str = "default") -> None:
        """An error, whichever it is."""
        self.refuse_bytes(call(self.server, operation, parameters, profile=profile))

    def refuse_bytes(self, data: bytes) -> None:
        """An error, whichever it is, for these bytes."""
        answer = once(self.server, data)
        assert answer.status >= 400, answer
        self.refusals.append(answer)


@pytest.fixture
def canaries() -> Canaries:
    """Secrets that are others in every run."""
    return Canaries(Random(time.time_ns()))


@pytest.fixture
def session(data_dir: Path, canaries: Canaries) -> Iterator[Session]:
    """A server with two workers whose files are small enough to be searched often."""
    options = ("--workers", "2", "--set", "audit.segment_bytes=1048576", "--set", "server.request_timeout_seconds=1")
    with running(data_dir, *options) as server:
        yield Session(server, canaries)


def succeed_with_everything(session: Session, new: Callable[[str], bytes]) -> None:
    """Every operation that takes or gives a secret, and succeeds."""
    context = {"EncryptionContext": {"purpose": "canary"}}
    plaintext = new("Encrypt")
    blob = session.succeed("Encrypt", {"KeyId": session.key_id, "Plaintext": text_of(plaintext), **context})
    opening = {"CiphertextBlob": blob["CiphertextBlob"], **context}
    session.succeed("Decrypt", opening, giving=plaintext)
    session.succeed("Decrypt", {**opening, "KeyId": session.key_id}, giving=plaintext)
    moved = session.succeed(
        "ReEncrypt",
        {
            "CiphertextBlob": blob["CiphertextBlob"],
            "SourceEncryptionContext": context["EncryptionContext"],
            "DestinationKeyId": session.other,
        },
    )
    session.succeed("Decrypt", {"CiphertextBlob": moved["CiphertextBlob"]}, giving=plaintext)
    longest = new("longest plaintext") + bytes(4_096 - 24)
    session.succeed("Encrypt", {"KeyId": session.key_id, "Plaintext": text_of(longest)})
    made = session.succeed("GenerateDataKey", {"KeyId": session.key_id, "KeySpec": "AES_256"})
    session.succeed("Decrypt", {"CiphertextBlob": made["CiphertextBlob"]}, giving=made["Plaintext"])
    session.succeed("GenerateDataKey", {"KeyId": session.key_id, "NumberOfBytes": 1_024})
    hidden = session.succeed("GenerateDataKeyWithoutPlaintext", {"KeyId": session.key_id, "KeySpec": "AES_256"})
    assert "Plaintext" not in hidden
    session.succeed("Decrypt", {"CiphertextBlob": hidden["CiphertextBlob"]})
    session.succeed("GenerateRandom", {"NumberOfBytes": 64})


def succeed_with_other_kinds(session: Session, new: Callable[[str], bytes]) -> None:
    """The same for keys that sign, that authenticate, and that share a secret; and for key pairs."""

    def key(spec: str, usage: str) -> dict[str, Any]:
        made = session.succeed("CreateKey", {"KeySpec": spec, "KeyUsage": usage})
        return {"KeyId": made["KeyMetadata"]["KeyId"]}

    signing = {**key("ECC_NIST_P256", "SIGN_VERIFY"), "SigningAlgorithm": "ECDSA_SHA_256"}
    signing["Message"] = text_of(new("signed"))
    signature = session.succeed("Sign", signing)["Signature"]
    session.succeed("Verify", {**signing, "Signature": signature})
    session.refuse("Verify", {**signing, "Signature": signature, "Message": text_of(new("not signed"))})
    authenticating = {**key("HMAC_256", "GENERATE_VERIFY_MAC"), "MacAlgorithm": "HMAC_SHA_256"}
    authenticating["Message"] = text_of(new("authenticated"))
    mac = session.succeed("GenerateMac", authenticating)["Mac"]
    session.succeed("VerifyMac", {**authenticating, "Mac": mac})
    session.refuse("VerifyMac", {**authenticating, "Mac": mac, "Message": text_of(new("not authenticated"))})
    agreeing = key("ECC_NIST_P256", "KEY_AGREEMENT")
    public_key = session.succeed("GetPublicKey", agreeing)["PublicKey"]
    session.succeed("DeriveSharedSecret", {**agreeing, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public_key})
    sharing = {**key("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"), "EncapsulationAlgorithm": "ML_KEM"}
    made = session.succeed("Encapsulate", sharing)
    blob = {"SharedSecretCiphertextBlob": made["SharedSecretCiphertextBlob"]}
    session.succeed("Decapsulate", {**sharing, **blob}, giving=made["SharedSecret"])
    wanted = {"KeyId": session.key_id, "KeyPairSpec": "ECC_NIST_P256"}
    pair = session.succeed("GenerateDataKeyPair", wanted)
    opening = {"CiphertextBlob": pair["PrivateKeyCiphertextBlob"]}
    session.succeed("Decrypt", opening, giving=pair["PrivateKeyPlaintext"])
    session.succeed("GenerateDataKeyPairWithoutPlaintext", wanted)
    # What is secret in an import, and stays so, is looked for in `test_import.py`.
    empty = session.succeed("CreateKey", {"Origin": "EXTERNAL"})["KeyMetadata"]["KeyId"]
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    session.succeed("GetParametersForImport", {"KeyId": empty, **wrapping})


def fail_within_the_service(session: Session, new: Callable[[str], bytes]) -> None:
    """Secrets in requests that are understood, and refused by a policy, a state or the parameters."""
    for name, key_id in (
        ("no such key", "alias/none"),
        ("disabled key", session.disabled),
        ("ending key", session.ending),
        ("no key ID", "x" * 3_000),
    ):
        session.refuse("Encrypt", {"KeyId": key_id, "Plaintext": text_of(new(name))})
    wanted = {"KeyId": session.key_id}
    session.refuse("Encrypt", {**wanted, "Plaintext": text_of(new("stranger"))}, profile=BOB_ACCOUNT)
    session.refuse("Encrypt", {**wanted, "Plaintext": text_of(new("dry run")), "DryRun": True})
    session.refuse("Encrypt", {**wanted, "Plaintext": text_of(new("RSA")), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"})
    session.refuse("Encrypt", {**wanted, "Plaintext": text_of(new("no algorithm")), "EncryptionAlgorithm": "none"})
    session.refuse("Encrypt", {**wanted, "Plaintext": text_of(new("too long") + bytes(4_073))})
    blob = session.succeed("Encrypt", {**wanted, "Plaintext": text_of(new("not opened"))})["CiphertextBlob"]
    altered = blob[:-8] + ("AAAA" if blob[-8:-4] != "AAAA" else "BBBB") + blob[-4:]
    session.refuse("Decrypt", {"CiphertextBlob": altered})
    session.refuse("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": {"another": "context"}})
    session.refuse("Decrypt", {"CiphertextBlob": blob, "KeyId": session.other})
    session.refuse("Decrypt", {"CiphertextBlob": blob}, profile=BOB_ACCOUNT)
    session.refuse("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": session.disabled})
    session.refuse("Decrypt", {"CiphertextBlob": text_of(new("no blob"))})
    session.refuse("Decrypt", {"CiphertextBlob": text_of(new("long no blob") * 256)})
    session.succeed("DisableKey", wanted)
    session.refuse("Decrypt", {"CiphertextBlob": blob})
    session.succeed("EnableKey", wanted)
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": text_of(new("attestation"))}
    session.refuse("GenerateRandom", {"NumberOfBytes": 24, "Recipient": recipient})
    for operation, member in (("Sign", "Message"), ("GenerateMac", "Message"), ("ImportKeyMaterial", "ImportToken")):
        session.refuse(operation, {**wanted, member: text_of(new(operation))})


def fail_on_the_way_in(session: Session, new: Callable[[str], bytes]) -> None:
    """Secrets in bodies that are not what they should be."""
    text = session.canaries.new_text
    wanted = {"KeyId": session.key_id}
    for name, plaintext in (
        ("no base64", text("no base64")),
        ("a list", [text("a list")]),
        ("an object", {text("a name"): text("a value")}),
        ("a number", int(text_of_digits(session, "a number"))),
        ("base64 with a stranger", text_of(new("base64 with a stranger")) + "*"),
        ("base64 without padding", text_of(new("base64 without padding") + b"x").rstrip("=")),
    ):
        session.refuse("Encrypt", {**wanted, "Plaintext": plaintext, "Comment": name})
    session.refuse("Encrypt", {**wanted, "plaintext": text_of(new("small letter"))})
    body = json.dumps({**wanted, "Plaintext": text_of(new("no JSON"))}).encode()
    session.refuse("Encrypt", body[:-1])
    session.refuse("Encrypt", body[:-1] + b', "x": "\xff"}')
    session.refuse("Encrypt", body[:-1] + b', "x": ' + b"[" * 100)
    session.refuse("Encrypt", body[:-1] + b', "Plaintext": 1}')
    session.refuse("NoOperation", body)
    headers = signed_headers(session.server, "Encrypt", body)
    session.refuse_bytes(framed(headers, body[:-1] + b" }"))
    session.refuse_bytes(framed({**headers, "X-Amz-Date": "yesterday"}, body))
    session.refuse_bytes(framed({"Host": "a", "X-Amz-Target": "TrentService.Encrypt"}, body))
    session.refuse_bytes(framed({"Host": "a", "Authorization": text("password")}, body))
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    session.refuse_bytes(chunked + b"%x\r\n" % len(body) + body + b"no chunk\r\n")
    session.refuse_bytes(chunked + body + b"\r\n")
    session.refuse_bytes(framed(headers, body + bytes(1_048_577)))
    session.refuse_bytes(framed(headers, body)[:-1])
    session.refuse_bytes(body + b"\r\n\r\n")
    with Connection(session.server) as connection:
        connection.send(framed(headers, body)[:-1])


def text_of_digits(session: Session, name: str) -> str:
    """A secret made of digits."""
    digits = "".join(str(ord(letter) % 9 + 1) for letter in session.canaries.new_text(f"{name}, letters"))
    return session.canaries.watch(name, digits.encode()).decode()


def test_no_secret_is_anywhere_but_in_its_answer(session: Session) -> None:
    """Secrets of every operation, of successes and failures, are in no file, no log, no audit record and no error."""
    new = session.canaries.new
    succeed_with_everything(session, new)
    succeed_with_other_kinds(session, new)
    fail_within_the_service(session, new)
    fail_on_the_way_in(session, new)
    server = session.server
    answers = {f"answer {number}": answer.raw for number, answer in enumerate(session.refusals)}
    assert where(session.canaries, [*files_below(server.data_dir), server.log], answers) == {}
    assert server.stop() == 0
    audit = {"audit": b"\n".join(json.dumps(record).encode() for record in read_journal(server.data_dir))}
    assert where(session.canaries, [*files_below(server.data_dir), server.log], audit) == {}
    assert "Traceback" not in server.log.read_text()


def test_every_operation_with_secrets_is_looked_at(session: Session) -> None:
    """An operation of the service model with a sensitive member, once it is served, must be in the test above."""
    succeed_with_everything(session, session.canaries.new)
    succeed_with_other_kinds(session, session.canaries.new)
    model = ServiceModel.load("kms")
    sensitive = {name for name in OPERATIONS if model.operations[name].sensitive}
    assert sensitive <= session.operations, "add them to `succeed_with_other_kinds`"


def test_the_search_finds_what_is_there(canaries: Canaries, tmp_path: Path) -> None:
    """A secret is found in each of its forms, at the beginning, in the middle and at the end of something longer."""
    secret = canaries.new("secret")
    for number, form in enumerate(forms(secret)):
        path = tmp_path / str(number)
        for data in (form + bytes(2), b"ab" + form + b"c", b"a" + form):
            path.write_bytes(data)
            assert where(canaries, [path], {}) == {path.name: ["secret"]}
    for before in range(4):
        data = base64.b64encode(bytes(before) + secret + b"after")
        assert where(canaries, [], {"long": data}) == {"long": ["secret"]}
    assert where(canaries, [], {"other": secret[:-1] + bytes((secret[-1] ^ 1,))}) == {}


def test_grant_tokens_are_not_in_the_audit(session: Session) -> None:
    """Grant tokens are in no file and no log: those that are good, and those of requests that are refused for them."""
    forged = [session.canaries.new_text(f"token {number}") for number in range(11)]
    grantee = "arn:aws:iam::444455556666:root"
    grant = {"KeyId": session.key_id, "GranteePrincipal": grantee, "Operations": ["Encrypt"]}
    good = session.succeed("CreateGrant", grant)["GrantToken"]
    session.canaries.watch("a good token", good.encode())
    wanted = {"KeyId": session.key_id, "Plaintext": "eA=="}
    session.succeed("Encrypt", {**wanted, "GrantTokens": [good]})
    session.refuse("Encrypt", {**wanted, "GrantTokens": forged[:1]})
    session.refuse("Encrypt", {**wanted, "GrantTokens": forged})
    assert where(session.canaries, [*files_below(session.server.data_dir), session.server.log], {}) == {}


def test_what_could_not_be_recorded_is_not_given(session: Session) -> None:
    """While the recorder does not answer, Decrypt fails and gives no plaintext; afterwards it gives it."""
    plaintext = session.canaries.new("not given")
    blob = session.succeed("Encrypt", {"KeyId": session.key_id, "Plaintext": text_of(plaintext)})["CiphertextBlob"]
    data = call(session.server, "Decrypt", {"CiphertextBlob": blob})
    recorder = Processes(session.server).of("recorder")
    os.kill(recorder, signal.SIGSTOP)
    try:
        answer = once(session.server, data)
    finally:
        os.kill(recorder, signal.SIGCONT)
    assert (answer.status, answer.code) == (500, "KMSInternalException")
    assert session.canaries.found_in(answer.raw) == []
    session.succeed("Decrypt", {"CiphertextBlob": blob}, giving=plaintext)
    assert where(session.canaries, [*files_below(session.server.data_dir), session.server.log], {}) == {}


# -- the end of a key


def wrapped_material(data_dir: Path, key_id: str) -> bytes:
    """The wrapped key material of a key, as its row has it."""
    with closing(sqlite3.connect(data_dir / "database.sqlite")) as database:
        ((body,),) = database.execute("SELECT body FROM key_materials WHERE key_id = ?", (key_id,)).fetchall()
    return base64.b64decode(json.loads(body)["wrapped"])


def test_the_material_of_a_key_that_ended_is_nowhere(session: Session) -> None:
    """After the pending window the wrapped key material is in no file any more, and that of other keys still is."""
    data_dir = session.server.data_dir
    session.canaries.watch("ended", wrapped_material(data_dir, session.ending))
    assert where(session.canaries, files_below(data_dir), {}), "the search would not have found it before"
    living = wrapped_material(data_dir, session.key_id)
    session.server.move_clock(WINDOW_SECONDS * 5)
    session.refuse("DescribeKey", {"KeyId": session.ending})
    # The keeper may have been faster than the call that moved the clock, and still be at it.
    until(lambda: where(session.canaries, files_below(data_dir), {}) == {}, "the material is gone")
    assert session.server.stop() == 0
    assert where(session.canaries, [*files_below(data_dir), session.server.log], {}) == {}
    assert any(base64.b64encode(living) in path.read_bytes() for path in files_below(data_dir))


def test_the_material_goes_even_if_somebody_was_in_the_way(session: Session) -> None:
    """Files that could not be cleaned when a key ended, because somebody was reading, are cleaned when he is done."""
    data_dir = session.server.data_dir
    session.canaries.watch("ended", wrapped_material(data_dir, session.ending))
    with closing(sqlite3.connect(data_dir / "database.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM kms_keys").fetchall()
        session.server.move_clock(WINDOW_SECONDS * 5)
        session.refuse("DescribeKey", {"KeyId": session.ending})
        Processes(session.server).kill("keeper")
    until(lambda: where(session.canaries, files_below(data_dir), {}) == {}, "the material is gone", seconds=4)
