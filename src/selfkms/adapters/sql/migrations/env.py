"""Alembic runs this for every command. The connection comes from `migrate.py`, in a transaction that ends there."""

from alembic import context

from selfkms.adapters.sql.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
