"""Accounts and principals. The operations of AWS IAM come here."""
