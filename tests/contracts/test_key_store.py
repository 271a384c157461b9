"""What `ports.key_store.KeyStore` promises, asked of every adapter."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.importer import KEY_WRAP_256, OAEP_1, OAEP_256, WRAPPING_ALGORITHMS, wrap
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.adapters.software_keys.key_store import SoftwareKeyStore
from selfkms.adapters.system.entropy import SystemEntropy
from selfkms.crypto.root_key import RootKey
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.algorithms import (
    AGREEMENT,
    DIGEST_BYTES,
    ENCAPSULATION,
    ENCRYPTION,
    MAC,
    SIGNING,
    EncryptionAlgorithm,
    MessageType,
    SigningAlgorithm,
)
from selfkms.domain.kms.ciphertext import OVERHEAD_BYTES
from selfkms.domain.kms.errors import (
    IncorrectKeyMaterialException,
    InvalidCiphertextException,
    KMSInvalidSignatureException,
    UnsupportedOperationException,
)
from selfkms.domain.kms.imported_material import MATERIAL_BYTES, WrappingAlgorithm, WrappingKey
from selfkms.domain.kms.keys import KeyMaterial, KeySpec
from selfkms.domain.limits import PLAINTEXT_BYTES_MAX
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.database import CorruptRecordError
from selfkms.ports.key_store import KeyStore

TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CONTEXTS: Final = st.dictionaries(TEXT, TEXT, max_size=3)
# The key store of a test is the same for all examples, and is meant to be.
ONE_STORE: Final = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class StoppedClock:
    def now(self) -> float:
        return 1_000_000.0

    wall = matured = now


def software() -> KeyStore:
    """The software key store of a new installation."""
    entropy = SystemEntropy()
    root_key = RootKey(Secret(entropy.random_bytes(32)))
    return SoftwareKeyStore(
        root_key=root_key,
        database=MemoryDatabase(),
        clock=StoppedClock(),
        entropy=entropy,
        cached_materials=4,
        allow_variable_time=True,
    )


@pytest.fixture(params=[software], ids=lambda new: new.__name__)
def new_installation(request: pytest.FixtureRequest) -> Callable[[], KeyStore]:
    new: Callable[[], KeyStore] = request.param
    return new


@pytest.fixture
def key_store(new_installation: Callable[[], KeyStore]) -> KeyStore:
    return new_installation()


def generate(
    key_store: KeyStore,
    *,
    key_id: str = "key-1",
    region: str = "eu-central-1",
    key_spec: KeySpec = KeySpec.SYMMETRIC_DEFAULT,
) -> KeyMaterial:
    """New material, as it comes back from the database."""
    made = key_store.generate(account_id="111122223333", region=region, key_id=key_id, key_spec=key_spec)
    return made.changed(row_version=1)


def test_new_material_is_a_record_to_insert(key_store: KeyStore) -> None:
    """It bears what it was asked for, a random handle, an ID, a date and something wrapped."""
    spec = KeySpec.SYMMETRIC_DEFAULT
    made = key_store.generate(account_id="111122223333", region="eu-central-1", key_id="key-1", key_spec=spec)
    assert (made.account_id, made.region, made.key_id, made.key_spec) == ("111122223333", "eu-central-1", "key-1", spec)
    assert made.row_version == 0
    assert made.created_at == 1_000_000.0
    assert (len(bytes.fromhex(made.handle)), len(bytes.fromhex(made.material_id))) == (16, 32)
    assert made.wrapped


def test_no_two_materials_are_the_same(key_store: KeyStore) -> None:
    """Not even two of one KMS key."""
    first, second = generate(key_store), generate(key_store)
    assert first.handle != second.handle
    assert first.material_id != second.material_id
    assert first.wrapped != second.wrapped


@ONE_STORE
@given(plaintext=st.binary(max_size=200), context=CONTEXTS)
def test_decrypt_undoes_encrypt(key_store: KeyStore, plaintext: bytes, context: dict[str, str]) -> None:
    """The blob is 110 bytes longer, names its material, and opens to the plaintext."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(plaintext), context)
    assert len(blob) == len(plaintext) + OVERHEAD_BYTES
    assert key_store.identify(blob) == material.handle
    assert key_store.decrypt(material, blob, dict(reversed(context.items()))).open(SECRET_ACCESS) == plaintext


