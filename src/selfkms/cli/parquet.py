"""Audit records as Parquet, by DuckDB: the columns and types of the table that AWS documents for CloudTrail logs.

Source: Amazon Athena User Guide, "Create a table for CloudTrail logs"; DuckDB documentation, "Loading JSON", "COPY".
"""

import importlib
import os
from pathlib import Path
from typing import Any, Final

import click

_ROLE: Final = "STRUCT(type VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, userName VARCHAR)"
_SESSION: Final = (
    f"STRUCT(attributes STRUCT(mfaAuthenticated VARCHAR, creationDate VARCHAR), sessionIssuer {_ROLE}, "
    "sourceIdentity VARCHAR)"
)
# What differs from operation to operation is JSON text, as the `string` columns of AWS's table.
COLUMNS: Final = {
    "eventVersion": "VARCHAR",
    "userIdentity": (
        "STRUCT(type VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, accessKeyId VARCHAR, "
        f"userName VARCHAR, invokedBy VARCHAR, identityProvider VARCHAR, sessionContext {_SESSION})"
    ),
    "eventTime": "VARCHAR",
    "eventSource": "VARCHAR",
    "eventName": "VARCHAR",
    "awsRegion": "VARCHAR",
    "sourceIPAddress": "VARCHAR",
    "userAgent": "VARCHAR",
    "errorCode": "VARCHAR",
    "errorMessage": "VARCHAR",
    "requestParameters": "VARCHAR",
    "responseElements": "VARCHAR",
    "additionalEventData": "VARCHAR",
    "requestID": "VARCHAR",
    "eventID": "VARCHAR",
    "readOnly": "VARCHAR",
    "resources": "STRUCT(ARN VARCHAR, accountId VARCHAR, type VARCHAR)[]",
    "eventType": "VARCHAR",
    "managementEvent": "BOOLEAN",
    "recipientAccountId": "VARCHAR",
    "sharedEventID": "VARCHAR",
    "serviceEventDetails": "VARCHAR",
    "eventCategory": "VARCHAR",
    "tlsDetails": "STRUCT(tlsVersion VARCHAR, cipherSuite VARCHAR, clientProvidedHostHeader VARCHAR)",
}
_RECORD_BYTES_MAX: Final = 1_048_576


def duckdb() -> Any:
    """DuckDB, which not every installation has.

    Raises:
        click.ClickException: this one has not.
    """
    try:
        return importlib.import_module("duckdb")
    except ImportError as error:
        raise click.ClickException(
            "Parquet is written by DuckDB, which is not installed: pip install 'selfkms[parquet]'. "
            "NDJSON needs nothing, and DuckDB reads that, too."
        ) from error


def convert(ndjson: Path, parquet: Path) -> None:
    """Write a Parquet file, for its owner alone, from records, one a line.

    Raises:
        click.ClickException: it cannot be written.
    """
    module = duckdb()
    columns = ", ".join(f"{_quoted(name)}: {_quoted(kind)}" for name, kind in COLUMNS.items())
    statement = (
        # Parameters are not taken here.
        f"COPY (SELECT * FROM read_json({_quoted(str(ndjson))}, format = 'newline_delimited', "  # noqa: S608  quoted
        f"maximum_object_size = {_RECORD_BYTES_MAX}, columns = {{{columns}}})) "
        f"TO {_quoted(str(parquet))} (FORMAT parquet, COMPRESSION zstd)"
    )
    # Nothing is fetched: what it needs is built in.
    settings = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = module.connect(":memory:", config=settings)
    # DuckDB makes the file under another name first, with the mode that is left to it.
    mask = os.umask(0o077)
    try:
        connection.execute(statement)
    except module.Error as error:
        raise click.ClickException(str(error)) from error
    finally:
        os.umask(mask)
        connection.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
