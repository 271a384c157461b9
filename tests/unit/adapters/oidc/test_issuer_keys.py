"""The keys of issuers: fetched when they are needed, and no oftener."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from harness.issuer import Issuer, Published, http_answer
from selfkms.adapters.oidc import issuer_keys
from selfkms.adapters.oidc.fetch import Fetcher
from selfkms.adapters.oidc.issuer_keys import (
    AFTER_FAILURE_SECONDS,
    AGAIN_SECONDS,
    KEEP_SECONDS,
    NO_KEY_TEXT,
    UNREACHABLE_TEXT,
    IssuerKeys,
)
from selfkms.domain.sts.errors import IDPCommunicationErrorException, InvalidIdentityTokenException

MakeFetcher = Callable[..., Fetcher]
CONFIGURATION = "/.well-known/openid-configuration"


class Elapsed:
    """A clock that moves when a test says so."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def elapsed() -> Elapsed:
    return Elapsed()


@pytest.fixture
def keys(make_fetcher: MakeFetcher, elapsed: Elapsed) -> IssuerKeys:
    """Fetches from the server on this machine."""
    return IssuerKeys(make_fetcher(monotonic=elapsed), monotonic=elapsed)


def refused(keys: IssuerKeys, issuer: Issuer, token: str | None = None) -> str | None:
    with pytest.raises(InvalidIdentityTokenException) as refusal:
        keys.verified_claims(issuer.url, issuer.token() if token is None else token)
    return refusal.value.message


def unreachable(keys: IssuerKeys, issuer: Issuer) -> str | None:
    with pytest.raises(IDPCommunicationErrorException) as refusal:
        keys.verified_claims(issuer.url, issuer.token())
    return refusal.value.message


def test_the_keys_of_an_issuer_verify_its_tokens(server: Published, issuer: Issuer, keys: IssuerKeys) -> None:
    """Found by its configuration, fetched once for many tokens."""
    for _ in range(3):
        assert keys.verified_claims(issuer.url, issuer.token(now=1_790_000_000)) == issuer.claims(now=1_790_000_000)
    assert server.asked == [CONFIGURATION, "/keys"]


def test_keys_are_fetched_anew_after_a_while(
    server: Published, issuer: Issuer, keys: IssuerKeys, elapsed: Elapsed
) -> None:
    """A key that is withdrawn counts no longer then."""
    token = issuer.token()
    keys.verified_claims(issuer.url, token)
    server.answers["/keys"] = http_answer({"keys": [Issuer(issuer.url, key_id="second").jwk]})
    elapsed.seconds = KEEP_SECONDS - 1
    keys.verified_claims(issuer.url, token)
    elapsed.seconds = KEEP_SECONDS
    assert refused(keys, issuer, token) == NO_KEY_TEXT


def test_a_new_key_is_found(server: Published, issuer: Issuer, keys: IssuerKeys, elapsed: Elapsed) -> None:
    """By one fetch more: an issuer that rotates its keys is not refused for ten minutes."""
    keys.verified_claims(issuer.url, issuer.token())
    following = Issuer(issuer.url, key_id="second")
    server.answers["/keys"] = http_answer({"keys": [issuer.jwk, following.jwk]})
    elapsed.seconds = AGAIN_SECONDS
    keys.verified_claims(issuer.url, following.token())
    keys.verified_claims(issuer.url, issuer.token())
    assert len(server.asked) == 4


def test_unknown_keys_do_not_make_us_ask_without_end(
    server: Published, issuer: Issuer, keys: IssuerKeys, elapsed: Elapsed
) -> None:
    """Strangers can name as many as they like."""
    for number in range(5):
        assert refused(keys, issuer, Issuer(issuer.url, key_id=f"made up {number}").token()) == NO_KEY_TEXT
    assert len(server.asked) == 2
    elapsed.seconds = AGAIN_SECONDS
    for number in range(5):
        assert refused(keys, issuer, Issuer(issuer.url, key_id=f"made up {number}").token()) == NO_KEY_TEXT
    assert len(server.asked) == 4


def test_another_key_under_a_known_id_is_refused(server: Published, issuer: Issuer, keys: IssuerKeys) -> None:
    """Without asking the issuer again."""
    keys.verified_claims(issuer.url, issuer.token())
    assert refused(keys, issuer, Issuer(issuer.url).token()) == "The signature of the web identity token is not valid."
    assert len(server.asked) == 2


def test_what_nobody_can_have_signed_makes_us_ask_nobody(server: Published, issuer: Issuer, keys: IssuerKeys) -> None:
    """Its header tells."""
    for token in ("token", "a.b.c", issuer.token(headers={"cty": "JWT"})):
        refused(keys, issuer, token)
    assert not server.asked


def test_keys_come_from_the_issuer_that_was_asked_for(server: Published, issuer: Issuer, keys: IssuerKeys) -> None:
    """Whatever issuer a token names in its claims or its header."""
    other = Issuer(f"https://localhost:{server.port}/other")
    server.answers.update({f"/other{path}": answer for path, answer in other.documents().items()})
    assert refused(keys, issuer, other.token(headers={"jku": f"{other.url}/keys"})) is not None
    assert not any(path.startswith("/other") for path in server.asked)


