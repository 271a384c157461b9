"""boto3: one server has many Regions, and nothing of one is seen in another."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import pytest

from harness.calls import fields, make_key, refusal
from harness.server import ALICE_ACCOUNT, Server, running

# Nothing else in this folder uses these Regions, so that what is there can be counted.
WEST: Final = "us-west-2"
SOUTH: Final = "sa-east-1"

CIPHERTEXT_TEXT: Final = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
    "or you are not allowed to access."
)
NO_REGION: Final = ("InvalidSignatureException", "Credential should be scoped to a valid region. ")


@pytest.fixture(scope="module")
def clients(server: Server) -> Iterator[dict[str, Any]]:
    """A client for each of the two Regions, with the same credentials at the same endpoint."""
    with ExitStack() as stack:
        yield {region: stack.enter_context(closing(server.client(region=region))) for region in (WEST, SOUTH)}


def test_keys_and_aliases_are_seen_in_their_region_only(clients: dict[str, Any]) -> None:
    """Each Region lists its own, and may have the same alias for another key."""
    keys = {}
    for region, kms in clients.items():
        keys[region] = make_key(kms)
        assert keys[region]["Arn"] == f"arn:aws:kms:{region}:{ALICE_ACCOUNT}:key/{keys[region]['KeyId']}"
        kms.create_alias(AliasName="alias/everywhere", TargetKeyId=keys[region]["KeyId"])
    for region, kms in clients.items():
        assert [key["KeyId"] for key in kms.list_keys()["Keys"]] == [keys[region]["KeyId"]]
        assert [alias["AliasArn"] for alias in kms.list_aliases()["Aliases"]] == [
            f"arn:aws:kms:{region}:{ALICE_ACCOUNT}:alias/everywhere"
        ]
        assert kms.describe_key(KeyId="alias/everywhere")["KeyMetadata"] == keys[region]


def test_a_key_is_not_found_from_another_region(clients: dict[str, Any]) -> None:
    """Neither by its ID, which is looked for here, nor by its ARN, which says where it is."""
    west, south = clients[WEST], clients[SOUTH]
    key = make_key(west)
    here = f"arn:aws:kms:{SOUTH}:{ALICE_ACCOUNT}:key/{key['KeyId']}"
    for call, parameters in (
        (south.describe_key, {}),
        (south.disable_key, {}),
        (south.encrypt, {"Plaintext": b"x"}),
        (south.generate_data_key, {"KeySpec": "AES_256"}),
        (south.schedule_key_deletion, {}),
    ):
        assert refusal(call, KeyId=key["KeyId"], **parameters) == ("NotFoundException", f"Key '{here}' does not exist")
        assert refusal(call, KeyId=key["Arn"], **parameters) == ("NotFoundException", f"Invalid arn {WEST}")
    assert refusal(south.create_alias, AliasName="alias/across", TargetKeyId=key["Arn"])[0] == "NotFoundException"
    assert west.describe_key(KeyId=key["KeyId"])["KeyMetadata"] == key


def test_a_blob_does_not_open_in_another_region(clients: dict[str, Any]) -> None:
    """The words are those for a key that does not exist."""
    west, south = clients[WEST], clients[SOUTH]
    key, other = make_key(west), make_key(south)
    blob = west.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    expected = ("AccessDeniedException", CIPHERTEXT_TEXT)
    assert refusal(south.decrypt, CiphertextBlob=blob) == expected
    assert refusal(south.re_encrypt, CiphertextBlob=blob, DestinationKeyId=other["KeyId"]) == expected
    assert refusal(south.decrypt, CiphertextBlob=blob, KeyId=other["KeyId"])[0] == "IncorrectKeyException"
    assert west.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_region_that_does_not_exist(server: Server) -> None:
    """Nor one of another partition."""
    for region in ("moon-east-1", "us-east-11", "cn-north-1", "us-gov-west-1"):
        with closing(server.client(region=region)) as kms:
            assert refusal(kms.list_keys) == NO_REGION
            assert refusal(kms.create_key) == NO_REGION


def test_regions_may_be_chosen(data_dir: Path) -> None:
    """With the setting `regions` there are no others."""
    with running(data_dir, "--set", "regions=eu-central-1,eu-west-1") as server:
        for region in ("eu-central-1", "eu-west-1"):
            with closing(server.client(region=region)) as kms:
                assert fields(kms.list_keys()) == {"Keys": [], "Truncated": False}
        with closing(server.client(region="us-east-1")) as kms:
            assert refusal(kms.list_keys) == NO_REGION
