"""Policy documents as IAM takes them and gives them back."""

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.iam.errors import LimitExceededException, MalformedPolicyDocumentException
from selfkms.domain.policy.document import PolicyKind
from selfkms.services.iam.documents import characters, checked_document, encoded, parsed_document

IDENTITY = '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Sid": "%s"}}'
TRUST = '{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}, "Sid": "%s"}}'


def of_length(template: str, length: int) -> str:
    """A policy that has so many characters, white space not counted."""
    return template % ("x" * (length - characters(template % "")))


@pytest.mark.parametrize(
    ("kind", "template", "most", "text"),
    [
        (PolicyKind.IDENTITY, IDENTITY, 6144, "Cannot exceed quota for PolicySize: 6144"),
        (PolicyKind.TRUST, TRUST, 2048, "Cannot exceed quota for ACLSizePerRole: 2048"),
    ],
)
def test_a_document_may_be_so_long_and_no_longer(kind: PolicyKind, template: str, most: int, text: str) -> None:
    """The very last character counts; white space does not."""
    longest = of_length(template, most)
    assert checked_document(longest, kind).statements
    assert checked_document(longest.replace(":", " : \t\r\n", 1), kind).statements
    with pytest.raises(LimitExceededException) as raised:
        checked_document(of_length(template, most + 1), kind)
    assert raised.value.message == text


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("{", PolicyKind.IDENTITY, "The policy is not valid JSON."),
        (TRUST % "", PolicyKind.IDENTITY, "Policy document should not specify a principal."),
        (IDENTITY % "", PolicyKind.TRUST, "Missing required field Principal"),
    ],
)
def test_what_is_no_policy_of_its_kind_is_refused(text: str, kind: PolicyKind, message: str) -> None:
    """With the text that says what is wrong; whether its length is checked or not."""
    for parse in (checked_document, parsed_document):
        with pytest.raises(MalformedPolicyDocumentException) as raised:
            parse(text, kind)
        assert raised.value.message == message


@settings(max_examples=50)
@given(st.text())
def test_an_encoded_document_is_given_back_as_it_was_written(text: str) -> None:
    """In characters that need no escaping in any URL (RFC 3986, 2.3) and percent signs."""
    text = text.encode("utf-8", "replace").decode()
    assert unquote(encoded(text)) == text
    assert all(character.isalnum() or character in "%-._~" for character in encoded(text))
    assert encoded(text).isascii()
