"""From audit records, as the gate writes them, back to what was asked."""

from typing import Any, Final

import msgspec
import pytest

from harness.policies import allow, deny, document, new_role, new_session, only, set_key_policy
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World
from selfkms.domain.arns import root_arn, user_arn
from selfkms.domain.iam.callers import CallerKind
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.policy.evaluate import NewGrant
from selfkms.domain.records import Put
from selfkms.gate.explain import Explainer, UnknownSubjectError
from selfkms.gate.recorded import Recorded, recorded

ADMIN: Final = user_arn(ALICE_ACCOUNT, "/", "admin")
BOB: Final = user_arn(BOB_ACCOUNT, "/", "admin")
ROOT: Final = root_arn(ALICE_ACCOUNT)
CONTEXT: Final = {"app": "web"}
PLAINTEXT: Final = "AA=="
NOT_RECORDED: Final = (
    "the encryption context of this request is not recorded: it is taken as empty; give it with --context"
)


@pytest.fixture
def key(world: World) -> KMSKey:
    found = world.database.key(ALICE_ACCOUNT, REGION, world.make_key()["KeyId"])
    assert found is not None
    return found


def encrypted(world: World, key: KMSKey) -> str:
    parameters = {"KeyId": key.key_id, "Plaintext": PLAINTEXT, "EncryptionContext": CONTEXT}
    blob: str = world.call("Encrypt", parameters)["CiphertextBlob"]
    return blob


def last(world: World, **given: Any) -> Recorded:
    """The last request, out of its record."""
    given = {"encryption_context": {}, "facts": {}, **given}
    return recorded(world.record(), Explainer(world.database), **given)


def asked(found: Recorded) -> list[tuple[str, str | None]]:
    """Permissions and what they are asked for on."""
    return [(each.action, each.arn or (None if each.key is None else each.key.arn)) for each in found.asked]


def test_a_request_that_succeeded(world: World, key: KMSKey) -> None:
    """With its encryption context, its time and what the record says for conditions."""
    encrypted(world, key)
    found = last(world)
    record = world.record()
    assert (found.request_id, found.event_name, found.time, found.answer, found.notes) == (
        record["requestID"],
        "Encrypt",
        record["eventTime"],
        "",
        (),
    )
    (one,) = found.asked
    assert (one.caller.arn, one.action, one.region, one.now) == (ADMIN, "kms:Encrypt", REGION, world.clock.now())
    assert one.encryption_context == CONTEXT
    assert one.facts == {
        "aws:SourceIp": "198.51.100.7",
        "aws:SecureTransport": "false",
        "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }


def test_a_refused_request(world: World, key: KMSKey) -> None:
    """Its parameters are not recorded, which is said; given ones count."""
    only(world)
    parameters = {"KeyId": key.key_id, "Plaintext": PLAINTEXT, "EncryptionContext": CONTEXT}
    _, text = world.refusal("Encrypt", parameters)
    found = last(world)
    assert found.answer == f"AccessDenied: {text}"
    assert asked(found) == [("kms:Encrypt", key.arn)]
    assert (found.asked[0].encryption_context, found.notes) == ({}, (NOT_RECORDED,))
    given = last(world, encryption_context=CONTEXT, facts={"aws:SourceIp": "192.0.2.1"})
    assert (given.asked[0].encryption_context, given.notes) == (CONTEXT, ())
    assert given.asked[0].facts["aws:SourceIp"] == "192.0.2.1"


def test_parameters_that_were_too_large(world: World, key: KMSKey) -> None:
    """What the audit left out is not taken for what was sent."""
    encrypted(world, key)
    record = {**world.record(), "requestParameters": {"omitted": True, "originalSize": 1, "reason": "too large"}}
    found = recorded(record, Explainer(world.database), encryption_context={}, facts={})
    assert (found.asked[0].encryption_context, found.notes) == ({}, (NOT_RECORDED,))


def test_a_key_that_only_the_ciphertext_names(world: World, key: KMSKey) -> None:
    """Of a refused request the record does not tell it; whoever explains may."""
    blob = encrypted(world, key)
    world.refusal("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": CONTEXT}, by=BOB_ACCOUNT)
    with pytest.raises(UnknownSubjectError, match=r"named by the ciphertext alone.*the answer was AccessDenied"):
        last(world)
    found = last(world, key_arn=key.arn)
    assert asked(found) == [("kms:Decrypt", key.arn)]
    assert not Explainer(world.database).explain(found.asked[0]).allowed
    world.call("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": CONTEXT})
    assert asked(last(world)) == [("kms:Decrypt", key.arn)]


