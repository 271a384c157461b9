"""Attested callers through the gate: answered for their private key alone, and only if key policies let them.

Source: KMS developer guide, "Cryptographic attestation support in AWS KMS", "Condition keys for Nitro Enclaves".
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from harness.attestation import IMAGE, LEFT_OUT, MODULE_ID, PCRS, Enclave, Hypervisor, Issued
from harness.canaries import forms
from harness.policies import Statement, allow, deny, only, set_key_policy
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.secrets import Secret
from selfkms.services.kms.recipients import RecipientInfo, deliver

HYPERVISOR: Final = Hypervisor()
ENCLAVE: Final = Enclave()
DOCUMENT: Final = HYPERVISOR.document(ENCLAVE)

ROOT_USER: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
ADMIN: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
PREFIX: Final = "kms:RecipientAttestation:"

OPERATIONS: Final = ("Decrypt", "GenerateDataKey", "GenerateDataKeyPair", "DeriveSharedSecret")
PLAINTEXT_OF: Final = {
    "Decrypt": "Plaintext",
    "GenerateDataKey": "Plaintext",
    "GenerateDataKeyPair": "PrivateKeyPlaintext",
    "DeriveSharedSecret": "SharedSecret",
    "GenerateRandom": "Plaintext",
}


@pytest.fixture
def world() -> World:
    return World()


class Keys:
    """A key of each kind that is needed, and a request for each operation."""

    def __init__(self, world: World) -> None:
        self.symmetric: str = world.make_key()["KeyId"]
        self.agreement: str = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyId"]
        plaintext = base64.b64encode(b"what only the enclave may see").decode()
        blob = world.call("Encrypt", {"KeyId": self.symmetric, "Plaintext": plaintext})["CiphertextBlob"]
        other = ec.generate_private_key(ec.SECP256R1()).public_key()
        other_side = base64.b64encode(other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
        self.parameters: dict[str, dict[str, Any]] = {
            "Decrypt": {"CiphertextBlob": blob},
            "GenerateDataKey": {"KeyId": self.symmetric, "KeySpec": "AES_256"},
            "GenerateDataKeyPair": {"KeyId": self.symmetric, "KeyPairSpec": "ECC_NIST_P256"},
            "DeriveSharedSecret": {
                "KeyId": self.agreement,
                "KeyAgreementAlgorithm": "ECDH",
                "PublicKey": other_side,
            },
            "GenerateRandom": {"NumberOfBytes": 32},
        }

    def key_of(self, operation: str) -> str:
        return self.agreement if operation == "DeriveSharedSecret" else self.symmetric

    def attested(self, operation: str, document: bytes = DOCUMENT, **more: Any) -> dict[str, Any]:
        return {**self.parameters[operation], **ENCLAVE.recipient(document), **more}


@pytest.fixture
def keys(world: World) -> Keys:
    return Keys(world)


def only_with(condition: Mapping[str, Mapping[str, Any]]) -> Statement:
    return allow("kms:*", principal=ADMIN, condition=condition)


def opened(answer: Mapping[str, Any], enclave: Enclave = ENCLAVE) -> bytes:
    return enclave.open(answer["CiphertextForRecipient"])


@pytest.mark.parametrize("operation", [*OPERATIONS, "GenerateRandom"])
def test_only_the_enclave_can_read_the_answer(world: World, keys: Keys, operation: str) -> None:
    """CiphertextForRecipient instead of the plaintext, all else as ever, and the secret nowhere in answer or record."""
    attested = world.call(operation, keys.attested(operation))
    outcome = world.last
    plain = world.call(operation, keys.parameters[operation])
    hidden = PLAINTEXT_OF[operation]
    assert attested.keys() - {"CiphertextForRecipient"} == plain.keys() - {hidden}
    secret = opened(attested)
    if operation in {"Decrypt", "DeriveSharedSecret"}:
        assert secret == base64.b64decode(plain[hidden])
    assert len(secret) >= 29
    assert outcome is not None
    assert outcome.record is not None
    for form in forms(secret):
        assert form not in outcome.response.body
        assert form not in outcome.record.body


def test_what_is_inside(world: World, keys: Keys) -> None:
    """The data key of the blob, and the private key of the public one."""
    answer = world.call("GenerateDataKey", keys.attested("GenerateDataKey"))
    again = world.call("Decrypt", {"CiphertextBlob": answer["CiphertextBlob"]})["Plaintext"]
    assert opened(answer) == base64.b64decode(again)
    pair = world.call("GenerateDataKeyPair", keys.attested("GenerateDataKeyPair"))
    private_key = load_der_private_key(opened(pair), None)
    public_key = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key == base64.b64decode(pair["PublicKey"])
    assert len(opened(world.call("GenerateRandom", keys.attested("GenerateRandom", NumberOfBytes=1_024)))) == 1_024


def test_as_much_as_a_blob_holds(world: World, keys: Keys) -> None:
    """4,096 bytes come back within what the model gives a ciphertext."""
    plaintext = base64.b64encode(bytes(4_096)).decode()
    blob = world.call("Encrypt", {"KeyId": keys.symmetric, "Plaintext": plaintext})["CiphertextBlob"]
    answer = world.call("Decrypt", keys.attested("Decrypt", CiphertextBlob=blob))
    assert opened(answer) == bytes(4_096)
    assert len(base64.b64decode(answer["CiphertextForRecipient"])) <= 6_144


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ["ImageSha384", "PCR0", "PCR3", "PCR8"])
def test_a_key_policy_may_ask_for_an_image(world: World, keys: Keys, operation: str, name: str) -> None:
    """This enclave may, another may not, nor who comes without a document; and what the policy says next counts."""
    key_id, register = keys.key_of(operation), PCRS[0 if name == "ImageSha384" else int(name[3:])].hex()
    set_key_policy(world, key_id, only_with({"StringEquals": {PREFIX + name: register}}))
    assert "CiphertextForRecipient" in world.call(operation, keys.attested(operation))
    assert world.refusal(operation, keys.parameters[operation])[0] == "AccessDeniedException"
    other = HYPERVISOR.document(ENCLAVE, pcrs={**PCRS, **{number: bytes(48) for number in PCRS}})
    assert world.refusal(operation, keys.attested(operation, other))[0] == "AccessDeniedException"
    set_key_policy(world, key_id, only_with({"StringEquals": {PREFIX + name: "00" * 48}}))
    assert "CiphertextForRecipient" in world.call(operation, keys.attested(operation, other))
    assert world.refusal(operation, keys.attested(operation))[0] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("condition", "permitted"),
    [
        ({"StringEqualsIgnoreCase": {PREFIX + "ImageSha384": IMAGE.upper()}}, {"attested"}),
        ({"StringEquals": {PREFIX + "ImageSha384": IMAGE.upper()}}, set()),
        ({"StringEquals": {PREFIX + "imagesha384": IMAGE}}, {"attested"}),
        ({"Null": {PREFIX + "ImageSha384": "false"}}, {"attested"}),
        ({"Null": {PREFIX + "ImageSha384": "true"}}, {"plain"}),
        ({"Null": {PREFIX + "PCR7": "true"}}, {"attested", "plain"}),
        ({"Null": {PREFIX + "NitroTPMPCR4": "true"}}, {"attested", "plain"}),
    ],
)
def test_how_conditions_see_documents(
    world: World, keys: Keys, condition: Mapping[str, Mapping[str, Any]], permitted: set[str]
) -> None:
    """Lower-case hex; without a document there are no such keys, and no register but those in it."""
    set_key_policy(world, keys.symmetric, only_with(condition))
    for name, parameters in (("attested", keys.attested("Decrypt")), ("plain", keys.parameters["Decrypt"])):
        if name in permitted:
            world.call("Decrypt", parameters)
        else:
            assert world.refusal("Decrypt", parameters)[0] == "AccessDeniedException"


def test_random_bytes_by_an_iam_policy(world: World, keys: Keys) -> None:
    """GenerateRandom has no key policy; an IAM policy may ask the same."""
    only(world, allow("kms:GenerateRandom", condition={"StringEquals": {PREFIX + "ImageSha384": IMAGE}}))
    assert len(opened(world.call("GenerateRandom", keys.attested("GenerateRandom")))) == 32
    assert world.refusal("GenerateRandom", keys.parameters["GenerateRandom"])[0] == "AccessDeniedException"


def test_a_deny_for_those_who_are_not_attested(world: World, keys: Keys) -> None:
    """As AWS's pages recommend it, beside an Allow for everybody."""
    set_key_policy(
        world,
        keys.symmetric,
        allow("kms:*", principal=ROOT_USER),
        deny("kms:Decrypt", principal="*", condition={"StringNotEquals": {PREFIX + "ImageSha384": IMAGE}}),
    )
    world.call("Decrypt", keys.attested("Decrypt"))
    assert world.refusal("Decrypt", keys.parameters["Decrypt"])[0] == "AccessDeniedException"


