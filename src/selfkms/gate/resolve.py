"""From what a request names to the KMS keys and aliases it is about, as of now.

Source: KMS developer guide, "Key identifiers (KeyId)"; AWS KMS API Reference, "Decrypt".
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from selfkms.domain.arns import ARN, PARTITION, alias_arn, is_account_id, is_key_id, key_arn
from selfkms.domain.iam.callers import Caller
from selfkms.domain.kms.aliases import ALIAS_PREFIX, RESERVED_PREFIX, Alias
from selfkms.domain.kms.errors import InvalidGrantTokenException, NotFoundException
from selfkms.domain.kms.keys import KMSKey
from selfkms.gate.resolve_ebs import StorageResolver
from selfkms.gate.resolve_iam import IAMResolver
from selfkms.gate.resolve_trails import TrailResolver
from selfkms.gate.resolved import Resolved, ResolvedAlias, ResolvedGrant, ResolvedKey, ResolvedPrincipal, Resource
from selfkms.ports.database import Database
from selfkms.ports.installation_keys import InstallationKeys
from selfkms.ports.key_store import KeyStore
from selfkms.services.kms.grant_tokens import read_grant_token
from selfkms.services.operation import (
    AliasNamed,
    EntityMoved,
    EntityNamed,
    GrantNamed,
    KeyNamed,
    KeyOfCiphertext,
    NewEntity,
    NewStorage,
    Operation,
    PrincipalNamed,
    ReplicaNamed,
    RoleAssumed,
    SnapshotNamed,
    StorageTagged,
    Target,
    TrailNamed,
    VolumeNamed,
)

Found = tuple[list[Resource], list[Any]]


class Resolver:
    """Looks up what requests name."""

    def __init__(self, database: Database, key_store: KeyStore, keys: InstallationKeys) -> None:
        self._database = database
        self._key_store = key_store
        self._keys = keys
        self._iam = IAMResolver(database)
        self._trails = TrailResolver(database)
        self._storage = StorageResolver(database)

    def resolve(self, operation: Operation, request: Any, *, caller: Caller, region: str) -> Resolved:
        """The targets of a request.

        Raises:
            NotFoundException: not an identifier, or nothing of that name in the caller's own account and Region.
            InvalidCiphertextException: the blob is none of this installation's.
            InvalidGrantTokenException: a grant token is none of this installation's.
        """
        for token in getattr(request, "grant_tokens", ()):
            # What a token names counts anyway: grants are effective at once. A forged one is refused, as AWS does.
            read_grant_token(self._keys, token)
        resources: list[Resource] = []
        arguments: list[Any] = []
        for target in operation.targets:
            if isinstance(target, TrailNamed):
                found, given = self._trails.one(target, operation, request, account_id=caller.account_id, region=region)
            elif isinstance(target, SnapshotNamed | VolumeNamed | NewStorage | StorageTagged):
                place = {"account_id": caller.account_id, "region": region}
                found, given = self._storage.one(target, operation, request, **place)
            elif isinstance(target, EntityNamed | EntityMoved | NewEntity | RoleAssumed):
                found, given = self._iam.one(target, operation, request, caller=caller)
            else:
                found, given = self._one(target, operation, request, account_id=caller.account_id, region=region)
            resources += found
            arguments += given
        return Resolved(resources=tuple(resources), arguments=tuple(arguments))

    def _one(self, target: Target, operation: Operation, request: Any, *, account_id: str, region: str) -> Found:
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
        if isinstance(target, GrantNamed):
            return self._grant(operation, request, account_id=account_id, region=region)
        if isinstance(target, ReplicaNamed):
            return self._replica(target, operation, request, account_id=account_id), []
        if isinstance(target, PrincipalNamed):
            arn = getattr(request, target.member)
            return ([] if arn is None else [ResolvedPrincipal(arn=arn, action=operation.action)]), []
        assert isinstance(target, KeyNamed)
        named = getattr(request, target.member)
        if named is None and target.optional:
            return [], [None]
        found = self._named(named, target, operation, account_id=account_id, region=region)
        found = _with_conditions(found, target, operation, request)
        # One that is not there for the caller is refused even where none of its permissions would be asked for.
        return ([found] if target.permission or found.key is None else []), [found.key]

    def _of_ciphertext(
        self, target: KeyOfCiphertext, operation: Operation, request: Any, *, account_id: str, region: str
    ) -> Found:
        action = target.action or operation.action
        named = getattr(request, target.key_member)
        if named is not None:
            by_name = KeyNamed(target.key_member, aliases=True, foreign=True, action=action)
            found = self._named(named, by_name, operation, account_id=account_id, region=region)
        else:
            key = self._database.key_of_material(region, self._key_store.identify(getattr(request, target.blob_member)))
            if key is None:
                # As if it were somebody else's: whether it exists is not for the caller to know.
                found = ResolvedKey(key=None, arn="*", named_arn="*", owner="", action=action, by_ciphertext=True)
            else:
                found = _resolved(key, action, by_ciphertext=True)
        return [_with_conditions(found, target, operation, request)], [found.key]

    def _replica(self, target: ReplicaNamed, operation: Operation, request: Any, *, account_id: str) -> list[Resource]:
        key_id = request.key_id.rpartition("/")[2]
        key = self._database.key(account_id, getattr(request, target.member), key_id)
        if key is None:
            return []
        resolved = _resolved(key, operation.action, admitted=False)
        return [msgspec.structs.replace(resolved, condition_keys=operation.condition_keys)]

    def _grant(self, operation: Operation, request: Any, *, account_id: str, region: str) -> Found:
        """The grant of a token, or of a key ID or key ARN and a grant ID."""
        if request.grant_token is not None:
            owner, of_region, key_id, grant_id = read_grant_token(self._keys, request.grant_token)
            if of_region != region:
                raise InvalidGrantTokenException
            key = self._database.key(owner, region, key_id)
            arn = key_arn(region, owner, key_id)
        else:
            named = KeyNamed(foreign=True)
            found = self._named(request.key_id, named, operation, account_id=account_id, region=region)
            key, arn, owner, grant_id = found.key, found.arn, found.owner, request.grant_id
        grant = None if key is None else self._database.grant(owner, region, key.key_id, grant_id)
        if grant is None and owner == account_id:
            raise NotFoundException(f"Grant ID {grant_id} not found")
        resolved = ResolvedGrant(grant=grant, key=key, arn=arn, owner=owner, action=operation.action)
        return [resolved], [grant, key]

    def _named(self, text: str, target: KeyNamed, operation: Operation, *, account_id: str, region: str) -> ResolvedKey:
        """The KMS key behind a key ID, a key ARN, an alias name or an alias ARN."""
        action = target.action or operation.action
        owner, name = account_id, text
        if text.startswith("arn:"):
            owner, name = _of_arn(text, region)
        if name.startswith(ALIAS_PREFIX) and target.aliases:
            if owner == account_id:
                key = self._own_key(owner, region, self._alias(owner, region, name).target_key_id)
                return _resolved(key, action, request_alias=name)
            return self._foreign_alias(alias_arn(region, owner, name), action, owner=owner, region=region, name=name)
        if not is_key_id(name):
            raise NotFoundException(f"Invalid keyId '{text}'")
        if owner == account_id:
            return _resolved(self._own_key(owner, region, name), action)
        # Most operations do not reach into another account, whatever the policies say: there the key does not exist.
        key_there = self._database.key(owner, region, name) if target.foreign else None
        arn = key_arn(region, owner, name)
        return ResolvedKey(key=key_there, arn=arn, named_arn=arn, owner=owner, action=action)

    def _foreign_alias(self, arn: str, action: str, *, owner: str, region: str, name: str) -> ResolvedKey:
        alias = self._database.alias(owner, region, name)
        key = self._database.key(owner, region, alias.target_key_id) if alias else None
        return ResolvedKey(
            key=key, arn=key.arn if key else arn, named_arn=arn, owner=owner, action=action, request_alias=name
        )

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


def predefined_aliases(operation: Operation, request: Any, *, account_id: str, region: str) -> Iterator[str]:
    """The alias names beginning with `alias/aws/` by which a request names keys of the caller's account."""
    for target in operation.targets:
        if isinstance(target, KeyOfCiphertext):
            named = getattr(request, target.key_member)
        elif isinstance(target, KeyNamed) and target.aliases:
            named = getattr(request, target.member)
        else:
            continue
        if named is not None and RESERVED_PREFIX in named:
            name: str = named.removeprefix(alias_arn(region, account_id, ""))
            if name.startswith(RESERVED_PREFIX):
                yield name


def _resolved(
    key: KMSKey, action: str, *, admitted: bool = True, by_ciphertext: bool = False, request_alias: str | None = None
) -> ResolvedKey:
    return ResolvedKey(
        key=key,
        arn=key.arn,
        named_arn=key.arn,
        owner=key.account_id,
        action=action,
        admitted=admitted,
        by_ciphertext=by_ciphertext,
        request_alias=request_alias,
    )


def _with_conditions(
    found: ResolvedKey, target: KeyNamed | KeyOfCiphertext, operation: Operation, request: Any
) -> ResolvedKey:
    """What the request says for conditions and for the constraints of grants, about this key."""
    encryption_context: Mapping[str, str] | None = getattr(request, target.encryption_context, None)
    return msgspec.structs.replace(
        found,
        condition_keys=target.condition_keys or operation.condition_keys,
        encryption_context=encryption_context,
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
