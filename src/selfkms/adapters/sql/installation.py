"""The one row that is read before any key is known. No MAC: what protects it is the seal."""

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from selfkms.adapters.sql.connections import answering, reading_connection
from selfkms.adapters.sql.schema import INSTALLATION
from selfkms.domain.installation import Installation
from selfkms.ports.database import ConflictError, CorruptRecordError

_COLUMNS = INSTALLATION.c
_SELECT = select(_COLUMNS.installation_id, _COLUMNS.created_at, _COLUMNS.seal, _COLUMNS.sealed_root_key)


def load_installation(engine: Engine) -> Installation | None:
    """The installation that this database belongs to; None if it belongs to none yet.

    Raises:
        CorruptRecordError: a column holds something of another type.
        DatabaseUnavailableError: it cannot be read.
    """
    with reading_connection(engine) as connection, answering():
        row = connection.execute(_SELECT).one_or_none()
    if row is None:
        return None
    typed = zip(row, (str, float, str, bytes), strict=True)
    if not all(isinstance(value, wanted) for value, wanted in typed):
        raise CorruptRecordError(f"{INSTALLATION.name}: not the row that was written")
    return Installation(
        installation_id=row.installation_id,
        created_at=row.created_at,
        seal=row.seal,
        sealed_root_key=row.sealed_root_key,
    )


def store_installation(engine: Engine, installation: Installation) -> None:
    """Give an empty database to an installation, or write the installation's row anew (another seal).

    Raises:
        ConflictError: the database belongs to another installation.
        DatabaseUnavailableError: it could not be written, or it is not known whether it was.
    """
    row = {
        "installation_id": installation.installation_id,
        "created_at": installation.created_at,
        "seal": installation.seal,
        "sealed_root_key": installation.sealed_root_key,
    }
    same = _COLUMNS.installation_id == installation.installation_id
    with answering(), engine.begin() as connection:
        if connection.execute(update(INSTALLATION).where(same).values(row)).rowcount == 1:
            return
        try:
            connection.execute(insert(INSTALLATION).values(id=1, **row))
        except IntegrityError as error:
            raise ConflictError("The database belongs to another installation.") from error
