"""Whether what trails have delivered is there, unaltered, and the same as the audit journal.

The newest digests stand in the database, with their hashes; each names the one before it. So a digest or a log file
that was altered, exchanged or removed is found, the newest one too. What was delivered without digests is held against
the journal alone.

Source: CloudTrail User Guide, "Custom implementations of CloudTrail log file integrity validation".
"""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Final
from uuid import UUID

import msgspec

from selfkms.domain.cloudtrail.deliveries import DigestFile, Span
from selfkms.domain.cloudtrail.digests import ReadDigest, read_digest, signed_bytes
from selfkms.domain.cloudtrail.history import RecordedEvent, recorded_event
from selfkms.domain.cloudtrail.trails import Trail
from selfkms.ports.audit_records import BEGINNING, AuditRecords
from selfkms.ports.database import Database
from selfkms.ports.digest_signer import DigestSigner
from selfkms.ports.log_store import LogStore, NoSuchBucketError, NoSuchObjectError, StoredObject

UNPACKED_BYTES_MAX: Final = 64_000_000
"""More than any log file or digest of ours has."""

_RECORDS_AT_ONCE: Final = 10_000
_HASH_BYTES: Final = 12

_Place = tuple[str, str]
"""Bucket and folder."""
_Object = tuple[str, str]
"""Bucket and key."""


