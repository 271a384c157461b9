"""Encrypt, Decrypt, ReEncrypt."""

from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION, World

INVALID = ("InvalidCiphertextException", None)
INCORRECT_KEY = (
    "IncorrectKeyException",
    "The key ID in the request does not identify a CMK that can perform this operation.",
)
OF_NOBODY = (
    "AccessDeniedException",
    (
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
        "or you are not allowed to access."
    ),
)
DRY_RUN = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
NO_BLOB = (
    "ValidationException",
    "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
)
SYMMETRIC = "SYMMETRIC_DEFAULT"
OVERHEAD = 110
OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")


def text_of(value: bytes) -> str:
    return b64encode(value).decode()


def encrypt(world: World, key_id: str, plaintext: bytes = b"secret", context: dict[str, str] | None = None) -> bytes:
    parameters: dict[str, Any] = {"KeyId": key_id, "Plaintext": text_of(plaintext)}
    if context is not None:
        parameters["EncryptionContext"] = context
    return b64decode(world.call("Encrypt", parameters)["CiphertextBlob"])


def decrypt(world: World, blob: bytes, **parameters: Any) -> bytes:
    return b64decode(world.call("Decrypt", {"CiphertextBlob": text_of(blob), **parameters})["Plaintext"])


def refused(world: World, blob: bytes, **parameters: Any) -> tuple[str, str | None]:
    return world.refusal("Decrypt", {"CiphertextBlob": text_of(blob), **parameters})


def too_long(member: str, highest: int) -> tuple[str, str]:
    begin = f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
    return "ValidationException", f"{begin}Member must have length less than or equal to {highest}"


def test_the_answers_have_exactly_their_members(world: World) -> None:
    """Encrypt, Decrypt and ReEncrypt answer what AWS answers for symmetric keys; KeyId is the ARN."""
    key, other = world.make_key(), world.make_key()
    encrypted = world.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "AA=="})
    blob = encrypted.pop("CiphertextBlob")
    assert encrypted == {"KeyId": key["Arn"], "EncryptionAlgorithm": SYMMETRIC}
    assert world.call("Decrypt", {"CiphertextBlob": blob}) == {
        "KeyId": key["Arn"],
        "Plaintext": "AA==",
        "EncryptionAlgorithm": SYMMETRIC,
        "KeyMaterialId": key["CurrentKeyMaterialId"],
    }
    again = world.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": other["KeyId"]})
    assert again.pop("CiphertextBlob") != blob
    assert again == {
        "SourceKeyId": key["Arn"],
        "KeyId": other["Arn"],
        "SourceEncryptionAlgorithm": SYMMETRIC,
        "DestinationEncryptionAlgorithm": SYMMETRIC,
        "SourceKeyMaterialId": key["CurrentKeyMaterialId"],
        "DestinationKeyMaterialId": other["CurrentKeyMaterialId"],
    }


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 4095, 4096])
def test_up_to_4096_bytes_come_back(world: World, length: int) -> None:
    """1 to 4,096 bytes are taken; the blob is 110 bytes longer."""
    plaintext = bytes(number % 251 for number in range(length))
    blob = encrypt(world, world.make_key()["KeyId"], plaintext)
    assert len(blob) == length + OVERHEAD
    assert decrypt(world, blob) == plaintext


@pytest.mark.parametrize(
    ("operation", "member", "length", "refusal"),
    [
        ("Encrypt", "Plaintext", 4097, too_long("plaintext", 4096)),
        ("Encrypt", "Plaintext", 6144, too_long("plaintext", 4096)),
        ("Decrypt", "CiphertextBlob", 6145, too_long("ciphertextBlob", 6144)),
        ("ReEncrypt", "CiphertextBlob", 6145, too_long("ciphertextBlob", 6144)),
        (
            "Encrypt",
            "Plaintext",
            0,
            (
                "ValidationException",
                (
                    "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
                    "Member must have length greater than or equal to 1"
                ),
            ),
        ),
    ],
)
def test_other_lengths_are_refused(
    world: World, operation: str, member: str, length: int, refusal: tuple[str, str]
) -> None:
    """4,097 bytes of plaintext, none, and 6,145 bytes of blob are refused, and no value is shown."""
    key_id = world.make_key()["KeyId"]
    named = "DestinationKeyId" if operation == "ReEncrypt" else "KeyId"
    assert world.refusal(operation, {named: key_id, member: text_of(b"s" * length)}) == refusal