def test_the_largest_plaintext_goes_through(key_store: KeyStore) -> None:
    """4,096 bytes."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"x" * PLAINTEXT_BYTES_MAX), {})
    assert len(key_store.decrypt(material, blob, {})) == PLAINTEXT_BYTES_MAX


def test_no_two_blobs_are_the_same(key_store: KeyStore) -> None:
    """Equal plaintexts do not show."""
    material = generate(key_store)
    first, second = (key_store.encrypt(material, Secret(b"same"), {}) for _ in range(2))
    assert first[34:50] != second[34:50]
    assert first[94:] != second[94:]


@ONE_STORE
@given(first=CONTEXTS, second=CONTEXTS)
def test_another_context_does_not_open(key_store: KeyStore, first: dict[str, str], second: dict[str, str]) -> None:
    """A blob opens with exactly the pairs it was made with."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"x"), first)
    if first == second:
        assert key_store.decrypt(material, blob, second).open(SECRET_ACCESS) == b"x"
    else:
        with pytest.raises(InvalidCiphertextException):
            key_store.decrypt(material, blob, second)


def test_a_context_that_runs_together_does_not_open(key_store: KeyStore) -> None:
    """Names and values have their lengths."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"x"), {"a": "bc"})
    with pytest.raises(InvalidCiphertextException):
        key_store.decrypt(material, blob, {"ab": "c"})


def test_a_context_without_utf8_form_is_refused(key_store: KeyStore) -> None:
    """Both ways."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"x"), {})
    with pytest.raises(ValidationException):
        key_store.encrypt(material, Secret(b"x"), {"a": "\ud800"})
    with pytest.raises(ValidationException):
        key_store.decrypt(material, blob, {"\udfff": "a"})


@pytest.mark.parametrize("other", [{}, {"key_id": "key-2"}, {"region": "us-east-1"}], ids=["same key", "key", "Region"])
def test_other_material_does_not_open(key_store: KeyStore, other: dict[str, Any]) -> None:
    """Not even another material of the same KMS key; also not with its own header in front."""
    material, stranger = generate(key_store), generate(key_store, **other)
    blob = key_store.encrypt(material, Secret(b"x"), {})
    foreign = key_store.encrypt(stranger, Secret(b"x"), {})
    for tried in (blob, foreign[:34] + blob[34:]):
        with pytest.raises(InvalidCiphertextException) as refusal:
            key_store.decrypt(stranger, tried, {})
        assert refusal.value.message is None


@ONE_STORE
@given(data=st.data())
def test_no_altered_blob_opens(key_store: KeyStore, data: st.DataObject) -> None:
    """A byte changed, bytes cut off or bytes added: one error without a message."""
    material = generate(key_store)
    blob = key_store.encrypt(material, Secret(b"plaintext"), {"purpose": "test"})
    offset = data.draw(st.integers(0, len(blob) - 1))
    change = data.draw(st.integers(1, 255))
    added = data.draw(st.binary(min_size=1, max_size=3))
    changed = blob[:offset] + bytes([blob[offset] ^ change]) + blob[offset + 1 :]
    for altered in (changed, blob[:offset], blob + added, added + blob):
        with pytest.raises(InvalidCiphertextException) as refusal:
            key_store.decrypt(material, altered, {"purpose": "test"})
        assert refusal.value.message is None


@ONE_STORE
@given(blob=st.binary(max_size=300))
def test_what_was_not_made_here_is_not_identified(key_store: KeyStore, blob: bytes) -> None:
    """Arbitrary bytes name no material."""
    for tried in (blob, b"\xa1\x01" + blob):
        with pytest.raises(InvalidCiphertextException) as refusal:
            key_store.identify(tried)
        assert refusal.value.message is None


