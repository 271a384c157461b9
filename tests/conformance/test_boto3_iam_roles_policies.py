"""boto3: roles, managed and inline policies, boundaries and identity providers, as a client of AWS IAM sees them."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from harness.server import ALICE_ACCOUNT, BOB_ACCOUNT, Server

DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}],
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{BOB_ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    ],
}


@pytest.fixture(scope="module")
def iam(server: Server) -> Iterator[Any]:
    """AWS IAM for the administrator of the first account."""
    with closing(server.client(service="iam")) as client:
        yield client


@pytest.fixture
def role(iam: Any) -> Iterator[str]:
    """A role that is gone after the test, with what it was given."""
    iam.create_role(RoleName="Conform", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.get_waiter("role_exists").wait(RoleName="Conform")
    yield "Conform"
    for policy in iam.list_attached_role_policies(RoleName="Conform")["AttachedPolicies"]:
        iam.detach_role_policy(RoleName="Conform", PolicyArn=policy["PolicyArn"])
    for name in iam.list_role_policies(RoleName="Conform")["PolicyNames"]:
        iam.delete_role_policy(RoleName="Conform", PolicyName=name)
    iam.delete_role(RoleName="Conform")


@pytest.fixture
def policy(iam: Any) -> Iterator[str]:
    """The ARN of a managed policy that is gone after the test."""
    made = iam.create_policy(PolicyName="Conform", Path="/conformance/", PolicyDocument=json.dumps(DOCUMENT))
    arn: str = made["Policy"]["Arn"]
    iam.get_waiter("policy_exists").wait(PolicyArn=arn)
    yield arn
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def test_a_role_is_described_with_its_trust_policy(iam: Any, role: str) -> None:
    """boto3 decodes the document by itself, so the encoding is the one it expects."""
    iam.update_role(RoleName=role, Description="conforms", MaxSessionDuration=7200)
    found = iam.get_role(RoleName=role)["Role"]
    assert found["AssumeRolePolicyDocument"] == TRUST
    assert (found["Description"], found["MaxSessionDuration"], found["RoleLastUsed"]) == ("conforms", 7200, {})
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="CONFORM", AssumeRolePolicyDocument=json.dumps(TRUST))
    listed = [each["RoleName"] for page in iam.get_paginator("list_roles").paginate() for each in page["Roles"]]
    assert role in listed


def test_a_trust_policy_names_nobody_who_does_not_exist(iam: Any, role: str) -> None:
    """With AWS's text, by which tools know that they have to wait and try again."""
    arn = f"arn:aws:iam::{ALICE_ACCOUNT}:role/missing"
    document = json.dumps(TRUST).replace(f"arn:aws:iam::{BOB_ACCOUNT}:root", arn)
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException) as refusal:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=document)
    assert refusal.value.response["Error"]["Message"] == f'Invalid principal in policy: "AWS":"{arn}"'


def test_a_managed_policy_is_attached_and_not_deleted_meanwhile(iam: Any, role: str, policy: str) -> None:
    """Who has it is listed; once it is detached nobody does."""
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=policy)
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_policy(PolicyArn=policy)
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_role(RoleName=role)
    pages = iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=policy)
    assert [each["RoleName"] for page in pages for each in page["PolicyRoles"]] == [role]
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    iam.delete_role_permissions_boundary(RoleName=role)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.detach_role_policy(RoleName=role, PolicyArn=policy)


def test_versions_are_documents_for_boto3(iam: Any, policy: str) -> None:
    """And another one is put in force."""
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=json.dumps(DOCUMENT), SetAsDefault=True)
    version = iam.get_policy_version(PolicyArn=policy, VersionId="v2")["PolicyVersion"]
    assert (version["Document"], version["IsDefaultVersion"]) == (DOCUMENT, True)
    iam.set_default_policy_version(PolicyArn=policy, VersionId="v1")
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v1"


def test_an_inline_policy_is_a_document_for_boto3(iam: Any, role: str) -> None:
    """As it was put."""
    iam.put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=json.dumps(DOCUMENT))
    assert iam.get_role_policy(RoleName=role, PolicyName="inline")["PolicyDocument"] == DOCUMENT
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["inline"]


def test_tags_are_put_on_roles_and_policies(iam: Any, role: str, policy: str) -> None:
    """And taken from them."""
    tags = [{"Key": "team", "Value": "red"}]
    iam.tag_role(RoleName=role, Tags=tags)
    iam.tag_policy(PolicyArn=policy, Tags=tags)
    assert iam.list_role_tags(RoleName=role)["Tags"] == iam.list_policy_tags(PolicyArn=policy)["Tags"] == tags
    iam.untag_role(RoleName=role, TagKeys=["team"])
    assert iam.get_role(RoleName=role)["Role"].get("Tags") is None
    assert iam.get_policy(PolicyArn=policy)["Policy"]["Tags"] == tags


def test_policies_of_aws_are_listed(iam: Any) -> None:
    """All pages of them; the administrator of the account has one."""
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 3})
    counts = {each["PolicyName"]: each["AttachmentCount"] for page in pages for each in page["Policies"]}
    assert counts["AdministratorAccess"] >= 1
    assert "AWSKeyManagementServicePowerUser" in counts


def test_an_identity_provider_is_made_and_deleted(iam: Any) -> None:
    """With audiences that come and go."""
    made = iam.create_open_id_connect_provider(Url="https://id.example.org", ClientIDList=["app"])
    arn = made["OpenIDConnectProviderArn"]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="cli")
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["Url"], found["ClientIDList"]) == ("id.example.org", ["app", "cli"])
    assert {"Arn": arn} in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_the_whole_account_is_described(iam: Any, role: str, policy: str) -> None:
    """Page by page, with documents that boto3 decodes."""
    pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2})
    roles: dict[str, Any] = {}
    policies: dict[str, Any] = {}
    for page in pages:
        roles |= {each["RoleName"]: each for each in page["RoleDetailList"]}
        policies |= {each["Arn"]: each for each in page["Policies"]}
    assert roles[role]["AssumeRolePolicyDocument"] == TRUST
    assert policies[policy]["PolicyVersionList"][0]["Document"] == DOCUMENT
