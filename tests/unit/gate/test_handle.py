"""One request, end to end: the order of the steps, and what becomes of whatever goes wrong."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from harness.troubled import Event, TroubledDatabase, fail_with, in_turn, nothing
from harness.world import ALICE_ACCOUNT, MODEL, REGION, Refused, World
from selfkms.domain.errors import RequestEntityTooLargeException
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.records import Put
from selfkms.domain.tags import Tag
from selfkms.gate.outcome import Outcome
from selfkms.ports.database import ConflictError, CorruptRecordError, DatabaseUnavailableError
from selfkms.protocol.http import HTTPRequest
from selfkms.services.kms.table import OPERATIONS

INSIDE = "canary of the inside"
INTERNAL = (
    "KMSInternalException",
    "The request was rejected because an internal exception occurred. The request can be retried.",
)
UNKNOWN_KEY = "00000000-0000-0000-0000-000000000000"
WITHOUT_OUTPUT = {
    "CreateAlias",
    "UpdateAlias",
    "DeleteAlias",
    "EnableKey",
    "DisableKey",
    "PutKeyPolicy",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
    "EnableKeyRotation",
    "UpdatePrimaryRegion",
    "DisableKeyRotation",
    "RetireGrant",
    "RevokeGrant",
}
CHANGING = WITHOUT_OUTPUT | {"CreateKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "RotateKeyOnDemand"}
CHANGING |= {"ImportKeyMaterial", "DeleteImportedKeyMaterial", "CreateGrant", "ReplicateKey"}
SLOW = {
    "Encapsulate",
    "Decapsulate",
    "ListGrants",
    "ListRetirableGrants",
    "GetKeyLastUsage",
    "GetParametersForImport",
    "ListKeys",
    "Sign",
    "Verify",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
}


def answer(outcome: Outcome) -> tuple[int, dict[str, Any]]:
    return outcome.response.status, json.loads(outcome.response.body)


def unsigned(request: HTTPRequest, **fields: Any) -> HTTPRequest:
    """The same request with other fields, which its signature does not fit any more."""
    return msgspec.structs.replace(request, **fields)


def with_target(request: HTTPRequest, target: str | None) -> HTTPRequest:
    headers = [header for header in request.headers if header[0] != "x-amz-target"]
    return unsigned(request, headers=(*headers, *([("x-amz-target", target)] if target is not None else [])))


def committed(world: World) -> int:
    return len(world.committed_records())


class TestEnvelope:
    """Which operation of which service: known from the headers alone."""

    @pytest.mark.parametrize(
        "target",
        [
            None,
            "",
            "TrentService",
            "TrentService.",
            "TrentService.Nothing",
            "TrentService.encrypt",
            "TrentService.Encrypt.Encrypt",
            "trentservice.Encrypt",
            ".Encrypt",
            "Encrypt",
            "OtherService.Encrypt",
            "TrentService.CreateKey\x00",
        ],
    )
    def test_an_unknown_operation(self, world: World, target: str | None) -> None:
        """An operation that no service has is unknown, whatever the signature; the answer holds its code alone."""
        outcome = world.send(with_target(world.request("Encrypt"), target))
        assert answer(outcome) == (400, {"__type": "UnknownOperationException"})
        assert outcome.record is not None

    @pytest.mark.parametrize("method", ["GET", "PUT", "post", "OPTIONS"])
    def test_operations_are_posted(self, world: World, method: str) -> None:
        """Another method is no operation."""
        outcome = world.send(unsigned(world.request("ListKeys"), method=method))
        assert answer(outcome) == (400, {"__type": "UnknownOperationException"})

    @pytest.mark.parametrize("name", sorted(MODEL.operations.keys() - OPERATIONS.keys()))
    def test_an_operation_that_is_not_served(self, world: World, name: str) -> None:
        """Every other operation of the model is refused once its caller is known, before its body is looked at."""
        outcome = world.send(world.request(name, body=b"no JSON"))
        text = f"{name} is not supported yet."
        assert answer(outcome) == (400, {"__type": "UnsupportedOperationException", "message": text})
        outcome = world.send(unsigned(world.request(name), body=b"other"))
        assert answer(outcome)[1]["__type"] == "InvalidSignatureException"

    def test_the_table_names_operations_of_the_model(self) -> None:
        """Nothing is served that AWS KMS does not have."""
        assert OPERATIONS.keys() <= MODEL.operations.keys()


class TestOrder:
    """Authentication, then validation, then what exists, then permission, then state, then the operation itself."""

    @pytest.mark.parametrize("body", [b"", b"no JSON", b"\xff", b"[[[[", b'{"KeyId": 1}', b'{"KeyId": ""}'])
    def test_a_body_is_not_parsed_for_a_bad_signature(self, world: World, body: bytes) -> None:
        """Whatever the body, a signature that is not its own is all that is said."""
        outcome = world.send(unsigned(world.request("DescribeKey", {"KeyId": UNKNOWN_KEY}), body=body))
        assert answer(outcome)[1]["__type"] == "InvalidSignatureException"

    @pytest.mark.parametrize("body", [b"no JSON", b"\xff", b"[]", b'{"KeyId": 1}', b'{"KeyId": NaN}'])
    def test_a_body_is_parsed_after_authentication(self, world: World, body: bytes) -> None:
        """A signed body that is no JSON, or has another type than the model says, is a SerializationException."""
        status, found = answer(world.send(world.request("DescribeKey", body=body)))
        assert (status, found["__type"]) == (400, "SerializationException")

    def test_validation_comes_before_resolving(self, world: World) -> None:
        """A parameter outside the model is refused although the key does not exist either."""
        parameters: dict[str, Any] = {"KeyId": UNKNOWN_KEY, "PendingWindowInDays": 31}
        assert world.refusal("ScheduleKeyDeletion", parameters)[0] == "ValidationException"
        parameters["PendingWindowInDays"] = 30
        assert world.refusal("ScheduleKeyDeletion", parameters)[0] == "NotFoundException"

    def test_what_the_service_demands_is_checked_before_resolving(self, world: World) -> None:
        """So is what the model cannot say."""
        assert world.refusal("GenerateDataKey", {"KeyId": UNKNOWN_KEY})[0] == "ValidationException"

    def test_resolving_comes_before_permission(self, world: World) -> None:
        """A key of the caller's own account that does not exist is not found, also by a caller with no permission."""
        world.strip_of_policies(ALICE_ACCOUNT)
        assert world.refusal("DescribeKey", {"KeyId": UNKNOWN_KEY})[0] == "NotFoundException"

    def test_permission_comes_before_state(self, world: World) -> None:
        """A caller who may not use a key does not learn its state."""
        key_id = world.make_key()["KeyId"]
        world.call("DisableKey", {"KeyId": key_id})
        encrypting = {"KeyId": key_id, "Plaintext": "AA=="}
        assert world.refusal("Encrypt", encrypting)[0] == "DisabledException"
        world.strip_of_policies(ALICE_ACCOUNT)
        assert world.refusal("Encrypt", encrypting)[0] == "AccessDeniedException"

    def test_state_comes_before_the_operation_itself(self, world: World) -> None:
        """A disabled key says so before a blob is looked at, an algorithm compared or a policy read."""
        key_id = world.make_key()["KeyId"]
        world.call("ScheduleKeyDeletion", {"KeyId": key_id})
        requests: dict[str, dict[str, Any]] = {
            "Decrypt": {"KeyId": key_id, "CiphertextBlob": "AA=="},
            "Encrypt": {"KeyId": key_id, "Plaintext": "AA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_1"},
            "TagResource": {"KeyId": key_id, "Tags": [{"TagKey": str(n), "TagValue": ""} for n in range(51)]},
        }
        for operation, parameters in requests.items():
            assert world.refusal(operation, parameters)[0] == "KMSInvalidStateException"


