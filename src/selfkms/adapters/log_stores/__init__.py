"""Where trails deliver to: S3, or a directory in its place."""