def test_a_blob_of_another_installation_is_not_identified(new_installation: Callable[[], KeyStore]) -> None:
    """Its header bears another tag."""
    here, there = new_installation(), new_installation()
    blob = there.encrypt(generate(there), Secret(b"x"), {})
    with pytest.raises(InvalidCiphertextException):
        here.identify(blob)


def test_material_is_destroyed_as_often_as_one_likes(key_store: KeyStore) -> None:
    """Whether it was ever used or not."""
    used, unused = generate(key_store), generate(key_store)
    key_store.encrypt(used, Secret(b"x"), {})
    for material in (used, unused, used):
        key_store.destroy(material)


RSA: Final = [spec for spec in KeySpec if spec.startswith("RSA_")]
ASYMMETRIC: Final = [spec for spec in KeySpec if spec in {*SIGNING, *AGREEMENT, *ENCAPSULATION}]
# AWS KMS API Reference, "GenerateDataKeyPair", parameter KeyPairSpec; SM2 is for China Regions.
KEY_PAIR_SPECS: Final = [spec for spec in ASYMMETRIC if not spec.startswith("ML_DSA")]
SIGNATURES: Final = [
    (spec, algorithm) for spec, algorithms in SIGNING.items() if spec not in RSA[1:] for algorithm in algorithms
]


@pytest.mark.parametrize("key_spec", [spec for spec in KeySpec if spec is not KeySpec.SM2])
def test_every_key_spec_has_material(key_store: KeyStore, key_spec: KeySpec) -> None:
    """A public key stands in the record of an asymmetric one and in no other."""
    material = generate(key_store, key_spec=key_spec)
    assert material.key_spec is key_spec
    assert material.wrapped
    assert bool(material.public_key) == (key_spec in ASYMMETRIC)


def test_sm2_is_refused(key_store: KeyStore) -> None:
    """As a KMS key and as a data key pair: it is for China Regions."""
    with pytest.raises(UnsupportedOperationException):
        generate(key_store, key_spec=KeySpec.SM2)
    with pytest.raises(UnsupportedOperationException):
        key_store.generate_pair(KeySpec.SM2)


def message_for(algorithm: SigningAlgorithm, content: bytes) -> tuple[bytes, MessageType]:
    """Something this algorithm signs."""
    if algorithm is SigningAlgorithm.ED25519_PH_SHA_512:
        return hashlib.sha512(content).digest(), MessageType.DIGEST
    return content, MessageType.RAW


@pytest.mark.parametrize(("key_spec", "algorithm"), SIGNATURES)
def test_verify_accepts_what_sign_made_and_nothing_else(
    key_store: KeyStore, key_spec: KeySpec, algorithm: SigningAlgorithm
) -> None:
    """Not for another message, not by another key, not altered."""
    material, stranger = (generate(key_store, key_spec=key_spec) for _ in range(2))
    message, message_type = message_for(algorithm, b"message")
    other, _ = message_for(algorithm, b"another")
    signature = key_store.sign(material, algorithm, message, message_type=message_type)
    key_store.verify(material, algorithm, message, signature, message_type=message_type)
    altered = [bytes([signature[0] ^ 1]) + signature[1:], signature[:-1] + bytes([signature[-1] ^ 1]), signature[:-1]]
    wrong = [(stranger, message, signature), (material, other, signature)]
    for by, of, tried in (*wrong, *((material, message, each) for each in (*altered, b""))):
        with pytest.raises(KMSInvalidSignatureException) as refusal:
            key_store.verify(by, algorithm, of, tried, message_type=message_type)
        assert refusal.value.message is None


