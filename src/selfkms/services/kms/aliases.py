"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases.

Source: AWS KMS API Reference, the operations of these names; KMS developer guide, "Aliases in AWS KMS".
"""

from typing import Final

from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.aliases import ALIAS_PREFIX, Alias, check_alias_name
from selfkms.domain.kms.errors import AlreadyExistsException, LimitExceededException
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.limits import ALIASES_PER_KEY_MAX, LIST_ALIASES
from selfkms.services.context import Context
from selfkms.services.kms.paging import Page, Paged, page
from selfkms.services.operation import AliasNamed, Audit, KeyNamed, Operation
from selfkms.services.shapes import Shape


class AliasRequest(Shape, frozen=True, kw_only=True):
    """CreateAlias and UpdateAlias."""

    alias_name: str
    target_key_id: str


class DeleteAliasRequest(Shape, frozen=True, kw_only=True):
    alias_name: str


class ListAliasesRequest(Paged, frozen=True, kw_only=True):
    key_id: str | None = None


class AliasListEntry(Shape, frozen=True, kw_only=True):
    alias_name: str
    alias_arn: str
    target_key_id: str
    creation_date: float
    last_updated_date: float


class ListAliasesResult(Page, frozen=True, kw_only=True):
    aliases: tuple[AliasListEntry, ...]


def check_alias_request(request: AliasRequest) -> None:
    """Refuse a name that may not be made, and a target that is not a key."""
    check_alias_name(request.alias_name)
    target = request.target_key_id
    if target.startswith(ALIAS_PREFIX) or f":{ALIAS_PREFIX}" in target:
        raise ValidationException("Aliases must refer to keys. Not aliases")


def check_delete_alias(request: DeleteAliasRequest) -> None:
    """Refuse a name that cannot have been made."""
    check_alias_name(request.alias_name)


def create_alias(request: AliasRequest, key: KMSKey, context: Context) -> None:
    """Give a KMS key a name.

    Raises:
        AlreadyExistsException: the name is taken in this account and Region.
        LimitExceededException: the key has 50 aliases.
    """
    alias = Alias(
        account_id=context.account_id,
        region=context.region,
        alias_name=request.alias_name,
        target_key_id=key.key_id,
        created_at=context.now,
        updated_at=context.now,
    )
    if context.database.alias(*alias.primary_key()) is not None:
        raise AlreadyExistsException(f"An alias with the name {alias.arn} already exists")
    _check_alias_count(key, context)
    # The key's row version is raised too: two aliases made at once must not both slip below the limit, and a key whose
    # end came meanwhile must not leave an alias behind.
    context.put(key)
    context.put(alias)


def update_alias(_request: AliasRequest, alias: Alias, present: KMSKey, new: KMSKey, context: Context) -> None:
    """Point a name to another KMS key: how keys are rotated by hand.

    Raises:
        ValidationException: the new key is of another kind.
        LimitExceededException: the new key has 50 aliases.
    """
    if new.key_usage is not present.key_usage:
        raise ValidationException(
            f"Alias {alias.alias_name} cannot be changed from a CMK with key usage {present.key_usage} "
            f"to a CMK with key usage {new.key_usage}. "
            "The key usage of the current CMK and the new CMK must be the same."
        )
    if new.kind != present.kind:
        raise ValidationException(
            f"Alias {alias.alias_name} cannot be changed from a CMK of type {present.kind} "
            f"to a CMK of type {new.kind}. The type of the current CMK and the new CMK must be the same."
        )
    if new.key_id != present.key_id:
        _check_alias_count(new, context)
        context.put(new)
    context.put(alias.changed(target_key_id=new.key_id, updated_at=context.now))


def delete_alias(_request: DeleteAliasRequest, alias: Alias, _key: KMSKey, context: Context) -> None:
    """Remove a name; the KMS key stays."""
    context.remove(alias)


def list_aliases(request: ListAliasesRequest, key: KMSKey | None, context: Context) -> ListAliasesResult:
    """The aliases of the account and Region, or those of one KMS key, in the order of their names."""

    def read(after: str, count: int) -> list[Alias]:
        if key is None:
            return context.database.aliases(context.account_id, context.region, after=after, limit=count)
        of_key = context.database.aliases_of_key(key.account_id, key.region, key.key_id)
        return [alias for alias in of_key if alias.alias_name > after][:count]

    aliases, marker = page(
        context,
        f"ListAliases {key.key_id if key else ''}",
        request,
        LIST_ALIASES,
        read=read,
        position=lambda alias: alias.alias_name,
    )
    return ListAliasesResult(
        aliases=tuple(_list_entry(alias) for alias in aliases),
        next_marker=marker,
        truncated=marker is not None,
    )


def _check_alias_count(key: KMSKey, context: Context) -> None:
    if len(context.database.aliases_of_key(key.account_id, key.region, key.key_id)) >= ALIASES_PER_KEY_MAX:
        raise LimitExceededException(f"{key.arn} has reached the limit of {ALIASES_PER_KEY_MAX} aliases.")


def _list_entry(alias: Alias) -> AliasListEntry:
    return AliasListEntry(
        alias_name=alias.alias_name,
        alias_arn=alias.arn,
        target_key_id=alias.target_key_id,
        creation_date=alias.created_at,
        last_updated_date=alias.updated_at,
    )


_CHANGE: Final = Audit(parameters=("alias_name", "target_key_id"), answers=("key_id",), read_only=False)

OPERATIONS: Final = (
    Operation(
        "CreateAlias",
        run=create_alias,
        request=AliasRequest,
        check=check_alias_request,
        targets=(AliasNamed(exists=False), KeyNamed("target_key_id")),
        writes=True,
        audit=_CHANGE,
    ),
    Operation(
        "UpdateAlias",
        run=update_alias,
        request=AliasRequest,
        check=check_alias_request,
        targets=(AliasNamed(), KeyNamed("target_key_id")),
        writes=True,
        audit=_CHANGE,
    ),
    Operation(
        "DeleteAlias",
        run=delete_alias,
        request=DeleteAliasRequest,
        check=check_delete_alias,
        targets=(AliasNamed(),),
        writes=True,
        audit=Audit(parameters=("alias_name",), answers=("key_id",), read_only=False),
    ),
    Operation(
        "ListAliases",
        run=list_aliases,
        request=ListAliasesRequest,
        targets=(KeyNamed(optional=True, permission=False),),
        audit=Audit(parameters=("key_id", "limit", "marker")),
    ),
)
