"""Why a request would be permitted or refused, and what would change that: the documents of now, gathered and asked.

Nothing here decides requests: `Authorizer` gives the documents as it does for a real one, and `domain.policy` decides.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from selfkms.domain.arns import ARN
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.principals import Role
from selfkms.domain.kms.aliases import ALIAS_PREFIX
from selfkms.domain.kms.grants import grant_operations
from selfkms.domain.kms.keys import KeySpec, KMSKey
from selfkms.domain.policy.changes import Change, changes_of
from selfkms.domain.policy.evaluate import Identity, NewGrant, Question, ResourceSide, decide
from selfkms.domain.policy.explain import Overlaid, Part, afresh, decided_by, parts_of
from selfkms.domain.policy.facts import Fact
from selfkms.gate.authorize import Authorizer, refusal_text
from selfkms.gate.facts import AboutResource, Surroundings, facts_of
from selfkms.gate.permissions import Permission, permission_named
from selfkms.ports.database import Database
from selfkms.services.identities import Identities
from selfkms.services.kms.condition_keys import ENCRYPTION_CONTEXT_PREFIX

_SESSION_NAME: Final = "explained"
_SESSION_SECONDS: Final = 3_600.0
_NEVER_ALONE: Final = frozenset({"CreateGrant"})
"""What no grant may hold without another operation. Source: KMS developer guide, "Granting CreateGrant permission"."""


_LITTLE: Final = NewGrant((), None)


class UnknownSubjectError(Exception):
    """There is no such principal or KMS key here. The message is for the operator."""


class Hypothesis(msgspec.Struct, frozen=True, kw_only=True):
    """A request that might be sent, as far as one permission goes."""

    caller: Caller
    action: str
    """`kms:Decrypt`"""
    key: KMSKey | None = None
    arn: str | None = None
    """The alias or the principal that permission is asked for on. With neither this nor a key: it is on no resource."""
    request_alias: str | None = None
    """The alias name by which the request names the key."""
    encryption_context: Mapping[str, str] = {}
    new_grant: NewGrant | None = None
    """What CreateGrant is to give away; None: so little that a grant to the caller may hold it."""
    facts: Mapping[str, Fact] = {}
    """Further condition keys: `aws:SourceIp` …"""
    now: float
    """Seconds since the epoch."""
    region: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The decision and what every part said."""

    principal: str
    action: str
    resource: str | None
    allowed: bool
    text: str
    """AWS's text of the refusal."""
    decided_by: str
    parts: tuple[Part, ...]
    changes: tuple[tuple[Change, ...], ...]
    """Each of these would flip the answer, all of its steps together; the smallest first."""
    notes: tuple[str, ...] = ()
    """What else must be known."""