class TestAnswers:
    """What every answer has."""

    def test_every_operation_is_tried(self, good: Mapping[str, Any]) -> None:
        """There is a request of every operation that is served: a new one must be added to them."""
        assert good.keys() == OPERATIONS.keys()

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_an_operation_without_output_answers_with_an_empty_body(
        self, world: World, good: Mapping[str, Any], name: str
    ) -> None:
        """Not `{}`: nothing. All others answer an object. Status 200 either way."""
        outcome = world.send(world.request(name, good[name]))
        assert outcome.response.status == 200
        if name in WITHOUT_OUTPUT:
            assert outcome.response.body == b""
        else:
            assert json.loads(outcome.response.body)

    @pytest.mark.parametrize("parameters", [{"Limit": 1}, {"Limit": 0}])
    def test_headers(self, world: World, parameters: dict[str, int]) -> None:
        """Answers and errors have the protocol's content type and the request ID that the audit has."""
        outcome = world.send(world.request("ListKeys", parameters))
        request_id = world.record()["requestID"]
        headers = (("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", request_id))
        assert outcome.response.headers == outcome.otherwise().headers == headers

    def test_request_ids_differ(self, world: World) -> None:
        """Each request has an ID of its own, and its event another."""
        found = set()
        for _ in range(3):
            world.call("ListKeys")
            found |= {world.record()["requestID"], world.record()["eventID"]}
        assert len(found) == 6

    def test_errors_have_type_and_text(self, world: World) -> None:
        """`__type` and a small `message`; only a refusal of access writes it large."""
        with pytest.raises(Refused) as refused:
            world.call("DescribeKey", {"KeyId": "nothing"})
        assert refused.value.body == {"__type": "NotFoundException", "message": "Invalid keyId 'nothing'"}
        world.strip_of_policies(ALICE_ACCOUNT)
        with pytest.raises(Refused) as refused:
            world.call("ListKeys")
        assert refused.value.body.keys() == {"__type", "Message"}
        assert refused.value.status == 400

    def test_the_other_answer_is_internal(self, world: World) -> None:
        """What is answered when the record cannot be made safe holds nothing of the result."""
        for request in (world.request("GenerateRandom", {"NumberOfBytes": 9}), world.request("Nothing")):
            outcome = world.send(request)
            code, text = INTERNAL
            assert outcome.otherwise().status == 500
            assert json.loads(outcome.otherwise().body) == {"__type": code, "message": text}

    def test_what_never_became_a_request(self, world: World) -> None:
        """The server's own refusals are answered like all others, with a request ID."""
        response = world.gate.refuse(RequestEntityTooLargeException("too large"))
        assert response.status == 413
        assert json.loads(response.body)["__type"] == "RequestEntityTooLargeException"
        assert dict(response.headers)["x-amzn-requestid"]


