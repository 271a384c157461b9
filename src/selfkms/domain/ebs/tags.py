"""Tags of snapshots and volumes: their keys differ by case, as everywhere in Amazon EC2.

Source: Amazon EC2 User Guide, "Tag your Amazon EC2 resources", "Tag restrictions". AWS publishes no texts of these
errors; they are what the service answers, where that is known.
"""

from collections.abc import Sequence
from typing import Final

from selfkms.domain.ebs.errors import InvalidParameterValue, TagLimitExceeded
from selfkms.domain.tags import Tag

TAGS_PER_RESOURCE_MAX: Final = 50
_KEY_CHARACTERS_MAX: Final = 128
_VALUE_CHARACTERS_MAX: Final = 256
_RESERVED: Final = "aws:"


def check_new_tags(tags: Sequence[Tag]) -> None:
    """Refuse what no request may bring.

    Raises:
        InvalidParameterValue: two tags of one key; a key that is empty, reserved or too long; a value that is too long.
        TagLimitExceeded: more than a resource may have.
    """
    seen: set[str] = set()
    for tag in tags:
        _check_tag(tag)
        if tag.tag_key in seen:
            raise InvalidParameterValue(f"Duplicate tag key '{tag.tag_key}' specified.")
        seen.add(tag.tag_key)
    _check_count(len(seen))


def with_tags(present: Sequence[Tag], new: Sequence[Tag]) -> tuple[Tag, ...]:
    """The tags after CreateTags: an updated one stays in its place, a new one goes to the end.

    Raises:
        TagLimitExceeded: there would be more than 50.
    """
    by_key = {tag.tag_key: tag for tag in (*present, *new)}
    _check_count(len(by_key))
    return tuple(by_key.values())


def _check_tag(tag: Tag) -> None:
    if not tag.tag_key:
        raise InvalidParameterValue("Tag key cannot be empty.")
    if tag.tag_key.lower().startswith(_RESERVED):
        raise InvalidParameterValue(
            f"Value ( {tag.tag_key} ) for parameter key is invalid. "
            "Tag keys starting with 'aws:' are reserved for internal use"
        )
    if len(tag.tag_key) > _KEY_CHARACTERS_MAX:
        raise InvalidParameterValue(f"Tag key exceeds the maximum length of {_KEY_CHARACTERS_MAX} characters")
    if len(tag.tag_value) > _VALUE_CHARACTERS_MAX:
        raise InvalidParameterValue(f"Tag value exceeds the maximum length of {_VALUE_CHARACTERS_MAX} characters")


def _check_count(count: int) -> None:
    if count > TAGS_PER_RESOURCE_MAX:
        raise TagLimitExceeded("The maximum number of Tags for a resource has been reached.")