@pytest.mark.parametrize(
    "changed",
    [
        {CONFIGURATION: http_answer(b"<html>")},
        {CONFIGURATION: http_answer({"issuer": "https://another.example", "jwks_uri": "https://another.example/"})},
        {CONFIGURATION: http_answer(b"", status="404 Not Found")},
        {CONFIGURATION: http_answer(b"", status="302 Found", headers={"Location": "/keys"})},
        {"/keys": http_answer(b"no JSON")},
        {"/keys": http_answer(b" " * 300_000)},
        {"/keys": http_answer({"keys": []})},
        {"/keys": http_answer({"keys": [{"kty": "oct", "k": "AAAA", "kid": "first", "alg": "HS256"}]})},
        {"/keys": http_answer(b"", status="301 Moved Permanently", headers={"Location": "/elsewhere"})},
    ],
)
def test_an_issuer_that_publishes_something_else(
    server: Published, issuer: Issuer, keys: IssuerKeys, changed: dict[str, bytes]
) -> None:
    """Is told as AWS tells it, and no token of it is believed."""
    server.answers.update(changed)
    assert refused(keys, issuer) == NO_KEY_TEXT


@pytest.mark.parametrize("jwks_uri", ["http://localhost/keys", "file:///etc/passwd", "https://localhost:x/"])
def test_keys_are_fetched_by_https_alone(server: Published, issuer: Issuer, keys: IssuerKeys, jwks_uri: str) -> None:
    """Whatever the configuration says."""
    server.answers[CONFIGURATION] = http_answer({"issuer": issuer.url, "jwks_uri": jwks_uri})
    assert refused(keys, issuer) == NO_KEY_TEXT


def test_keys_are_not_fetched_from_inside(make_fetcher: MakeFetcher, server: Published, issuer: Issuer) -> None:
    """A configuration that points to a private address leads nowhere; nor does an issuer that stands behind one."""
    fetcher = make_fetcher(allow_private_addresses=False)
    keys = IssuerKeys(fetcher, monotonic=Elapsed())
    assert unreachable(keys, issuer) == UNREACHABLE_TEXT
    assert not server.asked


def test_a_server_error_may_pass(server: Published, issuer: Issuer, keys: IssuerKeys, elapsed: Elapsed) -> None:
    """Clients send the request again; the issuer is not asked again at once."""
    server.answers["/keys"] = http_answer(b"", status="503 Service Unavailable")
    assert unreachable(keys, issuer) == UNREACHABLE_TEXT
    server.answers.update(issuer.documents())
    assert unreachable(keys, issuer) == UNREACHABLE_TEXT
    assert len(server.asked) == 2
    elapsed.seconds = AFTER_FAILURE_SECONDS
    keys.verified_claims(issuer.url, issuer.token())


def test_known_keys_outlive_a_failure(server: Published, issuer: Issuer, keys: IssuerKeys, elapsed: Elapsed) -> None:
    """Until their own time is over: then nothing is believed any more."""
    keys.verified_claims(issuer.url, issuer.token())
    server.answers.clear()
    elapsed.seconds = AGAIN_SECONDS
    assert refused(keys, issuer, Issuer(issuer.url, key_id="second").token()) == NO_KEY_TEXT
    keys.verified_claims(issuer.url, issuer.token())
    elapsed.seconds = KEEP_SECONDS
    assert refused(keys, issuer) == NO_KEY_TEXT


def test_the_cause_is_for_the_log_alone(
    server: Published, issuer: Issuer, keys: IssuerKeys, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sends tokens learns nothing of what answers where; and no token is in the log."""
    server.answers.clear()
    token = issuer.token()
    with caplog.at_level(logging.DEBUG):
        assert refused(keys, issuer, token) == NO_KEY_TEXT
    assert "404" in caplog.text
    assert not any(part in caplog.text for part in token.split("."))


def test_many_threads_make_one_fetch(server: Published, issuer: Issuer, keys: IssuerKeys) -> None:
    """The others do not wait for it: a slow issuer must not hold up the threads that serve everybody."""
    token, together = issuer.token(), threading.Barrier(4)

    def verify(_: int) -> None:
        together.wait()
        with suppress(IDPCommunicationErrorException):
            keys.verified_claims(issuer.url, token)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(verify, range(4)))
    keys.verified_claims(issuer.url, token)
    assert server.asked == [CONFIGURATION, "/keys"]


def test_issuers_are_forgotten_when_there_are_many(
    server: Published, issuer: Issuer, keys: IssuerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory is bounded; who is forgotten is asked again."""
    monkeypatch.setattr(issuer_keys, "_ISSUERS_MAX", 1)
    other = Issuer(f"https://localhost:{server.port}/other")
    server.answers.update({f"/other{path}": answer for path, answer in other.documents().items()})
    for one in (issuer, other, other, issuer):
        keys.verified_claims(one.url, one.token())
    assert len(server.asked) == 6
