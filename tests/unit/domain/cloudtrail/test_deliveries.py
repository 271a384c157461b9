"""How log files and digests are called, and what belongs to a session."""

import msgspec

from selfkms.domain.cloudtrail.deliveries import Chain, Session, digest_file_key, log_document, log_file_key
from selfkms.domain.cloudtrail.history import recorded_event

ACCOUNT = "111122223333"
AT = 1_790_000_000.9


def test_names() -> None:
    """CloudTrail User Guide, "CloudTrail log file name format", "CloudTrail digest file structure"."""
    assert log_file_key(None, account_id=ACCOUNT, region="us-east-1", at=AT, ending="x" * 16) == (
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/21/"
        "111122223333_CloudTrail_us-east-1_20260921T1413Z_xxxxxxxxxxxxxxxx.json.gz"
    )
    key = digest_file_key(
        "a/b", account_id=ACCOUNT, region="us-west-2", trail="audit", home_region="us-east-1", end=int(AT)
    )
    assert key == (
        "a/b/AWSLogs/111122223333/CloudTrail-Digest/us-west-2/2026/09/21/"
        "111122223333_CloudTrail-Digest_us-west-2_audit_us-east-1_20260921T141320Z.json.gz"
    )
    # What the AWS CLI takes for the time.
    assert key[-24:-8] == "20260921T141320Z"


def test_a_log_file_is_json() -> None:
    """With the records as they are."""
    assert msgspec.json.decode(log_document([b'{"a":1}', b'{"b":2}'])) == {"Records": [{"a": 1}, {"b": 2}]}


def test_what_happened_in_a_session() -> None:
    """Whole seconds at both ends count, since events have no parts of them."""
    session = Session(started_at=AT, place="", stopped_at=AT + 5)
    times = {"20": True, "19": False, "25": True, "26": False}
    for second, inside in times.items():
        event = recorded_event(
            msgspec.json.encode(
                {
                    "eventID": "e",
                    "eventTime": f"2026-09-21T14:13:{second}Z",
                    "eventSource": "s",
                    "eventName": "n",
                    "awsRegion": "r",
                    "readOnly": True,
                    "userIdentity": {},
                }
            )
        )
        assert session.has(event) is inside


def test_chains_by_region() -> None:
    """A changed one takes the place of the one before."""
    session = (
        Session(started_at=AT, place="").with_chain(Chain(region="a", start=1)).with_chain(Chain(region="b", start=2))
    )
    session = session.with_chain(Chain(region="a", start=3))
    chain = session.chain("a")
    assert chain is not None
    assert chain.start == 3
    assert len(session.chains) == 2
    assert session.chain("c") is None