@given(plaintext=st.binary(min_size=1, max_size=300), context=st.dictionaries(st.text(), st.text(), max_size=4))
def test_what_was_encrypted_comes_back(plaintext: bytes, context: dict[str, str]) -> None:
    """Whatever the bytes and the pairs, Decrypt gives back what Encrypt was given, in any order of the pairs."""
    world = World()
    blob = encrypt(world, world.make_key()["KeyId"], plaintext, context)
    assert decrypt(world, blob, EncryptionContext=dict(reversed(context.items()))) == plaintext


def test_equal_plaintexts_give_different_blobs(world: World) -> None:
    """Who sees two blobs does not see that they hold the same."""
    key_id = world.make_key()["KeyId"]
    first, second = encrypt(world, key_id), encrypt(world, key_id)
    assert first != second
    assert first[34:] != second[34:]


def test_every_changed_byte_is_refused(world: World) -> None:
    """A blob with any one byte changed is refused, by one error without message, with and without KeyId."""
    key_id = world.make_key()["KeyId"]
    blob = encrypt(world, key_id, b"a secret")
    for position in range(len(blob)):
        for mask in (0x01, 0x80, 0xFF):
            changed = bytearray(blob)
            changed[position] ^= mask
            assert refused(world, bytes(changed)) == INVALID, position
            assert refused(world, bytes(changed), KeyId=key_id) == INVALID, position
    assert world.last is not None
    assert world.last.response.body == b'{"__type":"InvalidCiphertextException"}'


def test_every_cut_and_lengthened_blob_is_refused(world: World) -> None:
    """No beginning of a blob is one, and neither is a blob with more behind it or in front of it."""
    blob = encrypt(world, world.make_key()["KeyId"], b"a secret")
    for length in range(1, len(blob)):
        assert refused(world, blob[:length]) == INVALID, length
    for changed in (blob + b"\0", b"\0" + blob, blob + blob, blob[1:], b"garbage", bytes(6144)):
        assert refused(world, changed) == INVALID


def test_parts_of_two_blobs_make_none(world: World) -> None:
    """The header of one key's blob does not open the body of another's, nor one body that of its neighbour."""
    first, second = world.make_key()["KeyId"], world.make_key()["KeyId"]
    one, two, foreign = encrypt(world, first), encrypt(world, first), encrypt(world, second)
    for boundary in (34, 50, 82, 94, 100):
        for head, tail in ((one, two), (two, one), (one, foreign), (foreign, one)):
            mixed = head[:boundary] + tail[boundary:]
            # The random bytes of these tests are equal in front: some mixtures are one of the blobs.
            assert mixed in (one, two, foreign) or refused(world, mixed) == INVALID, boundary


@pytest.mark.parametrize(
    ("given_context", "other"),
    [
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "bc"}, {}),
        ({"a": "bc"}, None),
        ({"a": "bc"}, {"A": "bc"}),
        ({"a": "bc"}, {"a": "BC"}),
        ({"a": "bc"}, {"a": "bc", "d": ""}),
        ({"a": "b", "c": "d"}, {"a": "d", "c": "b"}),
        ({"a": "b", "c": "d"}, {"a": "b"}),
        ({"a": "b", "c": "d"}, {"a": "bcd"}),
        ({"ä": "1"}, {"a\u0308": "1"}),
        ({}, {"": ""}),
        (None, {"": ""}),
    ],
)
def test_another_encryption_context_is_refused(
    world: World, given_context: dict[str, str] | None, other: dict[str, str] | None
) -> None:
    """Only exactly the pairs given to Encrypt open the blob; where one pair ends and the next begins counts too."""
    blob = encrypt(world, world.make_key()["KeyId"], context=given_context)
    assert refused(world, blob, EncryptionContext=other) == INVALID
    assert decrypt(world, blob, EncryptionContext=given_context) == b"secret"


def test_no_encryption_context_is_an_empty_one(world: World) -> None:
    """A context without pairs is no context."""
    key_id = world.make_key()["KeyId"]
    assert decrypt(world, encrypt(world, key_id, context={})) == b"secret"
    assert decrypt(world, encrypt(world, key_id), EncryptionContext={}) == b"secret"


