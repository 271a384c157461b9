"""What becomes of keys whose imported material goes, is joined by more, or expires: through the gate."""

from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harness.importer import (
    FIRST,
    LASTING,
    SECOND,
    TEXT,
    described,
    empty_key,
    encrypted,
    full_key,
    import_into,
    one_pair,
    opens,
    parameters_for_import,
    state_of,
)
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.crypto.rsa import RSAKeyPair

HMAC: Final = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(RSAKeyPair, "generate", one_pair)
    return World()


def listed(world: World, key_id: str) -> list[dict[str, Any]]:
    """All materials, newest first, without the ARN that each entry has."""
    parameters = {"KeyId": key_id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
    return [
        {name: value for name, value in entry.items() if name != "KeyId"}
        for entry in world.call("ListKeyRotations", parameters)["Rotations"]
    ]


class TestDeletion:
    """DeleteImportedKeyMaterial."""

    def test_and_back(self, world: World) -> None:
        """Pending import; the same material opens what it encrypted."""
        key = full_key(world)
        key_id = key["KeyId"]
        blob = encrypted(world, key_id)
        material_id = described(world, key_id)["CurrentKeyMaterialId"]
        answer = world.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
        assert answer == {"KeyId": key["Arn"], "KeyMaterialId": material_id}
        metadata = described(world, key_id)
        assert (metadata["KeyState"], metadata["Enabled"]) == ("PendingImport", False)
        assert metadata["CurrentKeyMaterialId"] == material_id
        assert not metadata.keys() & {"ExpirationModel", "ValidTo"}
        import_into(world, key_id, FIRST)
        assert state_of(world, key_id) == "Enabled"
        assert opens(world, blob)

    def test_ciphertext_still_leads_to_its_key(self, world: World) -> None:
        """Decrypt without KeyId says that the key is pending import, not that there is none."""
        key = full_key(world)
        blob = encrypted(world, key["KeyId"])
        world.call("DeleteImportedKeyMaterial", {"KeyId": key["KeyId"]})
        expected = ("KMSInvalidStateException", f"{key['Arn']} is pending import.")
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}) == expected
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT)[0] == "AccessDeniedException"

    def test_the_material_is_gone_from_the_database(self, world: World) -> None:
        """What stays has nothing in it, and the files are to be compacted."""
        key_id = full_key(world)["KeyId"]
        (before,) = world.database.materials(ALICE_ACCOUNT, REGION, key_id)
        assert not world.database.compaction_due()
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
        (after,) = world.database.materials(ALICE_ACCOUNT, REGION, key_id)
        assert before.wrapped
        assert (after.handle, after.wrapped) == (before.handle, b"")
        assert world.database.compaction_due()

    def test_what_is_gone_is_no_error(self, world: World) -> None:
        """Neither twice, nor of a key that never had any: there is no material ID then."""
        key, never = full_key(world), empty_key(world)
        answers = [world.call("DeleteImportedKeyMaterial", {"KeyId": key["KeyId"]}) for _ in range(2)]
        assert answers[0] == answers[1]
        assert world.call("DeleteImportedKeyMaterial", {"KeyId": never["KeyId"]}) == {"KeyId": never["Arn"]}

    def test_a_material_that_the_key_does_not_have(self, world: World) -> None:
        """NotFoundException."""
        parameters = {"KeyId": full_key(world)["KeyId"], "KeyMaterialId": "a" * 64}
        assert world.refusal("DeleteImportedKeyMaterial", parameters)[0] == "NotFoundException"

    def test_a_disabled_key(self, world: World) -> None:
        """It is pending import, and Enabled when the material is back: as AWS describes it."""
        key_id = full_key(world)["KeyId"]
        world.call("DisableKey", {"KeyId": key_id})
        import_into(world, key_id, FIRST)
        assert state_of(world, key_id) == "Disabled"
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
        assert state_of(world, key_id) == "PendingImport"
        import_into(world, key_id, FIRST)
        assert state_of(world, key_id) == "Enabled"

    def test_a_key_that_is_pending_deletion(self, world: World) -> None:
        """Its state does not change; taken back, it is pending import and not Disabled."""
        key_id = full_key(world)["KeyId"]
        world.call("ScheduleKeyDeletion", {"KeyId": key_id})
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
        assert state_of(world, key_id) == "PendingDeletion"
        world.call("CancelKeyDeletion", {"KeyId": key_id})
        assert state_of(world, key_id) == "PendingImport"
        assert world.refusal("EnableKey", {"KeyId": key_id})[0] == "KMSInvalidStateException"

    def test_a_key_with_its_material_is_disabled_when_it_is_taken_back(self, world: World) -> None:
        """As every other key."""
        key_id = full_key(world)["KeyId"]
        world.call("ScheduleKeyDeletion", {"KeyId": key_id})
        world.call("CancelKeyDeletion", {"KeyId": key_id})
        assert state_of(world, key_id) == "Disabled"
        world.call("EnableKey", {"KeyId": key_id})
        assert opens(world, encrypted(world, key_id))


