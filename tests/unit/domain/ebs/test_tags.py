"""Tags of snapshots and volumes: what no resource may have."""

import pytest

from selfkms.domain.ebs.errors import InvalidParameterValue, TagLimitExceeded
from selfkms.domain.ebs.tags import TAGS_PER_RESOURCE_MAX, check_new_tags, with_tags
from selfkms.domain.tags import Tag

FULL = tuple(Tag(f"key {number}", "") for number in range(TAGS_PER_RESOURCE_MAX))


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ((Tag("", "a"),), "Tag key cannot be empty."),
        (
            (Tag("aws:a", "b"),),
            "Value ( aws:a ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use",
        ),
        ((Tag("k" * 129, ""),), "Tag key exceeds the maximum length of 128 characters"),
        ((Tag("k", "v" * 257),), "Tag value exceeds the maximum length of 256 characters"),
        ((Tag("a", "1"), Tag("b", "1"), Tag("a", "2")), "Duplicate tag key 'a' specified."),
    ],
)
def test_refuses_what_no_request_may_bring(tags: tuple[Tag, ...], text: str) -> None:
    """In the words of Amazon EC2."""
    with pytest.raises(InvalidParameterValue) as refused:
        check_new_tags(tags)
    assert refused.value.message == text


def test_keys_of_another_case_and_longest_texts_are_fine() -> None:
    """Unlike in IAM, `a` and `A` are two tags."""
    check_new_tags((Tag("a", "1"), Tag("A", "1"), Tag("k" * 128, "v" * 256)))


def test_a_resource_has_at_most_fifty() -> None:
    """However they come together."""
    check_new_tags(FULL)
    assert len(with_tags(FULL, (Tag("key 7", "new"),))) == TAGS_PER_RESOURCE_MAX
    for too_many in (lambda: check_new_tags((*FULL, Tag("one", ""))), lambda: with_tags(FULL, (Tag("one", ""),))):
        with pytest.raises(TagLimitExceeded) as refused:
            too_many()
        assert refused.value.message == "The maximum number of Tags for a resource has been reached."


def test_a_new_value_keeps_the_place() -> None:
    """And a new tag goes to the end."""
    present = (Tag("a", "1"), Tag("b", "2"))
    assert with_tags(present, (Tag("c", "3"), Tag("a", "4"))) == (Tag("a", "4"), Tag("b", "2"), Tag("c", "3"))
