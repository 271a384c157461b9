"""A record of every type, and how the database is asked for it."""

from typing import Final

from selfkms.domain.cloudtrail.deliveries import Chain, DigestFile, LogFile, Plan, PlannedFile, Session
from selfkms.domain.cloudtrail.digests import DigestKey
from selfkms.domain.cloudtrail.selection import EventSelector
from selfkms.domain.cloudtrail.trails import Trail, TrailTag
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
    )
}


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
    raise AssertionError(record.TABLE)


def put(database: Database, *records: Record) -> None:
    """Insert or replace the records in one transaction."""
    database.commit([Put(record) for record in records])
