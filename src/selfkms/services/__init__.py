"""What each operation does: one file a family, one table a file."""