class DeliveryDamagedError(Exception):
    """Something that a trail has delivered, or should have, is not as it was."""

    def __init__(self, trail: str, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.trail = trail
        """Its ARN."""
        self.where = where
        """Bucket and key."""
        self.what = what


class TrailReport(msgspec.Struct, kw_only=True):
    """What was found of a trail."""

    arn: str
    digests: int = 0
    log_files: int = 0
    """All in the places where it delivered to: trails that share a place share them."""
    records: int = 0
    """Of the journal that are in them as they should."""
    older_records: int = 0
    """In log files, from before the first record of the journal that there is."""
    other_spans: int = 0
    """Parts of a journal that is not the one that there is; whether they were delivered whole, nobody can say."""


class _LogDocument(msgspec.Struct):
    records: list[msgspec.Raw] = msgspec.field(name="Records")


class _Identified(msgspec.Struct):
    event_id: UUID = msgspec.field(name="eventID")
    event_time: str = msgspec.field(name="eventTime")


_DOCUMENT: Final = msgspec.json.Decoder(_LogDocument)
_IDENTIFIED: Final = msgspec.json.Decoder(_Identified)


class _Compared:
    """A span that is being held against the journal."""

    def __init__(self, trail: Trail, span: Span) -> None:
        self.trail = trail
        self.span = span
        self.records = 0
        self.missing = ""
        """The first record that is in no log file."""

    def take(self, event: RecordedEvent, found: Mapping[_Place, bytes | None]) -> None:
        """Look for a record of it."""
        if not self.span.has(event):
            return
        self.records += 1
        if found.get((self.span.bucket, self.span.folder)) is None:
            self.missing = self.missing or f"event {event.event_id} of {event.event_time} ({event.event_name})"


class DeliveredCheck:
    """One look at everything that all trails have delivered. First `read`, then `compare`."""

    def __init__(
        self, *, database: Database, log_store: LogStore, signer: DigestSigner, progress: Callable[[str, int], object]
    ) -> None:
        """Prepare; `progress` is told what is being counted, and how far it is."""
        self._log_store = log_store
        self._signer = signer
        self._progress = progress
        self._database = database
        self._trails: list[Trail] = []
        self._reports: dict[int, TrailReport] = {}
        # What is in the log files of a place: event ID, hash of the record. Each file is read once.
        self._found: dict[_Place, dict[bytes, bytes]] = {}
        self._hashes: dict[_Object, str] = {}

    @property
    def reports(self) -> list[TrailReport]:
        """What was found so far."""
        return list(self._reports.values())

    def read(self) -> None:
        """Check the digests and the hashes of log files, and read all log files.

        Raises:
            DeliveryDamagedError: the first thing that is wrong.
            CorruptRecordError: it is in the database.
            LogStoreError: they cannot be read.
        """
        accounts = self._database.accounts()
        self._trails = [trail for account in accounts for trail in self._database.trails(account.account_id)]
        self._reports = {id(trail): TrailReport(arn=trail.arn) for trail in self._trails}
        for trail in self._trails:
            for place in _places(trail):
                self._read_place(trail, place)
            for head in _heads(trail):
                self._follow(trail, head)
            for session in trail.sessions:
                for log in (log for chain in session.chains for log in chain.logs):
                    self._check_log(trail, (log.bucket, log.key), log.sha256)

    def compare(self, records: AuditRecords) -> None:
        """Hold the log files against the journal: they have each record that belongs there, unaltered, and no others.

        Raises:
            DeliveryDamagedError: the first thing that is wrong.
            AuditUnreadableError: the journal is damaged.
        """
        beginnings: dict[str, list[_Compared]] = {}
        for trail in self._trails:
            for span in trail.spans:
                beginnings.setdefault(span.after, []).append(_Compared(trail, span))
        active: list[_Compared] = []
        place, first, count = BEGINNING, None, 0
        while batch := records.after(place, limit=_RECORDS_AT_ONCE):
            for record in batch:
                active += beginnings.pop(place, ())
                event = _event(record.body)
                first = first or event
                if event is not None:
                    self._compare_one(event, record.body, active)
                place = record.place
                for complete in (compared for compared in active if compared.span.until == place):
                    self._conclude(complete)
                active = [compared for compared in active if compared.span.until != place]
            count += len(batch)
            self._progress("records compared with log files", count)
        # A span of which an end is not in this journal was of another one.
        for compared in (*active, *(other for others in beginnings.values() for other in others)):
            self._reports[id(compared.trail)].other_spans += 1
        self._check_rest(first)

    def _compare_one(self, event: RecordedEvent, body: bytes, active: list[_Compared]) -> None:
        event_id = UUID(event.event_id).bytes
        there = {place: found.pop(event_id, None) for place, found in self._found.items()}
        digest = _short_hash(body)
        for place, short in there.items():
            if short is not None and short != digest:
                trail, name, _ = next(self._in_files(place, {event_id}))
                what = f"event {event.event_id} of {event.event_time} is not as the audit journal has it"
                raise DeliveryDamagedError(trail.arn, "/".join(name), what)
        for compared in active:
            compared.take(event, there)

    def _conclude(self, compared: _Compared) -> None:
        if compared.missing:
            where = f"{compared.span.bucket}/{compared.span.folder}"
            raise DeliveryDamagedError(compared.trail.arn, where, f"{compared.missing} is in no log file")
        self._reports[id(compared.trail)].records += compared.records

    def _check_rest(self, first: RecordedEvent | None) -> None:
        """What is in log files and not in the journal: it must be older than all that is there."""
        for place, found in self._found.items():
            for trail, name, identified in self._in_files(place, found) if found else ():
                if first is None or identified.event_time >= first.event_time:
                    what = f"event {identified.event_id} of {identified.event_time} is not in the audit journal"
                    raise DeliveryDamagedError(trail.arn, "/".join(name), what)
                self._reports[id(trail)].older_records += 1

    def _in_files(self, place: _Place, event_ids: Container[bytes]) -> Iterator[tuple[Trail, _Object, _Identified]]:
        """Which log files of a place have these events."""
        trail = next(trail for trail in self._trails if place in _places(trail))
        for name in (name for name in self._hashes if name[0] == place[0] and name[1].startswith(place[1])):
            for identified, _ in _identified(trail, name, self._unpacked(trail, name)):
                if identified.event_id.bytes in event_ids:
                    yield trail, name, identified

    def _read_place(self, trail: Trail, place: _Place) -> None:
        bucket, folder = place
        report = self._reports[id(trail)]
        found = self._found.setdefault(place, {})
        try:
            keys = list(self._log_store.keys(bucket, folder))
        except NoSuchBucketError:
            keys = []
        for key in (key for key in keys if key.endswith(".json.gz")):
            report.log_files += 1
            if (bucket, key) in self._hashes:
                continue
            document = self._unpacked(trail, (bucket, key))
            self._hashes[bucket, key] = hashlib.sha256(document).hexdigest()
            for identified, raw in _identified(trail, (bucket, key), document):
                found[identified.event_id.bytes] = _short_hash(raw)
            self._progress("log files read", len(self._hashes))

    def _follow(self, trail: Trail, head: DigestFile) -> None:
        """Check a digest and all before it."""
        digest: DigestFile | None = head
        while digest is not None:
            read = self._check_digest(trail, digest)
            for log in read.log_files:
                self._check_log(trail, (log.bucket, log.key), log.hash_value)
            self._reports[id(trail)].digests += 1
            self._progress("digests checked", sum(report.digests for report in self._reports.values()))
            digest = read.previous

    def _check_digest(self, trail: Trail, digest: DigestFile) -> ReadDigest:
        name = (digest.bucket, digest.key)
        where = "/".join(name)
        stored = self._get(trail, name)
        document = _unpack(trail, name, stored)
        if hashlib.sha256(document).hexdigest() != digest.sha256:
            raise DeliveryDamagedError(trail.arn, where, "the digest is not the one that was delivered")
        if stored.metadata.get("signature") != digest.signature:
            raise DeliveryDamagedError(trail.arn, where, "the signature of the digest was altered or removed")
        read = read_digest(document)
        region = digest.key.rpartition("/CloudTrail-Digest/")[2].partition("/")[0]
        keys = self._database.digest_keys(region)
        key = next((key for key in keys if key.fingerprint == read.digest_public_key_fingerprint), None)
        signed = signed_bytes(read.digest_end_time, path=where, document=document, previous=read.previous)
        if key is None or not self._signer.verify(key, signed, bytes.fromhex(digest.signature)):
            raise DeliveryDamagedError(trail.arn, where, "the signature of the digest is not ours")
        return read

    def _check_log(self, trail: Trail, name: _Object, sha256: str) -> None:
        where = "/".join(name)
        if name not in self._hashes:
            # It lies where nobody looks for log files any more, or it is gone.
            self._hashes[name] = hashlib.sha256(self._unpacked(trail, name)).hexdigest()
        if self._hashes[name] != sha256:
            raise DeliveryDamagedError(trail.arn, where, "the log file was altered: it has another hash")

    def _unpacked(self, trail: Trail, name: _Object) -> bytes:
        return _unpack(trail, name, self._get(trail, name))

    def _get(self, trail: Trail, name: _Object) -> StoredObject:
        try:
            return self._log_store.get(*name)
        except (NoSuchObjectError, NoSuchBucketError) as error:
            raise DeliveryDamagedError(trail.arn, "/".join(name), "the file is missing") from error


def _unpack(trail: Trail, name: _Object, stored: StoredObject) -> bytes:
    where = "/".join(name)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(stored.body)) as file:
            document = file.read(UNPACKED_BYTES_MAX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DeliveryDamagedError(trail.arn, where, "the file cannot be unpacked") from error
    if len(document) > UNPACKED_BYTES_MAX:
        raise DeliveryDamagedError(trail.arn, where, "the file is larger than any that is delivered")
    return document


def _identified(trail: Trail, name: _Object, document: bytes) -> Iterator[tuple[_Identified, bytes]]:
    """The records of a log file, byte for byte."""
    try:
        for raw in _DOCUMENT.decode(document).records:
            yield _IDENTIFIED.decode(raw), bytes(raw)
    except msgspec.DecodeError as error:
        raise DeliveryDamagedError(trail.arn, "/".join(name), "the file is no log file") from error


def _places(trail: Trail) -> list[_Place]:
    """Where a trail delivered to."""
    return list(dict.fromkeys((span.bucket, span.folder) for span in trail.spans))


def _heads(trail: Trail) -> list[DigestFile]:
    """The newest digest of each chain."""
    running = [chain.previous for session in trail.sessions for chain in session.chains]
    return [*trail.last_digests, *(digest for digest in running if digest is not None)]


def _event(body: bytes) -> RecordedEvent | None:
    try:
        return recorded_event(body)
    except (msgspec.DecodeError, ValueError):
        return None


def _short_hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_HASH_BYTES]
