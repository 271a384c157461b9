"""Who may look into the policies of a principal."""

import pytest

from harness.policies import allow, deny, document, new_group, new_role, new_user, only
from harness.world import ALICE_ACCOUNT, World

PREFIX = f"arn:aws:iam::{ALICE_ACCOUNT}:"
OPERATIONS = ("SimulatePrincipalPolicy", "GetContextKeysForPrincipalPolicy")
PRINCIPALS = ("user/ann", "group/team", "role/builder")


@pytest.fixture
def world(world: World) -> World:
    """With a user, a group and a role."""
    new_user(world, "ann")
    new_group(world, "team")
    new_role(world, "builder", document(allow("sts:AssumeRole", principal="*")))
    return world


def parameters(operation: str, arn: str) -> dict[str, object]:
    actions = {"ActionNames": ["kms:Decrypt"]} if operation.startswith("Simulate") else {}
    return {"PolicySourceArn": arn, **actions}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("principal", PRINCIPALS)
def test_permission_is_asked_for_on_the_principal(world: World, operation: str, principal: str) -> None:
    """A Deny about it stops the request, and one about another principal does not."""
    arn = PREFIX + principal
    only(world, allow("iam:*"), deny(f"iam:{operation}", resource=arn))
    text = (
        f"User: {PREFIX}user/admin is not authorized to perform: iam:{operation} on resource: {arn} "
        "with an explicit deny in an identity-based policy"
    )
    assert world.iam_refusal(operation, parameters(operation, arn)) == (403, "AccessDenied", text)
    only(world, allow("iam:*"), deny(f"iam:{operation}", resource=f"{arn}x"))
    world.iam(operation, parameters(operation, arn))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("principal", PRINCIPALS)
def test_permission_on_the_principal_is_enough(world: World, operation: str, principal: str) -> None:
    """An Allow about it alone lets the request through."""
    only(world, allow(f"iam:{operation}", resource=PREFIX + principal))
    world.iam(operation, parameters(operation, PREFIX + principal))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_principals_that_are_not_there(world: World, operation: str) -> None:
    """Each kind has its text, and a caller without permission does not learn it."""
    for kind in ("user", "group", "role"):
        arn = f"{PREFIX}{kind}/nobody"
        missing = (404, "NoSuchEntity", f"The {kind} with name nobody cannot be found.")
        assert world.iam_refusal(operation, parameters(operation, arn)) == missing
        assert world.iam_refusal(operation, parameters(operation, arn), by="ann")[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_session_is_no_principal(world: World, operation: str) -> None:
    """AWS's text, which tells scripts to use the ARN of the role."""
    arn = f"arn:aws:sts::{ALICE_ACCOUNT}:assumed-role/builder/s"
    text = f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
    assert world.iam_refusal(operation, parameters(operation, arn)) == (400, "InvalidInput", text)
