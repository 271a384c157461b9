"""DescribeSnapshots, DescribeVolumes: who sees what there is.

The owner sees all of a snapshot; whom it is shared with, all but its tags; nobody else, that it exists.

Source: Amazon EC2 API Reference, "DescribeSnapshots", "DescribeVolumes"; Amazon EBS User Guide, "Share a snapshot".
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, Final, NamedTuple

from selfkms.domain.arns import is_account_id
from selfkms.domain.ebs.errors import InvalidSnapshotNotFound, InvalidUserIDMalformed, InvalidVolumeNotFound
from selfkms.domain.ebs.storage import (
    EVERYBODY,
    Copy,
    Snapshot,
    SnapshotShare,
    SnapshotState,
    Volume,
    check_snapshot_id,
    check_volume_id,
)
from selfkms.domain.tags import Tag
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError
from selfkms.services.context import Context
from selfkms.services.ebs.audit_forms import Parameters, filter_set, items, results_shown
from selfkms.services.ebs.filters import Filter, Texts, flag, moment, wanted
from selfkms.services.ebs.paging import Paged, check_paged, page
from selfkms.services.ebs.shapes import STORAGE_TIER, SnapshotRow, VolumeRow, shown_size, snapshot_row, volume_row
from selfkms.services.markers import Read, each, only
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape

_log: Final = logging.getLogger(__name__)

_SELF: Final = "self"
_AMAZON: Final = "amazon"
"""The owner of what Amazon publishes, which is nothing here."""


class DescribeSnapshotsRequest(Paged, frozen=True, kw_only=True):
    owner_ids: tuple[str, ...] = ()
    restorable_by_user_ids: tuple[str, ...] = ()
    snapshot_ids: tuple[str, ...] = ()
    dry_run: bool = False
    filters: tuple[Filter, ...] = ()


class DescribeSnapshotsResult(Shape, frozen=True, kw_only=True):
    next_token: str | None = None
    snapshots: tuple[SnapshotRow, ...]


class DescribeVolumesRequest(Paged, frozen=True, kw_only=True):
    volume_ids: tuple[str, ...] = ()
    include_managed_resources: bool = False
    dry_run: bool = False
    filters: tuple[Filter, ...] = ()


class DescribeVolumesResult(Shape, frozen=True, kw_only=True):
    next_token: str | None = None
    volumes: tuple[VolumeRow, ...]


class _Source(StrEnum):
    """Where the snapshots of a listing come from, in the order of the listing."""

    OWN = "1"
    SHARED = "2"
    PUBLIC = "3"


class _Found(NamedTuple):
    source: _Source
    snapshot: Snapshot

    @property
    def position(self) -> str:
        """Its place in the listing."""
        return f"{self.source}{self.snapshot.snapshot_id}"


def progress_of(snapshot: Snapshot, context: Context) -> str:
    """How far a snapshot is: only a copy can tell while it is under way."""
    if snapshot.state is SnapshotState.COMPLETED:
        return "100%"
    source = snapshot.work.source if isinstance(snapshot.work, Copy) else None
    if source is None or not source.count:
        return "0%"
    try:
        copied = context.blocks.copied(snapshot.lineage, snapshot.pack)
    except (BlockCorruptError, BlockStoreUnavailableError) as error:
        # One copy that fails, which the keeper finds out, too, must not hide all other snapshots.
        _log.warning("%s: how far it is cannot be told: %s", snapshot.arn, error)
        return "0%"
    return f"{copied * 100 // source.count}%"


def check_describe_snapshots(request: DescribeSnapshotsRequest) -> None:
    """Refuse what is no ID, no account and no page."""
    check_paged(request, request.snapshot_ids, "snapshotSet")
    for snapshot_id in request.snapshot_ids:
        check_snapshot_id(snapshot_id)
    _check_accounts(request.owner_ids, (_SELF, _AMAZON))
    _check_accounts(request.restorable_by_user_ids, (_SELF, EVERYBODY))


def check_describe_volumes(request: DescribeVolumesRequest) -> None:
    """Refuse what is no ID and no page."""
    check_paged(request, request.volume_ids, "volumeSet")
    for volume_id in request.volume_ids:
        check_volume_id(volume_id)


def _check_accounts(named: Iterable[str], words: tuple[str, ...]) -> None:
    for one in named:
        if one not in words and not is_account_id(one):
            raise InvalidUserIDMalformed(f'Invalid user id: "{one}"')


def describe_snapshots(request: DescribeSnapshotsRequest, context: Context) -> DescribeSnapshotsResult:
    """The snapshots that are named, or all that the caller's account may use.

    Raises:
        InvalidSnapshotNotFound: one that is named is not there for the caller.
    """
    matches = _wanted_snapshots(request, context)
    if request.snapshot_ids:
        named = [_named_snapshot(snapshot_id, context) for snapshot_id in dict.fromkeys(request.snapshot_ids)]
        return DescribeSnapshotsResult(snapshots=_snapshot_rows(filter(matches, named), context))
    found, token = page(
        context,
        "DescribeSnapshots",
        request,
        read=_reading(request, matches, context),
        position=lambda one: one.position,
    )
    return DescribeSnapshotsResult(snapshots=_snapshot_rows((one.snapshot for one in found), context), next_token=token)


def describe_volumes(request: DescribeVolumesRequest, context: Context) -> DescribeVolumesResult:
    """The volumes of the caller's account.

    Raises:
        InvalidVolumeNotFound: one that is named does not exist.
    """
    matches = wanted(request.filters, _VOLUME_FILTERS, tags=lambda volume: volume.tags)
    if request.volume_ids:
        named = [_named_volume(volume_id, context) for volume_id in dict.fromkeys(request.volume_ids)]
        return DescribeVolumesResult(volumes=tuple(volume_row(volume) for volume in named if matches(volume)))
    found, token = page(
        context,
        "DescribeVolumes",
        request,
        read=only(reading_volumes(context), matches, position=lambda volume: volume.volume_id),
        position=lambda volume: volume.volume_id,
    )
    return DescribeVolumesResult(volumes=tuple(map(volume_row, found)), next_token=token)


def reading_snapshots(context: Context) -> Read[Snapshot]:
    """The snapshots of the caller's account, by their IDs."""
    place = (context.account_id, context.region)
    return lambda after, count: context.database.snapshots(*place, after=after, limit=count)


