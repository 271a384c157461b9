"""boto3 and botocore's signers: who is let in, and which requests are none."""

import hashlib
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
import botocore.session
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from harness.calls import error_of, fields, make_key, refusal, unchecked
from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server, credentials_of
from harness.wire import Answer, framed, once, signed_headers

ROOT: Final = Path(__file__).parents[2]
UNKNOWN: Final = ("UnrecognizedClientException", "The security token included in the request is invalid.")
MISMATCH: Final = (
    "InvalidSignatureException",
    (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
        "Access Key and signing method. Consult the service documentation for details."
    ),
)
BODY: Final = b'{"NumberOfBytes": 16}'
UNSIGNED: Final = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.GenerateRandom"}


def model_operations() -> set[str]:
    """All operations of the published model of AWS KMS."""
    return set(botocore.session.get_session().get_service_model("kms").operation_names)


def documented() -> tuple[set[str], set[str]]:
    """The operations that are served, and those that are not, as the reference has them."""
    text = (ROOT / "docs" / "reference" / "operations.md").read_text()
    served = set(re.findall(r"^\| ([A-Z]\w+) \|", text, re.MULTILINE))
    unserved = re.search(r"Not served yet \(`UnsupportedOperationException`\): (.*)\.", text)
    assert unserved
    return served, set(unserved[1].split(", "))


def test_every_operation_of_the_model_is_served_or_refused_by_name(server: Server) -> None:
    """None is left out; those that are not served answer UnsupportedOperationException, whatever they are asked."""
    served, unserved = documented()
    assert served | unserved == model_operations()
    assert not served & unserved
    for operation in sorted(unserved):
        for parameters in ({}, {"KeyId": "no-key"}):
            answer = unchecked(server, operation, parameters)
            assert error_of(answer) == {
                "__type": "UnsupportedOperationException",
                "message": f"{operation} is not supported yet.",
            }
    for operation in sorted(served):
        assert unchecked(server, operation).content.get("__type") != "UnsupportedOperationException"


def test_what_is_no_operation(server: Server) -> None:
    """Nor one of another service, or in another spelling."""
    for name in ("Nothing", "encrypt", "ListUsers", ""):
        answer = unchecked(server, name)
        assert error_of(answer) == {"__type": "UnknownOperationException"}


@pytest.mark.parametrize("account", [ALICE_ACCOUNT, BOB_ACCOUNT])
def test_administrator_and_root_of_each_account(server: Server, account: str) -> None:
    """Both do everything in their own account, and see the same keys."""
    with (
        closing(server.client(profile=account)) as admin,
        closing(server.client(profile=f"{account}-root")) as root,
    ):
        for one, two in ((admin, root), (root, admin)):
            key = make_key(one)
            assert key["AWSAccountId"] == account
            blob = two.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
            assert one.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
            assert fields(two.schedule_key_deletion(KeyId=key["KeyId"]))["KeyState"] == "PendingDeletion"


def credentials(server: Server) -> Credentials:
    """Those of the first administrator, for signing."""
    found = credentials_of(server.data_dir, "default")
    return Credentials(found["aws_access_key_id"], found["aws_secret_access_key"])


def host(server: Server) -> str:
    """The value of the Host header."""
    return server.endpoint.removeprefix("http://")


def stranger(server: Server, **credentials: str) -> Any:
    """A client with credentials of its own."""
    session = boto3.Session(region_name="us-east-1", **credentials)
    return session.client("kms", endpoint_url=server.endpoint, config=Config(retries={"total_max_attempts": 1}))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"}, UNKNOWN),
        ({"aws_access_key_id": "ASIAIOSFODNN7EXAMPLE", "aws_session_token": "token"}, UNKNOWN),
        ({"aws_access_key_id": "x"}, UNKNOWN),
        ({"aws_session_token": "a token that was never issued"}, UNKNOWN),
        ({"aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, MISMATCH),
    ],
    ids=["unknown key", "unknown session", "no key", "token", "secret"],
)
def test_wrong_credentials(server: Server, changed: dict[str, str], expected: tuple[str, str]) -> None:
    """Are refused, whichever part is wrong; what was asked for is not done."""
    with closing(stranger(server, **{**credentials_of(server.data_dir, "default"), **changed})) as client:
        assert refusal(client.list_keys) == expected
        assert refusal(client.generate_random, NumberOfBytes=1) == expected


