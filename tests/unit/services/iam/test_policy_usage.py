"""What managed policies are used for in an account."""

from collections.abc import Callable

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.aws_managed_policies import ADMINISTRATOR_ACCESS
from selfkms.domain.iam.principals import Group, Role, User
from selfkms.domain.records import Put
from selfkms.services.context import Context
from selfkms.services.iam.policy_usage import PolicyUsage


def test_users_groups_and_roles_of_the_account_count(world: World, make_context: Callable[..., Context]) -> None:
    """Each as often as it has a policy; a boundary counts apart."""
    for account_id in (ALICE_ACCOUNT, BOB_ACCOUNT):
        user = User(account_id=account_id, user_name="u", user_id="AIDA", created_at=0.0, permissions_boundary="a")
        group = Group(account_id=account_id, group_name="g", group_id="AGPA", created_at=0.0)
        role = Role(account_id=account_id, role_name="r", role_id="AROA", created_at=0.0, trust_policy="")
        holders = (user, group, role.changed(permissions_boundary="a"))
        world.database.commit([Put(holder.changed(attached_policy_arns=("a", "b"))) for holder in holders])
    usage = PolicyUsage.of_account(make_context())
    assert usage.attachments == {"a": 3, "b": 3, ADMINISTRATOR_ACCESS: 1}
    assert usage.boundaries == {"a": 2}
    assert usage.attachments["unused"] == 0
