"""An attestation document taken apart: COSE_Sign1 around a map whose members are what AWS lists, and no others.

What is read here is a stranger's until the signature is verified. Members that AWS calls optional may be null, whatever
its page says: that is how hypervisors write those that were not asked for.

Source: AWS Nitro Enclaves User Guide, "Verifying the root of trust"; aws/aws-nitro-enclaves-nsm-api,
`docs/attestation_process.md`, 2.2 and 3.2; EC2 User Guide, "Validate a NitroTPM Attestation Document"; RFC 9052, 4.2
and 4.4.
"""

from typing import Any, Final

import msgspec

from selfkms.domain.kms.attestation import Attestation, AttestedBy
from selfkms.protocol.cbor import CBORError, decode

_TAG_18: Final = b"\xd2"
"""COSE_Sign1 (RFC 9052, 2). Documents come with and without it."""
_ES384: Final = bytes.fromhex("a1013822")
"""{1: -35}: the protected header, which says nothing but the algorithm. It is taken only as these bytes."""
_PAYLOAD_BYTES_MAX: Final = 16_384
_CERTIFICATE_BYTES_MAX: Final = 1_024
_CERTIFICATES_MAX: Final = 8
"""Ours: in AWS's documents there are four."""
_FREE_BYTES_MAX: Final = 1_024
"""Of public_key, user_data and nonce."""
_MODULE_ID_CHARACTERS_MAX: Final = 256
"""Ours: it stands in the audit."""
_PCRS_MAX: Final = 32
_PCR_BYTES: Final = frozenset({32, 48, 64})

_PCR_MEMBERS: Final = {"pcrs": AttestedBy.ENCLAVE, "nitrotpm_pcrs": AttestedBy.TPM}
_REQUIRED: Final = frozenset({"module_id", "digest", "timestamp", "certificate", "cabundle"})
_OPTIONAL: Final = frozenset({"public_key", "user_data", "nonce"})


class MalformedError(Exception):
    """Not an attestation document. The message says why."""


class Document(msgspec.Struct, frozen=True):
    """What was read, before anything of it is believed."""

    attestation: Attestation
    timestamp: float
    """When it was made, in seconds since the epoch."""
    chain: tuple[bytes, ...]
    """Certificates in DER, from the root to the one that signed."""
    signature: bytes
    signed: bytes
    """The bytes that the signature is of."""


def read(document: bytes) -> Document:
    """Take a document apart.

    Raises:
        MalformedError: it is none.
    """
    try:
        payload, signature = _cose(decode(document.removeprefix(_TAG_18)))
        members = decode(payload)
    except CBORError as error:
        raise MalformedError(f"it cannot be read: {error}") from None
    if not isinstance(members, dict):
        raise MalformedError("its payload is no map")
    return Document(
        attestation=_attestation(members),
        timestamp=_timestamp(members) / 1_000,
        chain=_chain(members),
        signature=signature,
        signed=_signed(payload),
    )


def _cose(envelope: Any) -> tuple[bytes, bytes]:
    """Payload and signature of a COSE_Sign1."""
    match envelope:
        case [bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as signature]:
            if protected != _ES384 or unprotected:
                raise MalformedError("it is not signed with ES384")
            if len(payload) > _PAYLOAD_BYTES_MAX:
                raise MalformedError("its payload is too long")
            return payload, signature
    raise MalformedError("it is no COSE_Sign1")


def _signed(payload: bytes) -> bytes:
    """Sig_structure: ["Signature1", protected header, no external data, payload] (RFC 9052, 4.4)."""
    return b"\x84\x6aSignature1" + _bytes_item(_ES384) + _bytes_item(b"") + _bytes_item(payload)


def _bytes_item(value: bytes) -> bytes:
    """A byte string as deterministic CBOR (RFC 8949, 4.2.1): its length is as short as can be."""
    length = len(value)
    if length < 24:
        return bytes((0x40 | length,)) + value
    if length < 256:
        return bytes((0x58, length)) + value
    return b"\x59" + length.to_bytes(2, "big") + value


def _attestation(members: dict[Any, Any]) -> Attestation:
    kinds = [name for name in _PCR_MEMBERS if name in members]
    if len(kinds) != 1 or not _REQUIRED <= members.keys() <= _REQUIRED | _OPTIONAL | {kinds[0]}:
        raise MalformedError("a member is missing, or is none of AWS's")
    module_id = members["module_id"]
    if not isinstance(module_id, str) or not 0 < len(module_id) <= _MODULE_ID_CHARACTERS_MAX:
        raise MalformedError("module_id is no text of a usual length")
    if members["digest"] != "SHA384":
        raise MalformedError("digest is not SHA384")
    for name in _OPTIONAL:
        value = members.get(name)
        if value is not None and not (isinstance(value, bytes) and len(value) <= _FREE_BYTES_MAX):
            raise MalformedError(f"{name} is not at most {_FREE_BYTES_MAX} bytes")
    public_key = members.get("public_key")
    if not public_key:
        raise MalformedError("it has no public_key")
    return Attestation(
        attested_by=_PCR_MEMBERS[kinds[0]],
        module_id=module_id,
        pcrs=_pcrs(members[kinds[0]]),
        public_key=public_key,
    )


def _pcrs(pcrs: Any) -> dict[int, bytes]:
    good = (
        isinstance(pcrs, dict)
        and 0 < len(pcrs) <= _PCRS_MAX
        and all(isinstance(number, int) and number < _PCRS_MAX for number in pcrs)
        and all(isinstance(value, bytes) and len(value) in _PCR_BYTES for value in pcrs.values())
    )
    if not good:
        raise MalformedError("its PCRs are not 1 to 32 registers")
    found: dict[int, bytes] = pcrs
    return found


def _timestamp(members: dict[Any, Any]) -> int:
    timestamp = members["timestamp"]
    if not isinstance(timestamp, int) or timestamp == 0:
        raise MalformedError("timestamp is no time")
    return timestamp


def _chain(members: dict[Any, Any]) -> tuple[bytes, ...]:
    bundle = members["cabundle"]
    if not isinstance(bundle, list) or not 0 < len(bundle) <= _CERTIFICATES_MAX:
        raise MalformedError("cabundle is no list of certificates")
    chain = (*bundle, members["certificate"])
    if not all(isinstance(entry, bytes) and 0 < len(entry) <= _CERTIFICATE_BYTES_MAX for entry in chain):
        raise MalformedError(f"a certificate is not 1 to {_CERTIFICATE_BYTES_MAX} bytes")
    return chain
