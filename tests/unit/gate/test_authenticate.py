"""Who sent a request: the access key of its signature, the signature itself, the principal behind the key."""

from typing import Any

import msgspec
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, ENDPOINT, REGION, World
from selfkms.adapters.software_keys.installation_keys import RootInstallationKeys
from selfkms.domain.errors import InvalidSignatureException, UnrecognizedClientException
from selfkms.domain.iam.principals import AccessKey, AccessKeyStatus, User
from selfkms.domain.records import Put, Remove
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.gate import authenticate
from selfkms.gate.authenticate import Authenticator
from selfkms.gate.handle import Service
from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.model import ServiceModel
from selfkms.protocol.wire import RestJSONWire
from selfkms.services.iam.accounts import Credential

INVALID_TOKEN = ("UnrecognizedClientException", "The security token included in the request is invalid.")
MISMATCH = (
    "InvalidSignatureException",
    (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    ),
)


class CountingKeys(RootInstallationKeys):
    """Counts how often a secret is opened."""

    opened = 0

    def open(self, sealed: bytes, *, bound_to: tuple[str, ...]) -> Secret:
        self.opened += 1
        return super().open(sealed, bound_to=bound_to)


def access_key(world: World, name: str = ALICE_ACCOUNT) -> AccessKey:
    found = world.database.access_key(world.credentials[name].access_key_id)
    assert found is not None
    return found


def change(world: World, **fields: Any) -> None:
    """Change the access key of Alice's administrator."""
    world.database.commit([Put(access_key(world).changed(**fields))])


def changed_header(request: HTTPRequest, name: str, old: str, new: str) -> HTTPRequest:
    headers = tuple((n, value.replace(old, new) if n == name else value) for n, value in request.headers)
    assert headers != request.headers
    return msgspec.structs.replace(request, headers=headers)


def without_its_body(world: World, method: str, target: str, *, by: str = ALICE_ACCOUNT) -> HTTPRequest:
    """A request to EBS whose signature leaves the body out, as clients write a block."""
    unsigned = AWSRequest(
        method=method,
        url=f"https://ebs.us-east-1.amazonaws.com{target}",
        data=b"a block",
        headers={
            "Host": "ebs.us-east-1.amazonaws.com",
            "x-amz-data-length": "7",
            "x-amz-checksum": "a=",
            "x-amz-checksum-algorithm": "SHA256",
        },
    )
    unsigned.context["payload_signing_enabled"] = False
    return msgspec.structs.replace(world._signed(unsigned, "ebs", by=by, region=REGION), method=method, target=target)


def code_of(world: World, request: HTTPRequest) -> str:
    body = msgspec.json.decode(world.send(request).response.body)
    code: str = body.get("__type", "") if isinstance(body, dict) else ""
    return code


def test_a_user_and_a_root_user_are_told_apart(world: World) -> None:
    """The caller is who holds the access key; the Region is that of the signature."""
    for by, kind, name in ((ALICE_ACCOUNT, "IAMUser", "admin"), (f"{ALICE_ACCOUNT}-root", "Root", None)):
        authenticator = world.gate._authenticator
        caller, region = authenticator.authenticate(world.request("ListKeys", by=by, region="eu-west-1"), "kms")
        assert (caller.kind, caller.user_name, caller.account_id) == (kind, name, ALICE_ACCOUNT)
        assert caller.access_key_id == world.credentials[by].access_key_id
        assert region == "eu-west-1"


