"""Is what was named there, and does a key in this state, with this usage, take this operation?

Source: KMS developer guide, "Key states of AWS KMS keys"; AWS KMS API Reference, InvalidKeyUsageException.
"""

from typing import Final

from selfkms.domain.kms import key_state
from selfkms.gate.resolved import Resolved, ResolvedEntity, ResolvedKey, ResolvedStorage, ResolvedTrail
from selfkms.services.operation import Operation

_MAY_BE_MISSING: Final = (ResolvedEntity, ResolvedStorage, ResolvedTrail)


def admit(operation: Operation, resolved: Resolved) -> None:
    """Let the request through, or raise AWS's error for the first key that does not take it: states, then usages."""
    for resource in resolved.resources:
        if isinstance(resource, _MAY_BE_MISSING) and resource.missing is not None:
            raise resource.missing
    keys = [r.key for r in resolved.resources if isinstance(r, ResolvedKey) and r.admitted and r.key is not None]
    for key in keys:
        key_state.admit(operation.name, key.state, key.arn)
    if operation.usage is None:
        return
    for key in keys:
        key.check_usage(operation.usage, operation.name)
