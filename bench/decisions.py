"""Decisions in this process, on warm records: no socket, no signature, no key material. `python -m bench.decisions`."""

import json
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.adapters.sql.changes import Touched
from selfkms.adapters.sql.warm import WarmDatabase
from selfkms.domain.arns import key_arn, root_arn, user_arn
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.callers import Caller
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.iam.principals import InlinePolicy, User
from selfkms.domain.kms.grants import Grant, GrantConstraints
from selfkms.domain.kms.key_policy import default_key_policy
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.records import Put
from selfkms.domain.secrets import Secret
from selfkms.gate.authorize import Authorizer
from selfkms.gate.facts import Surroundings
from selfkms.gate.resolved import Resolved, ResolvedKey
from selfkms.services.kms.encryption import EncryptRequest
from selfkms.services.kms.table import OPERATIONS

ACCOUNT: Final = "111122223333"
REGION: Final = "us-east-1"
KEY_ID: Final = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_ARN: Final = key_arn(REGION, ACCOUNT, KEY_ID)
USER_ARN: Final = user_arn(ACCOUNT, "/", "bench")
CONTEXT: Final = {"purpose": "bench", "tenant": "blue"}

DECISIONS_IN_A_ROUND: Final = 200
ROUNDS: Final = 9

Statement = dict[str, object]


class _NobodyElse:
    """Only this process changes records."""

    def touched(self) -> Sequence[Touched]:
        return ()

    def close(self) -> None:
        """Nothing."""


def statements(number: int, **elements: object) -> list[Statement]:
    """So many statements, of which the last one allows; the others are about other keys, actions or requests."""
    others = [
        {
            "Effect": "Deny" if place % 4 == 3 else "Allow",
            "Action": [["kms:Encrypt", "kms:Decrypt"], "kms:Describe*", "kms:Generate*", "kms:Encrypt"][place % 4],
            "Resource": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{place:08x}-*",
            "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": ["green", "red"]}},
            **elements,
        }
        for place in range(number - 1)
    ]
    last = {
        "Effect": "Allow",
        "Action": "kms:*",
        "Resource": f"arn:aws:kms:*:{ACCOUNT}:key/*",
        "Condition": {
            "StringLike": {"kms:EncryptionContext:tenant": "bl*"},
            "StringEquals": {"aws:RequestedRegion": REGION},
        },
        **elements,
    }
    return [*others, last]


