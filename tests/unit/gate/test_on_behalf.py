"""One service calls AWS KMS: for a caller, or for itself. What it may do."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from harness.calling_service import (
    INNER,
    OUTER,
    ROOT,
    THROUGH_EC2,
    VIA,
    ChangingService,
    ask,
    blob_of,
    code,
    data_key,
    decrypt,
    for_itself,
    inner,
    on_behalf,
    records_of,
    steps,
    world_with,
)
from harness.policies import allow, deny, document, inline, new_user, only, set_key_policy
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.kms.errors import DisabledException
from selfkms.services.context import Context

SERVICE_MAY_DECRYPT: Final = {
    "Effect": "Allow",
    "Principal": {"Service": VIA},
    "Action": "kms:Decrypt",
    "Resource": "*",
}


class TestDecision:
    """A call on behalf of a caller is decided for that caller, and for the service through which it comes."""

    def test_the_key_policy_may_let_only_the_service(self) -> None:
        """`kms:ViaService`: what may be done through the service may not be done directly."""
        world = world_with(data_key)
        key = world.make_key()
        set_key_policy(world, key["KeyId"], allow("kms:*", principal=ROOT, condition=THROUGH_EC2))
        assert ask(world, key["KeyId"]) == key["Arn"]
        assert world.refusal(INNER, {"KeyId": key["KeyId"], "NumberOfBytes": 64})[0] == "AccessDeniedException"

    def test_the_key_policy_may_keep_the_service_out(self) -> None:
        """A Deny for whatever comes through it."""
        world = world_with(data_key)
        key_id = world.make_key()["KeyId"]
        denied = deny("kms:*", principal="*", condition=THROUGH_EC2)
        set_key_policy(world, key_id, allow("kms:*", principal=ROOT), denied)
        assert code(world, key_id) == "AccessDeniedException"
        world.call(INNER, {"KeyId": key_id, "NumberOfBytes": 64})

    def test_another_region_is_another_service(self) -> None:
        """Each Region's service has a name of its own."""
        world = world_with(data_key)
        key_id = world.make_key()["KeyId"]
        elsewhere = {"StringEquals": {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}}
        set_key_policy(world, key_id, allow("kms:*", principal=ROOT, condition=elsewhere))
        assert code(world, key_id) == "AccessDeniedException"

    def test_the_caller_needs_the_permission(self) -> None:
        """Whoever may not make data keys may not have the service make one."""
        world = world_with(data_key)
        key_id = world.make_key()["KeyId"]
        new_user(world, "mallory")
        assert code(world, key_id, by="mallory") == "AccessDeniedException"

    def test_an_iam_policy_sees_the_service(self) -> None:
        """Its conditions are asked on both sides."""
        world = world_with(data_key)
        key_id = world.make_key()["KeyId"]
        only(world, allow("kms:*", condition={"Bool": {"aws:ViaAWSService": "true"}, **THROUGH_EC2}))
        ask(world, key_id)
        assert world.refusal(INNER, {"KeyId": key_id, "NumberOfBytes": 64})[0] == "AccessDeniedException"

    @pytest.mark.parametrize("name", ["aws:SourceIp", "aws:SecureTransport", "aws:UserAgent", "aws:Referer"])
    def test_the_callers_connection_is_not_the_services(self, name: str) -> None:
        """What the client's request came by says nothing of a call that the service makes: it is absent."""
        world = world_with(data_key)
        key_id = world.make_key()["KeyId"]
        only(world, allow("kms:*", condition={"Null": {name: "true"}}))
        ask(world, key_id)
        only(world, allow("kms:*", condition={"Null": {name: "false"}}))
        assert code(world, key_id) == "AccessDeniedException"

    def test_the_encryption_context_counts(self) -> None:
        """Conditions on it, as for any request."""
        world = world_with(data_key)
        key_id = world.make_key()["KeyId"]
        only(world, allow("kms:*", condition={"StringEquals": {"kms:EncryptionContext:aws:ebs:id": "vol-2"}}))
        assert code(world, key_id) == "AccessDeniedException"
        only(world, allow("kms:*", condition={"StringEquals": {"kms:EncryptionContext:aws:ebs:id": "vol-1"}}))
        ask(world, key_id)

    def test_a_disabled_key(self) -> None:
        """The service gets the error that a client gets."""

        def handler(key_id: str, context: Context) -> object:
            with pytest.raises(DisabledException):
                data_key(key_id, context)
            return "disabled"

        world = world_with(handler)
        key_id = world.make_key()["KeyId"]
        world.call("DisableKey", {"KeyId": key_id})
        assert ask(world, key_id) == "disabled"
        assert inner(world)["errorCode"] == "DisabledException"

    def test_records_of_two_moments_decide_nothing(self) -> None:
        """If somebody changes a policy while the call is decided, the request is decided again, as a whole."""
        database = ChangingDatabase()
        world = world_with(data_key, database)
        key_id = world.make_key()["KeyId"]

        def close() -> None:
            set_key_policy(world, key_id, allow("kms:*", principal=f"arn:aws:iam::{ALICE_ACCOUNT}:user/nobody"))

        database.between = close
        assert code(world, key_id) == "AccessDeniedException"
        assert database.between is None


