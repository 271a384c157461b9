"""Session tags: given with a request, or inherited from the session of the caller because they are transitive.

Keys are compared without case and kept as they were written.

Source: IAM User Guide, "Pass session tags in AWS STS", "Chaining roles with session tags"; recorded answers of STS for
codes and texts.
"""

from collections.abc import Iterable
from typing import NamedTuple

from selfkms.domain.iam.callers import Session
from selfkms.domain.sts.errors import InvalidParameterValueException
from selfkms.domain.sts.limits import SESSION_TAGS_MAX
from selfkms.domain.tags import Tag


class SessionTags(NamedTuple):
    """The tags of a new session, and the keys of those that the next session in a chain inherits."""

    tags: tuple[Tag, ...]
    transitive_keys: tuple[str, ...]


def inherited_tags(session: Session | None) -> tuple[Tag, ...]:
    """The transitive tags of a caller's session. Only role sessions have any."""
    if session is None:
        return ()
    transitive = _lowered(session.transitive_tag_keys)
    return tuple(tag for tag in session.tags if tag.tag_key.lower() in transitive)


def check_session_tags(tags: tuple[Tag, ...]) -> None:
    """Refuse what no request may bring.

    Raises:
        InvalidParameterValueException: two keys that are equal but for case, or a reserved one.
    """
    if len(_lowered(tag.tag_key for tag in tags)) < len(tags):
        raise InvalidParameterValueException(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(tag.tag_key.lower().startswith("aws:") for tag in tags):
        raise InvalidParameterValueException("Tag keys cannot start with AWS reserved prefix for system tags.")


def chained(session: Session | None, tags: tuple[Tag, ...], transitive_keys: tuple[str, ...]) -> SessionTags:
    """The tags of a session that a caller makes: inherited ones first.

    Args:
        session: the caller's own, if it has one.
        tags: those of the request, checked by `check_session_tags`.
        transitive_keys: those of the request.

    Raises:
        InvalidParameterValueException: an inherited tag would be overridden, a transitive key is no tag, or there are
            more tags than a session may have.
    """
    inherited = inherited_tags(session)
    inherited_keys = tuple(tag.tag_key for tag in inherited)
    given, fixed = _lowered(tag.tag_key for tag in tags), _lowered(inherited_keys)
    if given & fixed:
        raise InvalidParameterValueException(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
            "from the calling session."
        )
    if _lowered(transitive_keys) - given - fixed:
        raise InvalidParameterValueException("The specified transitive tag key must be included in the requested tags.")
    if len(inherited) + len(tags) > SESSION_TAGS_MAX:
        raise InvalidParameterValueException(f"A session can have at most {SESSION_TAGS_MAX} tags.")
    further = {key.lower(): key for key in transitive_keys if key.lower() not in fixed}
    return SessionTags((*inherited, *tags), (*inherited_keys, *further.values()))


def _lowered(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(key.lower() for key in keys)
