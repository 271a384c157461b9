"""What the processes say to their operator: one line each, on standard error."""

import logging


def log_to_stderr() -> None:
    """Warnings and worse, and what happened to keys by itself. Requests are the audit's."""
    logging.basicConfig(level=logging.INFO, format="selfkms: %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
