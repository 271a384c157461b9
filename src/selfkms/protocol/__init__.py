"""Bytes to typed calls and back: pure, no sockets."""