def test_an_instance_is_no_enclave(world: World, keys: Keys) -> None:
    """A NitroTPM document has its own condition keys, even with the same registers."""
    document = HYPERVISOR.document(ENCLAVE, pcrs=LEFT_OUT, nitrotpm_pcrs={4: PCRS[0], 0: PCRS[0]}, module_id="i-1-tpm0")
    set_key_policy(world, keys.symmetric, only_with({"StringEquals": {PREFIX + "ImageSha384": IMAGE}}))
    assert world.refusal("Decrypt", keys.attested("Decrypt", document))[0] == "AccessDeniedException"
    set_key_policy(world, keys.symmetric, only_with({"StringEquals": {PREFIX + "NitroTPMPCR4": IMAGE}}))
    assert opened(world.call("Decrypt", keys.attested("Decrypt", document))) == b"what only the enclave may see"
    assert world.record()["additionalEventData"]["recipient"] == {
        "attestationDocumentModuleId": "i-1-tpm0",
        "attestationDocumentNitroTPMPCR4": base64.b64encode(PCRS[0]).decode(),
    }
    assert world.refusal("Decrypt", keys.attested("Decrypt"))[0] == "AccessDeniedException"


@pytest.mark.parametrize("operation", [*OPERATIONS, "GenerateRandom"])
def test_invalid_documents(world: World, keys: Keys, operation: str) -> None:
    """Refused for what they are, whatever policies say, and nothing is answered in the clear."""
    text = "The attestation document is not valid: "
    wrong_root = Hypervisor(Issued.root()).document(ENCLAVE)
    assert world.refusal(operation, keys.attested(operation, wrong_root)) == (
        "ValidationException",
        text + "its certificates do not begin with a trusted root.",
    )
    old = HYPERVISOR.document(ENCLAVE, at=world.clock.now() - 301)
    expected = ("ValidationException", text + "it was not made just now.")
    assert world.refusal(operation, keys.attested(operation, old)) == expected
    world.clock.seconds += 301
    assert world.refusal(operation, keys.attested(operation)) == expected
    assert "additionalEventData" not in world.record()


