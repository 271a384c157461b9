"""Signatures of tokens: which are believed, and every way around that we know."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.issuer import Issuer
from selfkms.adapters.oidc.tokens import Signed, signed_by, verified_claims
from selfkms.domain.sts.errors import InvalidIdentityTokenException
from selfkms.domain.sts.web_identity import NOT_A_JWT_TEXT

ISSUER = Issuer("https://token.example.org/tenant")
NOT_SIGNED = "The signature of the web identity token is not valid."


def encoded(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Any, payload: Any = None, signature: bytes = b"s") -> str:
    claims = ISSUER.claims() if payload is None else payload
    return f"{encoded(header)}.{encoded(claims)}.{encoded(signature)}"


def not_a_token(token: str) -> bool:
    with pytest.raises(InvalidIdentityTokenException) as refused:
        signed_by(token)
    return refused.value.message == NOT_A_JWT_TEXT


def not_signed(token: str, *, algorithm: str = "ES256") -> bool:
    with pytest.raises(InvalidIdentityTokenException) as refused:
        verified_claims(token, algorithm, ISSUER.key.public_key())
    return refused.value.message == NOT_SIGNED


def test_a_token_of_the_issuer_is_believed() -> None:
    """Its claims come out as they were signed."""
    token = ISSUER.token(tags=[1, {"a": None}])
    assert signed_by(token) == Signed("first", "ES256")
    assert verified_claims(token, "ES256", ISSUER.key.public_key()) == ISSUER.claims(tags=[1, {"a": None}])


@pytest.mark.parametrize("kind", ["JWT", "jwt", "application/jwt", None])
def test_types_that_a_token_may_state(kind: str | None) -> None:
    """RFC 7519, 5.1."""
    header = {"alg": "ES256", "kid": "k", **({} if kind is None else {"typ": kind})}
    assert signed_by(forged(header)) == Signed("k", "ES256")


@pytest.mark.parametrize(
    "changed",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "NONE"},
        {"alg": ""},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": "HS256"},
        {"alg": "HS512"},
        {"alg": "PS256"},
        {"alg": "EdDSA"},
        {"alg": "ES256K"},
        {"alg": "es256"},
        {"alg": "RSA-OAEP", "enc": "A256GCM"},
        {"kid": None},
        {"kid": 1},
        {"kid": ["first"]},
        {"typ": "at+jwt"},
        {"typ": "secevent+jwt"},
        {"typ": 1},
        {"cty": "JWT"},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"crit": ["exp"], "exp": 1},
        {"b64": True},
        {"b64": False},
        {"zip": "DEF"},
    ],
)
def test_other_headers_are_refused(changed: dict[str, Any]) -> None:
    """Unsigned, with a MAC, encrypted, nested, of another type, or with what would have to be understood."""
    assert not_a_token(forged({"alg": "ES256", "kid": "first", "typ": "JWT", **changed}))


@pytest.mark.parametrize("missing", ["alg", "kid"])
def test_a_header_names_algorithm_and_key(missing: str) -> None:
    """Without either of them nothing is tried."""
    header = {"alg": "ES256", "kid": "first"}
    del header[missing]
    assert not_a_token(forged(header))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "token",
        "a.b",
        "..",
        "a.b.c",
        "a.b.c.d.e",
        forged([]),
        forged(None),
        forged("ES256"),
        forged(b"\xff"),
        forged(b"[" * 10_000),
        forged({"alg": "ES256", "kid": "first"}).replace(".", ".!", 1),
        '{"payload":"","signatures":[]}',
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    """Whatever was sent in its place, also the JSON form (RFC 7515, 7.2)."""
    assert not_a_token(token)


def test_none_is_no_signature() -> None:
    """RFC 8725, 3.1: an empty signature verifies nothing, even past the check of the header."""
    header, payload, _ = ISSUER.token().split(".")
    for signature in ("", "AA"):
        assert not_signed(f"{header}.{payload}.{signature}")
    assert not_signed(jwt.encode(ISSUER.claims(), "", algorithm="none", headers={"kid": "first"}))


def test_a_public_key_is_no_secret() -> None:
    """RFC 8725, 2.1: a MAC with the public key as its secret, in each of the forms that it has."""
    public = ISSUER.key.public_key()
    for secret in (
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(ISSUER.jwk).encode(),
    ):
        header = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(ISSUER.claims())}"
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(header.encode(), secret)
        token = f"{header}.{encoded(signature)}"
        assert not_a_token(token)
        assert not_signed(token)


def test_another_key_with_the_same_id() -> None:
    """Does not verify."""
    assert not_signed(Issuer(ISSUER.url).token())


def test_a_key_in_the_header_is_not_looked_at() -> None:
    """RFC 7515, 4.1.2 to 4.1.6: whoever forges a token can write any."""
    other = Issuer(ISSUER.url)
    token = other.token(headers={"jwk": other.jwk, "jku": "https://evil.example/", "x5u": "https://evil.example/"})
    assert signed_by(token) == Signed("first", "ES256")
    assert not_signed(token)


def test_a_key_has_one_algorithm() -> None:
    """A token that states another one of the list is not verified with it."""
    token = jwt.encode(
        ISSUER.claims(), ec.generate_private_key(ec.SECP384R1()), algorithm="ES384", headers={"kid": "first"}
    )
    assert not_signed(token)
    assert not_signed(token, algorithm="ES384")


def test_a_zero_signature_is_refused() -> None:
    """Both its numbers being zero (CVE-2022-21449)."""
    header, payload, _ = ISSUER.token().split(".")
    assert not_signed(f"{header}.{payload}.{encoded(bytes(64))}")


def test_what_is_signed_must_be_claims() -> None:
    """A good signature over something else makes no token."""
    for payload in (b"", b"[]", b'"nested.jwt.token"', b"\xff", b"{" * 5_000):
        token = jwt.PyJWS().encode(payload, ISSUER.key, algorithm="ES256", headers={"kid": "first"})
        with pytest.raises(InvalidIdentityTokenException) as refused:
            verified_claims(token, "ES256", ISSUER.key.public_key())
        assert refused.value.message == NOT_A_JWT_TEXT


TOKEN = ISSUER.token(now=1_790_000_000)


@settings(max_examples=60)
@given(place=st.integers(0, len(TOKEN) - 2), character=st.sampled_from("ABCxyz019-_."))
def test_an_altered_token_is_never_believed(place: int, character: str) -> None:
    """Wherever it is altered. The last character is left: two of its bits stand for nothing."""
    altered = TOKEN[:place] + character + TOKEN[place + 1 :]
    if altered == TOKEN:
        return
    with pytest.raises(InvalidIdentityTokenException):
        verified_claims(altered, "ES256", ISSUER.key.public_key())


@settings(max_examples=60)
@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    """It is refused, and nothing else is raised."""
    with pytest.raises(InvalidIdentityTokenException):
        signed_by(text)
