"""From what a request to IAM or STS names to the records of the caller's account, and to roles of any account."""

from typing import Any

import pytest

from harness.policies import allow, change_user, new_group, new_managed_policy, new_role, new_user, only, user_of
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS, AWS_MANAGED_POLICIES
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.records import Put
from selfkms.domain.tags import Tag
from selfkms.gate.resolve_iam import IAMResolver
from selfkms.gate.resolved import ResolvedEntity, ResolvedRole
from selfkms.services.operation import (
    Audit,
    Entity,
    EntityMoved,
    EntityNamed,
    NewEntity,
    Operation,
    RoleAssumed,
)
from selfkms.services.shapes import Shape
from selfkms.services.sts.sessions import AssumeRoleRequest
from selfkms.services.sts.shapes import SessionTag

IAM = f"arn:aws:iam::{ALICE_ACCOUNT}:"
TAG = Tag("team", "blue")


class Naming(Shape, frozen=True, kw_only=True):
    """A request that names something."""

    name: str | None = None
    path: str | None = None
    new_name: str | None = None
    new_path: str | None = None


OPERATION = Operation("GetThing", run=lambda: None, request=Naming, audit=Audit(), service="iam")


@pytest.fixture
def world() -> World:
    """Alice's account has one of each, and Bob's has others of the same names."""
    world = World()
    new_user(world, "carol", path="/team/", tags=(TAG,), permissions_boundary=ADMINISTRATOR_ACCESS)
    new_group(world, "readers", path="/team/")
    new_role(world, "keeper", "", path="/team/", tags=(TAG,))
    new_managed_policy(world, "p", "{}", path="/team/")
    provider = OIDCProvider(account_id=ALICE_ACCOUNT, host_and_path="id.example.org/a", created_at=0.0, tags=(TAG,))
    world.database.commit([Put(provider)])
    new_role(world, "elsewhere", "", account_id=BOB_ACCOUNT)
    return world


def one(world: World, target: Any, caller: Caller | None = None, **request: Any) -> tuple[list[Any], list[Any]]:
    """What a target gives."""
    who = Caller.user(user_of(world), "AKIA1") if caller is None else caller
    return IAMResolver(world.database).one(target, OPERATION, Naming(**request), caller=who)


def entity(world: World, kind: Entity, name: str) -> tuple[ResolvedEntity, Any]:
    """The one thing that is named, and the record."""
    (resolved,), (record,) = one(world, EntityNamed(kind, "name"), name=name)
    assert isinstance(resolved, ResolvedEntity)
    assert resolved.action == "iam:GetThing"
    return resolved, record


NAMED = {
    Entity.USER: ("carol", IAM + "user/team/carol"),
    Entity.GROUP: ("readers", IAM + "group/team/readers"),
    Entity.ROLE: ("keeper", IAM + "role/team/keeper"),
    Entity.POLICY: (IAM + "policy/team/p", IAM + "policy/team/p"),
    Entity.OIDC_PROVIDER: (IAM + "oidc-provider/id.example.org/a", IAM + "oidc-provider/id.example.org/a"),
}

MISSING = {
    (Entity.USER, "none"): (IAM + "user/none", "The user with name none cannot be found."),
    # Names are unique but for case, and named with it.
    (Entity.USER, "Carol"): (IAM + "user/Carol", "The user with name Carol cannot be found."),
    (Entity.GROUP, "none"): (IAM + "group/none", "The group with name none cannot be found."),
    (Entity.ROLE, "elsewhere"): (IAM + "role/elsewhere", "The role with name elsewhere cannot be found."),
    (Entity.POLICY, IAM + "policy/none"): (IAM + "policy/none", f"Policy {IAM}policy/none was not found."),
    (Entity.POLICY, IAM + "policy/p"): (IAM + "policy/p", f"Policy {IAM}policy/p was not found."),
    (Entity.POLICY, f"arn:aws:iam::{BOB_ACCOUNT}:policy/team/p"): (
        f"arn:aws:iam::{BOB_ACCOUNT}:policy/team/p",
        f"Policy arn:aws:iam::{BOB_ACCOUNT}:policy/team/p was not found.",
    ),
    (Entity.OIDC_PROVIDER, IAM + "oidc-provider/none"): (
        IAM + "oidc-provider/none",
        f"OpenIDConnect Provider not found for arn {IAM}oidc-provider/none",
    ),
    (Entity.OIDC_PROVIDER, f"arn:aws:iam::{BOB_ACCOUNT}:oidc-provider/id.example.org/a"): (
        f"arn:aws:iam::{BOB_ACCOUNT}:oidc-provider/id.example.org/a",
        f"OpenIDConnect Provider not found for arn arn:aws:iam::{BOB_ACCOUNT}:oidc-provider/id.example.org/a",
    ),
    (Entity.OIDC_PROVIDER, "none"): ("none", "OpenIDConnect Provider not found for arn none"),
}


