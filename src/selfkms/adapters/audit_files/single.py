"""One record out of a journal, by where it stands."""

import os
from pathlib import Path
from typing import Final

from selfkms.adapters.audit_files.layout import FRAME_OVERHEAD, FrameHead, LayoutError
from selfkms.adapters.audit_files.segments import segment_name

_FIRST_READ_BYTES: Final = 2_048
"""Most records are shorter than this with their frame, and need no second look."""


class NoSuchRecordError(Exception):
    """Another record, or none, stands at that place."""


def read_record(directory: Path, segment: int, offset: int, event_id: bytes) -> bytes:
    """The body of the record with this event ID. Its place in the chain is not verified: see `verify.verify`.

    Raises:
        NoSuchRecordError: it is not there.
        OSError: the journal cannot be read.
    """
    try:
        descriptor = os.open(directory / segment_name(segment), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NoSuchRecordError(f"{segment_name(segment)} is missing") from error
    try:
        data = os.pread(descriptor, _FIRST_READ_BYTES, offset)
        head = FrameHead.decode(data)
        missing = FRAME_OVERHEAD + head.body_bytes - len(data)
        if head.event_id == event_id and missing > 0:
            data += os.pread(descriptor, missing, offset + len(data))
    except LayoutError as error:
        raise NoSuchRecordError(f"{segment_name(segment)} ends before offset {offset}") from error
    finally:
        os.close(descriptor)
    body = data[FRAME_OVERHEAD : FRAME_OVERHEAD + head.body_bytes]
    if head.event_id != event_id or len(body) < head.body_bytes or not body:
        raise NoSuchRecordError(f"another record stands in {segment_name(segment)} at offset {offset}")
    return body
