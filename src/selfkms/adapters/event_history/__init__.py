"""The event history: an index over the audit journal, in an SQLite file of its own. More: docs/event-history.md."""
