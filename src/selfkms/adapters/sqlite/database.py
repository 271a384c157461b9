"""What an SQLite file can do beyond other databases: forget for good."""

from selfkms.adapters.sql.connections import answering
from selfkms.adapters.sql.database import SQLDatabase
from selfkms.adapters.sqlite.engine import driver_connection, execute_when_free
from selfkms.ports.database import DatabaseUnavailableError


class SQLiteDatabase(SQLDatabase):
    """`ports.database.Database` in one file.

    That the file is to be compacted stands in its header, in `user_version`, which is written with the transaction that
    removes key material (SQLite documentation, "PRAGMA user_version").
    """

    def compaction_due(self) -> bool:
        with answering():
            return bool(self._reader.exec_driver_sql("PRAGMA user_version").scalar_one())

    def compact(self) -> None:
        """Write the file anew with what is in it, and empty the write-ahead log.

        `PRAGMA secure_delete` alone is not enough: when rows move from one page to another, bytes of them may stay
        behind in the free part of the first, and are not found when the row is removed later (measured: one of 700
        removed rows in every tenth run). VACUUM leaves nothing (SQLite documentation, "VACUUM"). With 100,000 KMS keys
        (220 MB) it has the write lock for 2 seconds, and takes as much memory as the file is large. What the disk keeps
        of freed blocks is beyond a database.

        Raises:
            DatabaseUnavailableError: others were reading or writing all the time. It may be called again.
        """
        execute_when_free(driver_connection(self._reader), "VACUUM")
        with answering():
            busy, *_pages = self._reader.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if busy:
            raise DatabaseUnavailableError("The write-ahead log is in use and could not be emptied.")
        execute_when_free(driver_connection(self._reader), "PRAGMA user_version = 0")

    def _note_compaction_due(self) -> None:
        self._writer.exec_driver_sql("PRAGMA user_version = 1")
