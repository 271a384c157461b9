"""While a key is in use its permissions change: what was acknowledged counts for every request that is sent after it.

Both ways: nobody who was shut out gets in, nobody who was let in is refused. Clients are at work on two workers all
the time; a request that was on its way while a change was made may be answered either way.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from threading import Barrier, Condition, Event, Thread
from typing import Any, NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server, running
from harness.wire import Connection, framed

CLIENTS = 6
CHANGES = 15
"""How often permission is taken away and given back."""
SEEN_MIN = 3
"""How many requests each client must have sent and seen answered in each phase: else nothing would be shown."""
PHASE_SECONDS_MAX = 30.0

USER = "racer"
USER_ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:user/{USER}"
ROOT = f"arn:aws:iam::{ALICE_ACCOUNT}:root"
REFUSED = frozenset({"AccessDeniedException"})


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ALLOWING = document({"Effect": "Allow", "Action": "kms:*", "Resource": "*"})
UNRELATED = document({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
DELEGATING = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
DENYING = {"Effect": "Deny", "Principal": {"AWS": USER_ARN}, "Action": "kms:*", "Resource": "*"}


class Seen(NamedTuple):
    """A request of a client; times of the monotonic clock."""

    sent_at: float
    answered_at: float
    code: str | None


class Phase(NamedTuple):
    """While nothing changed: from the answer to one change until the next one was sent."""

    begins_at: float
    ends_at: float
    allowed: bool


class Crowd:
    """Clients that send the same request again and again, each over a connection of its own."""

    def __init__(self, server: Server, requests: list[bytes]) -> None:
        """One client for each request."""
        self._server = server
        self._stop = Event()
        self._ready = Barrier(len(requests) + 1)
        self._answered = Condition()
        self.seen: list[list[Seen]] = [[] for _ in requests]
        self._failures: list[BaseException] = []
        self._threads = [Thread(target=self._work, args=(*pair,)) for pair in zip(requests, self.seen, strict=True)]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For the length of a block; what one of them failed with is raised at its end."""
        for thread in self._threads:
            thread.start()
        self._ready.wait()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()
        for failure in self._failures:
            raise failure

    def phase(self, change: Callable[[], object], *, allowed: bool) -> float:
        """Make a change, and wait until all clients have seen enough of what it means. When it was acknowledged."""
        change()
        begins_at = time.monotonic()
        with self._answered:
            assert self._answered.wait_for(lambda: self._enough(begins_at), PHASE_SECONDS_MAX), allowed
        return begins_at

    def _enough(self, begins_at: float) -> bool:
        return bool(self._failures) or all(
            len(seen) >= SEEN_MIN and seen[-SEEN_MIN].sent_at >= begins_at for seen in self.seen
        )

    def _work(self, request: bytes, seen: list[Seen]) -> None:
        with Connection(self._server) as connection:
            self._ready.wait()
            try:
                while not self._stop.is_set():
                    sent_at = time.monotonic()
                    code = connection.ask(request).code
                    with self._answered:
                        seen.append(Seen(sent_at, time.monotonic(), code))
                        self._answered.notify_all()
            except BaseException as failure:  # noqa: BLE001  raised at the end of the block, in the thread of the test
                with self._answered:
                    self._failures.append(failure)
                    self._answered.notify_all()


class Stage(NamedTuple):
    """A server, the clients of its administrators, and what the user who races sends."""

    server: Server
    kms: Any
    iam: Any
    key_id: str
    requests: list[bytes]