def reading_volumes(context: Context) -> Read[Volume]:
    """The volumes of the caller's account, by their IDs."""
    place = (context.account_id, context.region)
    return lambda after, count: context.database.volumes(*place, after=after, limit=count)


def _named_snapshot(snapshot_id: str, context: Context) -> Snapshot:
    snapshot = context.database.snapshot_of_anybody(context.region, snapshot_id)
    if snapshot is None or not snapshot.visible_to(context.account_id):
        raise InvalidSnapshotNotFound(f"The snapshot '{snapshot_id}' does not exist.")
    return snapshot


def _named_volume(volume_id: str, context: Context) -> Volume:
    volume = context.database.volume(context.account_id, context.region, volume_id)
    if volume is None:
        raise InvalidVolumeNotFound(f"The volume '{volume_id}' does not exist.")
    return volume


def _snapshot_rows(snapshots: Iterable[Snapshot], context: Context) -> tuple[SnapshotRow, ...]:
    return tuple(
        snapshot_row(snapshot, owned=snapshot.account_id == context.account_id, progress=progress_of(snapshot, context))
        for snapshot in snapshots
    )


def _reading(request: DescribeSnapshotsRequest, matches: Callable[[Snapshot], bool], context: Context) -> Read[_Found]:
    """What the caller's account may use and the request wants, from a position on."""
    sources = _sources(_owners(request, context), context)

    def everything(after: str) -> Iterator[_Found]:
        begun, last = after[:1], after[1:]
        for source in sources:
            if source >= begun:
                snapshots = _READ[source](context, last if source == begun else "")
                yield from (_Found(source, snapshot) for snapshot in snapshots)

    def read(after: str, count: int) -> Sequence[_Found]:
        return list(islice((one for one in everything(after) if matches(one.snapshot)), count))

    return read


def _owners(request: DescribeSnapshotsRequest, context: Context) -> frozenset[str]:
    return frozenset(context.account_id if owner == _SELF else owner for owner in request.owner_ids)


def _sources(owners: frozenset[str], context: Context) -> tuple[_Source, ...]:
    """Where snapshots of these owners can be; of any, if there are none."""
    own = (_Source.OWN,) if not owners or context.account_id in owners else ()
    others = (_Source.SHARED, _Source.PUBLIC) if not owners or owners - {context.account_id} else ()
    return (*own, *others)


def _own(context: Context, after: str) -> Iterator[Snapshot]:
    return each(reading_snapshots(context), position=lambda snapshot: snapshot.snapshot_id, after=after)


def _shared(context: Context, after: str) -> Iterator[Snapshot]:
    return _of_shares(context.account_id, context, after)


def _public(context: Context, after: str) -> Iterator[Snapshot]:
    """Those that no other source has already."""
    me = context.account_id
    public = _of_shares(EVERYBODY, context, after)
    return (snapshot for snapshot in public if me not in (snapshot.account_id, *snapshot.shared_with))


def _of_shares(with_whom: str, context: Context, after: str) -> Iterator[Snapshot]:
    def read(last: str, count: int) -> list[SnapshotShare]:
        return context.database.snapshot_shares(with_whom, context.region, after=last, limit=count)

    for share in each(read, position=lambda share: share.snapshot_id, after=after):
        snapshot = context.database.snapshot(share.owner, share.region, share.snapshot_id)
        if snapshot is not None:
            yield snapshot


