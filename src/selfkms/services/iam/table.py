"""All operations of AWS IAM that are served, by name."""

from collections.abc import Mapping
from typing import Final

from selfkms.services.iam import (
    access_keys,
    account_reads,
    attachments,
    authorization_details,
    boundaries,
    context_keys,
    credentials_not_kept,
    entity_tags,
    group_members,
    groups,
    identity_providers,
    inline_policies,
    managed_policies,
    policy_entities,
    policy_versions,
    roles,
    simulation,
    users,
)
from selfkms.services.operation import Operation

FAMILIES: Final = (
    users,
    groups,
    group_members,
    access_keys,
    roles,
    managed_policies,
    policy_versions,
    policy_entities,
    attachments,
    inline_policies,
    boundaries,
    identity_providers,
    entity_tags,
    account_reads,
    authorization_details,
    credentials_not_kept,
    context_keys,
    simulation,
)

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation for family in FAMILIES for operation in family.OPERATIONS
}
