"""From what a request names to the KMS keys and aliases it is about. Accounts and Regions do not see each other's."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import pytest

from harness.policies import new_user
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Put
from selfkms.gate.resolve import Resolver, predefined_aliases
from selfkms.gate.resolved import ResolvedKey
from selfkms.services.kms.encryption import DecryptRequest
from selfkms.services.kms.keys import DescribeKeyRequest
from selfkms.services.kms.policies import GetKeyPolicyRequest
from selfkms.services.kms.table import OPERATIONS

ELSEWHERE = "eu-west-1"
UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
OF_NOBODY = (
    "AccessDeniedException",
    (
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
        "or you are not allowed to access."
    ),
)

# KMS developer guide, "Key identifiers (KeyId)": what takes an alias, each with further parameters.
BY_ALIAS: Mapping[str, dict[str, Any]] = {
    "DescribeKey": {},
    "Encrypt": {"Plaintext": "AA=="},
    "GenerateDataKey": {"KeySpec": "AES_128"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_128"},
    "Decrypt": {"CiphertextBlob": "AA=="},
}
BY_KEY_ALONE: Mapping[str, dict[str, Any]] = {
    "EnableKey": {},
    "DisableKey": {},
    "UpdateKeyDescription": {"Description": ""},
    "ScheduleKeyDeletion": {},
    "CancelKeyDeletion": {},
    "TagResource": {"Tags": []},
    "UntagResource": {"TagKeys": []},
    "ListResourceTags": {},
    "GetKeyLastUsage": {},
    "GetKeyPolicy": {},
    "PutKeyPolicy": {"Policy": "{}"},
    "ListKeyPolicies": {},
}
CROSS_ACCOUNT = BY_ALIAS
EVERY = {**BY_ALIAS, **BY_KEY_ALONE}


def key_arn(key_id: str, account_id: str = ALICE_ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:kms:{region}:{account_id}:key/{key_id}"


def alias_arn(name: str, account_id: str = ALICE_ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:kms:{region}:{account_id}:alias/{name}"


def not_found(text: str) -> tuple[str, str]:
    return "NotFoundException", text


def foreign(action: str, arn: str) -> tuple[str, str]:
    """The refusal of a key that is somebody else's, or nobody's."""
    return (
        "AccessDeniedException",
        (
            f"User: arn:aws:iam::{BOB_ACCOUNT}:user/admin is not authorized to perform: kms:{action} "
            f"on resource: {arn} because the resource does not exist in this Region, "
            "no resource-based policies allow access, or a resource-based policy explicitly denies access"
        ),
    )


def encrypt(world: World, key_id: str, **where: str) -> str:
    blob: str = world.call("Encrypt", {"KeyId": key_id, "Plaintext": "AA=="}, **where)["CiphertextBlob"]
    return blob


def give_alias(world: World, name: str, key_id: str, **where: str) -> None:
    world.call("CreateAlias", {"AliasName": f"alias/{name}", "TargetKeyId": key_id}, **where)


class TestOwnKeys:
    """Key IDs, key ARNs, alias names and alias ARNs of the caller's own account."""

    @pytest.mark.parametrize("operation", EVERY)
    @pytest.mark.parametrize(
        "name",
        [
            "nothing",
            "00000000000000000000000000000000",
            "mrk-1234",
            "mrk-" + "g" * 32,
            "00000000-0000-0000-0000-00000000000",
            " " + UNKNOWN_ID,
            UNKNOWN_ID + "\n",
            "key/" + UNKNOWN_ID,
            "arn:aws:kms",
            key_arn("nothing"),
            key_arn(""),
            key_arn("key/" + UNKNOWN_ID),
            key_arn(UNKNOWN_ID) + "/",
            f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:{UNKNOWN_ID}",
            key_arn(UNKNOWN_ID).replace(":kms:", ":s3:"),
            key_arn(UNKNOWN_ID).replace("arn:aws:", "arn:aws-cn:"),
            key_arn(UNKNOWN_ID, account_id="1111"),
            key_arn(UNKNOWN_ID, account_id=""),
        ],
    )
    def test_what_is_no_identifier(self, world: World, operation: str, name: str) -> None:
        """Neither a key ID nor an ARN: not found, with what was given in the text."""
        parameters = {"KeyId": name, **EVERY[operation]}
        assert world.refusal(operation, parameters) == not_found(f"Invalid keyId '{name}'")

    @pytest.mark.parametrize("operation", EVERY)
    @pytest.mark.parametrize("key_id", [UNKNOWN_ID, "mrk-" + "0a" * 16])
    def test_a_key_that_does_not_exist(self, world: World, operation: str, key_id: str) -> None:
        """The text has the full ARN in the request's Region, whether an ID or an ARN was given."""
        for name in (key_id, key_arn(key_id)):
            refusal = world.refusal(operation, {"KeyId": name, **EVERY[operation]})
            assert refusal == not_found(f"Key '{key_arn(key_id)}' does not exist")

    @pytest.mark.parametrize("operation", EVERY)
    @pytest.mark.parametrize("account_id", [ALICE_ACCOUNT, BOB_ACCOUNT])
    def test_an_arn_of_another_region(self, world: World, operation: str, account_id: str) -> None:
        """An ARN must be of the Region of the request, even if the key exists there."""
        there = world.make_key(region=ELSEWHERE)["KeyId"]
        arn = key_arn(there, account_id, ELSEWHERE)
        refusal = world.refusal(operation, {"KeyId": arn, **EVERY[operation]})
        assert refusal == not_found(f"Invalid arn {ELSEWHERE}")

    @pytest.mark.parametrize("operation", BY_ALIAS)
    def test_an_alias_that_does_not_exist(self, world: World, operation: str) -> None:
        """The text has the alias ARN, whether a name or an ARN was given."""
        for name in ("alias/a", alias_arn("a")):
            refusal = world.refusal(operation, {"KeyId": name, **BY_ALIAS[operation]})
            assert refusal == not_found(f"Alias {alias_arn('a')} is not found.")

    @pytest.mark.parametrize("operation", BY_KEY_ALONE)
    def test_operations_that_take_no_alias(self, world: World, operation: str) -> None:
        """Where AWS takes key ID and key ARN alone, an alias is no identifier, although it exists."""
        give_alias(world, "a", world.make_key()["KeyId"])
        for name in ("alias/a", alias_arn("a")):
            refusal = world.refusal(operation, {"KeyId": name, **BY_KEY_ALONE[operation]})
            assert refusal == not_found(f"Invalid keyId '{name}'")

    def test_an_alias_behind_the_word_key(self, world: World) -> None:
        """`key/` and then an alias name is neither a key nor an alias."""
        give_alias(world, "a", world.make_key()["KeyId"])
        name = key_arn("alias/a")
        assert world.refusal("DescribeKey", {"KeyId": name}) == not_found(f"Invalid keyId '{name}'")

    @pytest.mark.parametrize("member", ["SourceKeyId", "DestinationKeyId"])
    def test_re_encrypt_names_two_keys(self, world: World, member: str) -> None:
        """Source and destination are each looked up, by their own member."""
        key_id = world.make_key()["KeyId"]
        parameters = {"CiphertextBlob": encrypt(world, key_id), "DestinationKeyId": key_id, member: "nothing"}
        assert world.refusal("ReEncrypt", parameters) == not_found("Invalid keyId 'nothing'")


