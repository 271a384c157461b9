"""The permissions of AWS KMS, out of the table of operations."""

import pytest

from selfkms.gate.permissions import Permission, UnknownPermissionError, permission_named, permissions_of
from selfkms.services.kms.table import OPERATIONS


@pytest.mark.parametrize(
    ("action", "on_key", "foreign", "with_context"),
    [
        ("kms:Decrypt", True, True, True),
        ("kms:Encrypt", True, True, True),
        ("kms:GenerateDataKey", True, True, True),
        ("kms:ReEncryptFrom", True, True, True),
        ("kms:ReEncryptTo", True, True, True),
        ("kms:Sign", True, True, False),
        ("kms:DescribeKey", True, True, False),
        ("kms:PutKeyPolicy", True, False, False),
        ("kms:ScheduleKeyDeletion", True, False, False),
        ("kms:CreateAlias", True, False, False),
        ("kms:DeleteAlias", True, False, False),
        ("kms:TagResource", True, False, False),
        ("kms:CreateKey", False, False, False),
        ("kms:ListKeys", False, False, False),
        ("kms:ListAliases", False, False, False),
        ("kms:GenerateRandom", False, False, False),
    ],
)
def test_how_operations_ask(action: str, *, on_key: bool, foreign: bool, with_context: bool) -> None:
    """On a KMS key or on none, in which accounts, and with an encryption context or without."""
    found = permission_named(action)
    assert found == Permission(action, on_key, foreign, with_context)
    assert permission_named(action.upper()) == found


def test_every_operation_asks_for_something() -> None:
    """But for RetireGrant."""
    silent = [operation.name for operation in OPERATIONS.values() if not list(permissions_of(operation))]
    assert silent == ["RetireGrant"]


def test_a_permission_on_a_principal() -> None:
    """Neither on a key nor on nothing."""
    assert permission_named("kms:ListRetirableGrants") == Permission(
        "kms:ListRetirableGrants", on_key=False, on_principal=True
    )


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ("kms:RetireGrant", "decided by the grant"),
        ("kms:ReEncrypt", "two permissions: kms:ReEncryptFrom and kms:ReEncryptTo"),
        ("Decrypt", "as in policies, kms:Decrypt"),
        ("kms:*", "there is no permission"),
        ("iam:CreateUser", "there is no permission"),
        ("", "there is no permission"),
    ],
)
def test_what_is_no_permission(action: str, why: str) -> None:
    """The message says what to write instead."""
    with pytest.raises(UnknownPermissionError, match=why):
        permission_named(action)
