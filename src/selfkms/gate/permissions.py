"""The permissions of AWS KMS as the operations ask for them: on a KMS key or on none, and in whose account.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Key Management Service".
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from selfkms.services.kms.table import OPERATIONS
from selfkms.services.operation import AliasNamed, GrantNamed, KeyNamed, KeyOfCiphertext, Operation, PrincipalNamed


class UnknownPermissionError(Exception):
    """No operation asks for such a permission. The message is for whoever named it."""


class Permission(NamedTuple):
    """One permission, as an operation asks for it."""

    action: str
    """`kms:Decrypt`"""
    on_key: bool
    """Whether it is asked for on a KMS key; if not, on no resource."""
    foreign: bool = False
    """Whether the key may be another account's."""
    with_context: bool = False
    """Whether the request has an encryption context for the key."""
    on_principal: bool = False
    """Whether it is asked for on the ARN of a principal that the request names (ListRetirableGrants)."""


def permission_named(action: str) -> Permission:
    """The permission of a name, case ignored.

    Raises:
        UnknownPermissionError: there is none, or no policy decides it alone.
    """
    found = _PERMISSIONS.get(action.lower())
    if found is not None:
        return found
    if action.lower() == "kms:retiregrant":
        raise UnknownPermissionError("kms:RetireGrant is decided by the grant that is to be retired")
    if action.lower() == "kms:reencrypt":
        raise UnknownPermissionError("ReEncrypt needs two permissions: kms:ReEncryptFrom and kms:ReEncryptTo")
    raise UnknownPermissionError(f"there is no permission {action}: one is named as in policies, kms:Decrypt")


def permissions_of(operation: Operation) -> Iterator[Permission]:
    """What an operation asks for on the resources that it names; of RetireGrant nothing, since the grant decides."""
    for target in operation.targets:
        match target:
            case KeyNamed() if target.permission:
                action = target.action or operation.action
                with_context = target.encryption_context in operation.request.__struct_fields__
                yield Permission(action, on_key=True, foreign=target.foreign, with_context=with_context)
            case KeyOfCiphertext():
                action = target.action or operation.action
                with_context = target.encryption_context in operation.request.__struct_fields__
                yield Permission(action, on_key=True, foreign=True, with_context=with_context)
            case AliasNamed() if target.exists:
                yield Permission(operation.action, on_key=True)
            case PrincipalNamed():
                yield Permission(operation.action, on_key=False, on_principal=True)
            case _:
                continue
    if all(isinstance(target, KeyNamed) and not target.permission for target in operation.targets):
        yield Permission(operation.action, on_key=False)


def _all() -> Mapping[str, Permission]:
    found: dict[str, Permission] = {}
    for operation in OPERATIONS.values():
        if not any(isinstance(target, GrantNamed) for target in operation.targets):
            for permission in permissions_of(operation):
                found.setdefault(permission.action.lower(), permission)
    return found


_PERMISSIONS: Final = _all()
