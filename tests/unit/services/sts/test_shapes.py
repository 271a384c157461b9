"""Shapes of STS that are not only wire."""

import json

import msgspec
import pytest

from selfkms.domain.secrets import Secret
from selfkms.domain.tags import Tag
from selfkms.services.sts.shapes import Credentials, PolicyDescriptor, SessionResult, SessionTag, tags_of

CREDENTIALS = Credentials(
    access_key_id="ASIAEXAMPLEEXAMPLE00",
    secret_access_key=Secret(b"the secret access key"),
    session_token=Secret(b"the session token"),
    expiration=1_790_003_600.75,
)


def test_credentials_show_no_secret() -> None:
    """Not in their text form, and no encoder writes them by accident."""
    assert "the s" not in repr(CREDENTIALS)
    with pytest.raises(TypeError):
        msgspec.json.encode(CREDENTIALS)


def test_the_audit_gets_what_names_credentials() -> None:
    """Access key ID and end, as CloudTrail writes them; on the wire the member is still the API's."""
    result = SessionResult(issued=CREDENTIALS, session_token_size=1, session_token_utilization=1)
    assert json.loads(msgspec.json.encode(result.credentials)) == {
        "AccessKeyId": "ASIAEXAMPLEEXAMPLE00",
        "Expiration": "Sep 21, 2026, 3:13:20 PM",
    }
    names = {field.name: field.encode_name for field in msgspec.structs.fields(SessionResult)}
    assert names["issued"] == "Credentials"


def test_names_of_the_wire() -> None:
    """A tag has Key and Value, a policy descriptor arn."""
    assert msgspec.convert({"Key": "a", "Value": "b"}, SessionTag) == SessionTag(key="a", value="b")
    assert msgspec.convert({"arn": "x"}, PolicyDescriptor) == PolicyDescriptor(arn="x")
    assert tags_of((SessionTag(key="a", value="b"),)) == (Tag("a", "b"),)
