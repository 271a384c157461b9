"""What a request is about, once it is looked up: what stands there unless somebody says otherwise."""

from typing import Any, get_args

import msgspec
import pytest

from selfkms.gate.resolved import (
    Resolved,
    ResolvedAlias,
    ResolvedEntity,
    ResolvedGrant,
    ResolvedKey,
    ResolvedPrincipal,
    ResolvedRole,
    ResolvedStorage,
    ResolvedTrail,
    Resource,
)

ARN = "arn:of:resource"
EACH: dict[type, Any] = {
    ResolvedKey: ResolvedKey(key=None, arn=ARN, named_arn=ARN, owner="1", action="kms:Encrypt"),
    ResolvedAlias: ResolvedAlias(arn=ARN, action="kms:CreateAlias"),
    ResolvedGrant: ResolvedGrant(grant=None, key=None, arn=ARN, owner="1", action="kms:RetireGrant"),
    ResolvedPrincipal: ResolvedPrincipal(arn=ARN, action="kms:ListRetirableGrants"),
    ResolvedEntity: ResolvedEntity(arn=ARN, action="iam:GetUser"),
    ResolvedTrail: ResolvedTrail(arn=ARN, action="cloudtrail:GetTrail"),
    ResolvedStorage: ResolvedStorage(arn=ARN, action="ec2:DeleteSnapshot", owner="1"),
    ResolvedRole: ResolvedRole(role=None, arn=ARN, owner="1", actions=("sts:AssumeRole",)),
}


def test_every_kind_is_here() -> None:
    """A new kind of resource is added to this file, and to whatever tells them apart."""
    assert set(get_args(Resource)) == set(EACH)


@pytest.mark.parametrize("kind", EACH)
def test_none_can_be_changed(kind: type) -> None:
    """What was authorized is what is acted on."""
    resource = EACH[kind]
    assert resource.arn == ARN
    for field in msgspec.structs.fields(kind):
        with pytest.raises(AttributeError):
            setattr(resource, field.name, None)


def test_a_key_is_looked_at_unless_its_state_does_not_matter() -> None:
    """State and usage are asked, no blob named it, and no alias."""
    key = EACH[ResolvedKey]
    assert (key.admitted, key.by_ciphertext, key.request_alias) == (True, False, None)
    assert (key.condition_keys, key.encryption_context) == (None, None)


def test_an_entity_is_there_unless_it_is_missing() -> None:
    """Without tags and without a boundary."""
    entity = EACH[ResolvedEntity]
    assert (entity.missing, entity.tags, entity.permissions_boundary) == (None, (), None)


def test_storage_is_there_unless_it_is_missing() -> None:
    """It is nothing new, and not about blocks."""
    storage = EACH[ResolvedStorage]
    assert (storage.missing, storage.new, storage.data, storage.tags, storage.facts) == (None, False, False, (), {})


def test_all_of_a_request() -> None:
    """Resources and arguments are in the order of the targets, and cannot be replaced."""
    resolved = Resolved(resources=tuple(EACH.values()), arguments=(None,))
    assert [type(resource) for resource in resolved.resources] == list(EACH)
    with pytest.raises(AttributeError):
        resolved.arguments = ()  # type: ignore[misc]  # that it cannot be set is the claim