_READ: Final = {_Source.OWN: _own, _Source.SHARED: _shared, _Source.PUBLIC: _public}


def _wanted_snapshots(request: DescribeSnapshotsRequest, context: Context) -> Callable[[Snapshot], bool]:
    me = context.account_id
    owners = _owners(request, context)

    def tags(snapshot: Snapshot) -> Sequence[Tag]:
        return snapshot.tags if snapshot.account_id == me else ()

    known: dict[str, Texts[Snapshot]] = {
        **_SNAPSHOT_FILTERS,
        "progress": lambda snapshot: (progress_of(snapshot, context),),
        "tag-key": lambda snapshot: [tag.tag_key for tag in tags(snapshot)],
    }
    matches = wanted(request.filters, known, tags=tags)
    users = request.restorable_by_user_ids

    def is_wanted(snapshot: Snapshot) -> bool:
        if owners and snapshot.account_id not in owners:
            return False
        return (not users or any(_restorable_by(user, snapshot, me) for user in users)) and matches(snapshot)

    return is_wanted


def _restorable_by(user: str, snapshot: Snapshot, me: str) -> bool:
    """Whether somebody may make volumes of a snapshot. Of other accounts only its owner is told."""
    if user == EVERYBODY:
        return snapshot.public
    if user in (_SELF, me):
        return me in (snapshot.account_id, *snapshot.shared_with)
    return snapshot.account_id == me and user in snapshot.shared_with


_SNAPSHOT_FILTERS: Final[Mapping[str, Texts[Snapshot]]] = {
    "description": lambda snapshot: (snapshot.description,),
    "encrypted": lambda snapshot: (flag(snapshot.encrypted),),
    # Nothing is Amazon's own here.
    "owner-alias": lambda _snapshot: (),
    "owner-id": lambda snapshot: (snapshot.account_id,),
    "snapshot-id": lambda snapshot: (snapshot.snapshot_id,),
    "start-time": lambda snapshot: (moment(snapshot.created_at),),
    "status": lambda snapshot: (snapshot.state.value,),
    "storage-tier": lambda _snapshot: (STORAGE_TIER,),
    # That a copy be through by a certain time cannot be asked for.
    "transfer-type": lambda _snapshot: ("standard",),
    "volume-id": lambda snapshot: (snapshot.volume_id,),
    "volume-size": lambda snapshot: (str(shown_size(snapshot)),),
}

_VOLUME_FILTERS: Final[Mapping[str, Texts[Volume]]] = {
    # A volume is attached to nothing.
    **dict.fromkeys(
        (
            "attachment.attach-time",
            "attachment.delete-on-termination",
            "attachment.device",
            "attachment.instance-id",
            "attachment.status",
            "operator.principal",
        ),
        lambda _volume: (),
    ),
    "availability-zone": lambda volume: (volume.zone,),
    "create-time": lambda volume: (moment(volume.created_at),),
    "encrypted": lambda volume: (flag(volume.encrypted),),
    "fast-restored": lambda _volume: (flag(False),),
    "multi-attach-enabled": lambda volume: (flag(volume.multi_attach),),
    "operator.managed": lambda _volume: (flag(False),),
    "size": lambda volume: (str(volume.size_gib),),
    "snapshot-id": lambda volume: (volume.snapshot_id or "",),
    "status": lambda volume: (volume.state.value,),
    "tag-key": lambda volume: [tag.tag_key for tag in volume.tags],
    "volume-id": lambda volume: (volume.volume_id,),
    "volume-type": lambda volume: (volume.volume_type,),
}


def _snapshots_shown(parameters: Parameters) -> dict[str, Any]:
    return {
        **results_shown(parameters),
        "snapshotSet": items("snapshotId", parameters.get("snapshotIds")),
        "ownersSet": items("owner", parameters.get("ownerIds")),
        "sharedUsersSet": items("user", parameters.get("restorableByUserIds")),
        "filterSet": filter_set(parameters),
    }


def _volumes_shown(parameters: Parameters) -> dict[str, Any]:
    return {
        **results_shown(parameters),
        "volumeSet": items("volumeId", parameters.get("volumeIds")),
        "filterSet": filter_set(parameters),
    }


OPERATIONS: Final = (
    Operation(
        "DescribeSnapshots",
        service="ec2",
        run=describe_snapshots,
        request=DescribeSnapshotsRequest,
        check=check_describe_snapshots,
        slow=True,
        dry_run_asks=True,
        audit=Audit(
            parameters=("max_results", "snapshot_ids", "owner_ids", "restorable_by_user_ids", "filters"),
            shown=_snapshots_shown,
        ),
    ),
    Operation(
        "DescribeVolumes",
        service="ec2",
        run=describe_volumes,
        request=DescribeVolumesRequest,
        check=check_describe_volumes,
        slow=True,
        dry_run_asks=True,
        audit=Audit(parameters=("max_results", "volume_ids", "filters"), shown=_volumes_shown),
    ),
)