class Explainer:
    """Answers for one installation. Belongs to one thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.authorizer = Authorizer(database)
        self._identities = Identities(database, self.authorizer.compiled)

    def caller(self, arn: str, *, now: float) -> Caller:
        """The principal of an ARN as a caller: a root user, a user, a role session; of a role, some session of it.

        Raises:
            UnknownSubjectError: it is none of these, or it does not exist.
        """
        parsed = ARN.parse(arn)
        kind, _, rest = ("", "", "") if parsed is None else parsed.resource.partition("/")
        match None if parsed is None else (parsed.service, kind):
            case ("iam", "root") if parsed is not None and self.database.account(parsed.account_id):
                return Caller.root(parsed.account_id, "")
            case ("iam", "user") if parsed is not None:
                user = self.database.user(parsed.account_id, rest.rpartition("/")[2])
                if user is not None and user.arn == arn:
                    return Caller.user(user, "")
            case ("iam", "role") if parsed is not None:
                role = self.database.role(parsed.account_id, rest.rpartition("/")[2])
                if role is not None and role.arn == arn:
                    return session_of(role, _SESSION_NAME, now=now)
            case ("sts", "assumed-role") if parsed is not None:
                role_name, _, session_name = rest.partition("/")
                role = self.database.role(parsed.account_id, role_name)
                if role is not None and role.role_name == role_name and session_name:
                    return session_of(role, session_name, now=now)
        raise UnknownSubjectError(
            f"there is no {arn} here: a principal is a root user, a user, a role or a role session, by its ARN"
        )

    def key(self, arn: str) -> tuple[KMSKey, str | None]:
        """The KMS key of a key ARN or an alias ARN, and the alias name if it was one.

        Raises:
            UnknownSubjectError: there is none.
        """
        parsed = ARN.parse(arn)
        if parsed is not None and parsed.service == "kms":
            key_id, name = parsed.resource.removeprefix("key/"), None
            if parsed.resource.startswith(ALIAS_PREFIX):
                name = parsed.resource
                alias = self.database.alias(parsed.account_id, parsed.region, name)
                key_id = "" if alias is None else alias.target_key_id
            key = self.database.key(parsed.account_id, parsed.region, key_id)
            if key is not None:
                return key, name
        raise UnknownSubjectError(f"there is no KMS key {arn} here: one is named by its key ARN or an alias ARN")

    def explain(self, asked: Hypothesis) -> Explanation:
        """The decision on a request, part by part.

        Raises:
            UnknownPermissionError: the action is none of AWS KMS's.
        """
        permission = permission_named(asked.action)
        identity, question, side = self.taken_apart(asked, permission)
        decision = decide(identity, afresh(question), side)
        closed = is_closed(asked.caller, asked.key, permission)
        operation = permission.action.partition(":")[2]
        grantable = asked.key is not None and operation in grant_operations(asked.key) - _NEVER_ALONE
        resource = None if question.resource == "*" else question.resource
        why = decision.why
        return Explanation(
            principal=asked.caller.arn,
            action=permission.action,
            resource=resource,
            allowed=decision.allowed,
            text="" if why is None else refusal_text(why, asked.caller.arn, permission.action, resource),
            decided_by=decided_by(identity, afresh(question), side, decision),
            parts=parts_of(identity, afresh(question), side),
            changes=() if closed else changes_of(identity, question, side, grantable=grantable),
            notes=tuple(_notes(asked, permission, closed=closed)),
        )

    def taken_apart(self, asked: Hypothesis, permission: Permission) -> tuple[Identity, Question, ResourceSide | None]:
        """What the decision on a request is made of, as the gate would gather it."""
        around = Surroundings(
            caller=asked.caller,
            region=asked.region,
            now=asked.now,
            source_ip=None,
            secure=None,
            user_agent=None,
            referer=None,
        )
        key = asked.key
        about = AboutResource(
            owner=_owner(asked),
            key=key,
            request_alias=asked.request_alias,
            aliases=None if key is None else self.authorizer.aliases_of(key),
            tags=() if key is None else key.tags,
            requested=lambda: _requested(asked, permission),
        )
        facts, resource_facts = facts_of(around, about)
        question = Question(
            action=permission.action,
            resource=asked.arn or ("*" if key is None else key.arn),
            facts=Overlaid(facts, asked.facts),
            resource_facts=Overlaid(resource_facts, asked.facts),
            encryption_context=asked.encryption_context,
            new_grant=(asked.new_grant or _LITTLE) if permission.action == "kms:CreateGrant" else None,
        )
        return self._identities.of(asked.caller), question, self._side(asked, permission)

    def _side(self, asked: Hypothesis, permission: Permission) -> ResourceSide | None:
        key = asked.key
        if key is None:
            return None
        if is_closed(asked.caller, key, permission):
            # As the gate resolves it: for this operation the key does not exist in another account.
            return self.authorizer.key_side(None, owner=key.account_id)
        return self.authorizer.key_side(key)


def _owner(asked: Hypothesis) -> str | None:
    """Whose the resource is: aliases are named in the caller's account, and principals are nobody's resources."""
    if asked.key is not None:
        return asked.key.account_id
    return asked.caller.account_id if asked.arn is not None and f":{ALIAS_PREFIX}" in asked.arn else None


def session_of(role: Role, name: str, *, now: float) -> Caller:
    """A session of a role as AssumeRole makes it, without session policies and session tags."""
    session = Session(
        access_key_id="",
        kind=CallerKind.ROLE,
        account_id=role.account_id,
        issued_at=now,
        expires_at=now + _SESSION_SECONDS,
        holder_name=role.role_name,
        holder_id=role.role_id,
        name=name,
    )
    return Caller.assumed_role(role, session)


def is_closed(caller: Caller, key: KMSKey | None, permission: Permission) -> bool:
    """Whether the operation does not reach the key from the caller's account, whatever the policies say."""
    return key is not None and key.account_id != caller.account_id and not permission.foreign


def _requested(asked: Hypothesis, permission: Permission) -> Mapping[str, Fact]:
    """What the request itself says, with the algorithm that counts if it names none."""
    if asked.key is None or not permission.with_context:
        return {}
    found: dict[str, Fact] = {
        ENCRYPTION_CONTEXT_PREFIX + name: value for name, value in asked.encryption_context.items()
    }
    if found:
        found["kms:EncryptionContextKeys"] = tuple(asked.encryption_context)
    if asked.key.key_spec is KeySpec.SYMMETRIC_DEFAULT:
        found["kms:EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT"
    return found


def _notes(asked: Hypothesis, permission: Permission, *, closed: bool) -> list[str]:
    notes = []
    if closed:
        notes.append(f"{permission.action} is for principals of the key's own account, whatever the policies say")
    if asked.key is not None and not asked.key.enabled:
        notes.append(f"the key state is {asked.key.state}: what it lets through is looked at after all of this")
    if permission.action == "kms:CreateGrant":
        notes.append("on the strength of a grant, CreateGrant makes no wider one than that grant is")
    return notes
