"""The documents of the identity side of a caller, as of now: from user, groups, role and session to compiled policies.

Source: IAM User Guide, "Policies and permissions in AWS IAM", "Permissions boundaries", "Session policies".
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from selfkms.domain.arns import ARN
from selfkms.domain.iam.aws_managed_policies import AWS_MANAGED_POLICIES
from selfkms.domain.iam.callers import Caller, Session
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import Group, Role, User
from selfkms.domain.policy.document import Policy, PolicyError, PolicyKind
from selfkms.domain.policy.evaluate import Document, Identity
from selfkms.ports.database import Database

_COMPILED_TEXT_MAX: Final = 8 * 1_048_576
"""Characters of policies that are kept compiled, in all."""
_MADE_TEXT_MAX: Final = 8 * 1_048_576
"""Characters of the policies of everything that is kept made from records, in all."""
_ENTRY_TEXT: Final = 1_024
"""What an entry without any policy counts as."""

# A document was checked when it was set. One that cannot be understood now may have held a Deny: nothing is allowed.
_DENYING: Final = {
    PolicyKind.IDENTITY: Policy.parse(
        '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}', PolicyKind.IDENTITY
    ),
    PolicyKind.KEY: Policy.parse(
        '{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}', PolicyKind.KEY
    ),
    PolicyKind.TRUST: Policy.parse(
        '{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*"}}', PolicyKind.TRUST
    ),
}


class CompiledPolicies:
    """Policies by their text, the ones that were not asked for the longest go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, PolicyKind], Policy] = OrderedDict()
        self._text = 0

    def get(self, text: str, kind: PolicyKind) -> Policy:
        """The policy of a text. One that cannot be read denies everything."""
        policy = self._kept.get((text, kind))
        if policy is not None:
            self._kept.move_to_end((text, kind))
        else:
            try:
                policy = Policy.parse(text, kind)
            except PolicyError:
                policy = _DENYING[kind]
            self._kept[text, kind] = policy
            self._text += len(text)
            while self._text > _COMPILED_TEXT_MAX:
                (old, _), _ = self._kept.popitem(last=False)
                self._text -= len(old)
        return policy


T = TypeVar("T")


