"""Multi-Region keys in a world: made, replicated, given material, and looked at in each of their Regions."""

from base64 import b64decode, b64encode
from typing import Any, Final

from harness.importer import LASTING, OAEP_256, wrap
from harness.world import ALICE_ACCOUNT, REGION, Refused, World
from selfkms.domain.kms.keys import KMSKey

EAST: Final = REGION
WEST: Final = "eu-west-1"
SOUTH: Final = "sa-east-1"


def related(world: World, *regions: str, **parameters: Any) -> str:
    """The ID of a multi-Region key whose primary key is in EAST, with replica keys that have settled."""
    key_id: str = world.make_key(MultiRegion=True, **parameters)["KeyId"]
    for region in regions:
        replicate(world, key_id, region)
    settle(world)
    return key_id


def replicate(world: World, key_id: str, region: str, *, primary: str = EAST, **parameters: Any) -> dict[str, Any]:
    """The answer of ReplicateKey."""
    return world.call("ReplicateKey", {"KeyId": key_id, "ReplicaRegion": region, **parameters}, region=primary)


def settle(world: World) -> None:
    """Let a second pass, and the keeper see it."""
    world.clock.seconds += 1
    world.upkeep.attend_due_keys()


def described_in(world: World, region: str, key_id: str) -> dict[str, Any]:
    """The KeyMetadata of a key in its Region."""
    metadata: dict[str, Any] = world.call("DescribeKey", {"KeyId": key_id}, region=region)["KeyMetadata"]
    return metadata


def state_in(world: World, region: str, key_id: str) -> str:
    """Its key state."""
    state: str = described_in(world, region, key_id)["KeyState"]
    return state


def stored_in(world: World, region: str, key_id: str) -> KMSKey:
    """Its record."""
    key = world.database.key(ALICE_ACCOUNT, region, key_id)
    assert key is not None
    return key


def encrypted_in(world: World, region: str, key_id: str, plaintext: bytes = b"text") -> str:
    """A blob."""
    parameters = {"KeyId": key_id, "Plaintext": b64encode(plaintext).decode()}
    blob: str = world.call("Encrypt", parameters, region=region)["CiphertextBlob"]
    return blob


def opened_in(world: World, region: str, blob: str) -> bytes:
    """What a blob holds."""
    return b64decode(world.call("Decrypt", {"CiphertextBlob": blob}, region=region)["Plaintext"])


def import_in(world: World, region: str, key_id: str, material: bytes, **parameters: Any) -> dict[str, Any]:
    """Import material that does not expire unless `ValidTo` is given."""
    asked = {"KeyId": key_id, "WrappingAlgorithm": OAEP_256, "WrappingKeySpec": "RSA_2048"}
    answer = world.call("GetParametersForImport", asked, region=region)
    wrapped = wrap(b64decode(answer["PublicKey"]), OAEP_256, material)
    request = {
        "KeyId": key_id,
        "ImportToken": answer["ImportToken"],
        "EncryptedKeyMaterial": b64encode(wrapped).decode(),
        **({} if "ValidTo" in parameters else LASTING),
        **parameters,
    }
    return world.call("ImportKeyMaterial", request, region=region)


def import_refusal(world: World, region: str, key_id: str, material: bytes, **parameters: Any) -> str:
    """The code of the error that answers an import."""
    try:
        answer = import_in(world, region, key_id, material, **parameters)
    except Refused as refused:
        return refused.code
    raise AssertionError(f"imported: {answer}")
