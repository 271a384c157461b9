"""Answers as bytes."""

import pytest

from selfkms.protocol.http import HTTPResponse
from selfkms.server.response_writer import ResponseWriter

ANSWER = HTTPResponse(status=200, headers=(("Content-Type", "application/x-amz-json-1.1"),), body=b"{}")
A_DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
A_SECOND = 784_111_777.0


def test_an_answer_has_what_is_the_server_s_to_add() -> None:
    """Length and date are added, the connection stays open, and nothing says which server this is."""
    assert ResponseWriter(lambda: A_SECOND).render(ANSWER, close=False) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\ncontent-length: 2\r\n"
        b"date: " + A_DATE + b"\r\n\r\n{}"
    )


def test_the_last_answer_says_so() -> None:
    """A client is told that the connection ends."""
    assert b"\r\nconnection: close\r\n\r\n{}" in ResponseWriter(lambda: A_SECOND).render(ANSWER, close=True)


def test_the_answer_to_head_has_no_body() -> None:
    """A body after the answer to HEAD would be read as the next answer."""
    written = ResponseWriter(lambda: A_SECOND).render(ANSWER, close=False, without_body=True)
    assert written.endswith(b"\r\n\r\n")
    assert b"content-length: 2\r\n" in written


def test_the_date_follows_the_clock() -> None:
    """The text is kept for a second, not longer."""
    now = [A_SECOND]
    writer = ResponseWriter(lambda: now[0])
    writer.render(ANSWER, close=False)
    now[0] += 0.9
    assert A_DATE in writer.render(ANSWER, close=False)
    now[0] += 0.1
    assert b"08:49:38 GMT" in writer.render(ANSWER, close=False)


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb"])
def test_a_header_cannot_begin_another(value: str) -> None:
    """A line break in a header is never written."""
    answer = HTTPResponse(status=200, headers=(("x-a", value),), body=b"")
    with pytest.raises(AssertionError):
        ResponseWriter(lambda: A_SECOND).render(answer, close=False)
