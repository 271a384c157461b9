"""The configuration and the keys of an issuer: what is taken, and what is passed over."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from selfkms.adapters.oidc.fetch import UnusableDocumentError
from selfkms.adapters.oidc.key_sets import ALGORITHMS, KEYS_MAX, configuration_url, jwks_uri_of, keys_of

ISSUER = "https://token.example.org/tenant"


@pytest.fixture(scope="module")
def of_rsa() -> dict[str, Any]:
    """An RSA key of 2048 bits."""
    key = rsa.generate_private_key(65537, 2048)
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "r"}


@pytest.fixture(scope="module")
def of_curve() -> dict[str, Any]:
    """A key of P-256."""
    return curve_key(ec.SECP256R1())


def curve_key(curve: ec.EllipticCurve) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(ec.generate_private_key(curve).public_key(), as_dict=True), "kid": "c"}


def key_set(*entries: Any) -> bytes:
    return json.dumps({"keys": entries}).encode()


def test_where_the_configuration_is() -> None:
    """Below the issuer, whether or not that ends with a slash."""
    for issuer in (ISSUER, f"{ISSUER}/"):
        assert configuration_url(issuer) == f"{ISSUER}/.well-known/openid-configuration"


def test_the_configuration_says_where_the_keys_are() -> None:
    """On any host: the configuration came from the issuer."""
    document = json.dumps({"issuer": ISSUER, "jwks_uri": "https://keys.example.net/1", "more": []}).encode()
    assert jwks_uri_of(document, ISSUER) == "https://keys.example.net/1"


@pytest.mark.parametrize(
    "content",
    [
        {"issuer": f"{ISSUER}/", "jwks_uri": "https://keys.example.net/"},
        {"issuer": "https://token.example.org/TENANT", "jwks_uri": "https://keys.example.net/"},
        {"jwks_uri": "https://keys.example.net/"},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": ["https://keys.example.net/"]},
        {"issuer": ISSUER, "jwks_uri": None},
        [],
        None,
    ],
)
def test_other_configurations_are_refused(content: Any) -> None:
    """Of another issuer, or without keys."""
    with pytest.raises(UnusableDocumentError):
        jwks_uri_of(json.dumps(content).encode(), ISSUER)


@pytest.mark.parametrize(
    "document", [b"", b"<html>", b"\xff", b'{"keys": [', b"[" * 100_000, b"{}", b'{"keys": {}}', b"[]", b"null"]
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    """Nesting without end does not end the process."""
    with pytest.raises(UnusableDocumentError):
        keys_of(document)
    with pytest.raises(UnusableDocumentError):
        jwks_uri_of(document, ISSUER)


def test_a_key_says_which_algorithms_it_has(of_rsa: dict[str, Any]) -> None:
    """RSA has three of one padding; a curve has one; `alg` narrows it."""
    assert keys_of(key_set(of_rsa)).keys() == {("r", "RS256"), ("r", "RS384"), ("r", "RS512")}
    assert keys_of(key_set({**of_rsa, "alg": "RS384"})).keys() == {("r", "RS384")}
    for curve, algorithm in ((ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")):
        assert keys_of(key_set(curve_key(curve))).keys() == {("c", algorithm)}


def test_no_symmetric_algorithm_exists() -> None:
    """Nor PSS, nor `none`: AWS takes these six."""
    assert sorted(ALGORITHMS) == ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512"]


@pytest.mark.parametrize(
    "changed",
    [
        {"kid": None},
        {"kid": 1},
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": "PS256"},
        {"alg": "ES384"},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA"},
        {"kty": ["EC"]},
        {"crv": "secp256k1"},
        {"crv": "P-384"},
        {"crv": ["P-256"]},
        {"x": "AAAA"},
        {"x": None},
        {"x": 5},
        {"y": "!"},
    ],
)
def test_other_keys_are_passed_over(of_curve: dict[str, Any], changed: dict[str, Any]) -> None:
    """The rest of the set counts."""
    good = {**of_curve, "kid": "good"}
    assert keys_of(key_set({**of_curve, **changed}, good)).keys() == {("good", "ES256")}


def test_a_point_that_is_not_on_the_curve_is_passed_over(of_curve: dict[str, Any]) -> None:
    """It is no key."""
    assert not keys_of(key_set({**of_curve, "x": of_curve["y"], "y": of_curve["x"]}))


def test_private_keys_are_passed_over() -> None:
    """Whoever publishes one has lost it."""
    private = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    assert not keys_of(key_set({**private, "kid": "p"}))


def test_other_signatures_are_passed_over() -> None:
    """AWS takes no EdDSA."""
    edwards = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)
    assert not keys_of(key_set({**edwards, "kid": "e"}))


@pytest.mark.parametrize("bits", [512, 1_024, 2_047, 8_193, 16_384])
def test_rsa_keys_have_a_size(of_rsa: dict[str, Any], bits: int) -> None:
    """Neither weak, nor so large that a signature takes long."""
    modulus = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) | 1)
    entry = {**RSAAlgorithm.to_jwk(_Numbers(modulus), as_dict=True), "kid": "odd"}  # type: ignore[call-overload]  # no key has this modulus
    assert keys_of(key_set(entry, of_rsa)).keys() == {("r", "RS256"), ("r", "RS384"), ("r", "RS512")}


class _Numbers:
    """What the library asks a public key for."""

    def __init__(self, numbers: rsa.RSAPublicNumbers) -> None:
        self.verify = True
        self.numbers = numbers

    def public_numbers(self) -> rsa.RSAPublicNumbers:
        return self.numbers


@pytest.mark.parametrize("entry", [None, "key", 5, [], {}])
def test_what_is_no_key_is_passed_over(entry: Any, of_curve: dict[str, Any]) -> None:
    """However odd."""
    assert keys_of(key_set(entry, of_curve)).keys() == {("c", "ES256")}


def test_of_two_keys_with_one_id_the_first_counts(of_curve: dict[str, Any]) -> None:
    """RFC 7517, 4.5: IDs of one set should differ."""
    other = curve_key(ec.SECP256R1())
    (key,) = keys_of(key_set(of_curve, other)).values()
    assert key == next(iter(keys_of(key_set(of_curve)).values()))


def test_a_set_has_a_largest_number_of_keys(of_curve: dict[str, Any]) -> None:
    """As on AWS."""
    keys_of(key_set(*[of_curve] * KEYS_MAX))
    with pytest.raises(UnusableDocumentError, match="more than 200 keys"):
        keys_of(key_set(*[of_curve] * (KEYS_MAX + 1)))
