"""Bytes in, bytes out, over one library (cryptography): no I/O, no state, no choice of key."""