@pytest.mark.parametrize("name", ["KeyId", "Arn", "alias name", "alias ARN"])
def test_keys_are_named_in_four_ways(world: World, name: str) -> None:
    """All three operations take key ID, key ARN, alias name and alias ARN."""
    key = world.make_key()
    world.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key["KeyId"]})
    arn = f"arn:aws:kms:{REGION}:{ALICE_ACCOUNT}:alias/a"
    key_id = {**key, "alias name": "alias/a", "alias ARN": arn}[name]
    blob = encrypt(world, key_id)
    assert decrypt(world, blob, KeyId=key_id) == b"secret"
    parameters = {"CiphertextBlob": text_of(blob), "SourceKeyId": key_id, "DestinationKeyId": key_id}
    assert world.call("ReEncrypt", parameters)["SourceKeyId"] == key["Arn"]


def test_the_key_that_is_named_must_be_the_blobs(world: World) -> None:
    """Another key of the caller's is refused as incorrect, whatever else is wrong with the context."""
    key_id, other = world.make_key()["KeyId"], world.make_key()["KeyId"]
    blob = encrypt(world, key_id)
    assert refused(world, blob, KeyId=other) == INCORRECT_KEY
    assert refused(world, blob, KeyId=other, EncryptionContext={"a": "b"}) == INCORRECT_KEY
    parameters = {"CiphertextBlob": text_of(blob), "SourceKeyId": other, "DestinationKeyId": key_id}
    assert world.refusal("ReEncrypt", parameters) == INCORRECT_KEY
    assert refused(world, b"no blob at all", KeyId=other) == INVALID


def test_blobs_of_another_region_or_account_are_nobodys(world: World) -> None:
    """A blob of another Region, of another account, and of a key that has ended are refused with one text."""
    key_id = world.make_key()["KeyId"]
    blob = text_of(encrypt(world, key_id))
    world.make_key(region="eu-west-1")
    assert world.refusal("Decrypt", {"CiphertextBlob": blob}, region="eu-west-1") == OF_NOBODY
    assert world.refusal("Decrypt", {"CiphertextBlob": blob}, by=BOB_ACCOUNT) == OF_NOBODY
    bobs = world.make_key(by=BOB_ACCOUNT)["KeyId"]
    parameters = {"CiphertextBlob": blob, "DestinationKeyId": bobs}
    assert world.refusal("ReEncrypt", parameters, by=BOB_ACCOUNT) == OF_NOBODY
    world.call("ScheduleKeyDeletion", {"KeyId": key_id})
    world.clock.seconds += 31 * 86_400
    world.upkeep.attend_due_keys()
    assert world.refusal("Decrypt", {"CiphertextBlob": blob}) == OF_NOBODY


def test_re_encrypt_moves_a_plaintext_to_another_key_and_context(world: World) -> None:
    """The new blob opens under the destination and its context alone; the old one goes on opening under its own."""
    source, destination = world.make_key()["KeyId"], world.make_key()["KeyId"]
    blob = encrypt(world, source, context={"from": "a"})
    answer = world.call(
        "ReEncrypt",
        {
            "CiphertextBlob": text_of(blob),
            "SourceEncryptionContext": {"from": "a"},
            "SourceKeyId": source,
            "DestinationKeyId": destination,
            "DestinationEncryptionContext": {"to": "b"},
        },
    )
    moved = b64decode(answer["CiphertextBlob"])
    assert decrypt(world, moved, EncryptionContext={"to": "b"}, KeyId=destination) == b"secret"
    assert refused(world, moved, EncryptionContext={"from": "a"}) == INVALID
    assert refused(world, moved, EncryptionContext={"to": "b"}, KeyId=source) == INCORRECT_KEY
    assert decrypt(world, blob, EncryptionContext={"from": "a"}) == b"secret"


