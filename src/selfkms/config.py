"""The settings of an installation: `selfkms.toml` in its data directory, and `--set KEY=VALUE` on top.

An unknown setting is an error: a misspelt one would otherwise silently leave its default.
"""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from selfkms.domain import limits
from selfkms.domain.cloudtrail.history import HISTORY_DAYS

SETTINGS_FILE = "selfkms.toml"

Positive = Annotated[int, msgspec.Meta(ge=1)]


class SettingsError(Exception):
    """A setting is unknown or has no value that it could have. The message is for the operator."""


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[server]`: where the API listens and how much it takes."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 4599
    workers: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    """0: one per processor core."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """Threads of a worker for requests that change records or are slow."""
    tls_certificate: str | None = None
    """A PEM file with the certificate chain; relative to the data directory."""
    tls_private_key: str | None = None
    """A PEM file with its private key; relative to the data directory."""
    plain_http: bool = False
    """Whether an address other than loopback may be served without TLS (because a proxy in front speaks it)."""
    body_bytes_max: Positive = limits.BODY_BYTES_MAX
    connections_max: Positive = 1_000
    """Per worker."""
    request_timeout_seconds: Positive = 30
    """From the first byte of a request to its last."""
    idle_timeout_seconds: Positive = 120
    """How long a connection stays open without a request."""
    drain_seconds: Positive = 10
    """How long a worker that is asked to stop finishes requests."""

    @property
    def worker_count(self) -> int:
        """How many workers to start."""
        return self.workers or len(os.sched_getaffinity(0))


class SignatureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[signature]`: how signatures are verified. There is no switch that turns verification off."""

    skew_seconds: Annotated[int, msgspec.Meta(ge=1, le=limits.SIGNATURE_SKEW_SECONDS_MAX)] = (
        limits.SIGNATURE_SKEW_SECONDS
    )
    """How far the date of a signature may be from our clock, each way."""


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[audit]`: how safe an audit record is before its answer leaves."""

    durability: Literal["power", "process"] = "power"
    """`power`: synced to disk, survives a power failure; `process`: written, survives kill -9."""
    segment_bytes: Annotated[int, msgspec.Meta(ge=1_048_576)] = 16 * 1_048_576


class SealSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[seal]`: what protects the root key."""

    kind: Literal["file"] = "file"
    file: str = "seal.key"
    """Relative to the data directory; better somewhere else, so that a copy of the directory opens nothing."""


class KeySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[keys]`: what kinds of key material are made, and what is made ahead."""

    allow_variable_time: bool = False
    """Whether ML_KEM_512 is offered, whose implementation does not take constant time."""
    rsa_pairs_ahead: Annotated[int, msgspec.Meta(ge=0, le=64)] = 2
    """RSA key pairs of each size that a worker keeps ready; making one takes up to a second."""


class TrailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[trail]`: what is made of the audit."""

    history_days: Positive = HISTORY_DAYS
    """How far back LookupEvents looks; the journal keeps everything."""
    delivery_interval_seconds: Positive = 300
    """Between two deliveries of log files of a trail."""
    digest_interval_seconds: Positive = 3_600
    """Between two digests of a trail."""
    digest_key_days: Positive = 30
    """How long a key signs digests before a new one does."""
    directory: str = "trails"
    """Without `s3_endpoint`, where the buckets are, as folders; relative to the data directory."""
    s3_endpoint: str | None = None
    """The URL of S3, or of a server that speaks its API."""
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = None

    def __repr__(self) -> str:
        return "TrailSettings(…)"


class UsageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[usage]`: the price list of `selfkms usage`, in US dollars."""

    key_month_usd: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """A customer managed key for a month, by the hour."""
    requests_10000_usd: Annotated[float, msgspec.Meta(ge=0)] = 0.03
    """10,000 requests."""


class WebIdentitySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[web_identity]`: how the keys of OpenID Connect providers are fetched."""

    allow_private_addresses: bool = False
    """Whether providers may be in one's own network, or on this machine. Whoever may register a provider of an account
    can then make the server connect to any HTTPS port there."""
    ca_file: str | None = None
    """A PEM file with the authorities that are trusted instead of the system's; relative to the data directory."""


class AttestationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[attestation]`: which attestation documents count."""

    root_file: str | None = None
    """A PEM file with the roots that are trusted instead of AWS's; relative to the data directory."""
    skew_seconds: Annotated[int, msgspec.Meta(ge=1, le=limits.ATTESTATION_SKEW_SECONDS_MAX)] = (
        limits.ATTESTATION_SKEW_SECONDS
    )
    """How far the time of a document may be from our clock, each way."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    server: ServerSettings = ServerSettings()
    signature: SignatureSettings = SignatureSettings()
    audit: AuditSettings = AuditSettings()
    seal: SealSettings = SealSettings()
    keys: KeySettings = KeySettings()
    web_identity: WebIdentitySettings = WebIdentitySettings()
    attestation: AttestationSettings = AttestationSettings()
    trail: TrailSettings = TrailSettings()
    usage: UsageSettings = UsageSettings()
    regions: tuple[Annotated[str, msgspec.Meta(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]+$")], ...] = ()
    """The Regions that are served; empty: all of the partition `aws`."""


def load_settings(data_dir: Path, assignments: Iterable[str] = ()) -> Settings:
    """The settings of an installation.

    Args:
        data_dir: where `selfkms.toml` may be.
        assignments: `KEY=VALUE`, for example `audit.durability=process`; they win over the file.

    Raises:
        SettingsError: the file is no TOML, or a setting is unknown or has a value that it cannot have.
    """
    path = data_dir / SETTINGS_FILE
    try:
        tree: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path}: {error}") from error
    for assignment in assignments:
        _assign(tree, assignment)
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"setting: {error}") from error


def _assign(tree: dict[str, Any], assignment: str) -> None:
    name, equals, value = assignment.partition("=")
    *tables, last = name.strip().split(".")
    if not equals or not last:
        raise SettingsError(f"'{assignment}' is not KEY=VALUE")
    for table in tables:
        inner = tree.setdefault(table, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"'{table}' is a value, not a table of settings")
        tree = inner
    tree[last] = [region.strip() for region in value.split(",") if region.strip()] if last == "regions" else value
