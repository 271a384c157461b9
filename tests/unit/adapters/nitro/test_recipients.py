"""Documents verified: good ones, old ones, and everything that was changed on the way."""

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.attestation import MODULE_ID, NOW, PCRS, TEST_ROOT, Enclave, Hypervisor, Issued, cbor
from harness.world import CountedEntropy
from selfkms.adapters.nitro.recipients import NitroRecipients
from selfkms.adapters.nitro.roots import trusted_roots
from selfkms.domain.errors import ValidationException
from selfkms.domain.secrets import Secret

RECIPIENTS = NitroRecipients(roots=frozenset({TEST_ROOT.certificate_der}), skew_seconds=300, entropy=CountedEntropy())
HYPERVISOR = Hypervisor()
ENCLAVE = Enclave()
DOCUMENT = HYPERVISOR.document(ENCLAVE)


def refusal(document: bytes, *, now: float = NOW) -> str:
    with pytest.raises(ValidationException) as refused:
        RECIPIENTS.attest(document, now=now)
    text = str(refused.value)
    begin = "The attestation document is not valid: "
    assert text.startswith(begin)
    return text.removeprefix(begin)


def test_a_good_document() -> None:
    """Says what it says, and what is encrypted for it opens with the private key of its sender."""
    attestation = RECIPIENTS.attest(DOCUMENT, now=NOW)
    assert (attestation.module_id, attestation.pcrs) == (MODULE_ID, PCRS)
    first, second = (RECIPIENTS.encrypt(attestation, Secret(b"the secret")) for _ in range(2))
    assert ENCLAVE.open(first) == ENCLAVE.open(second) == b"the secret"
    assert first != second


def test_documents_are_young() -> None:
    """Five minutes each way, by the service's clock; a setting says how many."""
    for at in (NOW - 300, NOW + 300):
        RECIPIENTS.attest(HYPERVISOR.document(ENCLAVE, at=at), now=NOW)
    for at in (NOW - 300.01, NOW + 300.01, NOW - 3_000, 1.0, 2e10):
        assert refusal(HYPERVISOR.document(ENCLAVE, at=at)) == "it was not made just now."
    patient = NitroRecipients(roots=frozenset({TEST_ROOT.certificate_der}), skew_seconds=900, entropy=CountedEntropy())
    patient.attest(HYPERVISOR.document(ENCLAVE, at=NOW - 899), now=NOW)


def test_aws_root_does_not_vouch_for_us() -> None:
    """Nor another root of the same name for a document of ours."""
    text = "its certificates do not begin with a trusted root."
    assert refusal(Hypervisor(Issued.root()).document(ENCLAVE)) == text
    real = NitroRecipients(roots=trusted_roots(None), skew_seconds=300, entropy=CountedEntropy())
    with pytest.raises(ValidationException, match="trusted root"):
        real.attest(DOCUMENT, now=NOW)


@pytest.mark.parametrize("validity", [{"not_after": NOW - 1}, {"not_before": NOW + 1}])
def test_certificates_that_are_not_valid_now(validity: dict[str, Any]) -> None:
    """Expired, and not yet valid."""
    document = Hypervisor(**validity).document(ENCLAVE)
    assert refusal(document) == "one of its certificates is not valid at this time."


@pytest.mark.parametrize("bits", [1_024, 2_056])
def test_public_keys_of_other_lengths(bits: int) -> None:
    """Too short, and one that nobody makes."""
    text = "its public_key is not an RSA key of 2048, 3072 or 4096 bits."
    assert refusal(HYPERVISOR.document(Enclave(bits))) == text


def test_a_public_key_that_nothing_can_be_encrypted_for() -> None:
    """Signed by the hypervisor as any other, it is refused with the document and no failure of ours later."""
    useless = RSAPublicNumbers(65_537, 2**2_048 - 2).public_key()
    spki = useless.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = "its public_key is an RSA key that nothing can be encrypted for."
    assert refusal(HYPERVISOR.document(ENCLAVE, public_key=spki)) == text


def test_who_signed_must_be_who_is_certified() -> None:
    """Another's signature, another payload under the same signature, and a signature that is not there."""
    text = "its signature does not verify."
    other = Hypervisor()
    payload = cbor(HYPERVISOR.members(ENCLAVE))
    assert refusal(other.signed(payload)) == text
    altered = {**PCRS, 0: bytes(48)}
    signature = DOCUMENT[-96:]
    unsigned = cbor([bytes.fromhex("a1013822"), {}, cbor(HYPERVISOR.members(ENCLAVE, pcrs=altered)), signature])
    assert refusal(unsigned) == text
    assert refusal(DOCUMENT[:-96] + bytes(96)) == text
    for length in (0, 48, 95, 97):
        assert refusal(cbor([bytes.fromhex("a1013822"), {}, payload, bytes(length)])) == text


def test_another_enclaves_key_cannot_be_put_in() -> None:
    """The point of it all: what the document's public key is has been signed, too."""
    thief = Enclave()
    assert refusal(DOCUMENT.replace(ENCLAVE.public_key, thief.public_key)) == "its signature does not verify."


# A serial number that turns negative is warned of by the library, before the signature is found wrong.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.integers(0, len(DOCUMENT) * 8 - 1))
@settings(max_examples=300, deadline=1_000)
def test_any_flipped_bit_is_seen(bit: int) -> None:
    """Wherever it is, in about the time that a good document takes."""
    changed = bytearray(DOCUMENT)
    changed[bit // 8] ^= 1 << bit % 8
    refusal(bytes(changed))


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.integers(0, len(DOCUMENT) - 1), st.binary(max_size=9))
@settings(max_examples=100, deadline=1_000)
def test_anything_cut_off_or_put_in_is_seen(at: int, more: bytes) -> None:
    """At any place."""
    refusal(DOCUMENT[:at])
    refusal(DOCUMENT[:at] + more)
    if more:
        refusal(DOCUMENT + more)
        refusal(DOCUMENT[:at] + more + DOCUMENT[at + 1 :] + b"\x00")


@pytest.mark.parametrize("head", [b"\x81", b"\x9f", b"\xbf\x00", b"\xa1", b"\x5b\xff", b"\xd2", b"\xff"])
def test_long_nonsense_takes_no_time(head: bytes) -> None:
    """As long as the model lets through."""
    began = time.perf_counter()
    refusal((head * 262_144)[:262_144])
    assert time.perf_counter() - began < 0.5