def test_re_encrypt_needs_the_sources_context(world: World) -> None:
    """A wrong source context is refused like any altered blob; source and destination may be one key."""
    key_id = world.make_key()["KeyId"]
    blob = text_of(encrypt(world, key_id, context={"from": "a"}))
    parameters = {"CiphertextBlob": blob, "DestinationKeyId": key_id, "DestinationEncryptionContext": {"from": "a"}}
    assert world.refusal("ReEncrypt", parameters) == INVALID
    parameters["SourceEncryptionContext"] = {"from": "a"}
    assert world.call("ReEncrypt", parameters)["KeyId"].endswith(key_id)


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("Encrypt", "EncryptionAlgorithm"),
        ("Decrypt", "EncryptionAlgorithm"),
        ("ReEncrypt", "SourceEncryptionAlgorithm"),
        ("ReEncrypt", "DestinationEncryptionAlgorithm"),
    ],
)
def test_an_algorithm_of_another_kind_of_key(world: World, operation: str, member: str) -> None:
    """SYMMETRIC_DEFAULT may be said; an algorithm of RSA keys does not fit, and one of nobody is no value."""
    key_id = world.make_key()["KeyId"]
    parameters: dict[str, Any] = {
        "Encrypt": {"KeyId": key_id, "Plaintext": "AA=="},
        "Decrypt": {"CiphertextBlob": text_of(encrypt(world, key_id))},
        "ReEncrypt": {"CiphertextBlob": text_of(encrypt(world, key_id)), "DestinationKeyId": key_id},
    }[operation]
    world.call(operation, parameters | {member: SYMMETRIC})
    text = "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."
    refusal = world.refusal(operation, parameters | {member: "RSAES_OAEP_SHA_256"})
    assert refusal == ("InvalidKeyUsageException", text)
    assert world.refusal(operation, parameters | {member: "ROT13"})[0] == "ValidationException"


def test_old_blobs_outlive_what_was_done_to_their_key(world: World) -> None:
    """Disabled and enabled again, renamed and under another policy, a key opens what it encrypted before."""
    key_id = world.make_key()["KeyId"]
    blob = encrypt(world, key_id)
    world.call("DisableKey", {"KeyId": key_id})
    assert refused(world, blob)[0] == "DisabledException"
    world.call("EnableKey", {"KeyId": key_id})
    world.call("UpdateKeyDescription", {"KeyId": key_id, "Description": "another"})
    assert decrypt(world, blob) == b"secret"
    world.make_key()
    assert decrypt(world, blob, KeyId=key_id) == b"secret"


@pytest.mark.parametrize("operation", ["Decrypt", "ReEncrypt"])
def test_a_blob_must_be_given(world: World, operation: str) -> None:
    """The model calls CiphertextBlob optional; without a dry run that ignores it, it is not."""
    key_id = world.make_key()["KeyId"]
    parameters: dict[str, Any] = {"KeyId": key_id} if operation == "Decrypt" else {"SourceKeyId": key_id}
    parameters["DestinationKeyId"] = key_id
    assert world.refusal(operation, parameters) == NO_BLOB
    assert world.refusal(operation, parameters | {"DryRun": True}) == NO_BLOB


