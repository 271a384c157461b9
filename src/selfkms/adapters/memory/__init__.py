"""The records of an installation in memory: for tests."""
