"""Trails: what of an account's events is delivered, and where to.

Source: CloudTrail API Reference, "CreateTrail", "Trail"; CloudTrail User Guide, "Naming requirements for CloudTrail
resources, S3 buckets, and KMS keys".
"""

import ipaddress
import re
from typing import ClassVar, Final, Self

import msgspec

from selfkms.domain.arns import PARTITION
from selfkms.domain.cloudtrail.advanced_selection import AdvancedEventSelector
from selfkms.domain.cloudtrail.deliveries import Delivered, DigestFile, Session, Span, log_folder
from selfkms.domain.cloudtrail.errors import (
    InvalidS3BucketNameException,
    InvalidS3PrefixException,
    InvalidTrailNameException,
)
from selfkms.domain.cloudtrail.selection import EventSelector, Selection
from selfkms.domain.records import Record

TRAILS_PER_REGION_MAX: Final = 5
"""CloudTrail User Guide, "Quotas in AWS CloudTrail"."""
TAGS_PER_TRAIL_MAX: Final = 50
EVENT_SELECTORS_MAX: Final = 5
"""CloudTrail API Reference, "PutEventSelectors"."""
PREFIX_CHARACTERS_MAX: Final = 200
REMEMBERED_MAX: Final = 500
"""How many spans, and how many last digests, are remembered: the newest ones."""

_NAME_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._-]*", re.ASCII)
_DOUBLED: Final = re.compile(r"[._-]{2}", re.ASCII)
_BUCKET: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]", re.ASCII)
_PREFIX: Final = re.compile(r"[A-Za-z0-9!_.*'()/-]*", re.ASCII)


