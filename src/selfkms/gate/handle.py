"""One request, end to end. Read `_serve` aloud: it is the whole of it.

1. envelope: which operation of which service.
2. authenticate: whose signature this is. Nothing of the body is looked into before. Of an operation that needs no
   signature the parameters come first: a token among them says who calls.
3. decode: the parameters, or AWS's validation error. An attestation document among them is verified: policies ask what
   it says.
4. resolve: the KMS keys and aliases that they name, as of now.
5. authorize: is the caller permitted, on each of them.
6. admit: do their states and usages take the operation.
7. act: the handler, which can no longer be refused by any of the above.
8. record: the audit record, with the changes in one transaction if there are any, else left to the journal.

Whatever goes wrong becomes AWS's error, and has its audit record like everything else.
"""

import functools
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from selfkms.domain.cloudtrail.event import Event
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AWSError, RequestEntityTooLargeException, UnknownOperationException
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.aliases import RESERVED_PREFIX
from selfkms.domain.kms.aws_managed_keys import service_of
from selfkms.domain.kms.errors import (
    DependencyTimeoutException,
    DryRunOperationException,
    KMSInternalException,
    UnsupportedOperationException,
)
from selfkms.domain.kms.keys import KeyMaterial
from selfkms.domain.limits import UNSIGNED_BODY_BYTES_MAX
from selfkms.domain.records import Remove
from selfkms.gate import record
from selfkms.gate.admit import admit
from selfkms.gate.authenticate import Authenticator
from selfkms.gate.authorize import Authorizer
from selfkms.gate.facts import Surroundings
from selfkms.gate.on_behalf import INTERNAL_TEXT, CallsToKMS
from selfkms.gate.outcome import Outcome
from selfkms.gate.resolve import Resolver, predefined_aliases
from selfkms.ports.block_store import BlockStore
from selfkms.ports.clock import Clock
from selfkms.ports.database import ConflictError, CorruptRecordError, Database, DatabaseUnavailableError
from selfkms.ports.entropy import Entropy
from selfkms.ports.event_history import EventHistory
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_store import KeyStore
from selfkms.ports.log_store import LogStore
from selfkms.ports.recipients import Recipients
from selfkms.protocol import aws_json
from selfkms.protocol.http import HTTPRequest, HTTPResponse
from selfkms.protocol.model import OperationModel, ServiceModel
from selfkms.protocol.wire import JSON_WIRE, Wire, named_service
from selfkms.services.context import Context
from selfkms.services.kms.aws_managed_keys import make_aws_managed_key
from selfkms.services.kms.recipients import attested
from selfkms.services.operation import Operation

_log = logging.getLogger(__name__)

# A change whose record changed meanwhile is decided again, so often; somebody else made progress each time.
_ATTEMPTS: Final = 8

# While the database does not answer, keys that are in memory go on working so long. After that what is remembered may
# have been revoked meanwhile, and counts no more.
_GRACE_SECONDS: Final = 30.0

_PRIVATE_RSA: Final = b"RSAES_OAEP"
_RECIPIENT: Final = b'"Recipient"'
_RESERVED: Final = RESERVED_PREFIX.encode()

_STALE_TEXT: Final = "The database does not answer. The request can be retried."
_DRY_RUN_TEXT: Final = "The request would have succeeded, but the DryRun option is set."
_UNDONE_TEXT: Final = "The request that this call was made for failed."

# What an event may be called that nobody knows the operation of: bounded, and nothing that could break a reader.
_PLAUSIBLE_NAME: Final = re.compile(r"[A-Za-z]{1,64}", re.ASCII)


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service behind the gate."""

    signing_name: str
    """The service of a credential scope: `kms`."""
    model: ServiceModel
    wire: Wire
    region: str | None = None
    """Where a service without Regions stands in audit and conditions (IAM: us-east-1); None: in that of the scope."""
    operations: Mapping[str, Operation]
    """Those of the model's operations that are served."""


def _surroundings(request: HTTPRequest, event: Event) -> Surroundings:
    assert event.caller is not None
    return Surroundings(
        caller=event.caller,
        region=event.region,
        now=event.at,
        source_ip=request.peer,
        secure=request.tls is not None,
        user_agent=request.header("user-agent"),
        referer=request.header("referer"),
    )


def _internal(wire: Wire, request_id: str) -> HTTPResponse:
    return wire.error(KMSInternalException(INTERNAL_TEXT), request_id)


