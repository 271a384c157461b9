"""boto3: grants are made, listed, retired and revoked. What they permit is told elsewhere."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from harness.calls import error_of, fields, make_key, refusal, unchecked
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server

ADMIN: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"
ROOT: Final = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
BOB: Final = f"arn:aws:iam::{BOB_ACCOUNT}:user/admin"
# Nothing else makes grants in this Region, so that the retirable ones can be counted.
COUNTED_REGION: Final = "ap-northeast-3"
DRY_RUN: Final = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


@pytest.fixture(scope="module")
def root(server: Server) -> Iterator[Any]:
    """The root user of the first account."""
    with closing(server.client(profile=f"{ALICE_ACCOUNT}-root")) as client:
        yield client


@pytest.fixture
def key(alice: Any) -> dict[str, Any]:
    """A new KMS key."""
    return make_key(alice)


def create(kms: Any, key: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """The answer of CreateGrant with a grantee and an operation."""
    given = {"KeyId": key["KeyId"], "GranteePrincipal": ADMIN, "Operations": ["Decrypt"], **parameters}
    return fields(kms.create_grant(**given))


def listed(kms: Any, operation: str, **parameters: Any) -> list[dict[str, Any]]:
    """The entries of all pages."""
    pages = kms.get_paginator(operation).paginate(**parameters)
    return [entry for page in pages for entry in page["Grants"]]


def test_a_grant_and_its_entry(alice: Any, key: dict[str, Any]) -> None:
    """CreateGrant answers an ID and a token; the listing has everything else, and no token."""
    constraints = {"EncryptionContextSubset": {"Department": "IT"}}
    given = {"RetiringPrincipal": ROOT, "Operations": ["Encrypt", "RetireGrant"], "Constraints": constraints}
    answer = create(alice, key, Name="a-name", **given)
    assert answer.keys() == {"GrantId", "GrantToken"}
    assert re.fullmatch("[0-9a-f]{64}", answer["GrantId"])
    (entry,) = listed(alice, "list_grants", KeyId=key["Arn"])
    made_at = entry.pop("CreationDate")
    assert abs(datetime.now(UTC) - made_at) < timedelta(minutes=1)
    assert entry == {
        "KeyId": key["Arn"],
        "GrantId": answer["GrantId"],
        "Name": "a-name",
        "GranteePrincipal": ADMIN,
        "IssuingAccount": ROOT,
        **given,
    }


def test_a_plain_entry(alice: Any, key: dict[str, Any]) -> None:
    """What a grant does not have is not there, but for an empty name."""
    create(alice, key)
    (entry,) = listed(alice, "list_grants", KeyId=key["KeyId"])
    members = {"KeyId", "GrantId", "Name", "CreationDate", "GranteePrincipal", "IssuingAccount", "Operations"}
    assert entry.keys() == members
    assert entry["Name"] == ""


def test_pages(alice: Any, key: dict[str, Any]) -> None:
    """120 grants: 50 a page unless the request says so, at most 100, each grant once."""
    made = {create(alice, key)["GrantId"] for _ in range(120)}
    first = alice.list_grants(KeyId=key["KeyId"])
    assert (len(first["Grants"]), first["Truncated"]) == (50, True)
    assert len(alice.list_grants(KeyId=key["KeyId"], Limit=100)["Grants"]) == 100
    for size in (1, 50, 100):
        config = {"PageSize": size, "MaxItems": 120 if size > 1 else 3}
        pages = alice.get_paginator("list_grants").paginate(KeyId=key["KeyId"], PaginationConfig=config)
        found = [entry["GrantId"] for page in pages for entry in page["Grants"]]
        assert len(found) == len(set(found)) == config["MaxItems"]
        assert set(found) <= made
    with_marker = {"KeyId": make_key(alice)["KeyId"], "Marker": first["NextMarker"]}
    assert refusal(alice.list_grants, **with_marker)[0] == "InvalidMarkerException"


def test_filters(alice: Any, key: dict[str, Any]) -> None:
    """ListGrants by grant ID and by grantee."""
    mine, his = create(alice, key)["GrantId"], create(alice, key, GranteePrincipal=BOB)["GrantId"]
    for filters, expected in (
        ({"GrantId": his}, [his]),
        ({"GranteePrincipal": BOB}, [his]),
        ({"GranteePrincipal": ADMIN}, [mine]),
        ({"GranteePrincipal": ROOT}, []),
        ({"GranteePrincipal": BOB, "GrantId": mine}, []),
    ):
        assert [entry["GrantId"] for entry in listed(alice, "list_grants", KeyId=key["KeyId"], **filters)] == expected
    assert refusal(alice.list_grants, KeyId=key["KeyId"], GrantId="abc")[0] == "InvalidGrantIdException"


def test_retirable_grants(server: Server, bob: Any) -> None:
    """On all keys of the Region that the retiring principal of the own account may end."""
    with closing(server.client(region=COUNTED_REGION)) as kms:
        keys = [make_key(kms) for _ in range(2)]
        made = {create(kms, key, RetiringPrincipal=ADMIN)["GrantId"] for key in keys for _ in range(2)}
        create(kms, keys[0])
        found = listed(kms, "list_retirable_grants", RetiringPrincipal=ADMIN)
        assert {entry["GrantId"] for entry in found} == made
        assert {entry["KeyId"] for entry in found} == {key["Arn"] for key in keys}
    assert refusal(bob.list_retirable_grants, RetiringPrincipal=ADMIN)[0] == "AccessDeniedException"


def test_a_name_makes_a_retry_safe(alice: Any, key: dict[str, Any]) -> None:
    """The same request has the same grant and another token of it; anything different has another grant."""
    first, again = (create(alice, key, Name="n") for _ in range(2))
    assert first["GrantId"] == again["GrantId"]
    assert first["GrantToken"] != again["GrantToken"]
    assert create(alice, key, Name="n", Operations=["Encrypt"])["GrantId"] != first["GrantId"]
    assert create(alice, make_key(alice), Name="n")["GrantId"] != first["GrantId"]
    assert create(alice, key)["GrantId"] != create(alice, key)["GrantId"]


def test_retire(alice: Any, root: Any, key: dict[str, Any]) -> None:
    """By token, by key ID or key ARN and grant ID; a retired grant is not listed."""
    by_token, by_id, by_arn, kept = (create(alice, key) for _ in range(4))
    assert fields(root.retire_grant(GrantToken=by_token["GrantToken"])) == {}
    assert fields(root.retire_grant(KeyId=key["KeyId"], GrantId=by_id["GrantId"])) == {}
    assert fields(root.retire_grant(KeyId=key["Arn"], GrantId=by_arn["GrantId"])) == {}
    assert [entry["GrantId"] for entry in listed(alice, "list_grants", KeyId=key["KeyId"])] == [kept["GrantId"]]
    gone = by_token["GrantId"]
    assert refusal(root.retire_grant, GrantToken=by_token["GrantToken"])[0] == "NotFoundException"
    missing = ("NotFoundException", f"Grant ID {gone} not found")
    assert refusal(root.retire_grant, KeyId=key["KeyId"], GrantId=gone) == missing
    text = "You must specify either a grant token, or both a key ID and a grant ID."
    assert refusal(root.retire_grant, KeyId=key["KeyId"]) == ("ValidationException", text)
    assert refusal(root.retire_grant, GrantToken="AQpAforged")[0] == "InvalidGrantTokenException"


def test_revoke(alice: Any, key: dict[str, Any]) -> None:
    """It answers nothing; what is not there cannot be revoked."""
    grant_id = create(alice, key)["GrantId"]
    assert fields(alice.revoke_grant(KeyId=key["Arn"], GrantId=grant_id)) == {}
    assert listed(alice, "list_grants", KeyId=key["KeyId"]) == []
    missing = ("NotFoundException", f"Grant ID {grant_id} not found")
    assert refusal(alice.revoke_grant, KeyId=key["KeyId"], GrantId=grant_id) == missing


def test_dry_runs(alice: Any, root: Any, key: dict[str, Any]) -> None:
    """CreateGrant, RetireGrant and RevokeGrant say that they would, and do nothing."""
    answer = create(alice, key)
    named = {"KeyId": key["KeyId"], "GrantId": answer["GrantId"], "DryRun": True}
    given = {"KeyId": key["KeyId"], "GranteePrincipal": ADMIN, "Operations": ["Decrypt"], "DryRun": True}
    assert refusal(alice.create_grant, **given) == DRY_RUN
    assert refusal(alice.revoke_grant, **named) == DRY_RUN
    assert refusal(root.retire_grant, **named) == DRY_RUN
    assert refusal(root.retire_grant, GrantToken=answer["GrantToken"], DryRun=True) == DRY_RUN
    assert len(listed(alice, "list_grants", KeyId=key["KeyId"])) == 1


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        ({"Operations": ["CreateGrant"]}, "ValidationException", "Grants must not contain only the CreateGrant"),
        ({"Operations": ["Sign"]}, "ValidationException", "The grant operation Sign is not valid for arn:aws:kms:"),
        (
            {"GranteePrincipal": f"arn:aws:iam::{ALICE_ACCOUNT}:user/nobody"},
            "InvalidArnException",
            f"ARN does not refer to a valid principal: arn:aws:iam::{ALICE_ACCOUNT}:user/nobody",
        ),
        (
            {"RetiringPrincipal": f"arn:aws:iam::{ALICE_ACCOUNT}:group/g"},
            "InvalidArnException",
            f"ARN does not refer to a valid principal: arn:aws:iam::{ALICE_ACCOUNT}:group/g",
        ),
        (
            {"Constraints": {"EncryptionContextSubset": {str(number): "" for number in range(9)}}},
            "ValidationException",
            "An encryption context constraint cannot have more than 8 encryption context pairs.",
        ),
        (
            {"Constraints": {"EncryptionContextEquals": {"a": "x" * 385}}},
            "ValidationException",
            "The encryption context in a grant constraint cannot exceed 384 characters.",
        ),
        ({"GrantTokens": ["AQpAforged"]}, "InvalidGrantTokenException", ""),
    ],
)
def test_what_is_refused(alice: Any, key: dict[str, Any], parameters: dict[str, Any], code: str, text: str) -> None:
    """Operations, principals, constraints and tokens that cannot be; nothing is made."""
    given = {"KeyId": key["KeyId"], "GranteePrincipal": ADMIN, "Operations": ["Decrypt"], **parameters}
    refused = refusal(alice.create_grant, **given)
    assert refused[0] == code
    assert refused[1].startswith(text)
    assert listed(alice, "list_grants", KeyId=key["KeyId"]) == []


def test_the_widest_constraint(alice: Any, key: dict[str, Any]) -> None:
    """Eight pairs of 384 characters each."""
    pairs = {str(number): "x" * 384 for number in range(8)}
    create(alice, key, Constraints={"EncryptionContextEquals": pairs})
    (entry,) = listed(alice, "list_grants", KeyId=key["KeyId"])
    assert entry["Constraints"] == {"EncryptionContextEquals": pairs}


def test_what_the_model_refuses(server: Server, key: dict[str, Any]) -> None:
    """An operation that no grant can hold, and a name with blanks, in the model's words."""
    given = {"KeyId": key["KeyId"], "GranteePrincipal": ADMIN, "Operations": ["ScheduleKeyDeletion"], "Name": "a b"}
    error = error_of(unchecked(server, "CreateGrant", given))
    assert error["__type"] == "ValidationException"
    assert error["message"].startswith("2 validation errors detected: ")
    assert "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$" in error["message"]


def test_states(alice: Any, key: dict[str, Any]) -> None:
    """A disabled key takes no grants; a key in any state lists and loses those it has."""
    given = {"KeyId": key["KeyId"], "GranteePrincipal": ADMIN, "Operations": ["Decrypt"]}
    grants = [create(alice, key)["GrantId"] for _ in range(2)]
    alice.disable_key(KeyId=key["KeyId"])
    assert refusal(alice.create_grant, **given) == ("DisabledException", f"{key['Arn']} is disabled.")
    alice.revoke_grant(KeyId=key["KeyId"], GrantId=grants[0])
    alice.schedule_key_deletion(KeyId=key["KeyId"])
    text = f"{key['Arn']} is pending deletion."
    assert refusal(alice.create_grant, **given) == ("KMSInvalidStateException", text)
    assert [entry["GrantId"] for entry in listed(alice, "list_grants", KeyId=key["KeyId"])] == [grants[1]]
    alice.revoke_grant(KeyId=key["KeyId"], GrantId=grants[1])
