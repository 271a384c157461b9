"""What a request is told when the block store fails it: that it is our fault, and nothing else."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from selfkms.domain.ebs.errors import InternalServerException
from selfkms.domain.ebs.storage import Snapshot
from selfkms.ports.block_store import BlockCorruptError, BlockStoreUnavailableError

_log: Final = logging.getLogger(__name__)


@contextmanager
def blocks_of(snapshot: Snapshot) -> Iterator[None]:
    """For the use of the blocks of a snapshot. The operator learns from the log what is wrong with them.

    Raises:
        InternalServerException: they are not what was written, or there is no room for another one.
    """
    try:
        yield
    except BlockCorruptError as error:
        _log.error("%s is damaged: %s", snapshot.arn, error)
        raise InternalServerException("The blocks of the snapshot cannot be read.") from None
    except BlockStoreUnavailableError as error:
        _log.warning("%s: the block store fails: %s", snapshot.arn, error)
        raise InternalServerException("The blocks of the snapshot are not available now.") from None
