"""Limits of AWS STS that its service model does not hold, with the page that says so."""

from typing import Final

# IAM User Guide, "IAM and AWS STS quotas"; STS API Reference, "AssumeRole".
SESSION_TAGS_MAX: Final = 50
SESSION_POLICY_CHARACTERS_MAX: Final = 2_048
SESSION_POLICY_ARNS_MAX: Final = 10

SESSION_TOKEN_BYTES_MAX: Final = 4_096
"""AWS What's New, "AWS STS simplifies session token size limits" (2026): one limit for all that a token holds."""

# STS API Reference, parameter "DurationSeconds" of each operation, in seconds.
ROLE_SECONDS_DEFAULT: Final = 3_600
CHAINED_SECONDS_MAX: Final = 3_600
USER_SECONDS_DEFAULT: Final = 43_200
ROOT_SECONDS_MAX: Final = 3_600
