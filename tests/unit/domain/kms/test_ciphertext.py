"""The ciphertext blob as bytes, and a second reader of it.

The second reader is written from `docs/ciphertext-format.md` with HMAC and AES-GCM and shares no code with the program.
"""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.kms.ciphertext import FORMAT_1, OVERHEAD_BYTES, CiphertextBlob, Suite, pack_header_fields
from selfkms.domain.kms.errors import InvalidCiphertextException

ROOT: Final = Path(__file__).parents[4]
VECTORS: Final[dict[str, Any]] = json.loads((ROOT / "tests/vectors/ciphertext/vectors.json").read_text("utf-8"))
MATERIAL: Final = VECTORS["key_material"]


@given(st.binary(min_size=OVERHEAD_BYTES, max_size=OVERHEAD_BYTES + 40))
def test_a_parsed_blob_packs_to_itself(blob: bytes) -> None:
    """Every byte of a blob belongs to one field, and packing puts it back."""
    assert CiphertextBlob.parse(blob).pack() == blob


@given(st.binary(max_size=OVERHEAD_BYTES - 1))
def test_a_short_blob_is_refused(blob: bytes) -> None:
    """What is shorter than the blob of an empty plaintext is none, and the error says nothing."""
    with pytest.raises(InvalidCiphertextException) as refusal:
        CiphertextBlob.parse(blob)
    assert refusal.value.message is None


def test_each_field_stands_at_its_offset() -> None:
    """The table of the page, field by field."""
    blob = bytes(range(OVERHEAD_BYTES + 4))
    parsed = CiphertextBlob.parse(blob)
    assert (parsed.format, parsed.suite) == (0, 1)
    assert bytes.fromhex(parsed.handle) == blob[2:18]
    assert parsed.header_tag == blob[18:34]
    assert parsed.nonce == blob[34:50]
    assert parsed.commitment == blob[50:82]
    assert parsed.iv == blob[82:94]
    assert parsed.body == blob[94:]
    assert OVERHEAD_BYTES == 110


def test_a_new_header_says_format_suite_and_handle() -> None:
    """Bytes 0 to 17."""
    assert pack_header_fields(Suite.EXTERNAL, "0f" * 16) == bytes([FORMAT_1, 3]) + b"\x0f" * 16


# The second reader, from here on.


class RefusedError(Exception):
    """The second reader does not open it."""


def kdf(key: bytes, label: str, context: bytes, length: int) -> bytes:
    """The page, "Notation"."""
    output = b""
    counter = 0
    while len(output) < length:
        counter += 1
        fixed = label.encode() + b"\0" + context + (8 * length).to_bytes(4, "big")
        output += hmac.new(key, counter.to_bytes(4, "big") + fixed, hashlib.sha256).digest()
    return output[:length]


def framed(*words: str) -> bytes:
    """The page, "Notation"."""
    parts = [len(words).to_bytes(4, "big")]
    for word in words:
        parts += [len(word.encode()).to_bytes(4, "big"), word.encode()]
    return b"".join(parts)


def encoded(context: dict[str, str]) -> bytes:
    """The page, "The encryption context"."""
    parts = [b"selfkms/v1/encryption-context", len(context).to_bytes(4, "big")]
    for name in sorted(context, key=str.encode):
        for text in (name, context[name]):
            parts += [len(text.encode()).to_bytes(4, "big"), text.encode()]
    return b"".join(parts)


def open_envelope(key: bytes, label: str, context: bytes, header: bytes, envelope: bytes, data: bytes) -> bytes:
    """The page, "The committed envelope"."""
    nonce, commitment, iv, body = envelope[:16], envelope[16:48], envelope[48:60], envelope[60:]
    keys = kdf(key, label, context + nonce, 64)
    if keys[32:] != commitment:
        raise RefusedError
    try:
        return AESGCM(keys[:32]).decrypt(iv, body, header + nonce + commitment + iv + data)
    except InvalidTag:
        raise RefusedError from None


def open_at_rest(key: bytes, label: str, wrapped: bytes, header: bytes, *words: str) -> bytes:
    """The page, "At rest"."""
    assert wrapped.startswith(header)
    return open_envelope(key, label, header, header, wrapped[len(header) :], framed(*words))


def open_blob(root_key: bytes, material: bytes, blob: bytes, context: dict[str, str]) -> bytes:
    """The page, "Opening a blob"."""
    if len(blob) < 110:
        raise RefusedError
    header_key = kdf(root_key, "selfkms/v1/header-tag", b"", 32)
    if hmac.new(header_key, blob[:18], hashlib.sha256).digest()[:16] != blob[18:34]:
        raise RefusedError
    if blob[:2] != b"\xa1\x01":
        raise RefusedError
    return open_envelope(material, "selfkms/v1/sym", blob[:18], blob[:34], blob[34:], encoded(context))


