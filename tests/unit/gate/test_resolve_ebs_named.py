"""From IDs to snapshots and volumes: what is there for the caller, and what is not."""

from typing import Any

import msgspec
import pytest

from contracts.records import HERE as REGION
from contracts.records import SNAPSHOT, SNAPSHOT_ID, VOLUME, VOLUME_ID, A, B, put
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.ebs.errors import (
    InvalidID,
    InvalidParameterValue,
    InvalidSnapshotIDMalformed,
    InvalidSnapshotNotFound,
    InvalidVolumeIDMalformed,
    InvalidVolumeNotFound,
    ResourceNotFoundException,
)
from selfkms.domain.ebs.storage import snapshot_arn, volume_arn
from selfkms.domain.errors import AWSError
from selfkms.gate.resolve_ebs import StorageResolver
from selfkms.gate.resolved import ResolvedStorage
from selfkms.services.operation import (
    Audit,
    NewStorage,
    Operation,
    SnapshotNamed,
    StorageTagged,
    VolumeNamed,
)

THERE = "us-east-1"
C = "000000000001"
OTHER_ID = "snap-00000000000000000"
TARGET = SnapshotNamed | VolumeNamed | NewStorage | StorageTagged
OWN = SNAPSHOT.changed(shared_with=(), public=False)


class Named(msgspec.Struct):
    """A request of an operation that there is not."""

    snapshot_id: str | None = SNAPSHOT_ID
    volume_id: str = VOLUME_ID
    source_region: str = THERE
    resources: tuple[str, ...] = ()


def operation(service: str) -> Operation:
    return Operation("DoSomething", run=lambda: None, request=Named, audit=Audit(), service=service)


def found(
    target: TARGET, request: Named | None = None, *, account_id: str = A, service: str = "ec2", snapshot: Any = OWN
) -> tuple[list[ResolvedStorage], list[Any]]:
    """What a target gives, where there are a snapshot and a volume of the account."""
    database = MemoryDatabase()
    put(database, snapshot, VOLUME)
    resources, given = StorageResolver(database).one(
        target, operation(service), request or Named(), account_id=account_id, region=REGION
    )
    storages = [resource for resource in resources if isinstance(resource, ResolvedStorage)]
    assert len(storages) == len(resources)
    return storages, given


def one(target: TARGET, request: Named | None = None, **place: Any) -> tuple[ResolvedStorage, Any]:
    (resource,), (given,) = found(target, request, **place)
    return resource, given


class TestSnapshotNamed:
    """A snapshot by its ID."""

    def test_the_callers_own(self) -> None:
        """Its tags count, and the permission is that of the operation."""
        resource, given = one(SnapshotNamed())
        assert given == OWN.changed(row_version=1)
        assert resource == ResolvedStorage(
            arn=snapshot_arn(REGION, SNAPSHOT_ID),
            action="ec2:DoSomething",
            owner=A,
            tags=OWN.tags,
            facts=resource.facts,
        )

    @pytest.mark.parametrize(
        ("service", "error"), [("ec2", InvalidSnapshotNotFound), ("ebs", ResourceNotFoundException)]
    )
    def test_one_that_is_not_there(self, service: str, error: type[AWSError]) -> None:
        """Told later, to whoever may know, in the words of the service; it is asked for as if it were the caller's."""
        resource, given = one(SnapshotNamed(), Named(snapshot_id=OTHER_ID), service=service)
        assert given is None
        assert type(resource.missing) is error
        assert (resource.arn, resource.owner, resource.tags) == (snapshot_arn(REGION, OTHER_ID), A, ())

    @pytest.mark.parametrize("target", [SnapshotNamed(), SnapshotNamed(shared=True)], ids=["own", "shared"])
    def test_another_accounts_is_not_there(self, target: SnapshotNamed) -> None:
        """Nobody learns from the answer whose it is, or that it exists."""
        resource, given = one(target, account_id=B)
        assert given is None
        assert (resource.owner, resource.tags) == (B, ())
        assert isinstance(resource.missing, InvalidSnapshotNotFound)

    @pytest.mark.parametrize("change", [{"shared_with": (B,)}, {"public": True}], ids=["account", "everybody"])
    def test_a_shared_one(self, change: dict[str, Any]) -> None:
        """It is its owner's, whose tags are not for others."""
        snapshot = OWN.changed(**change)
        resource, given = one(SnapshotNamed(shared=True), account_id=B, snapshot=snapshot)
        assert given == snapshot.changed(row_version=1)
        assert (resource.owner, resource.tags, resource.missing) == (A, (), None)

    def test_a_shared_one_is_not_for_everything(self) -> None:
        """Where only the caller's own may be named, it is not there."""
        resource, given = one(SnapshotNamed(), account_id=B, snapshot=OWN.changed(public=True))
        assert given is None
        assert resource.missing is not None

    def test_shared_with_somebody_else(self) -> None:
        """Is not shared with the caller."""
        resource, given = one(SnapshotNamed(shared=True), account_id=C, snapshot=OWN.changed(shared_with=(B,)))
        assert given is None
        assert resource.missing is not None

    def test_in_another_region(self) -> None:
        """A member says in which; the ARN is that of the other Region."""
        target = SnapshotNamed(region_member="source_region")
        resource, given = one(target)
        assert (given, resource.arn) == (None, snapshot_arn(THERE, SNAPSHOT_ID))
        resource, given = one(target, snapshot=OWN.changed(region=THERE))
        assert given is not None
        assert resource.missing is None

    def test_left_out(self) -> None:
        """The handler gets None, and no permission is asked for."""
        assert found(SnapshotNamed(optional=True), Named(snapshot_id=None)) == ([], [None])

    def test_one_that_may_be_missing(self) -> None:
        """The permission is asked for, and the handler gets None."""
        resource, given = one(SnapshotNamed(may_be_missing=True), Named(snapshot_id=OTHER_ID))
        assert (given, resource.missing) == (None, None)

    def test_its_blocks(self) -> None:
        """The audit names it among the resources."""
        assert one(SnapshotNamed(data=True))[0].data
        assert not one(SnapshotNamed())[0].data

    @pytest.mark.parametrize("text", ["", "snap-", "vol-0123abcd", "snap-0123ABCD", "../snap-0123abcd"])
    def test_no_id_of_a_snapshot(self, text: str) -> None:
        """Amazon EC2 says so at once; the model of the direct APIs has checked theirs before."""
        with pytest.raises((InvalidParameterValue, InvalidSnapshotIDMalformed)):
            found(SnapshotNamed(), Named(snapshot_id=text))
        resource, given = one(SnapshotNamed(), Named(snapshot_id=text), service="ebs")
        assert given is None
        assert isinstance(resource.missing, ResourceNotFoundException)

    def test_the_direct_apis_have_no_condition_keys_of_ec2(self) -> None:
        """What else is known of a snapshot is for Amazon EC2 alone."""
        assert one(SnapshotNamed(), service="ebs")[0].facts == {}
        assert one(SnapshotNamed())[0].facts

    def test_nothing_is_known_of_what_is_not_the_callers(self) -> None:
        """Conditions do not tell what there is."""
        assert one(SnapshotNamed(), account_id=B)[0].facts == {}


