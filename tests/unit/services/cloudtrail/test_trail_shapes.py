"""The shapes of trails: names that AWS writes in its own way."""

from selfkms.services.cloudtrail.trail_shapes import DescribeTrailsRequest, TrailListEntry


def test_names_that_follow_no_rule() -> None:
    """TrailARN in capitals, the members of DescribeTrails with a small first letter."""
    assert TrailListEntry.__struct_encode_fields__[0] == "TrailARN"
    assert DescribeTrailsRequest.__struct_encode_fields__ == ("trailNameList", "includeShadowTrails")