class TestStrangers:
    """An access key that is not known, or not any more, and whatever else does not tell who is there."""

    def test_an_unknown_access_key(self, world: World) -> None:
        """Is refused as an invalid token, whatever its signature."""
        world.credentials["nobody"] = Credential("AKIANOBODY0000000000", Secret(b"some secret"))
        assert world.refusal("ListKeys", by="nobody") == INVALID_TOKEN

    def test_an_unknown_access_key_with_the_secret_of_the_stand_in(self, world: World) -> None:
        """What unknown keys are compared with lets nobody in."""
        world.credentials["nobody"] = Credential("AKIANOBODY0000000000", Secret(b"nobody's secret"))
        assert world.refusal("ListKeys", by="nobody") == INVALID_TOKEN

    def test_a_wrong_secret(self, world: World) -> None:
        """A known access key with another secret does not sign."""
        known = world.credentials[ALICE_ACCOUNT].access_key_id
        world.credentials["thief"] = Credential(known, Secret(b"a guess"))
        assert world.refusal("ListKeys", by="thief") == MISMATCH

    def test_the_secret_of_another(self, world: World) -> None:
        """Not even a secret that is somebody else's."""
        known = world.credentials[ALICE_ACCOUNT].access_key_id
        other = world.credentials[f"{ALICE_ACCOUNT}-root"].secret_access_key
        world.credentials["thief"] = Credential(known, other)
        assert world.refusal("ListKeys", by="thief") == MISMATCH

    def test_an_inactive_access_key(self, world: World) -> None:
        """Is refused like an unknown one, and works when it is active again."""
        world.call("ListKeys")
        change(world, status=AccessKeyStatus.INACTIVE)
        assert world.refusal("ListKeys") == INVALID_TOKEN
        change(world, status=AccessKeyStatus.ACTIVE)
        world.call("ListKeys")

    def test_a_removed_access_key(self, world: World) -> None:
        """Is unknown with the next request, although its secret was in memory."""
        world.call("ListKeys")
        world.database.commit([Remove(access_key(world))])
        assert world.refusal("ListKeys") == INVALID_TOKEN

    def test_a_removed_user(self, world: World) -> None:
        """An access key whose user is gone is nobody's."""
        user = world.database.user(ALICE_ACCOUNT, "admin")
        assert isinstance(user, User)
        world.database.commit([Remove(user)])
        assert world.refusal("ListKeys") == INVALID_TOKEN
        world.call("ListKeys", by=f"{ALICE_ACCOUNT}-root")

    def test_temporary_credentials(self, world: World) -> None:
        """There are no session tokens yet: a request with one is refused, although a known access key signed it."""
        known = world.credentials[ALICE_ACCOUNT]
        secret = known.secret_access_key.open(SECRET_ACCESS).decode()
        headers = {"Host": ENDPOINT, "X-Amz-Target": "TrentService.ListKeys"}
        unsigned = AWSRequest(method="POST", url=f"https://{ENDPOINT}/", data=b"{}", headers=headers)
        SigV4Auth(Credentials(known.access_key_id, secret, "a session token"), "kms", REGION).add_auth(unsigned)
        signed = tuple((name.lower(), value) for name, value in unsigned.headers.items())
        request = HTTPRequest(method="POST", target="/", headers=signed, body=b"{}", peer="::1")
        assert request.header("x-amz-security-token") == "a session token"
        assert code_of(world, request) == "UnrecognizedClientException"

    def test_unknown_inactive_and_orphaned_keys_are_refused_alike(self, world: World) -> None:
        """The answers differ in nothing."""
        world.credentials["nobody"] = Credential("AKIANOBODY0000000000", Secret(b"some secret"))
        change(world, status=AccessKeyStatus.INACTIVE)
        user = world.database.user(BOB_ACCOUNT, "admin")
        assert isinstance(user, User)
        world.database.commit([Remove(user)])
        requests = [world.request("ListKeys", by=by) for by in ("nobody", ALICE_ACCOUNT, BOB_ACCOUNT)]
        assert len({world.send(request).response.body for request in requests}) == 1


class TestSignatures:
    """What is signed is the request as it came, for this service and a Region that exists."""

    def test_no_signature(self, world: World) -> None:
        """A request without one is told that it has none."""
        request = world.request("ListKeys")
        headers = tuple(header for header in request.headers if header[0] != "authorization")
        assert (
            code_of(world, msgspec.structs.replace(request, headers=headers)) == "MissingAuthenticationTokenException"
        )

    @pytest.mark.parametrize(
        ("name", "old", "new"),
        [
            ("host", "us-east-1", "us-east-2"),
            ("x-amz-target", "ListKeys", "ListAliases"),
            ("x-amz-date", "T", "T "),
            ("content-type", "1.1", "1.0"),
        ],
    )
    def test_a_changed_header(self, world: World, name: str, old: str, new: str) -> None:
        """A signed header that was changed on the way does not fit the signature."""
        request = changed_header(world.request("ListKeys"), name, old, new)
        assert code_of(world, request) in ("InvalidSignatureException", "IncompleteSignatureException")

    @pytest.mark.parametrize(
        "fields", [{"body": b'{"Limit": 1}'}, {"body": b""}, {"target": "/?a=b"}, {"target": "/other"}]
    )
    def test_a_changed_request(self, world: World, fields: dict[str, Any]) -> None:
        """Neither does another body or target."""
        request = msgspec.structs.replace(world.request("ListKeys"), **fields)
        assert code_of(world, request) == "InvalidSignatureException"

    @pytest.mark.parametrize("region", ["us-east-9", "", "US-EAST-1", "aws-global", "cn-north-1"])
    def test_a_region_that_does_not_exist(self, world: World, region: str) -> None:
        """A signature for a Region that is not served is no signature here."""
        assert code_of(world, world.request("ListKeys", region=region)) in (
            "InvalidSignatureException",
            "IncompleteSignatureException",
        )

    def test_another_service(self, world: World) -> None:
        """A signature for KMS opens no other service."""
        authenticator = world.gate._authenticator
        with pytest.raises(InvalidSignatureException, match="Credential should be scoped to correct service: 'sts'"):
            authenticator.authenticate(world.request("ListKeys"), "sts")

    @pytest.mark.parametrize("by", [ALICE_ACCOUNT, "session"])
    def test_a_body_that_is_left_out(self, world: World, by: str) -> None:
        """Only of an operation that allows it, with a user's access key and with temporary credentials."""
        world.remember("session", world.sts("GetSessionToken")["Credentials"])
        request = without_its_body(world, "PUT", "/snapshots/snap-1/blocks/5", by=by)
        authenticator = world.gate._authenticator
        assert authenticator.authenticate(request, "ebs", unsigned_payload=True).caller.user_name == "admin"
        with pytest.raises(InvalidSignatureException):
            authenticator.authenticate(request, "ebs")

    def test_the_gate_knows_of_which_operations_it_may_be(self, world: World) -> None:
        """It is the service model that says so."""
        model = ServiceModel.load("ebs")
        ebs = Service(signing_name="ebs", model=model, wire=RestJSONWire(model), operations={})
        world.gate._services = {**world.gate._services, "ebs": ebs}
        put = world.send(without_its_body(world, "PUT", "/snapshots/snap-1/blocks/5")).response
        assert put.status == 404  # known, but not served
        get = world.send(without_its_body(world, "GET", "/snapshots/snap-1/blocks/5")).response
        assert (get.status, dict(get.headers)["x-amzn-errortype"]) == (403, "InvalidSignatureException")

    @pytest.mark.parametrize(("ahead", "code"), [(295, ""), (-295, ""), (310, "expired"), (-310, "early")])
    def test_the_window_of_a_signature(self, world: World, ahead: float, code: str) -> None:
        """Five minutes each way, by the wall clock."""
        request = world.request("ListKeys")
        world.clock.wall_ahead_seconds = ahead
        assert code_of(world, request) == ("InvalidSignatureException" if code else "")

    def test_the_services_clock_does_not_matter(self, world: World) -> None:
        """Clients sign with the wall clock and do not know of a moved one."""
        world.clock.seconds += 10 * 365 * 86_400
        world.call("ListKeys")


