"""The thread that delivers."""

from threading import Event

import pytest

from selfkms.gate.delivery import Deliverer
from selfkms.ports.audit_sink import JournalUnavailableError
from selfkms.ports.database import DatabaseUnavailableError
from selfkms.server.deliveries import deliver, run_deliveries


class FakeDeliverer(Deliverer):
    """Counts its rounds, stops after some, and fails as a test says."""

    def __init__(self, stop: Event | None = None, error: Exception | None = None) -> None:
        self.rounds = 0
        self.stop = stop
        self.error = error

    def attend(self) -> None:
        self.rounds += 1
        if self.stop is not None and self.rounds == 3:
            self.stop.set()
        if self.error is not None:
            raise self.error


def test_round_after_round_until_it_is_to_stop() -> None:
    """Made in its own thread."""
    stop = Event()
    made = FakeDeliverer(stop)
    run_deliveries(lambda: made, stop, interval_seconds=0.0)
    assert made.rounds == 3


@pytest.mark.parametrize("error", [DatabaseUnavailableError("locked"), JournalUnavailableError("full")])
def test_what_fails_comes_again(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and nothing ends."""
    deliver(FakeDeliverer(error=error))
    assert str(error) in caplog.text


def test_a_mistake_of_ours_ends_it() -> None:
    """So that the keeper is started anew."""
    with pytest.raises(ZeroDivisionError):
        deliver(FakeDeliverer(error=ZeroDivisionError()))
