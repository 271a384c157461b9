"""Tags of users, roles, managed policies and identity providers: their keys are the same whatever their case.

Characters and lengths are checked by the service model.

Source: IAM User Guide, "Tags for AWS Identity and Access Management resources", "Rules for tagging in IAM and AWS STS".
"""

from collections.abc import Iterable, Sequence

from selfkms.domain.iam.errors import InvalidInputException, LimitExceededException
from selfkms.domain.iam.limits import TAGS_PER_ENTITY_MAX
from selfkms.domain.tags import Tag

_RESERVED = "aws:"


def check_new_tags(tags: Sequence[Tag]) -> None:
    """Refuse what no request may bring.

    Raises:
        InvalidInputException: two tags of one key, or a key or a value that AWS keeps for itself.
    """
    if len({tag.tag_key.lower() for tag in tags}) < len(tags):
        raise InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    for tag in tags:
        if tag.tag_key.lower().startswith(_RESERVED) or tag.tag_value.lower().startswith(_RESERVED):
            raise InvalidInputException("Tag keys and values that begin with aws: are reserved for AWS use.")


def with_tags(present: Sequence[Tag], new: Sequence[Tag]) -> tuple[Tag, ...]:
    """The tags after TagUser and its like, sorted by key. A new tag takes the place of one whose key differs by case.

    Raises:
        LimitExceededException: there would be more than 50.
    """
    given = {tag.tag_key.lower() for tag in new}
    tags = [*(tag for tag in present if tag.tag_key.lower() not in given), *new]
    if len(tags) > TAGS_PER_ENTITY_MAX:
        raise LimitExceededException(f"Cannot exceed quota for TagsPerEntity: {TAGS_PER_ENTITY_MAX}")
    return tuple(sorted(tags, key=lambda tag: tag.tag_key.lower()))


def without_tags(present: Sequence[Tag], tag_keys: Iterable[str]) -> tuple[Tag, ...]:
    """The tags after UntagUser and its like; keys that are not there are ignored."""
    gone = {key.lower() for key in tag_keys}
    return tuple(tag for tag in present if tag.tag_key.lower() not in gone)
