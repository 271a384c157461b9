"""Tags of IAM: keys that are the same whatever their case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.iam.errors import InvalidInputException, LimitExceededException
from selfkms.domain.iam.limits import TAGS_PER_ENTITY_MAX
from selfkms.domain.iam.tags import check_new_tags, with_tags, without_tags
from selfkms.domain.tags import Tag

# Few keys, so that two lists often share some.
KEYS = st.sampled_from(["a", "A", "b", "B", "c", "D"])
TAGS = st.lists(st.builds(Tag, KEYS, st.text("xyz", max_size=2)), unique_by=lambda tag: tag.tag_key.lower()).map(tuple)


def numbered(count: int) -> tuple[Tag, ...]:
    """So many tags, each with a key of its own."""
    return tuple(Tag(f"key{number:03}", "") for number in range(count))


@pytest.mark.parametrize("tag", [Tag("aws:x", ""), Tag("AWS:x", ""), Tag("a", "aws:y"), Tag("a", "aWs:")])
def test_reserved_keys_and_values_are_refused(tag: Tag) -> None:
    """Neither a key nor a value begins with `aws:`, in whatever case."""
    with pytest.raises(InvalidInputException) as refusal:
        check_new_tags([tag])
    assert refusal.value.code == "InvalidInput"


@pytest.mark.parametrize("tag", [Tag("aws", ""), Tag("my-aws:x", "x aws:"), Tag("a", "awsx")])
def test_what_only_resembles_the_reserved_prefix_is_taken(tag: Tag) -> None:
    """The prefix is `aws:` at the very beginning."""
    check_new_tags([tag])


def test_two_tags_of_one_key_are_refused_whatever_their_case() -> None:
    """`Department` and `department` are the same key."""
    with pytest.raises(InvalidInputException) as refusal:
        check_new_tags([Tag("Department", "x"), Tag("department", "y")])
    assert refusal.value.message == "Duplicate tag keys found. Please note that Tag keys are case insensitive."


def test_a_new_tag_takes_the_place_of_one_of_another_case() -> None:
    """The key is kept as it was written last; a second tag is not added."""
    assert with_tags((Tag("Department", "x"), Tag("a", "")), [Tag("department", "y")]) == (
        Tag("a", ""),
        Tag("department", "y"),
    )


def test_fifty_tags_are_taken_and_not_one_more() -> None:
    """The quota counts all tags together; one that replaces another does not count twice."""
    full = with_tags((), numbered(TAGS_PER_ENTITY_MAX))
    assert with_tags(full, [Tag("KEY001", "new")])[1] == Tag("KEY001", "new")
    with pytest.raises(LimitExceededException) as refusal:
        with_tags(full, [Tag("other", "")])
    assert refusal.value.http_status == 409


@given(present=TAGS, new=TAGS)
def test_tags_are_sorted_and_the_new_ones_are_all_there(present: tuple[Tag, ...], new: tuple[Tag, ...]) -> None:
    """Each key is there once, all new tags as they were given, in the order of the keys."""
    after = with_tags(present, new)
    keys = [tag.tag_key.lower() for tag in after]
    assert keys == sorted(set(keys))
    assert set(new) <= set(after) <= set(present) | set(new)


@given(present=TAGS, gone=st.lists(KEYS))
def test_removed_keys_are_gone_whatever_their_case(present: tuple[Tag, ...], gone: list[str]) -> None:
    """What stays is what was not named, in its order; keys that are not there are ignored."""
    small = {key.lower() for key in gone}
    assert without_tags(present, gone) == tuple(tag for tag in present if tag.tag_key.lower() not in small)
