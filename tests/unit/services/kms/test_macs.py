"""GenerateMac and VerifyMac through the gate."""

import hmac
from base64 import b64decode, b64encode

import pytest

from harness.world import BOB_ACCOUNT, World

MESSAGE = b64encode(b"message").decode()
BITS = [224, 256, 384, 512]


@pytest.fixture
def world() -> World:
    return World()


def mac_key(world: World, bits: int = 256) -> dict[str, str]:
    key: dict[str, str] = world.make_key(KeySpec=f"HMAC_{bits}", KeyUsage="GENERATE_VERIFY_MAC")
    return key


@pytest.mark.parametrize("bits", BITS)
def test_every_algorithm(world: World, bits: int) -> None:
    """As long as the hash, the same each time, and accepted."""
    key = mac_key(world, bits)
    parameters = {"KeyId": key["KeyId"], "Message": MESSAGE, "MacAlgorithm": f"HMAC_SHA_{bits}"}
    made = world.call("GenerateMac", parameters)
    assert made.keys() == {"KeyId", "Mac", "MacAlgorithm"}
    assert (made["KeyId"], made["MacAlgorithm"]) == (key["Arn"], f"HMAC_SHA_{bits}")
    assert len(b64decode(made["Mac"])) * 8 == bits
    assert hmac.compare_digest(made["Mac"], world.call("GenerateMac", parameters)["Mac"])
    assert world.call("VerifyMac", {**parameters, "Mac": made["Mac"]}) == {
        "KeyId": key["Arn"],
        "MacValid": True,
        "MacAlgorithm": f"HMAC_SHA_{bits}",
    }


def test_a_wrong_mac(world: World) -> None:
    """Changed in any byte, cut, longer, or of another key: one error without a message."""
    key, other = mac_key(world), mac_key(world)
    parameters = {"KeyId": key["KeyId"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    mac = b64decode(world.call("GenerateMac", parameters)["Mac"])
    wrong = [bytes([*mac[:place], mac[place] ^ 1, *mac[place + 1 :]]) for place in range(len(mac))]
    for given in (*wrong, mac[:-1], mac[:1], mac + b"\0"):
        refusal = world.refusal("VerifyMac", {**parameters, "Mac": b64encode(given).decode()})
        assert refusal == ("KMSInvalidMacException", None)
    good = b64encode(mac).decode()
    for changed in ({"KeyId": other["KeyId"]}, {"Message": "AAAA"}):
        assert world.refusal("VerifyMac", {**parameters, "Mac": good, **changed}) == ("KMSInvalidMacException", None)


@pytest.mark.parametrize("operation", ["GenerateMac", "VerifyMac"])
def test_the_algorithm_is_the_specs(world: World, operation: str) -> None:
    """In AWS's words."""
    parameters = {"KeyId": mac_key(world, 224)["KeyId"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    more = {"Mac": "AA=="} if operation == "VerifyMac" else {}
    assert world.refusal(operation, {**parameters, **more}) == (
        "InvalidKeyUsageException",
        "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224.",
    )


def test_the_record(world: World) -> None:
    """Key and algorithm; neither message nor MAC."""
    key = mac_key(world)
    parameters = {"KeyId": key["KeyId"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    world.call("VerifyMac", {**parameters, "Mac": world.call("GenerateMac", parameters)["Mac"]})
    assert world.record()["requestParameters"] == {"keyId": key["KeyId"], "macAlgorithm": "HMAC_SHA_256"}


def test_a_key_of_another_usage(world: World) -> None:
    """The usage is named, with the operation."""
    key = world.make_key()
    parameters = {"KeyId": key["KeyId"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    for operation, more in (("GenerateMac", {}), ("VerifyMac", {"Mac": "AA=="})):
        assert world.refusal(operation, {**parameters, **more}) == (
            "InvalidKeyUsageException",
            f"{key['Arn']} key usage is ENCRYPT_DECRYPT which is not valid for {operation}.",
        )


def test_sizes(world: World) -> None:
    """A message of 4,096 bytes is taken, one of 4,097 and none are refused."""
    common = {"KeyId": mac_key(world)["KeyId"], "MacAlgorithm": "HMAC_SHA_256"}
    world.call("GenerateMac", {**common, "Message": b64encode(bytes(4096)).decode()})
    for size in (0, 4097):
        refusal = world.refusal("GenerateMac", {**common, "Message": b64encode(bytes(size)).decode()})
        assert refusal[0] == "ValidationException"


def test_a_dry_run(world: World) -> None:
    """Fails because it was one, and VerifyMac as the call would for a wrong MAC."""
    parameters = {"KeyId": mac_key(world)["KeyId"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256", "DryRun": True}
    assert world.refusal("GenerateMac", parameters)[0] == "DryRunOperationException"
    good = world.call("GenerateMac", {**parameters, "DryRun": False})["Mac"]
    assert world.refusal("VerifyMac", {**parameters, "Mac": good})[0] == "DryRunOperationException"
    assert world.refusal("VerifyMac", {**parameters, "Mac": "AA=="})[0] == "KMSInvalidMacException"


def test_another_account_makes_no_mac(world: World) -> None:
    """Without a word in the key policy."""
    parameters = {"KeyId": mac_key(world)["Arn"], "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
    assert world.refusal("GenerateMac", parameters, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
