"""Key states as two tables: which event leads where, and which operation a state refuses. No branches.

A missing transition is a refusal. Nothing else in the program assigns a key's state. Events are operations, or what the
clock does (`WindowOver`; `Settled`: a transient state is over), or what became of imported material: `MaterialLost`
(deleted or expired, and it was once current), `MaterialComplete` (imported, and none is missing); or what happens among
related multi-Region keys: `PrimaryMoved` (UpdatePrimaryRegion, for the old and the new primary key),
`ScheduleKeyDeletionWithReplicas`, `ReplicasGone`.

Source: KMS developer guide, "Key states of AWS KMS keys", the table and its notes.
"""

from enum import StrEnum
from typing import Final, Literal

from selfkms.domain.errors import AWSError
from selfkms.domain.kms.errors import DisabledException, KMSInvalidStateException


class KeyState(StrEnum):
    """AWS's key states."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"
    PENDING_IMPORT = "PendingImport"
    CREATING = "Creating"
    UPDATING = "Updating"
    PENDING_REPLICA_DELETION = "PendingReplicaDeletion"


GONE: Final = "gone"
"""Not a state: the KMS key and its material do not exist any more."""

TRANSITIONS: Final[dict[tuple[KeyState, str], KeyState | Literal["gone"]]] = {
    (KeyState.ENABLED, "EnableKey"): KeyState.ENABLED,
    (KeyState.ENABLED, "DisableKey"): KeyState.DISABLED,
    (KeyState.ENABLED, "ScheduleKeyDeletion"): KeyState.PENDING_DELETION,
    (KeyState.DISABLED, "EnableKey"): KeyState.ENABLED,
    (KeyState.DISABLED, "DisableKey"): KeyState.DISABLED,
    (KeyState.DISABLED, "ScheduleKeyDeletion"): KeyState.PENDING_DELETION,
    (KeyState.PENDING_IMPORT, "ScheduleKeyDeletion"): KeyState.PENDING_DELETION,
    (KeyState.PENDING_DELETION, "CancelKeyDeletion"): KeyState.DISABLED,
    (KeyState.PENDING_DELETION, "WindowOver"): GONE,
    # AWS KMS API Reference, "ImportKeyMaterial". Of a disabled key AWS says nothing: a new date of expiry is no reason
    # to use it again.
    (KeyState.ENABLED, "MaterialComplete"): KeyState.ENABLED,
    (KeyState.DISABLED, "MaterialComplete"): KeyState.DISABLED,
    (KeyState.PENDING_IMPORT, "MaterialComplete"): KeyState.ENABLED,
    # AWS KMS API Reference, "DeleteImportedKeyMaterial": a key that is pending deletion stays so.
    (KeyState.ENABLED, "MaterialLost"): KeyState.PENDING_IMPORT,
    (KeyState.DISABLED, "MaterialLost"): KeyState.PENDING_IMPORT,
    (KeyState.PENDING_IMPORT, "MaterialLost"): KeyState.PENDING_IMPORT,
    (KeyState.PENDING_DELETION, "MaterialLost"): KeyState.PENDING_DELETION,
    # AWS KMS API Reference, "ReplicateKey": a replica key without material is pending import after that.
    (KeyState.CREATING, "Settled"): KeyState.ENABLED,
    (KeyState.CREATING, "ScheduleKeyDeletion"): KeyState.PENDING_DELETION,
    # AWS KMS API Reference, "UpdatePrimaryRegion": what it was before is restored, and it was Enabled.
    (KeyState.ENABLED, "PrimaryMoved"): KeyState.UPDATING,
    (KeyState.UPDATING, "Settled"): KeyState.ENABLED,
    (KeyState.UPDATING, "MaterialLost"): KeyState.PENDING_IMPORT,
    # AWS KMS API Reference, "ScheduleKeyDeletion": a primary key waits for the end of its last replica key.
    (KeyState.ENABLED, "ScheduleKeyDeletionWithReplicas"): KeyState.PENDING_REPLICA_DELETION,
    (KeyState.DISABLED, "ScheduleKeyDeletionWithReplicas"): KeyState.PENDING_REPLICA_DELETION,
    (KeyState.PENDING_IMPORT, "ScheduleKeyDeletionWithReplicas"): KeyState.PENDING_REPLICA_DELETION,
    (KeyState.PENDING_REPLICA_DELETION, "CancelKeyDeletion"): KeyState.DISABLED,
    (KeyState.PENDING_REPLICA_DELETION, "ReplicasGone"): KeyState.PENDING_DELETION,
    (KeyState.PENDING_REPLICA_DELETION, "MaterialLost"): KeyState.PENDING_REPLICA_DELETION,
}

_USE: Final = (
    "Encrypt",
    "Decrypt",
    "ReEncrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
    "GetPublicKey",
    "CreateGrant",
)
_CHANGE: Final = ("CreateAlias", "TagResource", "UntagResource", "UpdateKeyDescription")
_TOGGLE: Final = ("EnableKey", "DisableKey")
_IMPORT: Final = ("GetParametersForImport", "ImportKeyMaterial")
_MULTI_REGION: Final = ("ReplicateKey", "UpdatePrimaryRegion")
_ROTATE: Final = ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand")
_READ: Final = (
    "GetKeyRotationStatus",
    "ListKeyRotations",
    "DescribeKey",
    "GetKeyLastUsage",
    "GetKeyPolicy",
    "PutKeyPolicy",
    "ListKeyPolicies",
    "ListAliases",
    "ListResourceTags",
    "DeleteAlias",
    "ListGrants",
    "RetireGrant",
    "RevokeGrant",
)

_DISABLED: Final = (DisabledException, "is disabled.")
_DELETING: Final = (KMSInvalidStateException, "is pending deletion.")
_DELETING_REPLICAS: Final = (KMSInvalidStateException, "is pending replica deletion.")
_IMPORTING: Final = (KMSInvalidStateException, "is pending import.")
_CREATING: Final = (KMSInvalidStateException, "is creating.")
_UPDATING: Final = (KMSInvalidStateException, "is updating.")
_NOT_DELETING: Final = (KMSInvalidStateException, "is not pending deletion.")

Refusal = tuple[type[AWSError], str]

_NOT_WHEN_DELETING: Final = (
    *_USE,
    *_CHANGE,
    *_ROTATE,
    *_TOGGLE,
    *_IMPORT,
    *_MULTI_REGION,
    "UpdateAlias",
    "ScheduleKeyDeletion",
)

# Creating: to be managed, not to be used. Updating: to be used, not to be managed where it is about the state or about
# what related keys share. AWS KMS API Reference, "ReplicateKey" and "UpdatePrimaryRegion".
REFUSALS: Final[dict[tuple[str, KeyState], Refusal]] = {
    **{(name, KeyState.DISABLED): _DISABLED for name in (*_USE, *_ROTATE, *_MULTI_REGION)},
    **{(name, KeyState.PENDING_IMPORT): _IMPORTING for name in (*_USE, *_TOGGLE, *_MULTI_REGION, "RotateKeyOnDemand")},
    **{(name, KeyState.PENDING_DELETION): _DELETING for name in _NOT_WHEN_DELETING},
    **{(name, KeyState.PENDING_REPLICA_DELETION): _DELETING_REPLICAS for name in _NOT_WHEN_DELETING},
    **{
        (name, KeyState.CREATING): _CREATING
        for name in (*_USE, *_TOGGLE, *_ROTATE, *_IMPORT, *_MULTI_REGION, "DeleteImportedKeyMaterial")
    },
    **{
        (name, KeyState.UPDATING): _UPDATING
        for name in (
            *_TOGGLE,
            *_ROTATE,
            *_IMPORT,
            *_MULTI_REGION,
            "DeleteImportedKeyMaterial",
            "ScheduleKeyDeletion",
        )
    },
    **{
        ("CancelKeyDeletion", state): _NOT_DELETING
        for state in KeyState
        if state not in (KeyState.PENDING_DELETION, KeyState.PENDING_REPLICA_DELETION)
    },
}

KNOWN_OPERATIONS: Final = frozenset(
    {
        *_NOT_WHEN_DELETING,
        *_READ,
        "CancelKeyDeletion",
        "DeleteImportedKeyMaterial",
    },
)
"""Every operation on a KMS key that the tables speak of: one that is missing here is refused, not let through."""


def admit(operation: str, state: KeyState, arn: str) -> None:
    """Let an operation on a key in this state through, or raise AWS's error for it."""
    assert operation in KNOWN_OPERATIONS, operation
    refusal = REFUSALS.get((operation, state))
    if refusal is not None:
        error, text = refusal
        raise error(f"{arn} {text}")


def after(state: KeyState, event: str) -> KeyState:
    """The state that an event leads to; the end of a key (`GONE`) is asked for with `ends`."""
    following = TRANSITIONS[state, event]
    assert following != GONE, "the end of a key is not a state"
    return KeyState(following)


def ends(state: KeyState, event: str) -> bool:
    """Whether this event ends the key."""
    return TRANSITIONS.get((state, event)) == GONE
