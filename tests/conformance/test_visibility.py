"""A change that was answered counts with the next request, whichever worker that one reaches."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from harness.ledger import Calls, LostError, check_audit
from harness.server import ALICE_ACCOUNT, Server, read_journal, running
from harness.wire import Answer, Connection, call

WORKERS = 4
# Of so many connections each worker has some: the kernel passes one over in 0.75 ** 40 of all runs, 1 in 100,000.
CONNECTIONS = 40
THREADS = 8
ATTEMPTS = 5

ADMIN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with four workers."""
    with running(tmp_path_factory.mktemp("four") / "data", "--workers", str(WORKERS)) as server:
        yield server


class Everywhere:
    """Connections to all workers, which are kept, so that each worker has seen what it was asked before."""

    def __init__(self, server: Server, opened: ExitStack) -> None:
        self._server = server
        self._kept = [opened.enter_context(Connection(server)) for _ in range(CONNECTIONS)]

    def ask(self, operation: str, **parameters: Any) -> list[Answer]:
        """The answers to one request over every kept connection, and over as many new ones."""
        data = call(self._server, operation, parameters)
        with ExitStack() as opened:
            new = [opened.enter_context(Connection(self._server)) for _ in range(CONNECTIONS)]
            for connection in (*self._kept, *new):
                connection.send(data)
            return [connection.answer() for connection in (*self._kept, *new)]

    def codes(self, operation: str, **parameters: Any) -> set[str | None]:
        """All codes among those answers; None stands for success."""
        return {answer.code for answer in self.ask(operation, **parameters)}


@pytest.fixture
def everywhere(four: Server) -> Iterator[Everywhere]:
    """Connections to all workers."""
    with ExitStack() as opened:
        yield Everywhere(four, opened)


@pytest.fixture
def calls(four: Server) -> Calls:
    """Changes, one after the other."""
    return Calls(four)


def new_key(calls: Calls) -> str:
    key_id: str = calls.result("CreateKey")["KeyMetadata"]["KeyId"]
    return key_id


def test_a_disabled_key_is_refused_by_every_worker_at_once(everywhere: Everywhere, calls: Calls) -> None:
    """After the answer to DisableKey no worker encrypts any more, and after that to EnableKey all do again."""
    key_id = new_key(calls)
    for _ in range(3):
        assert everywhere.codes("Encrypt", KeyId=key_id, Plaintext="eA==") == {None}
        calls.result("DisableKey", KeyId=key_id)
        assert everywhere.codes("Encrypt", KeyId=key_id, Plaintext="eA==") == {"DisabledException"}
        calls.result("EnableKey", KeyId=key_id)
    calls.result("ScheduleKeyDeletion", KeyId=key_id)
    assert everywhere.codes("Encrypt", KeyId=key_id, Plaintext="eA==") == {"KMSInvalidStateException"}


def test_an_alias_points_to_its_new_key_everywhere_at_once(everywhere: Everywhere, calls: Calls) -> None:
    """After the answer to UpdateAlias every worker uses the new key; after that to DeleteAlias none finds the name."""
    arns = [calls.result("CreateKey")["KeyMetadata"]["Arn"] for _ in range(3)]
    calls.result("CreateAlias", AliasName="alias/seen", TargetKeyId=arns[0])
    for arn in (*arns, *arns):
        calls.result("UpdateAlias", AliasName="alias/seen", TargetKeyId=arn)
        answers = everywhere.ask("Encrypt", KeyId="alias/seen", Plaintext="eA==")
        assert {answer.content["KeyId"] for answer in answers} == {arn}
    calls.result("DeleteAlias", AliasName="alias/seen")
    assert everywhere.codes("Encrypt", KeyId="alias/seen", Plaintext="eA==") == {"NotFoundException"}


