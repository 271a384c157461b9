"""What the tests of the protocol share: KMS's model, and botocore as the signer that verification is held against."""

import hashlib
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from selfkms.protocol.http import HTTPRequest
from selfkms.protocol.model import ServiceModel

ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

Sign = Callable[..., HTTPRequest]


class QueryAuthWithBody(SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
    """botocore moves the body of a presigned request into its query; this keeps it where it is."""

    def __init__(self, credentials: Credentials, region: str, expires_seconds: int, body: bytes) -> None:
        super().__init__(credentials, "kms", region, expires_seconds)
        self._body = body

    def payload(self, _request: AWSRequest) -> str:
        return hashlib.sha256(self._body).hexdigest()


@pytest.fixture(scope="session")
def kms() -> ServiceModel:
    return ServiceModel.load("kms")


@pytest.fixture(scope="session")
def sign() -> Sign:
    """Have botocore sign a request, and receive it as the server would."""

    def sign(  # noqa: PLR0913  all of a request may be varied
        *,
        method: str = "POST",
        url: str = "http://kms.us-east-1.amazonaws.com/",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"{}",
        service: str = "kms",
        region: str = "us-east-1",
        presigned_seconds: int | None = None,
        session_token: str | None = None,
        received_host: str | None = None,
    ) -> HTTPRequest:
        request = AWSRequest(method=method, url=url, headers=dict(headers or {}), data=body)
        credentials = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, session_token)
        if presigned_seconds is None:
            SigV4Auth(credentials, service, region).add_auth(request)
        else:
            request.data = b""
            QueryAuthWithBody(credentials, region, presigned_seconds, body).add_auth(request)
        parts = urlsplit(request.url)
        received = [("host", received_host or parts.netloc)]
        for name, value in request.headers.items():
            text = value if isinstance(value, str) else value.decode()
            received.append((name.lower(), text.strip(" ").encode().decode("latin-1")))
        return HTTPRequest(
            method=method,
            target=parts.path + (f"?{parts.query}" if parts.query else ""),
            headers=tuple(received),
            body=body,
            peer="192.0.2.1",
        )

    return sign