def test_both_permissions_of_re_encrypt(world: World, key: KMSKey) -> None:
    """Each with its key and its encryption context; a refused one names the destination only."""
    other = world.make_key()["Arn"]
    parameters = {
        "CiphertextBlob": encrypted(world, key),
        "SourceEncryptionContext": CONTEXT,
        "DestinationKeyId": other,
        "DestinationEncryptionContext": {"b": "c"},
    }
    world.call("ReEncrypt", parameters)
    found = last(world)
    assert asked(found) == [("kms:ReEncryptFrom", key.arn), ("kms:ReEncryptTo", other)]
    assert [each.encryption_context for each in found.asked] == [CONTEXT, {"b": "c"}]
    only(world)
    world.refusal("ReEncrypt", parameters)
    refused = last(world)
    assert asked(refused) == [("kms:ReEncryptTo", other)]
    assert "named by the ciphertext alone" in refused.notes[0]
    assert asked(last(world, key_arn=key.arn)) == [("kms:ReEncryptFrom", key.arn), ("kms:ReEncryptTo", other)]
    only(world, deny("kms:*"))
    world.refusal("ReEncrypt", {**parameters, "SourceKeyId": key.key_id})
    assert asked(last(world)) == [("kms:ReEncryptFrom", key.arn), ("kms:ReEncryptTo", other)]


def test_aliases(world: World, key: KMSKey) -> None:
    """The permission on the alias and those on the keys; and the alias by which a key was named."""
    other = world.make_key()["KeyId"]
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key.key_id})
    alias = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/a"
    assert asked(last(world)) == [("kms:CreateAlias", alias), ("kms:CreateAlias", key.arn)]
    world.call("Encrypt", {"KeyId": alias, "Plaintext": PLAINTEXT})
    assert last(world).asked[0].request_alias == "alias/a"
    world.call("Encrypt", {"KeyId": "alias/a", "Plaintext": PLAINTEXT})
    assert last(world).asked[0].request_alias == "alias/a"
    world.refusal("Encrypt", {"KeyId": alias, "Plaintext": PLAINTEXT}, by=BOB_ACCOUNT)
    (foreign,) = last(world).asked
    assert (foreign.key, foreign.request_alias) == (world.database.key(*key.primary_key()), "alias/a")
    world.call("UpdateAlias", {"AliasName": "alias/a", "TargetKeyId": other})
    assert [action for action, _ in asked(last(world))] == ["kms:UpdateAlias"] * 3
    world.call("DeleteAlias", {"AliasName": "alias/a"})
    assert next(arn for _, arn in asked(last(world))) == alias


def test_operations_without_a_key(world: World) -> None:
    """Asked for on nothing; CreateKey with tags needs a second permission."""
    world.call("ListKeys")
    assert asked(last(world)) == [("kms:ListKeys", None)]
    world.call("CreateKey", {"Tags": [{"TagKey": "a", "TagValue": "b"}]})
    assert asked(last(world)) == [("kms:CreateKey", None), ("kms:TagResource", None)]
    explainer = Explainer(world.database)
    assert all(explainer.explain(each).allowed for each in last(world).asked)


def test_the_permission_on_a_principal(world: World) -> None:
    """ListRetirableGrants: on the ARN that the parameters name, and of a refused request nothing is known."""
    world.call("ListRetirableGrants", {"RetiringPrincipal": ADMIN})
    assert asked(last(world)) == [("kms:ListRetirableGrants", ADMIN)]
    only(world, allow("kms:ListRetirableGrants", resource=ROOT))
    assert not Explainer(world.database).explain(last(world).asked[0]).allowed
    world.refusal("ListRetirableGrants", {"RetiringPrincipal": ADMIN})
    with pytest.raises(UnknownSubjectError, match="only they name the principal"):
        last(world)


def test_what_create_grant_was_to_give_away(world: World, key: KMSKey) -> None:
    """By the strength of a grant no wider one is made: what the record has of it is weighed again."""
    constraints = {"EncryptionContextSubset": CONTEXT}
    held = {"KeyId": key.arn, "GranteePrincipal": BOB, "Operations": ["Encrypt", "CreateGrant"]}
    world.call("CreateGrant", {**held, "Constraints": constraints})
    child = {"KeyId": key.arn, "GranteePrincipal": ADMIN, "Operations": ["Encrypt"], "Constraints": constraints}
    world.call("CreateGrant", child, by=BOB_ACCOUNT)
    explainer = Explainer(world.database)
    (one,) = last(world).asked
    assert explainer.explain(one).allowed
    assert one.new_grant is not None
    assert not explainer.explain(msgspec.structs.replace(one, new_grant=NewGrant(("Encrypt",), None))).allowed


def test_sessions(world: World, key: KMSKey) -> None:
    """A role session with when its credentials were issued; what is not recorded of it is said."""
    role = new_role(world, "reader", document(allow("sts:AssumeRole", principal=ROOT)))
    new_session(world, "s1", role, kind=CallerKind.ROLE, source_identity="zoe")
    world.refusal("DescribeKey", {"KeyId": key.key_id}, by="s1")
    found = last(world)
    assert found.asked[0].caller.arn == f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/reader/s1"
    assert found.notes == ("session policies and session tags are not recorded: it is explained as if there were none",)
    facts = found.asked[0].facts
    assert (facts["aws:MultiFactorAuthPresent"], facts["aws:SourceIdentity"]) == ("false", "zoe")
    assert facts["aws:TokenIssueTime"] == world.record()["userIdentity"]["sessionContext"]["attributes"]["creationDate"]


