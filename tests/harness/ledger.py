"""Clients that change keys and aliases, and remember what they were told; and the audit held against it.

A client alone uses the keys and aliases that it made, so the answers it got say what there must be. A request without
an answer, or with one of 500 and more, leaves two possibilities open, until somebody looks.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random
from threading import Event, Thread
from types import TracebackType
from typing import Any, NamedTuple, Self

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from harness.server import Server

ENABLED, DISABLED, PENDING = "Enabled", "Disabled", "PendingDeletion"

CHANGES = frozenset(
    {"CreateKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "CreateAlias", "UpdateAlias", "DeleteAlias", "EnableKey"}
)


class Told(NamedTuple):
    """An answer that a client got."""

    operation: str
    request_id: str
    status: int
    code: str | None
    """Of an error."""


class LostError(Exception):
    """No answer came: whether the request was carried out is not known."""


class Calls:
    """Calls the API with boto3 and keeps what was told. The answer to a call is the result, or the code of an error."""

    def __init__(self, server: Server) -> None:
        """A client of the server, and of any later one on the same port."""
        self._client = server.client()
        self.told: list[Told] = []

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any] | str:
        """The result of a success, or the code of a refusal.

        Raises:
            LostError: no answer, or one that leaves the outcome open.
        """
        try:
            # boto3's own `_make_api_call` takes AWS's names of operations.
            result: dict[str, Any] = self._client._make_api_call(operation, parameters)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            code: str = error.response["Error"]["Code"]
            self._note(operation, error.response, code)
            if status >= 500:
                raise LostError(code) from error
            return code
        except (HTTPClientError, EndpointConnectionError) as error:
            raise LostError(str(error)) from error
        self._note(operation, result, None)
        return result

    def result(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The result; anything else is a failure of the test."""
        answer = self(operation, **parameters)
        assert isinstance(answer, dict), (operation, answer)
        return answer

    def _note(self, operation: str, response: dict[str, Any], code: str | None) -> None:
        metadata = response["ResponseMetadata"]
        request_id = metadata["HTTPHeaders"]["x-amzn-requestid"]
        self.told.append(Told(operation, request_id, metadata["HTTPStatusCode"], code))


class Holdings(NamedTuple):
    """All keys with their states, and all aliases with their targets, in one account and Region."""

    keys: dict[str, str]
    aliases: dict[str, str]