class TestNamed:
    """What must exist, in the caller's account."""

    @pytest.mark.parametrize("kind", NAMED)
    def test_what_is_there(self, world: World, kind: Entity) -> None:
        """Permission is asked for on its ARN, path included; the handler gets the record."""
        name, arn = NAMED[kind]
        resolved, record = entity(world, kind, name)
        assert (resolved.arn, resolved.missing) == (arn, None)
        assert record.arn == arn
        assert resolved.tags == getattr(record, "tags", ())

    def test_tags_and_boundary_of_a_user(self, world: World) -> None:
        """They count in conditions."""
        resolved, _ = entity(world, Entity.USER, "carol")
        assert (resolved.tags, resolved.permissions_boundary) == ((TAG,), ADMINISTRATOR_ACCESS)

    def test_a_policy_of_aws(self, world: World) -> None:
        """Is nobody's, and there for all."""
        resolved, policy = entity(world, Entity.POLICY, ADMINISTRATOR_ACCESS)
        assert (resolved.arn, resolved.missing) == (ADMINISTRATOR_ACCESS, None)
        assert policy is AWS_MANAGED_POLICIES[ADMINISTRATOR_ACCESS]

    @pytest.mark.parametrize(("kind", "name"), MISSING)
    def test_what_is_not_there(self, world: World, kind: Entity, name: str) -> None:
        """Permission is asked for on the ARN that it would have; that it is missing is told afterwards."""
        resolved, record = entity(world, kind, name)
        arn, text = MISSING[kind, name]
        assert record is None
        assert resolved.arn == arn
        assert resolved.missing is not None
        assert (resolved.missing.code, resolved.missing.message) == ("NoSuchEntity", text)
        assert (resolved.tags, resolved.permissions_boundary) == ((), None)

    @pytest.mark.parametrize("name", ["p", "policy/p", IAM + "user/carol", f"arn:aws:s3::{ALICE_ACCOUNT}:policy/p", ""])
    def test_what_is_no_arn_of_a_policy(self, world: World, name: str) -> None:
        """Is a validation error."""
        with pytest.raises(ValidationError) as refusal:
            entity(world, Entity.POLICY, name)
        assert refusal.value.message == f"ARN {name} is not valid."

    def test_one_that_may_be_missing(self, world: World) -> None:
        """The handler finds out."""
        target = EntityNamed(Entity.OIDC_PROVIDER, "name", may_be_missing=True)
        (resolved,), (record,) = one(world, target, name=IAM + "oidc-provider/none")
        assert (resolved.missing, record) == (None, None)


class TestLeftOut:
    """A user who is not named is the caller."""

    TARGET = EntityNamed(Entity.USER, "name", optional=True)

    def test_a_user(self, world: World) -> None:
        """With its tags; the name counts if there is one."""
        carol = user_of(world, "carol")
        (resolved,), (record,) = one(world, self.TARGET, Caller.user(carol, "AKIA1"))
        assert (resolved.arn, resolved.tags, record) == (carol.arn, (TAG,), carol)
        (resolved,), (record,) = one(world, self.TARGET, Caller.user(carol, "AKIA1"), name="admin")
        assert (resolved.arn, record) == (IAM + "user/admin", user_of(world))

    def test_somebody_else(self, world: World) -> None:
        """Root is itself, and no user."""
        (resolved,), (record,) = one(world, self.TARGET, Caller.root(ALICE_ACCOUNT, "AKIA1"))
        assert (resolved.arn, resolved.tags, record) == (IAM + "root", (), None)


class TestNew:
    """What is to be made has an ARN before it exists."""

    @pytest.mark.parametrize(
        ("kind", "request_", "arn"),
        [
            (Entity.USER, {"name": "dave"}, "user/dave"),
            (Entity.USER, {"name": "dave", "path": "/team/"}, "user/team/dave"),
            (Entity.GROUP, {"name": "g", "path": "/"}, "group/g"),
            (Entity.ROLE, {"name": "r", "path": "/service/"}, "role/service/r"),
            (Entity.POLICY, {"name": "p2"}, "policy/p2"),
            (Entity.OIDC_PROVIDER, {"name": "https://id.example.org/b"}, "oidc-provider/id.example.org/b"),
        ],
    )
    def test_its_arn(self, world: World, kind: Entity, request_: dict[str, Any], arn: str) -> None:
        """With the path of the request; the handler gets nothing."""
        (resolved,), given = one(world, NewEntity(kind, "name"), **request_)
        assert (resolved.arn, resolved.action, given) == (IAM + arn, "iam:GetThing", [])


class TestMoved:
    """A new name or path asks for permission on both ARNs."""

    TARGET = EntityMoved(Entity.USER, "name", "new_name")

    @pytest.mark.parametrize(
        ("request_", "arn"),
        [
            ({"new_name": "dora"}, "user/team/dora"),
            ({"new_path": "/other/"}, "user/other/carol"),
            ({"new_name": "dora", "new_path": "/"}, "user/dora"),
            ({}, "user/team/carol"),
        ],
    )
    def test_both_arns(self, world: World, request_: dict[str, Any], arn: str) -> None:
        """The present one first."""
        resources, (record,) = one(world, self.TARGET, name="carol", **request_)
        assert [resource.arn for resource in resources] == [IAM + "user/team/carol", IAM + arn]
        assert record == user_of(world, "carol")

    def test_one_that_is_not_there(self, world: World) -> None:
        """Has no other ARN."""
        (resolved,), (record,) = one(world, self.TARGET, name="none", new_name="dora")
        assert resolved.missing is not None
        assert record is None


