"""The managed policies of AWS that matter here, by their documented meaning.

They cannot be changed and belong to no account. A long document of AWS that names many services is reduced to those
that exist here, and its comment says so. The others are what AWS has.

Source: AWS Managed Policy Reference Guide, the policies of these names, as of 2026.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from selfkms.domain.arns import policy_arn


class AWSManagedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A managed policy of AWS."""

    policy_name: str
    policy_id: str
    description: str
    document: str
    version_id: str
    """The version that is in force, and the only one that is known here."""
    created_at: float
    """Seconds since the epoch."""
    updated_at: float
    """When the version in force was made, seconds since the epoch."""
    path: str = "/"

    @property
    def arn(self) -> str:
        """The ARN of the policy."""
        return policy_arn("aws", self.path, self.policy_name)


ADMINISTRATOR_ACCESS: Final = policy_arn("aws", "/", "AdministratorAccess")

_READ_IAM: Final = (
    "iam:GenerateCredentialReport",
    "iam:GenerateServiceLastAccessedDetails",
    "iam:Get*",
    "iam:List*",
    "iam:SimulateCustomPolicy",
    "iam:SimulatePrincipalPolicy",
)


def _allow(*actions: str, **further: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions[0] if len(actions) == 1 else list(actions), "Resource": "*", **further}


def _policy(
    name: str, policy_id: str, description: str, created: str, edited: str, version_id: str, *statements: dict[str, Any]
) -> AWSManagedPolicy:
    """A policy; its times are UTC, as `2015-02-06 18:39`."""
    return AWSManagedPolicy(
        policy_name=name,
        policy_id=policy_id,
        description=description,
        document=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=4),
        version_id=version_id,
        created_at=datetime.fromisoformat(created).replace(tzinfo=UTC).timestamp(),
        updated_at=datetime.fromisoformat(edited).replace(tzinfo=UTC).timestamp(),
    )


