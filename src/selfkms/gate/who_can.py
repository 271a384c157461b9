"""Who may do something on a KMS key, and how each comes by it: every principal is asked about, one after the other."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from selfkms.domain.arns import ARN
from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.kms.grants import Grant
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.policy.document import Statement
from selfkms.domain.policy.evaluate import ResourceSide
from selfkms.domain.policy.explain import conditions_text, constraint_text, statement_name
from selfkms.domain.policy.facts import Facts
from selfkms.domain.policy.possible import Way, way_of
from selfkms.gate.explain import Explainer, Hypothesis, UnknownSubjectError, is_closed, session_of
from selfkms.gate.permissions import Permission, permission_named

_PAGE: Final = 1_000

_SETTLED: Final = frozenset(
    name.lower()
    for name in (
        "aws:PrincipalArn",
        "aws:PrincipalAccount",
        "aws:PrincipalType",
        "aws:username",
        "aws:ResourceAccount",
        "aws:RequestedRegion",
        "kms:CallerAccount",
        "kms:KeySpec",
        "kms:CustomerMasterKeySpec",
        "kms:KeyUsage",
        "kms:CustomerMasterKeyUsage",
        "kms:KeyOrigin",
        "kms:MultiRegion",
        "kms:ResourceAliases",
    )
)
"""Condition keys that are the same in every request of a principal on a key."""
_RESOURCE_TAG: Final = "aws:resourcetag/"
_PRINCIPAL_TAG: Final = "aws:principaltag/"
_NO_FACTS: Final = Facts.of({})
_ITS_OWN_ACCOUNT: Final = "IAM policies of its own account allow it"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A principal that may do something, and by what."""

    principal: str
    """An ARN, an account ID, a service, or `*`."""
    by: str
    conditions: tuple[str, ...] = ()
    """What must hold besides; none: it always may."""


class WhoCan:
    """Goes through everybody. Belongs to one thread."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self._database = explainer.database
        self._authorizer = explainer.authorizer

    def holders(self, action: str, key: KMSKey, *, now: float) -> Iterator[Holder]:
        """Every principal that may do this on a KMS key.

        First those of the accounts here: root users, users, roles, and role sessions that are named themselves; then
        whom the key policy and the grants name elsewhere.

        Raises:
            UnknownPermissionError: the action is none of AWS KMS's.
        """
        permission = permission_named(action)
        always = set()
        for caller in self._everybody(now=now):
            way = self._way(caller, permission, key, now=now)
            if way is not None:
                always |= set() if way.conditions else {caller.principal_arn}
                yield Holder(principal=caller.principal_arn, by=way.by, conditions=way.conditions)
        side = self._authorizer.key_side(key)
        grants = list(self._grants(key))
        for caller in self._named_sessions(side, grants, now=now):
            way = None if caller.principal_arn in always else self._way(caller, permission, key, now=now)
            if way is not None:
                yield Holder(principal=caller.arn, by=way.by, conditions=way.conditions)
        yield from self._elsewhere(permission, key, side, grants)

    def _way(self, caller: Caller, permission: Permission, key: KMSKey, *, now: float) -> Way | None:
        if is_closed(caller, key, permission):
            return None
        asked = Hypothesis(caller=caller, action=permission.action, key=key, now=now, region=key.region)
        identity, question, side = self._explainer.taken_apart(asked, permission)
        assert side is not None
        return way_of(identity, question, side, settled=_settled_for(caller))

    def _everybody(self, *, now: float) -> Iterator[Caller]:
        for account in self._database.accounts():
            account_id = account.account_id
            yield Caller.root(account_id, "")
            after = ""
            while users := self._database.users(account_id, after=after, limit=_PAGE):
                yield from (Caller.user(user, "") for user in users)
                after = users[-1].user_name.lower()
            after = ""
            while roles := self._database.roles(account_id, after=after, limit=_PAGE):
                yield from (session_of(role, "any", now=now) for role in roles)
                after = roles[-1].role_name.lower()

    def _named_sessions(self, side: ResourceSide, grants: list[Grant], *, now: float) -> Iterator[Caller]:
        named = {grant.grantee for grant in grants}
        for statement in side.policy.policy.statements:
            named |= frozenset() if statement.principals is None else statement.principals.aws
        for arn in sorted(arn for arn in named if ":assumed-role/" in arn):
            try:
                yield self._explainer.caller(arn, now=now)
            except UnknownSubjectError:
                # Nobody has that role any more, or it is another account's, which `_elsewhere` names.
                continue

    def _grants(self, key: KMSKey) -> Iterator[Grant]:
        after = ""
        while page := self._database.grants(key.account_id, key.region, key.key_id, after=after, limit=_PAGE):
            yield from page
            after = page[-1].grant_id

    def _elsewhere(
        self, permission: Permission, key: KMSKey, side: ResourceSide, grants: list[Grant]
    ) -> Iterator[Holder]:
        """Whom the key policy and the grants name and who is none of the principals here."""
        here = {account.account_id for account in self._database.accounts()}
        for statement in side.policy.policy.statements:
            if statement.principals is None or statement.principals.negated or not statement.allows:
                continue
            if not _names(statement, permission.action, key):
                continue
            conditions = () if not statement.conditions else (conditions_text(statement.conditions),)
            by = statement_name(side.policy, statement)
            for service in sorted(statement.principals.services):
                yield Holder(principal=service, by=by, conditions=conditions)
            entries = sorted(statement.principals.aws) + (["*"] if statement.principals.everyone else [])
            for entry in entries if permission.foreign else ():
                if _is_elsewhere(entry, here) and not _denied(entry, permission.action, key, side):
                    who = f"{entry} (of other accounts)" if entry == "*" else entry
                    yield Holder(principal=who, by=by, conditions=(_ITS_OWN_ACCOUNT, *conditions))
        operation = permission.action.partition(":")[2]
        for grant in grants:
            if operation in grant.operations and (grant.grantee_is_service or _is_elsewhere(grant.grantee, here)):
                conditions = () if grant.constraints is None else (constraint_text(grant),)
                yield Holder(principal=grant.grantee, by=f"grant {grant.grant_id}", conditions=conditions)


def _denied(entry: str, action: str, key: KMSKey, side: ResourceSide) -> bool:
    """Whether a Deny without conditions is about somebody elsewhere."""
    return any(
        not statement.allows
        and not statement.conditions
        and statement.principals is not None
        and (statement.principals.everyone or entry in statement.principals.aws) is not statement.principals.negated
        and _names(statement, action, key)
        for statement in side.policy.policy.statements
    )


def _names(statement: Statement, action: str, key: KMSKey) -> bool:
    return statement.names_action(action) and statement.covers(key.arn, _NO_FACTS)


def _is_elsewhere(entry: str, here: set[str]) -> bool:
    """Whether an entry of Principal, or a grantee, is none of the principals that were asked about."""
    parsed = ARN.parse(entry)
    if parsed is None:
        return entry == "*" or (entry.isdigit() and entry not in here)
    return parsed.account_id not in here or ":federated-user/" in entry


def _settled_for(caller: Caller) -> Callable[[str], bool]:
    """Session tags override those of a role, so only the tags of a user are settled."""
    session = caller.kind is CallerKind.ROLE

    def settled(name: str) -> bool:
        of_principal = name.startswith(_PRINCIPAL_TAG) or name == "aws:userid"
        return name in _SETTLED or name.startswith(_RESOURCE_TAG) or (of_principal and not session)

    return settled
