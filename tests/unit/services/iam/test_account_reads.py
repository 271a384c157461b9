"""ListAccountAliases, GetAccountSummary."""

import botocore.loaders

from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, World
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.iam.principals import Role
from selfkms.domain.records import Put


def test_there_are_no_account_aliases(world: World) -> None:
    """The answer is whole all the same."""
    assert world.iam("ListAccountAliases") == {"AccountAliases": [], "IsTruncated": False}


def test_the_summary_counts_what_is_there(world: World) -> None:
    """Of this account alone."""
    for name in ("Bob", "Carl"):
        world.iam("CreateUser", {"UserName": name})
    world.iam("CreateGroup", {"GroupName": "g"})
    versions = (PolicyVersion("v1", "{}", 0.0), PolicyVersion("v2", "{}", 0.0))
    world.database.commit(
        [
            Put(Role(account_id=ALICE_ACCOUNT, role_name="r", role_id="AROA", created_at=0.0, trust_policy="{}")),
            Put(OIDCProvider(account_id=ALICE_ACCOUNT, host_and_path="example.org", created_at=0.0)),
            Put(
                ManagedPolicy(
                    account_id=ALICE_ACCOUNT,
                    policy_name="p",
                    policy_id="ANPA",
                    created_at=0.0,
                    updated_at=0.0,
                    versions=versions,
                    default_version_id="v2",
                )
            ),
        ]
    )
    names = ("Users", "Groups", "Roles", "Policies", "PolicyVersionsInUse", "Providers", "AccountAccessKeysPresent")
    summary = world.iam("GetAccountSummary")["SummaryMap"]
    assert [summary[name] for name in names] == [3, 1, 1, 1, 2, 1, 1]
    other = world.iam("GetAccountSummary", by=BOB_ACCOUNT)["SummaryMap"]
    assert [other[name] for name in names] == [1, 0, 0, 0, 0, 0, 1]


def test_the_summary_has_every_entry_of_the_model(world: World) -> None:
    """No more and no fewer: tools read some of them without asking whether they are there."""
    model = botocore.loaders.Loader().load_service_model("iam", "service-2")
    assert world.iam("GetAccountSummary")["SummaryMap"].keys() == {*model["shapes"]["summaryKeyType"]["enum"]}


def test_the_summary_says_the_quotas(world: World) -> None:
    """Those that are kept."""
    summary = world.iam("GetAccountSummary")["SummaryMap"]
    assert (summary["UsersQuota"], summary["GroupsQuota"], summary["AccessKeysPerUserQuota"]) == (5000, 300, 2)
    assert world.record()["readOnly"] is True
