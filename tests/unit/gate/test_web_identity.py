"""Requests without a signature: a token says who calls, and nothing else lets anybody in."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import msgspec
import pytest

from harness.bearer import (
    NOT_PERMITTED,
    OPERATION,
    PROVIDER,
    PROVIDER_ARN,
    ROLE_ARN,
    asked,
    assume,
    make_provider,
    make_role,
    refusal,
    request,
    sent,
    trusting,
)
from harness.issuer import AUDIENCE, SUBJECT, Issuer
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, Refused, World
from selfkms.domain.cloudtrail.event import ANONYMOUS
from selfkms.domain.limits import UNSIGNED_BODY_BYTES_MAX
from selfkms.domain.records import Put, Remove
from selfkms.services.operation import Operation

NO_PROVIDER = f"No OpenIDConnect provider found in your account for https://{PROVIDER}"
IDENTITY = {
    "type": "WebIdentityUser",
    "principalId": f"{PROVIDER_ARN}:{AUDIENCE}:{SUBJECT}",
    "userName": SUBJECT,
    "identityProvider": PROVIDER_ARN,
}


@pytest.fixture
def issuer(world: World) -> Issuer:
    """An issuer that the first account trusts."""
    return make_provider(world)


def denying(**changed: Any) -> dict[str, Any]:
    return trusting(Effect="Deny", **changed)


class TestWhoIsLetIn:
    """A token of a provider of the role's account, whom the role's trust policy names."""

    def test_a_role_that_does_not_exist(self, world: World, issuer: Issuer) -> None:
        """Is refused like one that trusts somebody else: whoever has a token does not learn which there are."""
        make_role(world, trusting(Principal={"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:root"}))
        assert refusal(world, issuer.token()) == NOT_PERMITTED
        assert refusal(world, issuer.token(), RoleArn=ROLE_ARN.replace("app", "nobody")) == NOT_PERMITTED
        assert refusal(world, issuer.token(), RoleArn=ROLE_ARN.replace("app", "path/app")) == NOT_PERMITTED

    @pytest.mark.parametrize(
        "principal",
        [
            "*",
            {"AWS": "*"},
            {"AWS": ALICE_ACCOUNT},
            {"AWS": PROVIDER_ARN},
            {"Federated": "*"},
            {"Federated": PROVIDER},
            {"Federated": f"https://{PROVIDER}"},
            {"Federated": f"{PROVIDER_ARN}/"},
            {"Federated": PROVIDER_ARN.upper()},
            {"Federated": PROVIDER_ARN.replace(ALICE_ACCOUNT, BOB_ACCOUNT)},
            {"Federated": "arn:aws:iam::*:oidc-provider/*"},
            {"Service": "ec2.amazonaws.com"},
        ],
    )
    def test_only_the_arn_of_the_provider_names_it(self, world: World, issuer: Issuer, principal: Any) -> None:
        """No wildcard does, and no name of another kind."""
        make_role(world, trusting(Principal=principal))
        assert refusal(world, issuer.token()) == NOT_PERMITTED

    def test_one_of_several(self, world: World, issuer: Issuer) -> None:
        """Is enough."""
        federated = ["cognito-identity.amazonaws.com", PROVIDER_ARN]
        make_role(world, trusting(Principal={"AWS": BOB_ACCOUNT, "Federated": federated}))
        assume(world, issuer.token())

    @pytest.mark.parametrize("action", ["sts:*", "*", "sts:assumerolewithwebidentity", "sts:AssumeRole*"])
    def test_actions(self, world: World, issuer: Issuer, action: str) -> None:
        """By wildcards, and in any case."""
        make_role(world, trusting(Action=action))
        assume(world, issuer.token())

    @pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "kms:*", "sts:TagSession"])
    def test_other_actions(self, world: World, issuer: Issuer, action: str) -> None:
        """Are not this one."""
        make_role(world, trusting(Action=action))
        assert refusal(world, issuer.token()) == NOT_PERMITTED

    @pytest.mark.parametrize(
        "principal",
        [
            {"Principal": {"Federated": PROVIDER_ARN}},
            {"Principal": "*"},
            {"Principal": {"AWS": "*"}},
            {"NotPrincipal": {"AWS": ALICE_ACCOUNT}},
            {"NotPrincipal": {"Federated": f"{PROVIDER_ARN}/other"}},
        ],
    )
    def test_a_deny_ends_it(self, world: World, issuer: Issuer, principal: dict[str, Any]) -> None:
        """However it names the caller."""
        deny = denying()
        del deny["Principal"]
        make_role(world, trusting(), {**deny, **principal})
        assert refusal(world, issuer.token()) == NOT_PERMITTED

    @pytest.mark.parametrize(
        "deny",
        [
            denying(Principal="*", Condition={"StringNotEquals": {f"{PROVIDER}:sub": SUBJECT}}),
            denying(Principal={"Federated": PROVIDER_ARN.replace("tenant", "other")}),
            denying(Principal={"AWS": ALICE_ACCOUNT}),
            denying(Action="sts:AssumeRole"),
            {"Effect": "Deny", "NotPrincipal": {"Federated": PROVIDER_ARN}, "Action": "sts:*"},
        ],
    )
    def test_a_deny_that_is_about_others(self, world: World, issuer: Issuer, deny: dict[str, Any]) -> None:
        """Does not; the usual one keeps out all subjects but one."""
        make_role(world, trusting(), deny)
        assume(world, issuer.token())

    def test_the_usual_deny_keeps_out_the_others(self, world: World, issuer: Issuer) -> None:
        """Those with another subject."""
        make_role(
            world, trusting(), denying(Principal="*", Condition={"StringNotEquals": {f"{PROVIDER}:sub": SUBJECT}})
        )
        assert refusal(world, issuer.token(sub="another")) == NOT_PERMITTED

    def test_permissions_of_the_account_do_not_help(self, world: World, issuer: Issuer) -> None:
        """Those of the role, above all: it is not anybody's who is not in yet."""
        make_role(world, trusting(Principal={"AWS": f"arn:aws:iam::{ALICE_ACCOUNT}:root"}, Action="sts:*"))
        assert refusal(world, issuer.token()) == NOT_PERMITTED

    def test_whoever_signs_is_not_let_in_by_the_provider(self, world: World, issuer: Issuer) -> None:
        """AssumeRole does not count the token's statement."""
        assert issuer.url
        make_role(world, trusting(Action="sts:*"))
        code = world.sts_refusal("AssumeRole", {"RoleArn": ROLE_ARN, "RoleSessionName": "s1"}, by=BOB_ACCOUNT)[1]
        assert code == "AccessDenied"


