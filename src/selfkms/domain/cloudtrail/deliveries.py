"""How far the deliveries of a trail are: what was written, what is being written, what a digest is still to list.

Whatever is going to be written is noted first. So whoever comes after a crash writes the very same objects again, and
each record is in exactly one log file.

Source: CloudTrail User Guide, "CloudTrail log file name format", "CloudTrail digest file structure".
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from selfkms.domain.cloudtrail.history import RecordedEvent
from selfkms.domain.cloudtrail.selection import Selection

ENDING_CHARACTERS: Final = 16
"""How many letters and digits make the name of a log file unique."""


class LogFile(msgspec.Struct, frozen=True, kw_only=True):
    """A log file that was delivered, as a digest lists it. Times are CloudTrail's texts."""

    bucket: str
    key: str
    sha256: str
    """Of the file unpacked, in hex."""
    newest: str
    oldest: str


class DigestFile(msgspec.Struct, frozen=True, kw_only=True):
    """A digest that was delivered, as the next one names it."""

    bucket: str
    key: str
    sha256: str
    """Of the file unpacked, in hex."""
    signature: str
    """In hex."""


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """The digests of one Region, and what the next one is to list."""

    region: str
    start: int
    """Of the next digest, seconds since the epoch."""
    logs: tuple[LogFile, ...] = ()
    previous: DigestFile | None = None
    end: int | None = None
    """Of the digest that is being written, seconds since the epoch; until it is, no log file is added."""
    bucket: str = ""
    key: str = ""
    """Where it is being written to."""
    signing_key: str = ""
    """The fingerprint of the key that signs it."""
    last: bool = False
    """Whether it is the last one of the session."""


class PlannedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A log file that is being written."""

    region: str
    bucket: str
    key: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is being written: the records behind the session's place up to another one."""

    until: str
    """The place of the last record."""
    selection: Selection
    """Which records: as it was when the plan was made."""
    files: tuple[PlannedFile, ...]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The time from a StartLogging to its StopLogging. Times in seconds since the epoch."""

    started_at: float
    place: str
    """In the audit journal; what lies before it was delivered."""
    stopped_at: float | None = None
    digests_from: float | None = None
    """Since when digests are made; None: they are not."""
    plan: Plan | None = None
    chains: tuple[Chain, ...] = ()

    def has(self, event: RecordedEvent) -> bool:
        """Whether an event happened in this time, as far as whole seconds tell."""
        return int(self.started_at) <= event.at and (self.stopped_at is None or event.at <= int(self.stopped_at))

    def chain(self, region: str) -> Chain | None:
        """The digests of a Region."""
        return next((chain for chain in self.chains if chain.region == region), None)

    def with_chain(self, changed: Chain) -> "Session":
        """This with one Region's digests set anew."""
        others = tuple(chain for chain in self.chains if chain.region != changed.region)
        return msgspec.structs.replace(self, chains=(*others, changed))


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the journal that was delivered with the same settings. Times in seconds since the epoch."""

    after: str
    """The place of the last record before it."""
    until: str
    """The place of its last record."""
    selection: Selection
    started_at: float
    stopped_at: float | None
    bucket: str
    folder: str
    """Where the account's log files are: ends with a slash."""

    def has(self, event: RecordedEvent) -> bool:
        """Whether a record of it belongs in a log file."""
        in_time = int(self.started_at) <= event.at and (self.stopped_at is None or event.at <= int(self.stopped_at))
        return in_time and self.selection.region_of(event) is not None


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What GetTrailStatus tells. Times in seconds since the epoch."""

    logs_at: float | None = None
    logs_tried_at: float | None = None
    logs_error: str = ""
    digest_at: float | None = None
    digest_end: int = 0
    """Of the last digest: no two of a trail end in the same second, since that is what their names differ by."""
    digest_error: str = ""


def log_document(bodies: Sequence[bytes]) -> bytes:
    """A log file, unpacked. Of equal records it is equal, byte for byte."""
    return b'{"Records":[' + b",".join(bodies) + b"]}"


def log_file_key(prefix: str | None, *, account_id: str, region: str, at: float, ending: str) -> str:
    """The key of a log file that is delivered at this moment."""
    moment = datetime.fromtimestamp(int(at), UTC)
    return (
        f"{log_folder(prefix, account_id)}{region}/{moment:%Y/%m/%d}/"
        f"{account_id}_CloudTrail_{region}_{moment:%Y%m%dT%H%MZ}_{ending}.json.gz"
    )


def log_folder(prefix: str | None, account_id: str) -> str:
    """The folder of all log files of an account."""
    return f"{_folder(prefix)}AWSLogs/{account_id}/CloudTrail/"


def digest_file_key(prefix: str | None, *, account_id: str, region: str, trail: str, home_region: str, end: int) -> str:
    """The key of the digest of a trail in a Region that ends at this moment."""
    moment = datetime.fromtimestamp(end, UTC)
    return (
        f"{_folder(prefix)}AWSLogs/{account_id}/CloudTrail-Digest/{region}/{moment:%Y/%m/%d}/"
        f"{account_id}_CloudTrail-Digest_{region}_{trail}_{home_region}_{moment:%Y%m%dT%H%M%SZ}.json.gz"
    )


def _folder(prefix: str | None) -> str:
    return f"{prefix}/" if prefix else ""