class TestRoleToAssume:
    """A role of any account, by its whole ARN."""

    def assumed(self, world: World, role_arn: str, caller: Caller | None = None, **request: Any) -> ResolvedRole:
        operation = Operation("AssumeRole", run=lambda: None, request=AssumeRoleRequest, audit=Audit(), service="sts")
        parameters = AssumeRoleRequest(role_arn=role_arn, role_session_name="s1", **request)
        who = Caller.user(user_of(world), "AKIA1") if caller is None else caller
        (resolved,), (role,) = IAMResolver(world.database).one(RoleAssumed(), operation, parameters, caller=who)
        assert isinstance(resolved, ResolvedRole)
        assert role is resolved.role
        return resolved

    @pytest.mark.parametrize(
        ("arn", "name", "owner"),
        [
            (IAM + "role/team/keeper", "keeper", ALICE_ACCOUNT),
            (f"arn:aws:iam::{BOB_ACCOUNT}:role/elsewhere", "elsewhere", BOB_ACCOUNT),
            (IAM + "role/keeper", None, ALICE_ACCOUNT),
            (IAM + "role/team/Keeper", None, ALICE_ACCOUNT),
            (IAM + "role/none", None, ALICE_ACCOUNT),
            ("arn:aws:iam::999900009999:role/none", None, "999900009999"),
        ],
    )
    def test_by_its_arn(self, world: World, arn: str, name: str | None, owner: str) -> None:
        """Path and case belong to it; the owner is the account of the ARN, whether the role exists or not."""
        resolved = self.assumed(world, arn)
        assert (resolved.arn, resolved.owner) == (arn, owner)
        assert (resolved.role.role_name if resolved.role is not None else None) == name

    @pytest.mark.parametrize("arn", ["keeper", "role/keeper", IAM + "user/carol", "arn:aws:sts::1:role/keeper", ""])
    def test_what_is_no_arn_of_a_role(self, world: World, arn: str) -> None:
        """Is a validation error."""
        with pytest.raises(ValidationError) as refusal:
            self.assumed(world, arn)
        assert refusal.value.message == f"{arn} is invalid"

    def test_what_a_request_needs_besides(self, world: World) -> None:
        """Tags and a source identity ask for permissions of their own, also those that a session passes on."""
        arn = IAM + "role/team/keeper"
        assert self.assumed(world, arn).actions == ("sts:AssumeRole",)
        tagged = self.assumed(world, arn, tags=(SessionTag(key="a", value="b"),))
        assert tagged.actions == ("sts:AssumeRole", "sts:TagSession")
        identified = self.assumed(world, arn, source_identity="alice")
        assert identified.actions == ("sts:AssumeRole", "sts:SetSourceIdentity")
        role = world.database.role(ALICE_ACCOUNT, "keeper")
        assert role is not None
        session = Session(
            access_key_id="ASIA1",
            kind=CallerKind.ROLE,
            account_id=ALICE_ACCOUNT,
            issued_at=0.0,
            expires_at=1.0,
            holder_id=role.role_id,
            holder_name="keeper",
            name="s0",
            tags=(TAG,),
            transitive_tag_keys=("team",),
            source_identity="alice",
        )
        chained = self.assumed(world, arn, Caller.assumed_role(role, session))
        assert chained.actions == ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")


class TestThroughTheGate:
    """What is missing is told to whoever may know, and nobody else."""

    def test_before_and_after_permission(self, world: World) -> None:
        """AccessDenied without permission, NoSuchEntity with it."""
        only(world, allow("iam:GetUser", resource=IAM + "user/carol"))
        status, code, _ = world.iam_refusal("GetUser", {"UserName": "none"})
        assert (status, code) == (403, "AccessDenied")
        only(world, allow("iam:GetUser"))
        assert world.iam_refusal("GetUser", {"UserName": "none"}) == (
            404,
            "NoSuchEntity",
            MISSING[Entity.USER, "none"][1],
        )

    def test_the_path_is_part_of_the_resource(self, world: World) -> None:
        """A policy for one path does not reach another."""
        only(world, allow("iam:GetUser", resource=IAM + "user/team/*"))
        world.iam("GetUser", {"UserName": "carol"})
        assert world.iam_refusal("GetUser", {"UserName": "admin"})[1] == "AccessDenied"

    def test_tags_of_the_user_count(self, world: World) -> None:
        """By both names of the condition key, as they are now."""
        for key in ("aws:ResourceTag/team", "iam:ResourceTag/team"):
            only(world, allow("iam:GetUser", condition={"StringEquals": {key: "blue"}}))
            world.iam("GetUser", {"UserName": "carol"})
            assert world.iam_refusal("GetUser", {"UserName": "admin"})[1] == "AccessDenied"
        change_user(world, "carol", tags=())
        assert world.iam_refusal("GetUser", {"UserName": "carol"})[1] == "AccessDenied"
