"""The tables, the same on SQLite and PostgreSQL.

Every type of record has a table of its own: the columns of its primary key, the few columns that a query looks for, and
the record itself as JSON with a MAC over all of it. A column is repeated beside the JSON only to be searched; the JSON
is what counts (`records.py`).
"""

from typing import Any, Final

from sqlalchemy import (
    TEXT,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

METADATA: Final = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ck": "ck_%(table_name)s_%(constraint_name)s"},
)

# Listings are ordered by the bytes of the UTF-8 text on every database, or a marker of one would be wrong on another.
NAME: Final = Text().with_variant(TEXT(collation="C"), "postgresql")

# SQLite numbers rows by itself only in a column of type INTEGER.
SEQUENCE: Final = BigInteger().with_variant(Integer(), "sqlite")

RECORD_COLUMNS: Final = ("row_version", "body", "mac")
"""What every table of records ends with."""


def _records(name: str, *primary: str, searched: tuple[Column[Any], ...] = ()) -> Table:
    """The table of one type of record."""
    return Table(
        name,
        METADATA,
        *(Column(column, NAME, primary_key=True) for column in primary),
        *searched,
        Column("row_version", BigInteger, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("mac", LargeBinary, nullable=False),
    )


ACCOUNTS: Final = _records("accounts", "account_id")
USERS: Final = _records("users", "account_id", "user_name")
GROUPS: Final = _records("groups", "account_id", "group_name")
ROLES: Final = _records("roles", "account_id", "role_name")
MANAGED_POLICIES: Final = _records("managed_policies", "account_id", "policy_name")
OIDC_PROVIDERS: Final = _records("oidc_providers", "account_id", "host_and_path")
ACCESS_KEYS: Final = _records(
    "access_keys",
    "access_key_id",
    searched=(Column("account_id", NAME, nullable=False), Column("user_name", NAME, nullable=True)),
)
DOMAIN_KEYS: Final = _records("domain_keys", "region", "version")
KMS_KEYS: Final = _records(
    "kms_keys", "account_id", "region", "key_id", searched=(Column("due_at", Double, nullable=True),)
)
KEY_MATERIALS: Final = _records("key_materials", "account_id", "region", "key_id", "handle")
ALIASES: Final = _records(
    "aliases", "account_id", "region", "alias_name", searched=(Column("target_key_id", NAME, nullable=False),)
)
GRANTS: Final = _records(
    "grants",
    "account_id",
    "region",
    "key_id",
    "grant_id",
    searched=(Column("grantee", NAME, nullable=False), Column("retiring", NAME, nullable=True)),
)
TRAILS: Final = _records("trails", "account_id", "region_and_name")
DIGEST_KEYS: Final = _records("digest_keys", "region", "fingerprint")


def _storage(name: str, resource_id: str) -> Table:
    """Snapshots or volumes."""
    return _records(
        name,
        "account_id",
        "region",
        resource_id,
        searched=(
            Column("due_at", Double, nullable=True),
            Column("lineage", NAME, nullable=False),
            Column("reads_lineage", NAME, nullable=True),
            Column("client_token", NAME, nullable=True),
        ),
    )


SNAPSHOTS: Final = _storage("snapshots", "snapshot_id")
VOLUMES: Final = _storage("volumes", "volume_id")
SNAPSHOT_SHARES: Final = _records("snapshot_shares", "account_id", "region", "snapshot_id")
EBS_DEFAULTS: Final = _records("ebs_defaults", "account_id", "region")
SWEEPS: Final = _records("sweeps", "lineage", "resource_id")

# An index ends with the column that the listing is ordered by: without it SQLite takes the primary key's index, which
# gives the order, and goes through all aliases of a Region or all grants on a KMS key.
Index("ix_access_keys_user_name", *(ACCESS_KEYS.c[name] for name in ("account_id", "user_name", "access_key_id")))
Index("ix_kms_keys_due_at", KMS_KEYS.c.due_at)
Index("ix_key_materials_handle", KEY_MATERIALS.c.region, KEY_MATERIALS.c.handle, unique=True)
Index(
    "ix_aliases_target_key_id", *(ALIASES.c[name] for name in ("account_id", "region", "target_key_id", "alias_name"))
)
Index("ix_grants_grantee", *(GRANTS.c[name] for name in ("account_id", "region", "key_id", "grantee", "grant_id")))
Index("ix_grants_retiring", *(GRANTS.c[name] for name in ("account_id", "region", "retiring", "grant_id")))

_OF_TOKEN = ("account_id", "region", "client_token")
_AT_WORK = SNAPSHOTS.c.due_at.is_not(None)
Index(
    "ix_snapshots_at_work",
    *(SNAPSHOTS.c[name] for name in ("account_id", "region", "snapshot_id")),
    sqlite_where=_AT_WORK,
    postgresql_where=_AT_WORK,
)
Index("ix_snapshots_id", SNAPSHOTS.c.region, SNAPSHOTS.c.snapshot_id, unique=True)
for _table in (SNAPSHOTS, VOLUMES):
    Index(f"ix_{_table.name}_due_at", _table.c.due_at)
    Index(f"ix_{_table.name}_lineage", _table.c.lineage)
    Index(f"ix_{_table.name}_reads_lineage", _table.c.reads_lineage)
    # Of two requests with one token at once the later one is decided again, and finds what the other made.
    Index(f"ix_{_table.name}_client_token", *(_table.c[name] for name in _OF_TOKEN), unique=True)

INSTALLATION: Final = Table(
    "installation",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("installation_id", NAME, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("seal", NAME, nullable=False),
    Column("sealed_root_key", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# In both tables below a number is never given twice, not even when the rows with the highest ones are gone: readers
# remember how far they have read, and an audit record is forgotten by its number.
CHANGES: Final = Table(
    "changes",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True),
    Column("touched", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_changes_at", "at"),
    sqlite_autoincrement=True,
)
AUDIT_OUTBOX: Final = Table(
    "audit_outbox",
    METADATA,
    Column("number", SEQUENCE, primary_key=True),
    Column("event_id", NAME, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
