"""Key states as two tables: which event leads where, and which operation a state refuses. No branches.

A missing transition is a refusal. Nothing else in the program assigns a key's state. Events are operations, or what the
clock does (`WindowOver`).

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
)
_CHANGE: Final = ("CreateAlias", "TagResource", "UntagResource", "UpdateKeyDescription", "ScheduleKeyDeletion")
_TOGGLE: Final = ("EnableKey", "DisableKey")
_ROTATE: Final = ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand")
_READ: Final = (
    "GetKeyRotationStatus",
    "ListKeyRotations",
    "DescribeKey",
    "GetKeyPolicy",
    "PutKeyPolicy",
    "ListKeyPolicies",
    "ListAliases",
    "ListResourceTags",
    "DeleteAlias",
)

_DISABLED: Final = (DisabledException, "is disabled.")
_DELETING: Final = (KMSInvalidStateException, "is pending deletion.")
_IMPORTING: Final = (KMSInvalidStateException, "is pending import.")
_NOT_DELETING: Final = (KMSInvalidStateException, "is not pending deletion.")

Refusal = tuple[type[AWSError], str]

REFUSALS: Final[dict[tuple[str, KeyState], Refusal]] = {
    **{(name, KeyState.DISABLED): _DISABLED for name in (*_USE, *_ROTATE)},
    **{(name, KeyState.PENDING_IMPORT): _IMPORTING for name in (*_USE, *_TOGGLE, "RotateKeyOnDemand")},
    **{(name, KeyState.PENDING_DELETION): _DELETING for name in (*_USE, *_CHANGE, *_ROTATE, *_TOGGLE, "UpdateAlias")},
    **{
        ("CancelKeyDeletion", state): _NOT_DELETING
        for state in (KeyState.ENABLED, KeyState.DISABLED, KeyState.PENDING_IMPORT)
    },
}

KNOWN_OPERATIONS: Final = frozenset(
    {*_USE, *_CHANGE, *_ROTATE, *_TOGGLE, *_READ, "UpdateAlias", "CancelKeyDeletion"},
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
