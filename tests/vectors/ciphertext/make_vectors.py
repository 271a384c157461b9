"""Makes `vectors.json`: `python tests/vectors/ciphertext/make_vectors.py`, from the root of the repository.

Nothing in it is random, so a second run changes nothing. The format is for ever: a change of what is in the file
already means that old ciphertext no longer opens.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.adapters.seals.file import FileSeal
from selfkms.adapters.software_keys.installation_keys import RootInstallationKeys
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.crypto.kdf import derive
from selfkms.crypto.labels import Purpose
from selfkms.crypto.root_key import RootKey
from selfkms.domain.kms.encryption_context import bind
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.secrets import SECRET_ACCESS, Secret

ROOT_KEY = bytes(range(0x20))
DOMAIN_KEY = bytes(range(0x20, 0x40))
MATERIAL = bytes(range(0x40, 0x60))
HANDLE = bytes(range(0x60, 0x70))
SEALING_KEY = bytes(range(0x70, 0x90))
ACCOUNT_ID, REGION, KEY_ID = "111122223333", "eu-central-1", "1234abcd-12ab-34cd-56ef-1234567890ab"
INSTALLATION_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"

MESSAGES: tuple[tuple[str, bytes, dict[str, str]], ...] = (
    ("a data key, no encryption context", bytes(range(0xE0, 0x100)), {}),
    ("one pair", b"attack at dawn", {"purpose": "test"}),
    (
        "pairs in the order of their UTF-8 bytes",
        b"\x00",
        {"b": "1", "a": "2", "é": "3", "B": "4", "\U0001d11e": "5", "\uff41": "6", "": ""},
    ),
    ("names and values are not run together, first", b"same", {"a": "bc"}),
    ("names and values are not run together, second", b"same", {"ab": "c"}),
    ("the largest plaintext of Encrypt", b"\xa5" * 4096, {"aws:ebs:id": "vol-0123456789abcdef0"}),
)


class ScriptedEntropy:
    """Gives what it was told to, in that order."""

    def __init__(self) -> None:
        self.script: list[bytes] = []

    def random_bytes(self, count: int) -> bytes:
        given = self.script.pop(0)
        assert len(given) == count
        return given

    def uuid(self) -> str:
        raise NotImplementedError


class FixedClock:
    """Stands still."""

    def now(self) -> float:
        return 1_700_000_000.0

    wall = matured = now


def randoms() -> Iterator[bytes]:
    """N and IV of each envelope: 28 bytes that count up from another hundred each time."""
    for number in range(1, 100):
        yield bytes((number * 29 + index) % 256 for index in range(28))


def split(random: bytes) -> dict[str, str]:
    """N and IV, as they stand in the file."""
    return {"nonce": random[:16].hex(), "iv": random[16:].hex()}


def blobs(
    store: SoftwareKeyStore, material: KeyMaterial, entropy: ScriptedEntropy, fresh: Iterator[bytes]
) -> list[Any]:
    """Each message as a blob, with what a reader computes on the way."""
    made = []
    for name, plaintext, context in MESSAGES:
        random = next(fresh)
        entropy.script = [random]
        blob = store.encrypt(material, Secret(plaintext), context)
        keys = derive(MATERIAL, label=b"selfkms/v1/sym", context=blob[:18] + random[:16], length=64)
        made.append(
            {
                "name": name,
                "plaintext": plaintext.hex(),
                "encryption_context": context,
                "bound_context": bind(context).hex(),
                **split(random),
                "k_enc": keys[:32].hex(),
                "commitment": keys[32:].hex(),
                "blob": blob.hex(),
            }
        )
    return made


def refused(blob: bytes) -> list[dict[str, Any]]:
    """What must not open: made of the blob with one pair."""

    def flipped(offset: int) -> bytes:
        return blob[:offset] + bytes([blob[offset] ^ 1]) + blob[offset + 1 :]

    right = {"purpose": "test"}
    places = {"format": 0, "suite": 1, "handle": 2, "header tag": 18, "N": 34, "commitment": 50, "IV": 82, "body": 94}
    cases = [(f"a bit of the {place} is flipped", flipped(offset), right) for place, offset in places.items()]
    cases += [
        ("a bit of the GCM tag is flipped", flipped(len(blob) - 1), right),
        ("the last byte is missing", blob[:-1], right),
        ("a byte too many", blob + b"\x00", right),
        ("shorter than the overhead", blob[:109], right),
        ("nothing at all", b"", right),
        ("the value of the context differs in case", blob, {"purpose": "Test"}),
        ("a pair too many", blob, {"purpose": "test", "more": ""}),
        ("no context", blob, {}),
    ]
    return [{"name": name, "blob": cut.hex(), "encryption_context": context} for name, cut, context in cases]


def vectors() -> dict[str, Any]:
    """The content of the file."""
    entropy, fresh, database, root_key = ScriptedEntropy(), randoms(), MemoryDatabase(), RootKey(Secret(ROOT_KEY))
    clock = FixedClock()
    store = SoftwareKeyStore(root_key=root_key, database=database, clock=clock, entropy=entropy, cached_materials=8)

    domain_random, material_random = next(fresh), next(fresh)
    entropy.script = [MATERIAL, HANDLE, DOMAIN_KEY, domain_random, material_random]
    spec = KeySpec.SYMMETRIC_DEFAULT
    material = store.generate(account_id=ACCOUNT_ID, region=REGION, key_id=KEY_ID, key_spec=spec)
    made = blobs(store, material, entropy, fresh)

    secret_random, root_random = next(fresh), next(fresh)
    words = ("access_keys", "AKIAIOSFODNN7EXAMPLE")
    entropy.script = [secret_random, root_random]
    sealed = RootInstallationKeys(root_key, entropy).seal(Secret(b"a secret access key"), bound_to=words)
    sealed_root = FileSeal(Secret(SEALING_KEY), entropy).seal(root_key, INSTALLATION_ID)
    return {
        "root_key": ROOT_KEY.hex(),
        "subkeys": {purpose.value: root_key.subkey(purpose).open(SECRET_ACCESS).hex() for purpose in Purpose},
        "domain_key": {
            "region": REGION,
            "version": 1,
            "row_version": 1,
            "key": DOMAIN_KEY.hex(),
            **split(domain_random),
            "wrapped": database.domain_keys(REGION)[0].wrapped.hex(),
        },
        "key_material": {
            "account_id": ACCOUNT_ID,
            "region": REGION,
            "key_id": KEY_ID,
            "handle": material.handle,
            "key_spec": spec.value,
            "material": MATERIAL.hex(),
            "domain_key_version": 1,
            **split(material_random),
            "wrapped": material.wrapped.hex(),
            "material_id": material.material_id,
        },
        "blobs": made,
        "refused": refused(bytes.fromhex(made[1]["blob"])),
        "small_secret": {
            "bound_to": list(words),
            "secret": b"a secret access key".hex(),
            **split(secret_random),
            "sealed": sealed.hex(),
        },
        "sealed_root_key": {
            "installation_id": INSTALLATION_ID,
            "sealing_key": SEALING_KEY.hex(),
            **split(root_random),
            "sealed": sealed_root.hex(),
        },
    }


if __name__ == "__main__":
    target = Path(__file__).with_name("vectors.json")
    target.write_text(json.dumps(vectors(), indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
