"""Parquet: the columns of an audit record."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from harness.duck import needs_duckdb
from harness.events import arn, event
from harness.world import ALICE_ACCOUNT, World
from selfkms.cli import parquet

IDENTITY = {
    "type": "AssumedRole",
    "principalId": "AROA:me",
    "sessionContext": {"attributes": {"mfaAuthenticated": "false"}, "sessionIssuer": {"userName": "reader"}},
}


def rows(tmp_path: Path, *bodies: bytes) -> list[dict[str, Any]]:
    """What comes back of records."""
    module = needs_duckdb()
    # The name of a file may hold a quote.
    source, target = tmp_path / "it's.ndjson", tmp_path / "it's.parquet"
    source.write_bytes(b"".join(body + b"\n" for body in bodies))
    parquet.convert(source, target)
    relation = module.read_parquet(str(target))
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def test_a_record(tmp_path: Path) -> None:
    """Structs where they are alike in all records, JSON text where they are not, and NULL for what is not there."""
    parameters = {"keyId": arn(1), "encryptionContext": {"a": "ü"}}
    first, second = rows(
        tmp_path,
        event(1, "Encrypt", arn(1), arn(2), requestParameters=parameters).body,
        event(2, "Decrypt", userIdentity=IDENTITY, errorCode="AccessDenied", resources=None).body,
    )
    assert list(first) == list(parquet.COLUMNS)
    assert json.loads(first["requestParameters"]) == parameters
    assert first["userIdentity"]["arn"] == f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
    assert first["resources"][1] == {"ARN": arn(2), "accountId": ALICE_ACCOUNT, "type": "AWS::KMS::Key"}
    assert (first["readOnly"], first["managementEvent"], first["errorCode"]) == ("true", True, None)
    assert first["eventTime"] == "2026-09-21T14:13:21Z"
    assert (second["errorCode"], second["resources"], second["userIdentity"]["arn"]) == ("AccessDenied", None, None)
    assert second["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "reader"


def test_every_field_of_our_records_has_a_column(tmp_path: Path) -> None:
    """Nothing is left out that a record has at its top."""
    world = World()
    key_id = world.make_key()["KeyId"]
    world.call("Encrypt", {"KeyId": key_id, "Plaintext": "eA=="})
    records = [record.body for record in world._records()]
    assert {name for body in records for name in json.loads(body)} <= parquet.COLUMNS.keys()
    assert len(rows(tmp_path, *records)) == len(records)


def test_nothing(tmp_path: Path) -> None:
    """A file without rows."""
    assert rows(tmp_path) == []


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """In DuckDB's words."""
    needs_duckdb()
    (tmp_path / "records").write_bytes(b"{}\n")
    with pytest.raises(click.ClickException):
        parquet.convert(tmp_path / "records", tmp_path / "none" / "a.parquet")


def test_without_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what to install."""

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("selfkms.cli.parquet.importlib.import_module", missing)
    with pytest.raises(click.ClickException, match=r"pip install 'selfkms\[parquet\]'"):
        parquet.duckdb()
