"""What each thread and process gets, made of one unsealed installation."""

import ssl
import time
from collections.abc import Callable
from functools import cache, cached_property
from typing import Final

from selfkms.adapters.audit_files.follow import Follower
from selfkms.adapters.audit_files.journal import Durability, FileJournal
from selfkms.adapters.audit_files.placed import JournalRecords
from selfkms.adapters.block_files.store import FileBlockStore
from selfkms.adapters.event_history.feed import JournalFeed
from selfkms.adapters.event_history.reads import SQLiteEventHistory
from selfkms.adapters.log_stores.directory import DirectoryLogStore
from selfkms.adapters.nitro.recipients import NitroRecipients
from selfkms.adapters.nitro.roots import trusted_roots
from selfkms.adapters.oidc.fetch import Fetcher
from selfkms.adapters.oidc.issuer_keys import IssuerKeys
from selfkms.adapters.software_keys.digest_signer import SoftwareDigestSigner
from selfkms.adapters.software_keys.installation_keys import RootInstallationKeys
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.adapters.software_keys.rsa_pool import RSAPool
from selfkms.adapters.sql.warm import WarmDatabase
from selfkms.adapters.sqlite.database import SQLiteDatabase
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.adapters.sqlite.freshness import SQLiteFreshness
from selfkms.bootstrap.installation import Unsealed
from selfkms.bootstrap.services import services
from selfkms.crypto.labels import Purpose
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.limits import SECONDS_PER_DAY
from selfkms.domain.secrets import Secret
from selfkms.gate.authenticate import Authenticator
from selfkms.gate.delivered import DeliveredCheck
from selfkms.gate.delivery import Deliverer
from selfkms.gate.digests import DigestWriter
from selfkms.gate.handle import Gate, Service
from selfkms.gate.storage import StorageKeeper
from selfkms.gate.upkeep import Upkeep
from selfkms.ports.audit_sink import AuditSink
from selfkms.ports.database import Database
from selfkms.ports.log_store import LogStore
from selfkms.protocol.model import regions

CACHED_MATERIALS: Final = 10_000
"""Unwrapped key materials that a thread keeps at most: about 2 kB each."""

_STAND_IN_BYTES: Final = 40


@cache
def _trusting_as_the_system() -> ssl.SSLContext:
    # Some tens of milliseconds: a process that assembles often pays once.
    return ssl.create_default_context()


