"""The digests of a trail: every hour one for each Region that it delivers log files of, each naming the one before it.

A signature is the same each time it is made, so a digest that is written again after a crash is the same object.
"""

import gzip
import hashlib
from typing import Final

import msgspec

from selfkms.domain.cloudtrail.deliveries import Chain, DigestFile, Session, digest_file_key
from selfkms.domain.cloudtrail.digests import SIGNATURE_ALGORITHM, DigestKey, digest_document, signed_bytes
from selfkms.domain.cloudtrail.event import event_time
from selfkms.domain.cloudtrail.trails import Trail
from selfkms.domain.records import Change, Put, Remove
from selfkms.ports.clock import Clock
from selfkms.ports.database import CorruptRecordError, Database
from selfkms.ports.digest_signer import DigestSigner
from selfkms.ports.log_store import LogStore

_FIRST_KEY_SLACK_SECONDS: Final = 1.0


class DigestWriter:
    """Writes digests. Belongs to one thread."""

    def __init__(
        self,
        *,
        database: Database,
        log_store: LogStore,
        signer: DigestSigner,
        clock: Clock,
        interval_seconds: float,
        key_seconds: float,
    ) -> None:
        """Prepare; `interval_seconds` is between two digests, `key_seconds` how long a key signs."""
        self._database = database
        self._log_store = log_store
        self._signer = signer
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._key_seconds = key_seconds

    def end_due(self, trail: Trail, *, closing: bool) -> Trail:
        """Say which digests are written now, and how they are called; `closing`: the last one of each Region."""
        session = trail.sessions[0]
        if session.digests_from is None:
            return trail
        now = self._clock.now()
        if session.chain(trail.home_region) is None:
            start = int(session.digests_from)
            session = session.with_chain(Chain(region=trail.home_region, start=start))
            self._signing_key(trail.home_region, since=start)
        ended: list[Chain] = []
        for chain in session.chains:
            if closing or now - chain.start >= self._interval_seconds:
                end = max(int(now), chain.start + 1, trail.delivered.digest_end + 1)
                ended.append(self._ended(trail, chain, end=end, last=closing))
        if not ended and session == trail.sessions[0]:
            return trail
        for chain in ended:
            session = session.with_chain(chain)
        return self._keep(trail, session)

    def finish(self, trail: Trail) -> Trail | None:
        """Write the digests that were said to be written. None: they were the last ones, and the session is complete.

        Raises:
            LogStoreError: not now.
        """
        for chain in trail.sessions[0].chains:
            if chain.end is None:
                continue
            written = self._write(trail, chain)
            delivered = msgspec.structs.replace(
                trail.delivered,
                digest_at=self._clock.now(),
                digest_error="",
                logs_error="",
                digest_end=max(chain.end, trail.delivered.digest_end),
            )
            trail = trail.changed(delivered=delivered)
            session = trail.sessions[0]
            if not chain.last:
                following = Chain(region=chain.region, start=chain.end, previous=written)
                trail = self._keep(trail, session.with_chain(following))
                continue
            trail = trail.with_last_digests(written)
            others = tuple(other for other in session.chains if other.region != chain.region)
            if not others:
                self._database.commit([ended_session(trail)])
                return None
            trail = self._keep(trail, msgspec.structs.replace(session, chains=others))
        return trail

    def _ended(self, trail: Trail, chain: Chain, *, end: int, last: bool) -> Chain:
        key = digest_file_key(
            trail.prefix,
            account_id=trail.account_id,
            region=chain.region,
            trail=trail.name,
            home_region=trail.home_region,
            end=end,
        )
        signing_key = self._signing_key(chain.region, since=chain.start)
        return msgspec.structs.replace(
            chain, end=end, bucket=trail.bucket, key=key, signing_key=signing_key.fingerprint, last=last
        )

    def _write(self, trail: Trail, chain: Chain) -> DigestFile:
        signing_key = next(
            (key for key in self._database.digest_keys(chain.region) if key.fingerprint == chain.signing_key), None
        )
        if signing_key is None:
            raise CorruptRecordError(f"the key {chain.signing_key} that signs digests of {chain.region} is missing")
        document = digest_document(chain, account_id=trail.account_id)
        assert chain.end is not None
        signed = signed_bytes(
            event_time(chain.end), path=f"{chain.bucket}/{chain.key}", document=document, previous=chain.previous
        )
        signature = self._signer.sign(signing_key, signed).hex()
        metadata = {"signature": signature, "signature-algorithm": SIGNATURE_ALGORITHM}
        self._log_store.put(chain.bucket, chain.key, gzip.compress(document, mtime=0), metadata=metadata)
        return DigestFile(
            bucket=chain.bucket, key=chain.key, sha256=hashlib.sha256(document).hexdigest(), signature=signature
        )

    def _signing_key(self, region: str, *, since: float) -> DigestKey:
        """The key that signs in a Region now; a new one when the last has signed long enough.

        Args:
            region: whose digests it signs.
            since: from when on the first one of a Region counts, so that whoever asks for the keys of the time that a
                digest covers is told of it.
        """
        now = self._clock.now()
        keys = self._database.digest_keys(region)
        current = next((key for key in keys if key.created_at <= now < key.valid_until), None)
        if current is not None:
            return current
        created_at = now if keys else min(since, now) - _FIRST_KEY_SLACK_SECONDS
        made = self._signer.new_key(region, created_at=created_at, valid_until=now + self._key_seconds)
        self._database.commit([Put(made)])
        return made

    def _keep(self, trail: Trail, session: Session) -> Trail:
        changed = trail.changed(sessions=(session, *trail.sessions[1:]))
        self._database.commit([Put(changed)])
        return changed.changed(row_version=changed.row_version + 1)


def ended_session(trail: Trail) -> Change:
    """The oldest session is complete; a trail that was deleted goes with its last one."""
    sessions = trail.sessions[1:]
    return Remove(trail) if trail.deletion and not sessions else Put(trail.changed(sessions=sessions))
