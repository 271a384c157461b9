"""ListGrants, ListRetirableGrants."""

import json
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.arns import root_arn, user_arn
from selfkms.domain.iam.principals import User
from selfkms.domain.kms.grants import Grant, GrantConstraints
from selfkms.domain.records import Put, Remove

ADMIN = user_arn(ALICE_ACCOUNT, "/", "admin")
BOB = user_arn(BOB_ACCOUNT, "/", "admin")
SERVICE = "ec2.us-east-1.amazonaws.com"
SOURCE = f"arn:aws:ec2:{REGION}:{ALICE_ACCOUNT}:volume/vol-1"


@pytest.fixture
def key_id(world: World) -> str:
    """A new symmetric KMS key."""
    made: str = world.make_key()["KeyId"]
    return made


def give_grants(world: World, key_id: str, count: int, *, account_id: str = ALICE_ACCOUNT, **fields: Any) -> list[str]:
    """Grants as if they had been made one by one; their IDs, in order. Those of several calls lie among each other."""
    grants = [
        Grant(
            account_id=account_id,
            region=REGION,
            key_id=key_id,
            grant_id=f"{number:032x}{world.entropy.random_bytes(16).hex()}",
            created_at=1.0,
            grantee=fields.get("grantee", ADMIN),
            retiring=fields.get("retiring"),
            issuing_account=root_arn(account_id),
            operations=("Decrypt",),
        )
        for number in range(count)
    ]
    world.database.commit([Put(grant) for grant in grants])
    return [grant.grant_id for grant in grants]


def listed(world: World, operation: str, *, by: str = ALICE_ACCOUNT, **parameters: Any) -> list[str]:
    """Grant IDs of all pages."""
    found: list[str] = []
    marker: dict[str, str] = {}
    while True:
        answer = world.call(operation, {**parameters, **marker}, by=by)
        found += [entry["GrantId"] for entry in answer["Grants"]]
        if not answer["Truncated"]:
            assert "NextMarker" not in answer
            return found
        marker = {"Marker": answer["NextMarker"]}


class TestEntries:
    """What a listing says of a grant."""

    def test_a_plain_grant(self, world: World) -> None:
        """The key ARN, an empty name, the account that issued it; nothing that the grant does not have; no token."""
        key = world.make_key()
        world.clock.seconds += 1.5
        parameters = {"KeyId": key["KeyId"], "GranteePrincipal": ADMIN, "Operations": ["Encrypt", "Decrypt"]}
        grant_id = world.call("CreateGrant", parameters)["GrantId"]
        assert world.call("ListGrants", {"KeyId": key["KeyId"]}) == {
            "Grants": [
                {
                    "KeyId": key["Arn"],
                    "GrantId": grant_id,
                    "Name": "",
                    "CreationDate": world.clock.now(),
                    "GranteePrincipal": ADMIN,
                    "IssuingAccount": root_arn(ALICE_ACCOUNT),
                    "Operations": ["Encrypt", "Decrypt"],
                }
            ],
            "Truncated": False,
        }

    def test_everything_a_grant_may_have(self, world: World, key_id: str) -> None:
        """Name, retiring principal and constraints, as they were given."""
        given = {
            "Name": "n",
            "RetiringPrincipal": root_arn(BOB_ACCOUNT),
            "Constraints": {"EncryptionContextEquals": {"Department": "IT"}, "SourceArn": SOURCE},
        }
        parameters = {"KeyId": key_id, "GranteePrincipal": ADMIN, "Operations": ["Decrypt"], **given}
        world.call("CreateGrant", parameters)
        (entry,) = world.call("ListGrants", {"KeyId": key_id})["Grants"]
        assert {name: entry[name] for name in given} == given

    def test_services_have_members_of_their_own(self, world: World, key_id: str) -> None:
        """A grantee that is a service stands under GranteeServicePrincipal alone."""
        parameters = {
            "KeyId": key_id,
            "GranteeServicePrincipal": SERVICE,
            "RetiringServicePrincipal": SERVICE,
            "Operations": ["Decrypt"],
            "Constraints": {"SourceArn": SOURCE},
        }
        world.call("CreateGrant", parameters)
        (entry,) = world.call("ListGrants", {"KeyId": key_id})["Grants"]
        assert (entry["GranteeServicePrincipal"], entry["RetiringServicePrincipal"]) == (SERVICE, SERVICE)
        assert not entry.keys() & {"GranteePrincipal", "RetiringPrincipal"}

    def test_who_is_gone_is_shown_by_id(self, world: World, key_id: str) -> None:
        """Grants of a deleted user stay, under the unique ID."""
        user = User(account_id=ALICE_ACCOUNT, created_at=0.0, user_name="U", user_id="AIDAONE")
        world.database.commit([Put(user)])
        parameters = {"KeyId": key_id, "GranteePrincipal": user.arn, "RetiringPrincipal": user.arn}
        world.call("CreateGrant", {**parameters, "Operations": ["Decrypt"]})
        world.database.commit([Remove(user.changed(row_version=1))])
        (entry,) = world.call("ListGrants", {"KeyId": key_id})["Grants"]
        assert (entry["GranteePrincipal"], entry["RetiringPrincipal"]) == ("AIDAONE", "AIDAONE")


