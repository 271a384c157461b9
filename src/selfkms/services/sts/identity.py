"""GetCallerIdentity and GetAccessKeyInfo.

Source: STS API Reference, the operations of these names; IAM User Guide, "IAM JSON policy elements: Variables", "Where
you can use policy variables" (what `aws:userid` is for each kind of caller).
"""

from typing import Final

from selfkms.domain.errors import ValidationError
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape
from selfkms.services.sts.credentials import account_of, refuse_session_of_user


class GetCallerIdentityRequest(Shape, frozen=True, kw_only=True):
    pass


class GetCallerIdentityResult(Shape, frozen=True, kw_only=True):
    user_id: str
    account: str
    arn: str


class GetAccessKeyInfoRequest(Shape, frozen=True, kw_only=True):
    access_key_id: str


class GetAccessKeyInfoResult(Shape, frozen=True, kw_only=True):
    account: str


def get_caller_identity(_request: GetCallerIdentityRequest, context: Context) -> GetCallerIdentityResult:
    """Who the caller is. Every authenticated caller may ask, for each refusal tells the same."""
    caller = context.caller
    return GetCallerIdentityResult(user_id=caller.principal_id, account=caller.account_id, arn=caller.arn)


def get_access_key_info(request: GetAccessKeyInfoRequest, context: Context) -> GetAccessKeyInfoResult:
    """The account that an access key belongs to, whichever it is and whatever its status.

    Raises:
        AccessDenied: the caller is a session that may not call this.
        ValidationError: there is no such access key.
    """
    refuse_session_of_user(context.caller, "GetAccessKeyInfo")
    access_key = context.database.access_key(request.access_key_id)
    account_id = account_of(request.access_key_id) if access_key is None else access_key.account_id
    if account_id is None or context.database.account(account_id) is None:
        raise ValidationError(f"Access key {request.access_key_id} does not exist.")
    return GetAccessKeyInfoResult(account=account_id)


OPERATIONS: Final = (
    Operation(
        "GetCallerIdentity",
        run=get_caller_identity,
        request=GetCallerIdentityRequest,
        service="sts",
        asks_permission=False,
        audit=Audit(),
    ),
    Operation(
        "GetAccessKeyInfo",
        run=get_access_key_info,
        request=GetAccessKeyInfoRequest,
        service="sts",
        audit=Audit(parameters=("access_key_id",)),
    ),
)
