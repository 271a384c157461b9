"""Processes, sockets, limits, health."""
