"""Tag, Untag and List…Tags of users, roles, managed policies and OpenID Connect providers.

Source: IAM API Reference, "TagUser", "TagRole", "TagPolicy", "TagOpenIDConnectProvider" and their like.
"""

from typing import Any, Final, NamedTuple

from selfkms.domain.iam.aws_managed_policies import AWSManagedPolicy
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.managed_policies import ManagedPolicy
from selfkms.domain.iam.principals import Role, User
from selfkms.domain.iam.tags import with_tags, without_tags
from selfkms.services.context import Context
from selfkms.services.iam.known_policies import own_policy
from selfkms.services.iam.paging import Paged
from selfkms.services.iam.tagging import (
    ListTagsResult,
    TagEntry,
    check_tags,
    list_tags,
    of_tagging,
    of_untagging,
    tags_of,
)
from selfkms.services.operation import Audit, Entity, EntityNamed, Operation
from selfkms.services.shapes import Shape

Tagged = User | Role | ManagedPolicy | OIDCProvider


class TagUserRequest(Shape, frozen=True, kw_only=True):
    user_name: str
    tags: tuple[TagEntry, ...]


class TagRoleRequest(Shape, frozen=True, kw_only=True):
    role_name: str
    tags: tuple[TagEntry, ...]


class TagPolicyRequest(Shape, frozen=True, kw_only=True):
    policy_arn: str
    tags: tuple[TagEntry, ...]


class TagOpenIDConnectProviderRequest(Shape, frozen=True, kw_only=True):
    openid_connect_provider_arn: str
    tags: tuple[TagEntry, ...]


class UntagUserRequest(Shape, frozen=True, kw_only=True):
    user_name: str
    tag_keys: tuple[str, ...]


class UntagRoleRequest(Shape, frozen=True, kw_only=True):
    role_name: str
    tag_keys: tuple[str, ...]


class UntagPolicyRequest(Shape, frozen=True, kw_only=True):
    policy_arn: str
    tag_keys: tuple[str, ...]


class UntagOpenIDConnectProviderRequest(Shape, frozen=True, kw_only=True):
    openid_connect_provider_arn: str
    tag_keys: tuple[str, ...]


class ListUserTagsRequest(Paged, frozen=True, kw_only=True):
    user_name: str


class ListRoleTagsRequest(Paged, frozen=True, kw_only=True):
    role_name: str


class ListPolicyTagsRequest(Paged, frozen=True, kw_only=True):
    policy_arn: str


class ListOpenIDConnectProviderTagsRequest(Paged, frozen=True, kw_only=True):
    openid_connect_provider_arn: str


class _Kind(NamedTuple):
    """What differs between users, roles, managed policies and providers."""

    name: str
    """As it stands in the names of operations."""
    target: EntityNamed
    tag: type[Shape]
    untag: type[Shape]
    listing: type[Paged]


_KINDS: Final = (
    _Kind("User", EntityNamed(Entity.USER, "user_name"), TagUserRequest, UntagUserRequest, ListUserTagsRequest),
    _Kind("Role", EntityNamed(Entity.ROLE, "role_name"), TagRoleRequest, UntagRoleRequest, ListRoleTagsRequest),
    _Kind(
        "Policy", EntityNamed(Entity.POLICY, "policy_arn"), TagPolicyRequest, UntagPolicyRequest, ListPolicyTagsRequest
    ),
    _Kind(
        "OpenIDConnectProvider",
        EntityNamed(Entity.OIDC_PROVIDER, "openid_connect_provider_arn"),
        TagOpenIDConnectProviderRequest,
        UntagOpenIDConnectProviderRequest,
        ListOpenIDConnectProviderTagsRequest,
    ),
)


def tag(request: Any, tagged: Tagged | AWSManagedPolicy, context: Context) -> None:
    """Add tags, or give the ones that are there a new value.

    Raises:
        AccessDenied: it is a policy of AWS.
        LimitExceededException: there would be more than 50.
    """
    tagged = _own(tagged)
    context.put(tagged.changed(tags=with_tags(tagged.tags, tags_of(request.tags))))


def untag(request: Any, tagged: Tagged | AWSManagedPolicy, context: Context) -> None:
    """Remove tags by their keys; a key that is not there is no error.

    Raises:
        AccessDenied: it is a policy of AWS.
    """
    tagged = _own(tagged)
    context.put(tagged.changed(tags=without_tags(tagged.tags, request.tag_keys)))


def list_entity_tags(request: Any, tagged: Tagged | AWSManagedPolicy, context: Context) -> ListTagsResult:
    """The tags, sorted by their keys. A policy of AWS has none."""
    tags = () if isinstance(tagged, AWSManagedPolicy) else tagged.tags
    return list_tags(context, f"ListTags {tagged.arn}", request, tags)


def _own(tagged: Tagged | AWSManagedPolicy) -> Tagged:
    return own_policy(tagged) if isinstance(tagged, AWSManagedPolicy) else tagged


def _operations(kind: _Kind) -> tuple[Operation, ...]:
    member = kind.target.member
    return (
        Operation(
            f"Tag{kind.name}",
            service="iam",
            run=tag,
            request=kind.tag,
            check=check_tags,
            targets=(kind.target,),
            condition_keys=of_tagging,
            writes=True,
            audit=Audit(parameters=(member, "tags"), read_only=False),
        ),
        Operation(
            f"Untag{kind.name}",
            service="iam",
            run=untag,
            request=kind.untag,
            targets=(kind.target,),
            condition_keys=of_untagging,
            writes=True,
            audit=Audit(parameters=(member, "tag_keys"), read_only=False),
        ),
        Operation(
            f"List{kind.name}Tags",
            service="iam",
            run=list_entity_tags,
            request=kind.listing,
            targets=(kind.target,),
            audit=Audit(parameters=(member, "marker", "max_items")),
        ),
    )


OPERATIONS: Final = tuple(operation for kind in _KINDS for operation in _operations(kind))
