"""GetContextKeysForCustomPolicy and GetContextKeysForPrincipalPolicy."""

import json
from typing import Any

import pytest

from harness.policies import allow, document, inline, new_group, new_user
from harness.world import ALICE_ACCOUNT, World
from selfkms.services.iam.context_keys import context_keys

ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"


def with_key(name: str, wanted: Any = "x") -> str:
    return document(allow("kms:*", condition={"StringEquals": {name: wanted}}))


def test_conditions_and_variables_count() -> None:
    """In the order in which they stand, each once whatever its case, written as in the policy."""
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "s3:*",
                    "Resource": ["arn:aws:s3:::b/${aws:username}/${*}", "arn:aws:s3:::b/${aws:PrincipalTag/a, 'none'}"],
                    "Condition": {
                        "StringLike": {"aws:UserName": "a", "kms:ViaService": ["${aws:userid}${$}", "b"]},
                        "Bool": {"aws:SecureTransport": True},
                    },
                }
            ],
        }
    )
    assert context_keys([text, with_key("AWS:userid")]) == (
        "aws:username",
        "aws:PrincipalTag/a",
        "kms:ViaService",
        "aws:userid",
        "aws:SecureTransport",
    )


def test_version_2008_has_no_variables() -> None:
    """There they are text."""
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username}"}
    assert context_keys([json.dumps({"Statement": statement})]) == ()


def test_policies_given_as_text(world: World) -> None:
    """Of several policies the keys of all; the audit has the policies."""
    texts = [with_key("aws:SourceIp"), with_key("kms:CallerAccount"), with_key("AWS:SOURCEIP")]
    answer = world.iam("GetContextKeysForCustomPolicy", {"PolicyInputList": texts})
    assert answer == {"ContextKeyNames": ["aws:SourceIp", "kms:CallerAccount"]}
    assert world.record()["requestParameters"] == {"policyInputList": texts}
    assert world.record()["readOnly"]


def test_policies_of_a_user_its_groups_and_given_ones(world: World) -> None:
    """Those that hold for the user; a damaged one asks for nothing."""
    new_group(world, "team", inline_policies=inline(with_key("kms:KeySpec")))
    ann = new_user(world, "ann", inline_policies=inline(with_key("kms:KeyUsage"), "damaged"), group_names=("team",))
    parameters = {"PolicySourceArn": ann.arn, "PolicyInputList": [with_key("aws:SourceIp")]}
    answer = world.iam("GetContextKeysForPrincipalPolicy", parameters)
    assert answer == {"ContextKeyNames": ["kms:KeyUsage", "kms:KeySpec", "aws:SourceIp"]}
    assert world.record()["requestParameters"].keys() == {"policySourceArn", "policyInputList"}


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [("GetContextKeysForCustomPolicy", {}), ("GetContextKeysForPrincipalPolicy", {"PolicySourceArn": ADMIN})],
)
def test_what_is_no_policy_is_refused(world: World, operation: str, parameters: dict[str, str]) -> None:
    """With the text that says what is wrong."""
    refused = world.iam_refusal(operation, {**parameters, "PolicyInputList": [document(allow("s3:*")), "{}"]})
    assert refused == (400, "InvalidInput", "The policy has no Statement.")
