"""A service for tests that calls AWS KMS: a handler that each test brings, behind an operation of another name."""

from collections.abc import Callable
from typing import Any, Final

from harness.world import ALICE_ACCOUNT, REGION, World
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.grants import GrantConstraints
from selfkms.ports.key_service import KeyService
from selfkms.services.context import Context
from selfkms.services.kms.policies import GetKeyPolicyRequest, GetKeyPolicyResult
from selfkms.services.kms.table import OPERATIONS
from selfkms.services.operation import Audit, Operation

VIA: Final = f"ec2.{REGION}.amazonaws.com"
FRONT: Final = "ec2-frontend-api.amazonaws.com"
CONTEXT: Final = {"aws:ebs:id": "vol-1"}
OUTER: Final = "GetKeyPolicy"
INNER: Final = "GenerateDataKeyWithoutPlaintext"
ROOT: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
THROUGH_EC2: Final = {"StringEquals": {"kms:ViaService": VIA}}

Handler = Callable[[str, Context], object]
"""What the service does: with the KMS key that the request names, and its context."""


def world_with(handler: Handler, database: MemoryDatabase | None = None) -> World:
    """A world in which an operation, whatever its name says, is that of a service that does this."""

    def run(request: GetKeyPolicyRequest, context: Context) -> GetKeyPolicyResult:
        answer = handler(request.key_id, context)
        return GetKeyPolicyResult(policy=str(answer), policy_name="")

    operation = Operation(
        OUTER, run=run, request=GetKeyPolicyRequest, audit=Audit(parameters=("key_id",)), asks_permission=False
    )
    return World(operations={**OPERATIONS, OUTER: operation}, database=database)


def on_behalf(context: Context) -> KeyService:
    return context.key_service(VIA, invoked_by=FRONT)


def for_itself(context: Context) -> KeyService:
    caller = Caller.aws_service(VIA, ALICE_ACCOUNT, invoked_by="ebs.amazonaws.com")
    return context.key_service_for(caller)


def data_key(key_id: str, context: Context) -> object:
    made = on_behalf(context).call(INNER, region=REGION, key_id=key_id, number_of_bytes=64, encryption_context=CONTEXT)
    return made.key_id


def ask(world: World, key_id: str, *, by: str = ALICE_ACCOUNT) -> str:
    """What the service answers."""
    answer: str = world.call(OUTER, {"KeyId": key_id}, by=by)["Policy"]
    return answer


def code(world: World, key_id: str, *, by: str = ALICE_ACCOUNT) -> str:
    """What the service refuses a request with."""
    return world.refusal(OUTER, {"KeyId": key_id}, by=by)[0]


def records_of(world: World, name: str) -> list[dict[str, Any]]:
    return [record for record in world.all_records() if record["eventName"] == name]


def inner(world: World, name: str = INNER) -> dict[str, Any]:
    """The one record of a call to KMS."""
    (record,) = records_of(world, name)
    return record


class ChangingService:
    """One that a test lets do something else."""

    def __init__(self, does: Handler) -> None:
        self.does = does

    def __call__(self, key_id: str, context: Context) -> object:
        return self.does(key_id, context)


def alias(key_id: str, context: Context) -> Alias:
    """Something that the service itself keeps."""
    return Alias(
        account_id=ALICE_ACCOUNT,
        region=REGION,
        alias_name="alias/kept",
        target_key_id=key_id,
        created_at=context.now,
        updated_at=context.now,
    )


def grant_to_service(key_id: str, context: Context) -> str:
    """The ID of a grant, made on behalf of the caller, by which the service may decrypt without the caller."""
    made = on_behalf(context).call(
        "CreateGrant",
        region=REGION,
        key_id=key_id,
        grantee_service_principal=VIA,
        retiring_service_principal=VIA,
        operations=("Decrypt",),
        constraints=GrantConstraints(encryption_context_equals=CONTEXT),
    )
    grant_id: str = made.grant_id
    return grant_id


def blob_of(key_id: str, context: Context) -> bytes:
    made = on_behalf(context).call(INNER, region=REGION, key_id=key_id, number_of_bytes=64, encryption_context=CONTEXT)
    blob: bytes = made.ciphertext_blob
    return blob


def decrypt(key_id: str, context: Context, blob: bytes) -> str:
    """What the service decrypts for itself."""
    opened = for_itself(context).call(
        "Decrypt", region=REGION, ciphertext_blob=blob, key_id=key_id, encryption_context=CONTEXT
    )
    assert len(opened.plaintext) == 64
    return "decrypted"


def steps(key_id: str, context: Context) -> object:
    """First a data key, and a grant for the service; then the service decrypts the data key for itself."""
    kept = context.database.alias(ALICE_ACCOUNT, REGION, "alias/kept")
    if kept is None:
        blob = blob_of(key_id, context)
        grant_to_service(key_id, context)
        # Its name is the only place for it that a test has.
        context.put(alias(blob.hex(), context))
        return "granted"
    return decrypt(key_id, context, bytes.fromhex(kept.target_key_id))
