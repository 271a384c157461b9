"""Parameters against the model: AWS's wording, word for word, and nothing secret in it."""

import base64
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfkms.domain.errors import SerializationException, ValidationException
from selfkms.protocol.model import ServiceModel
from selfkms.protocol.validate import Shape, ShapeReference, compile_input

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def failures(model: ServiceModel, operation: str, parameters: dict[str, Any]) -> list[str]:
    """The failures that a ValidationException counts and names."""
    with pytest.raises(ValidationException) as raised:
        model.operations[operation].validate(parameters)
    text = raised.value.message or ""
    match = re.fullmatch(r"(\d+) validation errors? detected: (.*)", text, re.DOTALL)
    assert match, text
    found = match[2].split("; ")
    assert int(match[1]) == len(found)
    assert ("errors" in text.partition(":")[0]) == (len(found) > 1)
    return [failure.replace(" failed to satisfy constraint: ", " | ") for failure in found]


@pytest.mark.parametrize(
    ("operation", "parameters", "failure"),
    [
        ("Encrypt", {"KeyId": "k", "Plaintext": b64(bytes(4097))}, "length less than or equal to 4096"),
        ("Encrypt", {"KeyId": "k", "Plaintext": ""}, "length greater than or equal to 1"),
    ],
)
def test_blobs_show_no_value(kms: ServiceModel, operation: str, parameters: dict[str, Any], failure: str) -> None:
    """A plaintext is counted in bytes and never shown."""
    assert failures(kms, operation, parameters) == [f"Value at 'plaintext' | Member must have {failure}"]


def test_the_whole_text(kms: ServiceModel) -> None:
    """The text of one failure, as recorded from AWS KMS."""
    with pytest.raises(ValidationException) as raised:
        kms.operations["Encrypt"].validate({"KeyId": "k", "Plaintext": b64(bytes(4097))})
    assert raised.value.message == (
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length less than or equal to 4096"
    )


def test_bounds_are_inclusive(kms: ServiceModel) -> None:
    """The longest and the shortest plaintext are taken, decoded."""
    for plaintext in (b"a", bytes(4096)):
        clean = kms.operations["Encrypt"].validate({"KeyId": "k", "Plaintext": b64(plaintext)})
        assert clean["Plaintext"] == plaintext


@pytest.mark.parametrize("number", [0, 1025, -1, 10**30])
def test_numbers(kms: ServiceModel, number: int) -> None:
    """A number out of range is shown, however large."""
    bound = "less than or equal to 1024" if number > 0 else "greater than or equal to 1"
    found = failures(kms, "GenerateRandom", {"NumberOfBytes": number})
    assert found == [f"Value '{number}' at 'numberOfBytes' | Member must have value {bound}"]


@pytest.mark.parametrize(("days", "bound"), [(6, "greater than or equal to 7"), (31, "less than or equal to 30")])
def test_the_service_is_stricter_than_its_model(kms: ServiceModel, days: int, bound: str) -> None:
    """A pending window has 7 to 30 days, although the model says 1 to 365."""
    found = failures(kms, "ScheduleKeyDeletion", {"KeyId": KEY_ID, "PendingWindowInDays": days})
    assert found == [f"Value '{days}' at 'pendingWindowInDays' | Member must have value {bound}"]
    for allowed in (7, 30):
        kms.operations["ScheduleKeyDeletion"].validate({"KeyId": KEY_ID, "PendingWindowInDays": allowed})


def test_what_the_service_refuses_by_itself_is_left_to_it() -> None:
    """CloudTrail has errors of its own for these; their types, and what is required, are checked all the same."""
    look_up = ServiceModel.load("cloudtrail").operations["LookupEvents"].validate
    wild = {
        "MaxResults": 99,
        "EventCategory": "other",
        "LookupAttributes": [{"AttributeKey": "Other", "AttributeValue": ""}],
    }
    assert look_up(wild) == wild
    kinds: list[dict[str, Any]] = [{"MaxResults": "1"}, {"EventCategory": 1}, {"LookupAttributes": {}}]
    for mistyped in kinds:
        with pytest.raises(SerializationException):
            look_up(mistyped)
    with pytest.raises(ValidationException, match="Member must not be null"):
        look_up({"LookupAttributes": [{"AttributeKey": "EventName"}]})


