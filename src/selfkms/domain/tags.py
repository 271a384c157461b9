"""Tags of a KMS key.

Source: AWS KMS API Reference, "TagResource"; KMS developer guide, "Tags in AWS KMS".
"""

from collections.abc import Iterable

import msgspec

from selfkms.domain.kms.errors import TagException
from selfkms.domain.limits import TAGS_PER_KEY_MAX


class Tag(msgspec.Struct, frozen=True, rename="pascal"):
    """A name and a value; lengths (128 and 256) are checked by the service model."""

    tag_key: str
    tag_value: str


def check_new_tags(tags: Iterable[Tag]) -> None:
    """Refuse what no request may bring: two tags of one key, or a reserved key."""
    seen: set[str] = set()
    for tag in tags:
        if tag.tag_key.lower().startswith("aws:"):
            raise TagException("Tags beginning with aws: are reserved")
        if tag.tag_key in seen:
            raise TagException("Duplicate tag keys")
        seen.add(tag.tag_key)


def with_tags(present: tuple[Tag, ...], new: Iterable[Tag]) -> tuple[Tag, ...]:
    """The tags after TagResource: an updated one stays in its place, a new one goes to the end."""
    by_key = {tag.tag_key: tag for tag in present}
    by_key.update({tag.tag_key: tag for tag in new})
    if len(by_key) > TAGS_PER_KEY_MAX:
        raise TagException("Too many tags")
    return tuple(by_key.values())


def without_tags(present: tuple[Tag, ...], tag_keys: Iterable[str]) -> tuple[Tag, ...]:
    """The tags after UntagResource; keys that are not there are ignored."""
    gone = set(tag_keys)
    return tuple(tag for tag in present if tag.tag_key not in gone)
