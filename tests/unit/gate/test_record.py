"""The audit record of a request: one, wherever it stands; what is in it, and what never is."""

import json
import logging
import re
from base64 import b64encode
from collections.abc import Mapping
from itertools import product
from typing import Any

import msgspec
import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, CountedEntropy, World
from selfkms.domain.cloudtrail.event import ANONYMOUS
from selfkms.domain.kms.keys import KeyMaterial
from selfkms.protocol.http import HTTPRequest, TLSDetails
from selfkms.services.kms.table import OPERATIONS

Good = Mapping[str, dict[str, Any]]

# KMS developer guide, "Understanding AWS KMS log entries": Encrypt, Decrypt, ReEncrypt, all Generate*, Describe*, Get*
# and List* only read.
READ_ONLY = {"Encrypt", "Decrypt", "ReEncrypt", "DeriveSharedSecret", "Encapsulate", "Decapsulate"} | {
    name for name in OPERATIONS if name.startswith(("Generate", "Describe", "Get", "List", "Sign", "Verify"))
}
# A rotation is an event of its own beside the request that asked for it.
RECORDS = {"RotateKeyOnDemand": 2, "ReplicateKey": 2, "UpdatePrimaryRegion": 2}
FIELDS = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "managementEvent",
    "recipientAccountId",
    "eventCategory",
    "tlsDetails",
]
# KMS developer guide, "Understanding AWS KMS log entries": none of this is in any of them. Messages hold a canary.
NEVER_RECORDED = {
    "Plaintext",
    "CiphertextBlob",
    "PrivateKeyPlaintext",
    "PrivateKeyCiphertextBlob",
    "Signature",
    "Mac",
    "SharedSecret",
    "SharedSecretCiphertextBlob",
} | {"ImportToken", "EncryptedKeyMaterial", "GrantToken"}
UNKNOWN_KEY = "00000000-0000-0000-0000-000000000000"