@pytest.mark.parametrize(("key_spec", "algorithm"), [each for each in SIGNATURES if each[1] in DIGEST_BYTES])
def test_a_digest_counts_as_its_message(key_store: KeyStore, key_spec: KeySpec, algorithm: SigningAlgorithm) -> None:
    """RAW and DIGEST are two ways to one signature, but for Ed25519, where each algorithm takes one of them."""
    material = generate(key_store, key_spec=key_spec)
    digest = hashlib.new(f"sha{DIGEST_BYTES[algorithm] * 8}", b"message").digest()
    if key_spec is KeySpec.ECC_NIST_EDWARDS25519:
        wrong = MessageType.DIGEST if algorithm is SigningAlgorithm.ED25519_SHA_512 else MessageType.RAW
        with pytest.raises(ValidationException):
            key_store.sign(material, algorithm, digest, message_type=wrong)
        return
    signature = key_store.sign(material, algorithm, digest, message_type=MessageType.DIGEST)
    key_store.verify(material, algorithm, b"message", signature, message_type=MessageType.RAW)


@pytest.mark.parametrize(("key_spec", "algorithm"), SIGNATURES)
def test_sign_and_verify_refuse_the_same_messages(
    key_store: KeyStore, key_spec: KeySpec, algorithm: SigningAlgorithm
) -> None:
    """A digest or mu of a wrong length, with the same error."""
    material = generate(key_store, key_spec=key_spec)
    for message_type in (MessageType.DIGEST, MessageType.EXTERNAL_MU):
        with pytest.raises(ValidationException) as signing:
            key_store.sign(material, algorithm, b"x", message_type=message_type)
        with pytest.raises(ValidationException) as verifying:
            key_store.verify(material, algorithm, b"x", b"signature", message_type=message_type)
        assert signing.value.message == verifying.value.message


@pytest.mark.parametrize("algorithm", ENCRYPTION[KeySpec.RSA_2048])
def test_decrypt_asymmetric_undoes_encrypt_asymmetric(key_store: KeyStore, algorithm: EncryptionAlgorithm) -> None:
    """And opens nothing else: another key's, altered, or of the other algorithm."""
    material, stranger = (generate(key_store, key_spec=KeySpec.RSA_2048) for _ in range(2))
    other = next(each for each in ENCRYPTION[KeySpec.RSA_2048] if each is not algorithm)
    ciphertext = key_store.encrypt_asymmetric(material, algorithm, Secret(b"plaintext"))
    assert key_store.decrypt_asymmetric(material, algorithm, ciphertext).open(SECRET_ACCESS) == b"plaintext"
    altered = ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
    refused = [(stranger, algorithm, ciphertext), (material, other, ciphertext)]
    refused += [(material, algorithm, tried) for tried in (altered, ciphertext[:-1], b"")]
    for by, how, tried in refused:
        with pytest.raises(InvalidCiphertextException) as refusal:
            key_store.decrypt_asymmetric(by, how, tried)
        assert refusal.value.message is None
    with pytest.raises(ValidationException, match="cannot encrypt data larger than"):
        key_store.encrypt_asymmetric(material, algorithm, Secret(bytes(215)))


@pytest.mark.parametrize("key_spec", MAC)
def test_a_mac_is_of_one_key_and_one_message(key_store: KeyStore, key_spec: KeySpec) -> None:
    """As long as the hash, and the same each time."""
    material, stranger = (generate(key_store, key_spec=key_spec) for _ in range(2))
    tag = key_store.mac(material, b"message")
    assert len(tag) * 8 == int(key_spec.removeprefix("HMAC_"))
    assert key_store.mac(material, b"message") == tag
    assert key_store.mac(material, b"another") != tag
    assert key_store.mac(stranger, b"message") != tag


@pytest.mark.parametrize("key_spec", AGREEMENT)
def test_both_sides_agree(key_store: KeyStore, key_spec: KeySpec) -> None:
    """On one secret, as long as the field; with another curve or with no key there is none."""
    ours, theirs = (generate(key_store, key_spec=key_spec) for _ in range(2))
    secret = key_store.agree(ours, theirs.public_key)
    assert secret.equals(key_store.agree(theirs, ours.public_key))
    assert len(secret) == {"256": 32, "384": 48, "521": 66}[key_spec[-3:]]
    for refused in (generate(key_store, key_spec=KeySpec.ECC_SECG_P256K1).public_key, b"", b"not a key"):
        with pytest.raises(ValidationException) as refusal:
            key_store.agree(ours, refused)
        assert refusal.value.message is None


