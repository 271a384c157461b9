"""Requests as CloudTrail shows those of Amazon EC2."""

from selfkms.services.ebs.audit_forms import filter_set, items, results_shown, tag_set, tag_specification_set


def test_lists() -> None:
    """Each value under a name; none is an empty object."""
    assert items("owner", ["self", "amazon"]) == {"items": [{"owner": "self"}, {"owner": "amazon"}]}
    assert items("owner", None) == items("owner", ()) == {}


def test_filters() -> None:
    """A name, and a set of values."""
    assert filter_set({"filters": [{"Name": "status", "Values": ["error", "pending"]}, {"Name": "tag-key"}]}) == {
        "items": [
            {"name": "status", "valueSet": {"items": [{"value": "error"}, {"value": "pending"}]}},
            {"name": "tag-key", "valueSet": {}},
        ]
    }
    assert filter_set({}) == {}


def test_tags() -> None:
    """A value that was left out stays out, an empty one does not; the names may be either way."""
    assert tag_set([{"Key": "a", "Value": ""}, {"key": "b"}]) == {"items": [{"key": "a", "value": ""}, {"key": "b"}]}
    assert tag_set(None) == {}
    specification = {"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": "1"}]}
    assert tag_specification_set({"tagSpecifications": [specification]}) == {
        "items": [{"resourceType": "snapshot", "tags": [{"key": "a", "value": "1"}]}]
    }
    assert tag_specification_set({}) == {}


def test_the_size_of_a_page() -> None:
    """Only where one was asked for."""
    assert results_shown({"maxResults": 5}) == {"maxResults": 5}
    assert results_shown({}) == {}
