"""Accounts, principals and their access keys."""
