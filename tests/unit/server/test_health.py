"""Health, without a signature."""

from selfkms.server.health import health_answers


def test_alive_and_ready_are_two_things() -> None:
    """A process that cannot serve yet is alive, and not ready; the next question may be answered differently."""
    state = [False]
    answers = health_answers(lambda: state[0])
    assert answers["GET", "/livez"]().status == 200
    assert answers["GET", "/readyz"]().status == 503
    state[0] = True
    ready = answers["GET", "/readyz"]()
    assert (ready.status, ready.body) == (200, b'{"status":"ok"}')


def test_nothing_else_is_answered_without_a_signature() -> None:
    """Two paths, one method."""
    assert set(health_answers(lambda: True)) == {("GET", "/livez"), ("GET", "/readyz")}