def signed(server: Server, access_key: Mapping[str, str], operation: str, parameters: Mapping[str, Any]) -> bytes:
    """A request of the user; it may be sent as often as one likes while its signature is fresh."""
    body = json.dumps(parameters).encode()
    headers = {
        "Host": f"127.0.0.1:{server.port}",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"TrentService.{operation}",
    }
    unsigned = AWSRequest(method="POST", url=f"{server.endpoint}/", data=body, headers=headers)
    signer = Credentials(access_key["AccessKeyId"], access_key["SecretAccessKey"])
    SigV4Auth(signer, "kms", "us-east-1").add_auth(unsigned)
    return framed(dict(unsigned.headers.items()), body)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers."""
    with running(tmp_path_factory.mktemp("race") / "data", "--workers", "2") as server:
        yield server


@pytest.fixture
def stage(two: Server) -> Iterator[Stage]:
    """A key of its own and a user of its own for each test; what the user had before is gone."""
    with ExitStack() as opened:
        kms, iam = (opened.enter_context(closing(two.client(service=service))) for service in ("kms", "iam"))
        iam.create_user(UserName=USER)
        access_key = iam.create_access_key(UserName=USER)["AccessKey"]
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
        encrypting = signed(two, access_key, "Encrypt", {"KeyId": key_id, "Plaintext": "eA=="})
        decrypting = signed(two, access_key, "Decrypt", {"CiphertextBlob": b64encode(blob).decode()})
        # Runs in a thread beside the event loop.
        slow = signed(two, access_key, "GenerateDataKeyPair", {"KeyId": key_id, "KeyPairSpec": "ECC_NIST_P256"})
        yield Stage(two, kms, iam, key_id, [encrypting] * (CLIENTS - 2) + [decrypting, slow])
        remove_user(iam)


def remove_user(iam: Any) -> None:
    """The user and all that it has."""
    for name in iam.list_user_policies(UserName=USER)["PolicyNames"]:
        iam.delete_user_policy(UserName=USER, PolicyName=name)
    for policy in iam.list_attached_user_policies(UserName=USER)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=USER, PolicyArn=policy["PolicyArn"])
    for group in iam.list_groups_for_user(UserName=USER)["Groups"]:
        iam.remove_user_from_group(UserName=USER, GroupName=group["GroupName"])
    for access_key in iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=USER, AccessKeyId=access_key["AccessKeyId"])
    iam.delete_user(UserName=USER)


def race(
    stage: Stage,
    *,
    give: Callable[[], object],
    take: Callable[[], object],
    refusals: frozenset[str] = REFUSED,
    requests: list[bytes] | None = None,
) -> None:
    """Give and take permission while clients are at work, and hold each of their answers against what counted."""
    crowd = Crowd(stage.server, stage.requests if requests is None else requests)
    phases: list[Phase] = []
    give()
    with crowd.at_work():
        for number in range(2 * CHANGES):
            allowed = number % 2 == 1
            begins_at = crowd.phase(give if allowed else take, allowed=allowed)
            phases.append(Phase(begins_at, time.monotonic(), allowed))
    held = 0
    for seen in (one for each in crowd.seen for one in each):
        assert seen.code is None or seen.code in refusals, seen
        within = [p for p in phases if p.begins_at <= seen.sent_at and seen.answered_at <= p.ends_at]
        for phase in within:
            assert (seen.code is None) is phase.allowed, (seen, phase)
            held += 1
    assert held >= 2 * CHANGES * CLIENTS


def test_the_key_policy(stage: Stage) -> None:
    """A Deny in the key policy."""
    stage.iam.put_user_policy(UserName=USER, PolicyName="p", PolicyDocument=ALLOWING)

    def put(*statements: Mapping[str, Any]) -> None:
        stage.kms.put_key_policy(KeyId=stage.key_id, Policy=document(*statements))

    # A blob whose key is closed is refused with the same code.
    race(stage, give=lambda: put(DELEGATING), take=lambda: put(DELEGATING, DENYING))


def test_an_inline_policy_of_the_user(stage: Stage) -> None:
    """Put and deleted."""
    race(
        stage,
        give=lambda: stage.iam.put_user_policy(UserName=USER, PolicyName="p", PolicyDocument=ALLOWING),
        take=lambda: stage.iam.delete_user_policy(UserName=USER, PolicyName="p"),
    )


def test_a_managed_policy(stage: Stage) -> None:
    """Attached and detached; then one of its versions and another one."""
    arn = stage.iam.create_policy(PolicyName="race", PolicyDocument=ALLOWING)["Policy"]["Arn"]
    stage.iam.create_policy_version(PolicyArn=arn, PolicyDocument=UNRELATED)
    race(
        stage,
        give=lambda: stage.iam.attach_user_policy(UserName=USER, PolicyArn=arn),
        take=lambda: stage.iam.detach_user_policy(UserName=USER, PolicyArn=arn),
    )
    race(
        stage,
        give=lambda: stage.iam.set_default_policy_version(PolicyArn=arn, VersionId="v1"),
        take=lambda: stage.iam.set_default_policy_version(PolicyArn=arn, VersionId="v2"),
    )


def test_a_group(stage: Stage) -> None:
    """Entered and left; then the policy of the group itself."""
    stage.iam.create_group(GroupName="race")
    stage.iam.put_group_policy(GroupName="race", PolicyName="p", PolicyDocument=ALLOWING)
    race(
        stage,
        give=lambda: stage.iam.add_user_to_group(UserName=USER, GroupName="race"),
        take=lambda: stage.iam.remove_user_from_group(UserName=USER, GroupName="race"),
    )
    race(
        stage,
        give=lambda: stage.iam.put_group_policy(GroupName="race", PolicyName="p", PolicyDocument=ALLOWING),
        take=lambda: stage.iam.put_group_policy(GroupName="race", PolicyName="p", PolicyDocument=UNRELATED),
    )


def test_a_permissions_boundary(stage: Stage) -> None:
    """Set and removed."""
    arn = stage.iam.create_policy(PolicyName="race-boundary", PolicyDocument=UNRELATED)["Policy"]["Arn"]
    stage.iam.put_user_policy(UserName=USER, PolicyName="p", PolicyDocument=ALLOWING)
    stage.iam.put_user_permissions_boundary(UserName=USER, PermissionsBoundary=arn)
    race(
        stage,
        give=lambda: stage.iam.delete_user_permissions_boundary(UserName=USER),
        take=lambda: stage.iam.put_user_permissions_boundary(UserName=USER, PermissionsBoundary=arn),
    )


def test_a_grant(stage: Stage) -> None:
    """Made and revoked; its token is not sent."""
    made: list[str] = []
    operations = ["Encrypt", "Decrypt", "GenerateDataKeyPair"]

    def give() -> None:
        grant = stage.kms.create_grant(KeyId=stage.key_id, GranteePrincipal=USER_ARN, Operations=operations)
        made.append(grant["GrantId"])

    race(stage, give=give, take=lambda: stage.kms.revoke_grant(KeyId=stage.key_id, GrantId=made.pop()))


def test_an_access_key(stage: Stage) -> None:
    """Deactivated and activated: the signature itself is refused then."""
    stage.iam.put_user_policy(UserName=USER, PolicyName="p", PolicyDocument=ALLOWING)
    (access_key,) = stage.iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]

    def set_status(status: str) -> None:
        stage.iam.update_access_key(UserName=USER, AccessKeyId=access_key["AccessKeyId"], Status=status)

    race(
        stage,
        give=lambda: set_status("Active"),
        take=lambda: set_status("Inactive"),
        refusals=frozenset({"UnrecognizedClientException"}),
    )


@pytest.mark.parametrize("service", ["ebs", "s3", "sqs"])
def test_an_aws_managed_key_is_made_once(two: Server, service: str) -> None:
    """Of eight clients that name it for the first time at once, in two workers, each is told of the same key."""
    with ExitStack() as opened:
        clients = [opened.enter_context(closing(two.client(profile=BOB_ACCOUNT))) for _ in range(8)]
        before = len(clients[0].list_keys()["Keys"])
        together = Barrier(len(clients))
        found: list[str] = []

        def describe(client: Any) -> None:
            together.wait()
            found.append(client.describe_key(KeyId=f"alias/aws/{service}")["KeyMetadata"]["KeyId"])

        threads = [Thread(target=describe, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == len(clients)
        assert len(set(found)) == 1
        assert len(clients[0].list_keys()["Keys"]) == before + 1
        aliases = clients[0].list_aliases(KeyId=found[0])["Aliases"]
        assert [alias["AliasName"] for alias in aliases] == [f"alias/aws/{service}"]