def test_a_document_is_looked_at_before_permissions(world: World, keys: Keys) -> None:
    """What it says is part of the question; who may not call at all learns that after."""
    parameters = keys.attested("GenerateDataKey", KeyId=f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/{keys.symmetric}")
    assert world.refusal("GenerateDataKey", parameters, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
    broken = {**parameters, **ENCLAVE.recipient(DOCUMENT[:-1])}
    assert world.refusal("GenerateDataKey", broken, by=BOB_ACCOUNT)[0] == "ValidationException"


@pytest.mark.parametrize("operation", [*OPERATIONS, "GenerateRandom"])
@pytest.mark.parametrize(
    "recipient",
    [
        {},
        {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
        {"AttestationDocument": base64.b64encode(DOCUMENT).decode()},
    ],
)
def test_half_a_recipient(world: World, keys: Keys, operation: str, recipient: dict[str, str]) -> None:
    """The model calls both members optional; an answer in the clear would be for the wrong side."""
    expected = ("ValidationException", "Recipient needs both KeyEncryptionAlgorithm and AttestationDocument.")
    assert world.refusal(operation, {**keys.parameters[operation], "Recipient": recipient}) == expected


def test_what_the_model_refuses(world: World, keys: Keys) -> None:
    """Another algorithm, an empty document, and one that is too long."""
    recipient = keys.attested("GenerateRandom")["Recipient"]
    for changed in (
        {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1"},
        {"AttestationDocument": ""},
        {"AttestationDocument": base64.b64encode(bytes(262_145)).decode()},
    ):
        code, text = world.refusal("GenerateRandom", {"NumberOfBytes": 1, "Recipient": {**recipient, **changed}})
        assert (code, text is not None and "1 validation error detected" in text) == ("ValidationException", True)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_dry_runs(world: World, keys: Keys, operation: str) -> None:
    """An attested caller may try; what is wrong with its document is told."""
    assert world.refusal(operation, keys.attested(operation, DryRun=True))[0] == "DryRunOperationException"
    assert world.refusal(operation, keys.attested(operation, DOCUMENT[:-1], DryRun=True))[0] == "ValidationException"


@pytest.mark.parametrize("operation", [*OPERATIONS, "GenerateRandom"])
def test_off_the_event_loop(world: World, operation: str) -> None:
    """Five signatures are verified, which takes milliseconds. However the name is written in JSON."""
    assert world.gate.off_loop(world.request(operation, {"Recipient": {"AttestationDocument": "AAAA"}}))
    escaped = msgspec.structs.replace(world.request(operation), body=b'{"\\u0052ecipient": {}}')
    assert world.gate.off_loop(escaped)


@pytest.mark.parametrize("operation", [*OPERATIONS, "GenerateRandom"])
def test_the_record(world: World, keys: Keys, operation: str) -> None:
    """Which enclave it was, in CloudTrail's words, beside what is noted anyway; of the document itself nothing."""
    world.call(operation, keys.attested(operation))
    record = world.record()
    assert record["additionalEventData"]["recipient"] == {
        "attestationDocumentModuleId": MODULE_ID,
        "attestationDocumentEnclaveImageDigest": base64.b64encode(PCRS[0]).decode(),
        **{f"attestationDocumentEnclavePCR{n}": base64.b64encode(PCRS[n]).decode() for n in (1, 2, 3, 4, 8)},
    }
    assert "recipient" not in (record["requestParameters"] or {})
    assert ("keyMaterialId" in record["additionalEventData"]) is (
        operation not in {"GenerateRandom", "DeriveSharedSecret"}
    )
    assert world.last is not None
    assert world.last.record is not None
    assert base64.b64encode(ENCLAVE.public_key)[40:80] not in world.last.record.body
    world.call(operation, keys.parameters[operation])
    assert "recipient" not in (world.record().get("additionalEventData") or {})


def test_nothing_is_delivered_to_who_was_not_verified() -> None:
    """Not in the clear either: it is an error of ours."""
    unverified = RecipientInfo(key_encryption_algorithm="RSAES_OAEP_SHA_256", attestation_document=DOCUMENT)
    with pytest.raises(AssertionError):
        deliver(Secret(b"x"), unverified, None)  # type: ignore[arg-type]
