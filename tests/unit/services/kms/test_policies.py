"""GetKeyPolicy, PutKeyPolicy, ListKeyPolicies, and the policies that CreateKey takes."""

import json
from typing import Any

import pytest

from harness.policies import new_user
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World

ROOT = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
LOCKOUT = (
    "MalformedPolicyDocumentException",
    "The new key policy will not allow you to update the key policy in the future.",
)
NO_SUCH_POLICY = ("NotFoundException", "No such policy exists")


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any, action: Any = "kms:*") -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}


def deny(principal: Any, action: Any = "kms:*") -> dict[str, Any]:
    return allow(principal, action) | {"Effect": "Deny"}


def padded(text: str, length: int) -> str:
    """A policy of exactly so many bytes."""
    return text + " " * (length - len(text))


def test_the_default_policy(world: World) -> None:
    """A key made without policy lets the account's root do everything; the text has line breaks, as AWS's has."""
    answer = world.call("GetKeyPolicy", {"KeyId": world.make_key()["KeyId"]})
    assert answer.keys() == {"Policy", "PolicyName"}
    assert answer["PolicyName"] == "default"
    assert "\n" in answer["Policy"]
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{"Sid": "Enable IAM User Permissions", **allow({"AWS": ROOT})}],
    }


@pytest.mark.parametrize("named_by", ["KeyId", "Arn"])
@pytest.mark.parametrize("name", [{}, {"PolicyName": "default"}])
def test_a_policy_is_kept_as_it_was_written(world: World, named_by: str, name: dict[str, str]) -> None:
    """PutKeyPolicy answers nothing; GetKeyPolicy gives the very text, with or without the policy's name."""
    key = world.make_key()
    text = f"\t{policy(allow({'AWS': [ROOT, ADMIN]}))}\r\n"
    assert world.call("PutKeyPolicy", {"KeyId": key[named_by], "Policy": text, **name}) == {}
    assert world.call("GetKeyPolicy", {"KeyId": key[named_by], **name}) == {"Policy": text, "PolicyName": "default"}


def test_a_key_has_one_policy(world: World) -> None:
    """ListKeyPolicies has one name, and no other name is found."""
    key_id = world.make_key()["KeyId"]
    listing = {"PolicyNames": ["default"], "Truncated": False}
    assert world.call("ListKeyPolicies", {"KeyId": key_id, "Limit": 1}) == listing
    assert world.refusal("GetKeyPolicy", {"KeyId": key_id, "PolicyName": "Default"}) == NO_SUCH_POLICY
    parameters = {"KeyId": key_id, "PolicyName": "other", "Policy": policy(allow("*"))}
    assert world.refusal("PutKeyPolicy", parameters) == NO_SUCH_POLICY


@pytest.mark.parametrize(
    "text",
    [
        "no policy",
        "[]",
        '"policy"',
        "{}",
        policy(),
        policy({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}),
        policy(allow("everyone")),
        policy(allow({"AWS": []})),
        policy(allow({"Somebody": ROOT})),
        policy(allow("*") | {"Effect": "allow"}),
        policy(allow("*") | {"Unknown": 1}),
        policy(allow("*") | {"Sid": 1}),
        policy(allow("*"), {"Principal": "*"}),
        json.dumps({"Version": "2020-01-01", "Statement": [allow("*")]}),
        json.dumps({"Statement": allow("*"), "Unknown": 1}),
        '{"Statement": [], "Statement": [' + json.dumps(allow("*")) + "]}",
        "[" * 10_000,
    ],
)
def test_a_text_that_is_no_policy(world: World, text: str) -> None:
    """Whatever is no policy, or has a statement without principal, is refused, also without the lockout check."""
    key = world.make_key()
    before = world.call("GetKeyPolicy", {"KeyId": key["KeyId"]})
    for bypass in (False, True):
        flag = {"BypassPolicyLockoutSafetyCheck": bypass, "Policy": text}
        assert world.refusal("PutKeyPolicy", {"KeyId": key["KeyId"], **flag})[0] == "MalformedPolicyDocumentException"
        assert world.refusal("CreateKey", flag)[0] == "MalformedPolicyDocumentException"
    assert world.call("GetKeyPolicy", {"KeyId": key["KeyId"]}) == before
    assert len(world.call("ListKeys")["Keys"]) == 1


def test_a_statement_without_principal_has_awss_text(world: World) -> None:
    """The text of a statement without principal."""
    text = policy(allow("*"), {"Effect": "Deny", "Action": "kms:*", "Resource": "*"})
    assert world.refusal("CreateKey", {"Policy": text}) == (
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals.",
    )


def with_sid(sid: str) -> str:
    """A policy with a Sid as it stands there, not escaped."""
    return policy(allow("*") | {"Sid": "SID"}).replace("SID", sid)


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x1f", "\u0100", "€"])
def test_characters_that_no_policy_holds(world: World, character: str) -> None:
    """Control characters other than tabs and line ends, and what is beyond U+00FF, are refused by the model."""
    code, text = world.refusal("CreateKey", {"Policy": with_sid(character)})
    assert code == "ValidationException"
    assert text is not None
    assert text.endswith("Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+")


@pytest.mark.parametrize("sid", ["Enable IAM users", "\u00a0äÿ", "~!#"])
def test_characters_of_a_policy(world: World, sid: str) -> None:
    """Blanks and characters up to U+00FF are kept, as are tabs and line ends between the elements."""
    text = with_sid(sid).replace(": ", ":\r\n\t")
    key_id = world.make_key(Policy=text)["KeyId"]
    assert world.call("GetKeyPolicy", {"KeyId": key_id})["Policy"] == text