class TestListGrants:
    """The grants of one KMS key."""

    def test_of_this_key_alone(self, world: World) -> None:
        """Key ID and key ARN; a key without grants has an empty list."""
        first, second, third = (world.make_key() for _ in range(3))
        mine, other = give_grants(world, first["KeyId"], 2), give_grants(world, second["KeyId"], 1)
        assert listed(world, "ListGrants", KeyId=first["Arn"]) == mine
        assert listed(world, "ListGrants", KeyId=second["KeyId"]) == other
        assert listed(world, "ListGrants", KeyId=third["KeyId"]) == []

    @pytest.mark.parametrize(("limit", "pages"), [(None, [50, 50, 20]), (100, [100, 20]), (1_000, [100, 20])])
    def test_pages(self, world: World, key_id: str, limit: int | None, pages: list[int]) -> None:
        """50 entries unless the request says so, never more than 100; all of them, each once."""
        given = give_grants(world, key_id, 120)
        parameters: dict[str, Any] = {"KeyId": key_id, **({"Limit": limit} if limit else {})}
        sizes, found = [], []
        while True:
            answer = world.call("ListGrants", parameters)
            sizes.append(len(answer["Grants"]))
            found += [entry["GrantId"] for entry in answer["Grants"]]
            if not answer["Truncated"]:
                break
            parameters["Marker"] = answer["NextMarker"]
        assert (sizes, found) == (pages, given)

    def test_filters(self, world: World, key_id: str) -> None:
        """By grant ID, by grantee, by both; each page by page."""
        mine = give_grants(world, key_id, 5)
        his = give_grants(world, key_id, 5, grantee=BOB)
        assert listed(world, "ListGrants", KeyId=key_id, GrantId=his[1]) == [his[1]]
        assert listed(world, "ListGrants", KeyId=key_id, GranteePrincipal=BOB, Limit=2) == his
        assert listed(world, "ListGrants", KeyId=key_id, GranteePrincipal=ADMIN, Limit=2) == mine
        assert listed(world, "ListGrants", KeyId=key_id, GranteePrincipal=ADMIN, GrantId=mine[0]) == [mine[0]]
        assert listed(world, "ListGrants", KeyId=key_id, GranteePrincipal=ADMIN, GrantId=his[0]) == []
        assert listed(world, "ListGrants", KeyId=key_id, GranteePrincipal=root_arn(ALICE_ACCOUNT)) == []
        assert listed(world, "ListGrants", KeyId=key_id, GrantId="0" * 64) == []

    def test_the_filter_for_services(self, world: World, key_id: str) -> None:
        """GranteeServicePrincipal finds the grants of a service."""
        give_grants(world, key_id, 2)
        service = give_grants(world, key_id, 2, grantee=SERVICE)
        assert listed(world, "ListGrants", KeyId=key_id, GranteeServicePrincipal=SERVICE) == service

    def test_filters_that_cannot_be(self, world: World, key_id: str) -> None:
        """Another form of ARN or grant ID, and two grantees."""

        def refusal(**parameters: Any) -> tuple[str, str | None]:
            return world.refusal("ListGrants", {"KeyId": key_id, **parameters})

        text = "ARN does not refer to a valid principal: admin"
        assert refusal(GranteePrincipal="admin") == ("InvalidArnException", text)
        assert refusal(GrantId="abc") == ("InvalidGrantIdException", "Invalid grantId 'abc'")
        text = "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both."
        both = {"GranteePrincipal": ADMIN, "GranteeServicePrincipal": SERVICE}
        assert refusal(**both) == ("ValidationException", text)

    def test_a_marker_is_worth_nothing_elsewhere(self, world: World, key_id: str) -> None:
        """On another key, with another filter, or in the other listing."""
        give_grants(world, key_id, 2, retiring=ADMIN)
        other = world.make_key()["KeyId"]
        marker = world.call("ListGrants", {"KeyId": key_id, "Limit": 1})["NextMarker"]
        for operation, parameters in (
            ("ListGrants", {"KeyId": other}),
            ("ListGrants", {"KeyId": key_id, "GranteePrincipal": ADMIN}),
            ("ListRetirableGrants", {"RetiringPrincipal": ADMIN}),
        ):
            refusal = world.refusal(operation, {**parameters, "Marker": marker})
            assert refusal == ("InvalidMarkerException", None)

    def test_of_a_key_of_another_account(self, world: World, key_id: str) -> None:
        """By its ARN, for whom both sides permit it."""
        given = give_grants(world, key_id, 1)
        document = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
                for root in (root_arn(ALICE_ACCOUNT), root_arn(BOB_ACCOUNT))
            ]
        }
        arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:key/{key_id}"
        code, _ = world.refusal("ListGrants", {"KeyId": arn}, by=BOB_ACCOUNT)
        assert code == "AccessDeniedException"
        world.call("PutKeyPolicy", {"KeyId": key_id, "Policy": json.dumps(document)})
        assert listed(world, "ListGrants", by=BOB_ACCOUNT, KeyId=arn) == given

    def test_audit(self, world: World, key_id: str) -> None:
        """Key, limit and marker; it only reads."""
        give_grants(world, key_id, 2)
        marker = world.call("ListGrants", {"KeyId": key_id, "Limit": 1})["NextMarker"]
        world.call("ListGrants", {"KeyId": key_id, "Limit": 1, "Marker": marker})
        record = world.record()
        assert record["requestParameters"] == {"keyId": key_id, "limit": 1, "marker": marker}
        assert (record["responseElements"], record["readOnly"]) == (None, True)
        assert record["resources"][0]["ARN"].endswith(key_id)


