"""Managed policies and their versions."""

from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion

POLICY = ManagedPolicy(
    account_id="111122223333",
    policy_name="Keys",
    policy_id="ANPA",
    created_at=0.0,
    updated_at=1.0,
    path="/team/",
    versions=(PolicyVersion("v1", "old", 0.0), PolicyVersion("v3", "new", 1.0)),
    default_version_id="v1",
    versions_made=3,
)


def test_the_arn_has_the_path() -> None:
    """And the name as it was written; the primary key ignores both path and case."""
    assert POLICY.arn == "arn:aws:iam::111122223333:policy/team/Keys"
    assert POLICY.primary_key() == ("111122223333", "keys")


def test_the_document_is_that_of_the_default_version() -> None:
    """Not that of the newest."""
    assert POLICY.document == "old"
    assert POLICY.changed(default_version_id="v3").document == "new"