def test_a_policy_has_32_768_bytes_at_most(world: World) -> None:
    """The longest policy is taken; a byte more is beyond the quota, and a character may have two bytes."""
    text = policy(allow({"AWS": ROOT}))
    key_id = world.make_key(Policy=padded(text, 32_768))["KeyId"]
    refusal = ("LimitExceededException", "The key policy exceeds the limit of 32768 bytes.")
    two_bytes = padded(text, 32_768)[:-1] + "ä"
    for long in (padded(text, 32_769), two_bytes, padded(text, 131_072)):
        assert world.refusal("PutKeyPolicy", {"KeyId": key_id, "Policy": long}) == refusal
        assert world.refusal("CreateKey", {"Policy": long}) == refusal
    code, _ = world.refusal("PutKeyPolicy", {"KeyId": key_id, "Policy": padded(text, 131_073)})
    assert code == "ValidationException"


@pytest.mark.parametrize(
    ("by", "text"),
    [
        (ALICE_ACCOUNT, policy(allow({"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:user/other"}))),
        (ALICE_ACCOUNT, policy(allow({"AWS": f"arn:aws:iam::{BOB_ACCOUNT}:root"}))),
        (ALICE_ACCOUNT, policy(allow({"AWS": ADMIN}, ["kms:Get*", "kms:Describe*"]))),
        (ALICE_ACCOUNT, policy(allow({"AWS": ADMIN}), deny("*", "kms:PutKeyPolicy"))),
        (ALICE_ACCOUNT, policy(allow({"AWS": ADMIN}), deny({"AWS": ROOT}, "kms:Put*"))),
        (ALICE_ACCOUNT, policy({"Effect": "Allow", "Principal": "*", "Action": "kms:*"})),
        (ALICE_ACCOUNT, policy({"Effect": "Allow", "Principal": "*", "Resource": "*"})),
        (f"{ALICE_ACCOUNT}-root", policy(allow({"AWS": ADMIN}))),
    ],
)
def test_nobody_locks_themselves_out(world: World, by: str, text: str) -> None:
    """A policy under which the caller could not set the next one is refused, unless the check is bypassed."""
    new_user(world, "other")
    key_id = world.make_key(by=by)["KeyId"]
    assert world.refusal("PutKeyPolicy", {"KeyId": key_id, "Policy": text}, by=by) == LOCKOUT
    assert world.refusal("CreateKey", {"Policy": text}, by=by) == LOCKOUT
    bypass = {"KeyId": key_id, "Policy": text, "BypassPolicyLockoutSafetyCheck": True}
    world.call("PutKeyPolicy", bypass, by=by)
    # It counts from the next request on: the caller has indeed locked themselves out.
    assert world.refusal("PutKeyPolicy", bypass, by=by)[0] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("by", "text"),
    [
        (ALICE_ACCOUNT, policy(allow({"AWS": ADMIN}))),
        (ALICE_ACCOUNT, policy(allow("*", "kms:putkeypolicy"))),
        (ALICE_ACCOUNT, policy(allow({"AWS": ALICE_ACCOUNT}))),
        (ALICE_ACCOUNT, policy(allow({"AWS": ROOT}), deny({"AWS": f"arn:aws:iam::{BOB_ACCOUNT}:root"}))),
        (f"{ALICE_ACCOUNT}-root", policy(allow({"AWS": [ADMIN, ROOT]}))),
    ],
)
def test_policies_under_which_the_caller_stays(world: World, by: str, text: str) -> None:
    """Naming the caller, everyone, or the account of a caller whom IAM allows, is enough."""
    key_id = world.make_key(by=by, Policy=text)["KeyId"]
    world.call("PutKeyPolicy", {"KeyId": key_id, "Policy": text}, by=by)


def test_the_lockout_check_knows_the_callers_iam_policies(world: World) -> None:
    """A policy that only lets the account in does not keep a user whom no IAM policy allows anything."""
    key_id = world.make_key(Policy=policy(allow({"AWS": ADMIN})))["KeyId"]
    world.strip_of_policies(ALICE_ACCOUNT)
    delegating = {"KeyId": key_id, "Policy": policy(allow({"AWS": ROOT}))}
    assert world.refusal("PutKeyPolicy", delegating) == LOCKOUT
    world.call("PutKeyPolicy", {"KeyId": key_id, "Policy": policy(allow({"AWS": [ROOT, ADMIN]}))})


def test_a_statement_without_effect_is_accepted(world: World) -> None:
    """A statement that lacks Action or Resource is taken and gives nothing."""
    without_action = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{BOB_ACCOUNT}:root"}, "Resource": "*"}
    without_resource = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{BOB_ACCOUNT}:root"}, "Action": "kms:*"}
    key = world.make_key(Policy=policy(allow({"AWS": ROOT}), without_action, without_resource))
    assert world.refusal("DescribeKey", {"KeyId": key["Arn"]}, by=BOB_ACCOUNT)[0] == "AccessDeniedException"


def test_a_policy_must_be_given(world: World) -> None:
    """PutKeyPolicy without Policy is refused."""
    text = "1 validation error detected: Value null at 'policy' failed to satisfy constraint: Member must not be null"
    assert world.refusal("PutKeyPolicy", {"KeyId": world.make_key()["KeyId"]}) == ("ValidationException", text)
