"""Lists of what nobody has here: passwords, MFA devices, SSH keys, signing certificates, instance profiles.

Clients ask for them before they delete a user or a role. There is no operation that makes any, so the answers are true.

Source: IAM API Reference, the operations of these names.
"""

from typing import Final, NoReturn

import msgspec

from selfkms.domain.iam.errors import NoSuchEntityException
from selfkms.domain.iam.principals import Role, User
from selfkms.services.context import Context
from selfkms.services.iam.paging import Page, Paged
from selfkms.services.iam.users import USER_OR_CALLER, subject
from selfkms.services.operation import Audit, Entity, EntityNamed, Operation
from selfkms.services.shapes import Shape


class OfUserRequest(Paged, frozen=True, kw_only=True):
    """ListMFADevices, ListSSHPublicKeys, ListSigningCertificates."""

    user_name: str | None = None


class ListServiceSpecificCredentialsRequest(OfUserRequest, frozen=True, kw_only=True):
    service_name: str | None = None
    all_users: bool | None = None


class ListVirtualMFADevicesRequest(Paged, frozen=True, kw_only=True):
    assignment_status: str | None = None


class ListInstanceProfilesRequest(Paged, frozen=True, kw_only=True):
    path_prefix: str | None = None


class ListInstanceProfilesForRoleRequest(Paged, frozen=True, kw_only=True):
    role_name: str


class GetLoginProfileRequest(Shape, frozen=True, kw_only=True):
    user_name: str | None = None


class NoMFADevices(Page, frozen=True, kw_only=True):
    none: tuple[()] = msgspec.field(name="MFADevices")


class NoVirtualMFADevices(Page, frozen=True, kw_only=True):
    none: tuple[()] = msgspec.field(name="VirtualMFADevices")


class NoSSHPublicKeys(Page, frozen=True, kw_only=True):
    none: tuple[()] = msgspec.field(name="SSHPublicKeys")


class NoServiceSpecificCredentials(Page, frozen=True, kw_only=True):
    none: tuple[()] = msgspec.field(name="ServiceSpecificCredentials")


class NoSigningCertificates(Page, frozen=True, kw_only=True):
    none: tuple[()] = msgspec.field(name="Certificates")


class NoInstanceProfiles(Page, frozen=True, kw_only=True):
    none: tuple[()] = msgspec.field(name="InstanceProfiles")


def list_mfa_devices(request: OfUserRequest, user: User | None, context: Context) -> NoMFADevices:
    """None of this user."""
    subject(request.user_name, user, context)
    return NoMFADevices(none=(), is_truncated=False)


def list_virtual_mfa_devices(_request: ListVirtualMFADevicesRequest, _context: Context) -> NoVirtualMFADevices:
    """None in this account."""
    return NoVirtualMFADevices(none=(), is_truncated=False)


def list_ssh_public_keys(request: OfUserRequest, user: User | None, context: Context) -> NoSSHPublicKeys:
    """None of this user."""
    subject(request.user_name, user, context)
    return NoSSHPublicKeys(none=(), is_truncated=False)


def list_service_specific_credentials(
    request: ListServiceSpecificCredentialsRequest, user: User | None, context: Context
) -> NoServiceSpecificCredentials:
    """None of this user, or of all users."""
    if not request.all_users:
        subject(request.user_name, user, context)
    return NoServiceSpecificCredentials(none=(), is_truncated=False)


def list_signing_certificates(request: OfUserRequest, user: User | None, context: Context) -> NoSigningCertificates:
    """None of this user."""
    subject(request.user_name, user, context)
    return NoSigningCertificates(none=(), is_truncated=False)


def get_login_profile(request: GetLoginProfileRequest, user: User | None, context: Context) -> NoReturn:
    """Say that a user has no password.

    Raises:
        NoSuchEntityException: always.
    """
    user = subject(request.user_name, user, context)
    name = context.account_id if user is None else user.user_name
    raise NoSuchEntityException(f"Login Profile for User {name} cannot be found.")


def list_instance_profiles(_request: ListInstanceProfilesRequest, _context: Context) -> NoInstanceProfiles:
    """None in this account."""
    return NoInstanceProfiles(none=(), is_truncated=False)


def list_instance_profiles_for_role(
    _request: ListInstanceProfilesForRoleRequest, _role: Role, _context: Context
) -> NoInstanceProfiles:
    """None of this role."""
    return NoInstanceProfiles(none=(), is_truncated=False)


_OF_USER: Final = Audit(parameters=("user_name", "marker", "max_items"))

OPERATIONS: Final = (
    Operation(
        "ListMFADevices",
        service="iam",
        run=list_mfa_devices,
        request=OfUserRequest,
        targets=(USER_OR_CALLER,),
        audit=_OF_USER,
    ),
    Operation(
        "ListVirtualMFADevices",
        service="iam",
        run=list_virtual_mfa_devices,
        request=ListVirtualMFADevicesRequest,
        audit=Audit(parameters=("assignment_status", "marker", "max_items")),
    ),
    Operation(
        "ListSSHPublicKeys",
        service="iam",
        run=list_ssh_public_keys,
        request=OfUserRequest,
        targets=(USER_OR_CALLER,),
        audit=_OF_USER,
    ),
    Operation(
        "ListServiceSpecificCredentials",
        service="iam",
        run=list_service_specific_credentials,
        request=ListServiceSpecificCredentialsRequest,
        targets=(USER_OR_CALLER,),
        audit=Audit(parameters=("user_name", "service_name", "all_users", "marker", "max_items")),
    ),
    Operation(
        "ListSigningCertificates",
        service="iam",
        run=list_signing_certificates,
        request=OfUserRequest,
        targets=(USER_OR_CALLER,),
        audit=_OF_USER,
    ),
    Operation(
        "GetLoginProfile",
        service="iam",
        run=get_login_profile,
        request=GetLoginProfileRequest,
        targets=(USER_OR_CALLER,),
        audit=Audit(parameters=("user_name",)),
    ),
    Operation(
        "ListInstanceProfiles",
        service="iam",
        run=list_instance_profiles,
        request=ListInstanceProfilesRequest,
        audit=Audit(parameters=("path_prefix", "marker", "max_items")),
    ),
    Operation(
        "ListInstanceProfilesForRole",
        service="iam",
        run=list_instance_profiles_for_role,
        request=ListInstanceProfilesForRoleRequest,
        targets=(EntityNamed(Entity.ROLE, "role_name"),),
        audit=Audit(parameters=("role_name", "marker", "max_items")),
    ),
)