def text(number: int, **elements: object) -> str:
    """A policy of `statements`."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements(number, **elements)})


def text_of_size(characters: int) -> str:
    """A policy of at least so many characters."""
    return next(made for number in range(1, characters) if len(made := text(number)) >= characters)


class Situation:
    """A caller that wants to encrypt with a KMS key, and everything that has a say in it."""

    def __init__(
        self,
        *,
        attached: Sequence[str] = (),
        inline: Sequence[str] = (),
        boundary: str | None = None,
        key_policy: str | None = None,
        grants: int = 0,
    ) -> None:
        """Documents as texts; without a key policy the key has the default one. Only the last grant has a chance."""
        memory = MemoryDatabase()
        managed = [*attached, *([boundary] if boundary is not None else [])]
        policies = [_managed(f"p{number}", document) for number, document in enumerate(managed)]
        arns = [policy.arn for policy in policies]
        user = User(
            account_id=ACCOUNT,
            user_name="bench",
            user_id="AIDABENCH",
            created_at=0.0,
            attached_policy_arns=tuple(arns[: len(attached)])
            if attached or inline or grants
            else (ADMINISTRATOR_ACCESS,),
            inline_policies=tuple(InlinePolicy(f"i{number}", document) for number, document in enumerate(inline)),
            permissions_boundary=arns[-1] if boundary is not None else None,
        )
        key = KMSKey(
            account_id=ACCOUNT,
            region=REGION,
            key_id=KEY_ID,
            created_at=0.0,
            state=KeyState.ENABLED,
            policy=default_key_policy(ACCOUNT) if key_policy is None else key_policy,
        )
        made = (_grant(number, last=number == grants - 1) for number in range(grants))
        memory.commit([Put(record) for record in (user, key, *policies, *made)])
        self._database = WarmDatabase(memory, _NobodyElse())
        self._authorizer = Authorizer(self._database)
        self._request = EncryptRequest(key_id=KEY_ARN, plaintext=Secret(b"x"), encryption_context=CONTEXT)

    def decide(self) -> None:
        """One decision, from the records to the verdict. A refusal is an exception."""
        user = self._database.user(ACCOUNT, "bench")
        key = self._database.key(ACCOUNT, REGION, KEY_ID)
        assert user is not None
        operation = OPERATIONS["Encrypt"]
        named = ResolvedKey(
            key=key,
            arn=KEY_ARN,
            owner=ACCOUNT,
            action=operation.action,
            named_arn=KEY_ARN,
            condition_keys=operation.condition_keys,
            encryption_context=CONTEXT,
        )
        around = Surroundings(
            caller=Caller.user(user, "AKIABENCH"),
            region=REGION,
            now=1_790_000_000.0,
            source_ip="192.0.2.1",
            secure=True,
            user_agent="Boto3/1.40 md/Botocore",
            referer=None,
        )
        self._authorizer.authorize(operation, self._request, Resolved(resources=(named,), arguments=(key,)), around)


def _managed(name: str, document: str) -> ManagedPolicy:
    return ManagedPolicy(
        account_id=ACCOUNT,
        policy_name=name,
        policy_id=f"ANPA{name}",
        created_at=0.0,
        updated_at=0.0,
        versions=(PolicyVersion("v1", document, 0.0),),
        default_version_id="v1",
    )


def _grant(number: int, *, last: bool) -> Grant:
    return Grant(
        account_id=ACCOUNT,
        region=REGION,
        key_id=KEY_ID,
        grant_id=f"{number:064x}",
        created_at=0.0,
        grantee=USER_ARN,
        issuing_account=root_arn(ACCOUNT),
        operations=("Encrypt", "Decrypt"),
        constraints=GrantConstraints(
            encryption_context_subset={"tenant": CONTEXT["tenant"] if last else f"tenant{number}"}
        ),
    )


def situations() -> dict[str, Situation]:
    """What is measured; the first is what the others are compared with."""
    six_kilobytes = text_of_size(6_000)
    twenty = [text(1, Action="s3:Get*") for _ in range(19)] + [text(1)]
    users = {"Principal": {"AWS": root_arn(ACCOUNT)}}
    return {
        "AdministratorAccess": Situation(),
        "IAM policy of 6 KB": Situation(attached=[six_kilobytes]),
        "a boundary besides": Situation(attached=[text(1)], boundary=text(1)),
        "20 attached policies": Situation(attached=twenty),
        "100 grants, one fits": Situation(grants=100),
        "6 KB, boundary, 20, 100": Situation(attached=[*twenty[:19], six_kilobytes], boundary=text(1), grants=100),
        **{f"IAM policy, {number} statements": Situation(inline=[text(number)]) for number in (1, 10, 100)},
        **{
            f"key policy, {number} statements": Situation(inline=[text(1)], key_policy=text(number, **users))
            for number in (1, 10, 100)
        },
    }


def microseconds(decide: Callable[[], None]) -> float:
    """CPU time of one decision in a round of them."""
    began = time.process_time()
    for _ in range(DECISIONS_IN_A_ROUND):
        decide()
    return (time.process_time() - began) / DECISIONS_IN_A_ROUND * 1e6


def measure() -> None:
    """Measure in turns and print medians, and their ratio to the first line."""
    measured: dict[str, list[float]] = {}
    made = situations()
    for situation in made.values():
        situation.decide()
    for _ in range(ROUNDS):
        for name, situation in made.items():
            measured.setdefault(name, []).append(microseconds(situation.decide))
    first = median(next(iter(measured.values())))
    print(f"\n{'a decision on a warm KMS key':32} {'µs':>8} {'ratio':>7}")
    for name, runs in measured.items():
        print(f"{name:32} {median(runs):8.1f} {median(runs) / first:7.2f}")


if __name__ == "__main__":
    measure()
