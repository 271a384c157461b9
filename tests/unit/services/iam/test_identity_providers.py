"""OpenID Connect providers."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.records import Put

URL = "https://id.example.org/tenant"
ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:oidc-provider/id.example.org/tenant"
THUMBPRINT = "0123456789abcdef0123456789ABCDEF01234567"
NAMED = {"OpenIDConnectProviderArn": ARN}


def make(world: World, **parameters: Any) -> Any:
    return world.iam("CreateOpenIDConnectProvider", {"Url": URL, **parameters})


def stored(world: World) -> OIDCProvider:
    provider = world.database.oidc_provider(ALICE_ACCOUNT, "id.example.org/tenant")
    assert provider is not None
    return provider


def test_a_provider_is_made_and_described(world: World) -> None:
    """Under an ARN with its host and path; its URL is answered without the scheme, as on AWS."""
    tags = [{"Key": "a", "Value": "b"}]
    made = make(world, ClientIDList=["app", "cli", "app"], ThumbprintList=[THUMBPRINT], Tags=tags)
    assert made == {"OpenIDConnectProviderArn": ARN, "Tags": tags}
    provider = world.iam("GetOpenIDConnectProvider", NAMED)
    assert provider.pop("CreateDate").timestamp() == world.clock.now()
    assert provider == {
        "Url": "id.example.org/tenant",
        "ClientIDList": ["app", "cli"],
        "ThumbprintList": [THUMBPRINT],
        "Tags": tags,
    }


def test_a_url_is_enough(world: World) -> None:
    """Without thumbprints none is fetched."""
    assert make(world) == {"OpenIDConnectProviderArn": ARN}
    assert (stored(world).client_ids, stored(world).thumbprints) == ((), ())


def test_an_issuer_is_trusted_once(world: World) -> None:
    """In each account."""
    make(world)
    refusal = (409, "EntityAlreadyExists", f"Provider with url {URL} already exists.")
    assert world.iam_refusal("CreateOpenIDConnectProvider", {"Url": URL}) == refusal
    world.iam("CreateOpenIDConnectProvider", {"Url": URL}, by=BOB_ACCOUNT)


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.org",
        "id.example.org",
        "https://",
        "https:///tenant",
        "https://id.example.org:8443",
        "https://user@id.example.org",
        "https://id.example.org?x=1",
        "https://id.example.org#x",
        "https://id.example.org/*",
        "https://id..example.org",
        "HTTPS://id.example.org",
    ],
)
def test_a_url_that_cannot_be_an_issuers_is_refused(world: World, url: str) -> None:
    """Another scheme, a port, a query; and what would mean something else in an ARN."""
    refusal = (400, "InvalidInput", "Invalid Open ID Connect Provider URL")
    assert world.iam_refusal("CreateOpenIDConnectProvider", {"Url": url}) == refusal


@pytest.mark.parametrize("url", ["https://localhost", "https://id.example.org/", "https://a-b.example/x/y_z~.1"])
def test_a_url_of_host_and_path_is_taken(world: World, url: str) -> None:
    """As it is: the issuer of tokens is compared with it."""
    arn = world.iam("CreateOpenIDConnectProvider", {"Url": url})["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ALICE_ACCOUNT}:oidc-provider/{url.removeprefix('https://')}"
    world.iam("GetOpenIDConnectProvider", {"OpenIDConnectProviderArn": arn})


@pytest.mark.parametrize(
    ("thumbprints", "text"),
    [
        ([THUMBPRINT] * 6, "Thumbprint list must contain at most 5 entries."),
        (["x" * 40], "Thumbprint must be 40 hexadecimal digits."),
    ],
)
def test_thumbprints_that_are_none_are_refused(world: World, thumbprints: list[str], text: str) -> None:
    """In a new provider and in one that is there."""
    given = {"Url": URL, "ThumbprintList": thumbprints}
    assert world.iam_refusal("CreateOpenIDConnectProvider", given) == (400, "InvalidInput", text)
    make(world)
    given = {**NAMED, "ThumbprintList": thumbprints}
    assert world.iam_refusal("UpdateOpenIDConnectProviderThumbprint", given) == (400, "InvalidInput", text)


def test_thumbprints_are_replaced(world: World) -> None:
    """All of them, and not by none."""
    make(world, ThumbprintList=[THUMBPRINT])
    world.iam("UpdateOpenIDConnectProviderThumbprint", {**NAMED, "ThumbprintList": ["a" * 40, "b" * 40]})
    assert stored(world).thumbprints == ("a" * 40, "b" * 40)
    refusal = world.iam_refusal("UpdateOpenIDConnectProviderThumbprint", {**NAMED, "ThumbprintList": []})
    assert refusal[:2] == (400, "InvalidInput")


def test_an_account_has_so_many_providers(world: World) -> None:
    """No more than the quota."""
    providers = [
        OIDCProvider(account_id=ALICE_ACCOUNT, host_and_path=f"id{i}.example.org", created_at=0.0) for i in range(100)
    ]
    world.database.commit([Put(provider) for provider in providers])
    text = "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100"
    assert world.iam_refusal("CreateOpenIDConnectProvider", {"Url": URL}) == (409, "LimitExceeded", text)


def test_client_ids_are_added_and_removed(world: World) -> None:
    """Both may be said again."""
    make(world, ClientIDList=["app"])
    for _ in range(2):
        world.iam("AddClientIDToOpenIDConnectProvider", {**NAMED, "ClientID": "cli"})
        assert stored(world).client_ids == ("app", "cli")
    for _ in range(2):
        world.iam("RemoveClientIDFromOpenIDConnectProvider", {**NAMED, "ClientID": "app"})
        assert stored(world).client_ids == ("cli",)


def test_a_provider_has_so_many_client_ids(world: World) -> None:
    """A hundred, when it is made and later."""
    text = "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"
    client_ids = [f"c{i}" for i in range(101)]
    given = {"Url": URL, "ClientIDList": client_ids}
    assert world.iam_refusal("CreateOpenIDConnectProvider", given) == (409, "LimitExceeded", text)
    make(world, ClientIDList=client_ids[:100])
    given = {**NAMED, "ClientID": "one more"}
    assert world.iam_refusal("AddClientIDToOpenIDConnectProvider", given) == (409, "LimitExceeded", text)


def test_providers_are_listed_and_deleted(world: World) -> None:
    """Those of the account."""
    make(world)
    world.iam("CreateOpenIDConnectProvider", {"Url": "https://a.example.org"})
    world.iam("CreateOpenIDConnectProvider", {"Url": "https://b.example.org"}, by=BOB_ACCOUNT)
    other = f"arn:aws:iam::{ALICE_ACCOUNT}:oidc-provider/a.example.org"
    listed = world.iam("ListOpenIDConnectProviders")["OpenIDConnectProviderList"]
    assert listed == [{"Arn": other}, {"Arn": ARN}]
    world.iam("DeleteOpenIDConnectProvider", NAMED)
    assert world.iam("ListOpenIDConnectProviders")["OpenIDConnectProviderList"] == [{"Arn": other}]


@pytest.mark.parametrize(
    ("operation", "further"),
    [
        ("GetOpenIDConnectProvider", {}),
        ("AddClientIDToOpenIDConnectProvider", {"ClientID": "app"}),
        ("RemoveClientIDFromOpenIDConnectProvider", {"ClientID": "app"}),
        ("UpdateOpenIDConnectProviderThumbprint", {"ThumbprintList": [THUMBPRINT]}),
    ],
)
def test_a_provider_that_does_not_exist_is_refused(world: World, operation: str, further: dict[str, Any]) -> None:
    """So is one of another account."""
    world.iam("CreateOpenIDConnectProvider", {"Url": URL}, by=BOB_ACCOUNT)
    text = f"OpenIDConnect Provider not found for arn {ARN}"
    assert world.iam_refusal(operation, {**NAMED, **further}) == (404, "NoSuchEntity", text)
    foreign = {"OpenIDConnectProviderArn": ARN.replace(ALICE_ACCOUNT, BOB_ACCOUNT)}
    assert world.iam_refusal(operation, {**foreign, **further})[:2] == (404, "NoSuchEntity")


def test_permission_is_asked_for_on_the_provider(world: World, make_caller: Callable[..., str]) -> None:
    """On its ARN, also before it exists; with tags the permission to tag is needed, too."""
    caller = make_caller("caller", {"Effect": "Allow", "Action": "iam:*OpenIDConnectProvider", "Resource": ARN})
    given = {"Url": "https://other.example.org"}
    assert world.iam_refusal("CreateOpenIDConnectProvider", given, by=caller)[:2] == (403, "AccessDenied")
    world.iam("CreateOpenIDConnectProvider", {"Url": URL}, by=caller)
    world.iam("DeleteOpenIDConnectProvider", NAMED, by=caller)
    maker = make_caller("maker", {"Effect": "Allow", "Action": "iam:CreateOpenIDConnectProvider", "Resource": "*"})
    tagged = {"Url": URL, "Tags": [{"Key": "a", "Value": "b"}]}
    text = world.iam_refusal("CreateOpenIDConnectProvider", tagged, by=maker)[2]
    assert text is not None
    assert "iam:TagOpenIDConnectProvider" in text


def test_the_audit_has_request_and_answer(world: World) -> None:
    """In CloudTrail's writing."""
    make(world, ClientIDList=["app"], ThumbprintList=[THUMBPRINT])
    record = world.record()
    assert record["requestParameters"] == {"url": URL, "clientIDList": ["app"], "thumbprintList": [THUMBPRINT]}
    assert record["responseElements"] == {"openIDConnectProviderArn": ARN}
    world.iam("AddClientIDToOpenIDConnectProvider", {**NAMED, "ClientID": "cli"})
    assert world.record()["requestParameters"] == {"openIDConnectProviderArn": ARN, "clientID": "cli"}