class TestListRetirableGrants:
    """What a principal of the caller's account may retire."""

    def test_on_all_keys_of_the_region(self, world: World) -> None:
        """Of all keys in this Region, for exactly this retiring principal, page by page and in one order."""
        first, second = (world.make_key()["KeyId"] for _ in range(2))
        found = give_grants(world, first, 4, retiring=ADMIN) + give_grants(world, second, 3, retiring=ADMIN)
        give_grants(world, first, 2)
        give_grants(world, first, 2, retiring=root_arn(ALICE_ACCOUNT))
        assert listed(world, "ListRetirableGrants", RetiringPrincipal=ADMIN, Limit=2) == sorted(found)
        answer = world.call("ListRetirableGrants", {"RetiringPrincipal": ADMIN}, region="eu-west-1")
        assert answer == {"Grants": [], "Truncated": False}

    def test_on_keys_of_other_accounts(self, world: World, key_id: str) -> None:
        """Whose keys they are does not matter, and no permission is needed there."""
        his = world.make_key(by=BOB_ACCOUNT)["KeyId"]
        found = give_grants(world, key_id, 3, retiring=ADMIN)
        found += give_grants(world, his, 3, account_id=BOB_ACCOUNT, retiring=ADMIN)
        assert listed(world, "ListRetirableGrants", RetiringPrincipal=ADMIN, Limit=2) == sorted(found)

    def test_of_nobody_elses_principals(self, world: World, key_id: str) -> None:
        """A principal of another account, and a service for those who are not that service."""
        give_grants(world, key_id, 1, retiring=BOB)
        for parameters, named in (
            ({"RetiringPrincipal": BOB}, BOB),
            ({"RetiringServicePrincipal": SERVICE}, SERVICE),
        ):
            code, text = world.refusal("ListRetirableGrants", parameters)
            assert code == "AccessDeniedException"
            assert text == (f"User: {ADMIN} is not authorized to perform: kms:ListRetirableGrants on resource: {named}")
        assert len(listed(world, "ListRetirableGrants", by=BOB_ACCOUNT, RetiringPrincipal=BOB)) == 1

    def test_parameters(self, world: World) -> None:
        """Exactly one retiring principal, of a form that grants know."""
        text = "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both."
        both = {"RetiringPrincipal": ADMIN, "RetiringServicePrincipal": SERVICE}
        for parameters in ({}, both):
            assert world.refusal("ListRetirableGrants", parameters) == ("ValidationException", text)
        refusal = world.refusal("ListRetirableGrants", {"RetiringPrincipal": "admin"})
        assert refusal == ("InvalidArnException", "ARN does not refer to a valid principal: admin")

    def test_audit(self, world: World) -> None:
        """The parameters; no key."""
        world.call("ListRetirableGrants", {"RetiringPrincipal": ADMIN, "Limit": 5})
        record = world.record()
        assert record["requestParameters"] == {"retiringPrincipal": ADMIN, "limit": 5}
        assert (record["responseElements"], record["readOnly"]) == (None, True)


def test_constraints_have_the_names_of_the_wire() -> None:
    """The members of the record are those of the API, so that nothing is lost in between."""
    assert set(GrantConstraints.__struct_encode_fields__) == {
        "EncryptionContextEquals",
        "EncryptionContextSubset",
        "SourceArn",
    }
