"""What managed policies are used for: attached to users, groups and roles, or as permissions boundaries.

A managed policy of a customer counts its uses itself; those of AWS belong to no account, and are counted by looking
through all users, groups and roles of the account.

Source: IAM API Reference, "Policy": AttachmentCount, PermissionsBoundaryUsageCount.
"""

from collections import Counter

import msgspec

from selfkms.domain.iam.principals import Group, Role, User
from selfkms.services.context import Context
from selfkms.services.iam.groups import position_of_group, reading_groups
from selfkms.services.iam.roles import position_of_role, reading_roles
from selfkms.services.iam.users import position_of_user, reading_users
from selfkms.services.markers import each


class PolicyUsage(msgspec.Struct, frozen=True):
    """How often policies are used in an account, by their ARNs."""

    attachments: Counter[str]
    boundaries: Counter[str]

    @classmethod
    def of_account(cls, context: Context) -> "PolicyUsage":
        """The uses in the caller's account. Looks through it: some milliseconds for a thousand users."""
        usage = cls(Counter(), Counter())
        for user in each(reading_users(context), position=position_of_user):
            usage._count(user)
        for group in each(reading_groups(context), position=position_of_group):
            usage._count(group)
        for role in each(reading_roles(context), position=position_of_role):
            usage._count(role)
        return usage

    def _count(self, holder: User | Group | Role) -> None:
        self.attachments.update(holder.attached_policy_arns)
        if not isinstance(holder, Group) and holder.permissions_boundary is not None:
            self.boundaries[holder.permissions_boundary] += 1
