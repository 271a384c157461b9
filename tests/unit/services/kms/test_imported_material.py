"""Imported key material through the gate: empty keys, tokens, and what is imported or refused."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness.importer import (
    FIRST,
    KEY_WRAP_256,
    LASTING,
    OAEP_256,
    SECOND,
    TEXT,
    WRAPPING_ALGORITHMS,
    described,
    empty_key,
    encrypted,
    full_key,
    import_into,
    one_pair,
    opens,
    parameters_for_import,
    state_of,
    wrap,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.kms.keys import KeySpec, KMSKey
from selfkms.domain.secrets import SECRET_ACCESS

DAY: Final = 86_400.0
NO_MESSAGE: Final = None
HMAC: Final = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(RSAKeyPair, "generate", one_pair)
    return World()


def stored(world: World, key_id: str) -> KMSKey:
    key = world.database.key(ALICE_ACCOUNT, REGION, key_id)
    assert key is not None
    return key


def private_key(key_spec: str) -> tuple[bytes, bytes]:
    """A new private key of the importer's, PKCS#8, and its public key, both in DER."""
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    if key_spec.startswith("RSA"):
        pair = one_pair(KeySpec(key_spec))
        return pair.pkcs8().open(SECRET_ACCESS), pair.public_key()
    curves: Mapping[str, ec.EllipticCurve] = {
        "ECC_NIST_P256": ec.SECP256R1(),
        "ECC_NIST_P521": ec.SECP521R1(),
        "ECC_SECG_P256K1": ec.SECP256K1(),
    }
    key = ec.generate_private_key(curves[key_spec]) if key_spec in curves else ed25519.Ed25519PrivateKey.generate()
    return (
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


class TestNewKey:
    """A key of origin EXTERNAL before anything is imported."""

    def test_its_metadata(self, world: World) -> None:
        """Pending import: no material, no expiration model."""
        key = empty_key(world)
        assert (key["KeyState"], key["Enabled"], key["Origin"]) == ("PendingImport", False, "EXTERNAL")
        assert key["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
        assert not key.keys() & {"CurrentKeyMaterialId", "ExpirationModel", "ValidTo"}
        assert described(world, key["KeyId"]) == key

    @pytest.mark.parametrize(
        ("operation", "parameters"),
        [
            ("Encrypt", {"Plaintext": TEXT}),
            ("GenerateDataKey", {"KeySpec": "AES_256"}),
            ("RotateKeyOnDemand", {}),
            ("EnableKey", {}),
            ("DisableKey", {}),
        ],
    )
    def test_it_is_pending_import(self, world: World, operation: str, parameters: dict[str, Any]) -> None:
        """Nothing uses it, and nothing enables it but material."""
        key = empty_key(world)
        expected = ("KMSInvalidStateException", f"{key['Arn']} is pending import.")
        assert world.refusal(operation, {"KeyId": key["KeyId"], **parameters}) == expected

    def test_its_end_cancelled_is_no_way_to_enable_it(self, world: World) -> None:
        """After CancelKeyDeletion it is pending import again, and EnableKey is refused."""
        key = empty_key(world)
        world.call("ScheduleKeyDeletion", {"KeyId": key["KeyId"]})
        world.call("CancelKeyDeletion", {"KeyId": key["KeyId"]})
        assert state_of(world, key["KeyId"]) == "PendingImport"
        expected = ("KMSInvalidStateException", f"{key['Arn']} is pending import.")
        assert world.refusal("EnableKey", {"KeyId": key["KeyId"]}) == expected

    def test_it_ends(self, world: World) -> None:
        """A key without material ends like any other."""
        key_id = empty_key(world)["KeyId"]
        world.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
        world.clock.seconds += 7 * DAY
        assert world.upkeep.attend_due_keys() == 1
        assert world.refusal("DescribeKey", {"KeyId": key_id})[0] == "NotFoundException"

    @pytest.mark.parametrize("operation", ["EnableKeyRotation", "DisableKeyRotation"])
    def test_it_does_not_rotate_by_itself(self, world: World, operation: str) -> None:
        """The text names the origin."""
        key = full_key(world)
        text = f"{key['Arn']} origin is EXTERNAL which is not valid for this operation."
        assert world.refusal(operation, {"KeyId": key["KeyId"]}) == ("UnsupportedOperationException", text)


class TestParameters:
    """GetParametersForImport."""

    def test_the_answer(self, world: World) -> None:
        """Key ARN, a public key, a token, and the moment 24 hours from now; nothing is written."""
        key = empty_key(world)
        wanted = {"KeyId": key["KeyId"], "WrappingAlgorithm": OAEP_256, "WrappingKeySpec": "RSA_2048"}
        before = len(world.committed_records())
        answer = world.call("GetParametersForImport", wanted)
        assert answer.keys() == {"KeyId", "ImportToken", "PublicKey", "ParametersValidTo"}
        assert answer["KeyId"] == key["Arn"]
        assert answer["ParametersValidTo"] == world.clock.now() + DAY
        assert b64decode(answer["PublicKey"]) == one_pair(KeySpec.RSA_2048).public_key()
        assert len(world.committed_records()) == before

    @pytest.mark.parametrize("wrapping_key_spec", ["RSA_2048", "RSA_3072", "RSA_4096"])
    def test_tokens_fit_the_model(self, world: World, wrapping_key_spec: str) -> None:
        """At most 6,144 bytes, though they hold a private key, which is not to be seen in them."""
        key_id = empty_key(world)["KeyId"]
        wanted = {"KeyId": key_id, "WrappingAlgorithm": KEY_WRAP_256, "WrappingKeySpec": wrapping_key_spec}
        token = b64decode(world.call("GetParametersForImport", wanted)["ImportToken"])
        assert len(token) <= 6_144
        private = one_pair(KeySpec(wrapping_key_spec)).pkcs8().open(SECRET_ACCESS)
        assert private[40:60] not in token
        assert b"111122223333" not in token

    def test_other_origins(self, world: World) -> None:
        """A key with material of our own takes no other."""
        key = world.make_key()
        text = f"{key['Arn']} origin is AWS_KMS which is not valid for this operation."
        for operation, parameters in (
            ("GetParametersForImport", {"WrappingAlgorithm": OAEP_256, "WrappingKeySpec": "RSA_2048"}),
            ("ImportKeyMaterial", {"ImportToken": TEXT, "EncryptedKeyMaterial": TEXT, **LASTING}),
            ("DeleteImportedKeyMaterial", {}),
        ):
            refusal = world.refusal(operation, {"KeyId": key["KeyId"], **parameters})
            assert refusal == ("UnsupportedOperationException", text)

    @pytest.mark.parametrize(
        ("kind", "algorithm", "wrapping_key_spec", "text"),
        [
            (
                {},
                "RSAES_PKCS1_V1_5",
                "RSA_2048",
                (
                    "AWS KMS stopped supporting the RSAES_PKCS1_V1_5 wrapping algorithm on October 10, 2023. "
                    "Use RSA_AES_KEY_WRAP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, RSAES_OAEP_SHA_1 or RSAES_OAEP_SHA_256."
                ),
            ),
            ({}, "SM2PKE", "SM2", "WrappingAlgorithm SM2PKE is not supported in this Region"),
            ({}, OAEP_256, "SM2", "WrappingKeySpec SM2 is not supported in this Region"),
            (
                {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
                OAEP_256,
                "RSA_4096",
                (
                    "WrappingAlgorithm RSAES_OAEP_SHA_256 is not supported for RSA_2048 key. "
                    "Supported values are: RSA_AES_KEY_WRAP_SHA_1 and RSA_AES_KEY_WRAP_SHA_256."
                ),
            ),
            (
                {"KeySpec": "ECC_NIST_P521", "KeyUsage": "SIGN_VERIFY"},
                OAEP_256,
                "RSA_2048",
                (
                    "WrappingAlgorithm RSAES_OAEP_SHA_256 with WrappingKeySpec RSA_2048 is not supported for "
                    "ECC_NIST_P521 key."
                ),
            ),
        ],
    )
    def test_ways_of_wrapping_that_are_not_offered(
        self, world: World, kind: dict[str, str], algorithm: str, wrapping_key_spec: str, text: str
    ) -> None:
        """Refused before a wrapping key is made."""
        key_id = empty_key(world, **kind)["KeyId"]
        wanted = {"KeyId": key_id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": wrapping_key_spec}
        assert world.refusal("GetParametersForImport", wanted) == ("UnsupportedOperationException", text)

    def test_nobody_without_permission(self, world: World) -> None:
        """Another account's key does not exist for these operations."""
        key_id = full_key(world)["Arn"]
        wanted = {"KeyId": key_id, "WrappingAlgorithm": OAEP_256, "WrappingKeySpec": "RSA_2048"}
        assert world.refusal("GetParametersForImport", wanted, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
        assert world.refusal("DeleteImportedKeyMaterial", {"KeyId": key_id}, by=BOB_ACCOUNT)[0] == (
            "AccessDeniedException"
        )


class TestImport:
    """ImportKeyMaterial."""

    @pytest.mark.parametrize("algorithm", WRAPPING_ALGORITHMS)
    def test_symmetric(self, world: World, algorithm: str) -> None:
        """The key is enabled and works; the answer is key ARN and material ID."""
        key = empty_key(world)
        answer = import_into(world, key["KeyId"], FIRST, algorithm=algorithm)
        assert answer == {"KeyId": key["Arn"], "KeyMaterialId": answer["KeyMaterialId"]}
        assert len(bytes.fromhex(answer["KeyMaterialId"])) == 32
        metadata = described(world, key["KeyId"])
        assert (metadata["KeyState"], metadata["Enabled"]) == ("Enabled", True)
        assert metadata["CurrentKeyMaterialId"] == answer["KeyMaterialId"]
        assert metadata["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
        assert "ValidTo" not in metadata
        blob = encrypted(world, key["KeyId"])
        assert opens(world, blob)

    def test_hmac(self, world: World) -> None:
        """Two keys with the same material give the same MACs; neither tells a material ID."""
        first, second = (empty_key(world, **HMAC)["KeyId"] for _ in range(2))
        parameters = {"Message": TEXT, "MacAlgorithm": "HMAC_SHA_256"}
        macs = set()
        for key_id in (first, second):
            answer = import_into(world, key_id, FIRST)
            assert answer.keys() == {"KeyId"}
            macs.add(world.call("GenerateMac", {"KeyId": key_id, **parameters})["Mac"])
        assert len(macs) == 1
        metadata = described(world, first)
        assert metadata["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
        assert "CurrentKeyMaterialId" not in metadata

    @pytest.mark.parametrize(
        "key_spec", ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"]
    )
    def test_asymmetric(self, world: World, key_spec: str) -> None:
        """The public key is the one of the importer's private key; again only the same key comes in."""
        key_id = empty_key(world, KeySpec=key_spec, KeyUsage="SIGN_VERIFY")["KeyId"]
        private, public = private_key(key_spec)
        assert import_into(world, key_id, private, algorithm=KEY_WRAP_256).keys() == {"KeyId"}
        assert b64decode(world.call("GetPublicKey", {"KeyId": key_id})["PublicKey"]) == public
        assert import_into(world, key_id, private, algorithm=KEY_WRAP_256).keys() == {"KeyId"}
        if key_spec != "RSA_2048":
            parameters = parameters_for_import(world, key_id, private_key(key_spec)[0], KEY_WRAP_256)
            assert world.refusal("ImportKeyMaterial", parameters | LASTING)[0] == "IncorrectKeyMaterialException"

    @pytest.mark.parametrize(
        ("kind", "material"),
        [
            ({}, bytes(31)),
            ({}, bytes(33)),
            ({}, bytes(16)),
            (HMAC, bytes(31)),
            ({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}, bytes(32)),
        ],
    )
    def test_material_of_another_kind(self, world: World, kind: dict[str, str], material: bytes) -> None:
        """It unwraps, and is not what the key spec asks for; the key stays as it was."""
        key_id = empty_key(world, **kind)["KeyId"]
        parameters = parameters_for_import(world, key_id, material) | LASTING
        assert world.refusal("ImportKeyMaterial", parameters) == ("IncorrectKeyMaterialException", NO_MESSAGE)
        assert state_of(world, key_id) == "PendingImport"
        assert stored(world, key_id).materials == ()

    def test_what_does_not_unwrap(self, world: World) -> None:
        """Garbage, a cut and another algorithm: one answer for all."""
        key_id = empty_key(world)["KeyId"]
        parameters = parameters_for_import(world, key_id, FIRST) | LASTING
        wrapped = b64decode(parameters["EncryptedKeyMaterial"])
        other = wrap(one_pair(KeySpec.RSA_2048).public_key(), "RSAES_OAEP_SHA_1", FIRST)
        for wrong in (wrapped[:-1], wrapped[:-1] + bytes([wrapped[-1] ^ 1]), other, b"x", bytes(6_144)):
            given = parameters | {"EncryptedKeyMaterial": b64encode(wrong).decode()}
            assert world.refusal("ImportKeyMaterial", given) == ("InvalidCiphertextException", NO_MESSAGE)

    def test_tokens_are_for_one_key(self, world: World) -> None:
        """Neither another key's, nor a changed one, nor anything else of ours."""
        one, other = empty_key(world)["KeyId"], empty_key(world)["KeyId"]
        parameters = parameters_for_import(world, one, FIRST) | LASTING
        token = b64decode(parameters["ImportToken"])
        blob = b64decode(encrypted(world, full_key(world)["KeyId"]))
        refused = ("InvalidImportTokenException", NO_MESSAGE)
        assert world.refusal("ImportKeyMaterial", parameters | {"KeyId": other}) == refused
        for wrong in (token[:-1], token + b"\0", b"\0" + token[1:], token[:50], b"x", blob):
            given = parameters | {"ImportToken": b64encode(wrong).decode()}
            assert world.refusal("ImportKeyMaterial", given) == refused
        world.call("ImportKeyMaterial", parameters)

    def test_tokens_are_valid_for_24_hours(self, world: World) -> None:
        """Until then as often as one likes, from then on not at all."""
        key_id = empty_key(world)["KeyId"]
        parameters = parameters_for_import(world, key_id, FIRST) | LASTING
        world.clock.seconds += DAY - 0.001
        for _ in range(2):
            world.call("ImportKeyMaterial", parameters)
        world.clock.seconds += 0.001
        assert world.refusal("ImportKeyMaterial", parameters) == ("ExpiredImportTokenException", NO_MESSAGE)

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({}, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"),
            (
                {"ExpirationModel": "KEY_MATERIAL_EXPIRES"},
                "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
            ),
            (
                {**LASTING, "ValidTo": 1_790_000_100.0},
                (
                    "The parameter ValidTo cannot be specified for a key with an expiration model of "
                    "KEY_MATERIAL_DOES_NOT_EXPIRE"
                ),
            ),
            ({"ValidTo": 1_790_000_000.0}, "ValidTo must be in the future"),
            ({"ValidTo": 1_790_000_001.0 + 365 * DAY}, "ValidTo must be at most 365 days from now"),
        ],
    )
    def test_dates_of_expiry(self, world: World, given: dict[str, Any], text: str) -> None:
        """Refused, and the token survives it."""
        key_id = empty_key(world)["KeyId"]
        parameters = parameters_for_import(world, key_id, FIRST)
        assert world.refusal("ImportKeyMaterial", parameters | given) == ("ValidationException", text)
        world.call("ImportKeyMaterial", parameters | {"ValidTo": world.clock.now() + 365 * DAY})
        metadata = described(world, key_id)
        assert metadata["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
        assert metadata["ValidTo"] == world.clock.now() + 365 * DAY

    @pytest.mark.parametrize(
        ("name", "value"),
        [("ImportType", "NEW_KEY_MATERIAL"), ("KeyMaterialDescription", "mine"), ("KeyMaterialId", "a" * 64)],
    )
    def test_parameters_of_symmetric_keys(self, world: World, name: str, value: str) -> None:
        """Documented to be only usable with symmetric encryption keys."""
        key_id = empty_key(world, **HMAC)["KeyId"]
        parameters = parameters_for_import(world, key_id, FIRST) | LASTING | {name: value}
        text = f"{name} is only supported with symmetric encryption KMS keys."
        assert world.refusal("ImportKeyMaterial", parameters) == ("ValidationException", text)

    def test_the_same_again(self, world: World) -> None:
        """The same ID, and a new date of expiry; no second material comes of it."""
        key_id = full_key(world)["KeyId"]
        blob = encrypted(world, key_id)
        material_id = described(world, key_id)["CurrentKeyMaterialId"]
        for more in ({}, {"ImportType": "EXISTING_KEY_MATERIAL"}, {"KeyMaterialId": material_id}):
            valid_to = world.clock.now() + 100
            answer = import_into(world, key_id, FIRST, ValidTo=valid_to, **more)
            assert answer["KeyMaterialId"] == material_id
            assert described(world, key_id)["ValidTo"] == valid_to
            world.clock.seconds += 1
        assert len(world.database.materials(ALICE_ACCOUNT, REGION, key_id)) == 1
        assert opens(world, blob)
        assert full_key(world)["KeyId"] != key_id
        other = full_key(world)["KeyId"]
        assert described(world, other)["CurrentKeyMaterialId"] != material_id

    @pytest.mark.parametrize(
        ("material", "given"),
        [
            (SECOND, {}),
            (SECOND, {"ImportType": "EXISTING_KEY_MATERIAL"}),
            (FIRST, {"ImportType": "NEW_KEY_MATERIAL"}),
            (FIRST, {"KeyMaterialId": "a" * 64}),
        ],
    )
    def test_not_the_material_expected(self, world: World, material: bytes, given: dict[str, Any]) -> None:
        """Other material unless it is called new, known material if it is, another ID than was asked for."""
        key_id = full_key(world)["KeyId"]
        parameters = parameters_for_import(world, key_id, material) | LASTING | given
        assert world.refusal("ImportKeyMaterial", parameters) == ("IncorrectKeyMaterialException", NO_MESSAGE)

    def test_an_hmac_key_takes_no_other(self, world: World) -> None:
        """The first material binds, also when it is gone."""
        key_id = full_key(world, **HMAC)["KeyId"]
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
        parameters = parameters_for_import(world, key_id, SECOND) | LASTING
        assert world.refusal("ImportKeyMaterial", parameters)[0] == "IncorrectKeyMaterialException"
        import_into(world, key_id, FIRST)
        assert state_of(world, key_id) == "Enabled"


class TestAudit:
    """What of these three requests is recorded. KMS developer guide, "Understanding AWS KMS log entries"."""

    def test_what_was_said_of_the_material_and_what_it_is_called(self, world: World) -> None:
        """Neither token nor material, wrapped or not, is in any of them."""
        key = empty_key(world)
        key_id = key["KeyId"]
        wanted = {"KeyId": key_id, "WrappingAlgorithm": OAEP_256, "WrappingKeySpec": "RSA_2048"}
        world.call("GetParametersForImport", wanted)
        record = world.record()
        assert record["requestParameters"] == {
            "keyId": key_id,
            "wrappingAlgorithm": "RSAES_OAEP_SHA_256",
            "wrappingKeySpec": "RSA_2048",
        }
        assert (record["responseElements"], record["readOnly"]) == (None, True)
        material_id = import_into(world, key_id, FIRST, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
        record = world.record()
        assert record["requestParameters"] == {
            "keyId": key_id,
            "expirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
            "importType": "NEW_KEY_MATERIAL",
        }
        assert record["responseElements"] == {"keyId": key["Arn"], "keyMaterialId": material_id}
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id, "KeyMaterialId": material_id})
        record = world.record()
        assert record["requestParameters"] == {"keyId": key_id, "keyMaterialId": material_id}
        assert (record["responseElements"], record["readOnly"]) == ({"keyId": key["Arn"]}, False)
