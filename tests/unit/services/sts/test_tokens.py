"""Session tokens: what is sealed comes back, and nothing else does."""

from base64 import b64decode, b64encode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.world import World
from selfkms.domain.iam.callers import CallerKind, Session
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.domain.sts.limits import SESSION_TOKEN_BYTES_MAX
from selfkms.domain.tags import Tag
from selfkms.services.sts.tokens import SessionTokenError, open_session, seal_session

KEYS = World().keys
SECRET = Secret(b"s3cr3t/acc3ss+k3y" + b"x" * 23)
SESSION = Session(
    access_key_id="ASIAEXAMPLEEXAMPLE00",
    kind=CallerKind.ROLE,
    account_id="111122223333",
    issued_at=1_790_000_000.5,
    expires_at=1_790_003_600.5,
    holder_name="deploy",
    holder_id="AROAEXAMPLE",
    name="build",
)


def opened(token: str) -> tuple[Session, bytes]:
    session, secret = open_session(token, KEYS)
    return session, secret.open(SECRET_ACCESS)


def test_a_session_comes_back_whole() -> None:
    """Every member of a session, and its secret access key."""
    full = msgspec.structs.replace(
        SESSION,
        policies=('{"Statement": []}',),
        policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
        restricted=True,
        tags=(Tag("Département", "Ingénierie"),),
        transitive_tag_keys=("Département",),
        source_identity="alice",
        web_identity_provider="arn:aws:iam::111122223333:oidc-provider/token.example.org",
        invoked_by_session=True,
    )
    assert opened(seal_session(full, SECRET, KEYS)) == (full, SECRET.open(SECRET_ACCESS))


@settings(max_examples=25)
@given(bytes_min=st.integers(0, SESSION_TOKEN_BYTES_MAX))
def test_a_token_is_as_long_as_was_asked_for(bytes_min: int) -> None:
    """It is at least so long, at most three bytes longer than it must be, and opens like any other."""
    token = seal_session(SESSION, SECRET, KEYS, bytes_min=bytes_min)
    shortest = len(seal_session(SESSION, SECRET, KEYS))
    assert bytes_min <= len(token) <= max(shortest, bytes_min + 3)
    assert opened(token) == (SESSION, SECRET.open(SECRET_ACCESS))


def test_the_length_does_not_depend_on_the_secret() -> None:
    """Another secret access key gives a token of the same length."""
    plain = seal_session(SESSION, Secret(b"a" * 40), KEYS)
    assert len(plain) == len(seal_session(SESSION, SECRET, KEYS))


@settings(max_examples=50)
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_an_altered_token_does_not_open(position: int, bit: int) -> None:
    """Not one bit may differ."""
    sealed = bytearray(b64decode(seal_session(SESSION, SECRET, KEYS)))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(SessionTokenError):
        open_session(b64encode(sealed).decode(), KEYS)


@pytest.mark.parametrize("token", ["", "x", "not a token", "é", "AAAA", "A" * 4096, "A" * 100_000, "\x00"])
def test_anything_else_is_no_token(token: str) -> None:
    """Whatever a client sends gives the one error."""
    with pytest.raises(SessionTokenError):
        open_session(token, KEYS)


def test_what_was_sealed_for_something_else_is_no_token() -> None:
    """A sealed secret of an access key cannot be sent as a session token."""
    sealed = KEYS.seal(Secret(b"\x01" + bytes(60)), bound_to=("access_keys", "AKIAEXAMPLE"))
    with pytest.raises(SessionTokenError):
        open_session(b64encode(sealed).decode(), KEYS)


@pytest.mark.parametrize("content", [b"", b"\x01", b"\x02" + bytes(60), b"\x01" + bytes(60), b"\x01" + b"x" * 60])
def test_another_format_is_no_token(content: bytes) -> None:
    """What a later version may seal is refused and not guessed at."""
    sealed = KEYS.seal(Secret(content), bound_to=("session",))
    with pytest.raises(SessionTokenError):
        open_session(b64encode(sealed).decode(), KEYS)


def test_the_error_tells_nothing_of_the_content() -> None:
    """Neither the token nor what is in it."""
    token = seal_session(SESSION, SECRET, KEYS)
    with pytest.raises(SessionTokenError) as refused:
        open_session(token[:-8] + "AAAAAAAA", KEYS)
    assert token[:20] not in str(refused.value)