class MadeFromRecords(Generic[T]):
    """What was made from a record or two, for as long as the very same objects come back.

    A database gives the same object again while nothing was changed, so that a change counts at once. An entry holds
    its records: no other object can have their identity as long as it is there. The entries that were not asked for the
    longest go first.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], tuple[T, int, object, object]] = OrderedDict()
        self._text = 0

    def get(self, record: object, other: object = None) -> T | None:
        """What was made from these, if it is kept."""
        name = (id(record), id(other))
        entry = self._kept.get(name)
        if entry is None:
            return None
        self._kept.move_to_end(name)
        return entry[0]

    def keep(self, made: T, record: object, other: object = None, *, text: int) -> None:
        """Keep what was made from these, and from policies of so many characters."""
        name = (id(record), id(other))
        replaced = self._kept.pop(name, None)
        size = text + _ENTRY_TEXT
        self._kept[name] = (made, size, record, other)
        self._text += size - (replaced[1] if replaced is not None else 0)
        while self._text > _MADE_TEXT_MAX:
            _, (_, old, _, _) = self._kept.popitem(last=False)
            self._text -= old


class Gathered(NamedTuple):
    """The documents of a user or a role and of a session, and what they were gathered from."""

    policies: tuple[Document, ...]
    boundary: Document | None
    session: tuple[Document, ...] | None
    looked_up: tuple["_LookUp", ...]

    def current(self) -> bool:
        """Whether each look-up gives the very object that it gave then."""
        return all(read(account_id, name) is found for read, account_id, name, found in self.looked_up)


class _LookUp(NamedTuple):
    read: Callable[[str, str], Group | ManagedPolicy | None]
    account_id: str
    name: str
    found: Group | ManagedPolicy | None


class Identities:
    """Gathers identities. Belongs to one thread; keeps those that it saw last."""

    def __init__(self, database: Database, compiled: CompiledPolicies) -> None:
        self._database = database
        self._compiled = compiled
        self._kept = MadeFromRecords[Gathered]()

    def of(self, caller: Caller) -> Identity:
        """The identity side of a caller."""
        holder: User | Role | None = caller.role if caller.role is not None else caller.iam_user
        session = caller.session if caller.session is not None and caller.session.restricted else None
        if holder is None and session is None:
            return Identity(caller=caller)
        # The user or the role and the session are the caller's own; groups and managed policies are looked up again.
        gathered = self._kept.get(holder, session)
        if gathered is None or not gathered.current():
            gathering = _Gathering(self._database, self._compiled)
            gathered = gathering.of(holder, session)
            self._kept.keep(gathered, holder, session, text=gathering.text)
        return Identity(
            caller=caller,
            policies=gathered.policies,
            boundary=gathered.boundary,
            session=gathered.session,
            gathered=gathered,
        )


class _Gathering:
    """Gathers documents, and notes what it looked up and how long the texts are."""

    def __init__(self, database: Database, compiled: CompiledPolicies) -> None:
        self._database = database
        self._compiled = compiled
        self._looked_up: list[_LookUp] = []
        self.text = 0

    def of(self, holder: User | Role | None, session: Session | None) -> Gathered:
        """The documents of a user or a role, and of a session whose policies limit it."""
        return Gathered(
            policies=() if holder is None else self._policies(holder),
            boundary=None if holder is None else self._boundary(holder),
            session=None
            if session is None
            else (
                *(self._document("session policy", text) for text in session.policies),
                *(self._managed(arn) for arn in session.policy_arns),
            ),
            looked_up=tuple(self._looked_up),
        )

    def _policies(self, holder: User | Role) -> tuple[Document, ...]:
        documents = self._of(holder, holder.arn)
        if isinstance(holder, User):
            for name in holder.group_names:
                group = self._group(holder.account_id, name)
                # A group with members cannot be deleted. Should one be gone, its policies may have held a Deny.
                gone = [Document(f"group {name}, which is not there", _DENYING[PolicyKind.IDENTITY])]
                documents += gone if group is None else self._of(group, group.arn)
        return tuple(documents)

    def _of(self, holder: User | Group | Role, arn: str) -> list[Document]:
        inline = [
            self._document(f"inline policy {policy.policy_name} of {arn}", policy.document)
            for policy in holder.inline_policies
        ]
        return inline + [self._managed(arn) for arn in holder.attached_policy_arns]

    def _boundary(self, holder: User | Role) -> Document | None:
        return None if holder.permissions_boundary is None else self._managed(holder.permissions_boundary)

    def _document(self, name: str, text: str) -> Document:
        self.text += len(text)
        return Document(name, self._compiled.get(text, PolicyKind.IDENTITY))

    def _group(self, account_id: str, name: str) -> Group | None:
        group = self._database.group(account_id, name)
        self._looked_up.append(_LookUp(self._database.group, account_id, name, group))
        return group

    def _policy(self, account_id: str, name: str) -> ManagedPolicy | None:
        policy = self._database.managed_policy(account_id, name)
        self._looked_up.append(_LookUp(self._database.managed_policy, account_id, name, policy))
        return policy

    def _managed(self, arn: str) -> Document:
        """A managed policy. One that is not there (it cannot be deleted while it is attached) denies."""
        of_aws = AWS_MANAGED_POLICIES.get(arn)
        if of_aws is not None:
            return self._document(arn, of_aws.document)
        parsed = ARN.parse(arn)
        name = "" if parsed is None else parsed.resource.rpartition("/")[2]
        policy = None if parsed is None else self._policy(parsed.account_id, name)
        if policy is None or policy.arn != arn:
            return Document(arn, _DENYING[PolicyKind.IDENTITY])
        return self._document(arn, policy.document)