def test_other_limits_stay_the_models(kms: ServiceModel) -> None:
    """The highest Limit of a listing is the service's business, not the model's."""
    assert kms.operations["ListAliases"].validate({"Limit": 1000}) == {"Limit": 1000}
    assert len(failures(kms, "ListAliases", {"Limit": 1001})) == 1


def test_strings_are_counted_in_characters(kms: ServiceModel) -> None:
    """A tag key has 128 characters, whatever their bytes; lists count from 1, names begin with a small letter."""
    tag = {"TagKey": "é" * 128, "TagValue": ""}
    kms.operations["TagResource"].validate({"KeyId": "k", "Tags": [tag]})
    long = {"TagKey": "a" * 129, "TagValue": "b" * 257}
    assert failures(kms, "TagResource", {"KeyId": "k", "Tags": [tag, long]}) == [
        f"Value '{'a' * 129}' at 'tags.2.member.tagKey' | Member must have length less than or equal to 128",
        f"Value '{'b' * 257}' at 'tags.2.member.tagValue' | Member must have length less than or equal to 256",
    ]


def test_enums(kms: ServiceModel) -> None:
    """The set is written in the order of the model."""
    found = failures(kms, "GenerateDataKey", {"KeyId": "k", "KeySpec": "aes_256"})
    assert found == ["Value 'aes_256' at 'keySpec' | Member must satisfy enum value set: [AES_256, AES_128]"]


@pytest.mark.parametrize("name", ["alias/a b", "alias/ä", "alias/a\n", "\nalias/a"])
def test_patterns_hold_for_the_whole_string(kms: ServiceModel, name: str) -> None:
    """No line break slips in at an end, and letters are ASCII's."""
    found = failures(kms, "CreateAlias", {"AliasName": name, "TargetKeyId": "k"})
    assert found == [
        f"Value '{name}' at 'aliasName' | Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
    ]


def test_words_in_patterns_are_ascii(kms: ServiceModel) -> None:
    """What Java means by a word character has no umlauts."""
    assert len(failures(kms, "GetKeyPolicy", {"KeyId": "k", "PolicyName": "ä"})) == 1
    kms.operations["GetKeyPolicy"].validate({"KeyId": "k", "PolicyName": "default"})


def test_required_members(kms: ServiceModel) -> None:
    """A missing member is null, and null is a missing member, in structures below as well."""
    assert failures(kms, "CreateAlias", {"AliasName": None}) == [
        "Value null at 'aliasName' | Member must not be null",
        "Value null at 'targetKeyId' | Member must not be null",
    ]
    assert failures(kms, "TagResource", {"KeyId": "k", "Tags": [{"TagKey": "a"}]}) == [
        "Value null at 'tags.1.member.tagValue' | Member must not be null"
    ]


def test_several_failures_are_one_error(kms: ServiceModel) -> None:
    """All failures are told at once, in the order of the model."""
    found = failures(kms, "CreateAlias", {"AliasName": " " * 257, "TargetKeyId": ""})
    assert [failure.partition(" at ")[2] for failure in found] == [
        "'aliasName' | Member must have length less than or equal to 256",
        "'aliasName' | Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
        "'targetKeyId' | Member must have length greater than or equal to 1",
    ]


def test_no_more_than_ten_failures(kms: ServiceModel) -> None:
    """A request with thousands of failures gets a short answer."""
    tags = [{"TagKey": "", "TagValue": ""}] * 1000
    assert len(failures(kms, "TagResource", {"KeyId": "k", "Tags": tags})) == 10


