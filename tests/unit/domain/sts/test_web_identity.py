"""What the claims of a token are believed, once its signature is good."""

import json
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.sts.errors import (
    ExpiredTokenException,
    IDPRejectedClaimException,
    InvalidIdentityTokenException,
    STSError,
)
from selfkms.domain.sts.web_identity import (
    AGE_SECONDS_MAX,
    LEEWAY_SECONDS,
    NOT_A_JWT_TEXT,
    believed,
    claimed_issuer,
    claims_of,
)
from selfkms.domain.tags import Tag

NOW = 1_790_000_000
PROVIDER = OIDCProvider(
    account_id="111122223333",
    host_and_path="token.example.org/tenant",
    created_at=0.0,
    client_ids=("sts.amazonaws.com", "console"),
)
TAGS = "https://aws.amazon.com/tags"
SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"


def claims(**changed: Any) -> dict[str, Any]:
    return {
        "iss": "https://token.example.org/tenant",
        "aud": "sts.amazonaws.com",
        "sub": "system:serviceaccount:prod:api",
        "iat": NOW - 60,
        "exp": NOW + 600,
        **changed,
    }


def refusal(error: type[STSError], claimed: dict[str, Any]) -> str | None:
    with pytest.raises(error) as refused:
        believed(claimed, provider=PROVIDER, now=NOW)
    return refused.value.message


def test_a_good_token_says_whom_it_is_about() -> None:
    """Issuer, subject and audience; and the condition keys that begin with the provider."""
    identity = believed(claims(amr=["pwd", "mfa"]), provider=PROVIDER, now=NOW)
    assert (identity.subject, identity.audience) == ("system:serviceaccount:prod:api", "sts.amazonaws.com")
    assert (identity.provider_arn, identity.issuer) == (PROVIDER.arn, PROVIDER.url)
    assert identity.condition_keys() == {
        "token.example.org/tenant:aud": "sts.amazonaws.com",
        "token.example.org/tenant:oaud": "sts.amazonaws.com",
        "token.example.org/tenant:sub": "system:serviceaccount:prod:api",
        "token.example.org/tenant:amr": ("pwd", "mfa"),
    }
    assert "token.example.org/tenant:amr" not in believed(claims(), provider=PROVIDER, now=NOW).condition_keys()


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "iat", "exp"])
def test_required_claims(name: str) -> None:
    """Without any one of them a token is refused, and told which."""
    lacking = claims()
    del lacking[name]
    assert refusal(InvalidIdentityTokenException, lacking) == f"Missing a required claim: {name}"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://token.example.org",
        "https://token.example.org/tenant/",
        "http://token.example.org/tenant",
        "https://token.example.org/TENANT",
    ],
)
def test_another_issuer_is_refused(issuer: str) -> None:
    """The issuer is compared to the letter."""
    assert refusal(InvalidIdentityTokenException, claims(iss=issuer)) == (
        f"No OpenIDConnect provider found in your account for {issuer}"
    )


@pytest.mark.parametrize("audience", ["other", ["other"], [], ["sts.amazonaws.com", "other"], ["console", "console"]])
def test_another_audience_is_refused(audience: object) -> None:
    """Of several audiences none is chosen: the authorized party would have to be named."""
    assert refusal(InvalidIdentityTokenException, claims(aud=audience)) == "Incorrect token audience"


def test_the_authorized_party_counts_before_the_audience() -> None:
    """`azp` is whom the token was made for."""
    assert believed(claims(aud=["a", "b"], azp="console"), provider=PROVIDER, now=NOW).audience == "console"
    assert believed(claims(aud=["console"]), provider=PROVIDER, now=NOW).audience == "console"
    assert refusal(InvalidIdentityTokenException, claims(azp="other")) == "Incorrect token audience"


def test_time_is_over_at_its_end() -> None:
    """`exp` is the first second at which a token does not count any more."""
    believed(claims(exp=NOW + 1), provider=PROVIDER, now=NOW)
    assert refusal(ExpiredTokenException, claims(exp=NOW)) == (
        f"Token expired: current date/time {NOW} must be before the expiration date/time {NOW}"
    )


def test_an_old_token_is_refused_though_it_has_not_expired() -> None:
    """A provider cannot make tokens for ever."""
    believed(claims(iat=NOW - AGE_SECONDS_MAX), provider=PROVIDER, now=NOW)
    old = AGE_SECONDS_MAX + 1
    assert refusal(ExpiredTokenException, claims(iat=NOW - old)) == f"Token too old: {old}"


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_of_the_future_is_refused(name: str) -> None:
    """Five minutes of another clock are forgiven."""
    believed(claims(**{name: NOW + LEEWAY_SECONDS}), provider=PROVIDER, now=NOW)
    assert refusal(IDPRejectedClaimException, claims(**{name: NOW + LEEWAY_SECONDS + 1})) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exp", float(NOW + 600)),
        ("exp", str(NOW + 600)),
        ("exp", True),
        ("iat", "now"),
        ("nbf", "now"),
        ("sub", 7),
        ("sub", ""),
        ("sub", "x" * 256),
        ("iss", ["https://token.example.org/tenant"]),
        ("aud", 7),
        ("aud", [7]),
        ("azp", ["console"]),
        ("amr", "pwd"),
        (TAGS, []),
        (TAGS, {"principal_tags": ["a"]}),
        (TAGS, {"principal_tags": {"a": "b"}}),
        (TAGS, {"principal_tags": {"a": ["b", "c"]}}),
        (TAGS, {"principal_tags": {"": ["b"]}}),
        (TAGS, {"principal_tags": {"a" * 129: ["b"]}}),
        (TAGS, {"principal_tags": {"a": ["b" * 257]}}),
        (TAGS, {"principal_tags": {"a": ["b"]}, "transitive_tag_keys": ["c"]}),
        (TAGS, {"principal_tags": {"a": ["b"], "A": ["b"]}}),
        (TAGS, {"principal_tags": {"aws:a": ["b"]}}),
        (SOURCE_IDENTITY, "a"),
        (SOURCE_IDENTITY, "a b"),
        (SOURCE_IDENTITY, 7),
    ],
)
def test_claims_of_another_form_are_refused(name: str, value: object) -> None:
    """What cannot be read is not passed over: it may be what limits the session."""
    assert refusal(InvalidIdentityTokenException, claims(**{name: value})) is not None