class TestVolumeNamed:
    """A volume of the caller's account."""

    def test_one_that_is_there(self) -> None:
        """With its ARN, which has the account, and its tags."""
        resource, given = one(VolumeNamed())
        assert given == VOLUME.changed(row_version=1)
        assert (resource.arn, resource.tags) == (volume_arn(REGION, A, VOLUME_ID), VOLUME.tags)
        assert resource.missing is None

    def test_one_that_is_not_there(self) -> None:
        """For this account: whether another one has it does not matter."""
        resource, given = one(VolumeNamed(), account_id=B)
        assert (given, resource.arn) == (None, volume_arn(REGION, B, VOLUME_ID))
        assert isinstance(resource.missing, InvalidVolumeNotFound)

    def test_no_id_of_a_volume(self) -> None:
        """Told at once."""
        with pytest.raises(InvalidVolumeIDMalformed):
            found(VolumeNamed(), Named(volume_id="vol-x"))
        with pytest.raises(InvalidParameterValue):
            found(VolumeNamed(), Named(volume_id=SNAPSHOT_ID))


class TestNewStorage:
    """What is to be made has no ID yet."""

    @pytest.mark.parametrize(
        ("kind", "arn"), [("snapshot", f"arn:aws:ec2:{REGION}::snapshot/*"), ("volume", volume_arn(REGION, A, "*"))]
    )
    def test_permission_is_asked_for_on_any(self, kind: str, arn: str) -> None:
        """And the handler gets nothing."""
        (resource,), given = found(NewStorage(kind))
        assert given == []
        assert resource == ResolvedStorage(arn=arn, action="ec2:DoSomething", owner=A, new=True)


class TestStorageTagged:
    """Snapshots and volumes in one list."""

    def test_both_kinds_in_their_order(self) -> None:
        """Each asks for its permission; one that is named twice once."""
        resources, (given,) = found(StorageTagged(), Named(resources=(VOLUME_ID, SNAPSHOT_ID, VOLUME_ID)))
        assert [resource.arn for resource in resources] == [VOLUME.arn, OWN.arn]
        assert given == (VOLUME.changed(row_version=1), OWN.changed(row_version=1))

    def test_one_that_is_not_there(self) -> None:
        """Told later."""
        resources, (given,) = found(StorageTagged(), Named(resources=(SNAPSHOT_ID, OTHER_ID)))
        assert [type(resource.missing) for resource in resources] == [type(None), InvalidSnapshotNotFound]
        assert given[1] is None

    def test_a_shared_one_is_not_for_others_to_tag(self) -> None:
        """It is not there for them."""
        resources, _ = found(
            StorageTagged(), Named(resources=(SNAPSHOT_ID,)), account_id=B, snapshot=OWN.changed(public=True)
        )
        assert resources[0].missing is not None

    def test_something_else(self) -> None:
        """Amazon EC2 has more that can be tagged; here it is no ID."""
        with pytest.raises(InvalidID):
            found(StorageTagged(), Named(resources=("i-0123abcd",)))
