"""The documents of the identity side of a caller: user, groups, managed policies, boundary, session, as of now."""

from collections.abc import Callable, Mapping
from typing import Any

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
    new_user,
    only,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.policy.document import PolicyKind
from selfkms.domain.policy.facts import Facts
from selfkms.domain.records import Put, Remove
from selfkms.domain.tags import Tag
from selfkms.services import identities
from selfkms.services.identities import CompiledPolicies, Identities

ALLOWING = document(allow("kms:*"))
DENYING = document(deny("kms:*"))
UNRELATED = document(allow("s3:*"))
UNREADABLE = ["", "no policy", "{}", '{"Statement": [{}]}', document(allow("kms:*", principal="*"))]


def lists(world: World, by: str = ALICE_ACCOUNT) -> bool:
    """Whether IAM alone lets a caller do something."""
    return may(world, "ListKeys", {}, by=by)


def refusal_why(world: World, by: str = ALICE_ACCOUNT) -> str:
    """What follows the action in the text of the refusal."""
    code, text = world.refusal("ListKeys", by=by)
    assert code == "AccessDeniedException"
    assert text is not None
    return text.partition("kms:ListKeys ")[2]


NO_IDENTITY = "because no identity-based policy allows the kms:ListKeys action"
NO_BOUNDARY = "because no permissions boundary allows the kms:ListKeys action"
NO_SESSION = "because no session policy allows the kms:ListKeys action"
DENIED = "with an explicit deny in {}"


class TestPoliciesOfAUser:
    """Inline, managed, of groups: any may allow, any may deny."""

    @pytest.fixture
    def world(self) -> World:
        """Alice's admin with no policy and no group."""
        world = World()
        only(world)
        return world

    def give(self, world: World, how: str, text: str) -> None:
        """Let the user have a policy."""
        if how == "inline":
            change_user(world, inline_policies=inline(text))
        elif how == "managed":
            change_user(world, attached_policy_arns=(new_managed_policy(world, "p", text).arn,))
        elif how == "inline of a group":
            new_group(world, "g", inline_policies=inline(text))
            new_group(world, "other")
            change_user(world, group_names=("other", "g"))
        else:
            new_group(world, "g", attached_policy_arns=(new_managed_policy(world, "p", text).arn,))
            change_user(world, group_names=("g",))

    HOW = ("inline", "managed", "inline of a group", "managed of a group")

    def test_without_any(self, world: World) -> None:
        """Nothing is allowed."""
        assert refusal_why(world) == NO_IDENTITY

    @pytest.mark.parametrize("how", HOW)
    def test_each_allows(self, world: World, how: str) -> None:
        """One Allow, wherever it comes from, is enough."""
        self.give(world, how, ALLOWING)
        assert lists(world)

    @pytest.mark.parametrize("how", HOW)
    def test_each_denies(self, world: World, how: str) -> None:
        """One Deny, wherever it comes from, wins over AdministratorAccess."""
        self.give(world, how, DENYING)
        attached = world.database.user(ALICE_ACCOUNT, "admin")
        assert attached is not None
        change_user(world, attached_policy_arns=(ADMINISTRATOR_ACCESS, *attached.attached_policy_arns))
        assert refusal_why(world) == DENIED.format("an identity-based policy")

    @pytest.mark.parametrize("how", HOW)
    @pytest.mark.parametrize("text", UNREADABLE)
    def test_one_that_cannot_be_read_denies(self, world: World, how: str, text: str) -> None:
        """It may have held a Deny: whatever else the user has, nothing is allowed."""
        self.give(world, how, text)
        attached = world.database.user(ALICE_ACCOUNT, "admin")
        assert attached is not None
        change_user(world, attached_policy_arns=(ADMINISTRATOR_ACCESS, *attached.attached_policy_arns))
        assert refusal_why(world) == DENIED.format("an identity-based policy")

    @pytest.mark.parametrize(
        "arn",
        [
            f"arn:aws:iam::{ALICE_ACCOUNT}:policy/none",
            f"arn:aws:iam::{ALICE_ACCOUNT}:policy/other/p",
            f"arn:aws:iam::{BOB_ACCOUNT}:policy/p",
            "arn:aws:iam::aws:policy/None",
            "AdministratorAccess",
            "",
        ],
    )
    def test_an_attached_policy_that_is_not_there_denies(self, world: World, arn: str) -> None:
        """By its whole ARN: a policy of the same name under another path or in another account is none."""
        new_managed_policy(world, "p", ALLOWING)
        change_user(world, attached_policy_arns=(ADMINISTRATOR_ACCESS, arn))
        assert refusal_why(world) == DENIED.format("an identity-based policy")

    def test_the_version_in_force_counts(self, world: World) -> None:
        """Of the versions of a managed policy only the default, and another one as soon as it is the default."""
        policy = new_managed_policy(world, "p", ALLOWING, UNRELATED, DENYING)
        change_user(world, attached_policy_arns=(policy.arn,))
        assert lists(world)
        for version, why in (("v2", NO_IDENTITY), ("v3", DENIED.format("an identity-based policy"))):
            present = world.database.managed_policy(ALICE_ACCOUNT, "p")
            assert present is not None
            world.database.commit([Put(present.changed(default_version_id=version))])
            assert refusal_why(world) == why

    def test_a_group_counts_for_its_members(self, world: World) -> None:
        """For those who are in it, and no others of the account."""
        new_group(world, "g", inline_policies=inline(ALLOWING))
        new_user(world, "carol", group_names=("g",))
        assert lists(world, "carol")
        assert not lists(world)

    def test_groups_of_another_account_are_others(self, world: World) -> None:
        """A group of the same name elsewhere gives nothing."""
        new_group(world, "g", account_id=BOB_ACCOUNT, inline_policies=inline(ALLOWING))
        change_user(world, group_names=("g",))
        assert not lists(world)

    def test_names_of_policies_may_differ_in_case_of_letters_from_the_primary_key(self, world: World) -> None:
        """A managed policy is found by its name in small letters, and must then have the ARN as it is attached."""
        policy = new_managed_policy(world, "MyPolicy", ALLOWING, path="/team/")
        change_user(world, attached_policy_arns=(policy.arn,))
        assert lists(world)
        change_user(world, attached_policy_arns=(policy.arn.lower(),))
        assert refusal_why(world) == DENIED.format("an identity-based policy")


