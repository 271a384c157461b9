"""The key policy as clients set it and as keys have it by default."""

import json
from typing import Final

import pytest

from selfkms.domain.iam.callers import Caller
from selfkms.domain.iam.principals import User
from selfkms.domain.kms.errors import LimitExceededException, MalformedPolicyDocumentException
from selfkms.domain.kms.key_policy import LOCKOUT_TEXT, POLICY_NAME, default_key_policy, parse_key_policy
from selfkms.domain.policy.document import Policy, PolicyError, PolicyKind
from selfkms.domain.policy.evaluate import Document, Identity, Question, ResourceSide, decide
from selfkms.domain.policy.facts import Facts

ACCOUNT_ID: Final = "111122223333"

DEFAULT: Final = """{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::111122223333:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"""


def policy_of_bytes(count: int) -> str:
    """A key policy whose text has so many bytes in UTF-8, some of them in characters of two."""
    text = json.dumps(
        {"Id": "é" * 10, "Statement": {"Effect": "Deny", "Principal": "*", "Action": "kms:*"}}, ensure_ascii=False
    )
    return text + " " * (count - len(text.encode()))


def test_the_default_key_policy_to_the_letter() -> None:
    """Clients compare texts, so it stands as AWS writes it, line breaks and blanks included."""
    assert default_key_policy(ACCOUNT_ID) == DEFAULT


ALLOWING: Final = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'


def test_the_default_key_policy_delegates_to_the_account() -> None:
    """The root user and users whom IAM allows may do everything; a user without a policy of its own nothing."""
    policy = Document("the key policy", parse_key_policy(default_key_policy(ACCOUNT_ID)))
    side = ResourceSide(policy=policy, owner=ACCOUNT_ID, principal_ids={})
    nothing = Facts.of({})
    question = Question(action="kms:ScheduleKeyDeletion", resource="arn:k", facts=nothing, resource_facts=nothing)
    user = Caller.user(User(account_id=ACCOUNT_ID, user_name="bob", user_id="AIDA1", created_at=1.0), "AKIA1")
    allowing = (Document("IAM", Policy.parse(ALLOWING, PolicyKind.IDENTITY)),)
    for identity, allowed in (
        (Identity(caller=Caller.root(ACCOUNT_ID, "AKIA1")), True),
        (Identity(caller=user, policies=allowing), True),
        (Identity(caller=user), False),
        (Identity(caller=Caller.root("444455556666", "AKIA4"), policies=allowing), False),
    ):
        assert decide(identity, question, side).allowed is allowed


def test_a_key_policy_has_32768_bytes_at_most() -> None:
    """Bytes are counted, not characters; what is longer is a limit exceeded, not a malformed policy."""
    assert parse_key_policy(policy_of_bytes(32_768)).statements
    for text in (policy_of_bytes(32_769), "é" * 16_385, "x" * 131_072):
        with pytest.raises(LimitExceededException) as refusal:
            parse_key_policy(text)
        assert refusal.value.message == "The key policy exceeds the limit of 32768 bytes."


def test_the_limit_counts_bytes() -> None:
    """A text below the limit in characters and above it in bytes is too long."""
    text = '{"Id": "' + "é" * 16_400 + '"}'
    assert len(text) < 32_768
    with pytest.raises(LimitExceededException):
        parse_key_policy(text)


def test_the_words_of_aws() -> None:
    """The one name of a key policy, and the text of a refused lockout."""
    assert POLICY_NAME == "default"
    assert LOCKOUT_TEXT == "The new key policy will not allow you to update the key policy in the future."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The policy is not valid JSON."),
        ("allow everything", "The policy is not valid JSON."),
        ("[]", "Syntax errors in policy."),
        ("{}", "The policy has no Statement."),
        (
            '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}',
            "Policy contains a statement with one or more invalid principals.",
        ),
    ],
)
def test_what_is_no_key_policy_is_malformed(text: str, message: str) -> None:
    """AWS's error for it says what is wrong, and keeps the cause."""
    with pytest.raises(MalformedPolicyDocumentException) as refusal:
        parse_key_policy(text)
    assert refusal.value.message == message
    assert isinstance(refusal.value.__cause__, PolicyError)
