"""All operations about snapshots and volumes that are served, by name: of Amazon EC2, and of the EBS direct APIs."""

from collections.abc import Mapping
from typing import Final

from selfkms.services.ebs import copies, defaults, deletion, descriptions, reads, sharing, tags, uploads, volumes
from selfkms.services.operation import Operation

EC2_FAMILIES: Final = (copies, volumes, descriptions, sharing, tags, defaults, deletion)
DIRECT_FAMILIES: Final = (uploads, reads)

EC2: Final[Mapping[str, Operation]] = {
    operation.name: operation for family in EC2_FAMILIES for operation in family.OPERATIONS
}
DIRECT: Final[Mapping[str, Operation]] = {
    operation.name: operation for family in DIRECT_FAMILIES for operation in family.OPERATIONS
}