def test_lists_of_scalars_fail_as_a_whole(kms: ServiceModel) -> None:
    """The list is shown, with what its entries must meet."""
    operations = kms.operations["CreateGrant"]
    grant = {"KeyId": "k", "GranteePrincipal": "p"}
    operations.validate({**grant, "Operations": ["Decrypt", "Encrypt"]})
    with pytest.raises(ValidationException) as raised:
        operations.validate({**grant, "Operations": ["Decrypt", "Dance"]})
    assert raised.value.message is not None
    assert raised.value.message.startswith(
        "1 validation error detected: Value '[Decrypt, Dance]' at 'operations' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must satisfy enum value set: [Decrypt, Encrypt, "
    )
    bounds = "Member must have length less than or equal to 8192, Member must have length greater than or equal to 1"
    assert failures(kms, "Decrypt", {"CiphertextBlob": "YQ==", "GrantTokens": ["", "a"]}) == [
        f"Value at 'grantTokens' | Member must satisfy constraint: [{bounds}]"
    ]


def test_lists_have_lengths(kms: ServiceModel) -> None:
    """Eleven grant tokens are one too many. Tokens are not shown, although the model does not call them sensitive."""
    tokens = [str(number) for number in range(11)]
    assert failures(kms, "Decrypt", {"CiphertextBlob": "YQ==", "GrantTokens": tokens}) == [
        "Value at 'grantTokens' | Member must have length less than or equal to 10"
    ]


def test_null_entries_are_refused(kms: ServiceModel) -> None:
    """An entry that is null is no missing entry: leaving it out would change the encryption context."""
    parameters = {"CiphertextBlob": "YQ==", "GrantTokens": ["a", None], "EncryptionContext": {"a": None}}
    assert failures(kms, "Decrypt", parameters) == [
        "Value null at 'encryptionContext.a.member' | Member must not be null",
        "Value null at 'grantTokens.2.member' | Member must not be null",
    ]


def test_the_clean_parameters(kms: ServiceModel) -> None:
    """Nulls and unknown members are left out, blobs are decoded, and the argument stays as it was."""
    parameters: dict[str, Any] = {
        "CiphertextBlob": "AP8=",
        "KeyId": None,
        "Unknown": {"a": [1]},
        "EncryptionContext": {"b": "2", "a": "1"},
        "GrantTokens": [],
        "DryRun": False,
    }
    before = repr(parameters)
    assert kms.operations["Decrypt"].validate(parameters) == {
        "CiphertextBlob": b"\x00\xff",
        "EncryptionContext": {"b": "2", "a": "1"},
        "GrantTokens": [],
        "DryRun": False,
    }
    assert repr(parameters) == before


LIST = "Start of list found where not expected"
STRUCTURE = "Start of structure or map found where not expected."


