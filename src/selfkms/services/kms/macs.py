"""GenerateMac, VerifyMac: HMAC KMS keys, on up to 4,096 bytes.

Source: AWS KMS API Reference, the operations of these names; FIPS 198-1.
"""

import hmac
from typing import Final

from selfkms.domain.kms.algorithms import MAC, MACAlgorithm, check_algorithm
from selfkms.domain.kms.errors import KMSInvalidMacException
from selfkms.domain.kms.keys import KeyUsage, KMSKey
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_mac
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class GenerateMacRequest(Shape, frozen=True, kw_only=True):
    message: Secret
    key_id: str
    mac_algorithm: MACAlgorithm
    grant_tokens: tuple[str, ...] = ()
    dry_run: bool = False


class GenerateMacResult(Shape, frozen=True, kw_only=True):
    mac: bytes
    mac_algorithm: str
    key_id: str


class VerifyMacRequest(GenerateMacRequest, frozen=True, kw_only=True):
    mac: bytes


class VerifyMacResult(Shape, frozen=True, kw_only=True):
    key_id: str
    mac_valid: bool
    mac_algorithm: str


def generate_mac(request: GenerateMacRequest, key: KMSKey, context: Context) -> GenerateMacResult:
    """The MAC of a message.

    Raises:
        InvalidKeyUsageException: the algorithm is not the key spec's.
    """
    return GenerateMacResult(mac=_mac(request, key, context), mac_algorithm=request.mac_algorithm, key_id=key.arn)


def verify_mac(request: VerifyMacRequest, key: KMSKey, context: Context) -> VerifyMacResult:
    """Answer only if the MAC is this key's for this message, compared in constant time: MacValid is never false.

    Raises:
        KMSInvalidMacException: it is not.
        InvalidKeyUsageException: the algorithm is not the key spec's.
    """
    if not hmac.compare_digest(_mac(request, key, context), request.mac):
        raise KMSInvalidMacException
    return VerifyMacResult(key_id=key.arn, mac_valid=True, mac_algorithm=request.mac_algorithm)


def _mac(request: GenerateMacRequest, key: KMSKey, context: Context) -> bytes:
    check_algorithm(key.key_spec, request.mac_algorithm, MAC)
    return context.key_store.mac(
        context.material(key, key.current_material.handle), request.message.open(SECRET_ACCESS)
    )


_KEY: Final = (KeyNamed(aliases=True, foreign=True),)
_AUDIT: Final = Audit(parameters=("key_id", "mac_algorithm"))

OPERATIONS: Final = (
    Operation(
        "GenerateMac",
        run=generate_mac,
        request=GenerateMacRequest,
        condition_keys=of_mac,
        targets=_KEY,
        usage=KeyUsage.GENERATE_VERIFY_MAC,
        audit=_AUDIT,
    ),
    Operation(
        "VerifyMac",
        run=verify_mac,
        request=VerifyMacRequest,
        condition_keys=of_mac,
        targets=_KEY,
        usage=KeyUsage.GENERATE_VERIFY_MAC,
        audit=_AUDIT,
    ),
)
