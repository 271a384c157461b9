"""GetPublicKey: the public half of an asymmetric KMS key, for use anywhere.

Source: AWS KMS API Reference, "GetPublicKey".
"""

from typing import Final

from selfkms.domain.kms.errors import UnsupportedOperationException
from selfkms.domain.kms.keys import KeySpec, KeyUsage, KMSKey
from selfkms.services.context import Context
from selfkms.services.kms.shapes import AlgorithmLists, algorithm_lists
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class GetPublicKeyRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    grant_tokens: tuple[str, ...] = ()


class GetPublicKeyResult(AlgorithmLists, frozen=True, kw_only=True):
    key_id: str
    public_key: bytes
    customer_master_key_spec: KeySpec
    key_spec: KeySpec
    key_usage: KeyUsage


def get_public_key(_request: GetPublicKeyRequest, key: KMSKey, context: Context) -> GetPublicKeyResult:
    """SubjectPublicKeyInfo in DER, and what it may be used for.

    Raises:
        UnsupportedOperationException: a symmetric or an HMAC key has no public half.
    """
    if key.kind != "asymmetric":
        raise UnsupportedOperationException
    return GetPublicKeyResult(
        key_id=key.arn,
        public_key=context.material(key, key.current_material.handle).public_key,
        customer_master_key_spec=key.key_spec,
        key_spec=key.key_spec,
        key_usage=key.key_usage,
        **algorithm_lists(key),
    )


OPERATIONS: Final = (
    Operation(
        "GetPublicKey",
        run=get_public_key,
        request=GetPublicKeyRequest,
        targets=(KeyNamed(aliases=True, foreign=True),),
        audit=Audit(parameters=("key_id",)),
    ),
)
