"""How a thread learns, with every turn of its event loop, whether others have changed the SQLite file."""

from collections.abc import Sequence

from sqlalchemy import Engine

from selfkms.adapters.sql.changes import ChangeReader, Touched
from selfkms.adapters.sql.connections import reading_connection
from selfkms.adapters.sqlite.engine import DRIVER_FAILURES, driver_connection
from selfkms.ports.database import DatabaseUnavailableError


class SQLiteFreshness:
    """`adapters.sql.warm.Freshness`: `PRAGMA data_version` moves with every commit of another connection.

    It has a connection of its own, for which every writer is another.
    """

    def __init__(self, engine: Engine) -> None:
        self._connection = reading_connection(engine)
        self._driver = driver_connection(self._connection)
        # The version first: what is committed between the two lines is then looked for once more than needed.
        self._version = self._data_version()
        self._changes = ChangeReader(self._connection)

    def touched(self) -> Sequence[Touched] | None:
        version = self._data_version()
        if version == self._version:
            return ()
        touched = self._changes.read()
        # Only now: had the reading failed, the next call would have to read.
        self._version = version
        return touched

    def close(self) -> None:
        self._connection.close()

    def _data_version(self) -> int:
        try:
            # All rows are fetched, so that the statement is over and holds no lock.
            ((version,),) = self._driver.execute("PRAGMA data_version").fetchall()
        except DRIVER_FAILURES as error:
            raise DatabaseUnavailableError(f"The database does not answer: {error}") from error
        return int(version)
