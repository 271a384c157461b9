"""What a signed attestation document says of the caller, once it is verified.

Source: KMS developer guide, "Condition keys for Nitro Enclaves", "Condition keys for NitroTPM", "Monitoring requests
for Nitro enclaves", "Monitoring requests for NitroTPM".
"""

import base64
from enum import StrEnum
from typing import Final

import msgspec

from selfkms.domain.policy.facts import Fact

_PREFIX: Final = "kms:RecipientAttestation:"
_IMAGE_PCR: Final = 0
"""PCR0 of an enclave is the digest of its image."""

# CloudTrail names no others.
_AUDITED_OF_ENCLAVE: Final = (1, 2, 3, 4, 8)
_AUDITED_OF_TPM: Final = (4, 7, 8, 9, 16, 23)


class AttestedBy(StrEnum):
    """Where a document comes from."""

    ENCLAVE = "AWS Nitro Enclaves"
    TPM = "AWS NitroTPM"


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """A verified document."""

    attested_by: AttestedBy
    module_id: str
    """Of the enclave, or of the instance."""
    pcrs: dict[int, bytes]
    """Platform configuration registers, by their numbers."""
    public_key: bytes
    """SubjectPublicKeyInfo in DER, of an RSA key whose private key never leaves where the document was made."""

    def condition_keys(self) -> dict[str, Fact]:
        """What policies may ask: each PCR in lower-case hex, and the digest of the image of an enclave."""
        kind = "PCR" if self.attested_by is AttestedBy.ENCLAVE else "NitroTPMPCR"
        keys: dict[str, Fact] = {f"{_PREFIX}{kind}{number}": value.hex() for number, value in self.pcrs.items()}
        if self.attested_by is AttestedBy.ENCLAVE and _IMAGE_PCR in self.pcrs:
            keys[f"{_PREFIX}ImageSha384"] = self.pcrs[_IMAGE_PCR].hex()
        return keys

    def audited(self) -> dict[str, str]:
        """CloudTrail's `additionalEventData.recipient`. There PCRs are base64; the pages do not say so, records do."""
        if self.attested_by is AttestedBy.ENCLAVE:
            names = {_IMAGE_PCR: "attestationDocumentEnclaveImageDigest"} | {
                number: f"attestationDocumentEnclavePCR{number}" for number in _AUDITED_OF_ENCLAVE
            }
        else:
            names = {number: f"attestationDocumentNitroTPMPCR{number}" for number in _AUDITED_OF_TPM}
        shown = {
            name: base64.b64encode(self.pcrs[number]).decode() for number, name in names.items() if number in self.pcrs
        }
        return {"attestationDocumentModuleId": self.module_id, **shown}
