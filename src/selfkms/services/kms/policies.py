"""GetKeyPolicy, PutKeyPolicy, ListKeyPolicies.

Source: AWS KMS API Reference, the operations of these names; KMS developer guide, "Key policies in AWS KMS".
"""

from typing import Any, Final

from selfkms.domain.kms.errors import MalformedPolicyDocumentException, NotFoundException
from selfkms.domain.kms.key_policy import LOCKOUT_TEXT, POLICY_NAME, PRINCIPALS_TEXT, parse_key_policy
from selfkms.domain.kms.keys import KMSKey
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_bypass
from selfkms.services.kms.paging import Page, Paged
from selfkms.services.operation import Audit, KeyNamed, Operation
from selfkms.services.principals import UnknownPrincipalError, principal_ids
from selfkms.services.shapes import Shape


class GetKeyPolicyRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    policy_name: str = POLICY_NAME


class GetKeyPolicyResult(Shape, frozen=True, kw_only=True):
    policy: str
    policy_name: str


class PutKeyPolicyRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    policy_name: str = POLICY_NAME
    policy: str
    bypass_policy_lockout_safety_check: bool | None = None


class ListKeyPoliciesRequest(Paged, frozen=True, kw_only=True):
    key_id: str


class ListKeyPoliciesResult(Page, frozen=True, kw_only=True):
    policy_names: tuple[str, ...]


def checked_policy(key: KMSKey, request: Any, context: Context) -> KMSKey:
    """The key, whose policy is new, with the unique IDs of the principals that the policy names.

    Args:
        key: with the new key policy.
        request: to CreateKey, PutKeyPolicy or ReplicateKey.
        context: knows who asks.

    Raises:
        LimitExceededException: longer than 32,768 bytes.
        MalformedPolicyDocumentException: no policy, a principal of an account of ours that does not exist, or the
            caller would be locked out and did not skip that check.
    """
    policy = parse_key_policy(key.policy)
    try:
        named = key.changed(principal_ids=principal_ids(policy, context.database))
    except UnknownPrincipalError as error:
        raise MalformedPolicyDocumentException(PRINCIPALS_TEXT) from error
    skipped = request.bypass_policy_lockout_safety_check
    if not skipped and not context.may_on_key("kms:PutKeyPolicy", named, of_bypass(request)):
        raise MalformedPolicyDocumentException(LOCKOUT_TEXT)
    return named


def get_key_policy(request: GetKeyPolicyRequest, key: KMSKey, _context: Context) -> GetKeyPolicyResult:
    """The key policy as it was written: clients compare texts."""
    _check_name(request.policy_name)
    return GetKeyPolicyResult(policy=key.policy, policy_name=POLICY_NAME)


def put_key_policy(request: PutKeyPolicyRequest, key: KMSKey, context: Context) -> None:
    """Replace the key policy; it counts from the next request on."""
    _check_name(request.policy_name)
    context.put(checked_policy(key.changed(policy=request.policy), request, context))


def list_key_policies(_request: ListKeyPoliciesRequest, _key: KMSKey, _context: Context) -> ListKeyPoliciesResult:
    """A KMS key has one key policy, named `default`."""
    return ListKeyPoliciesResult(policy_names=(POLICY_NAME,), truncated=False)


def _check_name(policy_name: str) -> None:
    if policy_name != POLICY_NAME:
        raise NotFoundException("No such policy exists")


_KEY: Final = (KeyNamed(),)

OPERATIONS: Final = (
    Operation(
        "GetKeyPolicy",
        run=get_key_policy,
        request=GetKeyPolicyRequest,
        targets=_KEY,
        audit=Audit(parameters=("key_id", "policy_name"), defaults={"policy_name": POLICY_NAME}),
    ),
    Operation(
        "PutKeyPolicy",
        run=put_key_policy,
        request=PutKeyPolicyRequest,
        condition_keys=of_bypass,
        targets=_KEY,
        writes=True,
        audit=Audit(
            parameters=("key_id", "policy_name", "policy", "bypass_policy_lockout_safety_check"),
            defaults={"policy_name": POLICY_NAME, "bypass_policy_lockout_safety_check": False},
            read_only=False,
        ),
    ),
    Operation(
        "ListKeyPolicies",
        run=list_key_policies,
        request=ListKeyPoliciesRequest,
        targets=_KEY,
        audit=Audit(parameters=("key_id", "limit", "marker")),
    ),
)
