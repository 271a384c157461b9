"""What the gate gives back for a request."""

from collections.abc import Callable

import msgspec

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.protocol.http import HTTPResponse


class Outcome(msgspec.Struct, frozen=True):
    """An answer, and the audit record that must be safe in the journal before the answer leaves.

    `record` is None when the record is already safe: it stands in the database, with the change that the request made.
    `otherwise` makes the answer to give instead when the record could not be made safe.
    """

    response: HTTPResponse
    record: AuditRecord | None
    otherwise: Callable[[], HTTPResponse]
    copies: tuple[AuditRecord, ...] = ()
    """The records of the same call for the owners of other accounts' keys, as safe as `record` before the answer."""
