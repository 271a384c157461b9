"""CreateAccessKey, UpdateAccessKey, DeleteAccessKey, ListAccessKeys, GetAccessKeyLastUsed: of users and the root user.

Source: IAM API Reference, the operations of these names; IAM User Guide, "Manage access keys for IAM users", "Managing
access keys for the root user".
"""

from typing import Final

import msgspec

from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.errors import InvalidInputException, LimitExceededException, NoSuchEntityException
from selfkms.domain.iam.limits import ACCESS_KEYS_PER_USER_MAX
from selfkms.domain.iam.principals import AccessKey, AccessKeyStatus, User, secret_binding
from selfkms.domain.records import Record
from selfkms.domain.secrets import Secret
from selfkms.services.context import Context
from selfkms.services.iam.accounts import new_credential
from selfkms.services.iam.paging import Page, Paged, page
from selfkms.services.iam.users import USER_NAME_NEEDED, USER_OR_CALLER, subject
from selfkms.services.markers import following
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape


class CreateAccessKeyRequest(Shape, frozen=True, kw_only=True):
    user_name: str | None = None


class UpdateAccessKeyRequest(Shape, frozen=True, kw_only=True):
    user_name: str | None = None
    access_key_id: str
    status: str


class DeleteAccessKeyRequest(Shape, frozen=True, kw_only=True):
    user_name: str | None = None
    access_key_id: str


class ListAccessKeysRequest(Paged, frozen=True, kw_only=True):
    user_name: str | None = None


class GetAccessKeyLastUsedRequest(Shape, frozen=True, kw_only=True):
    access_key_id: str


class AccessKeyMetadata(Shape, frozen=True, kw_only=True):
    """An access key without its secret; one of the root user has no user name."""

    user_name: str | None
    access_key_id: str
    status: AccessKeyStatus
    create_date: float


class NewAccessKey(Shape, frozen=True, kw_only=True):
    """An access key with its secret, which is seen this once."""

    user_name: str | None
    access_key_id: str
    status: AccessKeyStatus
    secret_access_key: Secret
    create_date: float


class CreateAccessKeyResult(Shape, frozen=True, kw_only=True):
    new: NewAccessKey = msgspec.field(name="AccessKey")

    @property
    def access_key(self) -> AccessKeyMetadata:
        """What the audit says of it: all but the secret."""
        return AccessKeyMetadata(
            user_name=self.new.user_name,
            access_key_id=self.new.access_key_id,
            status=self.new.status,
            create_date=self.new.create_date,
        )


class ListAccessKeysResult(Page, frozen=True, kw_only=True):
    access_key_metadata: tuple[AccessKeyMetadata, ...]


class AccessKeyLastUsed(Shape, frozen=True, kw_only=True):
    service_name: str
    region: str


class GetAccessKeyLastUsedResult(Shape, frozen=True, kw_only=True):
    user_name: str | None
    access_key_last_used: AccessKeyLastUsed


def create_access_key(request: CreateAccessKeyRequest, user: User | None, context: Context) -> CreateAccessKeyResult:
    """Make an access key of a user, of the caller, or of the root user if that is the caller.

    Raises:
        LimitExceededException: there are two already.
    """
    user = _owner(request.user_name, user, context)
    if len(_access_keys(user, context)) >= ACCESS_KEYS_PER_USER_MAX:
        raise LimitExceededException(f"Cannot exceed quota for AccessKeysPerUser: {ACCESS_KEYS_PER_USER_MAX}")
    credential = new_credential(context.entropy)
    access_key = AccessKey(
        access_key_id=credential.access_key_id,
        account_id=context.account_id,
        user_name=_name(user),
        sealed_secret=context.keys.seal(
            credential.secret_access_key, bound_to=secret_binding(credential.access_key_id)
        ),
        created_at=context.now,
    )
    # The holder is raised, too: it must not be deleted at the same moment, and two requests must not make a third key.
    context.put(_holder(user, context))
    context.put(access_key)
    return CreateAccessKeyResult(
        new=NewAccessKey(
            user_name=access_key.user_name,
            access_key_id=access_key.access_key_id,
            status=access_key.status,
            secret_access_key=credential.secret_access_key,
            create_date=access_key.created_at,
        )
    )


def check_update_access_key(request: UpdateAccessKeyRequest) -> None:
    """Refuse the status that nobody can give.

    Raises:
        InvalidInputException: `Expired`.
    """
    if request.status not in tuple(AccessKeyStatus):
        raise InvalidInputException(f"The status of an access key cannot be set to {request.status}.")


