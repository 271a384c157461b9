"""Requests that are overtaken by changes: decided again, as if they had come after them."""

from collections.abc import Callable, Sequence

import pytest

from harness.policies import allow, can, change_user, deny, document, inline, new_group, new_user
from harness.world import Refused, World
from selfkms.adapters.memory.database import MemoryDatabase
from selfkms.domain.cloudtrail.record import AuditRecord
from selfkms.domain.iam.principals import AccessKeyStatus, Group
from selfkms.domain.records import Change, Put
from selfkms.ports.database import ConflictError


class InterruptedDatabase(MemoryDatabase):
    """Whatever is to be committed next is overtaken: somebody else commits first, and the request is decided again."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Callable[[], None] | None = None

    def commit(self, changes: Sequence[Change], audit: Sequence[AuditRecord] = ()) -> None:
        if self.first is not None:
            first, self.first = self.first, None
            first()
            raise ConflictError
        super().commit(changes, audit)


class ChangingDatabase(MemoryDatabase):
    """Somebody else commits between two reads of one request."""

    def __init__(self) -> None:
        super().__init__()
        self.between: Callable[[], None] | None = None

    def group(self, account_id: str, group_name: str) -> Group | None:
        if self.between is not None:
            between, self.between = self.between, None
            between()
        return super().group(account_id, group_name)


class TestDecidingAgain:
    """A request that was overtaken by other changes is decided as if it had come after them."""

    def test_policies_that_were_taken_away_meanwhile(self) -> None:
        """What the caller was no longer permitted when the request was decided again is refused."""
        database = InterruptedDatabase()
        world = World(database=database)
        key = world.make_key()["KeyId"]
        new_user(world, "mallory", inline_policies=inline(document(allow("kms:*"))))
        database.first = lambda: change_user(world, "mallory", inline_policies=())
        assert not can(lambda: world.call("DisableKey", {"KeyId": key}, by="mallory"))

    def test_a_boundary_that_was_set_meanwhile(self) -> None:
        """So is what a permissions boundary came to forbid."""
        database = InterruptedDatabase()
        world = World(database=database)
        key = world.make_key()["KeyId"]
        new_user(world, "mallory", inline_policies=inline(document(allow("kms:*"))))
        boundary = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
        database.first = lambda: change_user(world, "mallory", permissions_boundary=boundary)
        assert not can(lambda: world.call("DisableKey", {"KeyId": key}, by="mallory"))

    def test_an_access_key_that_was_deactivated_meanwhile(self) -> None:
        """An access key that was switched off meanwhile changes nothing any more."""
        database = InterruptedDatabase()
        world = World(database=database)
        key = world.make_key()["KeyId"]
        new_user(world, "mallory", inline_policies=inline(document(allow("kms:*"))))
        access_key = database.access_key(world.credentials["mallory"].access_key_id)
        assert access_key is not None
        inactive = access_key.changed(status=AccessKeyStatus.INACTIVE)
        database.first = lambda: database.commit([Put(inactive)])
        with pytest.raises(Refused):
            world.call("DisableKey", {"KeyId": key}, by="mallory")

    def test_an_access_key_for_another_user_of_the_old_name(self) -> None:
        """A user who was renamed meanwhile makes no access key of the user who got its name."""
        database = InterruptedDatabase()
        world = World(database=database)
        new_user(world, "mallory", inline_policies=inline(document(allow("iam:CreateAccessKey"))))

        def swap() -> None:
            world.iam("UpdateUser", {"UserName": "mallory", "NewUserName": "former"})
            world.iam("CreateUser", {"UserName": "mallory"})

        database.first = swap
        made = world.iam("CreateAccessKey", {}, by="mallory")["AccessKey"]
        assert made["UserName"] == "former"

    def test_one_state_of_the_records(self) -> None:
        """What neither the old nor the new policies permit is refused, also while they are changed one by one."""
        database = ChangingDatabase()
        world = World(database=database)
        key = world.make_key()["KeyId"]
        group = new_group(world, "staff", inline_policies=inline(document(deny("kms:Encrypt"))))
        policies = inline(document(allow("kms:*")))
        new_user(world, "mallory", group_names=("staff",), inline_policies=policies)

        def allow_then_deny_are_removed() -> None:
            change_user(world, "mallory", inline_policies=())
            database.commit([Put(group.changed(row_version=1, inline_policies=()))])

        request = {"KeyId": key, "Plaintext": "AAAA"}
        assert not can(lambda: world.call("Encrypt", request, by="mallory")), "as it was"
        database.between = allow_then_deny_are_removed
        assert not can(lambda: world.call("Encrypt", request, by="mallory")), "while it changes"
