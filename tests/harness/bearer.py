"""Requests that carry a web identity token instead of a signature, to a world in memory."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.issuer import AUDIENCE, Issuer
from harness.world import ALICE_ACCOUNT, PARSERS, Refused, World
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.principals import InlinePolicy, Role
from selfkms.domain.records import Put
from selfkms.protocol.http import HTTPRequest

OPERATION = "AssumeRoleWithWebIdentity"
PROVIDER = "token.example.org/tenant"
PROVIDER_ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:oidc-provider/{PROVIDER}"
ROLE_ARN = f"arn:aws:iam::{ALICE_ACCOUNT}:role/app"
NOT_PERMITTED = (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")


def trusting(**changed: Any) -> dict[str, Any]:
    """A statement of a trust policy that lets in whoever has a token of the provider."""
    return {"Effect": "Allow", "Principal": {"Federated": PROVIDER_ARN}, "Action": f"sts:{OPERATION}", **changed}


def make_role(world: World, *statements: dict[str, Any], name: str = "app", **members: Any) -> Role:
    """A role of the first account that may use KMS and STS, with these statements in its trust policy."""
    permissions = {"Effect": "Allow", "Action": ["kms:*", "sts:*"], "Resource": "*"}
    role = Role(
        account_id=ALICE_ACCOUNT,
        created_at=world.clock.now(),
        role_name=name,
        role_id=f"AROA{name.upper():A<17}"[:21],
        trust_policy=json.dumps({"Version": "2012-10-17", "Statement": statements or [trusting()]}),
        inline_policies=(InlinePolicy("own", json.dumps({"Version": "2012-10-17", "Statement": [permissions]})),),
        **members,
    )
    world.database.commit([Put(role)])
    return role


def make_provider(
    world: World, *, account_id: str = ALICE_ACCOUNT, client_ids: tuple[str, ...] = (AUDIENCE,)
) -> Issuer:
    """An issuer that an account trusts, with keys that the world knows."""
    provider = OIDCProvider(
        account_id=account_id, host_and_path=PROVIDER, created_at=world.clock.now(), client_ids=client_ids
    )
    world.database.commit([Put(provider)])
    return world.issuers.known.setdefault(provider.url, Issuer(provider.url))


def asked(token: str, **changed: Any) -> dict[str, Any]:
    """The parameters of a request."""
    return {"RoleArn": ROLE_ARN, "RoleSessionName": "pod-1", "WebIdentityToken": token, **changed}


def request(world: World, parameters: Mapping[str, Any], *, host: str = "sts.amazonaws.com") -> HTTPRequest:
    """The request as an SDK sends it: without any signature."""
    signed = world.query_request("sts", OPERATION, parameters)
    headers = [(name, value) for name, value in signed.headers if name == "content-type"]
    return msgspec.structs.replace(signed, headers=(*headers, ("host", host)))


def sent(world: World, sending: HTTPRequest) -> dict[str, Any]:
    """The answer, or `Refused`."""
    model, parser = PARSERS["sts"]
    response = world.send(sending).response
    answer: dict[str, Any] = parser.parse(
        {"body": response.body, "headers": dict(response.headers), "status_code": response.status},
        model.operation_model(OPERATION).output_shape,
    )
    answer.pop("ResponseMetadata", None)
    if response.status != 200:
        raise Refused(response.status, {"__type": answer["Error"]["Code"], "message": answer["Error"].get("Message")})
    return answer


def assume(world: World, token: str, name: str = "session", **changed: Any) -> dict[str, Any]:
    """The answer; its credentials are then remembered by a name."""
    answer = sent(world, request(world, asked(token, **changed)))
    world.remember(name, answer["Credentials"])
    return answer


def refusal(world: World, token: str, **changed: Any) -> tuple[int, str, str | None]:
    """Status, code and text of the error that answers."""
    try:
        answer = sent(world, request(world, asked(token, **changed)))
    except Refused as refused:
        return refused.status, refused.code, refused.message
    raise AssertionError(f"it was answered: {answer}")
