"""Whom a web identity token is about, and whether it may be believed now. Its signature was verified before.

Source: OpenID Connect Core 1.0, 3.1.3.7 "ID Token Validation"; RFC 7519, 4.1; IAM User Guide, "Create an OpenID Connect
(OIDC) identity provider in IAM", "Available keys for AWS OIDC federation", "Pass session tags in AWS STS".
"""

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from selfkms.domain.iam.identity_providers import OIDCProvider, WebIdentity
from selfkms.domain.sts.errors import (
    ExpiredTokenException,
    IDPRejectedClaimException,
    InvalidIdentityTokenException,
    InvalidParameterValueException,
)
from selfkms.domain.sts.session_tags import SessionTags, chained, check_session_tags
from selfkms.domain.tags import Tag

AGE_SECONDS_MAX: Final = 86_400
"""How long after it was issued a token counts, whatever its own end."""
LEEWAY_SECONDS: Final = 300
"""How far the clock of a provider may be ahead of ours."""

NOT_A_JWT_TEXT: Final = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"

_COMPACT: Final = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]+", re.ASCII)

# AWS What's New, "AWS STS now supports validation of select identity provider specific claims" (2026): of GitHub.
_FURTHER_CLAIMS: Final = {
    "token.actions.githubusercontent.com": (
        "actor",
        "actor_id",
        "enterprise_id",
        "environment",
        "job_workflow_ref",
        "ref",
        "repository",
        "repository_id",
        "workflow",
    )
}

_TAGS_CLAIM: Final = "https://aws.amazon.com/tags"
_SOURCE_IDENTITY_CLAIM: Final = "https://aws.amazon.com/source_identity"

# STS API Reference: SourceIdentity, SubjectFromWebIdentityToken, Tag.
_SOURCE_IDENTITY: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_SUBJECT_CHARACTERS_MAX: Final = 255
_TAG_KEY_CHARACTERS_MAX: Final = 128
_TAG_VALUE_CHARACTERS_MAX: Final = 256


def claimed_issuer(token: str) -> str:
    """The issuer that a token names. Nothing of it is believed yet: it only says whose keys the token needs.

    Args:
        token: a JSON Web Token in compact form (RFC 7515, 7.1).

    Raises:
        InvalidIdentityTokenException: it has another form, or names no issuer.
    """
    found = _COMPACT.fullmatch(token)
    if found is None:
        raise InvalidIdentityTokenException(NOT_A_JWT_TEXT)
    try:
        payload = urlsafe_b64decode(found[1] + "==")
    except Base64Error as error:
        raise InvalidIdentityTokenException(NOT_A_JWT_TEXT) from error
    issuer = _text(claims_of(payload), "iss")
    if not issuer.isascii() or not issuer.isprintable():
        raise _broken("iss")
    return issuer


def claims_of(payload: bytes) -> dict[str, Any]:
    """The claims of a token out of its decoded payload.

    Raises:
        InvalidIdentityTokenException: it is no JSON object.
    """
    try:
        claims = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The cause is cut off: it may hold parts of the token.
        raise InvalidIdentityTokenException(NOT_A_JWT_TEXT) from None
    if not isinstance(claims, dict):
        raise InvalidIdentityTokenException(NOT_A_JWT_TEXT)
    return claims


def believed(claims: Mapping[str, Any], *, provider: OIDCProvider, now: float) -> WebIdentity:
    """Judge the claims of a token with a good signature.

    Args:
        claims: as they were signed.
        provider: the one whose key signed them.
        now: seconds since the epoch.

    Raises:
        InvalidIdentityTokenException: a claim is missing or cannot be, or is of another issuer or audience.
        ExpiredTokenException: its time is over.
        IDPRejectedClaimException: its time has not come.
    """
    issuer = _text(claims, "iss")
    if issuer != provider.url:
        raise InvalidIdentityTokenException(f"No OpenIDConnect provider found in your account for {issuer}")
    audience = _audience(claims)
    if audience not in provider.client_ids:
        raise InvalidIdentityTokenException("Incorrect token audience")
    _check_times(claims, now)
    subject = _text(claims, "sub")
    if not 0 < len(subject) <= _SUBJECT_CHARACTERS_MAX:
        raise _broken("sub")
    tags, transitive_keys = _session_tags(claims)
    return WebIdentity(
        provider_arn=provider.arn,
        issuer=issuer,
        subject=subject,
        audience=audience,
        audiences=_audiences(claims),
        amr=_texts(claims.get("amr", []), "amr"),
        further=_further(claims, provider),
        tags=tags,
        transitive_tag_keys=transitive_keys,
        source_identity=_source_identity(claims),
    )


