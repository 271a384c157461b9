"""What conditions and policy variables may ask of a request, gathered when the first one does.

Source: IAM User Guide, "AWS global condition context keys"; KMS developer guide, "AWS KMS condition keys"; Service
Authorization Reference, "AWS Key Management Service", "AWS Identity and Access Management".
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from selfkms.domain.iam.callers import Caller, CallerKind
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.policy.facts import Fact, Facts
from selfkms.domain.tags import Tag

_RESOURCE_ALIASES: Final = "kms:resourcealiases"
_RESOURCE_TAGS: Final = ("aws:resourcetag/", "iam:resourcetag/", "ec2:resourcetag/")

_PRINCIPAL_TYPES: Final = {
    CallerKind.ROOT: "Account",
    CallerKind.USER: "User",
    CallerKind.ROLE: "AssumedRole",
    CallerKind.FEDERATED: "FederatedUser",
    CallerKind.SERVICE: "Service",
    # AWS General Reference: so of every request without a signature.
    CallerKind.WEB_IDENTITY: "Anonymous",
}


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request before anything is looked up."""

    caller: Caller
    region: str
    now: float
    """Seconds since the epoch."""
    source_ip: str | None
    """None of this and what follows: it is not known, and the condition key is absent."""
    secure: bool | None
    user_agent: str | None
    referer: str | None


class AboutResource(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the resource of a permission."""

    owner: str | None = None
    """Account ID; None: the operation has no resource."""
    key: KMSKey | None = None
    request_alias: str | None = None
    """The alias name by which the request named the key."""
    aliases: Callable[[], Fact | None] | None = None
    """Names of all aliases of the key."""
    tags: tuple[Tag, ...] = ()
    of_iam: bool = False
    """Whether the tags count as `iam:ResourceTag`, too."""
    of_ec2: bool = False
    """Whether the tags count as `ec2:ResourceTag`, too."""
    requested: Callable[[], Mapping[str, Fact]] | None = None
    """Condition keys of the operation."""


def facts_of(around: Surroundings, about: AboutResource) -> tuple[Facts, Facts]:
    """The facts for the identity side; and those for resource policies, which see no tags and aliases."""

    def gather() -> dict[str, Fact]:
        facts = _of_principal(around.caller)
        facts.update(_of_request(around))
        facts.update(_of_resource(around, about))
        if about.requested is not None:
            facts.update(about.requested())
        return facts

    shared = Facts(gather)
    return _IdentityFacts(shared, about), shared


class _IdentityFacts(Facts):
    """What both sides see, and beside it tags and aliases of the resource; each side with its own allowance.

    The names of a key's aliases cost a query, and few conditions ask for them.
    """

    __slots__ = ("_aliases", "_shared")

    def __init__(self, shared: Facts, about: AboutResource) -> None:
        super().__init__(lambda: _of_identity_side(about))
        self._shared = shared
        self._aliases = about.aliases

    def get(self, name_lower: str) -> Fact | None:
        self.asked = True
        if name_lower == _RESOURCE_ALIASES:
            return None if self._aliases is None else self._aliases()
        return super().get(name_lower) if name_lower.startswith(_RESOURCE_TAGS) else self._shared.get(name_lower)


def _of_principal(caller: Caller) -> dict[str, Fact]:
    if caller.web_identity is not None:
        # No principal of an account: what is said of those is absent.
        return {
            "aws:PrincipalType": _PRINCIPAL_TYPES[caller.kind],
            "aws:FederatedProvider": caller.web_identity.provider_arn,
            **caller.web_identity.condition_keys(),
        }
    facts: dict[str, Fact] = {
        "aws:PrincipalArn": caller.principal_arn,
        "aws:PrincipalAccount": caller.account_id,
        "aws:PrincipalType": _PRINCIPAL_TYPES[caller.kind],
        "aws:userid": caller.principal_id,
        "aws:PrincipalIsAWSService": _flag(caller.kind is CallerKind.SERVICE),
        "aws:ViaAWSService": _flag(caller.service is not None and caller.kind is not CallerKind.SERVICE),
        **_tags("aws:PrincipalTag/", caller.tags),
    }
    if caller.user_name is not None:
        facts["aws:username"] = caller.user_name
    session = caller.session
    if session is not None:
        facts["aws:TokenIssueTime"] = _time(session.issued_at)
        # There are no MFA devices. The key is absent, not false, with long-term credentials.
        facts["aws:MultiFactorAuthPresent"] = "false"
        if session.source_identity is not None:
            facts["aws:SourceIdentity"] = session.source_identity
        if session.web_identity_provider is not None:
            facts["aws:FederatedProvider"] = session.web_identity_provider
            facts.update(session.web_identity_keys)
    return facts


def _of_request(around: Surroundings) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "aws:CurrentTime": _time(around.now),
        "aws:EpochTime": str(int(around.now)),
        "aws:RequestedRegion": around.region,
    }
    if around.source_ip is not None:
        facts["aws:SourceIp"] = around.source_ip
    if around.secure is not None:
        facts["aws:SecureTransport"] = _flag(around.secure)
    if around.user_agent is not None:
        facts["aws:UserAgent"] = around.user_agent
    if around.referer is not None:
        facts["aws:Referer"] = around.referer
    return facts


def _of_resource(around: Surroundings, about: AboutResource) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"kms:CallerAccount": around.caller.account_id}
    if around.caller.service is not None:
        facts["kms:ViaService"] = around.caller.service
    if about.owner is not None:
        facts["aws:ResourceAccount"] = about.owner
    if about.request_alias is not None:
        facts["kms:RequestAlias"] = about.request_alias
    key = about.key
    if key is not None:
        facts["kms:KeySpec"] = facts["kms:CustomerMasterKeySpec"] = str(key.key_spec)
        facts["kms:KeyUsage"] = facts["kms:CustomerMasterKeyUsage"] = str(key.key_usage)
        facts["kms:KeyOrigin"] = str(key.origin)
        facts["kms:MultiRegion"] = _flag(key.multi_region)
        if key.multi_region:
            facts["kms:MultiRegionKeyType"] = "REPLICA" if key.is_replica else "PRIMARY"
    return facts


def _of_identity_side(about: AboutResource) -> dict[str, Fact]:
    facts = _tags("aws:ResourceTag/", about.tags)
    if about.of_iam:
        facts |= _tags("iam:ResourceTag/", about.tags)
    if about.of_ec2:
        facts |= _tags("ec2:ResourceTag/", about.tags)
    return facts


def _tags(prefix: str, tags: Iterable[Tag]) -> dict[str, Fact]:
    return {prefix + tag.tag_key: tag.tag_value for tag in tags}


def _flag(value: bool) -> str:  # noqa: FBT001  it is the value, not a switch
    return "true" if value else "false"


def _time(at: float) -> str:
    return _second(math.floor(at))


@functools.lru_cache(maxsize=4)
def _second(at: int) -> str:
    # Thousands of requests come in the same second.
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