def test_tags_and_source_identity_come_from_the_token() -> None:
    """The provider gives session tags, says which are transitive, and names a source identity."""
    identity = believed(
        claims(
            **{
                TAGS: {"principal_tags": {"Project": ["x"], "Team": ["y"]}, "transitive_tag_keys": ["project"]},
                SOURCE_IDENTITY: "alice",
            }
        ),
        provider=PROVIDER,
        now=NOW,
    )
    assert identity.tags == (Tag("Project", "x"), Tag("Team", "y"))
    assert identity.transitive_tag_keys == ("project",)
    assert identity.source_identity == "alice"


def compact(payload: bytes) -> str:
    return f"e30.{urlsafe_b64encode(payload).rstrip(b'=').decode()}.c2ln"


def test_a_token_names_its_issuer() -> None:
    """Read without believing it: neither header nor signature is looked at."""
    for extra in ("", "x", "xx"):
        payload = json.dumps({"iss": "https://token.example.org", "more": extra}).encode()
        assert claimed_issuer(compact(payload)) == "https://token.example.org"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "..",
        "a.!.c",
        "a.b.c",
        "e30.a.c2ln",
        "e30.\u00e9\u00e9\u00e9\u00e9.c2ln",
        compact(b""),
        compact(b"[]"),
        compact(b'"text"'),
        compact(b"\xff"),
        compact(b"[" * 50_000),
        compact(b'{"iss": "\\ud800"}'),
        f"{compact(b'{}')}.more",
        f"{compact(b'{}')}\n",
    ],
)
def test_what_is_no_token_names_nobody(token: str) -> None:
    """Encrypted tokens, too, which have five parts."""
    with pytest.raises(InvalidIdentityTokenException) as refused:
        claimed_issuer(token)
    assert refused.value.message == NOT_A_JWT_TEXT


@pytest.mark.parametrize(
    ("claimed", "text"),
    [
        ({}, "Missing a required claim: iss"),
        ({"iss": None}, "Missing a required claim: iss"),
        ({"iss": 5}, "The claim iss of the web identity token is not valid."),
        ({"iss": ["https://a.example"]}, "The claim iss of the web identity token is not valid."),
        ({"iss": "https://\u00e4.example"}, "The claim iss of the web identity token is not valid."),
        ({"iss": "https://a.example\n"}, "The claim iss of the web identity token is not valid."),
        ({"iss": "\x00"}, "The claim iss of the web identity token is not valid."),
    ],
)
def test_an_issuer_is_a_plain_text(claimed: dict[str, Any], text: str) -> None:
    """It stands in a message and is looked up."""
    with pytest.raises(InvalidIdentityTokenException) as refused:
        claimed_issuer(compact(json.dumps(claimed).encode()))
    assert refused.value.message == text


@settings(max_examples=60)
@given(st.binary(max_size=60))
def test_no_payload_breaks_the_reader(payload: bytes) -> None:
    """It is claims, or refused."""
    with suppress(InvalidIdentityTokenException):
        assert isinstance(claims_of(payload), dict)


def test_an_authorized_party_comes_before_the_audience() -> None:
    """`aud` is then the other one of the two; several of them are one key with several values."""
    identity = believed(claims(azp="console", aud=["one", "two"]), provider=PROVIDER, now=NOW)
    keys = identity.condition_keys()
    assert keys["token.example.org/tenant:aud"] == "console"
    assert keys["token.example.org/tenant:oaud"] == ("one", "two")
    nobody = believed(claims(azp="console", aud=[]), provider=PROVIDER, now=NOW)
    assert "token.example.org/tenant:oaud" not in nobody.condition_keys()


def test_the_mail_address_is_for_the_trust_policy_alone() -> None:
    """Other claims are for nothing, and one of another type is passed over."""
    identity = believed(claims(email="a@example.org", repository="o/r", name="A"), provider=PROVIDER, now=NOW)
    assert identity.further == {"email": "a@example.org"}
    assert "token.example.org/tenant:email" not in identity.lasting_keys()
    assert not believed(claims(email=["a@example.org"]), provider=PROVIDER, now=NOW).further


def test_claims_of_github() -> None:
    """Those that AWS lists, and only of its issuer."""
    github = OIDCProvider(
        account_id="111122223333",
        host_and_path="token.actions.githubusercontent.com",
        created_at=0.0,
        client_ids=("sts.amazonaws.com",),
    )
    claimed = claims(iss=github.url, repository="o/r", repository_id="1", ref="refs/heads/main", sha="abc", actor=None)
    assert believed(claimed, provider=github, now=NOW).further == {
        "repository": "o/r",
        "repository_id": "1",
        "ref": "refs/heads/main",
    }
