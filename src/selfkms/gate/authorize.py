"""Every permission that a request needs, asked for one by one; the first refusal ends it.

Source: IAM User Guide, "Troubleshoot access denied error messages"; KMS developer guide, "Determining access".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from selfkms.domain.arns import key_arn
from selfkms.domain.errors import AccessDenied, AccessDeniedException, AWSError, UnrecognizedClientException
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.iam.principals import Role
from selfkms.domain.kms.grants import Grant
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.policy.document import Policy, PolicyKind
from selfkms.domain.policy.evaluate import (
    Decision,
    Document,
    Identity,
    NewGrant,
    Question,
    ResourceSide,
    Why,
    decide,
    decide_on_retiring,
)
from selfkms.domain.policy.facts import Fact
from selfkms.domain.tags import Tag
from selfkms.gate.authenticate import INVALID_TOKEN_TEXT
from selfkms.gate.facts import AboutResource, Surroundings, facts_of
from selfkms.gate.known_verdicts import KnownVerdicts
from selfkms.gate.resolved import (
    Resolved,
    ResolvedAlias,
    ResolvedEntity,
    ResolvedGrant,
    ResolvedKey,
    ResolvedPrincipal,
    ResolvedRole,
    ResolvedStorage,
    ResolvedTrail,
    Resource,
)
from selfkms.ports.database import Database
from selfkms.services.identities import CompiledPolicies, Identities, MadeFromRecords
from selfkms.services.kms.condition_keys import of_constraints
from selfkms.services.operation import ConditionKeys, Operation

# One text for a key that does not exist, is in another Region, or is not for the caller: none of them is told apart.
CIPHERTEXT_TEXT: Final = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
    "or you are not allowed to access."
)

_NO_POLICY: Final = Document("no key policy", Policy(()))
"""Of a key or a role that does not exist: nobody is let in."""

_TWO_KEYS: Final = "kms:ReEncrypt"

_FOR_A_RESOURCE: Final = "kms:GrantIsForAWSResource"

_QUERY_SERVICES: Final = frozenset({"iam", "sts"})


class Authorizer:
    """Decides requests. Belongs to one thread; keeps the compiled policies that it saw last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._compiled = CompiledPolicies()
        self._identities = Identities(database, self._compiled)
        self._key_sides = MadeFromRecords[ResourceSide]()
        self.known = KnownVerdicts()

    @property
    def compiled(self) -> CompiledPolicies:
        """The policies that are kept compiled, for whoever else works in this thread."""
        return self._compiled

    def authorize(self, operation: Operation, request: Any, resolved: Resolved, around: Surroundings) -> None:
        """Let the request through, or refuse it.

        Raises:
            AccessDeniedException: with AWS's text, which names no more than the caller may know. From services of the
                Query protocol it is `AccessDenied`.
        """
        if not operation.asks_permission:
            return
        _check_session(operation, around.caller)
        refusal = AccessDenied if operation.service in _QUERY_SERVICES else AccessDeniedException
        inquiry = _Inquiry(self, operation, request, resolved, self._identities.of(around.caller), around, refusal)
        if not resolved.resources:
            inquiry.on_nothing(operation.action)
        for resource in resolved.resources:
            inquiry.on(resource)
        for action in operation.further_actions(request) if operation.further_actions is not None else ():
            inquiry.on_new(action)

    def may_on_key(self, around: Surroundings, action: str, key: KMSKey, requested: Mapping[str, Fact]) -> bool:
        """Whether the caller would be permitted on a KMS key as it is given, whatever the database has."""
        about = AboutResource(
            owner=key.account_id, key=key, aliases=self.aliases_of(key), tags=key.tags, requested=lambda: requested
        )
        facts, resource_facts = facts_of(around, about)
        question = Question(action=action, resource=key.arn, facts=facts, resource_facts=resource_facts)
        identity = self._identities.of(around.caller)
        return decide(identity, question, self.key_side(key, with_grants=False)).allowed

    def may_by_iam(self, around: Surroundings, action: str) -> bool:
        """Whether the identity side would permit an action on whatever KMS key of the caller's account and Region."""
        arn = key_arn(around.region, around.caller.account_id, "*")
        facts, resource_facts = facts_of(around, AboutResource(owner=around.caller.account_id))
        question = Question(action=action, resource=arn, facts=facts, resource_facts=resource_facts)
        return decide(self._identities.of(around.caller), question, None).allowed

    def key_side(self, key: KMSKey | None, *, owner: str = "", with_grants: bool = True) -> ResourceSide:
        """A KMS key with its policy and its grants, which are looked up when they are asked for."""
        if key is None:
            return ResourceSide(policy=_NO_POLICY, owner=owner, principal_ids={})
        # Without grants it is asked for a key that is not stored, or not yet, and will not come back.
        side = self._key_sides.get(key) if with_grants else None
        if side is None:
            side = ResourceSide(
                policy=Document("the key policy", self._compiled.get(key.policy, PolicyKind.KEY)),
                owner=key.account_id,
                principal_ids=key.principal_ids,
                grants_to=self._grants_to(key) if with_grants else None,
            )
            if with_grants:
                self._key_sides.keep(side, key, text=len(key.policy))
        return side

    def role_side(self, role: Role | None, *, owner: str) -> ResourceSide:
        """A role with its trust policy."""
        if role is None:
            return ResourceSide(policy=_NO_POLICY, owner=owner, principal_ids={}, is_role=True)
        return ResourceSide(
            policy=Document("the trust policy", self._compiled.get(role.trust_policy, PolicyKind.TRUST)),
            owner=owner,
            principal_ids=role.principal_ids,
            is_role=True,
        )

    def aliases_of(self, key: KMSKey) -> Callable[[], Fact | None]:
        """The names of a key's aliases, looked up when a condition asks for them."""

        def names() -> Fact | None:
            found = self._database.aliases_of_key(key.account_id, key.region, key.key_id)
            return tuple(alias.alias_name for alias in found) or None

        return names

    def _grants_to(self, key: KMSKey) -> Callable[[str], Sequence[Grant]]:
        return lambda grantee: self._database.grants_to(key.account_id, key.region, key.key_id, grantee)


