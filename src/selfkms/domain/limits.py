"""Every limit that the service model does not hold, with the page that says so."""

from typing import Final, NamedTuple

SECONDS_PER_DAY: Final = 86_400
"""AWS counts windows and periods in days of this length."""

# KMS developer guide, "Resource quotas".
TAGS_PER_KEY_MAX: Final = 50
ALIASES_PER_KEY_MAX: Final = 50
GRANTS_PER_KEY_MAX: Final = 50_000
KEY_POLICY_BYTES_MAX: Final = 32_768
KEYS_PER_REGION_MAX: Final = 100_000

# AWS KMS API Reference, "ScheduleKeyDeletion": the model allows 1 to 365, the service 7 to 30.
PENDING_WINDOW_DAYS_MIN: Final = 7
PENDING_WINDOW_DAYS_MAX: Final = 30
PENDING_WINDOW_DAYS_DEFAULT: Final = 30

# AWS KMS API Reference, "CreateGrant", Constraints.
GRANT_CONSTRAINT_PAIRS_MAX: Final = 8
GRANT_CONSTRAINT_CHARACTERS_MAX: Final = 384

# AWS KMS API Reference, "Encrypt" and "GenerateRandom".
PLAINTEXT_BYTES_MAX: Final = 4_096
CIPHERTEXT_BYTES_MAX: Final = 6_144
RANDOM_BYTES_MAX: Final = 1_024


class PageLimit(NamedTuple):
    """How many entries a page of a listing holds unless the request says so, and at most."""

    default: int
    highest: int


# AWS KMS API Reference, parameter "Limit" of each listing.
LIST_KEYS: Final = PageLimit(100, 1000)
LIST_KEY_POLICIES: Final = PageLimit(100, 1000)
LIST_KEY_ROTATIONS: Final = PageLimit(100, 1000)
LIST_ALIASES: Final = PageLimit(50, 100)
LIST_GRANTS: Final = PageLimit(50, 100)
LIST_RETIRABLE_GRANTS: Final = PageLimit(50, 100)
LIST_RESOURCE_TAGS: Final = PageLimit(50, 50)

# Ours: how much of a request is read before it is refused. The largest request of the KMS model (CreateKey with a full
# policy of 131,072 characters, a description and 50 tags, all of it escaped) stays below.
BODY_BYTES_MAX: Final = 1_048_576
UNSIGNED_BODY_BYTES_MAX: Final = 131_072
"""Ours: what a request may have that is read before its caller is known. A token has at most 20,000 characters."""
HEADERS_MAX: Final = 64
HEADER_BYTES_MAX: Final = 16_384
JSON_DEPTH_MAX: Final = 32

# AWS General Reference, "Signature Version 4": the window is 5 minutes each way; a setting may widen it to 15.
SIGNATURE_SKEW_SECONDS: Final = 300
SIGNATURE_SKEW_SECONDS_MAX: Final = 900

# Ours: AWS does not say how old an attestation document may be. Its certificate is valid for three hours.
ATTESTATION_SKEW_SECONDS: Final = 300
ATTESTATION_SKEW_SECONDS_MAX: Final = 10_800
