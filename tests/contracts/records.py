"""A record of every type, and how the database is asked for it."""

from typing import Final

from selfkms.domain.cloudtrail.deliveries import Chain, DigestFile, LogFile, Plan, PlannedFile, Session
from selfkms.domain.cloudtrail.digests import DigestKey
from selfkms.domain.cloudtrail.selection import EventSelector
from selfkms.domain.cloudtrail.trails import Trail, TrailTag
from selfkms.domain.ebs.blocks import BlockMap
from selfkms.domain.ebs.storage import (
    Copy,
    DataKey,
    EBSDefaults,
    Failing,
    KeyUse,
    Snapshot,
    SnapshotShare,
    SnapshotState,
    Sweep,
    Upload,
    Volume,
    VolumeState,
)
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.managed_policies import ManagedPolicy, PolicyVersion
from selfkms.domain.iam.principals import AccessKey, Account, Group, InlinePolicy, Role, User
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.aliases import Alias
from selfkms.domain.kms.grants import Grant, GrantConstraints
from selfkms.domain.kms.key_state import KeyState
from selfkms.domain.kms.keys import KeyMaterial, KeySpec, KMSKey, MaterialEntry
from selfkms.domain.records import Put, Record
from selfkms.domain.tags import Tag
from selfkms.ports.database import Database

A: Final = "111122223333"
B: Final = "444455556666"
HERE: Final = "eu-central-1"
THERE: Final = "us-east-1"
HANDLE: Final = "0f" * 16
ADMIN: Final = f"arn:aws:iam::{A}:user/admin"

