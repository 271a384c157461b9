"""All operations of AWS KMS that are served, by name."""

from collections.abc import Mapping
from typing import Final

from selfkms.services.kms import (
    agreement,
    aliases,
    data_key_pairs,
    data_keys,
    deletion,
    encryption,
    grant_listings,
    grants,
    imported_material,
    keys,
    last_usage,
    macs,
    multi_region,
    policies,
    public_keys,
    randomness,
    rotation,
    signing,
    tags,
)
from selfkms.services.operation import Operation

FAMILIES: Final = (
    keys,
    deletion,
    rotation,
    imported_material,
    multi_region,
    aliases,
    tags,
    policies,
    grants,
    grant_listings,
    encryption,
    data_keys,
    data_key_pairs,
    signing,
    macs,
    agreement,
    public_keys,
    randomness,
    last_usage,
)

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation for family in FAMILIES for operation in family.OPERATIONS
}
