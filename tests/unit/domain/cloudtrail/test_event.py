"""The audit record, field by field.

Source: CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity events",
"CloudTrail userIdentity element"; KMS developer guide, "Understanding AWS KMS log entries".
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfkms.domain.cloudtrail.event import (
    UNKNOWN_REGION,
    Event,
    element_time,
    event_time,
    key_resource,
    service_event,
    user_identity,
)
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.errors import AccessDeniedException, AWSError, UnrecognizedClientException, ValidationException
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.callers import Caller
from selfkms.domain.iam.identity_providers import WebIdentity
from selfkms.domain.iam.principals import User
from selfkms.domain.kms.errors import (
    DisabledException,
    InvalidCiphertextException,
    KMSInternalException,
    KMSInvalidStateException,
    NotFoundException,
)

EVENT_ID: Final = "00000000-0000-4000-8000-000000000001"
REQUEST_ID: Final = "00000000-0000-4000-8000-000000000002"
AT: Final = 1_795_514_400.75
"""2026-11-24T10:00:00.75Z"""

ACCOUNT_ID: Final = "111122223333"
KEY_ARN: Final = f"arn:aws:kms:eu-central-1:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab"

ROOT: Final = Caller.root(ACCOUNT_ID, "AKIAROOT")
BOB: Final = Caller.user(
    User(
        account_id=ACCOUNT_ID,
        user_name="bob",
        user_id="AIDABOB",
        created_at=1.0,
        path="/team/",
        attached_policy_arns=(ADMINISTRATOR_ACCESS,),
    ),
    "AKIABOB",
)

# The order of CloudTrail's own records; those in brackets are there only when they apply.
PUBLISHED_ORDER: Final = """
    eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent
    [errorCode] [errorMessage] requestParameters responseElements [additionalEventData] requestID eventID readOnly
    [resources] eventType managementEvent recipientAccountId [serviceEventDetails] eventCategory [tlsDetails]
"""
FIELDS: Final = PUBLISHED_ORDER.split()
ORDER: Final = [field.strip("[]") for field in FIELDS]
ALWAYS: Final = [field for field in FIELDS if not field.startswith("[")]

TLS: Final = {
    "tlsVersion": "TLSv1.3",
    "cipherSuite": "TLS_AES_128_GCM_SHA256",
    "clientProvidedHostHeader": "kms.eu-central-1.example.com",
}


def event(**fields: Any) -> Event:
    """A DescribeKey of bob's of which all is known but what is given."""
    known: dict[str, Any] = {
        "event_id": EVENT_ID,
        "request_id": REQUEST_ID,
        "at": AT,
        "source": "kms.amazonaws.com",
        "name": "DescribeKey",
        "source_ip": "192.0.2.7",
        "user_agent": "aws-cli/2.31",
        "region": "eu-central-1",
        "caller": BOB,
    }
    return Event(**{**known, **fields})


def body(record: AuditRecord) -> dict[str, Any]:
    """The JSON object of a record, its fields in their order."""
    read: dict[str, Any] = json.loads(record.body)
    return read


def finished(**fields: Any) -> dict[str, Any]:
    """The record of such an event."""
    return body(event(**fields).finish())


def test_a_data_event() -> None:
    """It differs in two fields."""
    plain, data = finished(), finished(data=True)
    assert {name for name in plain if plain[name] != data[name]} == {"managementEvent", "eventCategory"}
    assert (data["managementEvent"], data["eventCategory"]) == (False, "Data")


def test_a_record_with_everything() -> None:
    """A change over TLS: every field that such a record can have, to the letter."""
    record = event(
        name="ScheduleKeyDeletion",
        read_only=False,
        parameters={"keyId": KEY_ARN, "pendingWindowInDays": 7},
        answers={"keyId": KEY_ARN, "keyState": "PendingDeletion"},
        additional={"keyMaterialId": "a" * 64},
        resources=[key_resource(ACCOUNT_ID, KEY_ARN)],
        tls=TLS,
    ).finish()
    assert record.event_id == EVENT_ID
    assert list(body(record).items()) == [
        ("eventVersion", "1.11"),
        (
            "userIdentity",
            {
                "type": "IAMUser",
                "principalId": "AIDABOB",
                "arn": f"arn:aws:iam::{ACCOUNT_ID}:user/team/bob",
                "accountId": ACCOUNT_ID,
                "accessKeyId": "AKIABOB",
                "userName": "bob",
            },
        ),
        ("eventTime", "2026-11-24T10:00:00Z"),
        ("eventSource", "kms.amazonaws.com"),
        ("eventName", "ScheduleKeyDeletion"),
        ("awsRegion", "eu-central-1"),
        ("sourceIPAddress", "192.0.2.7"),
        ("userAgent", "aws-cli/2.31"),
        ("requestParameters", {"keyId": KEY_ARN, "pendingWindowInDays": 7}),
        ("responseElements", {"keyId": KEY_ARN, "keyState": "PendingDeletion"}),
        ("additionalEventData", {"keyMaterialId": "a" * 64}),
        ("requestID", REQUEST_ID),
        ("eventID", EVENT_ID),
        ("readOnly", False),
        ("resources", [{"accountId": ACCOUNT_ID, "type": "AWS::KMS::Key", "ARN": KEY_ARN}]),
        ("eventType", "AwsApiCall"),
        ("managementEvent", True),
        ("recipientAccountId", ACCOUNT_ID),
        ("eventCategory", "Management"),
        ("tlsDetails", TLS),
    ]


