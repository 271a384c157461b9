"""A row of a service's table: what the gate must know to let a request through to a handler."""

from collections.abc import Callable
from typing import Any

import msgspec

from selfkms.domain.kms.keys import KeyUsage


class KeyNamed(msgspec.Struct, frozen=True):
    """The KMS key that a member of the request names. Gives the key."""

    member: str = "key_id"
    aliases: bool = False
    """Whether alias names and alias ARNs are taken beside key IDs and key ARNs."""
    action: str | None = None
    """The permission asked for on it; None: the operation's own."""
    foreign: bool = False
    """Whether a key of another account may be named."""
    optional: bool = False
    """Whether the member may be left out; the handler then gets None."""
    permission: bool = True
    """Whether the operation's permission is asked for on the key; if not, on no resource at all (ListAliases)."""


class KeyOfCiphertext(msgspec.Struct, frozen=True):
    """The KMS key that made a blob, or the one named, which the handler then compares with the blob. Gives the key."""

    blob_member: str = "ciphertext_blob"
    key_member: str = "key_id"
    action: str | None = None


class AliasNamed(msgspec.Struct, frozen=True):
    """The alias that a member of the request names by its name, in the caller's account.

    One that must exist gives the alias and its present KMS key, authorized too and in any state. One that
    is to be made gives nothing.
    """

    member: str = "alias_name"
    exists: bool = True


Target = KeyNamed | KeyOfCiphertext | AliasNamed


class Audit(msgspec.Struct, frozen=True):
    """What of a request and its result the audit may hold; everything else is left out.

    Source: CloudTrail User Guide, per operation; AWS KMS developer guide, "Examples of AWS KMS log entries".
    """

    parameters: tuple[str, ...] = ()
    """Members of the request, in snake_case."""
    defaults: dict[str, Any] = {}
    """Parameters that are recorded with this value when the request leaves them out."""
    answers: tuple[str, ...] = ()
    """Members of the result that become responseElements; `key_id` is the key ARN."""
    read_only: bool = True


class Operation(msgspec.Struct, frozen=True):
    """One operation of one service."""

    name: str
    run: Callable[..., Any]
    """`run(request, *targets, context)`; what each target gives is said at its class."""
    request: type[msgspec.Struct]
    audit: Audit
    check: Callable[[Any], None] | None = None
    """What the service model cannot say of the parameters: run on the request before anything is looked up."""
    targets: tuple[Target, ...] = ()
    usage: KeyUsage | None = None
    """The key usage that every target key must have."""
    writes: bool = False
    """Whether it changes records: it then runs off the event loop."""
    slow: bool = False
    """Whether it may take longer than about a millisecond: it then runs off the event loop, too."""

    @property
    def action(self) -> str:
        """The permission that stands for the operation in a policy."""
        return f"kms:{self.name}"
