"""Whom grants may name."""

import pytest

from selfkms.domain.kms.errors import InvalidArnException
from selfkms.domain.kms.grant_principals import GrantPrincipal, PrincipalKind

ACCOUNT = "111122223333"


@pytest.mark.parametrize(
    ("arn", "kind", "name", "session"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", PrincipalKind.ACCOUNT, "root", None),
        (f"arn:aws:iam::{ACCOUNT}:user/Alice", PrincipalKind.USER, "Alice", None),
        (f"arn:aws:iam::{ACCOUNT}:user/a/b/Alice@example.org", PrincipalKind.USER, "Alice@example.org", None),
        (f"arn:aws:iam::{ACCOUNT}:role/service-role/App", PrincipalKind.ROLE, "App", None),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/App/i-0123", PrincipalKind.ROLE_SESSION, "App", "i-0123"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/Bob", PrincipalKind.FEDERATED_USER, "Bob", None),
    ],
)
def test_principals_of_grants(arn: str, kind: PrincipalKind, name: str, session: str | None) -> None:
    """Accounts, users, roles, role sessions and federated users; paths are no part of the name."""
    assert GrantPrincipal.parse(arn) == GrantPrincipal(kind, arn, ACCOUNT, name, session)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "admin",
        ACCOUNT,
        "*",
        "ec2.amazonaws.com",
        "AIDAEXAMPLE",
        f"arn:aws:iam::{ACCOUNT}:group/Admins",
        f"arn:aws:iam::{ACCOUNT}:policy/P",
        f"arn:aws:iam::{ACCOUNT}:user/",
        f"arn:aws:iam::{ACCOUNT}:user/*",
        f"arn:aws:iam::{ACCOUNT}:user//Alice",
        f"arn:aws:iam::{ACCOUNT}:user/{'a' * 65}",
        f"arn:aws:iam::{ACCOUNT}:user/Alice\n",
        f"arn:aws:iam::{ACCOUNT}:Root",
        f"arn:aws:iam::{ACCOUNT}:assumed-role/App/i-0123",
        f"arn:aws:iam:us-east-1:{ACCOUNT}:user/Alice",
        f"arn:aws-cn:iam::{ACCOUNT}:user/Alice",
        "arn:aws:iam::aws:user/Alice",
        "arn:aws:iam:::user/Alice",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/App",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/path/App/i-0123",
        f"arn:aws:sts::{ACCOUNT}:root",
        f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ],
)
def test_nobody_else(text: str) -> None:
    """Groups, services, wildcards, unique IDs, other partitions and halves of ARNs are refused, in AWS's words."""
    with pytest.raises(InvalidArnException) as refused:
        GrantPrincipal.parse(text)
    assert refused.value.message == f"ARN does not refer to a valid principal: {text}"
