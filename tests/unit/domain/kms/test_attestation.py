"""What a verified document becomes: condition keys, and what the audit may show of it."""

import base64

from harness.attestation import IMAGE, MODULE_ID, PCRS
from selfkms.domain.kms.attestation import Attestation, AttestedBy

OF_ENCLAVE = Attestation(attested_by=AttestedBy.ENCLAVE, module_id=MODULE_ID, pcrs=PCRS, public_key=b"key")
TPM_PCRS = {number: bytes((number,)) * 48 for number in (0, 4, 7, 8, 9, 16, 23)}
OF_TPM = Attestation(attested_by=AttestedBy.TPM, module_id="i-1-tpm0", pcrs=TPM_PCRS, public_key=b"key")


def test_the_condition_keys_of_an_enclave() -> None:
    """Each register, and the image by a name of its own, in lower-case hex."""
    expected = {f"kms:RecipientAttestation:PCR{number}": value.hex() for number, value in PCRS.items()}
    assert OF_ENCLAVE.condition_keys() == expected | {"kms:RecipientAttestation:ImageSha384": IMAGE}


def test_the_condition_keys_of_a_tpm() -> None:
    """By other names: what holds for an enclave must not be met by an instance."""
    expected = {f"kms:RecipientAttestation:NitroTPMPCR{number}": value.hex() for number, value in TPM_PCRS.items()}
    assert OF_TPM.condition_keys() == expected


def test_an_enclave_without_its_image() -> None:
    """A register that is not there has no condition key."""
    bare = Attestation(attested_by=AttestedBy.ENCLAVE, module_id="m", pcrs={1: b"\x01" * 48}, public_key=b"key")
    assert bare.condition_keys() == {"kms:RecipientAttestation:PCR1": "01" * 48}
    assert bare.audited() == {
        "attestationDocumentModuleId": "m",
        "attestationDocumentEnclavePCR1": base64.b64encode(b"\x01" * 48).decode(),
    }


def test_what_the_audit_shows() -> None:
    """The registers that CloudTrail names, in base64, and never the key."""
    assert OF_ENCLAVE.audited() == {
        "attestationDocumentModuleId": MODULE_ID,
        "attestationDocumentEnclaveImageDigest": base64.b64encode(PCRS[0]).decode(),
        **{f"attestationDocumentEnclavePCR{n}": base64.b64encode(PCRS[n]).decode() for n in (1, 2, 3, 4, 8)},
    }
    assert OF_TPM.audited() == {
        "attestationDocumentModuleId": "i-1-tpm0",
        **{f"attestationDocumentNitroTPMPCR{n}": base64.b64encode(TPM_PCRS[n]).decode() for n in (4, 7, 8, 9, 16, 23)},
    }