def test_a_principal_made_anew(world: World, key: KMSKey) -> None:
    """Whoever has the ARN now is explained, and said to be another."""
    encrypted(world, key)
    found = world.record()
    user = world.database.user(ALICE_ACCOUNT, "admin")
    assert user is not None
    world.database.commit([Put(user.changed(user_id="AIDANEW"))])
    notes = recorded(found, Explainer(world.database), encryption_context={}, facts={}).notes
    assert notes == (f"{ADMIN} is another principal now than {user.user_id}, who sent the request",)


def test_a_key_that_is_gone(world: World, key: KMSKey) -> None:
    """There is nothing to explain."""
    encrypted(world, key)
    record = {**world.record(), "resources": [{"ARN": key.arn[:-1] + "f"}]}
    with pytest.raises(UnknownSubjectError, match=r"there is no KMS key .*; the answer was a success"):
        recorded(record, Explainer(world.database), encryption_context={}, facts={})


def test_what_cannot_be_explained(world: World, key: KMSKey) -> None:
    """Other services, RetireGrant, unknown callers, federated users: each with its reason."""
    world.iam("ListUsers")
    with pytest.raises(UnknownSubjectError, match=r"iam\.amazonaws\.com ListUsers: only permissions of AWS KMS"):
        last(world)
    made = world.call("CreateGrant", {"KeyId": key.key_id, "GranteePrincipal": ADMIN, "Operations": ["Encrypt"]})
    world.call("RetireGrant", {"KeyId": key.arn, "GrantId": made["GrantId"]}, by=f"{ALICE_ACCOUNT}-root")
    with pytest.raises(UnknownSubjectError, match="decided by the grant itself"):
        last(world)
    world.call("ListKeys")
    record = world.record()
    explainer = Explainer(world.database)
    anonymous = {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
    federated = {"type": "FederatedUser", "arn": f"arn:aws:sts::{ALICE_ACCOUNT}:federated-user/f"}
    for identity, why in ((anonymous, "whose request it was is not known"), (federated, "recorded nowhere")):
        with pytest.raises(UnknownSubjectError, match=why):
            recorded({**record, "userIdentity": identity}, explainer, encryption_context={}, facts={})


def test_a_name_that_was_not_found(world: World) -> None:
    """The record has no resources then."""
    world.refusal("Encrypt", {"KeyId": "alias/none", "Plaintext": PLAINTEXT})
    with pytest.raises(
        UnknownSubjectError, match="does not name every resource of the request; the answer was NotFound"
    ):
        last(world)


@pytest.mark.parametrize("operation", ["ReplicateKey", "UpdatePrimaryRegion"])
def test_what_is_asked_in_another_region_is_said_to_be_left_out(world: World, operation: str) -> None:
    """The permission on the named key is explained; that there is more is not passed over."""
    key_id = world.make_key(MultiRegion=True)["KeyId"]
    world.call("ReplicateKey", {"KeyId": key_id, "ReplicaRegion": "eu-west-1"})
    world.clock.seconds += 60
    world.upkeep.attend_due_keys()
    if operation == "UpdatePrimaryRegion":
        world.call(operation, {"KeyId": key_id, "PrimaryRegion": "eu-west-1"})
    record = next(r for r in world.committed_records() if (r["eventName"], r["awsRegion"]) == (operation, REGION))
    found = recorded(record, Explainer(world.database), encryption_context={}, facts={})
    assert [action for action, _ in asked(found)] == [f"kms:{operation}"]
    assert "what the request needs in the other Region is not explained" in found.notes


def test_other_parameters_that_conditions_ask_for(world: World) -> None:
    """As the record has them."""
    key_id = world.make_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
    world.call("Sign", {"KeyId": key_id, "Message": PLAINTEXT, "SigningAlgorithm": "ECDSA_SHA_256"})
    assert last(world).asked[0].facts["kms:SigningAlgorithm"] == "ECDSA_SHA_256"


def test_what_is_explained_is_what_was_decided(world: World, key: KMSKey) -> None:
    """With the documents unchanged, the explanation of a request is its answer."""
    condition = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
    set_key_policy(world, key.key_id, allow("kms:*", principal=ROOT, condition=condition))
    for context in ({}, CONTEXT):
        only(world, allow("kms:*"), deny("kms:Encrypt", condition={"Null": {"kms:EncryptionContext:app": "true"}}))
        parameters = {"KeyId": key.key_id, "Plaintext": PLAINTEXT, "EncryptionContext": context}
        world.send(world.request("Encrypt", parameters))
        (one,) = last(world).asked
        assert Explainer(world.database).explain(one).allowed is not last(world).answer.startswith("AccessDenied")
