"""How a connection is got and what its failures are called."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, ProgrammingError

from selfkms.ports.database import DatabaseUnavailableError


def reading_connection(engine: Engine) -> Connection:
    """A connection on which every statement is a transaction of its own.

    A read transaction that stays open would keep what it saw from being cleared away, on SQLite and on PostgreSQL.

    Raises:
        DatabaseUnavailableError: there is no connection to be had.
    """
    with answering():
        return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def answering() -> Iterator[None]:
    """Turn the driver's failures (locked, full, damaged, away) into `DatabaseUnavailableError`.

    A `ProgrammingError` is a mistake of ours and passes through.
    """
    try:
        yield
    except ProgrammingError:
        raise
    except DBAPIError as error:
        raise DatabaseUnavailableError(f"The database does not answer: {error.orig}") from error
    except UnicodeDecodeError as error:
        # The SQLite driver raises it when it cannot decode an error message that quotes a damaged schema.
        raise DatabaseUnavailableError("The database does not answer: it is damaged.") from error
