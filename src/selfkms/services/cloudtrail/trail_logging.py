"""StartLogging, StopLogging, GetTrailStatus.

Source: CloudTrail API Reference, "StartLogging", "StopLogging", "GetTrailStatus".
"""

from typing import Final

from selfkms.domain.cloudtrail.event import event_time
from selfkms.domain.cloudtrail.trails import Trail
from selfkms.domain.errors import InternalFailure
from selfkms.ports.event_history import HistoryUnavailableError
from selfkms.services.context import Context
from selfkms.services.operation import Audit, Operation, TrailNamed
from selfkms.services.shapes import Shape


class StartLoggingRequest(Shape, frozen=True, kw_only=True):
    name: str


class StopLoggingRequest(Shape, frozen=True, kw_only=True):
    name: str


class GetTrailStatusRequest(Shape, frozen=True, kw_only=True):
    name: str


class Nothing(Shape, frozen=True, kw_only=True):
    """The result of StartLogging and StopLogging."""


class GetTrailStatusResult(Shape, frozen=True, kw_only=True):
    is_logging: bool
    latest_delivery_error: str | None = None
    latest_delivery_time: float | None = None
    start_logging_time: float | None = None
    stop_logging_time: float | None = None
    latest_digest_delivery_time: float | None = None
    latest_digest_delivery_error: str | None = None
    latest_delivery_attempt_time: str
    latest_notification_attempt_time: str
    latest_notification_attempt_succeeded: str
    latest_delivery_attempt_succeeded: str
    time_logging_started: str
    time_logging_stopped: str


def start_logging(_request: StartLoggingRequest, trail: Trail, context: Context) -> Nothing:
    """Deliver what happens from now on.

    Raises:
        InternalFailure: where the journal is now cannot be told.
    """
    if not trail.is_logging:
        try:
            place = context.history.place()
        except HistoryUnavailableError as error:
            raise InternalFailure("The event history does not answer. The request can be retried.") from error
        context.put(trail.started(at=context.now, place=place))
    return Nothing()


def stop_logging(_request: StopLoggingRequest, trail: Trail, context: Context) -> Nothing:
    """Deliver what happened until now, this request included, and then nothing."""
    if trail.is_logging:
        context.put(trail.stopped(at=context.now))
    return Nothing()


def get_trail_status(_request: GetTrailStatusRequest, trail: Trail, _context: Context) -> GetTrailStatusResult:
    """Whether it logs, and what became of its deliveries."""
    delivered = trail.delivered
    return GetTrailStatusResult(
        is_logging=trail.is_logging,
        latest_delivery_error=delivered.logs_error or None,
        latest_delivery_time=delivered.logs_at,
        start_logging_time=trail.started_at,
        stop_logging_time=trail.stopped_at,
        latest_digest_delivery_time=delivered.digest_at,
        latest_digest_delivery_error=delivered.digest_error or None,
        latest_delivery_attempt_time=_text(delivered.logs_tried_at),
        latest_notification_attempt_time="",
        latest_notification_attempt_succeeded="",
        latest_delivery_attempt_succeeded=_text(delivered.logs_at),
        time_logging_started=_text(trail.started_at),
        time_logging_stopped=_text(trail.stopped_at),
    )


def _text(at: float | None) -> str:
    return "" if at is None else event_time(at)


OPERATIONS: Final = (
    Operation(
        "StartLogging",
        service="cloudtrail",
        run=start_logging,
        request=StartLoggingRequest,
        targets=(TrailNamed(at_home=True),),
        writes=True,
        audit=Audit(parameters=("name",), read_only=False),
    ),
    Operation(
        "StopLogging",
        service="cloudtrail",
        run=stop_logging,
        request=StopLoggingRequest,
        targets=(TrailNamed(at_home=True),),
        writes=True,
        audit=Audit(parameters=("name",), read_only=False),
    ),
    Operation(
        "GetTrailStatus",
        service="cloudtrail",
        run=get_trail_status,
        request=GetTrailStatusRequest,
        targets=(TrailNamed(),),
        audit=Audit(parameters=("name",)),
    ),
)
