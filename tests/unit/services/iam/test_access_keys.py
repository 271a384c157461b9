"""CreateAccessKey, UpdateAccessKey, DeleteAccessKey, ListAccessKeys, GetAccessKeyLastUsed."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.errors import ValidationError
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.iam.principals import User
from selfkms.ports.database import ConflictError
from selfkms.services.context import Context
from selfkms.services.iam.access_keys import (
    CreateAccessKeyRequest,
    ListAccessKeysRequest,
    create_access_key,
    list_access_keys,
)

MakeCaller = Callable[..., str]
MakeContext = Callable[..., Context]

ROOT = f"{ALICE_ACCOUNT}-root"
UNKNOWN = "AKIAIOSFODNN7EXAMPLE"
QUOTA = (409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")


@pytest.fixture
def bob(world: World) -> str:
    world.iam("CreateUser", {"UserName": "Bob"})
    return "Bob"


def new_key(world: World, **parameters: Any) -> dict[str, Any]:
    """The AccessKey of CreateAccessKey."""
    found: dict[str, Any] = world.iam("CreateAccessKey", parameters)["AccessKey"]
    return found


def missing(access_key_id: str) -> tuple[int, str, str]:
    return (404, "NoSuchEntity", f"The Access Key with id {access_key_id} cannot be found.")


def ids(world: World, name: str) -> list[str]:
    return [key["AccessKeyId"] for key in world.iam("ListAccessKeys", {"UserName": name})["AccessKeyMetadata"]]


def test_a_new_access_key_signs(world: World, make_caller: MakeCaller) -> None:
    """Its secret is answered once, in AWS's form, and signs from the next request on."""
    make_caller("Bob", {"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"})
    key = new_key(world, UserName="Bob")
    assert key.keys() == {"UserName", "AccessKeyId", "Status", "SecretAccessKey", "CreateDate"}
    assert (key["UserName"], key["Status"]) == ("Bob", "Active")
    assert re.fullmatch("AKIA[A-Z2-7]{16}", key["AccessKeyId"])
    assert re.fullmatch("[A-Za-z0-9+/]{40}", key["SecretAccessKey"])
    world.remember("fresh", key)
    assert world.iam("GetUser", by="fresh")["User"]["UserName"] == "Bob"


def test_the_audit_never_holds_the_secret(world: World, bob: str) -> None:
    """All of the new access key but that; the stored record has it sealed."""
    key = new_key(world, UserName=bob)
    record = world.record()
    assert record["requestParameters"] == {"userName": "Bob"}
    shown = record["responseElements"]["accessKey"]
    assert shown.keys() == {"userName", "accessKeyId", "status", "createDate"}
    assert shown["accessKeyId"] == key["AccessKeyId"]
    assert key["SecretAccessKey"] not in json.dumps(world.committed_records())
    stored = world.database.access_key(key["AccessKeyId"])
    assert stored is not None
    assert key["SecretAccessKey"].encode() not in stored.sealed_secret


def test_a_user_has_two_access_keys_at_most(world: World, bob: str) -> None:
    """The third is refused, until one is deleted; inactive ones count, too."""
    first, second = new_key(world, UserName=bob), new_key(world, UserName=bob)
    world.iam("UpdateAccessKey", {"UserName": bob, "AccessKeyId": first["AccessKeyId"], "Status": "Inactive"})
    assert world.iam_refusal("CreateAccessKey", {"UserName": bob}) == QUOTA
    assert sorted(ids(world, bob)) == sorted([first["AccessKeyId"], second["AccessKeyId"]])
    world.iam("DeleteAccessKey", {"UserName": bob, "AccessKeyId": first["AccessKeyId"]})
    new_key(world, UserName=bob)


def test_without_a_name_it_is_the_callers_access_key(world: World) -> None:
    """An IAM user manages its own."""
    key = new_key(world)
    assert key["UserName"] == "admin"
    assert key["AccessKeyId"] in ids(world, "admin")
    world.iam("UpdateAccessKey", {"AccessKeyId": key["AccessKeyId"], "Status": "Inactive"})
    world.iam("DeleteAccessKey", {"AccessKeyId": key["AccessKeyId"]})
    assert key["AccessKeyId"] not in ids(world, "admin")