def test_a_request_without_a_signature(server: Server) -> None:
    """Is told so; its body is not looked at."""
    headers = {"Host": "localhost", **UNSIGNED}
    for body in (BODY, b"no JSON"):
        assert error_of(once(server, framed(headers, body))) == {
            "__type": "MissingAuthenticationTokenException",
            "message": "Missing Authentication Token",
        }


def test_a_signature_for_somewhere_else(server: Server) -> None:
    """Another service, or a Region that does not exist."""
    request = AWSRequest(
        method="POST", url=f"{server.endpoint}/", headers={"Host": host(server), **UNSIGNED}, data=BODY
    )
    SigV4Auth(credentials(server), "s3", "us-east-1").add_auth(request)
    assert error_of(once(server, framed(dict(request.headers.items()), BODY))) == {
        "__type": "InvalidSignatureException",
        "message": "Credential should be scoped to correct service: 'kms'. ",
    }
    wrong_region = unchecked(server, "ListKeys", region="moon-east-1")
    assert error_of(wrong_region) == {
        "__type": "InvalidSignatureException",
        "message": "Credential should be scoped to a valid region. ",
    }


class Presigner(SigV4QueryAuth):  # type: ignore[misc]  # botocore is untyped
    """Signs a request whose body goes its own way, as if at another time."""

    def __init__(self, credentials: Credentials, *, body: bytes, at: datetime, expires: int) -> None:
        super().__init__(credentials, "kms", "us-east-1", expires=expires)
        self._body = body
        self._stamp = at.strftime("%Y%m%dT%H%M%SZ")

    def payload(self, _request: AWSRequest) -> str:
        """The hash of the body, which botocore would move into the query."""
        return hashlib.sha256(self._body).hexdigest()

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._stamp
        super()._modify_request_before_signing(request)


def presigned(
    server: Server, *, age: timedelta = timedelta(), expires: int = 900, body: bytes = BODY, sent: bytes = BODY
) -> Answer:
    """The answer to a presigned GenerateRandom that was signed some time ago."""
    request = AWSRequest(method="POST", url=f"{server.endpoint}/", headers={"Host": host(server), **UNSIGNED})
    signer = Presigner(credentials(server), body=body, at=datetime.now(tz=UTC) - age, expires=expires)
    signer.add_auth(request)
    first_line = f"POST /?{urlsplit(request.url).query} HTTP/1.1"
    return once(server, framed(dict(request.headers.items()), sent, first_line=first_line))


def test_a_presigned_request(server: Server) -> None:
    """Works for as long as it says, also when that is longer than any other signature counts."""
    for age, expires in ((timedelta(), 60), (timedelta(minutes=14), 900), (timedelta(days=6), 604_800)):
        answer = presigned(server, age=age, expires=expires)
        assert (answer.status, set(answer.content)) == (200, {"Plaintext"})


def test_a_presigned_request_that_does_not_count(server: Server) -> None:
    """It has expired, is not yet current, is meant for longer than a week, or has another body."""
    expired = error_of(presigned(server, age=timedelta(seconds=62), expires=60))
    assert expired["__type"] == "InvalidSignatureException"
    assert expired["message"].startswith("Signature expired: ")
    early = error_of(presigned(server, age=timedelta(minutes=-6)))
    assert early["__type"] == "InvalidSignatureException"
    assert early["message"].startswith("Signature not yet current: ")
    assert error_of(presigned(server, expires=604_801))["__type"] == "IncompleteSignatureException"
    assert tuple(error_of(presigned(server, sent=b'{"NumberOfBytes": 17}')).values()) == MISMATCH


def test_a_signature_covers_everything_that_counts(server: Server) -> None:
    """With another operation, another time or another body it is not the signature of this request."""
    headers = signed_headers(server, "GenerateRandom", BODY)
    assert once(server, framed(headers, BODY)).status == 200
    for changed in ({"X-Amz-Target": "TrentService.CreateKey"}, {"Host": "localhost"}, {"Content-Type": "text/plain"}):
        assert tuple(error_of(once(server, framed({**headers, **changed}, BODY))).values()) == MISMATCH
    assert tuple(error_of(once(server, framed(headers, BODY + b" "))).values()) == MISMATCH
    old = {**headers, "X-Amz-Date": "20200101T000000Z"}
    assert error_of(once(server, framed(old, BODY)))["__type"] == "InvalidSignatureException"
