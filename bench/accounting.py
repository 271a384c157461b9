"""Processor time of the processes of a server: on a machine that others use too, the only figure that holds still.

Source: proc(5), `/proc/PID/stat`, `/proc/PID/task/TID/children`.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class ProcessorSeconds(NamedTuple):
    """Of all processes of one kind, since they were started."""

    workers: float
    recorder: float
    keeper: float

    def since(self, earlier: "ProcessorSeconds") -> "ProcessorSeconds":
        """What was added."""
        return ProcessorSeconds(*(now - then for now, then in zip(self, earlier, strict=True)))


def processor_seconds(supervisor: int) -> ProcessorSeconds:
    """What the children of a supervisor have used. It starts the recorder first, then the keeper, then the workers."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    recorder, keeper, *workers = (_seconds(int(child)) for child in children)
    return ProcessorSeconds(sum(workers), recorder, keeper)


def _seconds(process: int) -> float:
    # What stands before the last bracket is the name of the program, which may hold anything.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
