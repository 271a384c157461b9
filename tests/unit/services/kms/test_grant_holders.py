"""Who stands behind the principals of grants."""

import pytest

from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.arns import assumed_role_arn, federated_user_arn, root_arn
from selfkms.domain.iam.principals import Account, Role, User
from selfkms.domain.kms.errors import InvalidArnException
from selfkms.domain.records import Put, Remove
from selfkms.services.kms.grant_holders import shown, unique_id

HERE = "111122223333"
ELSEWHERE = "999999999999"


def user(user_id: str = "AIDAONE", path: str = "/staff/") -> User:
    return User(account_id=HERE, created_at=0.0, path=path, user_name="Alice", user_id=user_id)


def role(role_id: str = "AROAONE", path: str = "/apps/") -> Role:
    return Role(account_id=HERE, created_at=0.0, path=path, role_name="App", role_id=role_id, trust_policy="{}")


@pytest.fixture
def database() -> MemoryDatabase:
    """An account with a user and a role."""
    made = MemoryDatabase()
    made.commit([Put(Account(account_id=HERE, created_at=0.0)), Put(user()), Put(role())])
    return made


def replace(database: MemoryDatabase, new: User | Role | None, old: User | Role) -> None:
    """Delete a user or a role, and make another one of the same name."""
    database.commit([Remove(old.changed(row_version=1))])
    if new is not None:
        database.commit([Put(new)])


@pytest.mark.parametrize(
    ("arn", "found"),
    [
        (user().arn, "AIDAONE"),
        (role().arn, "AROAONE"),
        (assumed_role_arn(HERE, "App", "session"), "AROAONE"),
        (root_arn(HERE), None),
        (federated_user_arn(HERE, "Alice"), None),
        (f"arn:aws:iam::{ELSEWHERE}:user/nobody", None),
        (root_arn(ELSEWHERE), None),
        (assumed_role_arn(ELSEWHERE, "App", "session"), None),
    ],
)
def test_unique_ids(database: MemoryDatabase, arn: str, found: str | None) -> None:
    """A user has one, a role and its sessions have the role's; of other accounts nothing is known."""
    assert unique_id(arn, database) == found


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iam::{HERE}:user/staff/Bob",
        f"arn:aws:iam::{HERE}:user/Alice",
        f"arn:aws:iam::{HERE}:user/staff/alice",
        f"arn:aws:iam::{HERE}:user/Staff/Alice",
        f"arn:aws:iam::{HERE}:user/apps/App",
        f"arn:aws:iam::{HERE}:role/App",
        f"arn:aws:iam::{HERE}:role/apps/app",
        assumed_role_arn(HERE, "app", "session"),
        assumed_role_arn(HERE, "Alice", "session"),
    ],
)
def test_who_does_not_exist(database: MemoryDatabase, arn: str) -> None:
    """In an account of this installation name, path and case must be those of somebody."""
    with pytest.raises(InvalidArnException) as refused:
        unique_id(arn, database)
    assert refused.value.message == f"ARN does not refer to a valid principal: {arn}"


@pytest.mark.parametrize(
    ("arn", "id_then"),
    [
        (user().arn, "AIDAONE"),
        (role().arn, "AROAONE"),
        (assumed_role_arn(HERE, "App", "session"), "AROAONE"),
        (root_arn(HERE), None),
        (f"arn:aws:iam::{ELSEWHERE}:user/nobody", None),
        ("ec2.amazonaws.com", None),
    ],
)
def test_who_is_there_is_shown_by_arn(database: MemoryDatabase, arn: str, id_then: str | None) -> None:
    """Whoever still is who they were, and whoever has no unique ID here."""
    assert shown(arn, id_then, database) == arn


@pytest.mark.parametrize("again", [False, True])
def test_who_is_gone_is_shown_by_id(database: MemoryDatabase, *, again: bool) -> None:
    """A deleted user or role keeps its grants to itself, also when there is another one of its name."""
    replace(database, user("AIDATWO") if again else None, user())
    replace(database, role("AROATWO") if again else None, role())
    assert shown(user().arn, "AIDAONE", database) == "AIDAONE"
    assert shown(role().arn, "AROAONE", database) == "AROAONE"
    assert shown(assumed_role_arn(HERE, "App", "session"), "AROAONE", database) == "AROAONE:session"
