"""One request, end to end. Read `_serve` aloud: it is the whole of it.

1. envelope: which operation of which service.
2. authenticate: whose signature this is. Nothing of the body is looked into before.
3. decode: the parameters, or AWS's validation error.
4. resolve: the KMS keys and aliases that they name, as of now.
5. authorize: is the caller permitted, on each of them.
6. admit: do their states and usages take the operation.
7. act: the handler, which can no longer be refused by any of the above.
8. record: the audit record, with the changes in one transaction if there are any, else left to the journal.

Whatever goes wrong becomes AWS's error, and has its audit record like everything else.
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from selfkms.domain.cloudtrail.event import Event
from selfkms.domain.errors import AWSError, UnknownOperationException
from selfkms.domain.kms.errors import (
    DependencyTimeoutException,
    DryRunOperationException,
    KMSInternalException,
    UnsupportedOperationException,
)
from selfkms.gate import record
from selfkms.gate.admit import admit
from selfkms.gate.authenticate import Authenticated, Authenticator
from selfkms.gate.authorize import Authorizer
from selfkms.gate.outcome import Outcome
from selfkms.gate.resolve import Resolver
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError, CorruptRecordError, Database, DatabaseUnavailableError
from selfkms.ports.entropy import Entropy
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_store import KeyStore
from selfkms.protocol import aws_json
from selfkms.protocol.errors import json_answer, json_error
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import OperationModel, ServiceModel
from selfkms.services.context import Context
from selfkms.services.operation import Operation

_log = logging.getLogger(__name__)

# A change whose record changed meanwhile is decided again, so often; somebody else made progress each time.
_ATTEMPTS: Final = 8

# While the database does not answer, keys that are in memory go on working so long. After that what is remembered may
# have been revoked meanwhile, and counts no more.
_GRACE_SECONDS: Final = 30.0

_STALE_TEXT: Final = "The database does not answer. The request can be retried."
_DRY_RUN_TEXT: Final = "The request would have succeeded, but the DryRun option is set."
_INTERNAL_TEXT: Final = "The request was rejected because an internal exception occurred. The request can be retried."

# What an event may be called that nobody knows the operation of: bounded, and nothing that could break a reader.
_PLAUSIBLE_NAME: Final = re.compile(r"[A-Za-z]{1,64}", re.ASCII)


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service behind the gate."""

    signing_name: str
    """The service of a credential scope: `kms`."""
    model: ServiceModel
    operations: Mapping[str, Operation]
    """Those of the model's operations that are served."""


