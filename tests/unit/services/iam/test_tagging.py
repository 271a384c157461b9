"""Tags as IAM's requests and answers have them."""

from types import SimpleNamespace

import msgspec

from selfkms.domain.tags import Tag
from selfkms.services.iam.tagging import TagEntry, of_tagging, of_untagging, tag_entries, tags_of


def test_tags_bear_the_names_of_iam() -> None:
    """Key and Value, not the names of AWS KMS; there and back they stay the same."""
    entries = tag_entries([Tag("Project", "Alpha")])
    assert msgspec.to_builtins(entries) == ({"Key": "Project", "Value": "Alpha"},)
    assert tags_of(entries) == (Tag("Project", "Alpha"),)


def test_tags_are_condition_keys() -> None:
    """Each tag by its key, and all keys; a request without tags has none of them."""
    request = SimpleNamespace(tags=(TagEntry(key="a", value="1"), TagEntry(key="b", value="")))
    assert of_tagging(request) == {"aws:RequestTag/a": "1", "aws:RequestTag/b": "", "aws:TagKeys": ("a", "b")}
    assert of_tagging(SimpleNamespace(tags=())) == {}
    assert of_untagging(SimpleNamespace(tag_keys=("a",))) == {"aws:TagKeys": ("a",)}
