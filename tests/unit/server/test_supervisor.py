"""When a dead child starts again; what the supervisor does with its processes is in test_processes.py."""

from hypothesis import given
from hypothesis import strategies as st

from selfkms.server.supervisor import RestartPolicy, Restarts


def test_the_delay_doubles_up_to_its_limit() -> None:
    """From a tenth of a second to five; a child that lives for more than a second may go on dying."""
    restarts = Restarts(RestartPolicy())
    assert [restarts.died(2.0) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_child_that_lived_long_begins_anew() -> None:
    """After ten seconds its former deaths are forgotten."""
    restarts = Restarts(RestartPolicy())
    for _ in range(5):
        restarts.died(2.0)
    assert restarts.died(10.0) == 0.1
    assert restarts.died(9.9) == 0.2


def test_a_child_that_cannot_start_is_given_up() -> None:
    """Five deaths in a row, each within a second of its start."""
    restarts = Restarts(RestartPolicy())
    assert [restarts.died(0.9) is None for _ in range(5)] == [False, False, False, False, True]


def test_early_deaths_count_in_a_row_only() -> None:
    """One start that holds for a second is a start."""
    restarts = Restarts(RestartPolicy())
    lives = [0.1] * 4 + [1.0] + [0.1] * 4
    assert all(restarts.died(lived) is not None for lived in lives)
    assert restarts.died(0.1) is None


@given(st.lists(st.floats(0, 100), max_size=50))
def test_delays_stay_within_their_limits(lives: list[float]) -> None:
    """Whatever a child does, it never starts again at once nor much later than it may."""
    policy = RestartPolicy()
    restarts = Restarts(policy)
    for lived in lives:
        delay = restarts.died(lived)
        if delay is None:
            break
        assert policy.delay_seconds_min <= delay <= policy.delay_seconds_max