class Gate:
    """The way in. Belongs to one thread, with what it is made of."""

    def __init__(  # noqa: PLR0913  each is another port, and all are named
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
        recipients: Recipients,
        history: EventHistory | None = None,
        log_store: LogStore | None = None,
        blocks: BlockStore | None = None,
    ) -> None:
        """Prepare; `services` by their signing names, `elapsed` a clock in seconds that nobody sets.

        Without a `history` whoever asks for the past gets an internal error.
        """
        self._services = services
        self._by_target = {prefix: service for service in services.values() if (prefix := service.model.target_prefix)}
        self._database = database
        self._key_store = key_store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._authenticator = authenticator
        self._resolver = Resolver(database, key_store, keys)
        self._authorizer = Authorizer(database)
        self._elapsed = elapsed
        self._recipients = recipients
        self._history = history
        self._log_store = log_store
        self._blocks = blocks
        self._seen_at = elapsed()
        self._fresh = True

    def begin_turn(self) -> None:
        """See every change that was committed before now."""
        try:
            self._database.refresh()
        except DatabaseUnavailableError as error:
            self._fresh = False
            _log.warning("the database does not answer: %s", error)
        else:
            self._fresh = True
            self._seen_at = self._elapsed()

    def off_loop(self, request: HTTPRequest) -> bool:
        """Whether a request may take longer than a turn of the event loop should: it changes records, or is slow."""
        service = self._service(request)
        name = service.wire.operation_name(request) if service else None
        operation = service.operations.get(name) if service and name else None
        if operation is None:
            return False
        # Decrypt is quick but for RSA keys. The first to name a predefined alias makes the key behind it. To verify an
        # attestation document takes milliseconds. JSON may write any of them with backslashes.
        body = request.body
        late = (_PRIVATE_RSA, _RECIPIENT, _RESERVED, b"\\")
        return operation.writes or operation.slow or any(word in body for word in late)

    def refuse(self, error: AWSError) -> HTTPResponse:
        """The answer to something that never became a request."""
        return JSON_WIRE.error(error, self._entropy.uuid())

    def handle(self, request: HTTPRequest) -> Outcome:
        """Answer one request. Raises nothing for whatever a client sends."""
        event = record.begin(
            request, event_id=self._entropy.uuid(), request_id=self._entropy.uuid(), at=self._clock.now()
        )
        service = self._service(request)
        wire = service.wire if service is not None else JSON_WIRE
        internal = functools.partial(_internal, wire, event.request_id)
        try:
            answer, recorded = self._serve(request, service, event)
            copies = () if recorded else (*event.copies(self._entropy.uuid), *self._records_of_calls(event))
        except AWSError as error:
            event.error, recorded, copies = error, False, self._records_of_undone_calls(event)
            answer = wire.error(error, event.request_id)
        except Exception:  # noqa: BLE001  the one place where whatever we did not foresee ends: logged whole, answered with nothing
            _log.exception("request %s failed", event.request_id)
            event.error, recorded = KMSInternalException(INTERNAL_TEXT), False
            copies = self._records_of_undone_calls(event)
            answer = internal()
        return Outcome(answer, None if recorded else event.finish(), internal, copies)

    def _records_of_calls(self, event: Event) -> tuple[AuditRecord, ...]:
        return tuple(written for call in event.companions for written in call.records(self._entropy.uuid))

    def _records_of_undone_calls(self, event: Event) -> tuple[AuditRecord, ...]:
        """Of a request that failed: what calls to other services would have changed for it came to nothing, too."""
        for call in event.companions:
            if call.error is None and not call.read_only:
                call.undo(KMSInternalException(_UNDONE_TEXT), self._entropy.uuid)
        return self._records_of_calls(event)

    def _service(self, request: HTTPRequest) -> Service | None:
        """The service that a request is for: by its X-Amz-Target, else by the credential scope of its signature."""
        target = request.header("x-amz-target")
        if target is not None:
            return self._by_target.get(target.rpartition(".")[0])
        return self._services.get(named_service(request))

    def _serve(self, request: HTTPRequest, service: Service | None, event: Event) -> tuple[HTTPResponse, bool]:
        """The answer, and whether the audit record is safe already."""
        if self._elapsed() - self._seen_at > _GRACE_SECONDS:
            raise DependencyTimeoutException(_STALE_TEXT)
        service, model = self._envelope(request, service, event)
        operation = service.operations.get(model.name)
        event.read_only = operation is not None and operation.audit.read_only
        event.data = operation is not None and operation.audit.data
        signed = operation is None or not operation.unsigned
        if signed:
            self._authenticate(request, service, model, event)
        elif len(request.body) > UNSIGNED_BODY_BYTES_MAX:
            raise RequestEntityTooLargeException("The request is larger than the server reads.")
        if operation is None:
            raise UnsupportedOperationException(f"{model.name} is not supported yet.")
        parameters = service.wire.decode(model, request)
        record.note_request(event, operation, parameters)
        typed = aws_json.convert(parameters, operation.request)
        if operation.check is not None:
            operation.check(typed)
        typed = attested(typed, self._recipients, now=event.at)
        if not signed:
            self._bearer(typed, request, event)
        answer = functools.partial(service.wire.answer, model, request_id=event.request_id)
        for _ in range(_ATTEMPTS):
            try:
                return self._decide(operation, typed, _surroundings(request, event), event, answer)
            except ConflictError:
                self._database.refresh()
            # Decided again as if it had come now: also the caller may be another, or gone.
            if signed:
                self._authenticate(request, service, model, event)
        raise DependencyTimeoutException(
            "The KMS key is being changed by too many requests. The request can be retried."
        )

    def _authenticate(self, request: HTTPRequest, service: Service, model: OperationModel, event: Event) -> None:
        unsigned = model.unsigned_payload
        who = self._authenticator.authenticate(request, service.signing_name, unsigned_payload=unsigned)
        event.caller, event.region = who.caller, service.region or who.region

    def _bearer(self, parameters: Any, request: HTTPRequest, event: Event) -> None:
        who = self._authenticator.bearer(parameters, request)
        assert who.caller.web_identity is not None
        event.caller, event.region = who.caller, who.region
        record.note_web_identity(event, who.caller.web_identity)

    def _envelope(self, request: HTTPRequest, service: Service | None, event: Event) -> tuple[Service, OperationModel]:
        wire = service.wire if service is not None else JSON_WIRE
        name = wire.operation_name(request) or ""
        if _PLAUSIBLE_NAME.fullmatch(name):
            event.name = name
        if service is not None:
            event.source = f"{service.signing_name}.amazonaws.com"
        model = service.model.operations.get(name) if service is not None else None
        if service is None or model is None:
            raise UnknownOperationException(operation=name or None)
        return service, model

    def _decide(
        self,
        operation: Operation,
        request: Any,
        around: Surroundings,
        event: Event,
        answered: Callable[[Any], HTTPResponse],
    ) -> tuple[HTTPResponse, bool]:
        """Steps 4 to 8, on one view of the records: the answer, and whether its audit record is safe already.

        Raises:
            ConflictError: a record changed between reading and writing; nothing was written.
        """
        self._make_predefined(operation, request, around)
        event.companions = []
        context = self._context(around)
        context.key_service_for = functools.partial(self._calls_to_kms, context, event)
        resolved = self._resolver.resolve(operation, request, caller=around.caller, region=around.region)
        record.note_named(event, resolved)
        self._authorizer.authorize(operation, request, resolved, around)
        if not self._consistent():
            # Decided on records of two moments, which together may permit what neither did.
            raise ConflictError
        record.note_permitted(event, resolved)
        admit(operation, resolved)
        if operation.dry_run_asks and request.dry_run:
            raise DryRunOperationException(_DRY_RUN_TEXT)
        result = operation.run(request, *resolved.arguments, context)
        if getattr(request, "dry_run", False):
            raise DryRunOperationException(_DRY_RUN_TEXT)
        record.note_result(event, operation, resolved, result, context)
        # Before the change: what cannot be answered must not have happened.
        answer = answered(result)
        if not context.changes:
            return answer, False
        self._commit(context, event)
        # Destruction comes last: when the material cannot come back.
        for change in context.changes:
            if isinstance(change, Remove) and isinstance(change.record, KeyMaterial):
                self._key_store.destroy(change.record)
        return answer, True

    def _context(self, around: Surroundings) -> Context:
        return Context(
            caller=around.caller,
            region=around.region,
            now=around.now,
            database=self._database,
            key_store=self._key_store,
            entropy=self._entropy,
            keys=self._keys,
            may_on_key=functools.partial(self._authorizer.may_on_key, around),
            history=self._history,
            log_store=self._log_store,
            blocks=self._blocks,
            recipients=self._recipients,
            regions=self._authenticator.regions,
        )

    def _consistent(self) -> bool:
        """Whether all that was read is one state of the records; while the database is away, what is in memory is."""
        return not self._fresh or self._database.consistent()

    def _calls_to_kms(self, into: Context, event: Event, caller: Caller) -> CallsToKMS:
        return CallsToKMS(
            caller=caller,
            now=event.at,
            operations=self._services["kms"].operations,
            resolver=self._resolver,
            authorizer=self._authorizer,
            entropy=self._entropy,
            prepare=self._make_predefined,
            consistent=self._consistent,
            context_for=self._context,
            into=into,
            note=event.companions.append,
        )

    def _make_predefined(self, operation: Operation, request: Any, around: Surroundings) -> None:
        """The AWS managed key of a service comes into being when its alias is named by somebody whom IAM would let.

        It is a change of its own: the request may be refused by the key policy, and the key stays.
        """
        account_id, region = around.caller.account_id, around.region
        if getattr(request, "dry_run", False):
            return
        for alias_name in predefined_aliases(operation, request, account_id=account_id, region=region):
            service = service_of(alias_name)
            if service is None or self._database.alias(account_id, region, alias_name) is not None:
                continue
            if self._authorizer.may_by_iam(around, operation.action):
                context = self._context(around)
                make_aws_managed_key(service, context)
                self._database.commit(context.changes, context.events)

    def _commit(self, context: Context, event: Event) -> None:
        try:
            copies = event.copies(self._entropy.uuid)
            records = [*self._records_of_calls(event), event.finish(), *copies, *context.events]
            self._database.commit(context.changes, records)
        except (DatabaseUnavailableError, CorruptRecordError) as error:
            # Whether it was written is not known. If it was, its record stands with it, and must not be hidden by
            # this one: the journal keeps the first of two records with one event ID.
            event.event_id = self._entropy.uuid()
            _log.error("request %s: %s", event.request_id, error)
            raise KMSInternalException(INTERNAL_TEXT) from error
