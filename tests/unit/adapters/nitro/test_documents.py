"""Documents taken apart: what is taken, and each thing that is not.

Source: aws/aws-nitro-enclaves-nsm-api, `docs/attestation_process.md`, 3.2.
"""

from typing import Any

import pytest

from harness.attestation import LEFT_OUT, MODULE_ID, NOW, PCRS, Enclave, Hypervisor, cbor, indefinite_map
from selfkms.adapters.nitro import documents
from selfkms.adapters.nitro.documents import Document, MalformedError, read
from selfkms.domain.kms.attestation import AttestedBy

HYPERVISOR = Hypervisor()
ENCLAVE = Enclave()


def refusal(document: bytes) -> str:
    with pytest.raises(MalformedError) as refused:
        read(document)
    return str(refused.value)


def changed(**members: Any) -> bytes:
    return HYPERVISOR.document(ENCLAVE, **members)


def good() -> Document:
    return read(changed())


def test_what_a_document_says() -> None:
    """Its members, its chain, and what the signature is of."""
    found = good()
    assert found.attestation.attested_by is AttestedBy.ENCLAVE
    assert (found.attestation.module_id, found.attestation.pcrs) == (MODULE_ID, PCRS)
    assert found.attestation.public_key == ENCLAVE.public_key
    assert (found.timestamp, list(found.chain)) == (NOW, HYPERVISOR.chain)
    payload = cbor(HYPERVISOR.members(ENCLAVE))
    assert found.signed == cbor(["Signature1", bytes.fromhex("a1013822"), b"", payload])
    assert len(found.signature) == 96


def test_the_ways_to_write_one() -> None:
    """With the tag of COSE_Sign1; with a map of indefinite length; optional members null, empty or left out."""
    assert read(changed(tagged=True)).attestation == good().attestation
    payload = indefinite_map(HYPERVISOR.members(ENCLAVE))
    assert read(HYPERVISOR.signed(payload)).attestation == good().attestation
    for value in (None, b"", b"x" * 1_024, LEFT_OUT):
        assert read(changed(user_data=value, nonce=value)).attestation == good().attestation
    for pcrs in ({31: bytes(32)}, {0: bytes(64)}, dict.fromkeys(range(32), bytes(48))):
        assert read(changed(pcrs=pcrs)).attestation.pcrs == pcrs


def test_one_of_a_tpm() -> None:
    """The same, with its registers under another name; both names at once are none."""
    found = read(changed(pcrs=LEFT_OUT, nitrotpm_pcrs=PCRS)).attestation
    assert (found.attested_by, found.pcrs) == (AttestedBy.TPM, PCRS)
    assert refusal(changed(nitrotpm_pcrs=PCRS)) == "a member is missing, or is none of AWS's"
    assert refusal(changed(pcrs=LEFT_OUT)) == "a member is missing, or is none of AWS's"