@pytest.mark.parametrize("key_spec", ENCAPSULATION)
def test_decapsulate_undoes_encapsulate(key_store: KeyStore, key_spec: KeySpec) -> None:
    """An altered encapsulation gives another secret, one of another length an error."""
    material = generate(key_store, key_spec=key_spec)
    secret, encapsulation = key_store.encapsulate(material)
    assert len(secret) == 32
    assert key_store.decapsulate(material, encapsulation).equals(secret)
    assert not key_store.decapsulate(material, encapsulation[:-1] + bytes([encapsulation[-1] ^ 1])).equals(secret)
    with pytest.raises(InvalidCiphertextException) as refusal:
        key_store.decapsulate(material, encapsulation[:-1])
    assert refusal.value.message is None


def wrapping_key(
    key_store: KeyStore, algorithm: str = OAEP_256, *, key_spec: KeySpec = KeySpec.RSA_2048, key_id: str = "key-1"
) -> tuple[bytes, WrappingKey]:
    return key_store.new_wrapping_key(
        account_id="111122223333",
        region="eu-central-1",
        key_id=key_id,
        key_spec=key_spec,
        algorithm=WrappingAlgorithm(algorithm),
    )


def bring(
    key_store: KeyStore,
    material: bytes,
    *,
    key_spec: KeySpec = KeySpec.SYMMETRIC_DEFAULT,
    algorithm: str = KEY_WRAP_256,
    handles: Mapping[str, str] = {},
) -> KeyMaterial:
    """Material that was imported for key-1, as it comes back from the database."""
    public_key, private_key = wrapping_key(key_store, algorithm)
    made = key_store.import_material(
        account_id="111122223333",
        region="eu-central-1",
        key_id="key-1",
        key_spec=key_spec,
        wrapping_key=private_key,
        encrypted=wrap(public_key, algorithm, material),
        handles=handles,
    )
    assert made.row_version == 0
    return made.changed(row_version=1)


@pytest.mark.parametrize("algorithm", WRAPPING_ALGORITHMS)
def test_imported_material_works(key_store: KeyStore, algorithm: str) -> None:
    """However it was wrapped; the record does not show it."""
    secret = b"imported material, of 32 bytes.."
    material = bring(key_store, secret, algorithm=algorithm)
    blob = key_store.encrypt(material, Secret(b"text"), {})
    assert key_store.decrypt(material, blob, {}).equals(Secret(b"text"))
    assert secret not in material.wrapped
    assert (material.created_at, material.key_spec, material.public_key) == (1_000_000.0, "SYMMETRIC_DEFAULT", b"")


def test_the_same_material_is_known_again(key_store: KeyStore) -> None:
    """By its ID, and under the handle that it had: what it encrypted opens again. Another gets one of its own."""
    first = bring(key_store, bytes(32))
    blob = key_store.encrypt(first, Secret(b"text"), {})
    key_store.destroy(first)
    handles = {first.material_id: first.handle}
    again = bring(key_store, bytes(32), handles=handles, algorithm=OAEP_1)
    assert (again.material_id, again.handle) == (first.material_id, first.handle)
    assert key_store.decrypt(again, blob, {}).equals(Secret(b"text"))
    other = bring(key_store, b"\1" * 32, handles=handles)
    assert other.material_id != first.material_id
    assert other.handle != first.handle


@pytest.mark.parametrize("key_spec", sorted(MATERIAL_BYTES))
def test_imported_material_has_a_length(key_store: KeyStore, key_spec: KeySpec) -> None:
    """From the shortest to the longest that AWS takes for the key spec, and no byte less or more."""
    lengths = MATERIAL_BYTES[key_spec]
    for length in (lengths[0], lengths[-1]):
        assert len(bytes.fromhex(bring(key_store, bytes(length), key_spec=key_spec).material_id)) == 32
    for length in (1, lengths[0] - 1, lengths[-1] + 1):
        with pytest.raises(IncorrectKeyMaterialException) as refusal:
            bring(key_store, bytes(length), key_spec=key_spec)
        assert refusal.value.message is None