def _check_session(operation: Operation, caller: Caller) -> None:
    """Temporary credentials of users, without MFA, do not reach IAM, whatever the policies say.

    Raises:
        UnrecognizedClientException: they were sent there.

    Source: IAM User Guide, "Compare AWS STS credentials".
    """
    if operation.service == "iam" and caller.session is not None and caller.kind is not CallerKind.ROLE:
        raise UnrecognizedClientException(INVALID_TOKEN_TEXT)


class _Inquiry:
    """One request's questions."""

    def __init__(
        self,
        authorizer: Authorizer,
        operation: Operation,
        request: Any,
        resolved: Resolved,
        identity: Identity,
        around: Surroundings,
        refusal: type[AWSError],
    ) -> None:
        self._authorizer = authorizer
        self._operation = operation
        self._request = request
        self._resolved = resolved
        self._identity = identity
        self._around = around
        self._refusal = refusal

    def on_nothing(self, action: str) -> None:
        """A permission on no resource."""
        about = AboutResource(requested=self._requested(self._operation.condition_keys))
        question = self._question(action, "*", about)
        self._check(decide(self._identity, question, None), action, None)

    def on_new(self, action: str) -> None:
        """A further permission: on the user, role or policy that is to be made; for a new KMS key on no resource."""
        entities = [r for r in self._resolved.resources if isinstance(r, ResolvedEntity | ResolvedTrail) or _is_new(r)]
        for entity in entities:
            self.on(msgspec.structs.replace(entity, action=action))
        if not entities:
            self._on_new_key(action)

    def _on_new_key(self, action: str) -> None:
        """On no resource, in the Region where the key is to be; a replica will be such a key as its primary."""
        member = self._operation.further_region
        around = self._around
        if member is not None:
            around = msgspec.structs.replace(around, region=getattr(self._request, member))
        keys = [r.key for r in self._resolved.resources if isinstance(r, ResolvedKey)]
        about = AboutResource(key=keys[0] if keys else None, requested=self._requested(self._operation.condition_keys))
        question = self._question(action, "*", about, around=around)
        self._check(decide(self._identity, question, None), action, None)

    def on(self, resource: Resource) -> None:
        """The permissions on one resource."""
        match resource:
            case ResolvedKey():
                self._on_key(resource)
            case ResolvedRole():
                self._on_role(resource)
            case ResolvedGrant():
                self._on_grant(resource)
            case ResolvedAlias():
                # The alias itself has no condition keys of the key behind it, and no tags.
                about = AboutResource(owner=self._around.caller.account_id)
                self._on_identity(resource.action, resource.arn, about)
            case ResolvedPrincipal():
                about = AboutResource(requested=self._requested(self._operation.condition_keys))
                self._on_identity(resource.action, resource.arn, about)
            case ResolvedEntity():
                about = AboutResource(
                    owner=self._around.caller.account_id,
                    tags=resource.tags,
                    of_iam=True,
                    requested=self._requested_of_entity(resource),
                )
                self._on_identity(resource.action, resource.arn, about)
            case ResolvedTrail():
                about = AboutResource(
                    owner=self._around.caller.account_id,
                    tags=tuple(Tag(*tag) for tag in resource.tags),
                    requested=self._requested(self._operation.condition_keys),
                )
                self._on_identity(resource.action, resource.arn, about)
            case ResolvedStorage():
                about = AboutResource(
                    owner=resource.owner,
                    tags=resource.tags,
                    of_ec2=self._operation.service == "ec2",
                    requested=self._requested_of_storage(resource),
                )
                self._on_identity(resource.action, resource.arn, about)

    def _on_identity(self, action: str, arn: str, about: AboutResource) -> None:
        question = self._question(action, arn, about)
        self._check(decide(self._identity, question, None), action, arn)

    def _on_key(self, resource: ResolvedKey) -> None:
        side = self._authorizer.key_side(resource.key, owner=resource.owner)
        if self._authorizer.known.allows(self._identity, side, resource.action, resource.arn):
            return
        about = self._about_key(resource.key, resource.owner, resource.condition_keys, resource.request_alias)
        question = self._question(
            resource.action,
            resource.arn,
            about,
            encryption_context=resource.encryption_context,
            new_grant=self._new_grant(),
            around=self._where(resource.key),
        )
        decision = decide(self._identity, question, side)
        if not decision.allowed and resource.by_ciphertext:
            raise AccessDeniedException(CIPHERTEXT_TEXT)
        self._check(decision, resource.action, resource.named_arn)
        assert resource.key is not None, "only a key that exists has a policy that allows"
        self._authorizer.known.note(self._identity, side, question, decision)

    def _on_role(self, resource: ResolvedRole) -> None:
        side = self._authorizer.role_side(resource.role, owner=resource.owner)
        about = AboutResource(
            owner=resource.owner,
            tags=resource.role.tags if resource.role is not None else (),
            of_iam=True,
            requested=self._requested(resource.condition_keys),
        )
        for action in resource.actions:
            decision = decide(self._identity, self._question(action, resource.arn, about), side)
            if decision.why in (Why.FOREIGN, Why.NOT_IN_TRUST):
                decision = Decision(Why.NOT_IN_TRUST)
            self._check(decision, action, resource.arn)

    def _on_grant(self, resource: ResolvedGrant) -> None:
        grant = resource.grant
        of_grant = None if grant is None else lambda _request: of_constraints(grant.constraints)
        about = self._about_key(resource.key, resource.owner, of_grant, None)
        question = self._question(resource.action, resource.arn, about)
        self._check(
            decide_on_retiring(self._identity, question, resource.grant, owner=resource.owner),
            resource.action,
            resource.arn,
        )

    def _where(self, key: KMSKey | None) -> Surroundings:
        """The request as it is in the Region of a key: of UpdatePrimaryRegion one key is elsewhere."""
        if key is None or key.region == self._around.region:
            return self._around
        return msgspec.structs.replace(self._around, region=key.region)

    def _about_key(
        self, key: KMSKey | None, owner: str, condition_keys: ConditionKeys | None, request_alias: str | None
    ) -> AboutResource:
        return AboutResource(
            owner=owner,
            key=key,
            request_alias=request_alias,
            aliases=None if key is None else self._authorizer.aliases_of(key),
            tags=() if key is None else key.tags,
            requested=self._requested(condition_keys),
        )

    def _question(
        self,
        action: str,
        arn: str,
        about: AboutResource,
        *,
        encryption_context: Mapping[str, str] | None = None,
        new_grant: NewGrant | None = None,
        around: Surroundings | None = None,
    ) -> Question:
        facts, resource_facts = facts_of(around or self._around, about)
        return Question(
            action=action,
            resource=arn,
            facts=facts,
            resource_facts=resource_facts,
            encryption_context=encryption_context,
            new_grant=new_grant,
        )

    def _requested(self, condition_keys: ConditionKeys | None) -> Callable[[], Mapping[str, Fact]]:
        def gather() -> Mapping[str, Fact]:
            keys = {} if condition_keys is None else dict(condition_keys(self._request))
            if self._around.caller.service is not None and _FOR_A_RESOURCE in keys:
                # Only our own services call so, and they do it for what they keep.
                keys[_FOR_A_RESOURCE] = "true"
            if self._operation.action == _TWO_KEYS:
                source, destination = (r.arn for r in self._resolved.resources)
                keys["kms:ReEncryptOnSameKey"] = "true" if source == destination else "false"
            if self._operation.service == "ec2":
                keys["ec2:Region"] = self._around.region
            return keys

        return gather

    def _requested_of_entity(self, resource: ResolvedEntity) -> Callable[[], Mapping[str, Fact]]:
        """A boundary that the request sets counts; else the one that the user or the role has."""
        gather = self._requested(self._operation.condition_keys)
        boundary = resource.permissions_boundary
        present = {} if boundary is None else {"iam:PermissionsBoundary": boundary}
        return lambda: {**present, **gather()}

    def _requested_of_storage(self, resource: ResolvedStorage) -> Callable[[], Mapping[str, Fact]]:
        """What the request says of what it is to make stands beside what is known of what there is."""
        gather = self._requested(self._operation.condition_keys)
        return lambda: {**resource.facts, **gather()}

    def _new_grant(self) -> NewGrant | None:
        if self._operation.action != "kms:CreateGrant":
            return None
        return NewGrant(tuple(self._request.operations), self._request.constraints)

    def _check(self, decision: Decision, action: str, arn: str | None) -> None:
        if decision.why is not None and self._around.caller.web_identity is not None:
            # No more than that: whoever has a token must not learn which roles there are.
            raise self._refusal(f"Not authorized to perform {action}")
        if decision.why is not None:
            raise self._refusal(refusal_text(decision.why, self._around.caller.arn, action, arn))


def _is_new(resource: Resource) -> bool:
    return isinstance(resource, ResolvedStorage) and resource.new


def refusal_text(why: Why, caller_arn: str, action: str, arn: str | None) -> str:
    """AWS's text of a refusal."""
    on_resource = f" on resource: {arn}" if arn else ""
    return f"User: {caller_arn} is not authorized to perform: {action}{on_resource} {why.value.format(action=action)}"
