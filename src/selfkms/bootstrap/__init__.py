"""Puts an installation together. The only room that chooses adapters."""