@pytest.mark.parametrize("key_spec", [KeySpec.RSA_2048, KeySpec.ECC_NIST_P256, KeySpec.ECC_NIST_EDWARDS25519])
def test_imported_key_pairs_work(key_store: KeyStore, key_spec: KeySpec) -> None:
    """The public key is the importer's; a private key of another kind is refused, and so are bytes that are none."""
    private_key, public_key = key_store.generate_pair(key_spec)
    material = bring(key_store, private_key.open(SECRET_ACCESS), key_spec=key_spec)
    assert material.public_key == public_key
    algorithm = SIGNING[key_spec][0]
    signature = key_store.sign(material, algorithm, b"message", message_type=MessageType.RAW)
    key_store.verify(material, algorithm, b"message", signature, message_type=MessageType.RAW)
    other = key_store.generate_pair(KeySpec.ECC_NIST_P384)[0].open(SECRET_ACCESS)
    for wrong in (other, bytes(32), private_key.open(SECRET_ACCESS)[:-1]):
        with pytest.raises(IncorrectKeyMaterialException):
            bring(key_store, wrong, key_spec=key_spec)


def test_what_does_not_unwrap(key_store: KeyStore) -> None:
    """Wrapped for another wrapping key, or with another algorithm: one error without a message."""
    public_key, private_key = wrapping_key(key_store)
    others = (wrap(wrapping_key(key_store)[0], OAEP_256, bytes(32)), wrap(public_key, OAEP_1, bytes(32)), b"", b"x")
    for encrypted in others:
        with pytest.raises(InvalidCiphertextException) as refusal:
            key_store.import_material(
                account_id="111122223333",
                region="eu-central-1",
                key_id="key-1",
                key_spec=KeySpec.SYMMETRIC_DEFAULT,
                wrapping_key=private_key,
                encrypted=encrypted,
                handles={},
            )
        assert refusal.value.message is None


def test_a_wrapping_key_is_for_one_kms_key_and_one_algorithm(key_store: KeyStore) -> None:
    """Moved to another it does not open: that is no answer to a client, but damage."""
    public_key, private_key = wrapping_key(key_store)
    encrypted = wrap(public_key, OAEP_256, bytes(32))
    asked: dict[str, Any] = {
        "account_id": "111122223333",
        "region": "eu-central-1",
        "key_id": "key-1",
        "key_spec": KeySpec.SYMMETRIC_DEFAULT,
        "wrapping_key": private_key,
        "encrypted": encrypted,
        "handles": {},
    }
    for wrong in (
        {"account_id": "444455556666"},
        {"region": "eu-west-1"},
        {"key_id": "key-2"},
        {"wrapping_key": WrappingKey(private_key.key_spec, WrappingAlgorithm.RSAES_OAEP_SHA_1, private_key.sealed)},
        {"wrapping_key": WrappingKey(private_key.key_spec, private_key.algorithm, private_key.sealed[:-1])},
    ):
        with pytest.raises(CorruptRecordError):
            key_store.import_material(**(asked | wrong))


@pytest.mark.parametrize("key_pair_spec", KEY_PAIR_SPECS)
def test_a_pair_for_the_caller_belongs_together(key_store: KeyStore, key_pair_spec: KeySpec) -> None:
    """Any program that reads PKCS#8 finds the public key in it; no two are the same."""
    private_key, public_key = key_store.generate_pair(key_pair_spec)
    encoded = private_key.open(SECRET_ACCESS)
    if key_pair_spec.startswith("ML_KEM"):
        assert len(encoded) == 86
    if key_pair_spec is not KeySpec.ML_KEM_512:
        own = load_der_private_key(encoded, None).public_key()
        assert own.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == public_key
    assert not key_store.generate_pair(key_pair_spec)[0].equals(private_key)
