"""What the audit knows of calls that one service makes to AWS KMS."""

from collections.abc import Sequence
from typing import Any

import pytest

from harness.calling_service import (
    CONTEXT,
    FRONT,
    INNER,
    OUTER,
    ROOT,
    THROUGH_EC2,
    VIA,
    alias,
    ask,
    code,
    data_key,
    grant_to_service,
    inner,
    on_behalf,
    records_of,
    world_with,
)
from harness.policies import allow, new_user, set_key_policy
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, Refused, is_copy
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AccessDeniedException, ValidationException
from selfkms.domain.kms.grants import GrantConstraints
from selfkms.domain.records import Change
from selfkms.domain.secrets import Secret
from selfkms.gate.record import as_sent
from selfkms.ports.database import ConflictError, DatabaseUnavailableError
from selfkms.services.context import Context
from selfkms.services.kms.data_keys import GenerateDataKeyRequest
from selfkms.services.kms.encryption import DecryptRequest, EncryptRequest
from selfkms.services.kms.grants import CreateGrantRequest


class TroubledDatabase(MemoryDatabase):
    """The next commit of a request fails once, before or after it is written."""

    def __init__(self, trouble: Exception, *, written: bool = False) -> None:
        super().__init__()
        self.armed = False
        self._trouble = trouble
        self._written = written

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        if self.armed:
            self.armed = False
            if self._written:
                super().commit(changes, audit)
            raise self._trouble
        super().commit(changes, audit)


