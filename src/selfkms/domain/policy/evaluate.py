"""The verdict: what a key policy and an identity give together.

This is the first form. It weighs principals and actions of key policies, and knows two identities: an account's root
user and a user with AdministratorAccess. Everything that it does not weigh (conditions, `Not…` elements, resources
other than `*` and the key) fails closed: such an Allow gives nothing, such a Deny denies.

Source: IAM User Guide, "Policy evaluation logic"; KMS developer guide, "Determining access to AWS KMS keys".
"""

from enum import Enum

import msgspec

from selfkms.domain.arns import root_arn
from selfkms.domain.iam.principals import ADMINISTRATOR_ACCESS, Caller, CallerKind
from selfkms.domain.policy.document import Policy, Statement


class Why(Enum):
    """The reason of a refusal, in AWS's words; `{action}` is the permission that was asked for."""

    DENIED_BY_RESOURCE = "with an explicit deny in a resource-based policy"
    NOT_IN_RESOURCE = "because no resource-based policy allows the {action} action"
    NOT_IN_IDENTITY = "because no identity-based policy allows the {action} action"
    FOREIGN = (
        "because the resource does not exist in this Region, no resource-based policies allow access, "
        "or a resource-based policy explicitly denies access"
    )


class Decision(msgspec.Struct, frozen=True):
    """Allowed (`why` is None) or refused, and the statement that decided, where one did."""

    why: Why | None
    statement: Statement | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.why is None


ALLOWED = Decision(None)


def is_administrator(caller: Caller) -> bool:
    """Whether the identity side allows everything."""
    return caller.kind is CallerKind.ROOT or ADMINISTRATOR_ACCESS in caller.attached_policy_arns


def decide_without_resource(caller: Caller) -> Decision:
    """An operation on no key, or on an alias: the identity side alone decides."""
    return ALLOWED if is_administrator(caller) else Decision(Why.NOT_IN_IDENTITY)


def decide_on_key(caller: Caller, action: str, *, policy: Policy, key_arn: str, owner: str) -> Decision:
    """An operation on a KMS key of account `owner`.

    1. A Deny that names the caller ends it.
    2. The key policy must allow, by naming the user, everyone, or the caller's account.
    3. Where it named the account, and always for a caller of another account, the identity side must allow too.
    """
    matching = [s for s in policy.statements if _concerns(s, caller, action, key_arn)]
    denial = next((s for s in matching if not s.allows), None)
    if denial is not None:
        return Decision(Why.DENIED_BY_RESOURCE if owner == caller.account_id else Why.FOREIGN, denial)
    allowing = [s for s in matching if not s.beyond]
    if not allowing:
        return Decision(Why.NOT_IN_RESOURCE if owner == caller.account_id else Why.FOREIGN)
    if owner == caller.account_id:
        direct = next((s for s in allowing if _names_directly(s, caller)), None)
        if direct is not None:
            return Decision(None, direct)
    if is_administrator(caller):
        return Decision(None, allowing[0])
    return Decision(Why.NOT_IN_IDENTITY, allowing[0])


def _concerns(statement: Statement, caller: Caller, action: str, key_arn: str) -> bool:
    """Whether a statement is about this caller, action and key; what cannot be weighed counts against the caller."""
    if statement.beyond:
        return not statement.allows
    if not statement.names_action(action):
        return False
    if not any(resource in ("*", key_arn) for resource in statement.resources):
        # A pattern may or may not cover the key. No Resource at all is a statement without effect.
        return bool(statement.resources) and not statement.allows
    return _names_directly(statement, caller) or _names_account(statement, caller)


def _names_directly(statement: Statement, caller: Caller) -> bool:
    names = {"*", caller.arn, caller.principal_id} - {caller.account_id}
    return not names.isdisjoint(statement.principals)


def _names_account(statement: Statement, caller: Caller) -> bool:
    return not {caller.account_id, root_arn(caller.account_id)}.isdisjoint(statement.principals)