class TestRegions:
    """A key, an alias and a blob of one Region do not exist in another."""

    def test_keys(self, world: World) -> None:
        """The key ID of another Region is unknown here."""
        key_id = world.make_key()["KeyId"]
        text = f"Key '{key_arn(key_id, region=ELSEWHERE)}' does not exist"
        assert world.refusal("DescribeKey", {"KeyId": key_id}, region=ELSEWHERE) == not_found(text)

    def test_aliases(self, world: World) -> None:
        """So is an alias."""
        give_alias(world, "a", world.make_key()["KeyId"])
        text = f"Alias {alias_arn('a', region=ELSEWHERE)} is not found."
        assert world.refusal("DescribeKey", {"KeyId": "alias/a"}, region=ELSEWHERE) == not_found(text)
        assert world.refusal("DeleteAlias", {"AliasName": "alias/a"}, region=ELSEWHERE) == not_found(text)

    def test_blobs(self, world: World) -> None:
        """A blob's handle is looked for in the Region of the request alone."""
        blob = encrypt(world, world.make_key()["KeyId"])
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}, region=ELSEWHERE) == OF_NOBODY
        there = world.make_key(region=ELSEWHERE)["KeyId"]
        parameters = {"CiphertextBlob": blob, "DestinationKeyId": there}
        assert world.refusal("ReEncrypt", parameters, region=ELSEWHERE) == OF_NOBODY

    def test_one_key_id_in_two_regions(self, world: World) -> None:
        """Even if two keys had one ID and one handle, each Region and each account would see its own."""
        key_id = world.make_key(Description="here")["KeyId"]
        stored = world.database.key(ALICE_ACCOUNT, REGION, key_id)
        assert isinstance(stored, KMSKey)
        twins = {"there": {"region": ELSEWHERE}, "bob's": {"account_id": BOB_ACCOUNT}}
        for description, place in twins.items():
            world.database.commit([Put(stored.changed(description=description, row_version=0, **place))])

        def described(**where: str) -> str:
            found: str = world.call("DescribeKey", {"KeyId": key_id}, **where)["KeyMetadata"]["Description"]
            return found

        assert described() == "here"
        assert described(region=ELSEWHERE) == "there"
        # The policy came along: it lets Alice's account in, not Bob's.
        assert world.refusal("DescribeKey", {"KeyId": key_id}, by=BOB_ACCOUNT)[0] == "AccessDeniedException"
        blob = encrypt(world, key_id)
        assert world.call("Decrypt", {"CiphertextBlob": blob})["KeyId"] == key_arn(key_id)
        assert world.refusal("Decrypt", {"CiphertextBlob": blob}, region=ELSEWHERE) == OF_NOBODY


