"""The audit journal on disk: chained, preallocated segment files. Their format: docs/audit-journal.md."""