class TrailTag(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """A name and a value, which may be missing."""

    key: str
    value: str | None = None


class Trail(Record, frozen=True, kw_only=True):
    """A trail, with how far its deliveries are."""

    TABLE: ClassVar = "trails"

    account_id: str
    home_region: str
    name: str
    created_at: float
    """Seconds since the epoch."""
    bucket: str
    prefix: str | None = None
    multi_region: bool = False
    include_global: bool = True
    log_file_validation: bool = False
    selectors: tuple[EventSelector, ...] = (EventSelector(),)
    advanced_selectors: tuple[AdvancedEventSelector, ...] = ()
    """If there are any, they alone count."""
    has_custom_selectors: bool = False
    tags: tuple[TrailTag, ...] = ()
    started_at: float | None = None
    """When StartLogging was called last, seconds since the epoch."""
    stopped_at: float | None = None
    """When StopLogging was called last, seconds since the epoch."""
    sessions: tuple[Session, ...] = ()
    """From a StartLogging to its StopLogging, those whose deliveries are not complete, the oldest first."""
    delivered: Delivered = Delivered()
    spans: tuple[Span, ...] = ()
    """What was delivered, for whoever verifies it: the oldest first."""
    last_digests: tuple[DigestFile, ...] = ()
    """The last digest of each chain that ended."""
    deletion: str = ""
    """An ID if it was deleted and its last deliveries are under way: nobody can name it any more."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region_and_name)

    @property
    def region_and_name(self) -> str:
        """What it is called within its account; one that was deleted is not in the way of a new one."""
        key = trail_key(self.home_region, self.name)
        return f"{key}#{self.deletion}" if self.deletion else key

    @property
    def arn(self) -> str:
        """The ARN of the trail."""
        return trail_arn(self.home_region, self.account_id, self.name)

    @property
    def is_logging(self) -> bool:
        """Whether events that happen now are delivered."""
        return bool(self.sessions) and self.sessions[-1].stopped_at is None

    def started(self, *, at: float, place: str) -> Self:
        """This, logging from now on; `place` is one in the journal that lies before now."""
        session = Session(started_at=at, place=place, digests_from=at if self.log_file_validation else None)
        return self.changed(started_at=at, sessions=(*self.sessions, session))

    def stopped(self, *, at: float) -> Self:
        """This, logging no more; what happened until now is still delivered."""
        *earlier, last = self.sessions
        return self.changed(stopped_at=at, sessions=(*earlier, msgspec.structs.replace(last, stopped_at=at)))

    def with_validation(self, *, enabled: bool, at: float) -> Self:
        """This with or without digests. To enable them anew begins a new chain."""
        if enabled == self.log_file_validation:
            return self
        changed = self.changed(log_file_validation=enabled)
        if not self.is_logging:
            return changed
        *earlier, last = self.sessions
        ended = tuple(chain.previous for chain in last.chains if chain.previous is not None)
        session = msgspec.structs.replace(last, digests_from=at if enabled else None, chains=())
        return changed.with_last_digests(*ended).changed(sessions=(*earlier, session))

    def with_last_digests(self, *digests: DigestFile) -> Self:
        """This, remembering the last digests of chains."""
        return self.changed(last_digests=(*self.last_digests, *digests)[-REMEMBERED_MAX:])

    def with_delivered(self, until: str, *, selection: Selection, bucket: str, folder: str) -> Self:
        """This, remembering that its oldest session's records up to a place were delivered into a folder."""
        session = self.sessions[0]
        span = Span(
            after=session.place,
            until=until,
            selection=selection,
            started_at=session.started_at,
            stopped_at=session.stopped_at,
            bucket=bucket,
            folder=folder,
        )
        spans = self.spans
        if spans and _continues(spans[-1], span):
            span = msgspec.structs.replace(span, after=spans[-1].after)
            spans = spans[:-1]
        return self.changed(spans=(*spans, span)[-REMEMBERED_MAX:])

    @property
    def folder(self) -> str:
        """Where its log files go, within the bucket."""
        return log_folder(self.prefix, self.account_id)

    def selection(self) -> Selection:
        """Which events it takes, as of now."""
        return Selection(
            account_id=self.account_id,
            home_region=self.home_region,
            multi_region=self.multi_region,
            include_global=self.include_global,
            selectors=self.selectors,
            advanced_selectors=self.advanced_selectors,
        )


def _continues(before: Span, span: Span) -> bool:
    """Whether a span goes on where another ended, with the same settings."""
    names = ("selection", "started_at", "bucket", "folder")
    return before.until == span.after and all(getattr(before, name) == getattr(span, name) for name in names)


def trail_key(region: str, name: str) -> str:
    """What a trail is called within its account, as a key of the database."""
    return f"{region}/{name}"


def trail_arn(region: str, account_id: str, name: str) -> str:
    """The ARN of a trail; `region` is its home Region."""
    return f"arn:{PARTITION}:cloudtrail:{region}:{account_id}:trail/{name}"


def check_trail_name(name: str) -> None:
    """Refuse what no trail can be called.

    Raises:
        InvalidTrailNameException: for the first rule that is broken.
    """
    length = len(name)
    if length < 3:
        raise InvalidTrailNameException(
            f"Trail name too short. Minimum allowed length: 3 characters. Specified name length: {length} characters."
        )
    if length > 128:
        raise InvalidTrailNameException(
            f"Trail name too long. Maximum allowed length: 128 characters. Specified name length: {length} characters."
        )
    if not _is_alphanumeric(name[0]):
        raise InvalidTrailNameException("Trail name must starts with a letter or number.")
    if not _is_alphanumeric(name[-1]):
        raise InvalidTrailNameException("Trail name must ends with a letter or number.")
    if not _NAME_CHARACTERS.fullmatch(name):
        raise InvalidTrailNameException(
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), "
            "hyphens (-), and underscores (_)."
        )
    if _DOUBLED.search(name):
        raise InvalidTrailNameException(
            "Trail name or ARN cannot have adjacent periods (.), hyphens (-), or underscores (_)."
        )
    if _is_address(name):
        raise InvalidTrailNameException("Trail names must not be formatted as an IP address.")


def check_bucket(bucket: str, prefix: str | None) -> None:
    """Refuse names of a bucket, and prefixes of keys in it, that S3 or CloudTrail do not take.

    Source: Amazon S3 User Guide, "General purpose bucket naming rules", "Naming Amazon S3 objects".

    Raises:
        InvalidS3BucketNameException: the one.
        InvalidS3PrefixException: the other.
    """
    if not _BUCKET.fullmatch(bucket) or _is_address(bucket):
        raise InvalidS3BucketNameException(f"Bucket name {bucket} is not valid.")
    if prefix is None:
        return
    # A prefix becomes folders where logs are delivered to a directory: none of them may lead out of it.
    lead_out = any(part in {"", ".", ".."} for part in prefix.split("/"))
    if len(prefix) > PREFIX_CHARACTERS_MAX or not _PREFIX.fullmatch(prefix) or lead_out:
        raise InvalidS3PrefixException(f"S3 prefix {prefix} is not valid.")


def _is_alphanumeric(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