def test_the_root_user_manages_its_own_access_keys(world: World) -> None:
    """Without a name, and they bear none; the quota is that of a user."""
    key = world.iam("CreateAccessKey", by=ROOT)["AccessKey"]
    assert "UserName" not in key
    world.remember("root too", key)
    assert world.iam_refusal("CreateAccessKey", by=ROOT) == QUOTA
    listed = world.iam("ListAccessKeys", by="root too")["AccessKeyMetadata"]
    assert {entry["AccessKeyId"] for entry in listed} == {key["AccessKeyId"], f"AKIA{ALICE_ACCOUNT}ROOT"}
    assert all(entry.keys() == {"AccessKeyId", "Status", "CreateDate"} for entry in listed)
    world.iam("UpdateAccessKey", {"AccessKeyId": f"AKIA{ALICE_ACCOUNT}ROOT", "Status": "Inactive"}, by="root too")
    assert world.iam_refusal("GetUser", by=ROOT)[0] == 403
    world.iam("DeleteAccessKey", {"AccessKeyId": f"AKIA{ALICE_ACCOUNT}ROOT"}, by="root too")
    world.iam("DeleteAccessKey", {"AccessKeyId": key["AccessKeyId"]}, by="root too")
    assert world.iam("GetAccountSummary")["SummaryMap"]["AccountAccessKeysPresent"] == 0


def test_the_root_users_access_keys_are_nobody_elses(world: World) -> None:
    """An administrator can neither list nor change them."""
    root_key = f"AKIA{ALICE_ACCOUNT}ROOT"
    assert root_key not in ids(world, "admin")
    for operation, parameters in (("UpdateAccessKey", {"Status": "Inactive"}), ("DeleteAccessKey", {})):
        given = {"AccessKeyId": root_key, **parameters}
        assert world.iam_refusal(operation, given) == missing(root_key)
        assert world.iam_refusal(operation, {"UserName": "admin", **given}) == missing(root_key)


def test_an_inactive_access_key_does_not_sign(world: World, make_caller: MakeCaller) -> None:
    """From the next request on, and signs again once it is active."""
    make_caller("Bob", {"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"})
    [key_id] = ids(world, "Bob")
    world.iam("UpdateAccessKey", {"UserName": "Bob", "AccessKeyId": key_id, "Status": "Inactive"})
    record = world.record()
    assert record["requestParameters"] == {"userName": "Bob", "accessKeyId": key_id, "status": "Inactive"}
    assert record["responseElements"] is None
    assert world.iam_refusal("GetUser", by="Bob")[:2] == (403, "InvalidClientTokenId")
    assert world.iam("ListAccessKeys", {"UserName": "Bob"})["AccessKeyMetadata"][0]["Status"] == "Inactive"
    world.iam("UpdateAccessKey", {"UserName": "Bob", "AccessKeyId": key_id, "Status": "Active"})
    world.iam("GetUser", by="Bob")


def test_a_deleted_access_key_does_not_sign(world: World, make_caller: MakeCaller) -> None:
    """And is not there any more."""
    make_caller("Bob", {"Effect": "Allow", "Action": "iam:*", "Resource": "*"})
    [key_id] = ids(world, "Bob")
    world.iam("DeleteAccessKey", {"UserName": "Bob", "AccessKeyId": key_id})
    assert world.iam_refusal("GetUser", by="Bob")[:2] == (403, "InvalidClientTokenId")
    assert world.iam_refusal("DeleteAccessKey", {"UserName": "Bob", "AccessKeyId": key_id}) == missing(key_id)


@pytest.mark.parametrize("status", ["Expired", "active", ""])
def test_a_status_is_active_or_inactive(world: World, bob: str, status: str) -> None:
    """`Expired` is in the model, but nobody sets it."""
    key_id = new_key(world, UserName=bob)["AccessKeyId"]
    parameters = {"UserName": bob, "AccessKeyId": key_id, "Status": status}
    code = "InvalidInput" if status == "Expired" else "ValidationError"
    assert world.iam_refusal("UpdateAccessKey", parameters)[:2] == (400, code)


@pytest.mark.parametrize(("operation", "more"), [("UpdateAccessKey", {"Status": "Active"}), ("DeleteAccessKey", {})])
def test_an_access_key_of_another_user_or_account_is_not_found(
    world: World, bob: str, operation: str, more: dict[str, str]
) -> None:
    """Who names a user means that user's access keys alone; another account's do not exist."""
    admins, foreign = f"AKIA{ALICE_ACCOUNT}ADMN", f"AKIA{BOB_ACCOUNT}ADMN"
    for key_id in (admins, foreign, UNKNOWN):
        parameters = {"UserName": bob, "AccessKeyId": key_id, **more}
        assert world.iam_refusal(operation, parameters) == missing(key_id)
    parameters = {"UserName": "admin", "AccessKeyId": foreign, **more}
    assert world.iam_refusal(operation, parameters) == missing(foreign)
    assert world.database.access_key(foreign) is not None


