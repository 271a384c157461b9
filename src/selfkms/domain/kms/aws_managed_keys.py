"""AWS managed keys: made in an account when a service, or somebody who looks, first names `alias/aws/SERVICE`.

Their key policy is the service's: it may be used through that service by whoever may use the service in this account,
and nobody can change anything about it.

Source: KMS developer guide, "AWS managed keys", "Rotate AWS KMS keys".
"""

from typing import Final

from selfkms.domain.arns import root_arn
from selfkms.domain.kms.aliases import RESERVED_PREFIX

ROTATION_DAYS: Final = 365

_THINGS: Final = {
    "acm": "ACM private keys",
    "backup": "Backup data",
    "codecommit": "CodeCommit repositories",
    "connect": "Connect data",
    "dms": "DMS replication instances",
    "dynamodb": "DynamoDB tables",
    "ebs": "EBS volumes",
    "elasticfilesystem": "EFS file systems",
    "es": "OpenSearch Service domains",
    "fsx": "FSx file systems",
    "glue": "Glue data",
    "kinesis": "Kinesis streams",
    "kinesisvideo": "Kinesis video streams",
    "lambda": "Lambda environment variables",
    "lightsail": "Lightsail data",
    "rds": "RDS database volumes",
    "redshift": "Redshift clusters",
    "s3": "S3 objects",
    "secretsmanager": "Secrets Manager data",
    "ses": "SES messages",
    "sns": "SNS data",
    "sqs": "SQS messages",
    "ssm": "SSM parameters",
    "workspaces": "WorkSpaces volumes",
    "xray": "X-Ray traces",
}

_ENDPOINTS: Final = {"ebs": "ec2"}
"""Whose requests count, where the alias has another name than the service's endpoint."""

_POLICY: Final = """{
  "Version" : "2012-10-17",
  "Id" : "auto-%(service)s-1",
  "Statement" : [ {
    "Sid" : "Allow access through %(service)s for all principals in the account that are authorized to use %(service)s",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "*"
    },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", \
"kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {
      "StringEquals" : {
        "kms:CallerAccount" : "%(account_id)s",
        "kms:ViaService" : "%(endpoint)s.%(region)s.amazonaws.com"
      }
    }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "%(root)s"
    },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}"""


def service_of(alias_name: str) -> str | None:
    """The service that a predefined alias belongs to: `ebs` of `alias/aws/ebs`; None for any other name."""
    service = alias_name.removeprefix(RESERVED_PREFIX)
    return service if service in _THINGS and alias_name.startswith(RESERVED_PREFIX) else None


def description_of(service: str) -> str:
    """The description of a service's key."""
    return f"Default key that protects my {_THINGS[service]} when no other key is defined"


def policy_of(service: str, *, account_id: str, region: str) -> str:
    """The key policy of a service's key."""
    return _POLICY % {
        "service": service,
        "endpoint": _ENDPOINTS.get(service, service),
        "account_id": account_id,
        "region": region,
        "root": root_arn(account_id),
    }
