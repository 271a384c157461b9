"""GetCallerIdentity and GetAccessKeyInfo, through the gate."""

import json

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.principals import InlinePolicy
from selfkms.domain.records import Put

ROOT = f"{ALICE_ACCOUNT}-root"


def test_a_user_and_a_root_user_learn_who_they_are(world: World) -> None:
    """The other kinds of caller stand with the operations that make them."""
    user = world.database.user(ALICE_ACCOUNT, "admin")
    assert user is not None
    assert world.sts("GetCallerIdentity") == {"UserId": user.user_id, "Account": ALICE_ACCOUNT, "Arn": user.arn}
    assert world.sts("GetCallerIdentity", by=ROOT) == {
        "UserId": ALICE_ACCOUNT,
        "Account": ALICE_ACCOUNT,
        "Arn": f"arn:aws:iam::{ALICE_ACCOUNT}:root",
    }


def test_not_even_a_deny_withholds_it(world: World) -> None:
    """Whoever is refused learns the same from the text of the refusal."""
    user = world.database.user(ALICE_ACCOUNT, "admin")
    assert user is not None
    denial = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    world.database.commit([Put(user.changed(inline_policies=(InlinePolicy("none", document),)))])
    assert world.sts("GetCallerIdentity")["Arn"] == user.arn


def test_an_access_key_tells_its_account(world: World) -> None:
    """Long-term or temporary, of the caller's account or of another."""
    assert world.sts("GetAccessKeyInfo", {"AccessKeyId": f"AKIA{BOB_ACCOUNT}ADMN"}) == {"Account": BOB_ACCOUNT}
    temporary = world.sts("GetSessionToken", by=BOB_ACCOUNT)["Credentials"]["AccessKeyId"]
    assert world.sts("GetAccessKeyInfo", {"AccessKeyId": temporary}) == {"Account": BOB_ACCOUNT}


@pytest.mark.parametrize("access_key_id", ["AKIAIOSFODNN7EXAMPLE", "ASIA" + "A" * 16, "ASIAIOSFODNN7EXAMPLE"])
def test_an_unknown_access_key_is_refused(world: World, access_key_id: str) -> None:
    """Also one of an account that is not here."""
    assert world.sts_refusal("GetAccessKeyInfo", {"AccessKeyId": access_key_id}) == (
        400,
        "ValidationError",
        f"Access key {access_key_id} does not exist.",
    )


def test_access_key_info_needs_permission(world: World) -> None:
    """And is not for sessions of users."""
    named = {"AccessKeyId": f"AKIA{ALICE_ACCOUNT}ADMN"}
    world.remember("session", world.sts("GetSessionToken")["Credentials"])
    assert world.sts_refusal("GetAccessKeyInfo", named, by="session") == (
        403,
        "AccessDenied",
        "Cannot call GetAccessKeyInfo with session credentials",
    )
    world.strip_of_policies(ALICE_ACCOUNT)
    assert world.sts_refusal("GetAccessKeyInfo", named)[:2] == (403, "AccessDenied")


def test_the_audit_has_both(world: World) -> None:
    """They change nothing, and GetCallerIdentity has no parameters."""
    world.sts("GetCallerIdentity")
    record = world.record()
    assert (record["eventName"], record["readOnly"], record["requestParameters"]) == ("GetCallerIdentity", True, None)
    world.sts("GetAccessKeyInfo", {"AccessKeyId": f"AKIA{ALICE_ACCOUNT}ADMN"})
    assert world.record()["requestParameters"] == {"accessKeyId": f"AKIA{ALICE_ACCOUNT}ADMN"}