@pytest.mark.parametrize("name", ["module_id", "digest", "timestamp", "certificate", "cabundle", "pcrs"])
def test_required_members(name: str) -> None:
    """Left out, null, or of another type."""
    assert refusal(changed(**{name: LEFT_OUT})) == "a member is missing, or is none of AWS's"
    fitting = {"module_id": "text", "certificate": b"bytes"}.get(name)
    values: tuple[Any, ...] = (None, [], {}, "text", b"bytes", 0)
    for value in values:
        if value is None or value != fitting:
            assert refusal(changed(**{name: value}))


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"public_key": None}, "it has no public_key"),
        ({"public_key": LEFT_OUT}, "it has no public_key"),
        ({"public_key": b""}, "it has no public_key"),
        ({"public_key": b"x" * 1_025}, "public_key is not at most 1024 bytes"),
        ({"public_key": "text"}, "public_key is not at most 1024 bytes"),
        ({"user_data": b"x" * 1_025}, "user_data is not at most 1024 bytes"),
        ({"nonce": 1}, "nonce is not at most 1024 bytes"),
        ({"more": None}, "a member is missing, or is none of AWS's"),
        ({"module_id": ""}, "module_id is no text of a usual length"),
        ({"module_id": "x" * 257}, "module_id is no text of a usual length"),
        ({"digest": "SHA256"}, "digest is not SHA384"),
        ({"digest": "sha384"}, "digest is not SHA384"),
        ({"timestamp": 0}, "timestamp is no time"),
        ({"timestamp": "1"}, "timestamp is no time"),
        ({"pcrs": {}}, "its PCRs are not 1 to 32 registers"),
        ({"pcrs": {32: bytes(48)}}, "its PCRs are not 1 to 32 registers"),
        ({"pcrs": {"0": bytes(48)}}, "its PCRs are not 1 to 32 registers"),
        ({"pcrs": {0: bytes(47)}}, "its PCRs are not 1 to 32 registers"),
        ({"pcrs": {0: "0" * 48}}, "its PCRs are not 1 to 32 registers"),
        ({"pcrs": dict.fromkeys(range(33), bytes(48))}, "its PCRs are not 1 to 32 registers"),
        ({"cabundle": []}, "cabundle is no list of certificates"),
        ({"cabundle": [b"x"] * 9}, "cabundle is no list of certificates"),
        ({"cabundle": [b""]}, "a certificate is not 1 to 1024 bytes"),
        ({"cabundle": [b"x" * 1_025]}, "a certificate is not 1 to 1024 bytes"),
        ({"cabundle": ["x"]}, "a certificate is not 1 to 1024 bytes"),
        ({"certificate": b"x" * 1_025}, "a certificate is not 1 to 1024 bytes"),
    ],
)
def test_what_members_may_hold(members: dict[str, Any], told: str) -> None:
    """Lengths, numbers and kinds, by AWS's page."""
    assert refusal(changed(**members)) == told


@pytest.mark.parametrize(
    "members",
    [{"timestamp": -1}, {"timestamp": 2**64 - 1}],
)
def test_times_at_the_ends(members: dict[str, Any]) -> None:
    """A negative one cannot be read; one in half a billion years is a number like any other."""
    if members["timestamp"] < 0:
        assert refusal(changed(**members)).startswith("it cannot be read")
    else:
        assert read(changed(**members)).timestamp > 1e15


def envelope(**parts: Any) -> bytes:
    whole = {"protected": bytes.fromhex("a1013822"), "unprotected": {}, "payload": cbor({}), "signature": bytes(96)}
    return cbor(list((whole | parts).values()))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (envelope(protected=bytes.fromhex("a1013823")), "it is not signed with ES384"),  # ES512
        (envelope(protected=bytes.fromhex("a10126")), "it is not signed with ES384"),  # ES256
        (envelope(protected=bytes.fromhex("a201382204")), "it is not signed with ES384"),
        (envelope(protected=b""), "it is not signed with ES384"),
        (envelope(unprotected={1: 2}), "it is not signed with ES384"),
        (envelope(unprotected=[]), "it is no COSE_Sign1"),
        (envelope(payload=None), "it is no COSE_Sign1"),
        (envelope(signature=[]), "it is no COSE_Sign1"),
        (envelope(payload=bytes(16_385)), "its payload is too long"),
        (envelope(payload=cbor([])), "its payload is no map"),
        (envelope(payload=cbor({}) + b"\x00"), "it cannot be read: trailing bytes"),
        (envelope(more=b""), "it is no COSE_Sign1"),
        (envelope()[:-1], "it cannot be read: cut off"),
        (envelope() + b"\x00", "it cannot be read: trailing bytes"),
        (b"\xd2\xd2" + envelope(), "it cannot be read: a data item of a kind that is not read here"),
        (b"\xd1" + envelope(), "it cannot be read: a data item of a kind that is not read here"),
        (b"\xd2", "it cannot be read: cut off"),
        (b"", "it cannot be read: cut off"),
        (cbor({}), "it is no COSE_Sign1"),
    ],
)
def test_what_is_around_it(document: bytes, told: str) -> None:
    """COSE_Sign1 with ES384 and nothing else."""
    assert refusal(document) == told


def test_a_long_payload_is_signed_as_a_whole() -> None:
    """What is signed has the length of the payload in front, in each of its forms."""
    for length in (0, 23, 24, 255, 256, 16_384):
        payload = bytes(length)
        assert documents._signed(payload) == cbor(["Signature1", bytes.fromhex("a1013822"), b"", payload])
