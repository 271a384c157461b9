"""boto3: users, groups and access keys, as a client of AWS IAM sees them."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.server import ALICE_ACCOUNT, Server


@pytest.fixture(scope="module")
def iam(server: Server) -> Iterator[Any]:
    """AWS IAM for the administrator of the first account."""
    with closing(server.client(service="iam")) as client:
        yield client


@pytest.fixture
def bob(iam: Any) -> Iterator[str]:
    """A user without anything, who is gone after the test."""
    iam.create_user(UserName="Bob", Path="/conformance/")
    yield "Bob"
    delete_all_of("Bob", iam)


def delete_all_of(name: str, iam: Any) -> None:
    """What tools ask for and take away before they delete a user; most of it is not there."""
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_login_profile(UserName=name)
    assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []
    assert iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"] == []
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []
    assert iam.list_signing_certificates(UserName=name)["Certificates"] == []
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for group in iam.list_groups_for_user(UserName=name)["Groups"]:
        iam.remove_user_from_group(UserName=name, GroupName=group["GroupName"])
    iam.delete_user(UserName=name)


def client_of(server: Server, key: dict[str, Any], service: str) -> Any:
    """A client that signs with an access key of CreateAccessKey."""
    session = boto3.Session(
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        region_name="us-east-1",
    )
    return session.client(service, endpoint_url=server.endpoint, config=Config(retries={"total_max_attempts": 1}))


def refused(call: Any, **parameters: Any) -> tuple[int, str]:
    """Status and code of an error."""
    with pytest.raises(ClientError) as refusal:
        call(**parameters)
    answer = refusal.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_a_user_is_made_described_tagged_renamed_and_deleted(iam: Any) -> None:
    """The life of a user; waiters and errors work as they do with AWS."""
    made = iam.create_user(UserName="Carl", Tags=[{"Key": "team", "Value": "red"}])["User"]
    iam.get_waiter("user_exists").wait(UserName="Carl")
    assert iam.get_user(UserName="Carl")["User"] == made
    assert made["Arn"] == f"arn:aws:iam::{ALICE_ACCOUNT}:user/Carl"
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName="CARL")
    iam.tag_user(UserName="Carl", Tags=[{"Key": "Team", "Value": "blue"}])
    assert iam.list_user_tags(UserName="Carl")["Tags"] == [{"Key": "Team", "Value": "blue"}]
    iam.untag_user(UserName="Carl", TagKeys=["TEAM"])
    iam.update_user(UserName="Carl", NewUserName="Charles", NewPath="/x/")
    renamed = iam.get_user(UserName="Charles")["User"]
    assert (renamed["UserId"], renamed["Path"]) == (made["UserId"], "/x/")
    iam.delete_user(UserName="Charles")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName="Charles")


def test_an_access_key_is_known_while_it_is_active(iam: Any, server: Server, bob: str) -> None:
    """From one request to the next, on whichever worker; a user without policies is known and may do nothing."""
    key = iam.create_access_key(UserName=bob)["AccessKey"]
    with closing(client_of(server, key, "iam")) as own:
        for status, answer in (("Inactive", "InvalidClientTokenId"), ("Active", "AccessDenied")) * 3:
            iam.update_access_key(UserName=bob, AccessKeyId=key["AccessKeyId"], Status=status)
            assert refused(own.get_user) == (403, answer)
        iam.delete_access_key(UserName=bob, AccessKeyId=key["AccessKeyId"])
        assert refused(own.get_user) == (403, "InvalidClientTokenId")


def test_when_an_access_key_was_used_last_is_not_known(iam: Any, bob: str) -> None:
    """The answer is that of one that was never used."""
    key_id = iam.create_access_key(UserName=bob)["AccessKey"]["AccessKeyId"]
    answer = iam.get_access_key_last_used(AccessKeyId=key_id)
    assert answer["UserName"] == bob
    assert answer["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}


def test_a_group_has_members_and_a_new_name(iam: Any, bob: str) -> None:
    """It is not deleted before they are gone."""
    iam.create_group(GroupName="readers", Path="/conformance/")
    iam.add_user_to_group(GroupName="readers", UserName=bob)
    iam.update_group(GroupName="readers", NewGroupName="Readers2")
    assert [user["UserName"] for user in iam.get_group(GroupName="Readers2")["Users"]] == [bob]
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName=bob)["Groups"]] == ["Readers2"]
    assert refused(iam.delete_group, GroupName="Readers2") == (409, "DeleteConflict")
    iam.remove_user_from_group(GroupName="Readers2", UserName=bob)
    iam.delete_group(GroupName="Readers2")
    assert iam.list_groups(PathPrefix="/conformance/")["Groups"] == []


def test_a_user_with_access_keys_is_not_deleted(iam: Any, bob: str) -> None:
    """Two keys are the quota."""
    for _ in range(2):
        iam.create_access_key(UserName=bob)
    with pytest.raises(iam.exceptions.LimitExceededException):
        iam.create_access_key(UserName=bob)
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_user(UserName=bob)


def test_paginators_see_every_user_once(iam: Any) -> None:
    """Below a path, in pages of two."""
    names = [f"user{number}" for number in range(5)]
    for name in names:
        iam.create_user(UserName=name, Path="/paged/")
    try:
        pages = iam.get_paginator("list_users").paginate(PathPrefix="/paged/", PaginationConfig={"PageSize": 2})
        assert [[user["UserName"] for user in page["Users"]] for page in pages] == [names[:2], names[2:4], names[4:]]
    finally:
        for name in names:
            iam.delete_user(UserName=name)


def test_the_root_user_makes_access_keys_of_its_own(iam: Any, server: Server) -> None:
    """They work, belong to nobody whom an administrator could name, and are removed again."""
    with closing(server.client(profile=f"{ALICE_ACCOUNT}-root", service="iam")) as root:
        key = root.create_access_key()["AccessKey"]
        assert key["AccessKeyId"] in {entry["AccessKeyId"] for entry in root.list_access_keys()["AccessKeyMetadata"]}
        with closing(client_of(server, key, "iam")) as second:
            assert second.get_user()["User"]["UserId"] == ALICE_ACCOUNT
        assert refused(iam.delete_access_key, AccessKeyId=key["AccessKeyId"]) == (404, "NoSuchEntity")
        root.delete_access_key(AccessKeyId=key["AccessKeyId"])
        assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 1


def test_the_account_is_read_as_a_whole(iam: Any) -> None:
    """What inventories ask for."""
    assert iam.list_account_aliases()["AccountAliases"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
    assert iam.get_account_summary()["SummaryMap"]["Users"] >= 1
