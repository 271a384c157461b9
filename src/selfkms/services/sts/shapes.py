"""Shapes that several operations of AWS STS share."""

from typing import Self

import msgspec

from selfkms.domain.cloudtrail.event import element_time
from selfkms.domain.secrets import Secret
from selfkms.domain.tags import Tag
from selfkms.services.shapes import Shape


class SessionTag(Shape, frozen=True, kw_only=True):
    """STS API Reference, "Tag"."""

    key: str
    value: str


class PolicyDescriptor(Shape, frozen=True, kw_only=True):
    """STS API Reference, "PolicyDescriptorType"; the only member of STS whose name begins with a small letter."""

    arn: str | None = msgspec.field(default=None, name="arn")


class Credentials(Shape, frozen=True, kw_only=True):
    """STS API Reference, "Credentials"."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret
    expiration: float


class RecordedCredentials(Shape, frozen=True, kw_only=True):
    """What the audit may hold of credentials. AWS records the session token, too; ours has the secret in it, sealed."""

    access_key_id: str
    expiration: str

    @classmethod
    def of(cls, credentials: Credentials) -> Self:
        """The part of credentials that tells which they are."""
        return cls(access_key_id=credentials.access_key_id, expiration=element_time(credentials.expiration))


class SessionResult(Shape, frozen=True, kw_only=True):
    """What every operation gives that makes a session."""

    issued: Credentials = msgspec.field(name="Credentials")
    session_token_size: int
    """Bytes of the session token."""
    session_token_utilization: int
    """The same in percent of the largest session token."""

    @property
    def credentials(self) -> RecordedCredentials:
        """For the audit, which names members as the API does."""
        return RecordedCredentials.of(self.issued)


def tags_of(tags: tuple[SessionTag, ...]) -> tuple[Tag, ...]:
    """Session tags as policies and sessions have them."""
    return tuple(Tag(tag.key, tag.value) for tag in tags)