Change = Callable[[World], None]


def _new_version(world: World) -> None:
    policy = world.database.managed_policy(ALICE_ACCOUNT, "p")
    assert policy is not None
    world.database.commit([Put(policy.changed(default_version_id="v2"))])


def _group(world: World, **fields: Any) -> None:
    group = world.database.group(ALICE_ACCOUNT, "g")
    assert group is not None
    world.database.commit([Put(group.changed(**fields))])


CHANGES: Mapping[str, tuple[Change, Change]] = {
    "an inline policy is put and deleted": (
        lambda world: change_user(world, inline_policies=inline(ALLOWING)),
        lambda world: change_user(world, inline_policies=()),
    ),
    "a managed policy is attached and detached": (
        lambda world: change_user(world, attached_policy_arns=(ADMINISTRATOR_ACCESS,)),
        lambda world: change_user(world, attached_policy_arns=()),
    ),
    "the user is added to a group and removed": (
        lambda world: change_user(world, group_names=("g",)),
        lambda world: change_user(world, group_names=()),
    ),
    "a group loses its policy": (
        lambda world: change_user(world, group_names=("g",)),
        lambda world: _group(world, inline_policies=()),
    ),
    "another version comes in force": (
        lambda world: change_user(
            world, attached_policy_arns=(new_managed_policy(world, "p", ALLOWING, UNRELATED).arn,)
        ),
        _new_version,
    ),
    "a boundary is set": (
        lambda world: change_user(world, inline_policies=inline(ALLOWING)),
        lambda world: change_user(world, permissions_boundary=new_managed_policy(world, "b", UNRELATED).arn),
    ),
    "a Deny comes along": (
        lambda world: change_user(world, inline_policies=inline(ALLOWING)),
        lambda world: change_user(world, inline_policies=inline(ALLOWING, DENYING)),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_changes_count_with_the_next_request(world: World, what: str) -> None:
    """Both ways: what was refused is allowed, and what was allowed is refused."""
    only(world)
    new_group(world, "g", inline_policies=inline(ALLOWING))
    assert not lists(world)
    give, take = CHANGES[what]
    give(world)
    assert lists(world)
    take(world)
    assert not lists(world)


class TestBoundaries:
    """A permissions boundary allows nothing by itself, and takes away what it does not allow."""

    @pytest.mark.parametrize(
        ("boundary", "why"),
        [
            (UNRELATED, NO_BOUNDARY),
            (DENYING, DENIED.format("a permissions boundary")),
            ("no policy", DENIED.format("a permissions boundary")),
            (ALLOWING, None),
        ],
    )
    def test_it_limits(self, world: World, boundary: str, why: str | None) -> None:
        """Of an administrator it leaves what it allows."""
        change_user(world, permissions_boundary=new_managed_policy(world, "b", boundary).arn)
        assert (None if lists(world) else refusal_why(world)) == why

    def test_it_allows_nothing(self, world: World) -> None:
        """A user with a boundary and no policies may do nothing."""
        only(world)
        change_user(world, permissions_boundary=ADMINISTRATOR_ACCESS)
        assert refusal_why(world) == NO_IDENTITY

    def test_one_that_is_not_there_denies(self, world: World) -> None:
        """A boundary that cannot be found is no boundary that allows."""
        change_user(world, permissions_boundary=f"arn:aws:iam::{ALICE_ACCOUNT}:policy/none")
        assert refusal_why(world) == DENIED.format("a permissions boundary")

    def test_policies_of_groups_are_limited_too(self, world: World) -> None:
        """Wherever the Allow comes from."""
        only(world)
        new_group(world, "g", inline_policies=inline(ALLOWING))
        change_user(world, group_names=("g",), permissions_boundary=new_managed_policy(world, "b", UNRELATED).arn)
        assert refusal_why(world) == NO_BOUNDARY


class TestSessions:
    """Temporary credentials: the role or the user as it is now, and what the session policies leave of it."""

    def role(self, world: World, *documents: str, **fields: Any) -> None:
        """A role session `s1`."""
        role = new_role(world, "r", "", inline_policies=inline(*documents), **fields)
        new_session(world, "s1", role, kind=CallerKind.ROLE)

    def test_a_role_session_has_the_policies_of_its_role(self, world: World) -> None:
        """Inline and attached, as they are with each request."""
        self.role(world, ALLOWING)
        assert lists(world, "s1")
        role = world.database.role(ALICE_ACCOUNT, "r")
        assert role is not None
        world.database.commit([Put(role.changed(inline_policies=()))])
        assert refusal_why(world, "s1") == NO_IDENTITY

    def test_a_boundary_of_the_role(self, world: World) -> None:
        """Limits its sessions."""
        self.role(world, ALLOWING, permissions_boundary=new_managed_policy(world, "b", UNRELATED).arn)
        assert refusal_why(world, "s1") == NO_BOUNDARY

    @pytest.mark.parametrize(
        ("policies", "managed", "why"),
        [
            ((ALLOWING,), (), None),
            ((UNRELATED,), (), NO_SESSION),
            ((DENYING, ALLOWING), (), DENIED.format("a session policy")),
            (("no policy",), (), DENIED.format("a session policy")),
            ((), (ADMINISTRATOR_ACCESS,), None),
            ((), ("arn:aws:iam::aws:policy/None",), DENIED.format("a session policy")),
            ((UNRELATED,), (ADMINISTRATOR_ACCESS,), None),
            ((), (), NO_SESSION),
        ],
    )
    def test_session_policies_limit(
        self, world: World, policies: tuple[str, ...], managed: tuple[str, ...], why: str | None
    ) -> None:
        """What they do not allow is taken away; a session that was limited by none at all may do nothing."""
        role = new_role(world, "r", "", inline_policies=inline(ALLOWING))
        limits = {"policies": policies, "policy_arns": managed, "restricted": True}
        new_session(world, "s1", role, kind=CallerKind.ROLE, **limits)
        assert (None if lists(world, "s1") else refusal_why(world, "s1")) == why

    def test_session_policies_allow_nothing(self, world: World) -> None:
        """An Allow in a session policy alone is none."""
        role = new_role(world, "r", "")
        new_session(world, "s1", role, kind=CallerKind.ROLE, policies=(ALLOWING,), restricted=True)
        assert refusal_why(world, "s1") == NO_IDENTITY

    def test_a_federated_user_is_what_its_user_and_its_policy_allow(self, world: World) -> None:
        """Both must allow."""
        carol = new_user(world, "carol", inline_policies=inline(ALLOWING))
        dave = new_user(world, "dave")
        for name, user, text in (("f1", carol, ALLOWING), ("f2", carol, UNRELATED), ("f3", dave, ALLOWING)):
            new_session(world, name, user, kind=CallerKind.FEDERATED, restricted=True, policies=(text,))
        assert lists(world, "f1")
        assert refusal_why(world, "f2") == NO_SESSION
        assert refusal_why(world, "f3") == NO_IDENTITY

    def test_session_tags_count(self, world: World) -> None:
        """They override those of the role, key by key, for conditions of its policies."""
        condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
        role = new_role(
            world,
            "r",
            "",
            inline_policies=inline(document(allow("kms:*", condition=condition))),
            tags=(Tag("team", "blue"),),
        )
        new_session(world, "plain", role, kind=CallerKind.ROLE)
        new_session(world, "red", role, kind=CallerKind.ROLE, tags=(Tag("Team", "red"),))
        assert lists(world, "plain")
        assert not lists(world, "red")


def test_the_root_user_has_no_documents(world: World) -> None:
    """It needs none, and none limits it."""
    identity = Identities(world.database, CompiledPolicies()).of(Caller.root(ALICE_ACCOUNT, "AKIA1"))
    assert (identity.policies, identity.boundary, identity.session) == ((), None, None)
    assert lists(world, f"{ALICE_ACCOUNT}-root")


def test_documents_have_names_for_people(world: World) -> None:
    """Whoever explains a decision can say which policy of whom decided."""
    only(world)
    new_group(world, "g", inline_policies=inline(ALLOWING), path="/team/")
    change_user(
        world, inline_policies=inline(ALLOWING), attached_policy_arns=(ADMINISTRATOR_ACCESS,), group_names=("g",)
    )
    user = world.database.user(ALICE_ACCOUNT, "admin")
    assert user is not None
    identity = Identities(world.database, CompiledPolicies()).of(Caller.user(user, "AKIA1"))
    assert [policy.name for policy in identity.policies] == [
        f"inline policy p0 of {user.arn}",
        ADMINISTRATOR_ACCESS,
        f"inline policy p0 of arn:aws:iam::{ALICE_ACCOUNT}:group/team/g",
    ]


def test_a_group_that_is_not_there_denies(world: World) -> None:
    """Its policies may have held a Deny, like an attached policy that is not there."""
    change_user(world, group_names=("gone",))
    assert not lists(world)


class TestCompiledPolicies:
    """Policies are compiled once, and as many are kept as fit."""

    def text(self, number: int) -> str:
        return document(allow(f"kms:Action{number:04}"))

    def test_the_same_text_is_compiled_once(self) -> None:
        """For each kind of policy by itself."""
        compiled = CompiledPolicies()
        first = compiled.get(ALLOWING, PolicyKind.IDENTITY)
        assert compiled.get(ALLOWING, PolicyKind.IDENTITY) is first
        # An identity policy has no principal: as a key policy the same text is unreadable, and denies.
        assert not compiled.get(ALLOWING, PolicyKind.KEY).statements[0].allows

    @pytest.mark.parametrize("kind", PolicyKind)
    @pytest.mark.parametrize("text", ["", "{}", "no policy"])
    def test_one_that_cannot_be_read_denies_everything(self, kind: PolicyKind, text: str) -> None:
        """It has one statement, which denies everybody everything."""
        (statement,) = CompiledPolicies().get(text, kind).statements
        assert not statement.allows
        assert statement.concerns("kms:Encrypt", "arn:aws:kms:us-east-1:1:key/k", Facts.of({}))
        if kind is PolicyKind.IDENTITY:
            assert statement.principals is None
        else:
            assert statement.principals is not None
            assert statement.principals.everyone

    def test_no_more_text_is_kept_than_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond that the oldest goes, and is compiled again when it is asked for."""
        monkeypatch.setattr(identities, "_COMPILED_TEXT_MAX", 3 * len(self.text(0)))
        compiled = CompiledPolicies()
        first = compiled.get(self.text(0), PolicyKind.IDENTITY)
        for number in range(1, 3):
            compiled.get(self.text(number), PolicyKind.IDENTITY)
        assert compiled.get(self.text(0), PolicyKind.IDENTITY) is first
        for number in range(3, 8):
            compiled.get(self.text(number), PolicyKind.IDENTITY)
        again = compiled.get(self.text(0), PolicyKind.IDENTITY)
        assert again is not first
        assert again == first

    def test_a_text_that_does_not_fit_is_not_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is compiled each time, and room is left for others afterwards."""
        monkeypatch.setattr(identities, "_COMPILED_TEXT_MAX", 2 * len(self.text(0)))
        compiled = CompiledPolicies()
        long = document(*(allow(f"kms:{number}") for number in range(20)))
        assert compiled.get(long, PolicyKind.IDENTITY) is not compiled.get(long, PolicyKind.IDENTITY)
        kept = compiled.get(self.text(0), PolicyKind.IDENTITY)
        assert compiled.get(self.text(0), PolicyKind.IDENTITY) is kept

    def test_what_was_asked_for_lately_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As the class says: the ones that were not asked for the longest go first."""
        monkeypatch.setattr(identities, "_COMPILED_TEXT_MAX", 2 * len(self.text(0)))
        compiled = CompiledPolicies()
        used = compiled.get(self.text(0), PolicyKind.IDENTITY)
        for number in range(1, 4):
            compiled.get(self.text(number), PolicyKind.IDENTITY)
            assert compiled.get(self.text(0), PolicyKind.IDENTITY) is used


def test_a_removed_managed_policy_denies_at_once(world: World) -> None:
    """The API does not let an attached policy go; whatever else takes it away opens nothing."""
    policy = new_managed_policy(world, "p", document(deny("kms:CreateKey")))
    change_user(world, attached_policy_arns=(ADMINISTRATOR_ACCESS, policy.arn))
    assert lists(world)
    world.database.commit([Remove(world.database.managed_policy(ALICE_ACCOUNT, "p") or policy)])
    assert refusal_why(world) == DENIED.format("an identity-based policy")
