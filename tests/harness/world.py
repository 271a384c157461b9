"""A whole installation in memory, in one thread, with a clock that stands still: everything from the gate inwards."""

import json
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import QueryParser
from botocore.serialize import QuerySerializer

from harness.attestation import TEST_ROOT
from harness.issuer import KnownIssuers
from selfkms.adapters.memory.block_store import MemoryBlockStore
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.adapters.memory.event_history import MemoryEventHistory
from selfkms.adapters.memory.log_store import MemoryLogStore
from selfkms.adapters.nitro.recipients import NitroRecipients
from selfkms.adapters.software_keys.installation_keys import RootInstallationKeys
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.bootstrap.services import services
from selfkms.crypto.root_key import RootKey
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import User
from selfkms.domain.records import Put
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.gate.authenticate import Authenticator
from selfkms.gate.handle import Gate
from selfkms.gate.outcome import Outcome
from selfkms.gate.storage import StorageKeeper
from selfkms.gate.upkeep import Upkeep
from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.model import regions
from selfkms.services.iam.accounts import Credential, new_account
from selfkms.services.kms.table import OPERATIONS
from selfkms.services.operation import Operation


def loaded(service: str) -> ServiceModel:
    """Botocore's own view of a service."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


ALICE_ACCOUNT = "111122223333"
BOB_ACCOUNT = "444455556666"
REGION = "us-east-1"
ENDPOINT = "kms.us-east-1.amazonaws.com"
CLOUDTRAIL_TARGET = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"

SERVICES = services()
MODEL = SERVICES["kms"].model
PARSERS = {name: (loaded(name), QueryParser()) for name in ("iam", "sts")}


class StandingClock:
    """The service's time moves when a test says so. The wall clock is the real one: botocore signs with it."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.seconds = now
        self.mature_seconds: float | None = None
        self.wall_ahead_seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return time.time() + self.wall_ahead_seconds

    def matured(self) -> float:
        return self.seconds if self.mature_seconds is None else self.mature_seconds


class CountedEntropy:
    """Bytes and UUIDs that never repeat and are the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def random_bytes(self, number: int) -> bytes:
        return next(self._numbers).to_bytes(8, "big").rjust(number, b"\xa5")[-number:]

    def uuid(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._numbers):012x}"


class Refused(Exception):
    """The answer to a request was an error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.code: str = body["__type"]
        self.message: str | None = body.get("message", body.get("Message"))


def is_copy(record: Mapping[str, Any]) -> bool:
    """Whether an audit record is the one of the owner of another account's key."""
    return "sharedEventID" in record and record["userIdentity"]["type"] == "AWSAccount"


def _answered(outcome: Outcome) -> dict[str, Any]:
    """The body of a JSON answer, or `Refused`."""
    body: dict[str, Any] = json.loads(outcome.response.body) if outcome.response.body else {}
    if outcome.response.status != 200:
        raise Refused(outcome.response.status, body)
    return body