class TestDryRun:
    """Never acts, always fails: with DryRunOperationException if the request would have succeeded."""

    def test_a_request_that_would_succeed(self, world: World) -> None:
        """Encrypt, Decrypt and ReEncrypt all say so, and give nothing away."""
        key_id = world.make_key()["KeyId"]
        blob = text_of(encrypt(world, key_id))
        requests: dict[str, dict[str, Any]] = {
            "Encrypt": {"KeyId": key_id, "Plaintext": "AA=="},
            "Decrypt": {"CiphertextBlob": blob},
            "ReEncrypt": {"CiphertextBlob": blob, "DestinationKeyId": key_id},
        }
        for operation, parameters in requests.items():
            assert world.refusal(operation, parameters | {"DryRun": True}) == DRY_RUN
            world.call(operation, parameters | {"DryRun": False})

    def test_a_request_that_would_fail(self, world: World) -> None:
        """Every other check comes first: blob, context, key, algorithm, state, permission."""
        key_id, other = world.make_key()["KeyId"], world.make_key()["KeyId"]
        blob = encrypt(world, key_id)
        assert refused(world, blob[:-1], DryRun=True) == INVALID
        assert refused(world, blob, EncryptionContext={"a": "b"}, DryRun=True) == INVALID
        assert refused(world, blob, KeyId=other, DryRun=True) == INCORRECT_KEY
        algorithm = "RSAES_OAEP_SHA_1"
        assert refused(world, blob, EncryptionAlgorithm=algorithm, DryRun=True)[0] == "InvalidKeyUsageException"
        parameters = {"CiphertextBlob": text_of(blob), "DryRun": True}
        assert world.refusal("Decrypt", parameters, by=BOB_ACCOUNT) == OF_NOBODY
        world.call("DisableKey", {"KeyId": key_id})
        assert refused(world, blob, DryRun=True)[0] == "DisabledException"

    def test_the_permission_alone_is_tried(self, world: World) -> None:
        """With IGNORE_CIPHERTEXT the blob may be absent or anything; the key must be named, and may be used."""
        key = world.make_key()
        ignoring: dict[str, Any] = {"DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
        decrypting = {"KeyId": key["KeyId"], **ignoring}
        re_encrypting = {"SourceKeyId": key["KeyId"], "DestinationKeyId": key["KeyId"], **ignoring}
        for operation, parameters in (("Decrypt", decrypting), ("ReEncrypt", re_encrypting)):
            assert world.refusal(operation, parameters) == DRY_RUN
            assert world.refusal(operation, parameters | {"CiphertextBlob": "AA=="}) == DRY_RUN
        code, _ = world.refusal("Decrypt", {**decrypting, "KeyId": key["Arn"]}, by=BOB_ACCOUNT)
        assert code == "AccessDeniedException"
        world.call("DisableKey", {"KeyId": key["KeyId"]})
        assert world.refusal("Decrypt", decrypting)[0] == "DisabledException"

    @pytest.mark.parametrize(
        "parameters",
        [
            {"DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]},
            {"DryRunModifiers": ["IGNORE_CIPHERTEXT"], "CiphertextBlob": "AA=="},
            {"DryRun": True, "DryRunModifiers": ["IGNORE_EVERYTHING"], "CiphertextBlob": "AA=="},
        ],
    )
    def test_modifiers_that_make_no_sense(self, world: World, parameters: dict[str, Any]) -> None:
        """Without a named key, without DryRun, and unknown, modifiers are refused."""
        assert world.refusal("Decrypt", parameters)[0] == "ValidationException"


class TestRSA:
    """An RSA key encrypts, too: bare OAEP, which says nothing of its key, so that key and algorithm must be named."""

    @pytest.mark.parametrize(("spec", "lengths"), [("RSA_2048", (214, 190)), ("RSA_3072", (342, 318))])
    def test_as_much_as_the_modulus_takes(self, world: World, spec: str, lengths: tuple[int, int]) -> None:
        """1 byte and the longest plaintext come back; one more is refused with the limit. Answers name no material."""
        key = rsa_key(world, spec)
        for algorithm, longest in zip(OAEP, lengths, strict=True):
            named = {"KeyId": key["KeyId"], "EncryptionAlgorithm": algorithm}
            for plaintext in (text_of(b"\0"), text_of(bytes(range(longest % 256)) + bytes(longest - longest % 256))):
                encrypted = world.call("Encrypt", {**named, "Plaintext": plaintext})
                blob = encrypted.pop("CiphertextBlob")
                assert encrypted == {"KeyId": key["Arn"], "EncryptionAlgorithm": algorithm}
                assert len(b64decode(blob)) == int(spec[-4:]) // 8
                opened = world.call("Decrypt", {**named, "CiphertextBlob": blob})
                assert opened == {"KeyId": key["Arn"], "Plaintext": plaintext, "EncryptionAlgorithm": algorithm}
            text = f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {longest} bytes."
            refusal = world.refusal("Encrypt", {**named, "Plaintext": text_of(bytes(longest + 1))})
            assert refusal == ("ValidationException", text)

    def test_what_it_refuses(self, world: World) -> None:
        """Changed, cut and longer ciphertexts, the other hash, another key's: one error without a message."""
        key, other = rsa_key(world), rsa_key(world)
        named = {"KeyId": key["KeyId"], "EncryptionAlgorithm": OAEP[1]}
        blob = b64decode(world.call("Encrypt", {**named, "Plaintext": "AA=="})["CiphertextBlob"])
        for place in (0, 128, 255):
            changed = bytearray(blob)
            changed[place] ^= 1
            assert refused(world, bytes(changed), **named) == INVALID
        for wrong in (blob[:-1], blob + b"\0", b"\0", bytes(256), b"\xff" * 256):
            assert refused(world, wrong, **named) == INVALID
        assert refused(world, blob, **named | {"EncryptionAlgorithm": OAEP[0]}) == INVALID
        assert refused(world, blob, **named | {"KeyId": other["KeyId"]}) == INVALID
        assert refused(world, blob, EncryptionAlgorithm=OAEP[1]) == INVALID

    def test_key_and_algorithm_belong_together(self, world: World) -> None:
        """Without an algorithm the symmetric one is meant, which is none of an RSA key's; ReEncrypt says the same."""
        key_id, symmetric = rsa_key(world)["KeyId"], world.make_key()["KeyId"]
        refusal = (
            "InvalidKeyUsageException",
            "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.",
        )
        assert world.refusal("Encrypt", {"KeyId": key_id, "Plaintext": "AA=="}) == refusal
        assert refused(world, bytes(256), KeyId=key_id) == refusal
        blob = text_of(encrypt(world, symmetric))
        assert world.refusal("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": key_id}) == refusal
        signing = world.make_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
        wrong = {"KeyId": signing["KeyId"], "EncryptionAlgorithm": OAEP[1]}
        begin = f"{signing['Arn']} key usage is SIGN_VERIFY which is not valid for"
        expected = "InvalidKeyUsageException"
        assert world.refusal("Encrypt", {**wrong, "Plaintext": "AA=="}) == (expected, f"{begin} Encrypt.")
        assert refused(world, bytes(256), **wrong) == (expected, f"{begin} Decrypt.")

    def test_there_is_no_encryption_context(self, world: World) -> None:
        """OAEP here has no place for one: refused rather than left out."""
        named = {"KeyId": rsa_key(world)["KeyId"], "EncryptionAlgorithm": OAEP[1]}
        blob = world.call("Encrypt", {**named, "Plaintext": "AA==", "EncryptionContext": {}})["CiphertextBlob"]
        context = {"EncryptionContext": {"a": "b"}}
        assert world.refusal("Encrypt", {**named, **context, "Plaintext": "AA=="})[0] == "ValidationException"
        assert refused(world, b64decode(blob), **named, **context)[0] == "ValidationException"

    def test_re_encrypt_between_kinds_of_keys(self, world: World) -> None:
        """From symmetric to RSA and back: material IDs of the symmetric key alone, and the plaintext is what it was."""
        symmetric, rsa = world.make_key(), rsa_key(world)
        blob = text_of(encrypt(world, symmetric["KeyId"], context={"a": "b"}))
        to_rsa = {"DestinationKeyId": rsa["KeyId"], "DestinationEncryptionAlgorithm": OAEP[1]}
        source = {"SourceEncryptionContext": {"a": "b"}}
        there = world.call("ReEncrypt", {"CiphertextBlob": blob, **source, **to_rsa})
        moved = there.pop("CiphertextBlob")
        assert there == {
            "SourceKeyId": symmetric["Arn"],
            "KeyId": rsa["Arn"],
            "SourceEncryptionAlgorithm": SYMMETRIC,
            "DestinationEncryptionAlgorithm": OAEP[1],
            "SourceKeyMaterialId": symmetric["CurrentKeyMaterialId"],
        }
        assert world.record()["additionalEventData"] == {"sourceKeyMaterialId": symmetric["CurrentKeyMaterialId"]}
        from_rsa = {"SourceKeyId": rsa["KeyId"], "SourceEncryptionAlgorithm": OAEP[1]}
        back = world.call("ReEncrypt", {"CiphertextBlob": moved, **from_rsa, "DestinationKeyId": symmetric["KeyId"]})
        assert "SourceKeyMaterialId" not in back
        assert back["DestinationKeyMaterialId"] == symmetric["CurrentKeyMaterialId"]
        assert decrypt(world, b64decode(back["CiphertextBlob"])) == b"secret"
        long = text_of(encrypt(world, symmetric["KeyId"], bytes(191)))
        code, text = world.refusal("ReEncrypt", {"CiphertextBlob": long, **to_rsa})
        assert (code, text is not None and "larger than 190 bytes" in text) == ("ValidationException", True)


def rsa_key(world: World, spec: str = "RSA_2048") -> dict[str, Any]:
    return world.make_key(KeySpec=spec, KeyUsage="ENCRYPT_DECRYPT")


def test_a_grant_token_that_was_not_made_here_is_refused(world: World) -> None:
    """Whatever the caller may otherwise do; and there are ten at most."""
    key = world.make_key()
    parameters = {"KeyId": key["Arn"], "Plaintext": "AA=="}
    assert world.refusal("Encrypt", {**parameters, "GrantTokens": ["a token"]}) == ("InvalidGrantTokenException", None)
    code, _ = world.refusal("Encrypt", {**parameters, "GrantTokens": ["t"] * 11})
    assert code == "ValidationException"
