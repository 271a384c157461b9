"""From what a request names to the KMS keys and aliases it is about, as of now.

Source: KMS developer guide, "Key identifiers (KeyId)"; AWS KMS API Reference, "Decrypt".
"""

from typing import Any

import msgspec

from selfkms.domain.arns import ARN, PARTITION, alias_arn, is_account_id, is_key_id, key_arn
from selfkms.domain.kms.aliases import ALIAS_PREFIX, Alias
from selfkms.domain.kms.errors import NotFoundException
from selfkms.domain.kms.keys import KMSKey
from selfkms.ports.database import Database
from selfkms.ports.key_store import KeyStore
from selfkms.services.operation import AliasNamed, KeyNamed, KeyOfCiphertext, Operation, Target


class ResolvedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A KMS key that permission is asked for. One of another account may not exist: `key` is None then."""

    key: KMSKey | None
    arn: str
    owner: str
    action: str
    """The permission that is asked for on it."""
    admitted: bool = True
    """Whether its state must let the operation through."""
    by_ciphertext: bool = False
    """Whether the blob named it, not the caller."""
    named_arn: str
    """What the caller may be told before it is permitted: the key ARN, or the ARN of the foreign alias it named."""


class ResolvedAlias(msgspec.Struct, frozen=True, kw_only=True):
    """An alias that permission is asked for."""

    arn: str
    action: str


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """All targets of a request: what is asked for permission, and what the handler is given."""

    resources: tuple[ResolvedKey | ResolvedAlias, ...]
    arguments: tuple[KMSKey | Alias | None, ...]


class Resolver:
    """Looks up what requests name."""

    def __init__(self, database: Database, key_store: KeyStore) -> None:
        self._database = database
        self._key_store = key_store

    def resolve(self, operation: Operation, request: Any, *, account_id: str, region: str) -> Resolved:
        """The targets of a request.

        Raises:
            NotFoundException: not an identifier, or nothing of that name in the caller's own account and Region.
            InvalidCiphertextException: the blob is none of this installation's.
        """
        resources: list[ResolvedKey | ResolvedAlias] = []
        arguments: list[KMSKey | Alias | None] = []
        for target in operation.targets:
            found, given = self._one(target, operation, request, account_id=account_id, region=region)
            resources += found
            arguments += given
        return Resolved(resources=tuple(resources), arguments=tuple(arguments))

    def _one(
        self, target: Target, operation: Operation, request: Any, *, account_id: str, region: str
    ) -> tuple[list[ResolvedKey | ResolvedAlias], list[KMSKey | Alias | None]]:
        if isinstance(target, AliasNamed):
            name = getattr(request, target.member)
            if not target.exists:
                return [ResolvedAlias(arn=alias_arn(region, account_id, name), action=operation.action)], []
            alias = self._alias(account_id, region, name)
            key = self._own_key(account_id, region, alias.target_key_id)
            present = _resolved(key, operation.action, admitted=False)
            return [ResolvedAlias(arn=alias.arn, action=operation.action), present], [alias, key]
        if isinstance(target, KeyOfCiphertext):
            return self._of_ciphertext(target, operation, request, account_id=account_id, region=region)
        named = getattr(request, target.member)
        if named is None and target.optional:
            return [], [None]
        found = self._named(named, target, operation, account_id=account_id, region=region)
        # One that is not there for the caller is refused even where none of its permissions would be asked for.
        return ([found] if target.permission or found.key is None else []), [found.key]

    def _of_ciphertext(
        self, target: KeyOfCiphertext, operation: Operation, request: Any, *, account_id: str, region: str
    ) -> tuple[list[ResolvedKey | ResolvedAlias], list[KMSKey | Alias | None]]:
        action = target.action or operation.action
        named = getattr(request, target.key_member)
        if named is not None:
            by_name = KeyNamed(target.key_member, aliases=True, foreign=True, action=action)
            found = self._named(named, by_name, operation, account_id=account_id, region=region)
            return [found], [found.key]
        key = self._database.key_of_material(region, self._key_store.identify(getattr(request, target.blob_member)))
        if key is None:
            # As if it were somebody else's: whether it exists is not for the caller to know.
            nowhere = ResolvedKey(key=None, arn="*", named_arn="*", owner="", action=action, by_ciphertext=True)
            return [nowhere], [None]
        return [_resolved(key, action, by_ciphertext=True)], [key]

    def _named(self, text: str, target: KeyNamed, operation: Operation, *, account_id: str, region: str) -> ResolvedKey:
        """The KMS key behind a key ID, a key ARN, an alias name or an alias ARN."""
        action = target.action or operation.action
        owner, name = account_id, text
        if text.startswith("arn:"):
            owner, name = _of_arn(text, region)
        if name.startswith(ALIAS_PREFIX) and target.aliases:
            if owner == account_id:
                return _resolved(self._own_key(owner, region, self._alias(owner, region, name).target_key_id), action)
            return self._foreign_alias(alias_arn(region, owner, name), action, owner=owner, region=region, name=name)
        if not is_key_id(name):
            raise NotFoundException(f"Invalid keyId '{text}'")
        if owner == account_id:
            return _resolved(self._own_key(owner, region, name), action)
        # Most operations do not reach into another account, whatever the policies say: there the key does not exist.
        key = self._database.key(owner, region, name) if target.foreign else None
        arn = key_arn(region, owner, name)
        return ResolvedKey(key=key, arn=arn, named_arn=arn, owner=owner, action=action)

    def _foreign_alias(self, arn: str, action: str, *, owner: str, region: str, name: str) -> ResolvedKey:
        alias = self._database.alias(owner, region, name)
        key = self._database.key(owner, region, alias.target_key_id) if alias else None
        return ResolvedKey(key=key, arn=key.arn if key else arn, named_arn=arn, owner=owner, action=action)

    def _own_key(self, account_id: str, region: str, key_id: str) -> KMSKey:
        key = self._database.key(account_id, region, key_id)
        if key is None:
            raise NotFoundException(f"Key '{key_arn(region, account_id, key_id)}' does not exist")
        return key

    def _alias(self, account_id: str, region: str, name: str) -> Alias:
        alias = self._database.alias(account_id, region, name)
        if alias is None:
            raise NotFoundException(f"Alias {alias_arn(region, account_id, name)} is not found.")
        return alias


def _resolved(key: KMSKey, action: str, *, admitted: bool = True, by_ciphertext: bool = False) -> ResolvedKey:
    return ResolvedKey(
        key=key,
        arn=key.arn,
        named_arn=key.arn,
        owner=key.account_id,
        action=action,
        admitted=admitted,
        by_ciphertext=by_ciphertext,
    )


def _of_arn(text: str, region: str) -> tuple[str, str]:
    """Account, and key ID or alias name, of an ARN in this Region."""
    arn = ARN.parse(text)
    if arn is None or arn.partition != PARTITION or arn.service != "kms" or not is_account_id(arn.account_id):
        raise NotFoundException(f"Invalid keyId '{text}'")
    if arn.region != region:
        raise NotFoundException(f"Invalid arn {arn.region}")
    kind, _, name = arn.resource.partition("/")
    if kind == "key" and is_key_id(name):
        return arn.account_id, name
    if kind == "alias":
        return arn.account_id, arn.resource
    raise NotFoundException(f"Invalid keyId '{text}'")
