"""The two tables, and that each operation is one of its service's."""

from selfkms.services.ebs.table import DIRECT, EC2


def test_each_operation_is_of_its_service() -> None:
    """The prefix of its permission says which."""
    assert {operation.service for operation in EC2.values()} == {"ec2"}
    assert {operation.service for operation in DIRECT.values()} == {"ebs"}


def test_all_direct_apis_are_served() -> None:
    """There are six."""
    assert len(DIRECT) == 6


def test_a_dry_run_of_ec2_asks_for_the_permission_alone() -> None:
    """Of every operation that has one."""
    for operation in EC2.values():
        assert operation.dry_run_asks is ("dry_run" in operation.request.__struct_fields__)
