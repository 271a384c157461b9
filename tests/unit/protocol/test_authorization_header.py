"""The parameters of an Authorization header: read the same, whether they were seen before or not."""

import pytest

from selfkms.domain.errors import IncompleteSignatureException
from selfkms.protocol.authorization_header import read_fields

FRONT = "AWS4-HMAC-SHA256 Credential=AKIA/20261124/us-east-1/kms/aws4_request, SignedHeaders=host;x-amz-date, "


def test_only_the_signature_differs_between_the_requests_of_a_client() -> None:
    """What was remembered of one header says nothing of the signature of another."""
    first, second = read_fields(f"{FRONT}Signature=aa"), read_fields(f"{FRONT}Signature=bb")
    assert first == {
        "Credential": "AKIA/20261124/us-east-1/kms/aws4_request",
        "SignedHeaders": "host;x-amz-date",
        "Signature": "aa",
    }
    assert second == {**first, "Signature": "bb"}


@pytest.mark.parametrize(
    "end",
    ["Signature=aa, Signature=bb", "Signature=aa Credential=other", "Signature=aa,Signature", "nothing, Signature=aa"],
)
def test_what_no_client_writes_is_refused_however_often_it_comes(end: str) -> None:
    """A second signature, a second credential, a parameter without value: with a front that is known, too."""
    read_fields(f"{FRONT}Signature=aa")
    for _ in range(2):
        with pytest.raises(IncompleteSignatureException):
            read_fields(FRONT + end)


@pytest.mark.parametrize(
    "end", ["XSignature=aa", "Signature=", "Signature=a=b", "Other=1,Signature=aa", "Signature=aa,"]
)
def test_other_forms_are_read_as_they_stand(end: str) -> None:
    """Parameters are told apart by commas and spaces, and only by these."""
    expected = {name: value for name, _, value in (pair.partition("=") for pair in end.split(",") if pair)}
    for _ in range(2):
        assert {name: value for name, value in read_fields(FRONT + end).items() if name in expected} == expected


def test_the_order_of_parameters_does_not_count() -> None:
    """The signature may stand first."""
    _, _, rest = FRONT.partition(" ")
    assert read_fields(f"AWS4-HMAC-SHA256 Signature=aa, {rest}") == read_fields(f"{FRONT}Signature=aa")