def look(calls: Calls) -> Holdings:
    """What there is. Every key of the listing can be described, with a key material; every alias has its key."""
    keys: dict[str, str] = {}
    for key in _listed(calls, "ListKeys", "Keys"):
        metadata = calls.result("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]
        assert metadata["CurrentKeyMaterialId"]
        keys[metadata["KeyId"]] = metadata["KeyState"]
    aliases = {entry["AliasName"]: entry["TargetKeyId"] for entry in _listed(calls, "ListAliases", "Aliases")}
    assert set(aliases.values()) <= keys.keys(), "an alias points to a key that is not there"
    return Holdings(keys, aliases)


def _listed(calls: Calls, operation: str, member: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    marker: dict[str, str] = {}
    while True:
        page = calls.result(operation, **marker)
        entries += page[member]
        if not page["Truncated"]:
            return entries
        marker = {"Marker": page["NextMarker"]}


class Actor:
    """One client with keys and aliases of its own, and all that each of them may be, as far as it was told."""

    def __init__(self, calls: Calls, number: int, random: Random) -> None:
        """An actor without anything yet; what it does next is the generator's choice."""
        self.calls = calls
        self.keys: dict[str, set[str]] = {}
        """Key ID and the states that are possible."""
        self.aliases: dict[str, set[str | None]] = {}
        """Name and the targets that are possible; None: the alias may not exist."""
        self.blobs: list[tuple[str, bytes, bytes]] = []
        """Key ID, ciphertext blob, plaintext."""
        self.changed = 0
        """How many changes were acknowledged."""
        self.lost: list[str] = []
        """Operations without an answer."""
        self._number = number
        self._random = random
        self._count = 0

    def step(self) -> None:
        """One request. `LostError` passes through, after the possibilities were noted."""
        act = self._random.choice(
            (self._create, self._end, self._end, self._name, self._name, self._name, self._drop, self._use, self._fail)
        )
        act()

    def settle(self, there: Holdings) -> None:
        """Hold everything against what there is; then only that is possible."""
        for key_id, states in self.keys.items():
            assert there.keys.get(key_id) in states, (key_id, states, there.keys.get(key_id))
            self.keys[key_id] = {there.keys[key_id]}
        for name, targets in list(self.aliases.items()):
            assert there.aliases.get(name) in targets, (name, targets, there.aliases.get(name))
            self.aliases[name] = {there.aliases.get(name)}
            if self.aliases[name] == {None}:
                del self.aliases[name]

    def _change(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            result = self.calls.result(operation, **parameters)
        except LostError:
            self.lost.append(operation)
            raise
        self.changed += 1
        return result

    def _in_state(self, *states: str) -> list[str]:
        return [key_id for key_id, possible in self.keys.items() if possible <= set(states)]

    def _certain_aliases(self) -> list[str]:
        return [name for name, possible in self.aliases.items() if len(possible) == 1]

    def _create(self) -> None:
        metadata = self._change("CreateKey")["KeyMetadata"]
        self.keys[metadata["KeyId"]] = {ENABLED}

    def _end(self) -> None:
        """Schedule the deletion of a key, or take one back."""
        living, ending = self._in_state(ENABLED, DISABLED), self._in_state(PENDING)
        if ending and (len(living) < 2 or self._random.random() < 0.5):
            key_id, operation, after = self._random.choice(ending), "CancelKeyDeletion", DISABLED
        elif living:
            key_id, operation, after = self._random.choice(living), "ScheduleKeyDeletion", PENDING
        else:
            return self._create()
        before, self.keys[key_id] = self.keys[key_id], {after} | self.keys[key_id]
        self._change(operation, KeyId=key_id)
        self.keys[key_id] -= before
        return None

    def _name(self) -> None:
        """Make an alias, or point one to another key."""
        living = self._in_state(ENABLED, DISABLED)
        if not living:
            return self._create()
        target = self._random.choice(living)
        named = self._certain_aliases()
        if named and self._random.random() < 0.5:
            name, operation = self._random.choice(named), "UpdateAlias"
        else:
            self._count += 1
            name, operation = f"alias/{self._number}/{self._count}", "CreateAlias"
        self.aliases.setdefault(name, {None}).add(target)
        self._change(operation, AliasName=name, TargetKeyId=target)
        self.aliases[name] = {target}
        return None

    def _drop(self) -> None:
        named = self._certain_aliases()
        if not named:
            return
        name = self._random.choice(named)
        self.aliases[name].add(None)
        self._change("DeleteAlias", AliasName=name)
        del self.aliases[name]

    def _use(self) -> None:
        for key_id in self._in_state(ENABLED)[:1]:
            plaintext = self._random.randbytes(16)
            blob = self.calls.result("Encrypt", KeyId=key_id, Plaintext=plaintext)["CiphertextBlob"]
            self.blobs.append((key_id, blob, plaintext))

    def _fail(self) -> None:
        """A change that is refused, and a request that changes nothing and is refused."""
        assert self.calls("DeleteAlias", AliasName=f"alias/{self._number}/none") == "NotFoundException"
        assert self.calls("Decrypt", CiphertextBlob=b"not one of ours") == "InvalidCiphertextException"


class Crowd:
    """Actors at work within a `with` block, each in a thread of its own.

    Each works until the end of the block or until it loses an answer. A forgiving crowd goes on after that, and leaves
    alone what it is not certain about.
    """

    def __init__(self, actors: Sequence[Actor], *, forgiving: bool = False) -> None:
        """Prepare."""
        self._forgiving = forgiving
        self._stop = Event()
        self._failures: list[BaseException] = []
        self._threads = [Thread(target=self._work, args=(actor,)) for actor in actors]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait until all have stopped, and raise what one of them failed with."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for failure in self._failures:
            raise failure

    def _work(self, actor: Actor) -> None:
        while not self._stop.is_set():
            try:
                actor.step()
            except LostError:
                if not self._forgiving:
                    return
            except BaseException as failure:  # noqa: BLE001  raised at the end of the block, in the thread of the test
                self._failures.append(failure)
                return


def check_audit(records: Sequence[dict[str, Any]], told: Sequence[Told]) -> None:
    """Each answer has exactly one record, which says the same; no event ID is there twice.

    An answer of 500 and more may be without one: it is what is answered when the record could not be made safe.
    """
    event_ids = Counter(record["eventID"] for record in records)
    assert [event_id for event_id, count in event_ids.items() if count > 1] == []
    by_request: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if "requestID" in record:
            by_request.setdefault(record["requestID"], []).append(record)
    for answer in told:
        found = by_request.get(answer.request_id, [])
        if answer.status >= 500 and not found:
            continue
        assert len(found) == 1, (answer, found)
        assert found[0]["eventName"] == answer.operation
        if answer.status < 500:
            assert found[0].get("errorCode") == _recorded_code(answer.code), (answer, found)


def _recorded_code(code: str | None) -> str | None:
    """Access alone is recorded without the `Exception` of the API's code."""
    return "AccessDenied" if code == "AccessDeniedException" else code


def replay(records: Sequence[dict[str, Any]]) -> Holdings:
    """What the changes of the audit amount to, in the order in which they stand there."""
    result = Holdings({}, {})
    states = {"ScheduleKeyDeletion": PENDING, "CancelKeyDeletion": DISABLED, "EnableKey": ENABLED}
    for record in records:
        name, parameters = record["eventName"], record["requestParameters"]
        if "errorCode" in record or name not in CHANGES:
            continue
        if name == "CreateKey":
            result.keys[record["responseElements"]["keyMetadata"]["keyId"]] = ENABLED
        elif name in states:
            result.keys[parameters["keyId"]] = states[name]
        elif name == "DeleteAlias":
            del result.aliases[parameters["aliasName"]]
        else:
            result.aliases[parameters["aliasName"]] = parameters["targetKeyId"]
    return result
