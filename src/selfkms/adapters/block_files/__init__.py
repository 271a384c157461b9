"""Blocks of snapshots in a directory: docs/snapshot-format.md."""
