"""OpenID Connect providers: whose tokens AssumeRoleWithWebIdentity takes; and what a token says.

Source: IAM User Guide, "Create an OpenID Connect (OIDC) identity provider in IAM", "Available keys for AWS OIDC
federation"; IAM API Reference, "CreateOpenIDConnectProvider".
"""

from typing import ClassVar

import msgspec

from selfkms.domain.arns import oidc_provider_arn
from selfkms.domain.records import Record
from selfkms.domain.tags import Tag


class OIDCProvider(Record, frozen=True, kw_only=True):
    """An OpenID Connect provider that an account trusts."""

    TABLE: ClassVar = "oidc_providers"

    account_id: str
    host_and_path: str
    """Its URL without `https://`: `token.example.org/tenant`. This is also how its condition keys begin."""
    created_at: float
    """Seconds since the epoch."""
    client_ids: tuple[str, ...] = ()
    """Audiences."""
    thumbprints: tuple[str, ...] = ()
    """SHA-1 of certificates, 40 hex digits; kept and given back."""
    tags: tuple[Tag, ...] = ()

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.host_and_path)

    @property
    def arn(self) -> str:
        """The ARN of the provider."""
        return oidc_provider_arn(self.account_id, self.host_and_path)

    @property
    def url(self) -> str:
        """The issuer, as tokens name it."""
        return f"https://{self.host_and_path}"


class WebIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What a believed token says about whoever brings it."""

    provider_arn: str
    issuer: str
    subject: str
    audience: str
    """The client ID that it counts for: the claim `azp`, else `aud`."""
    audiences: tuple[str, ...] = ()
    """The claim `aud` as it is."""
    amr: tuple[str, ...] = ()
    """Authentication methods references (RFC 8176)."""
    further: dict[str, str] = {}
    """Claims besides that AWS knows of tokens of this issuer, by their names."""
    tags: tuple[Tag, ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str | None = None

    @property
    def principal_id(self) -> str:
        """As CloudTrail writes it: provider, audience, subject."""
        return f"{self.provider_arn}:{self.audience}:{self.subject}"

    def lasting_keys(self) -> dict[str, str | tuple[str, ...]]:
        """The condition keys that every request of the session has, too; all names begin with the provider."""
        prefix = self.issuer.removeprefix("https://")
        keys: dict[str, str | tuple[str, ...]] = {f"{prefix}:aud": self.audience, f"{prefix}:sub": self.subject}
        if self.amr:
            keys[f"{prefix}:amr"] = self.amr
        return keys

    def condition_keys(self) -> dict[str, str | tuple[str, ...]]:
        """All condition keys, for trust policies."""
        prefix = self.issuer.removeprefix("https://")
        keys: dict[str, str | tuple[str, ...]] = {f"{prefix}:{name}": value for name, value in self.further.items()}
        if self.audiences:
            keys[f"{prefix}:oaud"] = self.audiences[0] if len(self.audiences) == 1 else self.audiences
        return {**keys, **self.lasting_keys()}