ACCOUNT: Final = Account(account_id=A, created_at=6.0)
USER: Final = User(
    account_id=A,
    user_name="admin",
    user_id="AIDA17",
    created_at=7.0,
    path="/ops/",
    attached_policy_arns=("arn:aws:iam::aws:policy/AdministratorAccess", f"arn:aws:iam::{A}:policy/p"),
    inline_policies=(InlinePolicy("inline", '{"Statement": "Größe"}'),),
    group_names=("staff", "ops"),
    permissions_boundary=f"arn:aws:iam::{A}:policy/p",
    tags=(Tag("team", "blue"),),
)
GROUP: Final = Group(account_id=A, group_name="staff", group_id="AGPA17", created_at=7.5)
ROLE: Final = Role(
    account_id=A,
    role_name="deploy",
    role_id="AROA17",
    created_at=7.75,
    trust_policy='{"Statement": []}',
    principal_ids={ADMIN: "AIDA17"},
    max_session_seconds=7_200,
)
MANAGED_POLICY: Final = ManagedPolicy(
    account_id=A,
    policy_name="p",
    policy_id="ANPA17",
    created_at=8.0,
    updated_at=9.0,
    versions=(PolicyVersion("v1", "{}", 8.0), PolicyVersion("v3", '{"Version": "2012-10-17"}', 9.0)),
    default_version_id="v3",
    versions_made=3,
)
OIDC_PROVIDER: Final = OIDCProvider(
    account_id=A, host_and_path="token.example.org/tenant", created_at=8.5, client_ids=("sts.amazonaws.com",)
)
ACCESS_KEY: Final = AccessKey(
    access_key_id="AKIA1", account_id=A, user_name="admin", sealed_secret=b"\x80s", created_at=8.0
)
DOMAIN_KEY: Final = DomainKey(region=HERE, version=1, created_at=5.0, wrapped=b"\x00\xff" * 30)
KEY: Final = KMSKey(
    account_id=A,
    region=HERE,
    key_id="key-1",
    created_at=1.5,
    state=KeyState.ENABLED,
    policy='{"Statement": "Größe"}',
    materials=(MaterialEntry(HANDLE, "ab" * 32),),
    tags=(Tag("team", "blue"),),
)
MATERIAL: Final = KeyMaterial(
    account_id=A,
    region=HERE,
    key_id="key-1",
    handle=HANDLE,
    material_id="ab" * 32,
    key_spec=KeySpec.SYMMETRIC_DEFAULT,
    created_at=2.25,
    wrapped=bytes(range(256)),
)
ALIAS: Final = Alias(
    account_id=A, region=HERE, alias_name="alias/one", target_key_id="key-1", created_at=3.0, updated_at=4.0
)
GRANT: Final = Grant(
    account_id=A,
    region=HERE,
    key_id="key-1",
    grant_id="1a" * 32,
    created_at=10.0,
    grantee=ADMIN,
    grantee_id="AIDA17",
    retiring="ec2.amazonaws.com",
    retiring_is_service=True,
    issuing_account=f"arn:aws:iam::{A}:root",
    operations=("Decrypt", "RetireGrant"),
    constraints=GrantConstraints(encryption_context_subset={"team": "blau, Größe"}),
    name="first",
)
TRAIL: Final = Trail(
    account_id=A,
    home_region=HERE,
    name="audit",
    created_at=11.0,
    bucket="logs",
    prefix="a/b",
    selectors=(EventSelector(read_write_type="WriteOnly", excluded_sources=("kms.amazonaws.com",)),),
    tags=(TrailTag("team", "blau, Größe"), TrailTag("bare")),
    started_at=12.5,
)
SESSION: Final = Session(
    started_at=12.5,
    place="1.2.3",
    digests_from=12.5,
    plan=Plan(
        until="1.2.4",
        selection=TRAIL.selection(),
        files=(PlannedFile(region=HERE, bucket="logs", key="a/b/c.json.gz"),),
    ),
    chains=(
        Chain(
            region=HERE,
            start=12,
            logs=(LogFile(bucket="logs", key="k", sha256="ab", newest="n", oldest="o"),),
            previous=DigestFile(bucket="logs", key="d", sha256="cd", signature="ef"),
        ),
    ),
)
LOGGING_TRAIL: Final = TRAIL.changed(name="busy", sessions=(SESSION,))
DIGEST_KEY: Final = DigestKey(
    region=HERE,
    fingerprint="31e8b5433410dfb61a9dc45cc65b22ff",
    public_key=b"\x30\x82",
    sealed_private_key=b"\xff\x00",
    created_at=1.0,
    valid_until=2.0,
)
SNAPSHOT_ID: Final = "snap-0a1b2c3d4e5f60718"
VOLUME_ID: Final = "vol-0a1b2c3d4e5f60718"
KEY_ARN: Final = f"arn:aws:kms:{HERE}:{A}:key/key-1"
KEY_USE: Final = KeyUse(KEY_ARN, GRANT.grant_id)
DATA_KEY: Final = DataKey(wrapped=b"\x00\xff" * 20, key_arn=KEY_ARN, context_id=VOLUME_ID)
BLOCK_MAP: Final = BlockMap(
    lineage="lineage-1", map_id="map-1", pack="pack-2", sha256="ab" * 32, count=3, packs=("pack-1", "pack-2")
)
SNAPSHOT: Final = Snapshot(
    account_id=A,
    region=HERE,
    snapshot_id=SNAPSHOT_ID,
    volume_id=VOLUME_ID,
    size_gib=8,
    created_at=13.5,
    lineage="lineage-1",
    pack="pack-2",
    data_key=DATA_KEY,
    blocks=BLOCK_MAP,
    tags=(Tag("team", "blau, Größe"),),
    client_token="token-1",
    fingerprint="cd" * 32,
    work=Upload(
        sealed_key=b"\xff\x00",
        timeout_seconds=3_600.5,
        parent=BLOCK_MAP,
        completing=True,
        changed_blocks=7,
        checksum="c2hhMjU2",
    ),
    due_at=100.0,
    state=SnapshotState.COMPLETED,
    state_message="wird fertig",
    completed_at=14.25,
    description="Größe",
    parent_id="snap-00000000000000001",
    shared_with=(B, "000000000000"),
    public=True,
)
COPYING_SNAPSHOT: Final = SNAPSHOT.changed(
    snapshot_id="snap-0000000000000c0de",
    client_token=None,
    lineage="lineage-2",
    blocks=None,
    work=Copy(
        source=BLOCK_MAP, source_key=DATA_KEY, source_lineage="lineage-1", grants=(KEY_USE, KeyUse(KEY_ARN, "2b" * 32))
    ),
)
FAILING_SNAPSHOT: Final = SNAPSHOT.changed(
    snapshot_id="snap-0000000000000dead",
    client_token=None,
    data_key=None,
    work=Failing("the key is disabled", grants=(KEY_USE,)),
)
VOLUME: Final = Volume(
    account_id=A,
    region=HERE,
    volume_id=VOLUME_ID,
    zone=f"{HERE}a",
    size_gib=8,
    created_at=13.75,
    lineage="lineage-1",
    data_key=DATA_KEY,
    blocks=BLOCK_MAP,
    client_token="token-1",
    work=Copy(
        source=BlockMap(lineage="lineage-0", map_id="m", pack="p", sha256="", count=1, packs=("p",)),
        source_key=DataKey(wrapped=b"sealed"),
        source_lineage="lineage-0",
    ),
    due_at=101.0,
    state=VolumeState.AVAILABLE,
    snapshot_id=SNAPSHOT_ID,
    volume_type="io2",
    iops=3_000,
    throughput=125,
    multi_attach=True,
)
SHARE: Final = SnapshotShare(account_id=B, region=HERE, snapshot_id=SNAPSHOT_ID, owner=A)
EBS_DEFAULTS: Final = EBSDefaults(account_id=A, region=HERE, encrypted=True, key_arn=KEY_ARN)
SWEEP: Final = Sweep(lineage="lineage-1", resource_id=SNAPSHOT_ID, region=HERE, grants=(KEY_USE,))