class TestRotation:
    """Several materials in one symmetric key."""

    def test_new_material_waits(self, world: World) -> None:
        """What is encrypted until then opens with the old one, what comes after with the new one, and both for ever."""
        key = full_key(world)
        key_id = key["KeyId"]
        first = described(world, key_id)["CurrentKeyMaterialId"]
        second = import_into(world, key_id, SECOND, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
        assert described(world, key_id)["CurrentKeyMaterialId"] == first
        old = encrypted(world, key_id)
        assert world.call("RotateKeyOnDemand", {"KeyId": key_id}) == {"KeyId": key["Arn"]}
        assert described(world, key_id)["CurrentKeyMaterialId"] == second
        new = encrypted(world, key_id)
        ids = [world.call("Decrypt", {"CiphertextBlob": blob})["KeyMaterialId"] for blob in (old, new)]
        assert ids == [first, second]
        event = world.committed_records()[-1]
        assert event["serviceEventDetails"] == {
            "rotationType": "ON_DEMAND",
            "keyOrigin": "EXTERNAL",
            "previousKeyMaterialId": first,
            "currentKeyMaterialId": second,
            "keyId": key_id,
        }

    def test_without_material_that_waits(self, world: World) -> None:
        """AWS's text."""
        key = full_key(world)
        text = f"No available key material pending rotation for the key: {key['Arn']}."
        assert world.refusal("RotateKeyOnDemand", {"KeyId": key["KeyId"]}) == ("KMSInvalidStateException", text)

    def test_one_waits_at_a_time(self, world: World) -> None:
        """Deleted, it makes room for other material, and the key works all the while."""
        key = full_key(world)
        key_id = key["KeyId"]
        waiting = import_into(world, key_id, SECOND, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
        third = parameters_for_import(world, key_id, b"3" * 32) | LASTING | {"ImportType": "NEW_KEY_MATERIAL"}
        code, text = world.refusal("ImportKeyMaterial", third)
        assert code == "KMSInvalidStateException"
        assert text is not None
        assert text.startswith("New key material (id: ")
        assert text.endswith(
            f") cannot be imported into KMS key {key['Arn']}, "
            f"because another key material (id: {waiting}) is pending rotation."
        )
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id, "KeyMaterialId": waiting})
        assert opens(world, encrypted(world, key_id))
        assert len(world.database.materials(ALICE_ACCOUNT, REGION, key_id)) == 1
        world.call("ImportKeyMaterial", third)

    def test_the_listing(self, world: World) -> None:
        """Rotations alone, or all materials with their states; newest first."""
        key_id = empty_key(world)["KeyId"]
        assert listed(world, key_id) == []
        valid_to = world.clock.now() + 100
        first = import_into(world, key_id, FIRST, ValidTo=valid_to, KeyMaterialDescription="the first")["KeyMaterialId"]
        second = import_into(world, key_id, SECOND, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
        described_first = {
            "KeyMaterialId": first,
            "KeyMaterialDescription": "the first",
            "ImportState": "IMPORTED",
            "KeyMaterialState": "CURRENT",
            "ExpirationModel": "KEY_MATERIAL_EXPIRES",
            "ValidTo": valid_to,
        }
        lasting = {"ImportState": "IMPORTED", "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
        assert listed(world, key_id) == [
            {"KeyMaterialId": second, "KeyMaterialState": "PENDING_ROTATION", **lasting},
            described_first,
        ]
        assert world.call("ListKeyRotations", {"KeyId": key_id})["Rotations"] == []
        world.call("RotateKeyOnDemand", {"KeyId": key_id})
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id, "KeyMaterialId": first})
        rotation = {"RotationDate": world.clock.now(), "RotationType": "ON_DEMAND"}
        assert listed(world, key_id) == [
            {"KeyMaterialId": second, "KeyMaterialState": "CURRENT", **lasting, **rotation},
            {
                "KeyMaterialId": first,
                "KeyMaterialDescription": "the first",
                "ImportState": "PENDING_IMPORT",
                "KeyMaterialState": "NON_CURRENT",
            },
        ]

    def test_all_that_were_ever_current_must_be_there(self, world: World) -> None:
        """One of them gone, nothing works, not even with the other; each may come again in any order."""
        key_id = full_key(world)["KeyId"]
        old = encrypted(world, key_id)
        first = described(world, key_id)["CurrentKeyMaterialId"]
        import_into(world, key_id, SECOND, ImportType="NEW_KEY_MATERIAL")
        world.call("RotateKeyOnDemand", {"KeyId": key_id})
        new = encrypted(world, key_id)
        answer = world.call("DeleteImportedKeyMaterial", {"KeyId": key_id, "KeyMaterialId": first})
        assert answer["KeyMaterialId"] == first
        for blob in (old, new):
            assert world.refusal("Decrypt", {"CiphertextBlob": blob})[0] == "KMSInvalidStateException"
        world.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
        import_into(world, key_id, SECOND)
        assert state_of(world, key_id) == "PendingImport"
        import_into(world, key_id, FIRST)
        assert opens(world, old)
        assert opens(world, new)

    def test_25_times(self, world: World) -> None:
        """The quota of on-demand rotations holds for imported material, too."""
        key_id = full_key(world)["KeyId"]
        for number in range(26):
            import_into(world, key_id, bytes([number]) * 32, ImportType="NEW_KEY_MATERIAL")
            if number < 25:
                world.call("RotateKeyOnDemand", {"KeyId": key_id})
        assert world.refusal("RotateKeyOnDemand", {"KeyId": key_id})[0] == "LimitExceededException"