class RememberingEntropy(CountedEntropy):
    """Remembers all that was drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[bytes] = []

    def random_bytes(self, number: int) -> bytes:
        self.drawn.append(super().random_bytes(number))
        return self.drawn[-1]


def arn_of(key_id: str, account_id: str = ALICE_ACCOUNT) -> str:
    return f"arn:aws:kms:{REGION}:{account_id}:key/{key_id}"


def resource(arn: str, account_id: str = ALICE_ACCOUNT) -> dict[str, str]:
    return {"accountId": account_id, "type": "AWS::KMS::Key", "ARN": arn}


def material_of(world: World, key_id: str) -> str:
    found: str = world.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["CurrentKeyMaterialId"]
    return found


def changed(request: HTTPRequest, *headers: tuple[str, str], **fields: Any) -> HTTPRequest:
    return msgspec.structs.replace(request, headers=(*request.headers, *headers), **fields)


class TestWhereItStands:
    """Exactly one record: with the change in the database, else in the journal."""

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_of_a_success(self, world: World, good: Good, name: str) -> None:
        """A change is committed with its record and leaves none for the journal; what only reads does the opposite."""
        before = len(world.committed_records())
        outcome = world.send(world.request(name, good[name]))
        committed = len(world.committed_records()) - before
        assert outcome.response.status == 200
        if name in READ_ONLY:
            assert (outcome.record is not None, committed) == (True, 0)
        else:
            assert (outcome.record, committed) == (None, RECORDS.get(name, 1))
        records = [world.record()] if outcome.record else world.committed_records()[before:]
        assert records[0]["eventName"] == name

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_of_a_refusal(self, world: World, good: Good, name: str) -> None:
        """A refused request changes nothing, so its record is for the journal."""
        before = len(world.committed_records()), world.database.records.rows
        parameters = good[name] | {"Limit": 0, "KeyId": "", "Policy": "", "TargetKeyId": "", "AliasName": ""}
        parameters |= {"CiphertextBlob": "", "NumberOfBytes": 0, "DestinationKeyId": ""}
        outcome = world.send(world.request(name, parameters))
        assert outcome.response.status == 400
        assert outcome.record is not None
        assert (len(world.committed_records()), world.database.records.rows) == before
        record = world.record()
        assert (record["eventName"], record["errorCode"]) == (name, "ValidationException")

    def test_a_dry_run_commits_nothing(self, world: World, good: Good) -> None:
        """It always fails, so its record is for the journal."""
        for name in ("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "CreateGrant", "RetireGrant", "RevokeGrant"):
            outcome = world.send(world.request(name, good[name] | {"DryRun": True}))
            assert outcome.record is not None
            record = world.record()
            assert record["errorCode"] == "DryRunOperationException"
            assert record["errorMessage"] == "The request would have succeeded, but the DryRun option is set."
            assert "additionalEventData" not in record


class TestContents:
    """The record of each operation, as CloudTrail shows it."""

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_what_only_reads_says_so(self, world: World, good: Good, name: str) -> None:
        """`readOnly` by operation; what only reads has no responseElements."""
        before = len(world.committed_records())
        world.call(name, good[name])
        record = [*world.committed_records()[before:], world.record()][0]
        assert record["readOnly"] is (name in READ_ONLY)
        if name in READ_ONLY:
            assert record["responseElements"] is None

    @pytest.mark.parametrize("parameters", [{"KeyId": ""}, [], {"KeyId": 1}])
    @pytest.mark.parametrize("name", ["EnableKey", "ScheduleKeyDeletion", "CreateGrant"])
    def test_a_refused_change_is_a_change(self, world: World, name: str, parameters: Any) -> None:
        """`readOnly` is a fact of the operation, whatever became of the request."""
        world.send(world.request(name, body=json.dumps(parameters).encode()))
        assert world.record()["readOnly"] is False

    def test_uses_of_a_key(self, world: World, good: Good) -> None:
        """Algorithms are always there, contexts as given, the key as it was named; materials stand beside."""
        context = {"purpose": "audit"}
        for name, member in (("Encrypt", {}), ("GenerateDataKey", {"keySpec": "AES_256"})):
            world.call(name, good[name])
            key_id = good[name]["KeyId"]
            expected = {"keyId": key_id, "encryptionContext": context, **member}
            if name == "Encrypt":
                expected["encryptionAlgorithm"] = "SYMMETRIC_DEFAULT"
            record = world.record()
            assert record["requestParameters"] == expected
            assert record["resources"] == [resource(arn_of(key_id))]
            assert record["additionalEventData"] == {"keyMaterialId": material_of(world, key_id)}
        world.call("GenerateDataKeyWithoutPlaintext", good["GenerateDataKeyWithoutPlaintext"])
        assert world.record()["requestParameters"]["numberOfBytes"] == 48
        assert "keySpec" not in world.record()["requestParameters"]

    @pytest.mark.parametrize("named", [True, False])
    def test_decrypt(self, world: World, good: Good, *, named: bool) -> None:
        """The key only if it was named; the resource is the blob's key either way."""
        key_id = world.call("Decrypt", good["Decrypt"])["KeyId"]
        given = {"KeyId": key_id} if named else {}
        world.call("Decrypt", good["Decrypt"] | given)
        record = world.record()
        expected = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": {"purpose": "audit"}}
        assert record["requestParameters"] == expected | ({"keyId": key_id} if named else {})
        assert record["resources"] == [resource(key_id)]
        assert record["additionalEventData"] == {"keyMaterialId": material_of(world, key_id)}

    def test_re_encrypt(self, world: World, good: Good) -> None:
        """Both algorithms and contexts; the source's key is the first resource, the destination's the second."""
        parameters = good["ReEncrypt"]
        answer = world.call("ReEncrypt", parameters)
        record = world.record()
        assert record["requestParameters"] == {
            "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "sourceEncryptionContext": {"purpose": "audit"},
            "destinationEncryptionContext": {"purpose": "audit"},
            "destinationKeyId": parameters["DestinationKeyId"],
        }
        assert record["resources"] == [resource(answer["SourceKeyId"]), resource(answer["KeyId"])]
        assert record["additionalEventData"] == {
            "sourceKeyMaterialId": answer["SourceKeyMaterialId"],
            "destinationKeyMaterialId": answer["DestinationKeyMaterialId"],
        }

    def test_a_key_comes_into_being(self, world: World) -> None:
        """Defaults are filled in; in the answer, names begin small and dates are text; the new key is the resource."""
        key = world.make_key(Tags=[{"TagKey": "Team", "TagValue": "A"}])
        record = world.record()
        assert record["requestParameters"] == {
            "description": "",
            "keyUsage": "ENCRYPT_DECRYPT",
            "keySpec": "SYMMETRIC_DEFAULT",
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "origin": "AWS_KMS",
            "bypassPolicyLockoutSafetyCheck": False,
            "multiRegion": False,
            "tags": [{"tagKey": "Team", "tagValue": "A"}],
        }
        metadata = {name[0].lower() + name[1:]: value for name, value in key.items()}
        metadata["creationDate"] = "Sep 21, 2026, 2:13:20 PM"
        assert record["responseElements"] == {"keyMetadata": metadata}
        assert "aWSAccountId" in metadata
        assert record["resources"] == [resource(key["Arn"])]
        assert "additionalEventData" not in record

    @pytest.mark.parametrize(
        ("name", "parameters"),
        [
            ("EnableKey", {}),
            ("DisableKey", {}),
            ("UpdateKeyDescription", {"description": "other"}),
            ("CancelKeyDeletion", {}),
            ("TagResource", {"tags": [{"tagKey": "a", "tagValue": "b"}]}),
            ("UntagResource", {"tagKeys": ["a"]}),
        ],
    )
    def test_changes_of_a_key(self, world: World, good: Good, name: str, parameters: dict[str, Any]) -> None:
        """The key as it was named; the answer is recorded as the key ARN, although the API may answer nothing."""
        key_id = good[name]["KeyId"]
        world.call(name, good[name])
        record = world.record()
        assert record["requestParameters"] == {"keyId": key_id, **parameters}
        assert record["responseElements"] == {"keyId": arn_of(key_id)}
        assert record["resources"] == [resource(arn_of(key_id))]

    def test_the_beginning_of_a_window(self, world: World, good: Good) -> None:
        """ScheduleKeyDeletion: all that was answered, the date as text."""
        key_id = good["ScheduleKeyDeletion"]["KeyId"]
        world.call("ScheduleKeyDeletion", good["ScheduleKeyDeletion"])
        record = world.record()
        assert record["requestParameters"] == {"keyId": key_id, "pendingWindowInDays": 7}
        assert record["responseElements"] == {
            "keyId": arn_of(key_id),
            "keyState": "PendingDeletion",
            "deletionDate": "Sep 28, 2026, 2:13:20 PM",
            "pendingWindowInDays": 7,
        }

    def test_aliases(self, world: World, good: Good) -> None:
        """The alias and its key are resources; for UpdateAlias the answer is the new key."""
        for name in ("CreateAlias", "UpdateAlias", "DeleteAlias"):
            parameters = good[name]
            alias = parameters["AliasName"]
            known = {entry["AliasName"]: entry["TargetKeyId"] for entry in world.call("ListAliases")["Aliases"]}
            keys = [arn_of(key) for key in (known.get(alias), parameters.get("TargetKeyId")) if key]
            world.call(name, parameters)
            record = world.record()
            alias_arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:{alias}"
            assert record["requestParameters"] == {key[0].lower() + key[1:]: value for key, value in parameters.items()}
            assert record["resources"] == [resource(alias_arn), *map(resource, keys)]
            assert record["responseElements"] == {"keyId": keys[-1]}

    def test_policies(self, world: World, good: Good) -> None:
        """The text that was set is recorded, the text that was read is not."""
        world.call("PutKeyPolicy", good["PutKeyPolicy"])
        record = world.record()
        assert record["requestParameters"] == {
            "keyId": good["PutKeyPolicy"]["KeyId"],
            "policyName": "default",
            "policy": good["PutKeyPolicy"]["Policy"],
            "bypassPolicyLockoutSafetyCheck": False,
        }
        assert record["responseElements"] is None
        world.call("GetKeyPolicy", good["GetKeyPolicy"])
        expected = {"keyId": good["GetKeyPolicy"]["KeyId"], "policyName": "default"}
        assert world.record()["requestParameters"] == expected

    def test_listings_and_randomness(self, world: World, good: Good) -> None:
        """What is about no key has no resources; GenerateRandom records nothing of its parameters."""
        expected: dict[str, dict[str, Any] | None] = {
            "ListKeys": {"limit": 1},
            "ListAliases": {"limit": 1, "keyId": good["ListAliases"]["KeyId"]},
            "GenerateRandom": None,
        }
        for name, parameters in expected.items():
            world.call(name, good[name])
            assert world.record()["requestParameters"] == parameters
            assert world.record()["resources"] == []
        world.call("ListKeys")
        assert world.record()["requestParameters"] is None

    def test_names_are_recorded_as_the_caller_gave_them(self, world: World, good: Good) -> None:
        """An alias stays an alias in the parameters; the resource is the key."""
        world.call("DescribeKey", {"KeyId": "alias/old"})
        record = world.record()
        assert record["requestParameters"] == {"keyId": "alias/old"}
        (target,) = [entry for entry in world.call("ListAliases")["Aliases"] if entry["AliasName"] == "alias/old"]
        assert record["resources"] == [resource(arn_of(target["TargetKeyId"]))]
        assert good["UpdateAlias"]["AliasName"] == "alias/old"