def test_a_key_policy_counts_everywhere_at_once(everywhere: Everywhere, calls: Calls) -> None:
    """After the answer to PutKeyPolicy with a Deny no worker lets the caller in, and after the next one all do."""
    key_id = new_key(calls)
    allowing = calls.result("GetKeyPolicy", KeyId=key_id)["Policy"]
    denying = json.loads(allowing)
    denying["Statement"].append(
        {"Effect": "Deny", "Principal": {"AWS": ADMIN}, "Action": "kms:Encrypt", "Resource": "*"}
    )
    for _ in range(2):
        assert everywhere.codes("Encrypt", KeyId=key_id, Plaintext="eA==") == {None}
        calls.result("PutKeyPolicy", KeyId=key_id, Policy=json.dumps(denying))
        assert everywhere.codes("Encrypt", KeyId=key_id, Plaintext="eA==") == {"AccessDeniedException"}
        calls.result("PutKeyPolicy", KeyId=key_id, Policy=allowing)


def in_threads(*works: Callable[[], object]) -> None:
    """Run these at the same time; an exception of one is raised here."""
    failures: list[BaseException] = []
    together = Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        together.wait()
        try:
            work()
        except BaseException as failure:  # noqa: BLE001  raised below
            failures.append(failure)

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Tagger:
    """One of several that change the tags of the same key at the same time."""

    def __init__(self, calls: Calls, key_id: str, name: str) -> None:
        self._calls = calls
        self._key_id = key_id
        self._name = name
        self.tags: dict[str, str] = {}
        """What must be there, as far as it was answered."""

    def toggle(self) -> None:
        """Set five tags, take some away, set them anew."""
        for value in ("first", "second", "third"):
            for number in range(5):
                tag = f"{self._name}-{number}"
                self._change("TagResource", Tags=[{"TagKey": tag, "TagValue": value}])
                self.tags[tag] = value
            for number in (1, 3):
                tag = f"{self._name}-{number}"
                self._change("UntagResource", TagKeys=[tag])
                del self.tags[tag]

    def _change(self, operation: str, **parameters: Any) -> None:
        """Again if others were always faster, as clients do: both operations may be sent twice."""
        for attempt in range(ATTEMPTS):
            try:
                self._calls.result(operation, KeyId=self._key_id, **parameters)
            except LostError:
                assert attempt < ATTEMPTS - 1
            else:
                return


def test_no_acknowledged_change_is_lost_to_another_one(data_dir: Path) -> None:
    """Of eight clients that change one key at once, each finds its tags as it was answered, and a record an answer."""
    with running(data_dir, "--workers", str(WORKERS)) as server:
        calls = Calls(server)
        key_id = new_key(calls)
        taggers = [Tagger(calls, key_id, f"t{number}") for number in range(THREADS)]
        in_threads(*(tagger.toggle for tagger in taggers))
        listed = calls.result("ListResourceTags", KeyId=key_id, Limit=50)["Tags"]
        assert server.stop() == 0
        records = read_journal(data_dir)
    expected = {tag: value for tagger in taggers for tag, value in tagger.tags.items()}
    assert {tag["TagKey"]: tag["TagValue"] for tag in listed} == expected
    check_audit(records, calls.told)
    assert len(records) == len(calls.told)


def test_a_name_is_given_away_once(four: Server) -> None:
    """Of eight clients that make the same alias at once, one does; the others are told that it exists."""
    clients = [Calls(four) for _ in range(THREADS)]
    key_ids = [new_key(calls) for calls in clients]
    for attempt in range(5):
        name = f"alias/taken/{attempt}"
        in_threads(
            *(
                partial(calls, "CreateAlias", AliasName=name, TargetKeyId=key_id)
                for calls, key_id in zip(clients, key_ids, strict=True)
            )
        )
        codes = [calls.told[-1].code for calls in clients]
        assert Counter(codes) == {None: 1, "AlreadyExistsException": THREADS - 1}
        target = clients[0].result("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"]
        assert target == key_ids[codes.index(None)]
