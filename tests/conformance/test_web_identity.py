"""AssumeRoleWithWebIdentity over real sockets: an issuer on this machine, its tokens, and what boto3 makes of them.

An issuer of IAM has no port: it listens on 443, at an address of this machine that nobody else has.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session as BotocoreSession

from harness.issuer import AUDIENCE, SUBJECT, Issuer, Published, certificates_for, published
from harness.server import ALICE_ACCOUNT, Server, read_journal, running

ROLE = f"arn:aws:iam::{ALICE_ACCOUNT}:role/app"


class Federation(NamedTuple):
    """A server, and an issuer that its first account trusts."""

    server: Server
    issuer: Issuer
    published: Published
    provider_arn: str

    @property
    def prefix(self) -> str:
        """How the condition keys of the issuer begin."""
        return self.issuer.url.removeprefix("https://")

    def refusal(self, token: str, **changed: Any) -> tuple[str, str]:
        """Code and text of the error that a token is answered with."""
        with closing(self.sts()) as sts, pytest.raises(ClientError) as refused:
            sts.assume_role_with_web_identity(**asked(token, **changed))
        error = refused.value.response["Error"]
        return error["Code"], error["Message"]

    def sts(self) -> Any:
        """A client without credentials."""
        return boto3.client(
            "sts",
            endpoint_url=self.server.endpoint,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
        )


def asked(token: str, **changed: Any) -> dict[str, Any]:
    return {"RoleArn": ROLE, "RoleSessionName": "pod-1", "WebIdentityToken": token, **changed}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """`selfkms dev` that may fetch from this machine and trusts the issuer's authority; the role `app` trusts it."""
    folder: Path = tmp_path_factory.mktemp("federation")
    address = f"127.{os.getpid() % 250 + 1}.{time.monotonic_ns() % 250 + 1}.7"
    certificates = certificates_for(address)
    (folder / "authority.pem").write_bytes(certificates.authority)
    try:
        publishing = published(certificates, folder, host=address, port=443)
        serving = publishing.__enter__()
    except PermissionError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs to listen on port 443")
    settings = ["web_identity.allow_private_addresses=true", f"web_identity.ca_file={folder / 'authority.pem'}"]
    options = [option for setting in settings for option in ("--set", setting)]
    issuer = Issuer(f"https://{address}")
    serving.answers.update(issuer.documents())
    try:
        with running(folder / "data", "--workers", "2", *options) as server:
            arn = _trusted(server, issuer)
            yield Federation(server, issuer, serving, arn)
    finally:
        publishing.__exit__(None, None, None)


def _trusted(server: Server, issuer: Issuer) -> str:
    """The ARN of the provider, for whose subject SUBJECT there is a role that may use KMS."""
    with closing(server.client(service="iam")) as iam:
        arn: str = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[AUDIENCE])[
            "OpenIDConnectProviderArn"
        ]
        prefix = issuer.url.removeprefix("https://")
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{prefix}:aud": AUDIENCE, f"{prefix}:sub": SUBJECT}},
        }
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=policy(trust))
        own = {
            "Effect": "Allow",
            "Action": "kms:*",
            "Resource": "*",
            "Condition": {"StringEquals": {f"{prefix}:sub": SUBJECT}},
        }
        iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=policy(own))
    return arn


def test_a_token_opens_a_key(federation: Federation) -> None:
    """Without any other credentials: assume the role, then encrypt and decrypt, permitted by the token's subject."""
    with closing(federation.server.client()) as kms:
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    with closing(federation.sts()) as sts:
        answer = sts.assume_role_with_web_identity(**asked(federation.issuer.token()))
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/app/pod-1"
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert (answer["Provider"], answer["Audience"]) == (federation.provider_arn, AUDIENCE)
    given = answer["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], "us-east-1")
    with closing(session.client("kms", endpoint_url=federation.server.endpoint)) as kms:
        blob = kms.encrypt(KeyId=key_id, Plaintext=b"secret")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"


def test_sdks_find_their_token_in_a_file(
    federation: Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pods of Kubernetes have it: two variables in the environment, and no line of code."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "token").write_text(federation.issuer.token())
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", federation.server.endpoint)
    session = boto3.Session(botocore_session=BotocoreSession(), region_name="us-east-1")
    with closing(session.client("kms")) as kms:
        assert "Keys" in kms.list_keys()
    with closing(session.client("sts")) as sts:
        assert sts.get_caller_identity()["Arn"].startswith(f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/app/")


def test_refusals(federation: Federation) -> None:
    """The exceptions of boto3, read from XML: another subject, audience, time, issuer, key, algorithm."""
    issuer = federation.issuer
    now = int(time.time())
    not_permitted = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    assert federation.refusal(issuer.token(sub="another")) == ("AccessDenied", not_permitted)
    assert federation.refusal(issuer.token(), RoleArn=f"{ROLE}2") == ("AccessDenied", not_permitted)
    assert federation.refusal(issuer.token(aud="another")) == ("InvalidIdentityToken", "Incorrect token audience")
    assert federation.refusal(issuer.token(exp=now - 1, iat=now - 60))[0] == "ExpiredTokenException"
    assert federation.refusal(issuer.token(iss="https://another.example"))[0] == "InvalidIdentityToken"
    assert federation.refusal(Issuer(issuer.url).token())[0] == "InvalidIdentityToken"
    assert federation.refusal(Issuer(issuer.url, key_id="unknown").token())[0] == "InvalidIdentityToken"
    assert federation.refusal("not-a-token")[0] == "InvalidIdentityToken"
    header, payload, _ = issuer.token().split(".")
    for forged in (f"{header}.{payload}.AAAA", f"eyJhbGciOiJub25lIn0.{payload}.AAAA"):
        assert federation.refusal(forged)[0] == "InvalidIdentityToken"


def test_keys_are_fetched_once_by_each_worker(federation: Federation) -> None:
    """However many tokens come."""
    with closing(federation.sts()) as sts:
        for _ in range(20):
            sts.assume_role_with_web_identity(**asked(federation.issuer.token()))
    assert federation.published.asked.count("/.well-known/openid-configuration") <= 4


def test_the_audit_names_whom_a_token_is_about(federation: Federation) -> None:
    """And holds neither the token nor the credentials."""
    token = federation.issuer.token()
    with closing(federation.sts()) as sts:
        answer = sts.assume_role_with_web_identity(**asked(token, RoleSessionName="for-the-audit"))
    journal = read_journal(federation.server.data_dir)
    records = [
        record
        for record in journal
        if (record.get("requestParameters") or {}).get("roleSessionName") == "for-the-audit"
    ]
    assert [record["userIdentity"]["userName"] for record in records] == [SUBJECT]
    assert records[0]["userIdentity"]["identityProvider"] == federation.provider_arn
    everything = json.dumps(records) + federation.server.log.read_text()
    for secret in (*token.split("."), answer["Credentials"]["SessionToken"], answer["Credentials"]["SecretAccessKey"]):
        assert secret not in everything


def test_private_addresses_are_not_asked(federation: Federation, tmp_path: Path) -> None:
    """By default: an account's administrator cannot make the server reach into its own network."""
    with running(tmp_path / "data", "--workers", "1") as server:
        _trusted(server, federation.issuer)
        asked_before = len(federation.published.asked)
        elsewhere = federation._replace(server=server)
        code, text = elsewhere.refusal(federation.issuer.token())
        assert code == "IDPCommunicationError"
        assert federation.prefix not in text
        assert len(federation.published.asked) == asked_before