class TestRecords:
    """Each call has an audit record of its own, as if a client had sent it, but for who it came through."""

    def test_of_a_success(self) -> None:
        """The caller, invoked by the service; no address and program but the service's name."""
        world = world_with(data_key)
        key = world.make_key()
        ask(world, key["KeyId"])
        record, outer = inner(world), inner(world, OUTER)
        assert record["userIdentity"] == {**outer["userIdentity"], "invokedBy": FRONT}
        assert (record["sourceIPAddress"], record["userAgent"]) == (FRONT, FRONT)
        assert (record["eventSource"], record["awsRegion"], record["readOnly"]) == ("kms.amazonaws.com", REGION, True)
        assert record["resources"] == [{"accountId": ALICE_ACCOUNT, "type": "AWS::KMS::Key", "ARN": key["Arn"]}]
        assert record["eventTime"] == outer["eventTime"]
        assert record["requestID"] != outer["requestID"]
        assert "tlsDetails" not in record

    def test_what_was_sent_is_what_a_client_sends(self) -> None:
        """Parameters and whatever stands beside them are those of a direct call."""
        world = world_with(data_key)
        key_id = world.make_key()["KeyId"]
        ask(world, key_id)
        record = inner(world)
        world.call(INNER, {"KeyId": key_id, "NumberOfBytes": 64, "EncryptionContext": CONTEXT})
        for element in ("requestParameters", "responseElements", "additionalEventData", "resources", "readOnly"):
            assert record[element] == world.record()[element]
        assert record["requestParameters"] == {"keyId": key_id, "numberOfBytes": 64, "encryptionContext": CONTEXT}

    def test_a_refusal_is_recorded(self) -> None:
        """The outer request fails, and what KMS refused stands beside it."""
        world = world_with(data_key)
        key_id = world.make_key()["KeyId"]
        new_user(world, "mallory")
        assert code(world, key_id, by="mallory") == "AccessDeniedException"
        record = inner(world)
        assert (record["errorCode"], record["userIdentity"]["invokedBy"]) == ("AccessDenied", FRONT)
        assert record["userIdentity"]["userName"] == "mallory"
        assert inner(world, OUTER)["errorCode"] == "AccessDenied"
        assert inner(world, OUTER)["userIdentity"].get("invokedBy") is None

    def test_what_a_service_does_not_mind_is_recorded(self) -> None:
        """A service may go on without the key: the outer request succeeds."""

        def handler(key_id: str, context: Context) -> object:
            with pytest.raises(AccessDeniedException):
                data_key(key_id, context)
            return "never mind"

        world = world_with(handler)
        key_id = world.make_key()["KeyId"]
        new_user(world, "mallory")
        assert ask(world, key_id, by="mallory") == "never mind"
        assert inner(world)["errorCode"] == "AccessDenied"
        assert "errorCode" not in inner(world, OUTER)

    @pytest.mark.parametrize("error", [ValidationException("no"), RuntimeError("broken")], ids=["refused", "broken"])
    def test_what_was_only_read_stays_when_the_request_fails(self, error: Exception) -> None:
        """The data key was made, and whatever fails afterwards does not take that back."""

        def handler(key_id: str, context: Context) -> object:
            data_key(key_id, context)
            raise error

        world = world_with(handler)
        key_id = world.make_key()["KeyId"]
        with pytest.raises(Refused):
            ask(world, key_id)
        assert "errorCode" not in inner(world)
        assert inner(world, OUTER)["errorCode"] in ("ValidationException", "KMSInternalException")

    def test_what_was_not_changed_is_not_said_to_be(self) -> None:
        """A grant that was never written, since the request failed afterwards, is recorded as a failure."""

        def handler(key_id: str, context: Context) -> object:
            grant_to_service(key_id, context)
            raise ValidationException("no")

        world = world_with(handler)
        key_id = world.make_key()["KeyId"]
        assert code(world, key_id) == "ValidationException"
        record = inner(world, "CreateGrant")
        assert (record["errorCode"], record["responseElements"]) == ("KMSInternalException", None)
        assert record["errorMessage"] == "The request that this call was made for failed."
        assert record["requestParameters"]["keyId"] == key_id
        assert world.call("ListGrants", {"KeyId": key_id})["Grants"] == []

    def test_what_is_changed_is_written_with_the_request(self) -> None:
        """One commit: the changes of both, and the records of both."""

        def handler(key_id: str, context: Context) -> object:
            context.put(alias(key_id, context))
            return grant_to_service(key_id, context)

        world = world_with(handler)
        key_id = world.make_key()["KeyId"]
        grant_id = ask(world, key_id)
        assert world.last is not None
        assert (world.last.record, world.last.copies) == (None, ())
        names = [record["eventName"] for record in world.committed_records()]
        assert sorted(names[-2:]) == ["CreateGrant", OUTER]
        assert world.call("ListGrants", {"KeyId": key_id})["Grants"][0]["GrantId"] == grant_id
        assert world.database.alias(ALICE_ACCOUNT, REGION, "alias/kept") is not None

    def test_a_request_that_is_decided_again_calls_again(self) -> None:
        """What came of the first attempt is forgotten with its records."""
        database = TroubledDatabase(ConflictError())

        def handler(key_id: str, context: Context) -> object:
            data_key(key_id, context)
            context.put(alias(key_id, context))
            return grant_to_service(key_id, context)

        world = world_with(handler, database)
        key_id = world.make_key()["KeyId"]
        database.armed = True
        ask(world, key_id)
        assert not database.armed
        assert len(records_of(world, INNER)) == len(records_of(world, "CreateGrant")) == 1
        assert len(world.call("ListGrants", {"KeyId": key_id})["Grants"]) == 1

    @pytest.mark.parametrize("written", [True, False])
    def test_a_commit_of_unknown_outcome(self, *, written: bool) -> None:
        """Records that may stand with the change have other event IDs than those that say it failed."""
        database = TroubledDatabase(DatabaseUnavailableError(), written=written)

        def handler(key_id: str, context: Context) -> object:
            data_key(key_id, context)
            return grant_to_service(key_id, context)

        world = world_with(handler, database)
        key_id = world.make_key()["KeyId"]
        database.armed = True
        assert code(world, key_id) == "KMSInternalException"
        grants, made = records_of(world, "CreateGrant"), records_of(world, INNER)
        assert [record.get("errorCode") for record in grants] == [None] * written + ["KMSInternalException"]
        assert len({record["eventID"] for record in grants}) == len(grants)
        # What only read is true either way: the journal keeps one of two records with one event ID.
        assert len({record["eventID"] for record in made}) == 1

    def test_a_call_that_breaks_is_recorded(self) -> None:
        """Whatever KMS did not foresee ends as an internal error of the call, and of the request."""

        def broken(*_arguments: object) -> object:
            raise RuntimeError("broken")

        def handler(_key_id: str, context: Context) -> object:
            return on_behalf(context).call("Decrypt", region=REGION, ciphertext_blob=b"x")

        world = world_with(handler)
        world.key_store.identify = broken  # type: ignore[method-assign, assignment]
        assert code(world, "x") == "KMSInternalException"
        assert inner(world, "Decrypt")["errorCode"] == "KMSInternalException"

    def test_no_secret_and_no_ciphertext_is_recorded(self) -> None:
        """Neither what was sent to be decrypted nor what came of it."""
        seen: list[Any] = []

        def handler(key_id: str, context: Context) -> object:
            service = on_behalf(context)
            made = service.call("GenerateDataKey", region=REGION, key_id=key_id, number_of_bytes=64)
            service.call("Decrypt", region=REGION, ciphertext_blob=made.ciphertext_blob)
            seen.extend((made.ciphertext_blob, made.plaintext))
            return "done"

        world = world_with(handler)
        ask(world, world.make_key()["KeyId"])
        assert set(inner(world, "GenerateDataKey")["requestParameters"]) == {"keyId", "numberOfBytes"}
        assert inner(world, "Decrypt")["requestParameters"] == {"encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
        assert inner(world, "Decrypt")["responseElements"] is None


class TestOtherAccounts:
    """A KMS key of another account, by its key policy."""

    def test_the_owner_learns_of_it(self) -> None:
        """A copy under an event ID of its own, which says of the caller the account, and the service."""
        world = world_with(data_key)
        key = world.make_key()
        set_key_policy(world, key["KeyId"], allow("kms:*", principal=BOB_ACCOUNT, condition=THROUGH_EC2))
        assert ask(world, key["Arn"], by=BOB_ACCOUNT) == key["Arn"]
        own, copy = records_of(world, INNER)
        assert (is_copy(own), is_copy(copy)) == (False, True)
        assert own["sharedEventID"] == copy["sharedEventID"]
        assert own["eventID"] != copy["eventID"]
        assert (own["recipientAccountId"], copy["recipientAccountId"]) == (BOB_ACCOUNT, ALICE_ACCOUNT)
        assert copy["userIdentity"] == {
            "type": "AWSAccount",
            "principalId": own["userIdentity"]["principalId"],
            "accountId": BOB_ACCOUNT,
            "invokedBy": FRONT,
        }

    def test_the_owner_has_no_copy_of_what_failed(self) -> None:
        """A refusal is the caller's alone; and so is a change that was not written."""

        def handler(key_id: str, context: Context) -> object:
            grant_to_service(key_id, context)
            raise ValidationException("no")

        world = world_with(handler)
        key = world.make_key()
        assert code(world, key["Arn"], by=BOB_ACCOUNT) == "AccessDeniedException"
        set_key_policy(world, key["KeyId"], allow("kms:*", principal=BOB_ACCOUNT))
        assert code(world, key["Arn"], by=BOB_ACCOUNT) == "ValidationException"
        assert not any(map(is_copy, records_of(world, "CreateGrant")))


def test_parameters_of_a_grant_are_recorded_as_a_client_would_send_them() -> None:
    """All that CreateGrant lets into the audit, to the letter."""
    world = world_with(grant_to_service)
    key_id = world.make_key()["KeyId"]
    ask(world, key_id)
    record = inner(world, "CreateGrant")
    expected = {
        "keyId": key_id,
        "granteeServicePrincipal": VIA,
        "retiringServicePrincipal": VIA,
        "operations": ["Decrypt"],
        "constraints": {"encryptionContextEquals": CONTEXT},
    }
    assert record["requestParameters"] == expected
    assert set(record["responseElements"]) == {"grantId", "keyId"}
    direct = {
        "KeyId": key_id,
        "GranteePrincipal": ROOT,
        "RetiringPrincipal": ROOT,
        "Operations": ["Decrypt"],
        "Constraints": {"EncryptionContextEquals": CONTEXT},
    }
    world.call("CreateGrant", direct)
    renamed = {"granteePrincipal": "granteeServicePrincipal", "retiringPrincipal": "retiringServicePrincipal"}
    parameters = world.record()["requestParameters"]
    assert {renamed.get(name, name) for name in parameters} == set(expected)
    assert parameters["constraints"] == expected["constraints"]


class TestAsSent:
    """Parameters of a call that never was on a wire."""

    def test_are_named_as_aws_names_them(self) -> None:
        """In structures, too."""
        request = CreateGrantRequest(
            key_id="k",
            grantee_service_principal="ec2.us-east-1.amazonaws.com",
            operations=("Decrypt",),
            constraints=GrantConstraints(encryption_context_equals={"aws:ebs:id": "vol-1"}),
        )
        assert as_sent(request) == {
            "KeyId": "k",
            "GranteeServicePrincipal": "ec2.us-east-1.amazonaws.com",
            "Operations": ("Decrypt",),
            "Constraints": {"EncryptionContextEquals": {"aws:ebs:id": "vol-1"}},
        }

    def test_what_was_left_out_is_not_there(self) -> None:
        """Neither None nor a default was sent."""
        request = GenerateDataKeyRequest(key_id="k", number_of_bytes=64, encryption_context={}, grant_tokens=())
        assert as_sent(request) == {"KeyId": "k", "NumberOfBytes": 64}

    def test_secrets_and_blobs_are_not_even_looked_at(self) -> None:
        """No allow-list has them; here they are gone before one is asked."""
        assert as_sent(EncryptRequest(key_id="k", plaintext=Secret(b"canary"))) == {"KeyId": "k"}
        assert as_sent(DecryptRequest(ciphertext_blob=b"canary", key_id="k")) == {"KeyId": "k"}