def update_access_key(request: UpdateAccessKeyRequest, user: User | None, context: Context) -> None:
    """Let an access key sign, or not. It counts from the next request on.

    Raises:
        NoSuchEntityException: that user has no such access key.
    """
    access_key = _access_key(request.access_key_id, _owner(request.user_name, user, context), context)
    context.put(access_key.changed(status=AccessKeyStatus(request.status)))


def delete_access_key(request: DeleteAccessKeyRequest, user: User | None, context: Context) -> None:
    """Delete an access key for ever.

    Raises:
        NoSuchEntityException: that user has no such access key.
    """
    context.remove(_access_key(request.access_key_id, _owner(request.user_name, user, context), context))


def list_access_keys(request: ListAccessKeysRequest, user: User | None, context: Context) -> ListAccessKeysResult:
    """The access keys of a user, of the caller, or of the root user if that is the caller."""
    user = _owner(request.user_name, user, context)
    access_keys, marker = page(
        context,
        f"ListAccessKeys {context.account_id if user is None else user.user_id}",
        request,
        read=following(_access_keys(user, context), position=_position),
        position=_position,
    )
    return ListAccessKeysResult(
        access_key_metadata=tuple(_metadata(access_key) for access_key in access_keys),
        is_truncated=marker is not None,
        marker=marker,
    )


def get_access_key_last_used(request: GetAccessKeyLastUsedRequest, context: Context) -> GetAccessKeyLastUsedResult:
    """Whose access key this is. When it was used last stands in the audit alone: here it is one that never was.

    Raises:
        NoSuchEntityException: the account has no such access key.
    """
    access_key = context.database.access_key(request.access_key_id)
    if access_key is None or access_key.account_id != context.account_id:
        raise _missing(request.access_key_id)
    return GetAccessKeyLastUsedResult(
        user_name=access_key.user_name, access_key_last_used=AccessKeyLastUsed(service_name="N/A", region="N/A")
    )


def _owner(user_name: str | None, user: User | None, context: Context) -> User | None:
    """Whose access keys a request is about; see `users.subject`. Temporary credentials have to name the user."""
    if user_name is None and context.caller.session is not None:
        raise ValidationError(USER_NAME_NEEDED)
    return subject(user_name, user, context)


def _access_keys(user: User | None, context: Context) -> list[AccessKey]:
    return context.database.access_keys(context.account_id, _name(user))


def _access_key(access_key_id: str, user: User | None, context: Context) -> AccessKey:
    access_key = context.database.access_key(access_key_id)
    if access_key is None or access_key.account_id != context.account_id or access_key.user_name != _name(user):
        raise _missing(access_key_id)
    return access_key


def _missing(access_key_id: str) -> NoSuchEntityException:
    return NoSuchEntityException(f"The Access Key with id {access_key_id} cannot be found.")


def _name(user: User | None) -> str | None:
    return None if user is None else user.user_name


def _holder(user: User | None, context: Context) -> Record:
    if user is not None:
        return user
    account = context.database.account(context.account_id)
    assert account is not None, "a caller has an account"
    return account


def _metadata(access_key: AccessKey) -> AccessKeyMetadata:
    return AccessKeyMetadata(
        user_name=access_key.user_name,
        access_key_id=access_key.access_key_id,
        status=access_key.status,
        create_date=access_key.created_at,
    )


def _position(access_key: AccessKey) -> str:
    return access_key.access_key_id


OPERATIONS: Final = (
    Operation(
        "CreateAccessKey",
        service="iam",
        run=create_access_key,
        request=CreateAccessKeyRequest,
        targets=(USER_OR_CALLER,),
        writes=True,
        audit=Audit(parameters=("user_name",), answers=("access_key",), read_only=False),
    ),
    Operation(
        "UpdateAccessKey",
        service="iam",
        run=update_access_key,
        request=UpdateAccessKeyRequest,
        check=check_update_access_key,
        targets=(USER_OR_CALLER,),
        writes=True,
        audit=Audit(parameters=("user_name", "access_key_id", "status"), read_only=False),
    ),
    Operation(
        "DeleteAccessKey",
        service="iam",
        run=delete_access_key,
        request=DeleteAccessKeyRequest,
        targets=(USER_OR_CALLER,),
        writes=True,
        audit=Audit(parameters=("user_name", "access_key_id"), read_only=False),
    ),
    Operation(
        "ListAccessKeys",
        service="iam",
        run=list_access_keys,
        request=ListAccessKeysRequest,
        targets=(USER_OR_CALLER,),
        audit=Audit(parameters=("user_name", "marker", "max_items")),
    ),
    Operation(
        "GetAccessKeyLastUsed",
        service="iam",
        run=get_access_key_last_used,
        request=GetAccessKeyLastUsedRequest,
        audit=Audit(parameters=("access_key_id",)),
    ),
)