def _audience(claims: Mapping[str, Any]) -> str:
    """The party that the token was made for: `azp` if it is there, else `aud`, which must then be one."""
    audiences = _audiences(claims)
    if "azp" in claims:
        return _text(claims, "azp")
    if len(audiences) != 1:
        # OpenID Connect Core, 3.1.3.7, 4: with several audiences the authorized party must be named.
        raise InvalidIdentityTokenException("Incorrect token audience")
    return audiences[0]


def _audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    audience = claims.get("aud")
    return (audience,) if isinstance(audience, str) else _texts(audience, "aud")


def _further(claims: Mapping[str, Any], provider: OIDCProvider) -> dict[str, str]:
    names = ("email", *_FURTHER_CLAIMS.get(provider.host_and_path, ()))
    return {name: value for name in names if isinstance(value := claims.get(name), str)}


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    """Refuse a token outside its time; the first of these that fails is told."""
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    if now >= expires:
        raise ExpiredTokenException(
            f"Token expired: current date/time {int(now)} must be before the expiration date/time {expires}"
        )
    if now - issued > AGE_SECONDS_MAX:
        raise ExpiredTokenException(f"Token too old: {int(now - issued)}")
    begins = max(issued, _seconds(claims, "nbf") if "nbf" in claims else issued)
    if begins > now + LEEWAY_SECONDS:
        raise IDPRejectedClaimException("The web identity token is not valid yet.")


def _session_tags(claims: Mapping[str, Any]) -> SessionTags:
    claim = claims.get(_TAGS_CLAIM)
    if claim is None:
        return SessionTags((), ())
    pairs = claim.get("principal_tags", {}) if isinstance(claim, dict) else None
    if not isinstance(pairs, dict):
        raise _broken(_TAGS_CLAIM)
    tags = []
    for key, values in pairs.items():
        texts = _texts(values, _TAGS_CLAIM)
        if not 0 < len(key) <= _TAG_KEY_CHARACTERS_MAX or len(texts) != 1 or len(texts[0]) > _TAG_VALUE_CHARACTERS_MAX:
            raise _broken(_TAGS_CLAIM)
        tags.append(Tag(key, texts[0]))
    transitive_keys = _texts(claim.get("transitive_tag_keys", []), _TAGS_CLAIM)
    try:
        check_session_tags(tuple(tags))
        return chained(None, tuple(tags), transitive_keys)
    except InvalidParameterValueException as error:
        raise InvalidIdentityTokenException(error.message) from error


def _source_identity(claims: Mapping[str, Any]) -> str | None:
    value = claims.get(_SOURCE_IDENTITY_CLAIM)
    if value is None:
        return None
    if not isinstance(value, str) or not _SOURCE_IDENTITY.fullmatch(value):
        raise _broken(_SOURCE_IDENTITY_CLAIM)
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if value is None:
        raise InvalidIdentityTokenException(f"Missing a required claim: {name}")
    if not isinstance(value, str):
        raise _broken(name)
    return value


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        raise InvalidIdentityTokenException(f"Missing a required claim: {name}")
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _broken(name)
    return tuple(value)


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    """A date. AWS takes integers only, and `true` is none."""
    value = claims.get(name)
    if value is None:
        raise InvalidIdentityTokenException(f"Missing a required claim: {name}")
    if type(value) is not int:
        raise _broken(name)
    return value


def _broken(name: str) -> InvalidIdentityTokenException:
    return InvalidIdentityTokenException(f"The claim {name} of the web identity token is not valid.")
