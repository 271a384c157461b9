"""The first tables: records, the installation, changes, the audit outbox.

A revision says what the tables were at its time and so imports nothing from `schema.py`.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TEXT

revision = "0001"
down_revision = None

_NAME = sa.Text().with_variant(TEXT(collation="C"), "postgresql")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_records("accounts", "account_id")
    _create_records("users", "account_id", "user_name")
    _create_records("groups", "account_id", "group_name")
    _create_records("roles", "account_id", "role_name")
    _create_records("managed_policies", "account_id", "policy_name")
    _create_records("oidc_providers", "account_id", "host_and_path")
    _create_records(
        "access_keys",
        "access_key_id",
        searched=(sa.Column("account_id", _NAME, nullable=False), sa.Column("user_name", _NAME, nullable=True)),
    )
    _create_records("domain_keys", "region", "version")
    _create_records(
        "kms_keys", "account_id", "region", "key_id", searched=(sa.Column("due_at", sa.Double, nullable=True),)
    )
    _create_records("key_materials", "account_id", "region", "key_id", "handle")
    _create_records(
        "aliases", "account_id", "region", "alias_name", searched=(sa.Column("target_key_id", _NAME, nullable=False),)
    )
    _create_records(
        "grants",
        "account_id",
        "region",
        "key_id",
        "grant_id",
        searched=(sa.Column("grantee", _NAME, nullable=False), sa.Column("retiring", _NAME, nullable=True)),
    )
    _create_records("trails", "account_id", "region_and_name")
    _create_records("digest_keys", "region", "fingerprint")
    _create_storage("snapshots", "snapshot_id")
    at_work = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_snapshots_at_work",
        "snapshots",
        ["account_id", "region", "snapshot_id"],
        sqlite_where=at_work,
        postgresql_where=at_work,
    )
    op.create_index("ix_snapshots_id", "snapshots", ["region", "snapshot_id"], unique=True)
    _create_storage("volumes", "volume_id")
    _create_records("snapshot_shares", "account_id", "region", "snapshot_id")
    _create_records("ebs_defaults", "account_id", "region")
    _create_records("sweeps", "lineage", "resource_id")
    op.create_index("ix_access_keys_user_name", "access_keys", ["account_id", "user_name", "access_key_id"])
    op.create_index("ix_kms_keys_due_at", "kms_keys", ["due_at"])
    op.create_index("ix_key_materials_handle", "key_materials", ["region", "handle"], unique=True)
    op.create_index("ix_aliases_target_key_id", "aliases", ["account_id", "region", "target_key_id", "alias_name"])
    op.create_index("ix_grants_grantee", "grants", ["account_id", "region", "key_id", "grantee", "grant_id"])
    op.create_index("ix_grants_retiring", "grants", ["account_id", "region", "retiring", "grant_id"])
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("installation_id", _NAME, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("seal", _NAME, nullable=False),
        sa.Column("sealed_root_key", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_one_row")),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )
    op.create_table(
        "changes",
        sa.Column("sequence", _SEQUENCE, primary_key=True),
        sa.Column("touched", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_changes_at", "changes", ["at"])
    op.create_table(
        "audit_outbox",
        sa.Column("number", _SEQUENCE, primary_key=True),
        sa.Column("event_id", _NAME, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_outbox"),
        sqlite_autoincrement=True,
    )


def _create_storage(name: str, resource_id: str) -> None:
    _create_records(
        name,
        "account_id",
        "region",
        resource_id,
        searched=(
            sa.Column("due_at", sa.Double, nullable=True),
            sa.Column("lineage", _NAME, nullable=False),
            sa.Column("reads_lineage", _NAME, nullable=True),
            sa.Column("client_token", _NAME, nullable=True),
        ),
    )
    op.create_index(f"ix_{name}_due_at", name, ["due_at"])
    op.create_index(f"ix_{name}_lineage", name, ["lineage"])
    op.create_index(f"ix_{name}_reads_lineage", name, ["reads_lineage"])
    op.create_index(f"ix_{name}_client_token", name, ["account_id", "region", "client_token"], unique=True)


def _create_records(
    name: str, *primary: str, searched: tuple[sa.Column[float | None] | sa.Column[str], ...] = ()
) -> None:
    op.create_table(
        name,
        *(sa.Column(column, _NAME, nullable=False) for column in primary),
        *searched,
        sa.Column("row_version", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint(*primary, name=f"pk_{name}"),
    )
