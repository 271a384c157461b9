"""Session tags: which go together, and what a chain of roles hands on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.iam.callers import CallerKind, Session
from selfkms.domain.sts.errors import InvalidParameterValueException
from selfkms.domain.sts.session_tags import chained, check_session_tags, inherited_tags
from selfkms.domain.tags import Tag


def session(*tags: Tag, transitive: tuple[str, ...] = ()) -> Session:
    return Session(
        access_key_id="ASIAEXAMPLE",
        kind=CallerKind.ROLE,
        account_id="111122223333",
        issued_at=0.0,
        expires_at=3600.0,
        holder_name="deploy",
        holder_id="AROAEXAMPLE",
        name="build",
        tags=tags,
        transitive_tag_keys=transitive,
    )


DEPARTMENT = Tag("Department", "Engineering")
PROJECT = Tag("Project", "Automation")


def text_of(error: pytest.ExceptionInfo[InvalidParameterValueException]) -> str:
    assert error.value.message is not None
    return error.value.message


@pytest.mark.parametrize("key", ["Department", "department", "DEPARTMENT"])
def test_two_tags_of_one_key_are_refused(key: str) -> None:
    """Keys are compared without case."""
    with pytest.raises(InvalidParameterValueException) as refused:
        check_session_tags((DEPARTMENT, Tag(key, "other")))
    assert text_of(refused) == "Duplicate tag keys found. Please note that Tag keys are case insensitive."


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "Aws:"])
def test_reserved_keys_are_refused(key: str) -> None:
    """`aws:` is AWS's own, in any case."""
    with pytest.raises(InvalidParameterValueException) as refused:
        check_session_tags((Tag(key, ""),))
    assert text_of(refused) == "Tag keys cannot start with AWS reserved prefix for system tags."


def test_only_transitive_tags_are_inherited() -> None:
    """A tag that is not transitive ends with its session; the case of a transitive key does not matter."""
    assert inherited_tags(session(DEPARTMENT, PROJECT, transitive=("department",))) == (DEPARTMENT,)
    assert inherited_tags(session(DEPARTMENT)) == ()
    assert inherited_tags(None) == ()


def test_inherited_tags_come_first_and_stay_transitive() -> None:
    """A new session has inherited and given tags, and hands the inherited ones on."""
    made = chained(session(DEPARTMENT, transitive=("Department",)), (PROJECT,), ("PROJECT",))
    assert made.tags == (DEPARTMENT, PROJECT)
    assert made.transitive_keys == ("Department", "PROJECT")


def test_an_inherited_key_may_be_named_as_transitive_again() -> None:
    """It is so already, and is named once."""
    assert chained(session(DEPARTMENT, transitive=("Department",)), (), ("DEPARTMENT",)).transitive_keys == (
        "Department",
    )


def test_inherited_tags_cannot_be_overridden() -> None:
    """Whoever is further down a chain cannot give itself another department."""
    with pytest.raises(InvalidParameterValueException) as refused:
        chained(session(DEPARTMENT, transitive=("Department",)), (Tag("DEPARTMENT", "Sales"),), ())
    assert text_of(refused) == (
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
        "the calling session."
    )


def test_a_tag_that_is_not_transitive_may_be_set_anew() -> None:
    """It is not inherited, so nothing is overridden."""
    assert chained(session(DEPARTMENT), (Tag("department", "Sales"),), ()).tags == (Tag("department", "Sales"),)


@pytest.mark.parametrize("tags", [(), (PROJECT,)])
def test_a_transitive_key_must_be_a_tag(tags: tuple[Tag, ...]) -> None:
    """Also where no tags are given at all."""
    with pytest.raises(InvalidParameterValueException) as refused:
        chained(session(DEPARTMENT), tags, ("Department",))
    assert text_of(refused) == "The specified transitive tag key must be included in the requested tags."


def test_fifty_tags_with_the_inherited_ones_are_the_most() -> None:
    """The quota is that of a session, wherever its tags come from."""
    own = session(DEPARTMENT, transitive=("Department",))
    tags = tuple(Tag(f"k{number}", "") for number in range(50))
    assert len(chained(own, tags[:49], ()).tags) == 50
    with pytest.raises(InvalidParameterValueException):
        chained(own, tags, ())


KEYS = st.text("abAB", min_size=1, max_size=3)


@settings(max_examples=60)
@given(
    tags=st.lists(KEYS, unique_by=str.lower, max_size=6),
    transitive=st.sets(KEYS),
    given_keys=st.lists(KEYS, max_size=3),
)
def test_no_request_changes_what_is_inherited(tags: list[str], transitive: set[str], given_keys: list[str]) -> None:
    """Whatever is asked for, inherited tags keep their values, and no key stands twice."""
    own = session(*(Tag(key, "own") for key in tags), transitive=tuple(transitive))
    wanted = tuple(Tag(key, "new") for key in given_keys)
    try:
        check_session_tags(wanted)
        made = chained(own, wanted, ())
    except InvalidParameterValueException:
        return
    assert made.tags[: len(inherited_tags(own))] == inherited_tags(own)
    keys = [tag.tag_key.lower() for tag in made.tags]
    assert len(set(keys)) == len(keys)
