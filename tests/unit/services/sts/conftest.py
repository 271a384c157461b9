"""Roles and users for STS, put into the database as IAM would."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, World
from selfkms.domain.iam.principals import InlinePolicy, Role
from selfkms.domain.records import Put

MakeRole = Callable[..., Role]

EVERY_ACTION = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


@pytest.fixture
def make_role(world: World) -> MakeRole:
    """A role `name` of the first account that trusts its users and roles; `allows` is what it may do itself."""

    def make(
        name: str,
        *,
        account_id: str = ALICE_ACCOUNT,
        path: str = "/",
        trusts: Any = None,
        actions: list[str] = EVERY_ACTION,
        condition: dict[str, Any] | None = None,
        allows: list[str] | None = None,
        **members: Any,
    ) -> Role:
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"AWS": trusts or f"arn:aws:iam::{ALICE_ACCOUNT}:root"},
            "Action": actions,
        }
        if condition is not None:
            statement["Condition"] = condition
        permissions = {"Effect": "Allow", "Action": allows or ["sts:*"], "Resource": "*"}
        role = Role(
            account_id=account_id,
            created_at=world.clock.now(),
            path=path,
            role_name=name,
            role_id=f"AROA{name.upper():A<17}"[:21],
            trust_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            inline_policies=(InlinePolicy("own", json.dumps({"Version": "2012-10-17", "Statement": [permissions]})),),
            **members,
        )
        world.database.commit([Put(role)])
        return role

    return make