class TestEnvelope:
    """The fields that every record has."""

    def test_all_fields_in_their_order(self, world: World, good: Good) -> None:
        """A success and a refusal over TLS have CloudTrail's fields in CloudTrail's order; absent is not null."""
        tls = TLSDetails("TLSv1.3", "TLS_AES_256_GCM_SHA384")
        for parameters, absent in (
            (good["Encrypt"], {"errorCode", "errorMessage"}),
            ({}, {"additionalEventData", "resources"}),
        ):
            world.send(changed(world.request("Encrypt", parameters), tls=tls))
            assert list(world.record()) == [field for field in FIELDS if field not in absent]
        assert world.record()["tlsDetails"] == {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_256_GCM_SHA384",
            "clientProvidedHostHeader": "kms.us-east-1.amazonaws.com",
        }

    def test_who_when_where(self, world: World) -> None:
        """An IAM user by name, the time in whole seconds, the peer and its program as it named itself."""
        world.clock.seconds = 1_800_000_000.9
        world.send(changed(world.request("ListKeys", region="eu-west-1"), ("user-agent", "Boto3/1.44.5 ü")))
        record = world.record()
        assert record["userIdentity"] == {
            "type": "IAMUser",
            "principalId": record["userIdentity"]["principalId"],
            "arn": f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin",
            "accountId": ALICE_ACCOUNT,
            "accessKeyId": world.credentials[ALICE_ACCOUNT].access_key_id,
            "userName": "admin",
        }
        assert record["userIdentity"]["principalId"].startswith("AIDA")
        assert record["eventTime"] == "2027-01-15T08:00:00Z"
        expected = {
            "eventVersion": "1.11",
            "eventSource": "kms.amazonaws.com",
            "eventName": "ListKeys",
            "awsRegion": "eu-west-1",
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "Boto3/1.44.5 ü",
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "eventCategory": "Management",
            "recipientAccountId": ALICE_ACCOUNT,
        }
        assert {name: record[name] for name in expected} == expected

    def test_root(self, world: World) -> None:
        """The root user has its account as principal and no user name."""
        world.call("ListKeys", by=f"{BOB_ACCOUNT}-root")
        assert world.record()["userIdentity"] == {
            "type": "Root",
            "principalId": BOB_ACCOUNT,
            "arn": f"arn:aws:iam::{BOB_ACCOUNT}:root",
            "accountId": BOB_ACCOUNT,
            "accessKeyId": world.credentials[f"{BOB_ACCOUNT}-root"].access_key_id,
        }

    def test_a_stranger(self, world: World) -> None:
        """Whoever did not sign, or not rightly, is nobody: no account, no Region, no parameters."""
        request = world.request("DescribeKey", {"KeyId": "canary"})
        for stranger in (changed(request, body=b"{}"), msgspec.structs.replace(request, headers=request.headers[:3])):
            world.send(stranger)
            record = world.record()
            assert record["userIdentity"] == ANONYMOUS
            assert (record["eventName"], record["awsRegion"]) == ("DescribeKey", "unknown")
            assert record["requestParameters"] is None
            assert "recipientAccountId" not in record
            assert "canary" not in json.dumps(record)

    @pytest.mark.parametrize(
        ("target", "name"),
        [
            ("TrentService.Nothing", "Nothing"),
            ("Other.Thing", "Thing"),
            ("TrentService." + "A" * 65, "Unknown"),
            ("TrentService.a\nb", "Unknown"),
            ('TrentService."', "Unknown"),
            ("TrentService", "Unknown"),
        ],
    )
    def test_what_nobody_knows_the_operation_of(self, world: World, target: str, name: str) -> None:
        """A name that could be one is kept; anything else is Unknown."""
        headers = (("x-amz-target", target),)
        world.send(HTTPRequest(method="POST", target="/", headers=headers, body=b"", peer="::1"))
        assert world.record()["eventName"] == name
        assert world.record()["errorCode"] == "UnknownOperationException"

    def test_long_texts_are_cut(self, world: World) -> None:
        """Program names and error texts have 1,024 characters at most."""
        request = world.request("DescribeKey", {"KeyId": "n" * 2048})
        world.send(changed(request, ("user-agent", "u" * 16_000)))
        record = world.record()
        assert (len(record["userAgent"]), len(record["errorMessage"])) == (1024, 1024)

    def test_records_are_bounded(self, world: World, good: Good) -> None:
        """However much a caller sends: CloudTrail has 100 KB for requestParameters and 256 KB for a record."""
        large = {"EncryptionContext": {"canary": "x" * 600_000}}
        outcome = world.send(world.request("Encrypt", good["Encrypt"] | large))
        assert outcome.record is not None
        assert len(outcome.record.body) < 256 * 1024
        assert len(json.dumps(world.record()["requestParameters"])) <= 100 * 1024


