"""What each thread and process gets, made of one unsealed installation."""

import time
from functools import cached_property
from typing import Final

from selfkms.adapters.audit_files.journal import Durability, FileJournal
from selfkms.adapters.software_keys.installation_keys import RootInstallationKeys
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.adapters.software_keys.rsa_pool import RSAPool
from selfkms.adapters.sql.warm import WarmDatabase
from selfkms.adapters.sqlite.database import SQLiteDatabase
from selfkms.adapters.sqlite.engine import open_engine
from selfkms.adapters.sqlite.freshness import SQLiteFreshness
from selfkms.bootstrap.installation import Unsealed
from selfkms.crypto.labels import Purpose
from selfkms.crypto.rsa import RSAKeyPair
from selfkms.domain.secrets import Secret
from selfkms.gate.authenticate import Authenticator
from selfkms.gate.handle import Gate, Service
from selfkms.gate.upkeep import Upkeep
from selfkms.ports.database import Database
from selfkms.protocol.model import ServiceModel, regions
from selfkms.services.kms.table import OPERATIONS

CACHED_MATERIALS: Final = 10_000
"""Unwrapped key materials that a thread keeps at most: about 2 kB each."""

_STAND_IN_BYTES: Final = 40


class Assembly:
    """Makes the parts. Itself without connections, so that it may exist before processes are forked."""

    def __init__(self, unsealed: Unsealed) -> None:
        self._unsealed = unsealed
        self.keys = RootInstallationKeys(unsealed.root_key, unsealed.entropy)

    @cached_property
    def services(self) -> dict[str, Service]:
        """The services by the prefix of their X-Amz-Target. Their models are read once, before the fork."""
        model = ServiceModel.load("kms")
        return {model.target_prefix: Service(signing_name="kms", model=model, operations=OPERATIONS)}

    @cached_property
    def regions(self) -> frozenset[str]:
        """The Regions that are served: those of the settings, else all of the partition."""
        return frozenset(self._unsealed.settings.regions) or regions()

    @cached_property
    def rsa_pool(self) -> RSAPool[RSAKeyPair]:
        """RSA key pairs made ahead, shared by the threads of a process. It starts to work with the first pair taken."""
        return RSAPool(RSAKeyPair.generate, ready_per_size=self._unsealed.settings.keys.rsa_pairs_ahead)

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
            ),
            elapsed=time.monotonic,
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
