"""HMAC-SHA-256."""

import pytest

from selfkms.crypto.mac import MACKey
from selfkms.domain.secrets import Secret


@pytest.mark.parametrize(
    ("key", "data", "tag"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ],
)
def test_published_answers(key: bytes, data: bytes, tag: str) -> None:
    """RFC 4231, test cases 1 and 2; asked twice, because the prepared key is used again."""
    prepared = MACKey(Secret(key))
    assert prepared.tag(data).hex() == prepared.tag(data).hex() == tag
    assert prepared.short_tag(data).hex() == tag[:32]


def test_a_prepared_key_shows_nothing() -> None:
    """The text of the object does not hold the key."""
    assert "Jefe" not in repr(MACKey(Secret(b"Jefe")))
