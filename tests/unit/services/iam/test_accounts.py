"""An account with its root user and its first administrator."""

import re

import pytest

from harness.world import CountedEntropy, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.principals import AccessKey, Account, User
from selfkms.domain.records import Record
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.database import ConflictError, CorruptRecordError
from selfkms.services.iam.accounts import Credential, new_account, new_credential

ACCOUNT = "999900001111"
ADMIN = Credential("AKIAADMIN00000000000", Secret(b"canary of the administrator"))
ROOT = Credential("AKIAROOT000000000000", Secret(b"canary of root"))


def records(world: World, root: Credential | None = ROOT) -> list[Record]:
    puts = new_account(ACCOUNT, administrator=ADMIN, root=root, keys=world.keys, entropy=world.entropy, now=5.5)
    return [put.record for put in puts]


def test_a_random_credential_has_awss_form() -> None:
    """`AKIA` and 16 letters and digits of base 32; 40 characters of base 64 that no text form shows."""
    entropy = CountedEntropy()
    first, second = new_credential(entropy), new_credential(entropy)
    for credential in (first, second):
        assert re.fullmatch(r"AKIA[A-Z2-7]{16}", credential.access_key_id)
        secret = credential.secret_access_key.open(SECRET_ACCESS).decode()
        assert re.fullmatch(r"[A-Za-z0-9+/]{40}", secret)
        assert secret not in repr(credential)
    assert first.access_key_id != second.access_key_id
    assert not first.secret_access_key.equals(second.secret_access_key)


def test_what_an_account_is_made_of(world: World) -> None:
    """An account, a user `admin` with AdministratorAccess, an access key of each; all of one time, none stored yet."""
    account, user, *access_keys = records(world)
    assert account == Account(account_id=ACCOUNT, created_at=5.5)
    assert isinstance(user, User)
    assert (user.account_id, user.user_name, user.path, user.created_at) == (ACCOUNT, "admin", "/", 5.5)
    assert user.attached_policy_arns == (ADMINISTRATOR_ACCESS,)
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", user.user_id)
    found = []
    for key in access_keys:
        assert isinstance(key, AccessKey)
        assert (key.account_id, key.created_at, key.status) == (ACCOUNT, 5.5, "Active")
        found.append((key.access_key_id, key.user_name))
    assert found == [(ADMIN.access_key_id, "admin"), (ROOT.access_key_id, None)]
    assert world.database.account(ACCOUNT) is None


def test_root_needs_no_access_key(world: World) -> None:
    """Without a credential for it, the root user has no access key."""
    access_keys = [record for record in records(world, root=None) if isinstance(record, AccessKey)]
    assert [key.user_name for key in access_keys] == ["admin"]


def test_secrets_are_sealed_to_their_access_keys(world: World) -> None:
    """No record shows a secret, and a sealed one opens in the row of its own access key alone."""
    admin, root = (record for record in records(world) if isinstance(record, AccessKey))
    for key, credential in ((admin, ADMIN), (root, ROOT)):
        assert b"canary" not in key.sealed_secret
        assert world.keys.open(key.sealed_secret, bound_to=key.binding).equals(credential.secret_access_key)
    with pytest.raises(CorruptRecordError):
        world.keys.open(admin.sealed_secret, bound_to=root.binding)


def test_an_account_is_made_once(world: World) -> None:
    """The records of an account that exists cannot be written a second time."""
    puts = new_account(ACCOUNT, administrator=ADMIN, root=ROOT, keys=world.keys, entropy=world.entropy, now=0.0)
    world.database.commit(puts)
    with pytest.raises(ConflictError):
        world.database.commit(puts)


@pytest.mark.parametrize(
    "account_id", ["", "1", "11112222333", "1111222233334", "11112222333a", "\N{ARABIC-INDIC DIGIT ONE}" * 12]
)
def test_an_account_id_has_twelve_digits(world: World, account_id: str) -> None:
    """Anything else is a mistake of ours: what a person types is checked where it is read."""
    with pytest.raises(AssertionError):
        new_account(account_id, administrator=ADMIN, root=None, keys=world.keys, entropy=world.entropy, now=0.0)
