"""boto3: multi-Region keys, over sockets, with two workers and a keeper of their own."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any, Final

import pytest

from harness.calls import fields, make_key, refusal
from harness.server import ALICE_ACCOUNT, Server

# Nothing else in this folder uses these Regions.
HERE: Final = "ap-south-1"
THERE: Final = "ap-south-2"
SETTLED_SECONDS_MAX: Final = 10.0

Clients = Mapping[str, Any]


@pytest.fixture(scope="module")
def clients(server: Server) -> Iterator[Clients]:
    """A client for each of the two Regions."""
    with ExitStack() as stack:
        yield {region: stack.enter_context(closing(server.client(region=region))) for region in (HERE, THERE)}


def arn(region: str, key_id: str) -> str:
    return f"arn:aws:kms:{region}:{ALICE_ACCOUNT}:key/{key_id}"


def settled(kms: Any, key_id: str) -> dict[str, Any]:
    """Its KeyMetadata as soon as it is in no transient state any more, as clients wait for it."""
    deadline = time.monotonic() + SETTLED_SECONDS_MAX
    while True:
        metadata: dict[str, Any] = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        if metadata["KeyState"] not in ("Creating", "Updating"):
            return metadata
        assert time.monotonic() < deadline
        # Nothing tells a client: it asks again.
        time.sleep(0.05)


@pytest.fixture
def key_id(clients: Clients) -> str:
    """A primary key HERE with a replica key THERE, both Enabled."""
    made: str = make_key(clients[HERE], MultiRegion=True)["KeyId"]
    clients[HERE].replicate_key(KeyId=made, ReplicaRegion=THERE)
    assert settled(clients[THERE], made)["KeyState"] == "Enabled"
    return made


def test_replicate_key(clients: Clients) -> None:
    """The answer, and what becomes of it within seconds."""
    key = make_key(clients[HERE], MultiRegion=True, Description="primary")
    tags = [{"TagKey": "a", "TagValue": "b"}]
    answer = fields(clients[HERE].replicate_key(KeyId=key["KeyId"], ReplicaRegion=THERE, Tags=tags))
    assert answer.keys() == {"ReplicaKeyMetadata", "ReplicaPolicy", "ReplicaTags"}
    assert answer["ReplicaTags"] == tags
    metadata = answer["ReplicaKeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"], metadata["Description"]) == ("Creating", False, "")
    assert "CurrentKeyMaterialId" not in metadata
    after = settled(clients[THERE], key["KeyId"])
    assert after == {
        **metadata,
        "KeyState": "Enabled",
        "Enabled": True,
        "CurrentKeyMaterialId": key["CurrentKeyMaterialId"],
    }
    assert after["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "REPLICA",
        "PrimaryKey": {"Arn": arn(HERE, key["KeyId"]), "Region": HERE},
        "ReplicaKeys": [{"Arn": arn(THERE, key["KeyId"]), "Region": THERE}],
    }


def test_a_blob_opens_in_both_regions(clients: Clients, key_id: str) -> None:
    """Before and after a rotation, whichever Region made it."""
    blobs = [kms.encrypt(KeyId=key_id, Plaintext=b"old")["CiphertextBlob"] for kms in clients.values()]
    clients[HERE].rotate_key_on_demand(KeyId=key_id)
    blobs += [kms.encrypt(KeyId=key_id, Plaintext=b"new")["CiphertextBlob"] for kms in clients.values()]
    for region, kms in clients.items():
        answers = [kms.decrypt(CiphertextBlob=blob) for blob in blobs]
        assert [answer["Plaintext"] for answer in answers] == [b"old", b"old", b"new", b"new"]
        assert {answer["KeyId"] for answer in answers} == {arn(region, key_id)}
    rotations = [kms.list_key_rotations(KeyId=key_id)["Rotations"][0]["KeyMaterialId"] for kms in clients.values()]
    assert len(set(rotations)) == 1


def test_the_primary_region_moves(clients: Clients, key_id: str) -> None:
    """Both keys encrypt all the while; afterwards the other one is replicated and rotated."""
    clients[HERE].update_primary_region(KeyId=key_id, PrimaryRegion=THERE)
    for region, kms in clients.items():
        blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["KeyId"] == arn(region, key_id)
    for kms in clients.values():
        assert settled(kms, key_id)["MultiRegionConfiguration"]["PrimaryKey"]["Region"] == THERE
    clients[THERE].rotate_key_on_demand(KeyId=key_id)
    expected = ("UnsupportedOperationException", f"{arn(HERE, key_id)} is not a multi-region primary key.")
    assert refusal(clients[HERE].rotate_key_on_demand, KeyId=key_id) == expected
    assert refusal(clients[HERE].replicate_key, KeyId=key_id, ReplicaRegion="ap-east-1") == expected


def test_deletion(clients: Clients, key_id: str) -> None:
    """A primary key waits for its replica key, and may be taken back."""
    answer = fields(clients[HERE].schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7))
    assert answer == {"KeyId": arn(HERE, key_id), "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": 7}
    metadata = clients[HERE].describe_key(KeyId=key_id)["KeyMetadata"]
    assert metadata["PendingDeletionWindowInDays"] == 7
    clients[HERE].cancel_key_deletion(KeyId=key_id)
    assert clients[HERE].describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"
    assert clients[THERE].describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"


def test_refusals(clients: Clients, key_id: str) -> None:
    """Codes that botocore knows."""
    replicate = clients[HERE].replicate_key
    assert refusal(replicate, KeyId=key_id, ReplicaRegion=THERE)[0] == "AlreadyExistsException"
    assert refusal(replicate, KeyId=key_id, ReplicaRegion="moon-east-1")[0] == "ValidationException"
    single = make_key(clients[HERE])["KeyId"]
    assert refusal(replicate, KeyId=single, ReplicaRegion=THERE)[0] == "UnsupportedOperationException"