class World:
    """An installation with two accounts, each with a root user and an administrator."""

    def __init__(
        self,
        *,
        database: MemoryDatabase | None = None,
        entropy: CountedEntropy | None = None,
        operations: Mapping[str, Operation] = OPERATIONS,
    ) -> None:
        """A test may bring a database or operations that fail, or entropy that remembers."""
        self.clock = StandingClock()
        self.entropy = CountedEntropy() if entropy is None else entropy
        self.database = MemoryDatabase() if database is None else database
        self._journal: list[AuditRecord] = []
        root_key = RootKey(Secret(bytes(range(32))))
        self.keys = RootInstallationKeys(root_key, self.entropy)
        self.key_store = SoftwareKeyStore(
            root_key=root_key, database=self.database, clock=self.clock, entropy=self.entropy, cached_materials=100
        )
        self.issuers = KnownIssuers()
        self.history = MemoryEventHistory(self._records)
        self.log_store = MemoryLogStore("logs")
        self.blocks = MemoryBlockStore(self.clock.wall)
        self.gate = Gate(
            services={**SERVICES, "kms": msgspec.structs.replace(SERVICES["kms"], operations=operations)},
            database=self.database,
            key_store=self.key_store,
            keys=self.keys,
            clock=self.clock,
            entropy=self.entropy,
            authenticator=Authenticator(
                database=self.database,
                keys=self.keys,
                clock=self.clock,
                regions=regions(),
                skew_seconds=300,
                stand_in=Secret(b"nobody's secret"),
                web_identity_keys=self.issuers,
            ),
            elapsed=self.clock.wall,
            recipients=NitroRecipients(
                roots=frozenset({TEST_ROOT.certificate_der}), skew_seconds=300, entropy=self.entropy
            ),
            history=self.history,
            log_store=self.log_store,
            blocks=self.blocks,
        )
        self.upkeep = Upkeep(
            database=self.database,
            key_store=self.key_store,
            keys=self.keys,
            clock=self.clock,
            entropy=self.entropy,
        )
        self.storage_keeper = self.another_keeper()
        self.credentials: dict[str, Credential] = {}
        self.session_tokens: dict[str, str | None] = {}
        for account_id in (ALICE_ACCOUNT, BOB_ACCOUNT):
            self._make_account(account_id)
        self.last: Outcome | None = None

    def _make_account(self, account_id: str) -> None:
        administrator = Credential(f"AKIA{account_id}ADMN", Secret(b"admin's secret"))
        root = Credential(f"AKIA{account_id}ROOT", Secret(b"root's secret"))
        self.credentials[account_id] = administrator
        self.credentials[f"{account_id}-root"] = root
        self.database.commit(
            new_account(
                account_id,
                administrator=administrator,
                root=root,
                keys=self.keys,
                entropy=self.entropy,
                now=self.clock.now(),
            )
        )

    def another_keeper(self) -> StorageKeeper:
        """The keeper's jobs for snapshots, as after a restart."""
        return StorageKeeper(
            database=self.database,
            key_store=self.key_store,
            keys=self.keys,
            clock=self.clock,
            entropy=self.entropy,
            blocks=self.blocks,
            operations=SERVICES["kms"].operations,
        )

    def strip_of_policies(self, account_id: str) -> None:
        """Take AdministratorAccess from an account's `admin`: a user whom no IAM policy allows anything."""
        user = self.database.user(account_id, "admin")
        assert isinstance(user, User)
        self.database.commit([Put(user.changed(attached_policy_arns=()))])

    def call(
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        by: str = ALICE_ACCOUNT,
        region: str = REGION,
    ) -> dict[str, Any]:
        """The answer to a signed request, or `Refused`. `by` is a name in `credentials`."""
        return _answered(self.send(self.request(operation, parameters or {}, by=by, region=region)))

    def refusal(
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        by: str = ALICE_ACCOUNT,
        region: str = REGION,
    ) -> tuple[str, str | None]:
        """The code and the text of the error that answers a request; it is no refusal if there is none."""
        try:
            answer = self.call(operation, parameters, by=by, region=region)
        except Refused as refused:
            return refused.code, refused.message
        raise AssertionError(f"{operation} was answered: {answer}")

    def query(
        self,
        service: str,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        by: str = ALICE_ACCOUNT,
        region: str = REGION,
    ) -> dict[str, Any]:
        """The answer of IAM or STS, written and read by botocore, or `Refused`."""
        model, parser = PARSERS[service]
        outcome = self.send(self.query_request(service, operation, parameters, by=by, region=region))
        shape = model.operation_model(operation).output_shape
        response = outcome.response
        answer: dict[str, Any] = parser.parse(
            {"body": response.body, "headers": dict(response.headers), "status_code": response.status}, shape
        )
        answer.pop("ResponseMetadata", None)
        if response.status != 200:
            raise Refused(
                response.status, {"__type": answer["Error"]["Code"], "message": answer["Error"].get("Message")}
            )
        return answer

    def query_request(
        self,
        service: str,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        by: str = ALICE_ACCOUNT,
        region: str = REGION,
    ) -> HTTPRequest:
        """A request to IAM or STS, signed by botocore."""
        model, _ = PARSERS[service]
        serialized = QuerySerializer().serialize_to_request(dict(parameters or {}), model.operation_model(operation))
        host = f"{service}.amazonaws.com"
        unsigned = AWSRequest(
            method="POST",
            url=f"https://{host}/",
            data=serialized["body"],
            headers={**serialized["headers"], "Host": host},
        )
        return self._signed(unsigned, service, by=by, region=region)

    def iam(self, operation: str, parameters: Mapping[str, Any] | None = None, *, by: str = ALICE_ACCOUNT) -> Any:
        """The answer of IAM, or `Refused`."""
        return self.query("iam", operation, parameters, by=by)

    def sts(self, operation: str, parameters: Mapping[str, Any] | None = None, *, by: str = ALICE_ACCOUNT) -> Any:
        """The answer of STS, or `Refused`."""
        return self.query("sts", operation, parameters, by=by)

    def query_refusal(
        self,
        service: str,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        by: str = ALICE_ACCOUNT,
    ) -> tuple[int, str, str | None]:
        """Status, code and text of the error that answers a request to IAM or STS."""
        try:
            answer = self.query(service, operation, parameters, by=by)
        except Refused as refused:
            return refused.status, refused.code, refused.message
        raise AssertionError(f"{operation} was answered: {answer}")

    def iam_refusal(
        self, operation: str, parameters: Mapping[str, Any] | None = None, *, by: str = ALICE_ACCOUNT
    ) -> tuple[int, str, str | None]:
        """Status, code and text of an error of IAM."""
        return self.query_refusal("iam", operation, parameters, by=by)

    def sts_refusal(
        self, operation: str, parameters: Mapping[str, Any] | None = None, *, by: str = ALICE_ACCOUNT
    ) -> tuple[int, str, str | None]:
        """Status, code and text of an error of STS."""
        return self.query_refusal("sts", operation, parameters, by=by)

    def remember(self, name: str, credentials: Mapping[str, str]) -> None:
        """Let requests be sent `by` this name, with the AccessKey or the Credentials of an answer."""
        secret = Secret(credentials["SecretAccessKey"].encode())
        self.credentials[name] = Credential(credentials["AccessKeyId"], secret)
        self.session_tokens[name] = credentials.get("SessionToken")

    def make_key(self, *, by: str = ALICE_ACCOUNT, region: str = REGION, **parameters: Any) -> dict[str, Any]:
        """The KeyMetadata of a new KMS key."""
        metadata: dict[str, Any] = self.call("CreateKey", parameters, by=by, region=region)["KeyMetadata"]
        return metadata

    def send(self, request: HTTPRequest) -> Outcome:
        """What the gate makes of a request."""
        self.gate.begin_turn()
        self.last = self.gate.handle(request)
        if self.last.record is not None:
            self._journal += (self.last.record, *self.last.copies)
        return self.last

    def all_records(self) -> list[dict[str, Any]]:
        """All audit records, wherever they went."""
        return [json.loads(record.body) for record in self._records()]

    def _records(self) -> list[AuditRecord]:
        """All audit records, wherever they went, in the order of their event IDs: those are counted."""
        committed = [audit for _, audit in self.database.audit_backlog(limit=10_000)]
        return sorted([*committed, *self._journal], key=lambda record: record.event_id)

    def request(
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        body: bytes | None = None,
        by: str = ALICE_ACCOUNT,
        region: str = REGION,
    ) -> HTTPRequest:
        """A request signed by botocore; `body` is sent as it is, instead of parameters."""
        body = json.dumps(parameters or {}).encode() if body is None else body
        return self._json_request("kms", ENDPOINT, f"TrentService.{operation}", body, by=by, region=region)

    def lookup_events(
        self, parameters: Mapping[str, Any] | None = None, *, by: str = ALICE_ACCOUNT, region: str = REGION
    ) -> dict[str, Any]:
        """The answer of CloudTrail's LookupEvents, or `Refused`."""
        return self.cloudtrail("LookupEvents", parameters, by=by, region=region)

    def cloudtrail(
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        by: str = ALICE_ACCOUNT,
        region: str = REGION,
    ) -> dict[str, Any]:
        """The answer of CloudTrail, or `Refused`."""
        return _answered(self.send(self.cloudtrail_request(operation, parameters, by=by, region=region)))

    def cloudtrail_request(
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        by: str = ALICE_ACCOUNT,
        region: str = REGION,
    ) -> HTTPRequest:
        """A request to CloudTrail, signed by botocore."""
        body = json.dumps(parameters or {}).encode()
        target = f"{CLOUDTRAIL_TARGET}.{operation}"
        host = f"cloudtrail.{region}.amazonaws.com"
        return self._json_request("cloudtrail", host, target, body, by=by, region=region)

    def _json_request(self, service: str, host: str, target: str, body: bytes, *, by: str, region: str) -> HTTPRequest:
        unsigned = AWSRequest(
            method="POST",
            url=f"https://{host}/",
            data=body,
            headers={"Host": host, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target},
        )
        return self._signed(unsigned, service, by=by, region=region)

    def _signed(self, unsigned: AWSRequest, service: str, *, by: str, region: str) -> HTTPRequest:
        credential = self.credentials[by]
        secret = credential.secret_access_key.open(SECRET_ACCESS).decode()
        token = self.session_tokens.get(by)
        SigV4Auth(Credentials(credential.access_key_id, secret, token), service, region).add_auth(unsigned)
        prepared = unsigned.prepare()
        body = prepared.body or b""
        return HTTPRequest(
            method="POST",
            target="/",
            headers=tuple((name.lower(), value) for name, value in unsigned.headers.items()),
            body=body if isinstance(body, bytes) else body.encode(),
            peer="198.51.100.7",
        )

    def record(self) -> dict[str, Any]:
        """The audit record of the last request, wherever it went: the journal, or the database with its change."""
        assert self.last is not None
        if self.last.record is not None:
            found: dict[str, Any] = json.loads(self.last.record.body)
            return found
        # Not the copy that the owner of another account's key has of it.
        own = (record for record in reversed(self.committed_records()) if not is_copy(record))
        return next(own)

    def committed_records(self) -> list[dict[str, Any]]:
        """All audit records that were committed with changes."""
        return [json.loads(audit.body) for _, audit in self.database.audit_backlog(limit=10_000)]
