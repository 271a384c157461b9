"""An event in one line."""

import click
import pytest

from harness.events import arn, event
from selfkms.cli.event_lines import event_line


def test_a_line_says_who_did_what_to_what() -> None:
    """Time, account, Region, operation, caller, outcome, resources."""
    line = click.unstyle(event_line(event(1, "Encrypt", arn(1), arn(2)).body))
    assert line.split() == [
        "2026-09-21T14:13:21Z",
        "111122223333",
        "us-east-1",
        "Encrypt",
        "admin",
        "ok",
        arn(1),
        arn(2),
    ]


def test_a_refusal_stands_out() -> None:
    """In red, with its code."""
    line = event_line(event(1, errorCode="AccessDenied").body)
    assert click.style(f"{'AccessDenied':<28}", fg="red") in line


@pytest.mark.parametrize(
    ("identity", "who"),
    [
        ({"type": "Root", "arn": "arn:aws:iam::111122223333:root"}, "root"),
        ({"type": "AWSAccount", "arn": "arn:aws:iam::1:user/a"}, "arn:aws:iam::1:user/a"),
        ({"invokedBy": "AWS Internal"}, "-"),
    ],
)
def test_who(identity: dict[str, str], who: str) -> None:
    """The name if there is one, else the ARN, else nobody."""
    assert click.unstyle(event_line(event(1, userIdentity=identity).body)).split()[4] == who


def test_an_event_of_nobody() -> None:
    """It belongs to no account."""
    assert click.unstyle(event_line(event(1, recipientAccountId=None).body)).split()[1] == "-"


def test_what_is_no_event_is_shown_as_it_is() -> None:
    """A journal may hold anything."""
    assert event_line(b'{"other":1}') == '{"other":1}'