@pytest.mark.parametrize(
    ("operation", "member", "value", "text"),
    [
        ("Decrypt", "KeyId", 1, "NUMBER_VALUE can not be converted to a String"),
        ("Decrypt", "KeyId", 1.5, "NUMBER_VALUE can not be converted to a String"),
        ("Decrypt", "KeyId", True, "TRUE_VALUE can not be converted to a String"),
        ("Decrypt", "KeyId", False, "FALSE_VALUE can not be converted to a String"),
        ("Decrypt", "KeyId", ["k"], LIST),
        ("Decrypt", "KeyId", {"a": 1}, STRUCTURE),
        ("Decrypt", "DryRun", "true", "STRING_VALUE can not be converted to a Boolean"),
        ("Decrypt", "DryRun", 1, "NUMBER_VALUE can not be converted to a Boolean"),
        ("Decrypt", "CiphertextBlob", 1, "NUMBER_VALUE can not be converted to a Blob"),
        ("Decrypt", "GrantTokens", "a", "Expected list or null"),
        ("Decrypt", "GrantTokens", {}, STRUCTURE),
        ("Decrypt", "GrantTokens", [1], "NUMBER_VALUE can not be converted to a String"),
        ("Decrypt", "EncryptionContext", "a", "Expected map or null"),
        ("Decrypt", "EncryptionContext", [], LIST),
        ("Decrypt", "EncryptionContext", {"a": 1}, "NUMBER_VALUE can not be converted to a String"),
        ("Decrypt", "Recipient", "a", "Expected null"),
        ("Decrypt", "Recipient", [], LIST),
        ("GenerateRandom", "NumberOfBytes", "1", "STRING_VALUE can not be converted to an Integer"),
        ("GenerateRandom", "NumberOfBytes", True, "TRUE_VALUE can not be converted to an Integer"),
        ("GenerateRandom", "NumberOfBytes", 1.5, "NUMBER_VALUE can not be converted to an Integer"),
        ("ImportKeyMaterial", "ValidTo", "2026-11-24T00:00:00Z", "STRING_VALUE can not be converted to a Timestamp"),
        ("ImportKeyMaterial", "ValidTo", 1e300, "NUMBER_VALUE can not be converted to a Timestamp"),
        ("ImportKeyMaterial", "ValidTo", -1e15, "NUMBER_VALUE can not be converted to a Timestamp"),
        ("ImportKeyMaterial", "ValidTo", True, "TRUE_VALUE can not be converted to a Timestamp"),
    ],
)
def test_other_json_types(kms: ServiceModel, operation: str, member: str, value: object, text: str) -> None:
    """A value of another JSON type is refused with AWS's words, whatever else is wrong."""
    with pytest.raises(SerializationException) as raised:
        kms.operations[operation].validate({member: value})
    assert raised.value.message == text


def test_numbers_that_are_the_same_in_json(kms: ServiceModel) -> None:
    """16.0 is the whole number 16, and seconds may have fractions or not."""
    clean = kms.operations["GenerateRandom"].validate({"NumberOfBytes": 16.0})
    assert type(clean["NumberOfBytes"]) is int
    material = {"KeyId": "k", "ImportToken": "YQ==", "EncryptedKeyMaterial": "YQ=="}
    for seconds in (1_795_478_400, 1_795_478_400.25):
        assert kms.operations["ImportKeyMaterial"].validate({**material, "ValidTo": seconds})["ValidTo"] == seconds


@pytest.mark.parametrize(
    "text",
    ["Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zg==Zg==", "Zg==\n", " Zg==", "Zm 9v", "Z-_v", "=", "====", "é", "ﬀ=="],
)
def test_base64_has_one_form(kms: ServiceModel, text: str) -> None:
    """Other alphabets, missing padding, blanks and bits without meaning are refused, and the text is not repeated."""
    with pytest.raises(SerializationException) as raised:
        kms.operations["Encrypt"].validate({"KeyId": "k", "Plaintext": text})
    assert raised.value.message == "STRING_VALUE can not be converted to a Blob"
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@given(data=st.binary(min_size=1, max_size=40))
def test_base64_of_anything_is_read(kms: ServiceModel, data: bytes) -> None:
    """What a client encodes comes out as it was."""
    assert kms.operations["Encrypt"].validate({"KeyId": "k", "Plaintext": b64(data)})["Plaintext"] == data


def test_secrets_are_not_shown(kms: ServiceModel) -> None:
    """A sensitive string that does not fit is named, never shown."""
    found = failures(kms, "CreateCustomKeyStore", {"CustomKeyStoreName": "n", "KeyStorePassword": "secret"})
    assert found == ["Value at 'keyStorePassword' | Member must have length greater than or equal to 7"]


AT_MOST_TWO = "Member must have length less than or equal to 2"
SHAPES = {
    "Request": Shape(
        "structure",
        members={name: ShapeReference(name) for name in ("Secrets", "Labels", "Entries", "Flags")},
    ),
    "Secrets": Shape("list", member=ShapeReference("Secret"), max=1),
    "Secret": Shape("string", sensitive=True, max=3),
    "Labels": Shape("map", key=ShapeReference("Key"), value=ShapeReference("Value"), min=1),
    "Key": Shape("string", max=2),
    "Value": Shape("string", max=2),
    "Entries": Shape("map", key=ShapeReference("Key"), value=ShapeReference("Entry")),
    "Entry": Shape("structure", members={"Name": ShapeReference("Value"), "Token": ShapeReference("Secret")}),
    "Flags": Shape("list", member=ShapeReference("Flag"), max=1),
    "Flag": Shape("boolean"),
}


