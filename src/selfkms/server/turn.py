"""The requests that arrive in one turn of the event loop, over all connections of a worker, handled together.

A turn looks once for what others committed and makes one handover to the recorder: measured, this saves a third of the
CPU of a request. No answer leaves before its audit record is safe; if it is not, the outcome's other answer leaves.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AWSError, InternalFailure
from selfkms.gate.outcome import Outcome
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.server.interfaces import Answer, Gate, OffLoop, RecorderLink, Routes

_log = logging.getLogger(__name__)

_Waiting = tuple[Outcome, Answer]


class Turn:
    """One per worker, on its event loop."""

    def __init__(
        self,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        gate: Gate,
        link: RecorderLink,
        off_loop: OffLoop,
        health: Mapping[tuple[str, str], Callable[[], HTTPResponse]],
        routes: Routes,
    ) -> None:
        """Begin with nothing.

        Args:
            call_soon: runs its argument on the event loop, after what the present turn still has to read.
            gate: the one of the loop's thread.
            link: the way to the recorder.
            off_loop: where requests run that are not for the loop.
            health: what is answered at once, by method and target.
            routes: what is answered off the loop, by method and target.
        """
        self._call_soon = call_soon
        self._gate = gate
        self._link = link
        self._off_loop = off_loop
        self._health = health
        self._routes = routes
        self._arrived: list[tuple[HTTPRequest, Answer]] = []
        self._records: list[AuditRecord] = []
        self._waiting: list[_Waiting] = []
        self._scheduled = False

    def refuse(self, error: AWSError) -> HTTPResponse:
        """The answer to what never became a request."""
        return self._gate.refuse(error)

    def add(self, request: HTTPRequest, answer: Answer) -> None:
        """Answer this request, not before the present turn of the loop has read what there is to read."""
        self._arrived.append((request, answer))
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        arrived, self._arrived = self._arrived, []
        if arrived:
            self._gate.begin_turn()
        for request, answer in arrived:
            self._handle(request, answer)
        if self._waiting:
            records, self._records = self._records, []
            waiting, self._waiting = self._waiting, []
            self._link.submit(records, partial(_release, waiting))

    def _handle(self, request: HTTPRequest, answer: Answer) -> None:
        named = request.method, request.target
        if named in self._health:
            answer(self._health[named]())
        elif named in self._routes and request.header("origin") is not None:
            # A browser says which page sent it: no page has business with what needs no signature.
            answer(HTTPResponse(status=403, headers=(), body=b""))
        elif named in self._routes:
            self._off_loop.run(partial(_follow, self._routes[named], request.body), partial(self._followed, answer))
        elif self._gate.off_loop(request):
            self._off_loop.run(partial(_handle_alone, request), partial(self._handled, answer))
        else:
            self._settle(answer, self._handle_here(request))

    def _handle_here(self, request: HTTPRequest) -> Outcome:
        try:
            return self._gate.handle(request)
        except Exception:  # noqa: BLE001  a fault of ours must not leave the other requests of the turn without an answer
            _log.exception("a request failed outside the gate's care")
            return Outcome(self._failure(), None, self._failure)

    def _settle(self, answer: Answer, outcome: Outcome) -> None:
        if outcome.record is None:
            answer(outcome.response)
        else:
            self._records += (outcome.record, *outcome.copies)
            self._waiting.append((outcome, answer))

    def _handled(self, answer: Answer, outcome: Outcome | None) -> None:
        """A request came back from its thread."""
        if outcome is None:
            answer(self._failure())
            return
        self._settle(answer, outcome)
        self._schedule()

    def _followed(self, answer: Answer, response: HTTPResponse | None) -> None:
        answer(response or self._failure())

    def _failure(self) -> HTTPResponse:
        return self._gate.refuse(InternalFailure("The request processing has failed because of an unknown error."))


def _handle_alone(request: HTTPRequest, gate: Gate) -> Outcome:
    gate.begin_turn()
    return gate.handle(request)


def _follow(route: Callable[[bytes], HTTPResponse], body: bytes, _gate: Gate) -> HTTPResponse:
    return route(body)


def _release(waiting: list[_Waiting], safe: bool) -> None:  # noqa: FBT001  the recorder link calls with one positional flag
    for outcome, answer in waiting:
        answer(outcome.response if safe else outcome.otherwise())