class TestForeignKeys:
    """Of a key of another account that nothing opens to the caller, not even its existence is told."""

    @pytest.mark.parametrize("operation", EVERY)
    def test_a_foreign_key_and_none_are_refused_alike(self, world: World, operation: str) -> None:
        """The refusals of a key that exists and of one that does not differ in the ID that the caller named alone."""
        for key_id in (world.make_key()["KeyId"], UNKNOWN_ID):
            refusal = world.refusal(operation, {"KeyId": key_arn(key_id), **EVERY[operation]}, by=BOB_ACCOUNT)
            assert refusal == foreign(operation, key_arn(key_id))

    @pytest.mark.parametrize("operation", EVERY)
    def test_neither_state_nor_description_nor_tags_show(self, world: World, operation: str) -> None:
        """Whatever was done to the foreign key, the refusal is the same byte for byte."""
        key_id = world.make_key(Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyId"]
        request = world.request(operation, {"KeyId": key_arn(key_id), **EVERY[operation]}, by=BOB_ACCOUNT)
        bodies = {world.send(request).response.body}
        for change in ("DisableKey", "ScheduleKeyDeletion"):
            world.call(change, {"KeyId": key_id})
            bodies.add(world.send(request).response.body)
        world.clock.seconds += 31 * 86_400
        world.upkeep.attend_due_keys()
        bodies.add(world.send(request).response.body)
        assert len(bodies) == 1

    @pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias"])
    def test_a_foreign_target_of_an_alias(self, world: World, operation: str) -> None:
        """An alias never reaches into another account, and asking tells nothing."""
        give_alias(world, "mine", world.make_key(by=BOB_ACCOUNT)["KeyId"], by=BOB_ACCOUNT)
        name = "alias/mine" if operation == "UpdateAlias" else "alias/new"
        for key_id in (world.make_key()["KeyId"], UNKNOWN_ID):
            parameters = {"AliasName": name, "TargetKeyId": key_arn(key_id)}
            assert world.refusal(operation, parameters, by=BOB_ACCOUNT) == foreign(operation, key_arn(key_id))

    @pytest.mark.parametrize("member", ["SourceKeyId", "DestinationKeyId"])
    def test_foreign_keys_of_re_encrypt(self, world: World, member: str) -> None:
        """Each of the two keys asks for a permission of its own."""
        own = world.make_key(by=BOB_ACCOUNT)["KeyId"]
        blob = encrypt(world, own, by=BOB_ACCOUNT)
        action = "ReEncryptFrom" if member == "SourceKeyId" else "ReEncryptTo"
        for key_id in (world.make_key()["KeyId"], UNKNOWN_ID):
            parameters = {"CiphertextBlob": blob, "DestinationKeyId": own, member: key_arn(key_id)}
            assert world.refusal("ReEncrypt", parameters, by=BOB_ACCOUNT) == foreign(action, key_arn(key_id))

    def test_bare_names_are_the_callers_own(self, world: World) -> None:
        """A key ID or an alias name of another account is looked for in the caller's, and is not there."""
        key_id = world.make_key()["KeyId"]
        give_alias(world, "a", key_id)
        text = f"Key '{key_arn(key_id, BOB_ACCOUNT)}' does not exist"
        assert world.refusal("DescribeKey", {"KeyId": key_id}, by=BOB_ACCOUNT) == not_found(text)
        text = f"Alias {alias_arn('a', BOB_ACCOUNT)} is not found."
        assert world.refusal("DescribeKey", {"KeyId": "alias/a"}, by=BOB_ACCOUNT) == not_found(text)
        for operation in ("UpdateAlias", "DeleteAlias"):
            parameters = {"AliasName": "alias/a"}
            if operation == "UpdateAlias":
                parameters["TargetKeyId"] = world.make_key(by=BOB_ACCOUNT)["KeyId"]
            assert world.refusal(operation, parameters, by=BOB_ACCOUNT) == not_found(text)

    @pytest.mark.parametrize("operation", BY_ALIAS)
    def test_a_foreign_alias_and_none_are_refused_alike(self, world: World, operation: str) -> None:
        """The refusals differ in the name that the caller gave alone, and hold no key ID."""
        key_id = world.make_key()["KeyId"]
        give_alias(world, "there", key_id)

        def refused(name: str) -> str:
            request = world.request(operation, {"KeyId": alias_arn(name), **BY_ALIAS[operation]}, by=BOB_ACCOUNT)
            return world.send(request).response.body.decode().replace(f"alias/{name}", "alias/NAME")

        assert refused("there") == refused("gone")
        assert key_id not in refused("there")

    def test_blobs_of_others_and_of_nobody_are_refused_alike(self, world: World) -> None:
        """A blob of a foreign key, of a key that has ended, and of another Region are told apart by nothing."""
        alive, ended = world.make_key()["KeyId"], world.make_key()["KeyId"]
        there = world.make_key(region=ELSEWHERE)["KeyId"]
        blobs = [encrypt(world, alive), encrypt(world, ended), encrypt(world, there, region=ELSEWHERE)]
        world.call("ScheduleKeyDeletion", {"KeyId": ended})
        world.clock.seconds += 31 * 86_400
        world.upkeep.attend_due_keys()
        requests = [world.request("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT) for blob in blobs]
        bodies = {world.send(request).response.body for request in requests}
        assert len(bodies) == 1
        assert world.refusal("Decrypt", {"CiphertextBlob": blobs[0]}, by=BOB_ACCOUNT) == OF_NOBODY


class TestOpenedKeys:
    """A key of another account that its policy opens."""

    @pytest.fixture
    def key(self, world: World) -> dict[str, Any]:
        policy = (
            '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": ["%s", "%s"]}}}'
        )
        return world.make_key(Policy=policy % (ALICE_ACCOUNT, BOB_ACCOUNT))

    @pytest.mark.parametrize("operation", CROSS_ACCOUNT)
    def test_it_is_named_by_arn(self, world: World, key: dict[str, Any], operation: str) -> None:
        """Key ARN and alias ARN reach it; the answer names it by its own ARN."""
        give_alias(world, "a", key["KeyId"])
        extra = {"CiphertextBlob": encrypt(world, key["KeyId"])} if operation == "Decrypt" else CROSS_ACCOUNT[operation]
        for name in (key["Arn"], alias_arn("a")):
            answer = world.call(operation, {"KeyId": name, **extra}, by=BOB_ACCOUNT)
            assert answer.get("KeyId", answer.get("KeyMetadata", {}).get("Arn")) == key["Arn"]

    def test_its_blobs_are_opened_without_naming_it(self, world: World, key: dict[str, Any]) -> None:
        """Decrypt takes the key from the blob, and authorizes against it, whose account it ever is."""
        blob = encrypt(world, key["Arn"], by=BOB_ACCOUNT)
        assert world.call("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT)["KeyId"] == key["Arn"]
        own = world.make_key(by=BOB_ACCOUNT)
        moved = world.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": own["KeyId"]}, by=BOB_ACCOUNT)
        assert (moved["SourceKeyId"], moved["KeyId"]) == (key["Arn"], own["Arn"])

    @pytest.mark.parametrize("operation", BY_KEY_ALONE)
    def test_it_is_managed_by_its_own_account_alone(self, world: World, key: dict[str, Any], operation: str) -> None:
        """Operations without cross-account use fail although both sides allow them, as if there were no key."""
        parameters = {"KeyId": key["Arn"], **BY_KEY_ALONE[operation]}
        assert world.refusal(operation, parameters, by=BOB_ACCOUNT) == foreign(operation, key["Arn"])


class TestRequestAlias:
    """By which alias a request named its key: what kms:RequestAlias says."""

    @pytest.fixture
    def key(self, world: World) -> dict[str, Any]:
        policy = (
            '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": ["%s", "%s"]}}}'
        )
        key = world.make_key(Policy=policy % (ALICE_ACCOUNT, BOB_ACCOUNT))
        give_alias(world, "a", key["KeyId"])
        return key

    def resolved(self, world: World, name: str, *, by: str = ALICE_ACCOUNT) -> ResolvedKey:
        resolver = Resolver(world.database, world.key_store, world.keys)
        request = DescribeKeyRequest(key_id=name)
        caller = Caller.root(by, "AKIA1")
        (found,) = resolver.resolve(OPERATIONS["DescribeKey"], request, caller=caller, region=REGION).resources
        assert isinstance(found, ResolvedKey)
        return found

    def test_the_callers_own(self, world: World, key: dict[str, Any]) -> None:
        """Alias name and alias ARN say the name; key ID and key ARN say nothing."""
        for name in ("alias/a", alias_arn("a")):
            found = self.resolved(world, name)
            assert (found.request_alias, found.arn, found.named_arn) == ("alias/a", key["Arn"], key["Arn"])
        for name in (key["KeyId"], key["Arn"]):
            assert self.resolved(world, name).request_alias is None

    def test_a_foreign_one(self, world: World, key: dict[str, Any]) -> None:
        """The key is behind it; the caller may be told the alias that it named and nothing more."""
        found = self.resolved(world, alias_arn("a"), by=BOB_ACCOUNT)
        assert (found.request_alias, found.arn, found.named_arn) == ("alias/a", key["Arn"], alias_arn("a"))
        found = self.resolved(world, alias_arn("none"), by=BOB_ACCOUNT)
        assert (found.key, found.arn, found.named_arn) == (None, alias_arn("none"), alias_arn("none"))
        assert found.owner == ALICE_ACCOUNT

    def test_a_blob_names_no_alias(self, world: World, key: dict[str, Any]) -> None:
        """Although its key has one."""
        blob = b64decode(encrypt(world, key["KeyId"]))
        resolver = Resolver(world.database, world.key_store, world.keys)
        caller = Caller.root(ALICE_ACCOUNT, "AKIA1")
        for named, alias, by_ciphertext in ((None, None, True), ("alias/a", "alias/a", False)):
            request = DecryptRequest(ciphertext_blob=blob, key_id=named)
            (found,) = resolver.resolve(OPERATIONS["Decrypt"], request, caller=caller, region=REGION).resources
            assert isinstance(found, ResolvedKey)
            assert (found.arn, found.request_alias, found.by_ciphertext) == (key["Arn"], alias, by_ciphertext)


class TestGrantTokens:
    """A token that is none of ours is refused; whose grant is gone is of no account."""

    def token(self, world: World, key_id: str) -> tuple[str, str]:
        grant = {"KeyId": key_id, "GranteePrincipal": f"arn:aws:iam::{BOB_ACCOUNT}:root", "Operations": ["Encrypt"]}
        made = world.call("CreateGrant", grant)
        return made["GrantToken"], made["GrantId"]

    @pytest.mark.parametrize("operation", BY_ALIAS)
    def test_one_of_ours(self, world: World, operation: str) -> None:
        """Is taken, for this key, for another one, and when its grant was revoked."""
        key_id, other = world.make_key()["KeyId"], world.make_key()["KeyId"]
        token, grant_id = self.token(world, other)
        extra = {"CiphertextBlob": encrypt(world, key_id)} if operation == "Decrypt" else BY_ALIAS[operation]
        world.call(operation, {"KeyId": key_id, **extra, "GrantTokens": [token, token]})
        world.call("RevokeGrant", {"KeyId": other, "GrantId": grant_id})
        world.call(operation, {"KeyId": key_id, **extra, "GrantTokens": [token]})

    @pytest.mark.parametrize("operation", BY_ALIAS)
    @pytest.mark.parametrize("where", ["alone", "first", "last"])
    def test_one_that_is_not(self, world: World, operation: str, where: str) -> None:
        """One altered character is enough, and one token among good ones."""
        key_id = world.make_key()["KeyId"]
        good, _ = self.token(world, key_id)
        middle = len(good) // 2
        bad = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
        tokens = {"alone": [bad], "first": [bad, good], "last": [good, bad]}[where]
        parameters = {"KeyId": key_id, **BY_ALIAS[operation], "GrantTokens": tokens}
        assert world.refusal(operation, parameters)[0] == "InvalidGrantTokenException"

    def test_it_opens_nothing_to_somebody_else(self, world: World) -> None:
        """A token is no bearer credential: whoever has it must be the grantee."""
        key = world.make_key()
        token, _ = self.token(world, key["KeyId"])
        parameters = {"KeyId": key["Arn"], "Plaintext": "AA==", "GrantTokens": [token]}
        world.call("Encrypt", parameters, by=f"{BOB_ACCOUNT}-root")
        new_user(world, "carol")
        assert world.refusal("Encrypt", parameters, by="carol")[0] == "AccessDeniedException"


class TestPredefinedAlias:
    """Which alias below `alias/aws/` a request names, of the caller's own account and Region."""

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("alias/aws/ebs", "alias/aws/ebs"),
            (alias_arn("aws/ebs"), "alias/aws/ebs"),
            (alias_arn("aws/ebs", BOB_ACCOUNT), None),
            (alias_arn("aws/ebs", region=ELSEWHERE), None),
            ("alias/mine", None),
            ("alias/mine/alias/aws/ebs", None),
            (f"alias/aws/{alias_arn('aws/ebs')}", f"alias/aws/{alias_arn('aws/ebs')}"),
            (UNKNOWN_ID, None),
        ],
    )
    def test_of_a_name(self, name: str, found: str | None) -> None:
        """By name or by ARN, and nothing that only looks like it."""
        request = DescribeKeyRequest(key_id=name)
        named = predefined_aliases(OPERATIONS["DescribeKey"], request, account_id=ALICE_ACCOUNT, region=REGION)
        assert list(named) == ([] if found is None else [found])

    def test_of_operations_that_take_no_alias(self) -> None:
        """There is none, whatever stands there."""
        request = GetKeyPolicyRequest(key_id="alias/aws/ebs")
        operation = OPERATIONS["GetKeyPolicy"]
        assert not list(predefined_aliases(operation, request, account_id=ALICE_ACCOUNT, region=REGION))