class ChangingDatabase(MemoryDatabase):
    """Somebody else commits right after a KMS key was read."""

    def __init__(self) -> None:
        super().__init__()
        self.between: Callable[[], None] | None = None

    def key(self, account_id: str, region: str, key_id: str) -> Any:
        found = super().key(account_id, region, key_id)
        if self.between is not None:
            between, self.between = self.between, None
            between()
        return found


class TestForAnAWSResource:
    """`kms:GrantIsForAWSResource`: whether a service asks, who keeps something."""

    @pytest.mark.parametrize("name", ["CreateGrant", "ListGrants", "RevokeGrant"])
    @pytest.mark.parametrize("value", ["true", "false"])
    def test_a_call_of_a_service_is(self, name: str, value: str) -> None:
        """`true` for each of the operations that have it."""
        world = world_with(lambda key_id, context: on_behalf(context).call(name, region=REGION, **sent(name, key_id)))
        key_id = world.make_key()["KeyId"]
        grant = world.call("CreateGrant", {"KeyId": key_id, "GranteePrincipal": ROOT, "Operations": ["Decrypt"]})

        def sent(name: str, key_id: str) -> dict[str, Any]:
            new = {"grantee_principal": ROOT, "operations": ("Decrypt",)}
            further = {"CreateGrant": new, "RevokeGrant": {"grant_id": grant["GrantId"]}}
            return {"key_id": key_id, **further.get(name, {})}

        only(world, allow(f"kms:{name}", condition={"Bool": {"kms:GrantIsForAWSResource": value}}))
        if value == "true":
            ask(world, key_id)
        else:
            assert code(world, key_id) == "AccessDeniedException"

    def test_a_direct_call_is_not(self, world: World) -> None:
        """`false`, whatever the grant is for."""
        key_id = world.make_key()["KeyId"]
        only(world, allow("kms:*", condition={"Bool": {"kms:GrantIsForAWSResource": "true"}}))
        parameters = {"KeyId": key_id, "GranteePrincipal": ROOT, "Operations": ["Decrypt"]}
        assert world.refusal("CreateGrant", parameters)[0] == "AccessDeniedException"
        only(world, allow("kms:*", condition={"Bool": {"kms:GrantIsForAWSResource": "false"}}))
        world.call("CreateGrant", parameters)


class TestAWSManagedKey:
    """alias/aws/ebs, which nobody uses but through Amazon EC2."""

    ALIAS = "alias/aws/ebs"

    def test_is_made_when_it_is_first_named(self) -> None:
        """In the account of the caller; the second call finds it."""
        world = world_with(data_key)
        arn = ask(world, self.ALIAS)
        assert arn.split(":")[4] == ALICE_ACCOUNT
        assert ask(world, self.ALIAS) == arn
        assert [record["requestParameters"]["keyId"] for record in records_of(world, INNER)] == [self.ALIAS] * 2

    def test_is_not_used_directly(self) -> None:
        """Not even by the root user."""
        world = world_with(data_key)
        ask(world, self.ALIAS)
        parameters = {"KeyId": self.ALIAS, "NumberOfBytes": 64}
        assert world.refusal(INNER, parameters, by=f"{ALICE_ACCOUNT}-root")[0] == "AccessDeniedException"

    def test_is_not_used_through_another_service(self) -> None:
        """The name of the service is part of its key policy."""

        def handler(key_id: str, context: Context) -> object:
            service = context.key_service(f"s3.{REGION}.amazonaws.com", invoked_by="s3.amazonaws.com")
            return service.call(INNER, region=REGION, key_id=key_id, number_of_bytes=64)

        assert code(world_with(handler), self.ALIAS) == "AccessDeniedException"

    def test_is_not_used_by_another_account(self) -> None:
        """Nor is it found by its alias there: that is another key."""
        world = world_with(data_key)
        arn = ask(world, self.ALIAS)
        assert code(world, arn, by=BOB_ACCOUNT) == "AccessDeniedException"
        assert ask(world, self.ALIAS, by=BOB_ACCOUNT).split(":")[4] == BOB_ACCOUNT

    def test_is_not_made_for_whoever_may_not(self) -> None:
        """By an IAM policy."""
        world = world_with(data_key)
        new_user(world, "mallory", inline_policies=inline(document(allow("kms:ListAliases"))))
        assert code(world, self.ALIAS, by="mallory") == "NotFoundException"
        assert world.database.alias(ALICE_ACCOUNT, REGION, self.ALIAS) is None


