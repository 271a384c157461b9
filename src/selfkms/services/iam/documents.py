"""Policy documents as IAM takes them and gives them back.

Source: IAM User Guide, "IAM and AWS STS quotas", "IAM and STS character limits"; IAM API Reference, "GetUserPolicy".
"""

from typing import Final, NamedTuple
from urllib.parse import quote

from selfkms.domain.iam.errors import LimitExceededException, MalformedPolicyDocumentException
from selfkms.domain.iam.limits import MANAGED_POLICY_CHARACTERS_MAX, TRUST_POLICY_CHARACTERS_MAX
from selfkms.domain.policy.document import Policy, PolicyError, PolicyKind


class _Quota(NamedTuple):
    name: str
    characters_max: int


_QUOTAS: Final = {
    PolicyKind.IDENTITY: _Quota("PolicySize", MANAGED_POLICY_CHARACTERS_MAX),
    PolicyKind.TRUST: _Quota("ACLSizePerRole", TRUST_POLICY_CHARACTERS_MAX),
}

_WHITE_SPACE: Final = dict.fromkeys(map(ord, " \t\n\r"))


def checked_document(text: str, kind: PolicyKind) -> Policy:
    """The policy of a managed policy's document (IDENTITY), or the trust policy of a role (TRUST).

    Raises:
        LimitExceededException: longer than 6,144 or 2,048 characters, white space not counted.
        MalformedPolicyDocumentException: the text is no policy of that kind.
    """
    quota = _QUOTAS[kind]
    if characters(text) > quota.characters_max:
        raise LimitExceededException(f"Cannot exceed quota for {quota.name}: {quota.characters_max}")
    return parsed_document(text, kind)


def parsed_document(text: str, kind: PolicyKind) -> Policy:
    """The policy of a document, whose length is for the caller to limit.

    Raises:
        MalformedPolicyDocumentException: the text is no policy of that kind.
    """
    try:
        return Policy.parse(text, kind)
    except PolicyError as error:
        raise MalformedPolicyDocumentException(str(error)) from error


def characters(text: str) -> int:
    """How many characters of a document count against the quotas: all but white space."""
    return len(text.translate(_WHITE_SPACE))


def encoded(document: str) -> str:
    """A document in an answer: as it was written, percent-encoded (RFC 3986, 2.1)."""
    return quote(document, safe="")
