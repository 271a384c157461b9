"""Aliases: names in one account and Region that point to a KMS key.

Source: AWS KMS API Reference, "CreateAlias", "UpdateAlias"; KMS developer guide, "Aliases in AWS KMS".
"""

import re
from typing import ClassVar, Final

from selfkms.domain.arns import alias_arn
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import NotAuthorizedException
from selfkms.domain.records import Record

ALIAS_PREFIX: Final = "alias/"
RESERVED_PREFIX: Final = "alias/aws/"

_NAME: Final = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}", re.ASCII)


class Alias(Record, frozen=True, kw_only=True):
    """A name for a KMS key. `alias_name` begins with `alias/`."""

    TABLE: ClassVar = "aliases"

    account_id: str
    region: str
    alias_name: str
    target_key_id: str
    created_at: float
    """Seconds since the epoch."""
    updated_at: float
    """Seconds since the epoch."""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.alias_name)

    @property
    def arn(self) -> str:
        """The alias ARN."""
        return alias_arn(self.region, self.account_id, self.alias_name)


def check_alias_name(alias_name: str) -> None:
    """Refuse a name that a customer may not make.

    Raises:
        ValidationException: no prefix, or a character that KMS does not take although the model does (`:`).
        NotAuthorizedException: the name is reserved for AWS managed keys.
    """
    if not alias_name.startswith(ALIAS_PREFIX):
        raise ValidationException(
            'Alias must start with the prefix "alias/". '
            "Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if alias_name.startswith(RESERVED_PREFIX):
        raise NotAuthorizedException
    if not _NAME.fullmatch(alias_name):
        raise ValidationException(f"{alias_name} contains invalid characters for an alias")
