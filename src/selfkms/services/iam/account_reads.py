"""ListAccountAliases, GetAccountSummary: what an account has as a whole.

Source: IAM API Reference, the operations of these names; IAM User Guide, "IAM and AWS STS quotas".
"""

from typing import Final

from selfkms.domain.iam.limits import (
    ACCESS_KEYS_PER_USER_MAX,
    ATTACHED_POLICIES_PER_GROUP_MAX,
    ATTACHED_POLICIES_PER_ROLE_MAX,
    ATTACHED_POLICIES_PER_USER_MAX,
    GROUPS_PER_ACCOUNT_MAX,
    GROUPS_PER_USER_MAX,
    INLINE_POLICY_CHARACTERS_PER_GROUP_MAX,
    INLINE_POLICY_CHARACTERS_PER_ROLE_MAX,
    INLINE_POLICY_CHARACTERS_PER_USER_MAX,
    INSTANCE_PROFILES_PER_ACCOUNT_MAX,
    MANAGED_POLICY_CHARACTERS_MAX,
    POLICIES_PER_ACCOUNT_MAX,
    POLICY_VERSIONS_IN_USE_MAX,
    ROLES_PER_ACCOUNT_MAX,
    SERVER_CERTIFICATES_PER_ACCOUNT_MAX,
    SIGNING_CERTIFICATES_PER_USER_MAX,
    TRUST_POLICY_CHARACTERS_MAX,
    USERS_PER_ACCOUNT_MAX,
    VERSIONS_PER_POLICY_MAX,
)
from selfkms.services.context import Context
from selfkms.services.iam.groups import position_of_group, reading_groups
from selfkms.services.iam.paging import Page, Paged
from selfkms.services.iam.users import position_of_user, reading_users
from selfkms.services.markers import each
from selfkms.services.operation import Audit, Operation
from selfkms.services.shapes import Shape


class ListAccountAliasesRequest(Paged, frozen=True, kw_only=True):
    pass


class ListAccountAliasesResult(Page, frozen=True, kw_only=True):
    account_aliases: tuple[str, ...]


class GetAccountSummaryRequest(Shape, frozen=True, kw_only=True):
    pass


class GetAccountSummaryResult(Shape, frozen=True, kw_only=True):
    summary_map: dict[str, int]


QUOTAS: Final = {
    "UsersQuota": USERS_PER_ACCOUNT_MAX,
    "GroupsQuota": GROUPS_PER_ACCOUNT_MAX,
    "RolesQuota": ROLES_PER_ACCOUNT_MAX,
    "PoliciesQuota": POLICIES_PER_ACCOUNT_MAX,
    "InstanceProfilesQuota": INSTANCE_PROFILES_PER_ACCOUNT_MAX,
    "ServerCertificatesQuota": SERVER_CERTIFICATES_PER_ACCOUNT_MAX,
    "GroupsPerUserQuota": GROUPS_PER_USER_MAX,
    "AccessKeysPerUserQuota": ACCESS_KEYS_PER_USER_MAX,
    "SigningCertificatesPerUserQuota": SIGNING_CERTIFICATES_PER_USER_MAX,
    "AttachedPoliciesPerUserQuota": ATTACHED_POLICIES_PER_USER_MAX,
    "AttachedPoliciesPerGroupQuota": ATTACHED_POLICIES_PER_GROUP_MAX,
    "AttachedPoliciesPerRoleQuota": ATTACHED_POLICIES_PER_ROLE_MAX,
    "UserPolicySizeQuota": INLINE_POLICY_CHARACTERS_PER_USER_MAX,
    "GroupPolicySizeQuota": INLINE_POLICY_CHARACTERS_PER_GROUP_MAX,
    "RolePolicySizeQuota": INLINE_POLICY_CHARACTERS_PER_ROLE_MAX,
    "PolicySizeQuota": MANAGED_POLICY_CHARACTERS_MAX,
    "AssumeRolePolicySizeQuota": TRUST_POLICY_CHARACTERS_MAX,
    "VersionsPerPolicyQuota": VERSIONS_PER_POLICY_MAX,
    "PolicyVersionsInUseQuota": POLICY_VERSIONS_IN_USE_MAX,
}

NOT_KEPT: Final = {
    "AccountMFAEnabled": 0,
    "AccountPasswordPresent": 0,
    "AccountSigningCertificatesPresent": 0,
    "InstanceProfiles": 0,
    "MFADevices": 0,
    "MFADevicesInUse": 0,
    "ServerCertificates": 0,
}
"""What nobody has here."""

# Session tokens of STS are the long ones that are good in all Regions.
_TOKEN_VERSION: Final = 2


def list_account_aliases(_request: ListAccountAliasesRequest, _context: Context) -> ListAccountAliasesResult:
    """None: an alias is a name for the sign-in page."""
    return ListAccountAliasesResult(account_aliases=(), is_truncated=False)


def get_account_summary(_request: GetAccountSummaryRequest, context: Context) -> GetAccountSummaryResult:
    """How many of each kind there are in the account, and how many there may be."""
    account_id, database = context.account_id, context.database
    roles = each(
        lambda after, count: database.roles(account_id, after=after, limit=count),
        position=lambda role: role.role_name.lower(),
    )
    policies = list(
        each(
            lambda after, count: database.managed_policies(account_id, after=after, limit=count),
            position=lambda policy: policy.policy_name.lower(),
        )
    )
    counts = {
        "Users": sum(1 for _ in each(reading_users(context), position=position_of_user)),
        "Groups": sum(1 for _ in each(reading_groups(context), position=position_of_group)),
        "Roles": sum(1 for _ in roles),
        "Policies": len(policies),
        "PolicyVersionsInUse": sum(len(policy.versions) for policy in policies),
        "Providers": len(database.oidc_providers(account_id)),
        "AccountAccessKeysPresent": int(bool(database.access_keys(account_id, None))),
        "GlobalEndpointTokenVersion": _TOKEN_VERSION,
    }
    return GetAccountSummaryResult(summary_map={**counts, **NOT_KEPT, **QUOTAS})


OPERATIONS: Final = (
    Operation(
        "ListAccountAliases",
        service="iam",
        run=list_account_aliases,
        request=ListAccountAliasesRequest,
        audit=Audit(parameters=("marker", "max_items")),
    ),
    Operation(
        "GetAccountSummary",
        service="iam",
        run=get_account_summary,
        request=GetAccountSummaryRequest,
        slow=True,
        audit=Audit(),
    ),
)
