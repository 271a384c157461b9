"""The records of an installation in one SQLite file."""
