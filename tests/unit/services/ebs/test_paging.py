"""Pages of Amazon EC2: tokens are worth nothing but where they were issued."""

import pytest

from harness.snapshots import SnapshotWorld
from harness.storage_records import put_snapshot
from harness.world import BOB_ACCOUNT
from selfkms.domain.ebs.errors import InvalidParameterCombination, InvalidParameterValue
from selfkms.services.ebs.paging import Paged, check_paged


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def test_pages_together_are_the_listing(world: SnapshotWorld) -> None:
    """Whoever does not ask for pages gets everything at once."""
    there = sorted(put_snapshot(world) for _ in range(12))
    everything = world.compute("DescribeSnapshots")
    assert [one["SnapshotId"] for one in everything["Snapshots"]] == there
    assert "NextToken" not in everything
    sizes: list[int] = []
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = world.compute("DescribeSnapshots", MaxResults=5, **token)
        sizes.append(len(answer["Snapshots"]))
        found += [one["SnapshotId"] for one in answer["Snapshots"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert (found, sizes) == (there, [5, 5, 2])
    # A token alone goes on to the end.
    first = world.compute("DescribeSnapshots", MaxResults=5)["NextToken"]
    assert len(world.compute("DescribeSnapshots", NextToken=first)["Snapshots"]) == 7


def test_everything_is_more_than_a_page(world: SnapshotWorld) -> None:
    """1,000 entries is what a page may have, not what there may be."""
    for _ in range(1_001):
        put_snapshot(world)
    assert len(world.compute("DescribeSnapshots")["Snapshots"]) == 1_001
    # More than may be asked for is not refused.
    answer = world.compute("DescribeSnapshots", MaxResults=5_000)
    assert (len(answer["Snapshots"]), "NextToken" in answer) == (1_000, True)


def test_a_token_is_of_one_listing(world: SnapshotWorld) -> None:
    """Of an operation, an account and a Region."""
    for _ in range(6):
        put_snapshot(world)
    token = world.compute("DescribeSnapshots", MaxResults=5)["NextToken"]
    for operation, place in (
        ("DescribeVolumes", {}),
        ("DescribeTags", {}),
        ("DescribeSnapshots", {"by": BOB_ACCOUNT}),
        ("DescribeSnapshots", {"region": "eu-west-1"}),
    ):
        code, text = world.compute_refusal(operation, NextToken=token, **place)
        assert (code, text) == ("InvalidParameterValue", f"Value ({token}) for parameter nextToken is invalid.")


def test_pages_that_cannot_be() -> None:
    """Too small, or of what is named one by one."""
    with pytest.raises(InvalidParameterValue) as refused:
        check_paged(Paged(max_results=4), (), "snapshotSet")
    assert refused.value.message == (
        "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5."
    )
    with pytest.raises(InvalidParameterCombination) as combined:
        check_paged(Paged(max_results=5), ("snap-1",), "snapshotSet")
    assert combined.value.message == "The parameter snapshotSet cannot be used with the parameter maxResults"
    check_paged(Paged(max_results=5), (), "snapshotSet")
    check_paged(Paged(), ("snap-1",), "snapshotSet")