class TestErrors:
    """How a refusal is recorded."""

    def test_refused_access(self, world: World, good: Good) -> None:
        """The code is cut to AccessDenied, parameters are null, the text is AWS's."""
        key_id = good["Encrypt"]["KeyId"]
        world.send(world.request("Encrypt", good["Encrypt"] | {"KeyId": arn_of(key_id)}, by=BOB_ACCOUNT))
        record = world.record()
        assert (record["errorCode"], record["requestParameters"]) == ("AccessDenied", None)
        assert record["errorMessage"].startswith(f"User: arn:aws:iam::{BOB_ACCOUNT}:user/admin is not authorized to ")
        assert record["recipientAccountId"] == BOB_ACCOUNT

    def test_others_keep_their_names(self, world: World, good: Good) -> None:
        """Code and text of the answer, with the parameters; an error without text has none in the record."""
        world.send(world.request("DescribeKey", {"KeyId": UNKNOWN_KEY}))
        record = world.record()
        assert record["errorCode"] == "NotFoundException"
        assert record["errorMessage"] == f"Key '{arn_of(UNKNOWN_KEY)}' does not exist"
        assert record["requestParameters"] == {"keyId": UNKNOWN_KEY}
        assert "resources" not in record
        world.send(world.request("Decrypt", good["Decrypt"] | {"EncryptionContext": {}}))
        record = world.record()
        assert record["errorCode"] == "InvalidCiphertextException"
        assert "errorMessage" not in record
        assert len(record["resources"]) == 1

    def test_a_blob_of_another_account_says_nothing_to_its_finder(self, world: World) -> None:
        """The caller's record of a refused Decrypt does not tell whose key made the blob, or that it still exists."""
        key = world.make_key()
        blob = world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})["CiphertextBlob"]
        world.send(world.request("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT))
        assert world.record()["errorCode"] == "AccessDenied"
        assert ALICE_ACCOUNT not in json.dumps(world.record())


class TestSecrets:
    """Never recorded, in any form: plaintext, blobs, data keys, key material, random bytes, grant tokens."""

    @pytest.fixture
    def entropy(self) -> RememberingEntropy:
        return RememberingEntropy()

    @pytest.fixture
    def world(self, entropy: RememberingEntropy) -> World:
        return World(entropy=entropy)

    def test_no_record_and_no_log_holds_a_secret(
        self, world: World, good: Good, entropy: RememberingEntropy, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Through every operation, granted and refused, with canaries wherever a secret can be."""
        records: list[str] = []
        answers: set[str] = set()
        variants: list[dict[str, Any]] = [
            {},
            {"DryRun": True},
            {"EncryptionContext": {"other": "1"}},
            {"KeyId": UNKNOWN_KEY},
        ]
        with caplog.at_level(logging.DEBUG):
            for name, parameters in good.items():
                for variant, by in product(variants, (ALICE_ACCOUNT, BOB_ACCOUNT)):
                    outcome = world.send(world.request(name, parameters | variant, by=by))
                    records.append(json.dumps(world.record()))
                    answers |= secrets_in(parameters) | secrets_in(json.loads(outcome.response.body or b"{}"))
        written = "\n".join([*records, *map(json.dumps, world.committed_records()), caplog.text])
        rows = world.database.records.rows.values()
        secrets = [b"canary plaintext", *(row.wrapped for row in rows if isinstance(row, KeyMaterial) and row.wrapped)]
        secrets += [drawn for drawn in entropy.drawn if len(drawn) >= 16]
        # Grant IDs are random and no secrets.
        public = set(re.findall(r'"grantId": "([0-9a-f]{64})"', written))
        forbidden = (answers | {form for secret in secrets for form in forms(secret)}) - public
        assert len(records) == len(OPERATIONS) * 8
        assert len(forbidden) > 200
        assert not [form for form in forbidden if form in written]
        assert "canary" not in written


def forms(secret: bytes) -> set[str]:
    """How secret bytes might be written."""
    return {secret.hex(), b64encode(secret).decode(), b64encode(secret).decode().rstrip("=")}


def secrets_in(members: Mapping[str, Any]) -> set[str]:
    """What of a request or an answer no record may hold: all but names, contexts and the public half of a key."""
    return {value for member, value in members.items() if member in NEVER_RECORDED}
