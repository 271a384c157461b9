"""STS over a real socket, as boto3 speaks it."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server

LIST_KEYS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}'

ClientOf = Callable[..., Any]


@pytest.fixture
def client_of(server: Server) -> ClientOf:
    """A client with the Credentials of an answer."""

    def make(service: str, credentials: dict[str, str]) -> Any:
        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name="us-east-1",
        )
        return session.client(service, endpoint_url=server.endpoint, config=Config(retries={"total_max_attempts": 1}))

    return make


def test_callers_learn_who_they_are(server: Server) -> None:
    """The administrator and the root user of each account."""
    for account_id in (ALICE_ACCOUNT, BOB_ACCOUNT):
        with closing(server.client(service="sts", profile=account_id)) as sts:
            identity = sts.get_caller_identity()
            assert (identity["Account"], identity["Arn"]) == (account_id, f"arn:aws:iam::{account_id}:user/admin")
            assert identity["UserId"].startswith("AIDA")
    with closing(server.client(service="sts", profile=f"{ALICE_ACCOUNT}-root")) as sts:
        assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ALICE_ACCOUNT}:root"


def test_a_session_of_a_user_uses_kms(server: Server, client_of: ClientOf) -> None:
    """With a session token in every request, also the longest one."""
    with closing(server.client(service="sts")) as sts:
        for size in (0, 4096):
            answer = sts.get_session_token(MinimumSessionTokenSize=size)
            assert len(answer["Credentials"]["SessionToken"]) == answer["SessionTokenSize"] >= size
            with closing(client_of("kms", answer["Credentials"])) as kms:
                kms.list_keys()
            with closing(client_of("sts", answer["Credentials"])) as of_session:
                assert of_session.get_caller_identity()["Arn"] == f"arn:aws:iam::{ALICE_ACCOUNT}:user/admin"


def test_a_federated_user_is_limited(server: Server, client_of: ClientOf) -> None:
    """By the policy that came with the request."""
    with closing(server.client(service="sts")) as sts:
        answer = sts.get_federation_token(
            Name="bob", Policy=LIST_KEYS, DurationSeconds=900, Tags=[{"Key": "Team", "Value": "red"}]
        )
    assert answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{ALICE_ACCOUNT}:federated-user/bob"
    with closing(client_of("kms", answer["Credentials"])) as kms:
        kms.list_keys()
        with pytest.raises(ClientError) as refused:
            kms.list_aliases()
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_refusals_are_the_exceptions_of_boto3(server: Server) -> None:
    """Codes, statuses and texts, read from XML."""
    with closing(server.client(service="sts")) as sts:
        with pytest.raises(sts.exceptions.MalformedPolicyDocumentException):
            sts.get_federation_token(Name="bob", Policy="{}")
        with pytest.raises(sts.exceptions.InvalidAuthorizationMessageException):
            sts.decode_authorization_message(EncodedMessage="none of ours")
        with pytest.raises(ClientError) as refused:
            sts.assume_role(RoleArn=f"arn:aws:iam::{ALICE_ACCOUNT}:role/nobody", RoleSessionName="build")
    answer = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDenied", 403)
    assert "sts:AssumeRole" in answer["Error"]["Message"]


def test_an_altered_session_token_is_refused(server: Server, client_of: ClientOf) -> None:
    """And one that belongs to another access key."""
    with closing(server.client(service="sts")) as sts:
        first, second = (sts.get_session_token()["Credentials"] for _ in range(2))
    for token in (second["SessionToken"], first["SessionToken"][:-6] + "AAAAA="):
        with (
            closing(client_of("sts", {**first, "SessionToken": token})) as forged,
            pytest.raises(ClientError) as refused,
        ):
            forged.get_caller_identity()
        assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"
