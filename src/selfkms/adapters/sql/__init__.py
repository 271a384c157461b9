"""Records in SQL tables: one schema, one set of statements, for SQLite and PostgreSQL."""