def test_a_record_with_no_more_than_must_be_there() -> None:
    """Parameters and response are null when there are none; every other field that does not apply is absent."""
    record = finished()
    assert list(record) == ALWAYS
    assert record["requestParameters"] is None
    assert record["responseElements"] is None
    assert record["readOnly"] is True


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "read_only": st.booleans(),
            "parameters": st.just({"keyId": "x"}),
            "answers": st.just({"keyId": "y"}),
            "additional": st.just({"keyMaterialId": "z"}) | st.just({}),
            "resources": st.just([]) | st.just([key_resource(ACCOUNT_ID, KEY_ARN)]),
            "error": st.just(DisabledException("is disabled.")) | st.just(AccessDeniedException("no")),
            "tls": st.just(TLS),
            "caller": st.sampled_from([ROOT, BOB, None]),
        },
    )
)
def test_the_order_of_fields_is_always_the_same(fields: dict[str, Any]) -> None:
    """Whatever is present stands in CloudTrail's order, and what must be there is."""
    record = finished(**fields)
    assert list(record) == [field for field in ORDER if field in record]
    assert {*record, "recipientAccountId"} >= set(ALWAYS)


def test_a_record_is_one_line_of_utf_8() -> None:
    """The journal keeps records one a line: a line break inside a text is escaped."""
    record = event(user_agent="a\r\nb\u2028é", parameters={"description": "x\ny"}).finish()
    assert b"\n" not in record.body
    assert b"\r" not in record.body
    assert "é".encode() in record.body
    assert body(record)["userAgent"] == "a\r\nb\u2028é"


def test_response_elements_are_those_of_the_operation() -> None:
    """AssumeRole is read-only and has them, Encrypt is and has none: the table of operations says which."""
    assert finished(read_only=True, answers={"packedPolicySize": 1})["responseElements"] == {"packedPolicySize": 1}
    assert finished(read_only=True)["responseElements"] is None


def test_an_operation_on_no_key_has_an_empty_list_of_resources() -> None:
    """GenerateRandom, ListKeys: the field is there and empty."""
    assert finished(resources=[])["resources"] == []


@pytest.mark.parametrize(
    "error",
    [
        DisabledException(f"{KEY_ARN} is disabled."),
        NotFoundException("Invalid keyId 'x'"),
        KMSInvalidStateException(f"{KEY_ARN} is pending deletion."),
        ValidationException("1 validation error detected: …"),
        KMSInternalException("The request was rejected because an internal exception occurred."),
    ],
)
def test_a_failed_request(error: AWSError) -> None:
    """Code and message as the client got them, the parameters, and nothing of a result."""
    record = finished(
        read_only=False,
        error=error,
        parameters={"keyId": "alias/app"},
        answers={"keyId": KEY_ARN},
        additional={"keyMaterialId": "z"},
        resources=[key_resource(ACCOUNT_ID, KEY_ARN)],
    )
    assert list(record) == [
        field for field in ORDER if field in ALWAYS or field in ("errorCode", "errorMessage", "resources")
    ]
    assert record["errorCode"] == type(error).__name__
    assert record["errorMessage"] == error.message
    assert record["requestParameters"] == {"keyId": "alias/app"}
    assert record["responseElements"] is None


def test_an_error_without_a_message() -> None:
    """InvalidCiphertextException has none, so the field is absent."""
    record = finished(error=InvalidCiphertextException())
    assert record["errorCode"] == "InvalidCiphertextException"
    assert "errorMessage" not in record