class TestSecrets:
    """Secret access keys are opened once and kept by what is sealed."""

    @pytest.fixture
    def keys(self, world: World) -> CountingKeys:
        """Stands where the authenticator opens secrets."""
        counting = CountingKeys.__new__(CountingKeys)
        counting.__dict__.update(world.keys.__dict__)
        world.gate._authenticator._keys = counting
        return counting

    def test_a_secret_is_opened_once(self, world: World, keys: CountingKeys) -> None:
        """However many requests it signs; another access key is opened by itself."""
        for _ in range(3):
            world.call("ListKeys")
        assert keys.opened == 1
        world.call("ListKeys", by=f"{ALICE_ACCOUNT}-root")
        assert keys.opened == 2

    def test_a_replaced_secret_counts_at_once(self, world: World, keys: CountingKeys) -> None:
        """The old secret is refused with the next request, the new one taken."""
        world.call("ListKeys")
        old = world.credentials[ALICE_ACCOUNT]
        new = Credential(old.access_key_id, Secret(b"the new secret"))
        sealed = world.keys.seal(new.secret_access_key, bound_to=access_key(world).binding)
        change(world, sealed_secret=sealed)
        assert world.refusal("ListKeys") == MISMATCH
        world.credentials["new"] = new
        world.call("ListKeys", by="new")
        assert keys.opened == 2

    def test_secrets_are_kept_within_bounds(
        self, world: World, keys: CountingKeys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When more access keys sign than are kept, the first one is opened again."""
        monkeypatch.setattr(authenticate, "_OPENED_MAX", 1)
        for by in (ALICE_ACCOUNT, BOB_ACCOUNT, ALICE_ACCOUNT):
            world.call("ListKeys", by=by)
        assert keys.opened == 3
        assert len(world.gate._authenticator._opened) == 1

    def test_a_secret_moved_to_another_access_key(self, world: World) -> None:
        """A sealed secret opens in its own row alone: in another it is a failure of ours, and nobody gets in."""
        moved = access_key(world, f"{BOB_ACCOUNT}-root").sealed_secret
        change(world, sealed_secret=moved)
        world.credentials["thief"] = Credential(
            access_key(world).access_key_id, world.credentials[f"{BOB_ACCOUNT}-root"].secret_access_key
        )
        assert world.refusal("ListKeys", by="thief")[0] == "KMSInternalException"
        assert world.refusal("ListKeys")[0] == "KMSInternalException"

    def test_strangers_push_nobody_out(self, world: World) -> None:
        """The signing keys of known access keys are kept apart from what strangers send."""
        world.call("ListKeys")
        authenticator = world.gate._authenticator
        before = len(authenticator._signing_keys)
        for number in range(5):
            world.credentials["nobody"] = Credential(f"AKIANOBODY000000000{number}", Secret(b"some secret"))
            assert world.refusal("ListKeys", by="nobody") == INVALID_TOKEN
        assert len(authenticator._signing_keys) == before

    def test_a_setting_may_widen_the_window(self, world: World) -> None:
        """As far as the authenticator is told."""
        wide = Authenticator(
            database=world.database,
            keys=world.keys,
            clock=world.clock,
            regions=frozenset({"us-east-1"}),
            skew_seconds=900,
            stand_in=Secret(b"nobody's secret"),
            web_identity_keys=world.issuers,
        )
        request = world.request("ListKeys")
        world.clock.wall_ahead_seconds = 890.0
        assert wide.authenticate(request, "kms").caller.account_id == ALICE_ACCOUNT
        world.database.commit([Remove(access_key(world))])
        with pytest.raises(UnrecognizedClientException):
            wide.authenticate(request, "kms")
