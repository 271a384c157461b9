"""Tags of a KMS key."""

from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.kms.errors import TagException
from selfkms.domain.tags import Tag, check_new_tags, with_tags, without_tags

# Few keys, so that two lists often share some.
TAGS: Final = st.lists(st.builds(Tag, st.sampled_from("abcdef"), st.text("xyz", max_size=2))).map(tuple)


def numbered(count: int) -> tuple[Tag, ...]:
    """So many tags, each with a key of its own."""
    return tuple(Tag(f"key{number}", "") for number in range(count))


def test_tags_bear_the_names_of_aws() -> None:
    """TagKey and TagValue on every wire."""
    assert msgspec.to_builtins(Tag("Project", "Alpha")) == {"TagKey": "Project", "TagValue": "Alpha"}


@pytest.mark.parametrize("tag_key", ["aws:x", "AWS:x", "aWs:", "aws:createdBy"])
def test_reserved_keys_are_refused(tag_key: str) -> None:
    """No tag begins with `aws:`, in whatever case."""
    with pytest.raises(TagException) as refusal:
        check_new_tags([Tag("a", ""), Tag(tag_key, "")])
    assert refusal.value.message == "Tags beginning with aws: are reserved"


@pytest.mark.parametrize("tag_key", ["aws", "awsx", "my-aws:x", " aws:x"])
def test_keys_that_only_resemble_reserved_ones_are_taken(tag_key: str) -> None:
    """The prefix is `aws:` at the very beginning."""
    check_new_tags([Tag(tag_key, "")])


def test_a_key_twice_in_one_request_is_refused() -> None:
    """Two tags of one key have no order, so neither can win."""
    with pytest.raises(TagException) as refusal:
        check_new_tags([Tag("a", "1"), Tag("b", "1"), Tag("a", "2")])
    assert refusal.value.message == "Duplicate tag keys"


def test_keys_that_differ_in_case_are_two_keys() -> None:
    """Tag keys are case-sensitive."""
    check_new_tags([Tag("a", ""), Tag("A", "")])


def test_an_updated_tag_stays_in_its_place() -> None:
    """New values where the key was, new keys at the end."""
    present = (Tag("a", "1"), Tag("b", "2"), Tag("c", "3"))
    assert with_tags(present, [Tag("d", "4"), Tag("b", "5")]) == (
        Tag("a", "1"),
        Tag("b", "5"),
        Tag("c", "3"),
        Tag("d", "4"),
    )


@given(TAGS, TAGS)
def test_tags_after_tagging(present: tuple[Tag, ...], new: tuple[Tag, ...]) -> None:
    """Every key once; the last value given to it; no other tag touched."""
    expected = {tag.tag_key: tag.tag_value for tag in (*present, *new)}
    tags = with_tags(present, new)
    assert [tag.tag_key for tag in tags] == list(expected)
    assert {tag.tag_key: tag.tag_value for tag in tags} == expected


def test_fifty_tags_are_enough() -> None:
    """A key has 50 tags; one more is refused, a new value for one of them is not."""
    fifty = with_tags((), numbered(50))
    assert len(fifty) == 50
    assert len(with_tags(fifty, [Tag("key7", "new")])) == 50
    with pytest.raises(TagException) as refusal:
        with_tags(fifty, [Tag("one more", "")])
    assert refusal.value.message == "Too many tags"
    with pytest.raises(TagException):
        with_tags((), numbered(51))


@given(TAGS, st.lists(st.sampled_from("abcdefghi")))
def test_tags_after_untagging(present: tuple[Tag, ...], tag_keys: list[str]) -> None:
    """The named ones are gone, unknown ones are ignored, the others stay as they were."""
    assert without_tags(present, iter(tag_keys)) == tuple(tag for tag in present if tag.tag_key not in tag_keys)
