"""All operations of AWS KMS that are served, by name."""

from collections.abc import Mapping
from typing import Final

from selfkms.services.kms import aliases, data_keys, deletion, encryption, keys, policies, randomness, tags
from selfkms.services.operation import Operation

FAMILIES: Final = (keys, deletion, aliases, tags, policies, encryption, data_keys, randomness)

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation for family in FAMILIES for operation in family.OPERATIONS
}
