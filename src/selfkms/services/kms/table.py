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
    keys,
    macs,
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
    aliases,
    tags,
    policies,
    encryption,
    data_keys,
    data_key_pairs,
    signing,
    macs,
    agreement,
    public_keys,
    randomness,
)

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation for family in FAMILIES for operation in family.OPERATIONS
}