class TestTokens:
    """What is believed."""

    def test_a_provider_of_another_account(self, world: World, issuer: Issuer) -> None:
        """Counts there alone: the role's own account must have it."""
        make_role(world)
        provider = world.database.oidc_provider(ALICE_ACCOUNT, PROVIDER)
        assert provider is not None
        make_provider(world, account_id=BOB_ACCOUNT)
        world.database.commit([Remove(provider)])
        assert refusal(world, issuer.token()) == (400, "InvalidIdentityToken", NO_PROVIDER)
        of_bob = f"arn:aws:iam::{BOB_ACCOUNT}:role/app"
        assert refusal(world, issuer.token(), RoleArn=of_bob) == NOT_PERMITTED

    @pytest.mark.parametrize(
        "named",
        [
            f"http://{PROVIDER}",
            PROVIDER,
            f"https://{PROVIDER}/",
            f"https://{PROVIDER.upper()}",
            f"https://https://{PROVIDER}",
            "https://another.example",
            "",
        ],
    )
    def test_an_issuer_that_is_none(self, world: World, issuer: Issuer, named: str) -> None:
        """Is refused before any keys are looked for."""
        make_role(world)
        world.issuers.known.clear()
        assert refusal(world, issuer.token(iss=named)) == (
            400,
            "InvalidIdentityToken",
            f"No OpenIDConnect provider found in your account for {named}",
        )

    @pytest.mark.parametrize("named", ["https://\u00e4.example", "https://a\x00b.example", "a\nb", 5, ["x"], {}])
    def test_an_issuer_that_cannot_be(self, world: World, issuer: Issuer, named: Any) -> None:
        """Is not looked up, nor shown."""
        make_role(world)
        header, _, signature = issuer.token().split(".")
        payload = _encoded({**issuer.claims(), "iss": named})
        status, code, text = refusal(world, f"{header}.{payload}.{signature}")
        assert (status, code) == (400, "InvalidIdentityToken")
        assert text == "The claim iss of the web identity token is not valid."

    def test_an_issuer_that_is_missing(self, world: World, issuer: Issuer) -> None:
        """Is told."""
        make_role(world)
        assert refusal(world, issuer.token(iss=None)) == (
            400,
            "InvalidIdentityToken",
            "Missing a required claim: iss",
        )

    def test_another_signature(self, world: World, issuer: Issuer) -> None:
        """Of whoever knows the issuer's URL and the key's ID."""
        make_role(world)
        status, code, text = refusal(world, Issuer(issuer.url).token())
        assert (status, code) == (400, "InvalidIdentityToken")
        assert text == "The signature of the web identity token is not valid."

    def test_no_signature(self, world: World, issuer: Issuer) -> None:
        """`none` is no algorithm."""
        make_role(world)
        for signature in ("", "AA"):
            token = f"{_encoded({'alg': 'none', 'kid': 'first'})}.{_encoded(issuer.claims())}.{signature}"
            assert refusal(world, token)[:2] == (400, "InvalidIdentityToken")

    def test_an_issuer_that_does_not_answer(self, world: World, issuer: Issuer) -> None:
        """Is an error that SDKs send the request again for."""
        make_role(world)
        world.issuers.known.clear()
        assert refusal(world, issuer.token())[:2] == (400, "IDPCommunicationError")

    def test_its_time_is_that_of_the_wall(self, world: World, issuer: Issuer) -> None:
        """An issuer does not know of the clock that `dev` moves."""
        make_role(world)
        token = issuer.token()
        world.clock.seconds += 1_000_000
        assume(world, token)
        world.clock.wall_ahead_seconds = 601.0
        assert refusal(world, token)[:2] == (400, "ExpiredTokenException")
        world.clock.wall_ahead_seconds = -601.0
        assert refusal(world, token)[:2] == (403, "IDPRejectedClaim")

    @pytest.mark.parametrize(
        "arn",
        ["arn:aws:iam::111122223333:user/app", "arn:aws:sts::111122223333:role/app", "app" * 10, f"x{ROLE_ARN}"],
    )
    def test_the_role_is_named_by_its_arn(self, world: World, issuer: Issuer, arn: str) -> None:
        """In AWS's words."""
        assert refusal(world, issuer.token(), RoleArn=arn) == (400, "ValidationError", "Request ARN is invalid")