class TestExpiryBeforeTheKeeper:
    """From ValidTo on nothing works, also before anybody came to remove the material."""

    def test_use_is_refused(self, world: World) -> None:
        """As if the material were gone; one that expires takes the others with it."""
        key = empty_key(world)
        key_id = key["KeyId"]
        import_into(world, key_id, FIRST, ValidTo=world.clock.now() + 10)
        old = encrypted(world, key_id)
        import_into(world, key_id, SECOND, ImportType="NEW_KEY_MATERIAL")
        world.call("RotateKeyOnDemand", {"KeyId": key_id})
        new = encrypted(world, key_id)
        world.clock.seconds += 9.999
        assert opens(world, old)
        world.clock.seconds += 0.001
        expected = ("KMSInvalidStateException", f"{key['Arn']} is pending import.")
        for operation, parameters in (
            ("Decrypt", {"CiphertextBlob": old}),
            ("Decrypt", {"CiphertextBlob": new}),
            ("Encrypt", {"KeyId": key_id, "Plaintext": TEXT}),
            ("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256"}),
        ):
            assert world.refusal(operation, parameters) == expected

    def test_every_other_kind(self, world: World) -> None:
        """MACs, signatures and public keys too."""
        mac = empty_key(world, **HMAC)["KeyId"]
        signing = empty_key(world, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
        import_into(world, mac, FIRST, ValidTo=world.clock.now() + 10)
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        import_into(world, signing, private, ValidTo=world.clock.now() + 10)
        world.clock.seconds += 10
        for operation, parameters in (
            ("GenerateMac", {"KeyId": mac, "Message": TEXT, "MacAlgorithm": "HMAC_SHA_256"}),
            ("Sign", {"KeyId": signing, "Message": TEXT, "SigningAlgorithm": "ECDSA_SHA_256"}),
            ("GetPublicKey", {"KeyId": signing}),
        ):
            assert world.refusal(operation, parameters)[0] == "KMSInvalidStateException"

    def test_what_waits_does_not_become_current(self, world: World) -> None:
        """There is nothing to rotate to."""
        key_id = full_key(world)["KeyId"]
        import_into(world, key_id, SECOND, ImportType="NEW_KEY_MATERIAL", ValidTo=world.clock.now() + 10)
        world.clock.seconds += 10
        assert world.refusal("RotateKeyOnDemand", {"KeyId": key_id})[0] == "KMSInvalidStateException"
        assert opens(world, encrypted(world, key_id))

    def test_a_new_date_comes_in_time(self, world: World) -> None:
        """Imported again before anybody came, the material goes on."""
        key_id = empty_key(world)["KeyId"]
        import_into(world, key_id, FIRST, ValidTo=world.clock.now() + 10)
        blob = encrypted(world, key_id)
        world.clock.seconds += 11
        import_into(world, key_id, FIRST)
        assert world.upkeep.attend_due_keys() == 0
        assert opens(world, blob)
