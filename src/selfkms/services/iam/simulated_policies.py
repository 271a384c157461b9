"""The policies that a simulation is about: those of a user, group or role as of now, and those given as text.

Source: IAM API Reference, "SimulatePrincipalPolicy", "SimulateCustomPolicy"; how a policy is identified was seen in
answers of AWS: `PolicyInputList.1`, `user_NAME_POLICY` for an inline policy, the name of a managed policy.
"""

import functools
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from selfkms.domain.arns import ARN
from selfkms.domain.iam.errors import InvalidInputException, NoSuchEntityException
from selfkms.domain.iam.principals import Group, Role, User
from selfkms.domain.policy.document import Policy, PolicyError, PolicyKind
from selfkms.domain.policy.evaluate import Document
from selfkms.services.context import Context
from selfkms.services.iam.known_policies import known_policy, name_and_path
from selfkms.services.iam.statement_positions import Span, statement_spans
from selfkms.services.identities import CompiledPolicies

Principal = User | Group | Role


class SourceType(StrEnum):
    """How answers name the kinds of policies. The model has other names, which AWS never sends."""

    IDENTITY = "IAM Policy"
    RESOURCE = "Resource Policy"
    BOUNDARY = "Permissions Boundary Policy"


class SimulatedPolicy(Document, frozen=True, dict=True):
    """A policy, named by its SourcePolicyId, with its text."""

    text: str
    source_type: SourceType

    @functools.cached_property
    def spans(self) -> list[Span]:
        """Where its statements stand."""
        return statement_spans(self.text)


class PrincipalARN(msgspec.Struct, frozen=True):
    """The ARN of a user, group or role, which need not exist."""

    arn: str
    account_id: str
    kind: str
    """`user`, `group` or `role`."""
    path: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> "PrincipalARN":
        """The parts of such an ARN.

        Raises:
            InvalidInputException: it is of something else.
        """
        parsed = ARN.parse(arn)
        kind, _, rest = ("", "", "") if parsed is None else parsed.resource.partition("/")
        path, _, name = rest.rpartition("/")
        if parsed is None or parsed.service != "iam" or kind not in _KINDS or not name:
            raise InvalidInputException(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
        return cls(arn, parsed.account_id, kind, f"/{path}/" if path else "/", name)

    def entity(self, context: Context) -> Principal | None:
        """The user, group or role of the caller's account that has exactly this ARN; None: there is none."""
        if self.account_id != context.account_id:
            return None
        found = getattr(context.database, self.kind)(self.account_id, self.name)
        return found if found is not None and found.arn == self.arn else None

    def existing(self, context: Context) -> Principal:
        """The user, group or role of exactly this ARN.

        Raises:
            InvalidInputException: it is of another account.
            NoSuchEntityException: there is none of this ARN.
        """
        if self.account_id != context.account_id:
            raise InvalidInputException(
                f"Invalid Policy Source Arn: caller's account {context.account_id} does not have access "
                f"to policies in account {self.account_id}"
            )
        found = self.entity(context)
        if found is None:
            raise NoSuchEntityException(f"The {self.kind} with name {self.name} cannot be found.")
        return found


_KINDS: Final = frozenset({"user", "group", "role"})


def given_policies(texts: Sequence[str], parameter: str, source_type: SourceType) -> tuple[SimulatedPolicy, ...]:
    """Policies of a parameter, numbered from 1.

    Raises:
        InvalidInputException: a text is no identity policy.
    """
    return tuple(
        SimulatedPolicy(f"{parameter}.{number}", parsed(text, PolicyKind.IDENTITY), text, source_type)
        for number, text in enumerate(texts, 1)
    )


def parsed(text: str, kind: PolicyKind) -> Policy:
    """A policy that came with the request.

    Raises:
        InvalidInputException: the text is no policy of that kind.
    """
    try:
        return Policy.parse(text, kind)
    except PolicyError as error:
        raise InvalidInputException(str(error)) from error


class HeldPolicies:
    """Policies as principals have them. One that is damaged or gone denies, as it does in earnest, and has no text."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def of(self, principal: Principal) -> tuple[SimulatedPolicy, ...]:
        """The inline and managed policies of a user and its groups, or of a group or a role."""
        policies = self._own(principal)
        if isinstance(principal, User):
            for name in principal.group_names:
                group = self._context.database.group(principal.account_id, name)
                policies += [] if group is None else self._own(group)
        return tuple(policies)

    def boundary_of(self, principal: Principal) -> SimulatedPolicy | None:
        """The permissions boundary of a user or a role, if it has one."""
        arn = None if isinstance(principal, Group) else principal.permissions_boundary
        return None if arn is None else self._managed(arn, SourceType.BOUNDARY)

    def _own(self, principal: Principal) -> list[SimulatedPolicy]:
        holder = PrincipalARN.parse(principal.arn)
        inline = [
            _policy(f"{holder.kind}_{holder.name}_{policy.policy_name}", policy.document, SourceType.IDENTITY)
            for policy in principal.inline_policies
        ]
        return inline + [self._managed(arn, SourceType.IDENTITY) for arn in principal.attached_policy_arns]

    def _managed(self, arn: str, source_type: SourceType) -> SimulatedPolicy:
        found = known_policy(arn, self._context)
        return _policy(name_and_path(arn)[0], "" if found is None else found.document, source_type)


def _policy(identifier: str, text: str, source_type: SourceType) -> SimulatedPolicy:
    try:
        policy = Policy.parse(text, PolicyKind.IDENTITY)
    except PolicyError:
        policy, text = CompiledPolicies().get("", PolicyKind.IDENTITY), ""
    return SimulatedPolicy(identifier, policy, text, source_type)
