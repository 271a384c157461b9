"""What an SQLite file keeps, what it forgets, and what it does when its bits flip or several processes write."""

import random
import shutil
import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfkms.adapters.sqlite.database import SQLiteDatabase
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.domain.iam.principals import Account
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeyMaterial, KeySpec, KMSKey
from selfkms.domain.records import Change, Put, Remove
from selfkms.domain.secrets import Secret
from selfkms.ports.database import CorruptRecordError, DatabaseUnavailableError

A = "111122223333"
REGION = "eu-central-1"
KEY = KMSKey(account_id=A, region=REGION, key_id="key-1", created_at=1.0, state=KeyState.ENABLED, policy="{}")


class StoppedClock:
    def now(self) -> float:
        return 0.0

    wall = matured = now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "database"


@pytest.fixture
def database(path: Path, migrated: Path) -> Iterator[SQLiteDatabase]:
    shutil.copyfile(migrated, path)
    made = opened(path)
    yield made
    made.close()


def opened(path: Path) -> SQLiteDatabase:
    engine = open_engine(path, lock_wait_seconds=0.1)
    return SQLiteDatabase(engine, mac_key=Secret(b"m" * 32), clock=StoppedClock())


def a_material(number: int, wrapped: bytes) -> KeyMaterial:
    return KeyMaterial(
        account_id=A,
        region=REGION,
        key_id=f"key-{number}",
        handle=f"{number * 0x9E3779B97F4A7C15 % 2**128:032x}",
        material_id="ab" * 32,
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        created_at=1.0,
        wrapped=wrapped,
    )


def test_removed_material_is_nowhere_in_the_files(database: SQLiteDatabase, path: Path) -> None:
    """After `compact` no wrapped bytes of removed key material are in any file of the database; the others are.

    Rows of many lengths come and go, so that pages split and are joined again and rows move between them: with this
    choice `PRAGMA secure_delete` alone was seen to leave one behind.
    """
    choice = random.Random(0)
    living: dict[int, bytes] = {}
    removed: list[bytes] = []
    changes: list[Change] = []
    for number in range(1_500):
        if living and choice.random() < 0.45:
            gone = choice.choice(sorted(living))
            removed.append(living.pop(gone))
            changes.append(Remove(a_material(gone, removed[-1]).changed(row_version=1)))
        else:
            living[number] = choice.randbytes(choice.randrange(30, 500))
            changes.append(Put(a_material(number, living[number])))
        if len(changes) == 10:
            database.commit(changes)
            changes.clear()
    assert b64encode(removed[-1]) in contents(path)
    database.compact()
    files = contents(path)
    # 15 bytes, coded as they are in the middle of the JSON, are enough to know them by.
    assert not [wrapped for wrapped in removed if b64encode(wrapped)[8:28] in files]
    assert all(b64encode(wrapped) in files for wrapped in living.values())


def contents(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


def test_a_replaced_record_is_forgotten_too(database: SQLiteDatabase, path: Path) -> None:
    """What a record said before it was changed is gone after `compact`."""
    database.commit([Put(KEY.changed(description="what was said before"))])
    database.commit([Put(KEY.changed(description="what is said now", row_version=1))])
    database.compact()
    assert b"what was said before" not in contents(path)
    assert b"what is said now" in contents(path)


def test_compacting_beside_a_reader_that_stays_fails(database: SQLiteDatabase, path: Path) -> None:
    """While somebody keeps a read transaction open the log cannot be emptied: that is told, and works later."""
    database.commit([Put(KEY)])
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN")
    stranger.execute("SELECT * FROM kms_keys").fetchall()
    database.commit([Remove(KEY.changed(row_version=1))])
    with pytest.raises(DatabaseUnavailableError, match="in use"):
        database.compact()
    stranger.close()
    database.compact()
    assert b'"policy":"{}"' not in contents(path)


def test_a_flipped_bit_in_the_file_never_gives_a_wrong_answer(database: SQLiteDatabase, path: Path) -> None:
    """Whatever bit of the file flips: a record is read as it was written, or is missing, or is refused."""
    written = {f"key-{number}": KEY.changed(key_id=f"key-{number}", description="d" * number) for number in range(12)}
    database.commit([Put(key) for key in written.values()])
    database.compact()
    database.close()
    good = path.read_bytes()
    choice = random.Random(7)
    refused = 0
    for _ in range(150):
        position = choice.randrange(len(good) * 8)
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        for file in path.parent.iterdir():
            file.unlink()
        path.write_bytes(bad)
        refused += not reads_well(path, written)
    path.write_bytes(good)
    assert reads_well(path, written)
    assert refused


def reads_well(path: Path, written: dict[str, KMSKey]) -> bool:
    """Whether nothing was refused; what is not refused must be what was written."""
    well = True
    try:
        database = opened(path)
    except DatabaseUnavailableError:
        return False
    for key_id, key in written.items():
        try:
            assert database.key(A, REGION, key_id) in (key.changed(row_version=1), None)
        except (CorruptRecordError, DatabaseUnavailableError):
            well = False
    try:
        assert set(database.keys(A, REGION, after="", limit=100)) <= set(written)
    except (CorruptRecordError, DatabaseUnavailableError):
        well = False
    database.close()
    return well


COUNT_UP = """
import sys
from pathlib import Path
from selfkms.adapters.sql.warm import WarmDatabase
from selfkms.adapters.sqlite.database import SQLiteDatabase
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.adapters.sqlite.freshness import SQLiteFreshness
from selfkms.domain.records import Put
from selfkms.domain.secrets import Secret
from selfkms.ports.database import ConflictError

class StoppedClock:
    def now(self):
        return 0.0
    wall = matured = now

engine = open_engine(Path(sys.argv[1]))
database = WarmDatabase(
    SQLiteDatabase(engine, mac_key=Secret(b"m" * 32), clock=StoppedClock()), SQLiteFreshness(engine)
)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    while True:
        database.refresh()
        key = database.key("111122223333", "eu-central-1", "key-1")
        try:
            database.commit([Put(key.changed(description=str(int(key.description) + 1)))])
            break
        except ConflictError:
            pass
database.close()
"""


def test_processes_lose_nothing_of_each_other(database: SQLiteDatabase, path: Path) -> None:
    """When several processes count in one record, each deciding again after a conflict, no step is lost."""
    database.commit([Put(KEY.changed(description="0"))])
    steps = 150
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", COUNT_UP, str(path), str(steps)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.communicate("go\n")
        assert worker.returncode == 0
    key = database.key(A, REGION, "key-1")
    assert key is not None
    assert key.description == str(2 * steps)
    assert key.row_version == 2 * steps + 1


def test_a_backup_at_rest_is_one_file(database: SQLiteDatabase, path: Path) -> None:
    """Once everybody has closed it the database is one file, and a copy of it is the whole."""
    account = Account(account_id=A, created_at=1.0)
    database.commit([Put(account)])
    database.close()
    assert [file.name for file in path.parent.iterdir()] == ["database"]
    copy = path.parent / "copy"
    copy.write_bytes(path.read_bytes())
    restored = opened(copy)
    assert restored.account(A) == account.changed(row_version=1)
    restored.close()