def test_access_denied() -> None:
    """It alone is recorded without `Exception`, and what was asked for is not recorded."""
    record = finished(
        read_only=False,
        error=AccessDeniedException("User: … is not authorized to perform: kms:CreateGrant"),
        parameters={"keyId": KEY_ARN},
        answers={"keyId": KEY_ARN},
        resources=[key_resource(ACCOUNT_ID, KEY_ARN)],
    )
    assert record["errorCode"] == "AccessDenied"
    assert record["errorMessage"] == "User: … is not authorized to perform: kms:CreateGrant"
    assert record["requestParameters"] is None
    assert record["responseElements"] is None
    assert record["resources"] == [key_resource(ACCOUNT_ID, KEY_ARN)]


def test_a_caller_who_was_not_established() -> None:
    """No account receives the record of a request whose signature is nobody's; it is written all the same."""
    anonymous = event(caller=None, error=UnrecognizedClientException("…"))
    anonymous.region = UNKNOWN_REGION
    record = body(anonymous.finish())
    assert record["userIdentity"] == {
        "type": "AWSAccount",
        "principalId": "",
        "accountId": "ANONYMOUS_PRINCIPAL",
    }
    assert "recipientAccountId" not in record
    assert record["awsRegion"] == "unknown"


def test_the_identity_of_a_user() -> None:
    """With the path in the ARN, the name without it, and no policy."""
    assert list(user_identity(BOB).items()) == [
        ("type", "IAMUser"),
        ("principalId", "AIDABOB"),
        ("arn", "arn:aws:iam::111122223333:user/team/bob"),
        ("accountId", "111122223333"),
        ("accessKeyId", "AKIABOB"),
        ("userName", "bob"),
    ]


def test_the_identity_of_a_root_user() -> None:
    """The account stands for the principal, and there is no user name."""
    assert list(user_identity(ROOT).items()) == [
        ("type", "Root"),
        ("principalId", "111122223333"),
        ("arn", "arn:aws:iam::111122223333:root"),
        ("accountId", "111122223333"),
        ("accessKeyId", "AKIAROOT"),
    ]


def test_the_identity_of_whoever_brings_a_token() -> None:
    """As the IAM User Guide shows it: nobody of an account, and no credentials."""
    provider = f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/token.example.org"
    identity = WebIdentity(
        provider_arn=provider, issuer="https://token.example.org", subject="system:a", audience="sts.amazonaws.com"
    )
    assert list(user_identity(Caller.of_web_identity(identity, ACCOUNT_ID)).items()) == [
        ("type", "WebIdentityUser"),
        ("principalId", f"{provider}:sts.amazonaws.com:system:a"),
        ("userName", "system:a"),
        ("identityProvider", provider),
    ]


