"""Who may make something of a snapshot: ModifySnapshotAttribute, DescribeSnapshotAttribute, ResetSnapshotAttribute.

Source: Amazon EC2 API Reference, "ModifySnapshotAttribute", "DescribeSnapshotAttribute", "ResetSnapshotAttribute";
Amazon EBS User Guide, "Share a snapshot".
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from selfkms.domain.arns import ARN, is_account_id
from selfkms.domain.ebs.errors import (
    InvalidAMIAttributeItemValue,
    InvalidParameterCombination,
    InvalidParameterValue,
    MissingParameter,
    OperationNotPermitted,
)
from selfkms.domain.ebs.storage import EVERYBODY, Snapshot, SnapshotShare
from selfkms.domain.kms.keys import KeyManager
from selfkms.domain.policy.facts import Fact
from selfkms.services.context import Context
from selfkms.services.ebs.audit_forms import Parameters
from selfkms.services.operation import Audit, Operation, SnapshotNamed
from selfkms.services.shapes import Shape

_PERMISSION: Final = "createVolumePermission"
_CHANGES_MAX: Final = 500


class CreateVolumePermission(Shape, frozen=True, kw_only=True):
    """Somebody who may make volumes of a snapshot. A request may name an account and the group in one."""

    user_id: str | None = None
    group: str | None = None


class CreateVolumePermissionModifications(Shape, frozen=True, kw_only=True):
    add: tuple[CreateVolumePermission, ...] = ()
    remove: tuple[CreateVolumePermission, ...] = ()


class ModifySnapshotAttributeRequest(Shape, frozen=True, kw_only=True):
    attribute: str | None = None
    create_volume_permission: CreateVolumePermissionModifications | None = None
    group_names: tuple[str, ...] = ()
    operation_type: str | None = None
    snapshot_id: str
    user_ids: tuple[str, ...] = ()
    dry_run: bool = False


class DescribeSnapshotAttributeRequest(Shape, frozen=True, kw_only=True):
    attribute: str
    snapshot_id: str
    dry_run: bool = False


class ProductCode(Shape, frozen=True, kw_only=True):
    """There is no marketplace, so nobody makes one."""


class DescribeSnapshotAttributeResult(Shape, frozen=True, kw_only=True):
    product_codes: tuple[ProductCode, ...] | None = None
    snapshot_id: str
    create_volume_permissions: tuple[CreateVolumePermission, ...] | None = None


class ResetSnapshotAttributeRequest(Shape, frozen=True, kw_only=True):
    attribute: str
    snapshot_id: str
    dry_run: bool = False


def check_modify(request: ModifySnapshotAttributeRequest) -> None:
    """Refuse what says nothing, too much, or names nobody."""
    _check_attribute(request.attribute or _PERMISSION)
    if request.create_volume_permission is not None and (request.user_ids or request.group_names):
        raise InvalidParameterCombination(
            "The parameter createVolumePermission cannot be used with the parameters userId and group"
        )
    if (request.user_ids or request.group_names) and request.operation_type is None:
        raise MissingParameter("The request must contain the parameter operationType")
    modifications = _modifications(request)
    if modifications.add and modifications.remove:
        raise InvalidParameterCombination("Permissions cannot be added and removed in a single request.")
    changes = (*modifications.add, *modifications.remove)
    if not changes:
        raise InvalidParameterCombination("No attributes specified.")
    if len(changes) > _CHANGES_MAX:
        raise InvalidParameterValue(f"A request may have at most {_CHANGES_MAX} modifications of a snapshot.")
    for change in changes:
        _check_whom(change)


def check_reset(request: ResetSnapshotAttributeRequest) -> None:
    """Refuse what cannot be reset."""
    _check_attribute(request.attribute)


def _check_attribute(attribute: str) -> None:
    if attribute != _PERMISSION:
        raise InvalidParameterValue(f"Value ({attribute}) for parameter attribute is invalid. It cannot be modified.")


def _check_whom(whom: CreateVolumePermission) -> None:
    if whom.group is not None and whom.group != EVERYBODY:
        raise InvalidAMIAttributeItemValue(f'Invalid attribute item value "{whom.group}" for UserGroup item type.')
    if not is_account_id(whom.user_id or "") and (whom.user_id is not None or whom.group is None):
        raise InvalidAMIAttributeItemValue(f'Invalid attribute item value "{whom.user_id or ""}" for userId item type.')


def _modifications(request: ModifySnapshotAttributeRequest) -> CreateVolumePermissionModifications:
    """Both forms of a request in the newer one."""
    if request.create_volume_permission is not None:
        return request.create_volume_permission
    named = (
        *(CreateVolumePermission(user_id=user_id) for user_id in request.user_ids),
        *(CreateVolumePermission(group=group) for group in request.group_names),
    )
    if request.operation_type == "remove":
        return CreateVolumePermissionModifications(remove=named)
    return CreateVolumePermissionModifications(add=named)


def modify_snapshot_attribute(request: ModifySnapshotAttributeRequest, snapshot: Snapshot, context: Context) -> None:
    """Share a snapshot, or share it no longer. What is so already is no error.

    Raises:
        OperationNotPermitted: it is encrypted, and under the AWS managed key, or for everybody.
    """
    modifications = _modifications(request)
    added, removed = _whom(modifications.add), _whom(modifications.remove)
    if added:
        _check_shareable(snapshot, added, context)
    present = _shared_with(snapshot)
    # The owner needs no permission.
    _share(snapshot, [*present, *(one for one in added if one != snapshot.account_id)], removed, context)


def reset_snapshot_attribute(_request: ResetSnapshotAttributeRequest, snapshot: Snapshot, context: Context) -> None:
    """Share it with nobody."""
    present = _shared_with(snapshot)
    _share(snapshot, present, present, context)


def describe_snapshot_attribute(
    request: DescribeSnapshotAttributeRequest, snapshot: Snapshot, _context: Context
) -> DescribeSnapshotAttributeResult:
    """Whom it is shared with."""
    if request.attribute != _PERMISSION:
        return DescribeSnapshotAttributeResult(snapshot_id=snapshot.snapshot_id, product_codes=())
    return DescribeSnapshotAttributeResult(
        snapshot_id=snapshot.snapshot_id,
        create_volume_permissions=tuple(
            CreateVolumePermission(group=whom) if whom == EVERYBODY else CreateVolumePermission(user_id=whom)
            for whom in _shared_with(snapshot)
        ),
    )


def shares_of(snapshot: Snapshot) -> tuple[SnapshotShare, ...]:
    """The records of whom a snapshot is shared with, as they are stored: nobody ever changes one."""
    return tuple(_share_with(whom, snapshot).changed(row_version=1) for whom in _shared_with(snapshot))


def _share(snapshot: Snapshot, wanted: Iterable[str], removed: Iterable[str], context: Context) -> None:
    """Let a snapshot be shared with those who are wanted and not removed, and its shares be the same.

    They go in step because the snapshot has a row version: of two requests at once one is decided again.
    """
    left = dict.fromkeys(wanted)
    for whom in removed:
        left.pop(whom, None)
    present = _shared_with(snapshot)
    if list(left) == list(present):
        return
    context.put(snapshot.changed(shared_with=tuple(one for one in left if one != EVERYBODY), public=EVERYBODY in left))
    for whom in left:
        if whom not in present:
            context.put(_share_with(whom, snapshot))
    for share in shares_of(snapshot):
        if share.account_id not in left:
            context.remove(share)


def _share_with(whom: str, snapshot: Snapshot) -> SnapshotShare:
    return SnapshotShare(
        account_id=whom, region=snapshot.region, snapshot_id=snapshot.snapshot_id, owner=snapshot.account_id
    )


def _shared_with(snapshot: Snapshot) -> tuple[str, ...]:
    return (*snapshot.shared_with, *((EVERYBODY,) if snapshot.public else ()))


def _whom(permissions: Iterable[CreateVolumePermission]) -> tuple[str, ...]:
    return tuple(whom for one in permissions for whom in (one.user_id, one.group) if whom is not None)


def _check_shareable(snapshot: Snapshot, added: Iterable[str], context: Context) -> None:
    if snapshot.key_arn is None:
        return
    if EVERYBODY in added:
        raise OperationNotPermitted("Encrypted snapshots cannot be shared publicly")
    arn = ARN.parse(snapshot.key_arn)
    assert arn is not None, "the ARN is one that KMS gave"
    key = context.database.key(arn.account_id, arn.region, arn.resource.removeprefix("key/"))
    if key is not None and key.manager is KeyManager.AWS:
        raise OperationNotPermitted("Encrypted snapshots with EBS default key cannot be shared")


def _condition_keys(request: ModifySnapshotAttributeRequest) -> Mapping[str, Fact]:
    modifications = _modifications(request)
    return {
        **_condition_keys_of("ec2:Add", modifications.add),
        **_condition_keys_of("ec2:Remove", modifications.remove),
    }


def _condition_keys_of(prefix: str, permissions: Iterable[CreateVolumePermission]) -> dict[str, Fact]:
    known = {
        f"{prefix}/userId": tuple(one.user_id for one in permissions if one.user_id is not None),
        f"{prefix}/group": tuple(one.group for one in permissions if one.group is not None),
    }
    return {name: values for name, values in known.items() if values}


def _shown(parameters: Parameters) -> dict[str, Any]:
    """The newer form, whichever the request has."""
    changes = parameters.get("createVolumePermission") or _as_modifications(parameters)
    shown = {kind.lower(): {"items": _people(people)} for kind, people in changes.items() if people}
    return {
        "snapshotId": parameters.get("snapshotId"),
        _PERMISSION: shown,
        "attributeType": "CREATE_VOLUME_PERMISSION",
    }


def _as_modifications(parameters: Parameters) -> dict[str, Any]:
    people = [
        *({"UserId": user_id} for user_id in parameters.get("userIds") or ()),
        *({"Group": group} for group in parameters.get("groupNames") or ()),
    ]
    return {"Remove" if parameters.get("operationType") == "remove" else "Add": people}


def _people(people: Iterable[Parameters]) -> list[dict[str, str]]:
    names = {"userId": "UserId", "group": "Group"}
    return [{shown: one[name] for shown, name in names.items() if one.get(name)} for one in people]


def _attribute_shown(parameters: Parameters) -> dict[str, Any]:
    attribute = "CREATE_VOLUME_PERMISSION" if parameters.get("attribute") == _PERMISSION else "PRODUCT_CODES"
    return {"snapshotId": parameters.get("snapshotId"), "attributeType": attribute}


OPERATIONS: Final = (
    Operation(
        "ModifySnapshotAttribute",
        service="ec2",
        run=modify_snapshot_attribute,
        request=ModifySnapshotAttributeRequest,
        check=check_modify,
        targets=(SnapshotNamed(),),
        condition_keys=_condition_keys,
        writes=True,
        dry_run_asks=True,
        audit=Audit(
            parameters=("snapshot_id", "create_volume_permission", "operation_type", "user_ids", "group_names"),
            shown=_shown,
            read_only=False,
        ),
    ),
    Operation(
        "DescribeSnapshotAttribute",
        service="ec2",
        run=describe_snapshot_attribute,
        request=DescribeSnapshotAttributeRequest,
        targets=(SnapshotNamed(),),
        dry_run_asks=True,
        audit=Audit(parameters=("snapshot_id", "attribute"), shown=_attribute_shown),
    ),
    Operation(
        "ResetSnapshotAttribute",
        service="ec2",
        run=reset_snapshot_attribute,
        request=ResetSnapshotAttributeRequest,
        check=check_reset,
        targets=(SnapshotNamed(),),
        writes=True,
        dry_run_asks=True,
        audit=Audit(parameters=("snapshot_id", "attribute"), shown=_attribute_shown, read_only=False),
    ),
)
