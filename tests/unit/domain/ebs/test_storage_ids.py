"""IDs of snapshots and volumes: what has their form, and how what has not is refused."""

import pytest

from selfkms.domain.ebs.errors import (
    EC2Error,
    InvalidParameterValue,
    InvalidSnapshotIDMalformed,
    InvalidVolumeIDMalformed,
)
from selfkms.domain.ebs.storage import check_snapshot_id, check_volume_id, new_id


def test_ids_of_either_length() -> None:
    """Older ones have eight digits."""
    for digits in ("01234567", "0123456789abcdef0"):
        check_snapshot_id(f"snap-{digits}")
        check_volume_id(f"vol-{digits}")
    check_snapshot_id(new_id("snap", bytes(range(9))))


@pytest.mark.parametrize("end", ["", "1", "0123456789abcdef", "0123456789ABCDEF0", "0123456789abcdef01", "0123456\n"])
def test_ids_of_another_form(end: str) -> None:
    """They begin like one."""
    with pytest.raises(InvalidSnapshotIDMalformed) as snapshot:
        check_snapshot_id(f"snap-{end}")
    assert (snapshot.value.code, snapshot.value.message) == ("InvalidSnapshotID.Malformed", f'Invalid id: "snap-{end}"')
    with pytest.raises(InvalidVolumeIDMalformed) as volume:
        check_volume_id(f"vol-{end}")
    assert (volume.value.code, volume.value.message) == ("InvalidVolumeID.Malformed", f'Invalid id: "vol-{end}"')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Value () for parameter snapshotId is invalid. Parameter may not be null or empty"),
        ("vol-01234567", "Value (vol-01234567) for parameter snapshotId is invalid. Expected: 'snap-...'."),
        ("*", "Value (*) for parameter snapshotId is invalid. Expected: 'snap-...'."),
    ],
)
def test_what_is_no_id(text: str, message: str) -> None:
    """It does not even begin like one."""
    with pytest.raises(EC2Error) as refused:
        check_snapshot_id(text)
    assert isinstance(refused.value, InvalidParameterValue)
    assert refused.value.message == message