@pytest.mark.parametrize("operation", ["CreateAccessKey", "ListAccessKeys"])
def test_a_user_that_does_not_exist_has_no_access_keys(world: World, operation: str) -> None:
    """As with all operations on a user."""
    text = "The user with name Bob cannot be found."
    assert world.iam_refusal(operation, {"UserName": "Bob"}) == (404, "NoSuchEntity", text)


def test_an_access_key_of_another_is_made_by_the_permitted_alone(world: World, make_caller: MakeCaller) -> None:
    """The way to take over an administrator: permission is asked for on the user whose key it will be."""
    own = f"arn:aws:iam::{ALICE_ACCOUNT}:user/${{aws:username}}"
    carl = make_caller("carl", {"Effect": "Allow", "Action": "iam:*AccessKey*", "Resource": own})
    world.iam("CreateAccessKey", by=carl)
    for operation in ("CreateAccessKey", "ListAccessKeys"):
        status, code, text = world.iam_refusal(operation, {"UserName": "admin"}, by=carl)
        assert (status, code) == (403, "AccessDenied")
        assert text is not None
        assert f"on resource: arn:aws:iam::{ALICE_ACCOUNT}:user/admin" in text


def test_temporary_credentials_have_to_name_the_user(world: World, make_context: MakeContext) -> None:
    """Even those of an IAM user or of the root user."""
    admin = world.database.user(ALICE_ACCOUNT, "admin")
    assert isinstance(admin, User)
    session = Session(
        access_key_id="ASIA", kind=CallerKind.USER, account_id=ALICE_ACCOUNT, issued_at=0, expires_at=1, holder_id="x"
    )
    for caller in (
        Caller.user(admin, "ASIA", session=session),
        Caller.root(ALICE_ACCOUNT, "ASIA", session=session),
    ):
        context = make_context(caller)
        with pytest.raises(ValidationError):
            create_access_key(CreateAccessKeyRequest(), caller.iam_user, context)
        assert context.changes == []
    named = list_access_keys(ListAccessKeysRequest(user_name="admin"), admin, make_context(caller))
    assert len(named.access_key_metadata) == 1


@pytest.mark.parametrize("by_root", [True, False])
def test_two_requests_at_once_do_not_make_a_third(world: World, make_context: MakeContext, *, by_root: bool) -> None:
    """Both see one access key; the second to be written gives way and is decided again."""
    admin = world.database.user(ALICE_ACCOUNT, "admin")
    assert isinstance(admin, User)
    caller = None if by_root else Caller.user(admin, "")
    contexts = [make_context(caller), make_context(caller)]
    for context in contexts:
        create_access_key(CreateAccessKeyRequest(), None if by_root else admin, context)
    world.database.commit(contexts[0].changes)
    with pytest.raises(ConflictError):
        world.database.commit(contexts[1].changes)


def test_access_keys_are_listed_in_pages(world: World, bob: str) -> None:
    """Two at most, but a page may be smaller."""
    made = sorted(new_key(world, UserName=bob)["AccessKeyId"] for _ in range(2))
    first = world.iam("ListAccessKeys", {"UserName": bob, "MaxItems": 1})
    rest = world.iam("ListAccessKeys", {"UserName": bob, "Marker": first["Marker"]})
    listed = first["AccessKeyMetadata"] + rest["AccessKeyMetadata"]
    assert [entry["AccessKeyId"] for entry in listed] == made
    assert listed[0].keys() == {"UserName", "AccessKeyId", "Status", "CreateDate"}


def test_when_an_access_key_was_used_last_is_not_known(world: World) -> None:
    """Whose it is stands in the answer; the rest is that of one that was never used."""
    answer = world.iam("GetAccessKeyLastUsed", {"AccessKeyId": f"AKIA{ALICE_ACCOUNT}ADMN"})
    assert answer == {"UserName": "admin", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    of_root = world.iam("GetAccessKeyLastUsed", {"AccessKeyId": f"AKIA{ALICE_ACCOUNT}ROOT"})
    assert of_root == {"AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}


@pytest.mark.parametrize("key_id", [UNKNOWN, f"AKIA{BOB_ACCOUNT}ADMN"])
def test_an_access_key_of_another_account_is_not_told_from_none(world: World, key_id: str) -> None:
    """Whose it is, is for its account to know."""
    assert world.iam_refusal("GetAccessKeyLastUsed", {"AccessKeyId": key_id}) == missing(key_id)