class TestForItself:
    """A service that acts for itself has what a grant or a key policy gives the service, and nothing else."""

    def test_a_grant_lets_it_decrypt(self) -> None:
        """Made on behalf of a caller for the service; the caller need not be there any more."""
        world = world_with(steps)
        key_id = world.make_key()["KeyId"]
        assert ask(world, key_id) == "granted"
        only(world)
        assert ask(world, key_id) == "decrypted"

    def test_without_the_grant_it_does_not(self) -> None:
        """Not even where the account's administrators may."""
        world = world_with(lambda key_id, context: decrypt(key_id, context, blob_of(key_id, context)))
        assert code(world, world.make_key()["KeyId"]) == "AccessDeniedException"
        assert inner(world, "Decrypt")["userIdentity"] == {"type": "AWSService", "invokedBy": "ebs.amazonaws.com"}

    def test_the_grant_is_for_one_context(self) -> None:
        """Its constraint binds the service."""
        service = ChangingService(steps)
        world = world_with(service)
        key_id = world.make_key()["KeyId"]
        assert ask(world, key_id) == "granted"

        def other(key_id: str, context: Context) -> object:
            made = on_behalf(context).call(
                INNER, region=REGION, key_id=key_id, number_of_bytes=64, encryption_context={"aws:ebs:id": "vol-2"}
            )
            return for_itself(context).call(
                "Decrypt",
                region=REGION,
                ciphertext_blob=made.ciphertext_blob,
                encryption_context={"aws:ebs:id": "vol-2"},
            )

        service.does = other
        assert code(world, key_id) == "AccessDeniedException"

    def test_it_retires_the_grant(self) -> None:
        """By key ARN and grant ID, as the retiring principal; afterwards it decrypts no more."""
        service = ChangingService(steps)
        world = world_with(service)
        key = world.make_key()
        assert ask(world, key["KeyId"]) == "granted"
        (grant,) = world.call("ListGrants", {"KeyId": key["KeyId"]})["Grants"]

        def retire(_key_id: str, context: Context) -> object:
            for_itself(context).call("RetireGrant", region=REGION, key_id=key["Arn"], grant_id=grant["GrantId"])
            return "retired"

        service.does = retire
        assert ask(world, key["KeyId"]) == "retired"
        assert world.call("ListGrants", {"KeyId": key["KeyId"]})["Grants"] == []
        record = next(r for r in world.committed_records() if r["eventName"] == "RetireGrant")
        assert record["userIdentity"] == {"type": "AWSService", "invokedBy": "ebs.amazonaws.com"}
        assert record["recipientAccountId"] == ALICE_ACCOUNT
        service.does = steps
        assert code(world, key["KeyId"]) == "AccessDeniedException"

    def test_it_retires_no_other_grant(self) -> None:
        """One that names somebody else."""

        def retire(key_id: str, context: Context) -> object:
            (grant,) = context.database.grants(ALICE_ACCOUNT, REGION, key_id, after="", limit=5)
            return for_itself(context).call("RetireGrant", region=REGION, key_id=key_id, grant_id=grant.grant_id)

        world = world_with(retire)
        key_id = world.make_key()["KeyId"]
        world.call("CreateGrant", {"KeyId": key_id, "GranteePrincipal": ROOT, "Operations": ["Decrypt"]})
        assert code(world, key_id) == "AccessDeniedException"

    def test_a_key_policy_may_name_it(self) -> None:
        """By its service principal."""
        world = world_with(lambda key_id, context: decrypt(key_id, context, blob_of(key_id, context)))
        key_id = world.make_key()["KeyId"]
        set_key_policy(world, key_id, allow("kms:*", principal=ROOT), SERVICE_MAY_DECRYPT)
        assert ask(world, key_id) == "decrypted"

    def test_everybody_is_not_the_service(self) -> None:
        """`*` as the principal lets in no service that acts for itself."""
        world = world_with(lambda key_id, context: decrypt(key_id, context, blob_of(key_id, context)))
        key_id = world.make_key()["KeyId"]
        set_key_policy(world, key_id, allow("kms:*", principal="*"))
        assert code(world, key_id) == "AccessDeniedException"

    def test_a_disabled_key_decrypts_nothing(self) -> None:
        """For whomsoever."""
        world = world_with(steps)
        key_id = world.make_key()["KeyId"]
        assert ask(world, key_id) == "granted"
        world.call("DisableKey", {"KeyId": key_id})
        assert code(world, key_id) == "DisabledException"


def test_a_call_calls_nobody() -> None:
    """Only a request has the way to KMS; a call that it makes has none."""

    def handler(key_id: str, context: Context) -> object:
        return on_behalf(context).call(OUTER, region=REGION, key_id=key_id)

    assert code(world_with(handler), "x") == "KMSInternalException"


def test_nobody_calls_without_a_service() -> None:
    """Whoever has no service calls by themselves, over the wire."""
    world = world_with(lambda _key_id, context: context.key_service_for(context.caller))
    assert code(world, "x") == "KMSInternalException"
