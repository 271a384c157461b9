"""ARNs, as far as KMS reads and writes them.

Source: AWS General Reference, "Amazon Resource Names (ARNs)"; KMS developer guide, "Key identifiers (KeyId)".
"""

import re
from typing import Final, NamedTuple, Self

PARTITION: Final = "aws"

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_MULTI_REGION_ID: Final = re.compile(r"mrk-[0-9a-f]{32}", re.ASCII)
_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}", re.ASCII)


class ARN(NamedTuple):
    """`arn:partition:service:region:account:resource`; the resource may hold further colons."""

    partition: str
    service: str
    region: str
    account_id: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The parts of an ARN, or None if `text` is none."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            return None
        return cls(*parts[1:])

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account_id}:{self.resource}"


def key_arn(region: str, account_id: str, key_id: str) -> str:
    """The ARN of a KMS key."""
    return f"arn:{PARTITION}:kms:{region}:{account_id}:key/{key_id}"


def alias_arn(region: str, account_id: str, alias_name: str) -> str:
    """The ARN of an alias; `alias_name` begins with `alias/`."""
    return f"arn:{PARTITION}:kms:{region}:{account_id}:{alias_name}"


def root_arn(account_id: str) -> str:
    """The ARN of an account, which is also the ARN of its root user."""
    return f"arn:{PARTITION}:iam::{account_id}:root"


def user_arn(account_id: str, path: str, user_name: str) -> str:
    """The ARN of an IAM user; `path` begins and ends with a slash."""
    return f"arn:{PARTITION}:iam::{account_id}:user{path}{user_name}"


def group_arn(account_id: str, path: str, group_name: str) -> str:
    """The ARN of an IAM group."""
    return f"arn:{PARTITION}:iam::{account_id}:group{path}{group_name}"


def role_arn(account_id: str, path: str, role_name: str) -> str:
    """The ARN of a role."""
    return f"arn:{PARTITION}:iam::{account_id}:role{path}{role_name}"


def policy_arn(account_id: str, path: str, policy_name: str) -> str:
    """The ARN of a managed policy; `account_id` is `aws` for those of AWS."""
    return f"arn:{PARTITION}:iam::{account_id}:policy{path}{policy_name}"


def assumed_role_arn(account_id: str, role_name: str, session_name: str) -> str:
    """The ARN of a role session: without the path of the role."""
    return f"arn:{PARTITION}:sts::{account_id}:assumed-role/{role_name}/{session_name}"


def federated_user_arn(account_id: str, name: str) -> str:
    """The ARN of a session that GetFederationToken made."""
    return f"arn:{PARTITION}:sts::{account_id}:federated-user/{name}"


def oidc_provider_arn(account_id: str, host_and_path: str) -> str:
    """The ARN of an OpenID Connect provider: its URL without `https://`."""
    return f"arn:{PARTITION}:iam::{account_id}:oidc-provider/{host_and_path}"


def is_key_id(text: str) -> bool:
    """Whether `text` has the form of a key ID: a UUID with dashes, or `mrk-` and 32 hex digits."""
    return bool(_UUID.fullmatch(text) or _MULTI_REGION_ID.fullmatch(text))


def is_account_id(text: str) -> bool:
    """Whether `text` has the form of an account ID: 12 digits."""
    return bool(_ACCOUNT_ID.fullmatch(text))
