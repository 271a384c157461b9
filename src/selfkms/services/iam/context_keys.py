"""GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy: which condition keys policies ask for.

Source: IAM API Reference, the operations of these names; AWS CLI Command Reference,
"get-context-keys-for-custom-policy": policy variables count, too, and names are as the policies write them.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from selfkms.domain.policy.document import PolicyKind
from selfkms.services.context import Context
from selfkms.services.iam.principal_sources import PRINCIPAL_TARGETS, check_principal
from selfkms.services.iam.simulated_policies import HeldPolicies, PrincipalARN, parsed
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape

# As `domain.policy.variables` reads them, `${*}`, `${?}` and `${$}` apart, which are no keys.
_VARIABLE: Final = re.compile(r"\$\{(?![*?$]\})([^{},]++)(?:, *'[^'{}]*+')?\}")
_WITH_VARIABLES: Final = "2012-10-17"


class GetContextKeysForCustomPolicyRequest(Shape, frozen=True, kw_only=True):
    policy_input_list: tuple[str, ...]


class GetContextKeysForPrincipalPolicyRequest(Shape, frozen=True, kw_only=True):
    policy_source_arn: str
    policy_input_list: tuple[str, ...] = ()


class GetContextKeysForPolicyResult(Shape, frozen=True, kw_only=True):
    context_key_names: tuple[str, ...]


def get_context_keys_for_custom_policy(
    request: GetContextKeysForCustomPolicyRequest, _context: Context
) -> GetContextKeysForPolicyResult:
    """The condition keys of policies given as text.

    Raises:
        InvalidInputException: a text is no policy.
    """
    for text in request.policy_input_list:
        parsed(text, PolicyKind.IDENTITY)
    return GetContextKeysForPolicyResult(context_key_names=context_keys(request.policy_input_list))


def get_context_keys_for_principal_policy(
    request: GetContextKeysForPrincipalPolicyRequest, context: Context
) -> GetContextKeysForPolicyResult:
    """The condition keys of the policies of a principal, a user with its groups, and of policies given as text.

    Raises:
        InvalidInputException: a text is no policy, or the principal is of another account.
        NoSuchEntityException: there is no such principal.
    """
    for text in request.policy_input_list:
        parsed(text, PolicyKind.IDENTITY)
    principal = PrincipalARN.parse(request.policy_source_arn).existing(context)
    held = [policy.text for policy in HeldPolicies(context).of(principal)]
    return GetContextKeysForPolicyResult(context_key_names=context_keys([*held, *request.policy_input_list]))


def context_keys(texts: Iterable[str]) -> tuple[str, ...]:
    """The condition keys that checked policies ask for, each once whatever its case, as they come."""
    found: dict[str, str] = {}
    for text in texts:
        # A policy that is damaged has no text: it denies, whatever the context.
        for name in _keys(text) if text else ():
            found.setdefault(name.lower(), name)
    return tuple(found.values())


def _keys(text: str) -> Iterator[str]:
    document = json.loads(text)
    variables = document.get("Version") == _WITH_VARIABLES
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for element, value in statement.items():
            for pairs in value.values() if element == "Condition" else ():
                for key, wanted in pairs.items():
                    yield key
                    yield from _variables(wanted) if variables else ()
            if variables and element in ("Resource", "NotResource"):
                yield from _variables(value)


def _variables(value: object) -> Iterator[str]:
    for text in value if isinstance(value, list) else [value]:
        yield from _VARIABLE.findall(str(text))


OPERATIONS: Final = (
    Operation(
        "GetContextKeysForCustomPolicy",
        service="iam",
        run=get_context_keys_for_custom_policy,
        request=GetContextKeysForCustomPolicyRequest,
        slow=True,
        audit=Audit(parameters=("policy_input_list",)),
    ),
    Operation(
        "GetContextKeysForPrincipalPolicy",
        service="iam",
        run=get_context_keys_for_principal_policy,
        request=GetContextKeysForPrincipalPolicyRequest,
        check=check_principal,
        targets=PRINCIPAL_TARGETS,
        slow=True,
        audit=Audit(parameters=("policy_source_arn", "policy_input_list")),
    ),
)