class Gate:
    """The way in. Belongs to one thread, with what it is made of."""

    def __init__(
        self,
        *,
        services: Mapping[str, Service],
        database: Database,
        key_store: KeyStore,
        keys: InstallationKeys,
        clock: Clock,
        entropy: Entropy,
        authenticator: Authenticator,
        elapsed: Callable[[], float],
    ) -> None:
        """Prepare; `services` by the prefix of their X-Amz-Target, `elapsed` a clock in seconds that nobody sets."""
        self._services = services
        self._database = database
        self._key_store = key_store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._authenticator = authenticator
        self._resolver = Resolver(database, key_store)
        self._authorizer = Authorizer()
        self._elapsed = elapsed
        self._seen_at = elapsed()

    def begin_turn(self) -> None:
        """See every change that was committed before now."""
        try:
            self._database.refresh()
        except DatabaseUnavailableError as error:
            _log.warning("the database does not answer: %s", error)
        else:
            self._seen_at = self._elapsed()

    def off_loop(self, request: HTTPRequest) -> bool:
        """Whether a request may take longer than a turn of the event loop should: it changes records, or is slow."""
        service, _, name = (request.header("x-amz-target") or "").partition(".")
        known = self._services.get(service)
        operation = known.operations.get(name) if known else None
        return operation is not None and (operation.writes or operation.slow)

    def refuse(self, error: AWSError) -> HTTPResponse:
        """The answer to something that never became a request."""
        return json_error(error, self._entropy.uuid())

    def handle(self, request: HTTPRequest) -> Outcome:
        """Answer one request. Raises nothing for whatever a client sends."""
        event = record.begin(
            request, event_id=self._entropy.uuid(), request_id=self._entropy.uuid(), at=self._clock.now()
        )
        internal = json_error(KMSInternalException(_INTERNAL_TEXT), event.request_id)
        try:
            body, recorded = self._serve(request, event)
            answer = json_answer(body, event.request_id)
        except AWSError as error:
            event.error, recorded = error, False
            answer = json_error(error, event.request_id)
        except Exception:  # noqa: BLE001  the one place where whatever we did not foresee ends: logged whole, answered with nothing
            _log.exception("request %s failed", event.request_id)
            event.error, recorded = KMSInternalException(_INTERNAL_TEXT), False
            answer = internal
        return Outcome(answer, None if recorded else event.finish(), internal)

    def _serve(self, request: HTTPRequest, event: Event) -> tuple[bytes, bool]:
        """The body of the answer, and whether the audit record is safe already."""
        if self._elapsed() - self._seen_at > _GRACE_SECONDS:
            raise DependencyTimeoutException(_STALE_TEXT)
        service, model = self._envelope(request, event)
        operation = service.operations.get(model.name)
        event.read_only = operation is not None and operation.audit.read_only
        who = self._authenticator.authenticate(request, service.signing_name)
        event.caller, event.region = who.caller, who.region
        if operation is None:
            raise UnsupportedOperationException(f"{model.name} is not supported yet.")
        parameters = aws_json.decode(model, request.body)
        record.note_request(event, operation, parameters)
        typed = aws_json.convert(parameters, operation.request)
        if operation.check is not None:
            operation.check(typed)
        for _ in range(_ATTEMPTS):
            try:
                return self._decide(operation, typed, who, event)
            except ConflictError:
                self._database.refresh()
        raise DependencyTimeoutException(
            "The KMS key is being changed by too many requests. The request can be retried."
        )

    def _envelope(self, request: HTTPRequest, event: Event) -> tuple[Service, OperationModel]:
        prefix, _, name = (request.header("x-amz-target") or "").partition(".")
        service = self._services.get(prefix)
        if _PLAUSIBLE_NAME.fullmatch(name):
            event.name = name
        model = service.model.operations.get(name) if service else None
        if request.method != "POST" or service is None or model is None:
            raise UnknownOperationException
        return service, model

    def _decide(self, operation: Operation, request: Any, who: Authenticated, event: Event) -> tuple[bytes, bool]:
        """Steps 4 to 8, on one view of the records.

        Raises:
            ConflictError: a record changed between reading and writing; nothing was written.
        """
        caller, region = who
        context = Context(
            caller=caller,
            region=region,
            now=event.at,
            database=self._database,
            key_store=self._key_store,
            entropy=self._entropy,
            keys=self._keys,
        )
        resolved = self._resolver.resolve(operation, request, account_id=caller.account_id, region=region)
        record.note_named(event, resolved)
        self._authorizer.authorize(caller, operation.action, resolved)
        record.note_permitted(event, resolved)
        admit(operation, resolved)
        result = operation.run(request, *resolved.arguments, context)
        if getattr(request, "dry_run", False):
            raise DryRunOperationException(_DRY_RUN_TEXT)
        record.note_result(event, operation, resolved, result, context)
        body = aws_json.encode(result)
        if not context.changes:
            return body, False
        self._commit(context, event)
        return body, True

    def _commit(self, context: Context, event: Event) -> None:
        try:
            self._database.commit(context.changes, [event.finish(), *context.events])
        except (DatabaseUnavailableError, CorruptRecordError) as error:
            # Whether it was written is not known. If it was, its record stands with it, and must not be hidden by
            # this one: the journal keeps the first of two records with one event ID.
            event.event_id = self._entropy.uuid()
            _log.error("request %s: %s", event.request_id, error)
            raise KMSInternalException(_INTERNAL_TEXT) from error