def _encoded(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


class TestEnvelope:
    """The one operation without a signature."""

    def test_it_is_the_only_one(self, world: World) -> None:
        """Of all services."""
        unsigned = [
            operation.name
            for service in world.gate._services.values()
            for operation in service.operations.values()
            if operation.unsigned
        ]
        assert unsigned == [OPERATION]

    def test_others_need_one(self, world: World, issuer: Issuer) -> None:
        """Whatever tokens they bring."""
        make_role(world, trusting(Action="sts:*"))
        sending = request(world, asked(issuer.token()))
        for operation in ("GetCallerIdentity", "AssumeRole", "GetSessionToken"):
            body = sending.body.replace(OPERATION.encode(), operation.encode())
            assert world.send(msgspec.structs.replace(sending, body=body)).response.status == 400
            assert world.record()["userIdentity"] == ANONYMOUS

    def test_two_operations_in_one_form(self, world: World, issuer: Issuer) -> None:
        """Are refused: one that needs a signature cannot come along."""
        make_role(world)
        sending = request(world, asked(issuer.token()))
        with pytest.raises(Refused) as refused:
            sent(world, msgspec.structs.replace(sending, body=sending.body + b"&Action=GetCallerIdentity"))
        assert refused.value.status in (400, 404)

    def test_a_signature_changes_nothing(self, world: World, issuer: Issuer) -> None:
        """Neither a good one nor a bad one: the token says who calls."""
        make_role(world)
        good = world.query_request("sts", OPERATION, asked(issuer.token()))
        headers = [(name, value.replace("Signature=", "Signature=0")) for name, value in good.headers]
        for sending in (good, msgspec.structs.replace(good, headers=tuple(headers))):
            sent(world, sending)
            assert world.record()["userIdentity"] == IDENTITY
        make_role(world, name="signer")
        for by in (ALICE_ACCOUNT, f"{ALICE_ACCOUNT}-root"):
            signed = world.query_request("sts", OPERATION, asked("no token"), by=by)
            with pytest.raises(Refused) as refused:
                sent(world, signed)
            assert refused.value.code == "InvalidIdentityToken"

    def test_parameters_are_checked_as_everywhere(self, world: World, issuer: Issuer) -> None:
        """By the model, without showing the token."""
        status, code, text = refusal(world, "a" * 20_001)
        assert (status, code) == (400, "ValidationError")
        assert text is not None
        assert "a" * 100 not in text
        assert refusal(world, issuer.token(), RoleSessionName="x")[1] == "ValidationError"
        assert refusal(world, issuer.token(), DurationSeconds=899)[1] == "ValidationError"

    def test_what_strangers_send_has_a_length(self, world: World, issuer: Issuer) -> None:
        """It is parsed before anything is known of them."""
        make_role(world)
        sending = request(world, asked(issuer.token()))
        for length, status in ((UNSIGNED_BODY_BYTES_MAX, 200), (UNSIGNED_BODY_BYTES_MAX + 1, 413)):
            body = sending.body + b"&" + b"x" * (length - len(sending.body) - 1)
            assert world.send(msgspec.structs.replace(sending, body=body)).response.status == status

    def test_it_runs_off_the_loop(self, world: World, issuer: Issuer) -> None:
        """An issuer may take its time."""
        assert world.gate.off_loop(request(world, asked(issuer.token())))


class TestAudit:
    """As CloudTrail has it."""

    def test_of_a_success(self, world: World, issuer: Issuer) -> None:
        """Whom the token is about, what was asked for and given, never the token nor a credential."""
        make_role(world)
        answer = assume(world, issuer.token(), DurationSeconds=900)
        record = world.record()
        assert record["userIdentity"] == IDENTITY
        assert record["requestParameters"] == {
            "roleArn": ROLE_ARN,
            "roleSessionName": "pod-1",
            "durationSeconds": 900,
        }
        given = record["responseElements"]
        assert given.pop("credentials").keys() == {"accessKeyId", "expiration"}
        assert given == {
            "subjectFromWebIdentityToken": SUBJECT,
            "assumedRoleUser": {
                "assumedRoleId": answer["AssumedRoleUser"]["AssumedRoleId"],
                "arn": answer["AssumedRoleUser"]["Arn"],
            },
            "provider": PROVIDER_ARN,
            "audience": AUDIENCE,
        }
        assert record["additionalEventData"] == {"identityProviderConnectionVerificationMethod": "IAMTrustStore"}
        assert record["resources"] == [{"accountId": ALICE_ACCOUNT, "type": "AWS::IAM::Role", "ARN": ROLE_ARN}]
        assert (record["readOnly"], record["recipientAccountId"]) == (True, ALICE_ACCOUNT)
        assert (record["eventSource"], record["eventName"]) == ("sts.amazonaws.com", OPERATION)

    def test_of_what_the_token_asks_for(self, world: World, issuer: Issuer) -> None:
        """It stands among the parameters."""
        make_role(world, trusting(Action="sts:*"))
        claims: dict[str, Any] = {
            "https://aws.amazon.com/tags": {
                "principal_tags": {"Project": ["Pegasus"]},
                "transitive_tag_keys": ["Project"],
            },
            "https://aws.amazon.com/source_identity": "alice",
        }
        assume(world, issuer.token(**claims))
        record = world.record()
        assert record["requestParameters"] == {
            "roleArn": ROLE_ARN,
            "roleSessionName": "pod-1",
            "sourceIdentity": "alice",
            "principalTags": {"Project": "Pegasus"},
            "transitiveTagKeys": ["Project"],
        }
        assert record["responseElements"]["sourceIdentity"] == "alice"

    def test_of_what_the_session_does(self, world: World, issuer: Issuer) -> None:
        """Its records name the provider."""
        make_role(world)
        assume(world, issuer.token())
        world.call("ListKeys", by="session")
        context = world.record()["userIdentity"]["sessionContext"]
        assert context["webIdFederationData"] == {"federatedProvider": PROVIDER_ARN, "attributes": {}}

    def test_of_a_refusal(self, world: World, issuer: Issuer) -> None:
        """The account sees who was refused which role."""
        make_role(world, trusting(Principal={"AWS": BOB_ACCOUNT}))
        refusal(world, issuer.token())
        record = world.record()
        assert (record["userIdentity"], record["errorCode"]) == (IDENTITY, "AccessDenied")
        assert record["resources"] == [{"accountId": ALICE_ACCOUNT, "type": "AWS::IAM::Role", "ARN": ROLE_ARN}]
        assert record["recipientAccountId"] == ALICE_ACCOUNT

    def test_of_a_token_that_is_not_believed(self, world: World, issuer: Issuer) -> None:
        """Nobody is named: everybody can write a name."""
        make_role(world)
        refusal(world, Issuer(issuer.url).token())
        record = world.record()
        assert (record["userIdentity"], record["errorCode"]) == (ANONYMOUS, "InvalidIdentityToken")
        assert "recipientAccountId" not in record

    @pytest.mark.parametrize(
        ("host", "region"),
        [
            ("sts.amazonaws.com", "us-east-1"),
            ("sts.eu-central-1.amazonaws.com", "eu-central-1"),
            ("sts.eu-central-1.example.org:4599", "eu-central-1"),
            ("sts.nowhere-1.amazonaws.com", "us-east-1"),
            ("localhost:4599", "us-east-1"),
            ("", "us-east-1"),
        ],
    )
    def test_the_region_is_that_of_the_endpoint(self, world: World, issuer: Issuer, host: str, region: str) -> None:
        """Nothing else says which it is; conditions see it, too."""
        make_role(world, trusting(Condition={"StringEquals": {"aws:RequestedRegion": region}}))
        sent(world, request(world, asked(issuer.token()), host=host))
        assert world.record()["awsRegion"] == region


def test_a_provider_that_is_changed_counts_at_once(world: World, issuer: Issuer) -> None:
    """Its client IDs, and whether it is there."""
    make_role(world)
    assume(world, issuer.token())
    provider = world.database.oidc_provider(ALICE_ACCOUNT, PROVIDER)
    assert provider is not None
    world.database.commit([Put(provider.changed(client_ids=()))])
    assert refusal(world, issuer.token()) == (400, "InvalidIdentityToken", "Incorrect token audience")


def test_an_operation_needs_a_signature_unless_it_says_otherwise() -> None:
    """By default."""
    fields = {field.name: field.default for field in msgspec.structs.fields(Operation)}
    assert fields["unsigned"] is False