class Assembly:
    """Makes the parts. Itself without connections, so that it may exist before processes are forked."""

    def __init__(self, unsealed: Unsealed) -> None:
        self._unsealed = unsealed
        self.keys = RootInstallationKeys(unsealed.root_key, unsealed.entropy)

    @cached_property
    def services(self) -> dict[str, Service]:
        """The services by their signing names. Their models are read once, before the fork."""
        return services()

    @cached_property
    def regions(self) -> frozenset[str]:
        """The Regions that are served: those of the settings, else all of the partition."""
        return frozenset(self._unsealed.settings.regions) or regions()

    @cached_property
    def rsa_pool(self) -> RSAPool[RSAKeyPair]:
        """RSA key pairs made ahead, shared by the threads of a process. It starts to work with the first pair taken."""
        return RSAPool(RSAKeyPair.generate, ready_per_size=self._unsealed.settings.keys.rsa_pairs_ahead)

    @cached_property
    def web_identity_keys(self) -> IssuerKeys:
        """The keys of OpenID Connect providers, shared by the threads of a process. Nothing is fetched before the fork.

        Raises:
            OSError: the file with trusted authorities cannot be read, or is none.
        """
        settings = self._unsealed.settings.web_identity
        tls = (
            ssl.create_default_context(cafile=self._unsealed.data_dir.of_settings(settings.ca_file))
            if settings.ca_file
            else _trusting_as_the_system()
        )
        fetcher = Fetcher(
            tls=tls,
            allow_private_addresses=settings.allow_private_addresses,
            monotonic=time.monotonic,
        )
        return IssuerKeys(fetcher, monotonic=time.monotonic)

    @cached_property
    def recipients(self) -> NitroRecipients:
        """What verifies attestation documents, shared by the threads of a process.

        Raises:
            OSError, ValueError: the file with trusted roots cannot be read, or is none.
        """
        settings = self._unsealed.settings.attestation
        file = self._unsealed.data_dir.of_settings(settings.root_file) if settings.root_file else None
        return NitroRecipients(
            roots=trusted_roots(file), skew_seconds=settings.skew_seconds, entropy=self._unsealed.entropy
        )

    def database(self) -> SQLiteDatabase:
        """The records, for the thread that asks."""
        engine = open_engine(self._unsealed.data_dir.database)
        return SQLiteDatabase(
            engine, mac_key=self._unsealed.root_key.subkey(Purpose.ROW_MAC), clock=self._unsealed.clock
        )

    def warm_database(self) -> WarmDatabase:
        """The records, kept in memory for as long as nobody changes them, for the thread that asks."""
        engine = open_engine(self._unsealed.data_dir.database)
        freshness = SQLiteFreshness(engine)
        return WarmDatabase(self.database(), freshness)

    def gate(self) -> Gate:
        """The way in, for the thread that asks."""
        database = self.warm_database()
        unsealed = self._unsealed
        return Gate(
            services=self.services,
            database=database,
            key_store=self.key_store(database),
            keys=self.keys,
            clock=unsealed.clock,
            entropy=unsealed.entropy,
            authenticator=Authenticator(
                database=database,
                keys=self.keys,
                clock=unsealed.clock,
                regions=self.regions,
                skew_seconds=unsealed.settings.signature.skew_seconds,
                stand_in=Secret(unsealed.entropy.random_bytes(_STAND_IN_BYTES)),
                web_identity_keys=self.web_identity_keys,
            ),
            elapsed=time.monotonic,
            recipients=self.recipients,
            history=self.event_history(),
            log_store=self.log_store(),
            blocks=self.block_store(),
        )

    def block_store(self) -> FileBlockStore:
        """Where the blocks of snapshots are, for the thread that asks."""
        return FileBlockStore(self._unsealed.data_dir.snapshots, self._unsealed.entropy)

    def storage_keeper(self) -> StorageKeeper:
        """What falls due for snapshots and volumes, for the thread that asks."""
        database = self.database()
        return StorageKeeper(
            database=database,
            key_store=self.key_store(database),
            keys=self.keys,
            clock=self._unsealed.clock,
            entropy=self._unsealed.entropy,
            blocks=self.block_store(),
            operations=self.services["kms"].operations,
        )

    def upkeep(self, database: Database) -> Upkeep:
        """The keeper's jobs, for the thread of this database."""
        return Upkeep(
            database=database,
            key_store=self.key_store(database),
            keys=self.keys,
            clock=self._unsealed.clock,
            entropy=self._unsealed.entropy,
        )

    def journal(self) -> FileJournal:
        """The audit journal, for the recorder.

        Raises:
            JournalDamagedError, JournalInUseError, JournalUnavailableError: see `FileJournal`.
        """
        audit = self._unsealed.settings.audit
        return FileJournal(
            self._unsealed.data_dir.journal,
            audit_key=self.audit_key,
            installation_id=self._unsealed.installation_id,
            durability=Durability(audit.durability),
            segment_bytes=audit.segment_bytes,
        )

    def event_history(self) -> SQLiteEventHistory:
        """What the audit says of the past, for the thread that asks. It is opened when somebody asks."""
        return SQLiteEventHistory(self._unsealed.data_dir.history, self._unsealed.data_dir.journal)

    def history_feed(self) -> JournalFeed:
        """What keeps the event history up with the journal, for the thread that asks.

        Raises:
            HistoryUnavailableError: the history cannot be opened.
        """
        return JournalFeed(
            self._unsealed.data_dir.history,
            self.follower(),
            clock=self._unsealed.clock,
            history_days=self._unsealed.settings.trail.history_days,
        )

    def log_store(self) -> LogStore:
        """Where trails deliver to, for the thread that asks."""
        trail = self._unsealed.settings.trail
        if trail.s3_endpoint is None:
            return DirectoryLogStore(self._unsealed.data_dir.of_settings(trail.directory))
        # botocore's client takes a tenth of a second to load, and most installations have no S3.
        from selfkms.adapters.log_stores.s3 import S3Access, S3LogStore  # noqa: PLC0415

        return S3LogStore(
            S3Access(
                endpoint=trail.s3_endpoint,
                region=trail.s3_region,
                access_key_id=trail.s3_access_key_id or "",
                secret_access_key=Secret((trail.s3_secret_access_key or "").encode()),
            )
        )

    def delivered_check(self, database: Database, progress: Callable[[str, int], object]) -> DeliveredCheck:
        """What looks at everything that trails have delivered, for the thread of this database."""
        return DeliveredCheck(
            database=database,
            log_store=self.log_store(),
            signer=SoftwareDigestSigner(self.keys),
            progress=progress,
        )

    def journal_records(self) -> JournalRecords:
        """The records of the journal in their order, for the thread that asks."""
        return JournalRecords(self.follower())

    def deliverer(self, sink: AuditSink) -> Deliverer:
        """What delivers for trails, for the thread that asks; `sink` is the way to the journal."""
        unsealed = self._unsealed
        trail, database, log_store = unsealed.settings.trail, self.database(), self.log_store()
        upkeep = self.upkeep(database)
        return Deliverer(
            database=database,
            records=self.journal_records(),
            log_store=log_store,
            digests=DigestWriter(
                database=database,
                log_store=log_store,
                signer=SoftwareDigestSigner(self.keys),
                clock=unsealed.clock,
                interval_seconds=trail.digest_interval_seconds,
                key_seconds=trail.digest_key_days * SECONDS_PER_DAY,
            ),
            clock=unsealed.clock,
            entropy=unsealed.entropy,
            settle=lambda: upkeep.move_audit(sink),
            interval_seconds=trail.delivery_interval_seconds,
        )

    def follower(self) -> Follower:
        """Reads on in the journal from wherever somebody was."""
        return Follower(self._unsealed.data_dir.journal, self.audit_key)

    @property
    def audit_key(self) -> Secret:
        """The key of the journal's chain."""
        return self._unsealed.root_key.subkey(Purpose.AUDIT_CHAIN)

    def key_store(self, database: Database) -> SoftwareKeyStore:
        """Where key material works, for the thread of this database."""
        return SoftwareKeyStore(
            root_key=self._unsealed.root_key,
            database=database,
            clock=self._unsealed.clock,
            entropy=self._unsealed.entropy,
            cached_materials=CACHED_MATERIALS,
            rsa_pool=self.rsa_pool,
            allow_variable_time=self._unsealed.settings.keys.allow_variable_time,
        )
