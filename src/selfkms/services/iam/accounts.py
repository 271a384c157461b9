"""An account with its root user and its first administrator, as `init` and `dev` make it.

Source: IAM User Guide, "IAM identifiers" (unique IDs), "Manage access keys for IAM users".
"""

from base64 import b32encode, b64encode
from collections.abc import Sequence
from typing import Final, NamedTuple

from selfkms.domain.arns import is_account_id
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.principals import AccessKey, Account, User, secret_binding
from selfkms.domain.records import Put
from selfkms.domain.secrets import Secret
from selfkms.ports.entropy import Entropy
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.services.iam.unique_ids import IDPrefix, unique_id

ADMINISTRATOR: Final = "admin"
"""The name of an account's first IAM user."""

# Random bytes for 16 characters of base 32, and for 40 characters of base 64.
_ID_BYTES: Final = 10
_SECRET_BYTES: Final = 30


class Credential(NamedTuple):
    """A long-term access key as its owner holds it."""

    access_key_id: str
    secret_access_key: Secret


def new_credential(entropy: Entropy) -> Credential:
    """A random access key in AWS's form: `AKIA` and 16 characters, and 40 characters of base 64."""
    return Credential(
        "AKIA" + b32encode(entropy.random_bytes(_ID_BYTES)).decode(),
        Secret(b64encode(entropy.random_bytes(_SECRET_BYTES))),
    )


def new_account(
    account_id: str,
    *,
    administrator: Credential,
    root: Credential | None,
    keys: InstallationKeys,
    entropy: Entropy,
    now: float,
) -> Sequence[Put]:
    """The records of an account with a root user and an IAM user `admin` that has AdministratorAccess.

    Args:
        account_id: 12 digits.
        administrator: the access key of `admin`.
        root: the access key of the root user; None: it has none.
        keys: seal the secrets.
        entropy: for the user ID.
        now: seconds since the epoch.
    """
    assert is_account_id(account_id)
    user = User(
        account_id=account_id,
        user_name=ADMINISTRATOR,
        user_id=unique_id(IDPrefix.USER, entropy),
        created_at=now,
        attached_policy_arns=(ADMINISTRATOR_ACCESS,),
    )
    holders = [(administrator, ADMINISTRATOR), *([(root, None)] if root else [])]
    access_keys = [
        AccessKey(
            access_key_id=credential.access_key_id,
            account_id=account_id,
            user_name=user_name,
            sealed_secret=keys.seal(credential.secret_access_key, bound_to=secret_binding(credential.access_key_id)),
            created_at=now,
        )
        for credential, user_name in holders
    ]
    return [Put(Account(account_id=account_id, created_at=now)), Put(user), *(Put(key) for key in access_keys)]