_ALL: Final = (
    _policy(
        "AdministratorAccess",
        "ANPAIWMBCKSKIEE64ZLYK",
        "Provides full access to AWS services and resources.",
        "2015-02-06 18:39",
        "2015-02-06 18:39",
        "v1",
        _allow("*"),
    ),
    _policy(
        "PowerUserAccess",
        "ANPAJYRXTHIB4FOVS3ZXS",
        "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
        "2015-02-06 18:39",
        "2026-02-12 17:59",
        "v12",
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
        _allow(
            "account:GetAccountInformation",
            "account:GetGovCloudAccountInformation",
            "account:GetPrimaryEmail",
            "account:ListRegions",
            "iam:CreateServiceLinkedRole",
            "iam:DeleteServiceLinkedRole",
            "iam:ListRoles",
            "organizations:DescribeEffectivePolicy",
            "organizations:DescribeOrganization",
        ),
    ),
    # Reduced: AWS's names hundreds of services, and changes every few days.
    _policy(
        "ReadOnlyAccess",
        "ANPAILL3HVNFSB6DCOWYQ",
        "Provides read-only access to AWS services and resources.",
        "2015-02-06 18:39",
        "2015-02-06 18:39",
        "v1",
        _allow(
            "cloudtrail:Describe*",
            "cloudtrail:Get*",
            "cloudtrail:List*",
            "cloudtrail:LookupEvents",
            "ec2:Describe*",
            *_READ_IAM,
            "kms:Describe*",
            "kms:Get*",
            "kms:List*",
            "sts:GetAccessKeyInfo",
            "sts:GetCallerIdentity",
            "sts:GetSessionToken",
        ),
    ),
    # Reduced in the same way.
    _policy(
        "SecurityAudit",
        "ANPAIX2T3QCXHR2OGGCTO",
        "The security audit template grants access to read security configuration metadata. It is useful for software "
        "that audits the configuration of an AWS account.",
        "2015-02-06 18:41",
        "2015-02-06 18:41",
        "v1",
        _allow(
            "cloudtrail:DescribeTrails",
            "cloudtrail:GetEventSelectors",
            "cloudtrail:GetInsightSelectors",
            "cloudtrail:GetTrail",
            "cloudtrail:GetTrailStatus",
            "cloudtrail:ListTags",
            "cloudtrail:ListTrails",
            "cloudtrail:LookupEvents",
            "ec2:Describe*",
            "ec2:GetEbsEncryptionByDefault",
            *_READ_IAM,
            "kms:Describe*",
            "kms:Get*",
            "kms:List*",
        ),
    ),
    _policy(
        "IAMFullAccess",
        "ANPAI7XKCFMBPM3QQRRVQ",
        "Provides full access to IAM via the AWS Management Console.",
        "2015-02-06 18:40",
        "2019-06-21 19:40",
        "v2",
        _allow(
            "iam:*",
            "organizations:DescribeAccount",
            "organizations:DescribeOrganization",
            "organizations:DescribeOrganizationalUnit",
            "organizations:DescribePolicy",
            "organizations:ListChildren",
            "organizations:ListParents",
            "organizations:ListPoliciesForTarget",
            "organizations:ListRoots",
            "organizations:ListPolicies",
            "organizations:ListTargetsForPolicy",
        ),
    ),
    _policy(
        "IAMReadOnlyAccess",
        "ANPAJKSO7NDY4T57MWDSQ",
        "Provides read only access to IAM via the AWS Management Console.",
        "2015-02-06 18:40",
        "2018-01-25 19:11",
        "v4",
        _allow(*_READ_IAM),
    ),
    _policy(
        "AWSKeyManagementServicePowerUser",
        "ANPAJNPP7PPPPMJRV2SA4",
        "Provides access to AWS Key Management Service (KMS).",
        "2015-02-06 18:40",
        "2017-03-07 00:55",
        "v2",
        _allow(
            "kms:CreateAlias",
            "kms:CreateKey",
            "kms:DeleteAlias",
            "kms:Describe*",
            "kms:GenerateRandom",
            "kms:Get*",
            "kms:List*",
            "kms:TagResource",
            "kms:UntagResource",
            "iam:ListGroups",
            "iam:ListRoles",
            "iam:ListUsers",
        ),
    ),
    # Reduced: without SNS, S3, CloudWatch Logs, Lambda and DynamoDB. AWS does not publish the ID: this one is ours.
    _policy(
        "AWSCloudTrail_FullAccess",
        "ANPASELFKMSTRAILFULLA",
        "Provides full access to AWS CloudTrail.",
        "2020-10-08 23:41",
        "2021-02-22 19:01",
        "v3",
        _allow("cloudtrail:*"),
        _allow("iam:ListRoles", "iam:GetRolePolicy", "iam:GetUser"),
        _allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "cloudtrail.amazonaws.com"}}),
        _allow("kms:CreateKey", "kms:CreateAlias", "kms:ListKeys", "kms:ListAliases"),
    ),
    # The ID is ours, as above.
    _policy(
        "AWSCloudTrail_ReadOnlyAccess",
        "ANPASELFKMSTRAILREADA",
        "Provides read only access to AWS CloudTrail.",
        "2022-06-14 17:19",
        "2022-06-14 17:19",
        "v1",
        _allow("cloudtrail:Get*", "cloudtrail:Describe*", "cloudtrail:List*", "cloudtrail:LookupEvents"),
    ),
    _policy(
        "AmazonEC2FullAccess",
        "ANPAI3VAJF5ZCRZ7MCQE6",
        "Provides full access to Amazon EC2 via the AWS Management Console.",
        "2015-02-06 18:40",
        "2018-11-27 02:16",
        "v5",
        _allow("ec2:*"),
        _allow("elasticloadbalancing:*"),
        _allow("cloudwatch:*"),
        _allow("autoscaling:*"),
        _allow(
            "iam:CreateServiceLinkedRole",
            Condition={
                "StringEquals": {
                    "iam:AWSServiceName": [
                        "autoscaling.amazonaws.com",
                        "ec2scheduled.amazonaws.com",
                        "elasticloadbalancing.amazonaws.com",
                        "spot.amazonaws.com",
                        "spotfleet.amazonaws.com",
                        "transitgateway.amazonaws.com",
                    ]
                }
            },
        ),
    ),
    _policy(
        "AmazonEC2ReadOnlyAccess",
        "ANPAIGDT4SV4GSETWTBZK",
        "Provides read only access to Amazon EC2 via the AWS Management Console.",
        "2015-02-06 18:40",
        "2024-12-27 10:07",
        "v3",
        _allow("ec2:Describe*", "ec2:GetSecurityGroupsForVpc"),
        _allow("elasticloadbalancing:Describe*"),
        _allow("cloudwatch:ListMetrics", "cloudwatch:GetMetricStatistics", "cloudwatch:Describe*"),
        _allow("autoscaling:Describe*"),
    ),
)

AWS_MANAGED_POLICIES: Final = {policy.arn: policy for policy in _ALL}