@pytest.mark.parametrize(
    ("parameters", "failure"),
    [
        ({"Secrets": ["a", "b"]}, "Value at 'secrets' | Member must have length less than or equal to 1"),
        (
            {"Secrets": ["long"]},
            "Value at 'secrets' | Member must satisfy constraint: [Member must have length less than or equal to 3]",
        ),
        ({"Labels": {}}, "Value '{}' at 'labels' | Member must have length greater than or equal to 1"),
        (
            {"Labels": {"a": "b", "long": "c"}},
            f"Value '{{a=b, long=c}}' at 'labels' | Map keys must satisfy constraint: [{AT_MOST_TWO}]",
        ),
        (
            {"Labels": {"a": "long"}},
            f"Value '{{a=long}}' at 'labels' | Map value must satisfy constraint: [{AT_MOST_TWO}]",
        ),
        (
            {"Entries": {"a": {"Name": "long"}}},
            f"Value 'long' at 'entries.a.member.name' | {AT_MOST_TWO}",
        ),
        (
            {"Entries": {"key": {"Token": "t"}}},
            f"Value at 'entries' | Map keys must satisfy constraint: [{AT_MOST_TWO}]",
        ),
        (
            {"Flags": [True, False]},
            "Value '[true, false]' at 'flags' | Member must have length less than or equal to 1",
        ),
    ],
)
def test_lists_and_maps_of_other_services(parameters: dict[str, Any], failure: str) -> None:
    """Aggregates are written as Java writes them, and not at all if something in them is secret."""
    with pytest.raises(ValidationException) as raised:
        compile_input(SHAPES, "Request")(parameters)
    text = failure.replace(" | ", " failed to satisfy constraint: ")
    assert raised.value.message == f"1 validation error detected: {text}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_nothing_but_the_two_errors(kms: ServiceModel, data: st.DataObject) -> None:
    """Whatever JSON comes in, it is clean or one of the two errors."""
    operation = data.draw(st.sampled_from(("CreateKey", "Decrypt", "CreateGrant", "ImportKeyMaterial", "TagResource")))
    members = ("KeyId", "Tags", "Policy", "CiphertextBlob", "EncryptionContext", "Constraints", "ValidTo", "Operations")
    parameters = data.draw(st.dictionaries(st.sampled_from(members), JSON, max_size=4))
    try:
        kms.operations[operation].validate(parameters)
    except (SerializationException, ValidationException) as error:
        assert error.message  # noqa: PT017  either way is fine


def test_long_numbers_and_bodies_that_are_bytes() -> None:
    """A long has a range as an integer has; bytes that are there already are not decoded again."""
    shapes = {
        "Request": Shape(
            "structure", members={"Size": ShapeReference("Size"), "Data": ShapeReference("Data")}, required=("Data",)
        ),
        "Size": Shape("long", min=1),
        "Data": Shape("blob", max=4),
    }
    validate = compile_input(shapes, "Request")
    assert validate({"Size": 2**40, "Data": b"\xff=="}) == {"Size": 2**40, "Data": b"\xff=="}
    assert validate({"Data": b""}) == {"Data": b""}
    with pytest.raises(ValidationException, match=r"'0' at 'size' .* value greater than or equal to 1"):
        validate({"Size": 0, "Data": b""})
    with pytest.raises(ValidationException, match=r"Value at 'data' .* length less than or equal to 4"):
        validate({"Data": b"12345"})
    with pytest.raises(SerializationException):
        validate({"Size": "1", "Data": b""})
