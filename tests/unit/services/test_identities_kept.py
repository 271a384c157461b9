"""What is kept of identities between requests, and that no change is hidden by it."""

import pytest

from harness.policies import (
    allow,
    change_user,
    deny,
    document,
    inline,
    may,
    new_group,
    new_managed_policy,
    new_role,
    new_session,
    user_of,
)
from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.records import Put
from selfkms.services import identities
from selfkms.services.identities import CompiledPolicies, Identities, MadeFromRecords

ALLOWING = document(allow("kms:*"))
DENYING = document(deny("kms:*"))
UNRELATED = document(allow("s3:*"))


def lists(world: World, by: str = ALICE_ACCOUNT) -> bool:
    """Whether IAM alone lets a caller do something."""
    return may(world, "ListKeys", {}, by=by)


def second_version(world: World) -> None:
    """Let the second version of the managed policy `p` be in force."""
    policy = world.database.managed_policy(ALICE_ACCOUNT, "p")
    assert policy is not None
    world.database.commit([Put(policy.changed(default_version_id="v2"))])


class TestWhatIsKept:
    """Documents are gathered once for the same records; nothing that was changed since is hidden by it."""

    def test_the_same_records_give_the_same_documents(self, world: World) -> None:
        """Nothing is put together again while the user, its groups and its managed policies stay what they are."""
        new_group(world, "g", attached_policy_arns=(new_managed_policy(world, "p", ALLOWING).arn,))
        change_user(world, group_names=("g",))
        caller = Caller.user(user_of(world), "AKIA1")
        identities = Identities(world.database, CompiledPolicies())
        assert identities.of(caller).policies is identities.of(caller).policies
        group = world.database.group(ALICE_ACCOUNT, "g")
        assert group is not None
        world.database.commit([Put(group.changed(inline_policies=inline(DENYING)))])
        assert len(identities.of(caller).policies) == 3

    def test_an_equal_user_is_not_the_same(self, world: World) -> None:
        """What counts is the object that the database gave, not what it is called."""
        user = user_of(world)
        identities = Identities(world.database, CompiledPolicies())
        first = identities.of(Caller.user(user, "AKIA1"))
        again = identities.of(Caller.user(user.changed(), "AKIA1"))
        assert again.policies == first.policies
        assert again.policies is not first.policies

    def test_a_policy_that_comes_into_being_counts(self, world: World) -> None:
        """That it was not there is not remembered either."""
        change_user(world, attached_policy_arns=(f"arn:aws:iam::{ALICE_ACCOUNT}:policy/p",))
        assert not lists(world)
        new_managed_policy(world, "p", ALLOWING)
        assert lists(world)

    def test_a_version_of_the_boundary_counts(self, world: World) -> None:
        """The user stays the same object, and the boundary is looked up again."""
        boundary = new_managed_policy(world, "p", ALLOWING, UNRELATED)
        change_user(world, permissions_boundary=boundary.arn)
        assert lists(world)
        second_version(world)
        assert not lists(world)

    def test_a_version_of_a_policy_of_the_session_counts(self, world: World) -> None:
        """Also where role and session stay the same objects."""
        policy = new_managed_policy(world, "p", ALLOWING, UNRELATED)
        role = new_role(world, "r", "", inline_policies=inline(ALLOWING))
        new_session(world, "s1", role, kind=CallerKind.ROLE, restricted=True, policy_arns=(policy.arn,))
        assert lists(world, "s1")
        second_version(world)
        assert not lists(world, "s1")

    def test_sessions_of_one_role_are_kept_apart(self, world: World) -> None:
        """Session policies limit their own session, whoever asks first."""
        role = new_role(world, "r", "", inline_policies=inline(ALLOWING))
        new_session(world, "free", role, kind=CallerKind.ROLE)
        for name, text in (("limited", UNRELATED), ("enough", ALLOWING)):
            new_session(world, name, role, kind=CallerKind.ROLE, restricted=True, policies=(text,))
        for _ in range(2):
            assert [lists(world, name) for name in ("free", "limited", "enough")] == [True, False, True]


class TestMadeFromRecords:
    """Kept by the identity of what it was made from, up to a number of characters."""

    def test_only_the_very_objects_count(self, world: World) -> None:
        """An equal one is another one, and a second record is part of it."""
        user = user_of(world)
        equal, kept = user.changed(), MadeFromRecords[str]()
        kept.keep("made", user, text=1)
        assert equal == user
        assert kept.get(user) == "made"
        assert kept.get(equal) is None
        assert kept.get(user, equal) is None

    def test_an_identity_is_not_used_again(self) -> None:
        """An entry holds its record, so that no later object can have its place in memory."""
        kept = MadeFromRecords[int]()
        for number in range(100):
            record = [number]
            assert kept.get(record) is None
            kept.keep(number, record, text=1)

    def test_no_more_is_kept_than_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was not asked for the longest goes first; what is made anew counts once."""
        monkeypatch.setattr(identities, "_MADE_TEXT_MAX", 3 * (1_024 + 100))
        kept, records = MadeFromRecords[int](), [[number] for number in range(4)]
        for number in (0, 1, 1, 1, 2):
            kept.keep(number, records[number], text=100)
        assert kept.get(records[0]) == 0
        kept.keep(3, records[3], text=100)
        assert [kept.get(record) for record in records] == [0, None, 2, 3]

    def test_what_does_not_fit_is_not_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """And leaves room for others."""
        monkeypatch.setattr(identities, "_MADE_TEXT_MAX", 2_000)
        kept, large, small = MadeFromRecords[str](), ["large"], ["small"]
        kept.keep("large", large, text=1_000)
        kept.keep("small", small, text=10)
        assert (kept.get(large), kept.get(small)) == (None, "small")
