"""boto3 as within an enclave: Decrypt and GenerateDataKey with `Recipient`, opened by `openssl` and as the SDK does."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.attestation import IMAGE, MODULE_ID, PCRS, Enclave, Hypervisor, Issued
from harness.calls import fields, make_key, refusal
from harness.server import ALICE_ACCOUNT, Server, running

SECRET = b"what only the enclave may see"
INVALID = "The attestation document is not valid: "


class Nitro:
    """A root that the server trusts, a hypervisor under it, and an enclave."""

    def __init__(self) -> None:
        now = time.time()
        self.root = Issued.root(not_before=now - 60, not_after=now + 86_400)
        validity: dict[str, Any] = {"not_before": now - 60, "not_after": now + 3_600}
        self.hypervisor = Hypervisor(self.root, of_0=validity, of_1=validity, **validity)
        self.enclave = Enclave()

    def recipient(self, **changed: Any) -> dict[str, Any]:
        document = self.hypervisor.document(self.enclave, **{"at": time.time(), **changed})
        return {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document}


@pytest.fixture(scope="module")
def nitro() -> Nitro:
    return Nitro()


@pytest.fixture(scope="module")
def trusting(nitro: Nitro, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that trusts this root."""
    folder = tmp_path_factory.mktemp("attested")
    (folder / "root.pem").write_bytes(nitro.root.pem)
    options = ("--workers", "1", "--set", f"attestation.root_file={folder / 'root.pem'}")
    with running(folder / "data", *options) as server:
        yield server


@pytest.fixture(scope="module")
def kms(trusting: Server) -> Iterator[Any]:
    with closing(trusting.client()) as client:
        yield client


def policy_for(image: str) -> str:
    """The account manages the key; to use it takes an enclave with this image."""
    manages = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:root"}, "Action": "kms:*"}
    uses = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Condition": {"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": image}},
    }
    statements = [{**statement, "Resource": "*"} for statement in (manages, uses)]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_only_the_enclave_decrypts(kms: Any, nitro: Nitro) -> None:
    """With AWS's fields and no plaintext; another image, no document, and another policy are refused."""
    key = make_key(kms, Policy=policy_for(IMAGE))
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=SECRET)["CiphertextBlob"]
    answer = fields(kms.decrypt(CiphertextBlob=blob, Recipient=nitro.recipient()))
    assert answer == {
        "KeyId": key["Arn"],
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "CiphertextForRecipient": answer["CiphertextForRecipient"],
        "KeyMaterialId": key["CurrentKeyMaterialId"],
    }
    assert nitro.enclave.open(answer["CiphertextForRecipient"]) == SECRET
    other = nitro.recipient(pcrs={**PCRS, 0: bytes(48)})
    assert refusal(kms.decrypt, CiphertextBlob=blob)[0] == "AccessDeniedException"
    assert refusal(kms.decrypt, CiphertextBlob=blob, Recipient=other)[0] == "AccessDeniedException"
    kms.put_key_policy(KeyId=key["KeyId"], Policy=policy_for("00" * 48))
    assert refusal(kms.decrypt, CiphertextBlob=blob, Recipient=nitro.recipient())[0] == "AccessDeniedException"
    answer = kms.decrypt(CiphertextBlob=blob, Recipient=other)
    assert nitro.enclave.open(answer["CiphertextForRecipient"]) == SECRET


def test_a_data_key_for_the_enclave(kms: Any, nitro: Nitro) -> None:
    """It comes encrypted twice: for the KMS key, and for the enclave."""
    key = make_key(kms)
    answer = fields(kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256", Recipient=nitro.recipient()))
    assert answer.keys() == {"CiphertextBlob", "CiphertextForRecipient", "KeyId", "KeyMaterialId"}
    data_key = nitro.enclave.open(answer["CiphertextForRecipient"])
    assert kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"] == data_key


def test_openssl_opens_the_answer(kms: Any, nitro: Nitro, tmp_path: Path) -> None:
    """Another program, with the enclave's private key."""
    if shutil.which("openssl") is None:
        if os.environ.get("CI"):
            pytest.fail("needs the openssl command")
        pytest.skip("needs the openssl command")
    answer = kms.generate_random(NumberOfBytes=1_024, Recipient=nitro.recipient())
    (tmp_path / "in").write_bytes(answer["CiphertextForRecipient"])
    (tmp_path / "key.pem").write_bytes(nitro.enclave.pem)
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", "in", "-inkey", "key.pem", "-binary"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=30)
    assert done.stdout == nitro.enclave.open(answer["CiphertextForRecipient"])
    assert len(done.stdout) == 1_024


def test_invalid_documents(kms: Any, nitro: Nitro, alice: Any) -> None:
    """Old, altered, under another root, and under ours for a server that trusts AWS's."""
    old = nitro.recipient(at=time.time() - 400)
    assert refusal(kms.generate_random, NumberOfBytes=1, Recipient=old) == (
        "ValidationException",
        INVALID + "it was not made just now.",
    )
    good = nitro.recipient()
    document = bytearray(good["AttestationDocument"])
    document[document.index(PCRS[0])] ^= 1
    altered = {**good, "AttestationDocument": bytes(document)}
    assert refusal(kms.generate_random, NumberOfBytes=1, Recipient=altered) == (
        "ValidationException",
        INVALID + "its signature does not verify.",
    )
    untrusted = ("ValidationException", INVALID + "its certificates do not begin with a trusted root.")
    assert refusal(kms.generate_random, NumberOfBytes=1, Recipient=Nitro().recipient()) == untrusted
    assert refusal(alice.generate_random, NumberOfBytes=1, Recipient=good) == untrusted


def test_the_audit_says_which_enclave_it_was(trusting: Server, kms: Any, nitro: Nitro) -> None:
    """In the event history, as in CloudTrail."""
    key = make_key(kms)
    kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_128", Recipient=nitro.recipient())
    deadline = time.monotonic() + 10
    with closing(trusting.client(service="cloudtrail")) as cloudtrail:
        while True:
            asked = [{"AttributeKey": "ResourceName", "AttributeValue": key["Arn"]}]
            events = cloudtrail.lookup_events(LookupAttributes=asked)["Events"]
            found = [json.loads(e["CloudTrailEvent"]) for e in events if e["EventName"] == "GenerateDataKey"]
            if found or time.monotonic() > deadline:
                break
            time.sleep(0.1)
    assert found[0]["additionalEventData"]["recipient"]["attestationDocumentModuleId"] == MODULE_ID
