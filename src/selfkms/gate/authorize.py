"""Every permission that a request needs, asked for one by one; the first refusal ends it.

Source: IAM User Guide, "Troubleshoot access denied error messages"; KMS developer guide, "Determining access".
"""

from collections import OrderedDict
from typing import Final

from selfkms.domain.errors import AccessDeniedException
from selfkms.domain.iam.principals import Caller
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.policy.document import Policy, PolicyError
from selfkms.domain.policy.evaluate import Decision, Why, decide_on_key, decide_without_resource
from selfkms.gate.resolve import Resolved, ResolvedAlias, ResolvedKey

# One text for a key that does not exist, is in another Region, or is not for the caller: none of them is told apart.
CIPHERTEXT_TEXT: Final = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
    "or you are not allowed to access."
)

_PARSED_TEXT_MAX: Final = 8 * 1_048_576
"""Characters of key policies that are kept parsed, in all."""

_NO_POLICY: Final = Policy(())
"""Of a key that does not exist, and of one whose policy cannot be read: nobody is let in."""


class Authorizer:
    """Decides requests. Keeps the parsed policies of the keys it saw last, by their text."""

    def __init__(self) -> None:
        self._parsed: OrderedDict[str, Policy] = OrderedDict()
        self._parsed_text = 0

    def authorize(self, caller: Caller, action: str, resolved: Resolved) -> None:
        """Let the request through, or refuse it.

        Raises:
            AccessDeniedException: with AWS's text, which names no more than the caller may know.
        """
        if not resolved.resources:
            _check(decide_without_resource(caller), caller, action, None)
        for resource in resolved.resources:
            if isinstance(resource, ResolvedAlias):
                _check(decide_without_resource(caller), caller, resource.action, resource.arn)
            else:
                self._authorize_key(caller, resource)

    def _authorize_key(self, caller: Caller, resource: ResolvedKey) -> None:
        verdict = decide_on_key(
            caller,
            resource.action,
            policy=self._policy(resource.key),
            key_arn=resource.arn,
            owner=resource.owner,
        )
        if not verdict.allowed and resource.by_ciphertext:
            raise AccessDeniedException(CIPHERTEXT_TEXT)
        _check(verdict, caller, resource.action, resource.named_arn)
        assert resource.key is not None, "only a key that exists has a policy that allows"

    def _policy(self, key: KMSKey | None) -> Policy:
        if key is None:
            return _NO_POLICY
        policy = self._parsed.get(key.policy)
        if policy is None:
            try:
                policy = Policy.parse(key.policy, principals=True)
            except PolicyError:
                # It was checked when it was set. One that cannot be understood now refuses what it governs.
                policy = _NO_POLICY
            self._parsed[key.policy] = policy
            self._parsed_text += len(key.policy)
            while self._parsed_text > _PARSED_TEXT_MAX:
                self._parsed_text -= len(self._parsed.popitem(last=False)[0])
        return policy


def _check(verdict: Decision, caller: Caller, action: str, arn: str | None) -> None:
    if verdict.why is None:
        return
    raise AccessDeniedException(refusal_text(verdict.why, caller.arn, action, arn))


def refusal_text(why: Why, caller_arn: str, action: str, arn: str | None) -> str:
    """AWS's text of a refusal."""
    on_resource = f" on resource: {arn}" if arn else ""
    return f"User: {caller_arn} is not authorized to perform: {action}{on_resource} {why.value.format(action=action)}"
