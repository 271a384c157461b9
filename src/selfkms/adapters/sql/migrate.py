"""Bring the tables of a database up to date, with Alembic, which is loaded only if there is something to do."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from selfkms.adapters.sql.connections import answering, reading_connection

REVISIONS: Final = ("0001",)
"""All that this program knows, the oldest first; each is a file in `migrations/versions`."""


class UnknownRevisionError(Exception):
    """The database was made by a newer version of this program, or is none of ours. It is left as it is."""


def upgrade(engine: Engine) -> None:
    """Make the tables what this version expects: all of the missing revisions or none.

    Raises:
        UnknownRevisionError: the database is at a revision that this version does not know.
        DatabaseUnavailableError: it could not be read or written.
    """
    with reading_connection(engine) as connection, answering():
        if _is_current(connection):
            return
    with answering(), engine.begin() as connection:
        # Asked again now that nobody else writes: another process may have been faster.
        if not _is_current(connection):
            _run(connection)


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if revision is not None and revision not in REVISIONS:
        raise UnknownRevisionError(
            f"The database is at revision {revision!a}; this version of selfkms knows revisions up to {REVISIONS[-1]}. "
            "Run the version of selfkms that last used it, or a newer one."
        )
    return revision == REVISIONS[-1]


def _run(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 -- takes longer to load than all the rest of start-up to run
    from alembic.config import Config  # noqa: PLC0415 -- likewise

    config = Config()
    # A percent sign in the path would be read as a reference to another option.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