@pytest.mark.parametrize("details", [None, {"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}])
def test_what_aws_kms_does_by_itself(details: dict[str, Any] | None) -> None:
    """DeleteKey, RotateKey: no caller, no request ID, and details if there are any."""
    record = service_event(
        event_id=EVENT_ID,
        at=AT,
        name="DeleteKey",
        account_id=ACCOUNT_ID,
        region="eu-central-1",
        key_arn=KEY_ARN,
        details=details,
    )
    expected = {
        "eventVersion": "1.11",
        "userIdentity": {"accountId": ACCOUNT_ID, "invokedBy": "AWS Internal"},
        "eventTime": "2026-11-24T10:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "DeleteKey",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "requestParameters": None,
        "responseElements": None,
        "eventID": EVENT_ID,
        "readOnly": False,
        "resources": [{"accountId": ACCOUNT_ID, "type": "AWS::KMS::Key", "ARN": KEY_ARN}],
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT_ID,
        "serviceEventDetails": details,
        "eventCategory": "Management",
    }
    if details is None:
        del expected["serviceEventDetails"]
    assert record.event_id == EVENT_ID
    assert list(body(record).items()) == list(expected.items())
    assert list(body(record)) == [field for field in ORDER if field in expected]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2022-08-10T22:38:27", "Aug 10, 2022, 10:38:27 PM"),
        ("2022-08-10T00:00:00", "Aug 10, 2022, 12:00:00 AM"),
        ("2022-08-10T00:59:59", "Aug 10, 2022, 12:59:59 AM"),
        ("2022-08-10T01:05:09", "Aug 10, 2022, 1:05:09 AM"),
        ("2022-08-10T09:00:00", "Aug 10, 2022, 9:00:00 AM"),
        ("2022-08-10T10:00:00", "Aug 10, 2022, 10:00:00 AM"),
        ("2022-08-10T11:59:59", "Aug 10, 2022, 11:59:59 AM"),
        ("2022-08-10T12:00:00", "Aug 10, 2022, 12:00:00 PM"),
        ("2022-08-10T12:07:00", "Aug 10, 2022, 12:07:00 PM"),
        ("2022-08-10T13:00:00", "Aug 10, 2022, 1:00:00 PM"),
        ("2022-08-10T23:59:59", "Aug 10, 2022, 11:59:59 PM"),
        ("2027-01-01T03:04:05", "Jan 1, 2027, 3:04:05 AM"),
        ("2028-02-29T20:20:20", "Feb 29, 2028, 8:20:20 PM"),
    ],
)
def test_dates_inside_response_elements(moment: str, text: str) -> None:
    """The short form of the United States: no leading zero but in minutes and seconds, twelve at noon and midnight."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    assert element_time(at) == text
    assert element_time(at + 0.999) == text


@given(st.integers(0, 4_102_444_799))
def test_a_date_inside_response_elements_says_the_second(at: int) -> None:
    """What is written can be read back, to the second, and nothing begins with a needless zero."""
    text = element_time(at)
    read = datetime.strptime(f"{text} +0000", "%b %d, %Y, %I:%M:%S %p %z")
    assert read.timestamp() == at
    assert " 0" not in text


@pytest.mark.parametrize(
    ("at", "text"),
    [(0.0, "1970-01-01T00:00:00Z"), (AT, "2026-11-24T10:00:00Z"), (1_795_514_400.999_999, "2026-11-24T10:00:00Z")],
)
def test_the_time_of_an_event(at: float, text: str) -> None:
    """Whole seconds in UTC, cut off and not rounded: a record never lies in the future."""
    assert event_time(at) == text


def test_long_texts_are_cut() -> None:
    """1 KB of an error's message and of a user agent: what a client sends does not swell the trail."""
    record = finished(user_agent="u" * 5_000, error=ValidationException("m" * 5_000))
    assert record["userAgent"] == "u" * 1_024
    assert record["errorMessage"] == "m" * 1_024


def test_the_limit_of_a_message_is_in_bytes() -> None:
    """CloudTrail User Guide, `errorMessage`: 1 KB."""
    assert len(finished(error=ValidationException("é" * 1_024))["errorMessage"].encode()) <= 1_024


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"keyId": KEY_ARN, "encryptionContext": {"a": "x" * 400_000}}, id="encryption context"),
        pytest.param({"keyId": KEY_ARN, "policy": "\u20ac" * 131_072}, id="policy"),
    ],
)
def test_a_record_stays_below_the_limits_of_cloudtrail(parameters: dict[str, Any]) -> None:
    """At most 100 KB of requestParameters and 256 KB in all, whatever the service model lets a client send."""
    record = event(parameters=parameters).finish()
    assert len(json.dumps(body(record)["requestParameters"], ensure_ascii=False).encode()) <= 102_400
    assert len(record.body) <= 262_144


SERVICE: Final = "ec2.eu-central-1.amazonaws.com"
INVOKED_BY: Final = "ec2-frontend-api.amazonaws.com"


def test_the_identity_of_a_service() -> None:
    """CloudTrail User Guide, userIdentity: a service that acts for itself is nobody of an account."""
    service = Caller.aws_service(SERVICE, ACCOUNT_ID, invoked_by=INVOKED_BY)
    assert user_identity(service) == {"type": "AWSService", "invokedBy": INVOKED_BY}
    assert finished(caller=service)["recipientAccountId"] == ACCOUNT_ID


def test_the_identity_of_a_caller_through_a_service() -> None:
    """All that is known of the caller, and who called for it."""
    through = user_identity(BOB.through(SERVICE, invoked_by=INVOKED_BY))
    assert through == {**user_identity(BOB), "invokedBy": INVOKED_BY}
    assert list(through)[-1] == "invokedBy"


def new_ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"id-{next(numbers)}"


def test_records_are_the_same_however_often_they_are_asked_for() -> None:
    """Which of them was kept may not be known: those of one call have the same event IDs."""
    call, new_id = event(owners=("444455556666",)), new_ids()
    first = call.records(new_id)
    assert [body(record)["recipientAccountId"] for record in first] == [ACCOUNT_ID, "444455556666"]
    assert call.records(new_id) == first


def test_what_was_undone_has_a_record_of_its_own() -> None:
    """It failed, nobody else learns of it, and it does not hide one that may stand with the change."""
    call, new_id = event(owners=("444455556666",), read_only=False, answers={"keyId": KEY_ARN}), new_ids()
    first, _copy = call.records(new_id)
    call.undo(KMSInternalException("failed"), new_id)
    (undone,) = call.records(new_id)
    assert undone.event_id == body(undone)["eventID"] != first.event_id
    assert body(undone)["errorCode"] == "KMSInternalException"
    assert body(undone)["responseElements"] is None
    assert "sharedEventID" not in body(undone)


def test_events_have_companions_of_their_own() -> None:
    """What one request called for is not another's."""
    one, other = event(), event()
    one.companions.append(event())
    assert other.companions == []
