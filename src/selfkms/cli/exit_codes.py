"""What the commands exit with. Documented in `docs/commands.md`."""

from enum import IntEnum


class ExitCode(IntEnum):
    """0, 2, 130 and those of `run` are what a shell would use too."""

    OK = 0
    FAILED = 1
    """It could not be done; the message says why."""
    USAGE = 2
    """The command line is not understood."""
    DAMAGED = 3
    """`trail verify` found something wrong."""
    NOT_DECRYPTED = 4
    """`run`: a value could not be decrypted; the command was not started."""
    NOT_EXECUTABLE = 126
    """`run`: the command cannot be executed."""
    NOT_FOUND = 127
    """`run`: there is no such command."""
    INTERRUPTED = 130
    """`snapshot`: by Ctrl-C; `--resume` goes on."""
