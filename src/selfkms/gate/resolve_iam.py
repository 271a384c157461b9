"""From what a request to IAM or STS names to users, groups, roles, managed policies and providers, as of now.

Source: IAM User Guide, "IAM identifiers"; Service Authorization Reference, "AWS Identity and Access Management".
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from selfkms.domain.arns import ARN, federated_user_arn, group_arn, oidc_provider_arn, policy_arn, role_arn, user_arn
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.aws_managed_policies import AWS_MANAGED_POLICIES
from selfkms.domain.iam.callers import Caller
from selfkms.domain.iam.errors import NoSuchEntityException
from selfkms.gate.resolved import ResolvedEntity, ResolvedRole, Resource
from selfkms.ports.database import Database
from selfkms.services.operation import Entity, EntityMoved, EntityNamed, NewEntity, Operation, RoleAssumed
from selfkms.services.sts import web_identity
from selfkms.services.sts.sessions import condition_keys, role_actions

_ARNS: Final[dict[Entity, Callable[[str, str, str], str]]] = {
    Entity.USER: user_arn,
    Entity.GROUP: group_arn,
    Entity.ROLE: role_arn,
    Entity.POLICY: policy_arn,
    Entity.FEDERATED_USER: lambda account_id, _path, name: federated_user_arn(account_id, name),
}

_MISSING: Final = {
    Entity.USER: "The user with name {} cannot be found.",
    Entity.GROUP: "The group with name {} cannot be found.",
    Entity.ROLE: "The role with name {} cannot be found.",
    Entity.POLICY: "Policy {} was not found.",
    Entity.OIDC_PROVIDER: "OpenIDConnect Provider not found for arn {}",
}


class IAMResolver:
    """Looks up what requests name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def one(
        self,
        target: EntityNamed | EntityMoved | NewEntity | RoleAssumed,
        operation: Operation,
        request: Any,
        *,
        caller: Caller,
    ) -> tuple[list[Resource], list[Any]]:
        """What one target is about, and what it gives to the handler.

        Raises:
            ValidationError: an ARN that is none.
        """
        if isinstance(target, RoleAssumed):
            return self._role_to_assume(operation, request, caller)
        if isinstance(target, NewEntity):
            arn = self._new_arn(target, request, caller.account_id)
            return [ResolvedEntity(arn=arn, action=operation.action)], []
        named = getattr(request, target.member)
        if isinstance(target, EntityNamed) and named is None and target.optional:
            user = caller.iam_user
            arn = caller.arn if user is None else user.arn
            tags = () if user is None else user.tags
            return [ResolvedEntity(arn=arn, action=operation.action, tags=tags)], [user]
        found, arn = self._named(target.kind, named, caller.account_id)
        missing = (
            None
            if found is not None or (isinstance(target, EntityNamed) and target.may_be_missing)
            else NoSuchEntityException(_MISSING[target.kind].format(named))
        )
        resolved = ResolvedEntity(
            arn=arn,
            action=operation.action,
            tags=getattr(found, "tags", ()),
            permissions_boundary=getattr(found, "permissions_boundary", None),
            missing=missing,
        )
        if isinstance(target, EntityMoved) and found is not None:
            name = getattr(request, target.new_member) or named
            moved = _ARNS[target.kind](caller.account_id, request.new_path or found.path, name)
            return [resolved, ResolvedEntity(arn=moved, action=operation.action)], [found]
        return [resolved], [found]

    def _named(self, kind: Entity, named: str, account_id: str) -> tuple[Any, str]:
        """The record that is named, None if there is none; and the ARN that permission is asked for on."""
        if kind is Entity.POLICY:
            return self._managed_policy(named, account_id), named
        if kind is Entity.OIDC_PROVIDER:
            arn = ARN.parse(named)
            kind_of, _, host = ("", "", "") if arn is None else arn.resource.partition("/")
            mine = arn is not None and arn.account_id == account_id and kind_of == Entity.OIDC_PROVIDER
            return (self._database.oidc_provider(account_id, host) if mine else None), named
        reads: dict[Entity, tuple[Callable[[str, str], Any], str]] = {
            Entity.USER: (self._database.user, "user_name"),
            Entity.GROUP: (self._database.group, "group_name"),
            Entity.ROLE: (self._database.role, "role_name"),
        }
        read, name = reads[kind]
        found = read(account_id, named)
        if found is None or getattr(found, name) != named:
            return None, _ARNS[kind](account_id, "/", named)
        return found, found.arn

    def _managed_policy(self, named: str, account_id: str) -> Any:
        of_aws = AWS_MANAGED_POLICIES.get(named)
        if of_aws is not None:
            return of_aws
        arn = ARN.parse(named)
        if arn is None or arn.service != "iam" or not arn.resource.startswith("policy/"):
            raise ValidationError(f"ARN {named} is not valid.")
        if arn.account_id != account_id:
            return None
        found = self._database.managed_policy(account_id, arn.resource.rpartition("/")[2])
        return found if found is not None and found.arn == named else None

    def _new_arn(self, target: NewEntity, request: Any, account_id: str) -> str:
        name = getattr(request, target.member)
        if target.kind is Entity.OIDC_PROVIDER:
            return oidc_provider_arn(account_id, name.removeprefix("https://"))
        return _ARNS[target.kind](account_id, getattr(request, "path", None) or "/", name)

    def _role_to_assume(self, operation: Operation, request: Any, caller: Caller) -> tuple[list[Resource], list[Any]]:
        arn = ARN.parse(request.role_arn)
        if arn is None or arn.service != "iam" or not arn.resource.startswith("role/"):
            raise ValidationError(f"{request.role_arn} is invalid")
        role = self._database.role(arn.account_id, arn.resource.rpartition("/")[2])
        if role is not None and role.arn != request.role_arn:
            role = None
        identity = caller.web_identity
        if identity is not None:
            further, keys = web_identity.role_actions(identity), partial(web_identity.condition_keys, identity=identity)
        else:
            # A source identity that was set before counts as if it were set now.
            further, keys = role_actions(request, caller), partial(condition_keys, session=caller.session)
        resolved = ResolvedRole(
            role=role,
            arn=request.role_arn,
            owner=arn.account_id,
            actions=(operation.action, *further),
            condition_keys=keys,
        )
        return [resolved], [role]