def root_key() -> bytes:
    """The root key, out of its seal."""
    sealed = VECTORS["sealed_root_key"]
    words = ("installation", "file", sealed["installation_id"])
    key = bytes.fromhex(sealed["sealing_key"])
    return open_at_rest(key, "selfkms/v1/root-key", bytes.fromhex(sealed["sealed"]), b"\xd4", *words)


def material() -> bytes:
    """The key material, by way of the domain key."""
    wrapping_key = kdf(root_key(), "selfkms/v1/domain-key-wrapping", b"", 32)
    row = VECTORS["domain_key"]
    words = ("domain_keys", row["region"], f"{row['version']:06d}", str(row["row_version"]))
    domain_key = open_at_rest(wrapping_key, "selfkms/v1/domain-key", bytes.fromhex(row["wrapped"]), b"\xd1", *words)
    assert domain_key.hex() == row["key"]
    header = b"\xd2" + MATERIAL["domain_key_version"].to_bytes(4, "big")
    words = tuple(MATERIAL[name] for name in ("account_id", "region", "key_id", "handle", "key_spec"))
    wrapped = bytes.fromhex(MATERIAL["wrapped"])
    return open_at_rest(domain_key, "selfkms/v1/key-material", wrapped, header, "key_materials", *words)


def test_the_second_reader_comes_from_the_seal_to_the_key_material() -> None:
    """Sealed root key, domain key and key material open, one by the other, as the page says."""
    assert root_key().hex() == VECTORS["root_key"]
    assert material().hex() == MATERIAL["material"]


@pytest.mark.parametrize("label", VECTORS["subkeys"])
def test_the_second_reader_derives_the_same_keys(label: str) -> None:
    """The key of each purpose comes from the root key and its label alone."""
    assert kdf(root_key(), label, b"", 32).hex() == VECTORS["subkeys"][label]


@pytest.mark.parametrize("vector", VECTORS["blobs"], ids=lambda vector: vector["name"])
def test_the_second_reader_opens_every_blob(vector: dict[str, Any]) -> None:
    """Both readers agree on the plaintext and on everything between."""
    blob, context = bytes.fromhex(vector["blob"]), vector["encryption_context"]
    assert open_blob(root_key(), material(), blob, context).hex() == vector["plaintext"]
    assert encoded(context).hex() == vector["bound_context"]
    keys = kdf(material(), "selfkms/v1/sym", blob[:18] + bytes.fromhex(vector["nonce"]), 64)
    assert keys.hex() == vector["k_enc"] + vector["commitment"]
    assert (blob[34:50].hex(), blob[50:82].hex(), blob[82:94].hex()) == (
        vector["nonce"],
        vector["commitment"],
        vector["iv"],
    )


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_the_second_reader_refuses_what_must_not_open(vector: dict[str, Any]) -> None:
    """Altered, cut, extended, or with another context."""
    with pytest.raises(RefusedError):
        open_blob(root_key(), material(), bytes.fromhex(vector["blob"]), vector["encryption_context"])


def test_the_second_reader_computes_the_key_material_id() -> None:
    """KeyMaterialId comes from the installation's key, the key ID and the material."""
    key = kdf(root_key(), "selfkms/v1/material-id", b"", 32)
    made = hmac.new(key, MATERIAL["key_id"].encode() + b"\0" + material(), hashlib.sha256)
    assert made.hexdigest() == MATERIAL["material_id"]


def test_the_second_reader_opens_a_small_secret() -> None:
    """The fourth kind of envelope at rest."""
    row = VECTORS["small_secret"]
    key = kdf(root_key(), "selfkms/v1/secret-sealing", b"", 32)
    opened = open_at_rest(key, "selfkms/v1/small-secret", bytes.fromhex(row["sealed"]), b"\xd3", *row["bound_to"])
    assert opened.hex() == row["secret"]


def test_the_worked_example_of_the_page_is_the_second_vector() -> None:
    """Each value of the page's example is the vector's."""
    page = (ROOT / "docs/ciphertext-format.md").read_text("utf-8")
    example = page[page.index("## A worked example") :]
    vector, blob = VECTORS["blobs"][1], VECTORS["blobs"][1]["blob"]
    values = [vector[name] for name in ("plaintext", "bound_context", "nonce", "iv", "k_enc", "commitment")]
    values += [VECTORS["root_key"], VECTORS["subkeys"]["selfkms/v1/header-tag"], MATERIAL["material"]]
    values += [blob[:36], blob[36:68], blob[188:]]
    assert [value for value in values if f"`{value}`" not in example] == []
