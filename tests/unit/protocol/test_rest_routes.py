"""Operations by method and path."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.protocol import sigv4
from selfkms.protocol.model import ServiceModel
from selfkms.protocol.rest_routes import Routes

ROUTES = Routes(ServiceModel.load("ebs").operations)


@pytest.mark.parametrize(
    ("method", "target", "operation", "labels"),
    [
        ("POST", "/snapshots", "StartSnapshot", {}),
        ("POST", "/snapshots?a=/b/c", "StartSnapshot", {}),
        ("POST", "/snapshots/completion/snap-1", "CompleteSnapshot", {"snapshotId": "snap-1"}),
        ("GET", "/snapshots/snap-1/blocks", "ListSnapshotBlocks", {"snapshotId": "snap-1"}),
        ("GET", "/snapshots/snap-1/changedblocks", "ListChangedBlocks", {"secondSnapshotId": "snap-1"}),
        ("GET", "/snapshots/snap-1/blocks/5", "GetSnapshotBlock", {"snapshotId": "snap-1", "blockIndex": "5"}),
        ("PUT", "/snapshots/snap-1/blocks/5", "PutSnapshotBlock", {"snapshotId": "snap-1", "blockIndex": "5"}),
        ("GET", "/snapshots/a%20%C3%A9%2B+/blocks", "ListSnapshotBlocks", {"snapshotId": "a é++"}),
        ("GET", "/snapshots/a%252Fb/blocks", "ListSnapshotBlocks", {"snapshotId": "a%2Fb"}),
        ("GET", "/snapshots/.../blocks", "ListSnapshotBlocks", {"snapshotId": "..."}),
    ],
)
def test_routes(method: str, target: str, operation: str, labels: dict[str, str]) -> None:
    """The operation, and its labels without escapes, each decoded once."""
    assert ROUTES.find(method, target) == (operation, labels)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/snapshots"),
        ("DELETE", "/snapshots/snap-1/blocks/5"),
        ("put", "/snapshots/snap-1/blocks/5"),
        ("HEAD", "/snapshots/snap-1/blocks"),
        ("POST", ""),
        ("POST", "/"),
        ("POST", "snapshots"),
        ("POST", "*"),
        ("POST", "http://ebs.example/snapshots"),
        ("POST", "//snapshots"),
        ("POST", "/snapshots/"),
        ("POST", "/./snapshots"),
        ("POST", "/a/../snapshots"),
        ("POST", "/Snapshots"),
        ("POST", "/%73napshots"),
        ("POST", "/snapshots#a"),
        ("GET", "/snapshots//blocks"),
        ("GET", "/snapshots/./blocks"),
        ("GET", "/snapshots/../blocks"),
        ("GET", "/snapshots/%2e%2e/blocks"),
        ("GET", "/snapshots/%2E/blocks"),
        ("GET", "/snapshots/a%2Fb/blocks"),
        ("GET", "/snapshots/a%2fb/blocks"),
        ("GET", "/snapshots/%/blocks"),
        ("GET", "/snapshots/%zz/blocks"),
        ("GET", "/snapshots/%ff/blocks"),
        ("GET", "/snapshots/snap-1/blocks/5/6"),
        ("GET", "/snapshots/snap-1%2Fblocks/5/6"),
    ],
)
def test_no_route(method: str, target: str) -> None:
    """Other methods and paths, and labels that would be another path to somebody else."""
    assert ROUTES.find(method, target) is None


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(("GET", "PUT", "POST")),
    segments=st.lists(
        st.sampled_from(("snapshots", "completion", "blocks", "changedblocks", "snap-1", "5", ".", "..", "")),
        max_size=6,
    ),
)
def test_a_path_that_matches_is_the_one_that_is_signed(method: str, segments: list[str]) -> None:
    """Normalising it, as signatures do, changes nothing."""
    path = f"/{'/'.join(segments)}"
    if ROUTES.find(method, path) is not None:
        assert sigv4._canonical_path(path) == path