RECORDS: Final[dict[str, Record]] = {
    record.TABLE: record
    for record in (
        ACCOUNT,
        USER,
        GROUP,
        ROLE,
        MANAGED_POLICY,
        OIDC_PROVIDER,
        ACCESS_KEY,
        DOMAIN_KEY,
        KEY,
        MATERIAL,
        ALIAS,
        GRANT,
        TRAIL,
        DIGEST_KEY,
        SNAPSHOT,
        VOLUME,
        SHARE,
        EBS_DEFAULTS,
        SWEEP,
    )
}


def altered(record: Record, number: float) -> Record:
    """The record with one of its fields set to another value for each number."""
    match record:
        case SnapshotShare():
            return record.changed(owner=str(number))
        case EBSDefaults():
            return record.changed(key_arn=str(number))
        case Sweep():
            return record.changed(region=str(number))
    return record.changed(created_at=number)


def stored(database: Database, record: Record) -> Record | None:  # noqa: C901, PLR0912 -- one case for each type of record
    """The record as the database has it now."""
    match record:
        case Account():
            return database.account(record.account_id)
        case User():
            return database.user(record.account_id, record.user_name)
        case Group():
            return database.group(record.account_id, record.group_name)
        case Role():
            return database.role(record.account_id, record.role_name)
        case ManagedPolicy():
            return database.managed_policy(record.account_id, record.policy_name)
        case OIDCProvider():
            return database.oidc_provider(record.account_id, record.host_and_path)
        case AccessKey():
            return database.access_key(record.access_key_id)
        case DomainKey():
            return next((key for key in database.domain_keys(record.region) if key.version == record.version), None)
        case KMSKey():
            return database.key(record.account_id, record.region, record.key_id)
        case KeyMaterial():
            return database.material(record.account_id, record.region, record.key_id, record.handle)
        case Alias():
            return database.alias(record.account_id, record.region, record.alias_name)
        case Grant():
            return database.grant(record.account_id, record.region, record.key_id, record.grant_id)
        case Trail():
            return database.trail(record.account_id, record.home_region, record.name)
        case DigestKey():
            keys = database.digest_keys(record.region)
            return next((key for key in keys if key.fingerprint == record.fingerprint), None)
        case Snapshot():
            return database.snapshot(record.account_id, record.region, record.snapshot_id)
        case Volume():
            return database.volume(record.account_id, record.region, record.volume_id)
        case SnapshotShare():
            shares = database.snapshot_shares(record.account_id, record.region, after="", limit=100)
            return next((share for share in shares if share.snapshot_id == record.snapshot_id), None)
        case EBSDefaults():
            return database.ebs_defaults(record.account_id, record.region)
        case Sweep():
            sweeps = database.sweeps(limit=100)
            return next((sweep for sweep in sweeps if sweep.primary_key() == record.primary_key()), None)
    raise AssertionError(record.TABLE)


def put(database: Database, *records: Record) -> None:
    """Insert or replace the records in one transaction."""
    database.commit([Put(record) for record in records])
