"""What the tests of IAM's operations share: users who may do exactly what a test says, and contexts for handlers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.world import ALICE_ACCOUNT, REGION, World
from selfkms.domain.iam.callers import Caller
from selfkms.domain.iam.principals import InlinePolicy, User
from selfkms.domain.records import Put
from selfkms.services.context import Context

MakeCaller = Callable[..., str]


@pytest.fixture
def make_caller(world: World) -> MakeCaller:
    """Make a user with an access key whom an inline policy allows what is given; their name is one to send `by`."""

    def make(user_name: str, *statements: dict[str, Any], path: str = "/") -> str:
        world.iam("CreateUser", {"UserName": user_name, "Path": path})
        world.remember(user_name, world.iam("CreateAccessKey", {"UserName": user_name})["AccessKey"])
        user = world.database.user(ALICE_ACCOUNT, user_name)
        assert isinstance(user, User)
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        if statements:
            world.database.commit([Put(user.changed(inline_policies=(InlinePolicy("allowed", document),)))])
        return user_name

    return make


@pytest.fixture
def make_context(world: World) -> Callable[..., Context]:
    """Make a context in which a handler is called without the gate; by default the root user's."""

    def make(caller: Caller | None = None) -> Context:
        return Context(
            caller=caller or Caller.root(ALICE_ACCOUNT, ""),
            region=REGION,
            now=world.clock.now(),
            database=world.database,
            key_store=world.key_store,
            entropy=world.entropy,
            keys=world.keys,
        )

    return make
