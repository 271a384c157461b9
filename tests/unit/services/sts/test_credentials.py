"""Temporary credentials: their IDs, their size, and who gets none."""

import json
import random
from string import ascii_letters

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.world import ALICE_ACCOUNT, REGION, CountedEntropy, World
from selfkms.domain.errors import AccessDenied
from selfkms.domain.iam.callers import Caller, CallerKind, Session
from selfkms.domain.secrets import SECRET_ACCESS
from selfkms.domain.sts.errors import PackedPolicyTooLargeException
from selfkms.domain.sts.limits import SESSION_TOKEN_BYTES_MAX
from selfkms.domain.tags import Tag
from selfkms.services.context import Context
from selfkms.services.sts.credentials import (
    account_of,
    issue,
    new_access_key_id,
    refuse_any_session,
    refuse_one_time_code,
    refuse_session_of_user,
)
from selfkms.services.sts.tokens import open_session


def session(kind: CallerKind = CallerKind.ROLE, **members: object) -> Session:
    return Session(
        access_key_id="ASIAEXAMPLEEXAMPLE00",
        kind=kind,
        account_id=ALICE_ACCOUNT,
        issued_at=0.0,
        expires_at=3600.5,
        holder_id="AROAEXAMPLE",
        **members,  # type: ignore[arg-type]  # each test names members of a session
    )


@pytest.fixture
def context(world: World) -> Context:
    return Context(
        caller=Caller.root(ALICE_ACCOUNT, ""),
        region=REGION,
        now=world.clock.now(),
        database=world.database,
        key_store=world.key_store,
        entropy=world.entropy,
        keys=world.keys,
    )


@settings(max_examples=50)
@given(account_id=st.integers(0, 999_999_999_999).map(lambda number: f"{number:012}"))
def test_the_id_of_a_temporary_access_key_names_its_account(account_id: str) -> None:
    """`ASIA` and 16 characters of base 32, from which the account can be read."""
    access_key_id = new_access_key_id(account_id, CountedEntropy())
    assert access_key_id.startswith("ASIA")
    assert len(access_key_id) == 20
    assert access_key_id.isalnum()
    assert access_key_id.isupper()
    assert account_of(access_key_id) == account_id


@pytest.mark.parametrize(
    "access_key_id",
    ["", "ASIA", "AKIADHPWNEHFAAAAAAAL", "ASIADHPWNEHFAAAAAAA", "ASIADHPWNEHF00000000", "ASIA" + "7" * 16, "asia" * 5],
)
def test_another_id_names_no_account(access_key_id: str) -> None:
    """Not of temporary credentials, not base 32, or more than twelve digits."""
    assert account_of(access_key_id) is None


def test_credentials_open_to_their_session(context: Context) -> None:
    """The session token holds the session, and the secret that the client gets; a date is that of the session."""
    issued = issue(session(), context, token_bytes_min=None)
    token = issued.credentials.session_token.open(SECRET_ACCESS).decode()
    opened, secret = open_session(token, context.keys)
    assert opened == session()
    assert secret.equals(issued.credentials.secret_access_key)
    assert len(secret) == 40
    assert issued.credentials.expiration == 3600.5
    assert (issued.token_bytes, issued.utilization) == (len(token), -(-len(token) * 100 // SESSION_TOKEN_BYTES_MAX))
    assert context.changes == []


def test_no_two_secrets_are_equal(context: Context) -> None:
    """Each session has a secret of its own."""
    first, second = (issue(session(), context, token_bytes_min=None).credentials for _ in range(2))
    assert not first.secret_access_key.equals(second.secret_access_key)


def noise(characters: int) -> str:
    return "".join(random.Random(1).choices(ascii_letters, k=characters))


def test_a_full_session_fits(context: Context) -> None:
    """A policy of 2,048 characters, ten managed ones and twenty tags stay in a token that any header takes."""
    statements = [
        {"Effect": "Allow", "Action": f"kms:Op{n}", "Resource": f"arn:aws:kms:us-east-1:{ALICE_ACCOUNT}:key/{n}"}
        for n in range(20)
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert 1900 < len(policy) <= 2048
    full = session(
        policies=(policy,),
        policy_arns=tuple(f"arn:aws:iam::{ALICE_ACCOUNT}:policy/team/policy-number-{n}" for n in range(10)),
        tags=tuple(Tag(f"key-{n}", f"value number {n}") for n in range(20)),
    )
    assert issue(full, context, token_bytes_min=None).token_bytes < SESSION_TOKEN_BYTES_MAX


def test_what_does_not_fit_is_refused(context: Context) -> None:
    """With AWS's texts, which name what is too large and how much."""
    tags = tuple(Tag(f"{n}", noise(8192)[n * 256 : (n + 1) * 256]) for n in range(32))
    with pytest.raises(PackedPolicyTooLargeException) as refused:
        issue(session(tags=tags), context, token_bytes_min=None)
    assert refused.value.message is not None
    assert refused.value.message.startswith("Packed size of session tags consumes 2")
    assert refused.value.message.endswith("% of allotted space.")
    with pytest.raises(PackedPolicyTooLargeException) as refused:
        issue(session(policies=(noise(6000),)), context, token_bytes_min=None)
    assert refused.value.message is not None
    assert refused.value.message.endswith("% of allotted space, please use smaller policy.")


USER = Caller.root(ALICE_ACCOUNT, "AKIA")
OF_USER = Caller.root(ALICE_ACCOUNT, "ASIA", session=session(CallerKind.ROOT))
FEDERATED = Caller.federated(None, session(CallerKind.FEDERATED, name="bob"))


def test_long_term_credentials_may_ask_for_sessions() -> None:
    """Every session is refused there, and sessions of users also elsewhere."""
    refuse_any_session(USER, "GetSessionToken")
    refuse_session_of_user(USER, "GetAccessKeyInfo")
    for caller in (OF_USER, FEDERATED):
        with pytest.raises(AccessDenied, match=r"^Cannot call GetSessionToken with session credentials$"):
            refuse_any_session(caller, "GetSessionToken")
        with pytest.raises(AccessDenied, match=r"^Cannot call GetAccessKeyInfo with session credentials$"):
            refuse_session_of_user(caller, "GetAccessKeyInfo")


def test_no_one_time_code_is_right() -> None:
    """There are no MFA devices; who names half of one is told so."""
    refuse_one_time_code(None, None)
    for half in (("serial", None), (None, "123456")):
        with pytest.raises(AccessDenied, match="must provide both MFA serial number and one time pass code"):
            refuse_one_time_code(*half)
    with pytest.raises(AccessDenied, match="unable to validate MFA code"):
        refuse_one_time_code("serial", "123456")
