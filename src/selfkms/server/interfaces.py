"""What the server needs of the rest, as Protocols: the gate, the way to the recorder, work off the event loop."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AWSError
from selfkms.gate.outcome import Outcome
from selfkms.protocol.http import HTTPRequest, HTTPResponse

T = TypeVar("T")

Answer = Callable[[HTTPResponse], None]
"""Takes the answer to a request back to the connection it came from."""

Routes = Mapping[tuple[str, str], Callable[[bytes], HTTPResponse]]
"""Method and target of what is answered from its body alone, without a signature; run off the event loop."""


class Gate(Protocol):
    """The one way in. Belongs to one thread."""

    def begin_turn(self) -> None:
        """See everything that was committed up to now."""

    def off_loop(self, request: HTTPRequest) -> bool:
        """Whether this request must not be handled on the event loop: it changes records, or it is slow."""

    def handle(self, request: HTTPRequest) -> Outcome:
        """Answer a request; never raises for anything that a client sends."""

    def refuse(self, error: AWSError) -> HTTPResponse:
        """The answer to what never became a request."""


class RecorderLink(Protocol):
    """The way to the recorder, on the event loop."""

    @property
    def ready(self) -> bool:
        """Whether the recorder is there to take records."""

    def submit(self, records: Sequence[AuditRecord], done: Callable[[bool], None]) -> None:
        """Hand the records over. `done`, called once and on the loop, says whether all of them are safe."""


class OffLoop(Protocol):
    """Threads for work that would hold up the event loop, each with a gate of its own."""

    def run(self, work: Callable[[Gate], T], done: Callable[[T | None], None]) -> None:
        """Do the work in a thread, then call `done` on the loop with its result, or with None if it raised."""
