"""Permissions on KMS keys that hold for more than one request, because nothing of the request decided them.

What is kept is an Allow by documents alone: no condition and no policy variable asked for anything, and no grant was
looked for. So it holds for the same caller, action and KMS key until a document or the key changes; then the objects
that it is kept under are others, from the next request on. Refusals are worked out each time.
"""

from typing import Final

from selfkms.domain.policy.evaluate import Decision, Identity, Question, ResourceSide
from selfkms.services.identities import MadeFromRecords

_OF_ONE_PAIR_MAX: Final = 64
"""Sessions of a role times actions, of one role and one KMS key."""

_Asked = tuple[str, str, str]
"""The ARN of the caller, the action, the ARN of the resource."""


class KnownVerdicts:
    """Belongs to one thread. Those that were not asked for the longest go first."""

    def __init__(self) -> None:
        self._kept = MadeFromRecords[set[_Asked]]()

    def allows(self, identity: Identity, side: ResourceSide, action: str, arn: str) -> bool:
        """Whether it is known that this is permitted; False: it has to be worked out."""
        if identity.gathered is None:
            return False
        allowed = self._kept.get(identity.gathered, side)
        return allowed is not None and (identity.caller.arn, action, arn) in allowed

    def note(self, identity: Identity, side: ResourceSide, question: Question, decision: Decision) -> None:
        """Keep a verdict, if it is one of those that hold."""
        caller = identity.caller
        if (
            not decision.allowed
            or decision.grant is not None
            or question.facts.asked
            or question.resource_facts.asked
            or identity.gathered is None
            # How a resource policy names these does not depend on their ARN.
            or caller.service is not None
            or caller.web_identity is not None
        ):
            return
        allowed = self._kept.get(identity.gathered, side)
        if allowed is None:
            allowed = set()
            self._kept.keep(allowed, identity.gathered, side, text=0)
        elif len(allowed) >= _OF_ONE_PAIR_MAX:
            allowed.clear()
        allowed.add((caller.arn, question.action, question.resource))