class TestOffLoop:
    """What may take longer than a turn of the event loop."""

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_changes_run_off_the_loop(self, world: World, name: str) -> None:
        """Exactly the operations that change records do, and those that may take milliseconds."""
        assert world.gate.off_loop(world.request(name)) is (name in CHANGING | SLOW)

    def test_decryption_with_a_private_key_does(self, world: World) -> None:
        """RSA takes milliseconds where symmetric keys take none."""
        parameters = {"CiphertextBlob": "AAAA", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
        assert world.gate.off_loop(world.request("Decrypt", parameters))

    @pytest.mark.parametrize(
        "target", [None, "", "TrentService.CreateCustomKeyStore", "Other.CreateKey", "TrentService.", "."]
    )
    def test_what_is_refused_anyway_does_not(self, world: World, target: str | None) -> None:
        """Unknown and unserved operations are not worth a thread."""
        assert world.gate.off_loop(with_target(world.request("Encrypt"), target)) is False


class TestFailures:
    """Whatever we did not foresee is answered with nothing of the inside, and recorded."""

    def internal(self, world: World, operation: str, parameters: Mapping[str, Any]) -> None:
        """A request fails: KMSInternalException, status 500, a record, nothing of the inside."""
        outcome = world.send(world.request(operation, parameters))
        code, text = INTERNAL
        assert answer(outcome) == (500, {"__type": code, "message": text})
        assert outcome.record is not None
        assert world.record()["errorCode"] == "KMSInternalException"
        assert INSIDE.encode() not in outcome.response.body + outcome.record.body

    @pytest.mark.parametrize("error", [RuntimeError(INSIDE), KeyError(INSIDE), AssertionError(INSIDE), OSError(INSIDE)])
    @pytest.mark.parametrize("name", ["DescribeKey", "UpdateKeyDescription", "GenerateRandom"])
    def test_a_handler_that_raises_something(
        self, error: Exception, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A handler's own failure is logged whole, with the request ID, and changes nothing."""

        def fail(*_: object) -> None:
            raise error

        broken = msgspec.structs.replace(OPERATIONS[name], run=fail)
        world = World(operations={**OPERATIONS, name: broken})
        key_id = world.make_key()["KeyId"]
        before = world.database.records.rows, committed(world)
        parameters = {
            "DescribeKey": {"KeyId": key_id},
            "UpdateKeyDescription": {"KeyId": key_id, "Description": ""},
            "GenerateRandom": {"NumberOfBytes": 1},
        }[name]
        with caplog.at_level(logging.ERROR):
            self.internal(world, name, parameters)
        assert (world.database.records.rows, committed(world)) == before
        assert INSIDE in caplog.text
        assert world.record()["requestID"] in caplog.text

    @pytest.mark.parametrize(
        "error", [RuntimeError(INSIDE), DatabaseUnavailableError(INSIDE), CorruptRecordError(INSIDE)]
    )
    def test_a_database_that_cannot_be_read(self, error: Exception) -> None:
        """Reading fails: an internal error for the client, for requests that change something and for others."""
        database = TroubledDatabase()
        world = World(database=database)
        key_id = world.make_key()["KeyId"]
        database.before_key = fail_with(error)
        self.internal(world, "DescribeKey", {"KeyId": key_id})
        self.internal(world, "DisableKey", {"KeyId": key_id})
        assert world.record()["eventName"] == "DisableKey"

    @pytest.mark.parametrize(
        "error", [RuntimeError(INSIDE), DatabaseUnavailableError(INSIDE), CorruptRecordError(INSIDE)]
    )
    def test_a_database_that_cannot_be_written(self, error: Exception) -> None:
        """Writing fails: nothing is changed, nothing is committed, and the journal gets the record."""
        database = TroubledDatabase()
        world = World(database=database)
        key_id = world.make_key()["KeyId"]
        before = database.records.rows, committed(world)
        database.before_commit = fail_with(error)
        self.internal(world, "DisableKey", {"KeyId": key_id})
        assert (database.records.rows, committed(world)) == before
        record = world.record()
        assert record["requestParameters"] == {"keyId": key_id}
        assert record["responseElements"] is None
        database.before_commit = nothing
        assert world.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["Enabled"] is True

    def test_a_change_of_which_nothing_is_known(self) -> None:
        """A commit that was written and not confirmed fails; neither of the two records hides the other."""
        database = TroubledDatabase()
        world = World(database=database)
        key_id = world.make_key()["KeyId"]
        database.after_commit = fail_with(DatabaseUnavailableError(INSIDE))
        self.internal(world, "DisableKey", {"KeyId": key_id})
        failure, change = world.record(), world.committed_records()[-1]
        assert failure["eventID"] != change["eventID"]
        assert failure["requestID"] == change["requestID"]
        assert (failure["errorCode"], "errorCode" in change) == ("KMSInternalException", False)

    def test_the_next_request_is_answered(self) -> None:
        """A failure is one request's: the gate goes on."""
        database = TroubledDatabase()
        world = World(database=database)
        database.before_key = fail_with(RuntimeError(INSIDE))
        key_id = world.make_key()["KeyId"]
        self.internal(world, "DescribeKey", {"KeyId": key_id})
        database.before_key = nothing
        assert world.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["KeyId"] == key_id


class TestConflicts:
    """A record that changed between reading and writing: the request is decided again, on what is true now."""

    @pytest.fixture
    def database(self) -> TroubledDatabase:
        return TroubledDatabase()

    @pytest.fixture
    def world(self, database: TroubledDatabase) -> World:
        return World(database=database)

    @pytest.fixture
    def key_id(self, world: World) -> str:
        made: str = world.make_key()["KeyId"]
        return made

    def changing(self, database: TroubledDatabase, key_id: str, **fields: object) -> Event:
        """Somebody else changes the key."""

        def change() -> None:
            key = database.key(ALICE_ACCOUNT, REGION, key_id)
            assert key is not None
            database.write(Put(key.changed(**fields)))

        return change

    def test_nothing_of_either_change_is_lost(self, world: World, database: TroubledDatabase, key_id: str) -> None:
        """Two tag the same key at once: both tags stand in the end, and one record of the request."""
        database.before_commit = in_turn(self.changing(database, key_id, tags=(Tag("theirs", "1"),)))
        before = committed(world), database.commits_tried
        world.call("TagResource", {"KeyId": key_id, "Tags": [{"TagKey": "ours", "TagValue": "2"}]})
        tags = world.call("ListResourceTags", {"KeyId": key_id})["Tags"]
        assert [tag["TagKey"] for tag in tags] == ["theirs", "ours"]
        assert (committed(world), database.commits_tried) == (before[0] + 1, before[1] + 2)

    def test_a_request_may_be_refused_the_second_time(
        self, world: World, database: TroubledDatabase, key_id: str
    ) -> None:
        """What meanwhile forbids the change forbids it; nothing was written, and the record says so."""
        change = self.changing(database, key_id, state=KeyState.PENDING_DELETION, deletion_at=0.0)
        database.before_commit = in_turn(change)
        before = committed(world)
        assert world.refusal("DisableKey", {"KeyId": key_id})[0] == "KMSInvalidStateException"
        assert world.record()["errorCode"] == "KMSInvalidStateException"
        assert committed(world) == before

    def test_permission_is_asked_for_again(self, world: World, database: TroubledDatabase, key_id: str) -> None:
        """A policy that was replaced meanwhile counts."""
        policy = '{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}}'
        database.before_commit = in_turn(self.changing(database, key_id, policy=policy))
        assert world.refusal("DisableKey", {"KeyId": key_id})[0] == "AccessDeniedException"

    def test_a_name_that_was_taken_meanwhile(self, world: World, database: TroubledDatabase, key_id: str) -> None:
        """Of two who make one alias at once, the second is told that it exists."""
        alias = Alias(
            account_id=ALICE_ACCOUNT,
            region=REGION,
            alias_name="alias/a",
            target_key_id=key_id,
            created_at=0.0,
            updated_at=0.0,
        )
        database.before_commit = in_turn(lambda: database.write(Put(alias)))
        refusal = world.refusal("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key_id})
        assert refusal[0] == "AlreadyExistsException"

    def test_the_record_is_about_the_last_decision(self, world: World, database: TroubledDatabase) -> None:
        """A key that was made in vain is in no record: the one that came into being is, alone."""
        first = world.make_key()
        database.before_commit = in_turn(fail_with(ConflictError()))
        key = world.make_key()
        assert [resource["ARN"] for resource in world.record()["resources"]] == [key["Arn"]]
        assert world.record()["responseElements"]["keyMetadata"]["keyId"] == key["KeyId"]
        assert [entry["KeyId"] for entry in world.call("ListKeys")["Keys"]] == [first["KeyId"], key["KeyId"]]

    def test_after_eight_times_the_client_may_try_again(
        self, world: World, database: TroubledDatabase, key_id: str
    ) -> None:
        """A request that always comes too late ends in DependencyTimeoutException, status 500, and changes nothing."""
        before = committed(world), database.commits_tried, database.records.rows
        database.before_commit = fail_with(ConflictError(INSIDE))
        outcome = world.send(world.request("DisableKey", {"KeyId": key_id}))
        status, found = answer(outcome)
        assert (status, found["__type"]) == (500, "DependencyTimeoutException")
        assert INSIDE not in found["message"]
        assert (committed(world), database.commits_tried, database.records.rows) == (
            before[0],
            before[1] + 8,
            before[2],
        )
        assert world.record()["errorCode"] == "DependencyTimeoutException"
        assert world.record()["responseElements"] is None

    def test_the_eighth_time_still_counts(self, world: World, database: TroubledDatabase, key_id: str) -> None:
        """Seven times too late and then in time is a success."""
        database.before_commit = in_turn(*[fail_with(ConflictError())] * 7)
        world.call("DisableKey", {"KeyId": key_id})
        assert world.record()["eventName"] == "DisableKey"

    def test_others_changes_are_looked_for_in_between(
        self, world: World, database: TroubledDatabase, key_id: str
    ) -> None:
        """Before it decides again the gate asks the database for news; if there is no answer, the request fails."""
        database.before_refresh = in_turn(nothing, fail_with(DatabaseUnavailableError(INSIDE)))
        database.before_commit = fail_with(ConflictError())
        assert world.refusal("DisableKey", {"KeyId": key_id}) == INTERNAL


class TestDatabaseAway:
    """A database that does not answer when a turn begins."""

    @pytest.fixture
    def database(self) -> TroubledDatabase:
        return TroubledDatabase()

    @pytest.fixture
    def world(self, database: TroubledDatabase) -> World:
        return World(database=database)

    def test_what_is_in_memory_works_for_a_while(self, world: World, database: TroubledDatabase) -> None:
        """For 30 seconds requests are answered from what is remembered; then it may have been revoked meanwhile."""
        key_id = world.make_key()["KeyId"]
        database.before_refresh = fail_with(DatabaseUnavailableError(INSIDE))
        world.clock.wall_ahead_seconds = 25.0
        world.call("DescribeKey", {"KeyId": key_id})
        world.clock.wall_ahead_seconds = 31.0
        with pytest.raises(Refused) as refused:
            world.call("DescribeKey", {"KeyId": key_id})
        assert (refused.value.status, refused.value.code) == (500, "DependencyTimeoutException")
        assert refused.value.message == "The database does not answer. The request can be retried."
        assert world.record()["errorCode"] == "DependencyTimeoutException"

    def test_it_works_again_when_the_database_answers(self, world: World, database: TroubledDatabase) -> None:
        """However long it was away."""
        database.before_refresh = fail_with(DatabaseUnavailableError(INSIDE))
        world.clock.wall_ahead_seconds = 100.0
        assert world.refusal("ListKeys")[0] == "DependencyTimeoutException"
        database.before_refresh = nothing
        world.call("ListKeys")
        database.before_refresh = fail_with(DatabaseUnavailableError(INSIDE))
        world.clock.wall_ahead_seconds = 125.0
        world.call("ListKeys")
