"""How one service of ours calls another: through the same steps as a request from outside, but for the wire.

A call on behalf of a caller is decided for that caller, with `kms:ViaService`; one of the service for itself by what a
key policy or a grant gives the service. Either has its own audit record, which names the service.

Source: IAM User Guide, "Forward access sessions"; KMS developer guide, "kms:ViaService"; CloudTrail User Guide,
"CloudTrail userIdentity element", invokedBy.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from selfkms.domain.cloudtrail.event import Event
from selfkms.domain.errors import AWSError
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.errors import KMSInternalException
from selfkms.gate import record
from selfkms.gate.admit import admit
from selfkms.gate.authorize import Authorizer
from selfkms.gate.facts import Surroundings
from selfkms.gate.resolve import Resolver
from selfkms.ports.database import ConflictError
from selfkms.ports.entropy import Entropy
from selfkms.services.context import Context
from selfkms.services.operation import Operation

INTERNAL_TEXT: Final = "The request was rejected because an internal exception occurred. The request can be retried."

_SOURCE: Final = "kms.amazonaws.com"


class CallsToKMS:
    """Makes the calls of one request. Implements `ports.key_service.KeyService`."""

    def __init__(  # noqa: PLR0913  each is another part of the gate, and all are named
        self,
        *,
        caller: Caller,
        now: float,
        operations: Mapping[str, Operation],
        resolver: Resolver,
        authorizer: Authorizer,
        entropy: Entropy,
        prepare: Callable[[Operation, Any, Surroundings], None],
        consistent: Callable[[], bool],
        context_for: Callable[[Surroundings], Context],
        into: Context,
        note: Callable[[Event], None],
    ) -> None:
        """Prepare.

        Args:
            caller: for whom it is called: somebody through a service, or a service.
            now: seconds since the epoch.
            operations: those of KMS.
            resolver: finds what a call names.
            authorizer: decides it.
            entropy: makes event IDs.
            prepare: makes the AWS managed key that a call names, if it is not there yet.
            consistent: whether all that was read is one state of the records.
            context_for: what a handler of KMS is given.
            into: takes what is to change, to be written with the calling request.
            note: takes what the audit is to know of a call, also of one that was refused.
        """
        assert caller.service is not None, "a service calls"
        self._caller = caller
        self._now = now
        self._operations = operations
        self._resolver = resolver
        self._authorizer = authorizer
        self._entropy = entropy
        self._prepare = prepare
        self._consistent = consistent
        self._context_for = context_for
        self._into = into
        self._note = note

    def call(self, operation: str, *, region: str, **parameters: Any) -> Any:
        """See `KeyService`. Checks of parameters are left out: what our own services send, they make."""
        row = self._operations[operation]
        request = row.request(**parameters)
        # The address and the program of the caller are not those of a call that a service makes.
        around = Surroundings(
            caller=self._caller,
            region=region,
            now=self._now,
            source_ip=None,
            secure=None,
            user_agent=None,
            referer=None,
        )
        event = self._event(row, region, request)
        try:
            result = self._serve(row, request, around, event)
        except ConflictError:
            # Nothing came of it yet: whoever called decides again.
            raise
        except AWSError as error:
            event.error = error
            self._note(event)
            raise
        except Exception:
            event.error = KMSInternalException(INTERNAL_TEXT)
            self._note(event)
            raise
        self._note(event)
        return result

    def _serve(self, row: Operation, request: Any, around: Surroundings, event: Event) -> Any:
        self._prepare(row, request, around)
        context = self._context_for(around)
        resolved = self._resolver.resolve(row, request, caller=around.caller, region=around.region)
        record.note_named(event, resolved)
        self._authorizer.authorize(row, request, resolved, around)
        if not self._consistent():
            # Decided on records of two moments: the calling request is decided again as a whole.
            raise ConflictError
        record.note_permitted(event, resolved)
        admit(row, resolved)
        result = row.run(request, *resolved.arguments, context)
        record.note_result(event, row, resolved, result, context)
        self._into.changes += context.changes
        self._into.events += context.events
        return result

    def _event(self, row: Operation, region: str, request: Any) -> Event:
        service = self._caller.invoked_by or self._caller.service or ""
        event = Event(
            event_id=self._entropy.uuid(),
            request_id=self._entropy.uuid(),
            at=self._now,
            source=_SOURCE,
            name=row.name,
            source_ip=service,
            user_agent=service,
            region=region,
            caller=self._caller,
            read_only=row.audit.read_only,
        )
        record.note_request(event, row, record.as_sent(request))
        return event
