"""Grants: delegated permissions on one KMS key, for one grantee, of a list of operations.

Source: KMS developer guide, "Grants in AWS KMS", "Creating grants"; AWS KMS API Reference, "CreateGrant",
"GrantConstraints".
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import msgspec

from selfkms.domain.arns import key_arn
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import InvalidGrantIdException
from selfkms.domain.kms.keys import KeySpec, KeyUsage, KMSKey
from selfkms.domain.limits import GRANT_CONSTRAINT_CHARACTERS_MAX, GRANT_CONSTRAINT_PAIRS_MAX
from selfkms.domain.records import Record

GRANT_ID_BYTES: Final = 32

_GRANT_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

_ANY_KEY: Final = frozenset({"CreateGrant", "RetireGrant", "DescribeKey"})
"""Grant operations of every kind of key. They have no encryption context, so that no constraint on it binds them."""
_ENCRYPTION: Final = frozenset({"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"})
_DATA_KEYS: Final = frozenset(
    {
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
    }
)
_OF_USAGE: Final[Mapping[KeyUsage, frozenset[str]]] = {
    KeyUsage.ENCRYPT_DECRYPT: _ENCRYPTION | {"GetPublicKey"},
    KeyUsage.SIGN_VERIFY: frozenset({"Sign", "Verify", "GetPublicKey"}),
    KeyUsage.GENERATE_VERIFY_MAC: frozenset({"GenerateMac", "VerifyMac"}),
    KeyUsage.KEY_AGREEMENT: frozenset({"DeriveSharedSecret", "GetPublicKey"}),
    KeyUsage.ENCAPSULATE_DECAPSULATE: frozenset({"Encapsulate", "Decapsulate", "GetPublicKey"}),
}


class GrantConstraints(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """What narrows a grant: one of two limits on the encryption context, and a resource that must be acted for.

    Names and values of pairs are compared with their case. AWS's pages contradict each other: the API Reference,
    "GrantConstraints", says that a name is compared without it; the KMS developer guide, "Using grant constraints",
    says "an exact, case-sensitive match" of both. Of two readings of a limit the stricter one is kept.
    """

    encryption_context_equals: dict[str, str] | None = None
    """The encryption context must be exactly this."""
    encryption_context_subset: dict[str, str] | None = None
    """The encryption context must hold these pairs."""
    source_arn: str | None = None
    """`aws:SourceArn` of the request must be this."""

    def admit(self, encryption_context: Mapping[str, str]) -> bool:
        """Whether an encryption context fits."""
        equals, subset = self.encryption_context_equals, self.encryption_context_subset
        if equals is not None and encryption_context != equals:
            return False
        return subset is None or subset.items() <= encryption_context.items()

    def cover(self, child: "GrantConstraints") -> bool:
        """Whether all that `child` admits is admitted here."""
        if self.source_arn is not None and child.source_arn != self.source_arn:
            return False
        exact = child.encryption_context_equals
        if self.encryption_context_equals is not None:
            return exact == self.encryption_context_equals
        if self.encryption_context_subset is None:
            return True
        pairs = child.encryption_context_subset if exact is None else exact
        return pairs is not None and self.encryption_context_subset.items() <= pairs.items()


NO_CONSTRAINTS: Final = GrantConstraints()


class Grant(Record, frozen=True, kw_only=True):
    """A grant on a KMS key."""

    TABLE: ClassVar = "grants"

    account_id: str
    """Account, Region and ID of the KMS key."""
    region: str
    key_id: str
    grant_id: str
    """64 hex digits, random."""
    created_at: float
    """Seconds since the epoch."""
    grantee: str
    """ARN of the grantee principal, or the service principal (`GranteeServicePrincipal`)."""
    grantee_id: str | None = None
    """Unique ID of the user or role that the ARN named when the grant was made, where that is known."""
    retiring: str | None = None
    """ARN of the retiring principal, or the service principal."""
    retiring_id: str | None = None
    """As `grantee_id`."""
    grantee_is_service: bool = False
    retiring_is_service: bool = False
    issuing_account: str
    """ARN of the root of the account whose principal made the grant."""
    operations: tuple[str, ...]
    """In the order of the request."""
    constraints: GrantConstraints | None = None
    name: str = ""

    def primary_key(self) -> tuple[str, ...]:
        return (self.account_id, self.region, self.key_id, self.grant_id)

    @property
    def key_arn(self) -> str:
        """The ARN of the KMS key."""
        return key_arn(self.region, self.account_id, self.key_id)

    def permits(
        self, operation: str, encryption_context: Mapping[str, str] | None, *, source_arn: str | None = None
    ) -> bool:
        """Whether the grant covers an operation, by its name in grants (`ReEncryptFrom`).

        For CreateGrant ask `covers_child` as well. DescribeKey, CreateGrant and RetireGrant are not bound by a
        constraint on the encryption context, RetireGrant by none at all; whatever else an operation may be, it is.

        Args:
            operation: one of AWS's grant operations.
            encryption_context: of the request; None, if the operation has none, is an empty one.
            source_arn: `aws:SourceArn` of the request.
        """
        if operation not in self.operations:
            return False
        if self.constraints is None or operation == "RetireGrant":
            return True
        if self.constraints.source_arn is not None and self.constraints.source_arn != source_arn:
            return False
        return operation in _ANY_KEY or self.constraints.admit(encryption_context or {})

    def covers_child(self, operations: Sequence[str], constraints: GrantConstraints | None) -> bool:
        """Whether a grant that was made by permission of this one is as narrow or narrower.

        It must have a part of these operations, and constraints at least as strict.

        Source: KMS developer guide, "Granting CreateGrant permission".
        """
        if not set(operations) <= set(self.operations):
            return False
        return (self.constraints or NO_CONSTRAINTS).cover(constraints or NO_CONSTRAINTS)

    def repeats(self, other: "Grant") -> bool:
        """Whether this would be the same grant as `other`, made once more. The order of operations does not matter."""
        alike = self.changed(
            row_version=other.row_version,
            grant_id=other.grant_id,
            created_at=other.created_at,
            operations=other.operations,
        )
        return alike == other and set(self.operations) == set(other.operations)


def check_grant_id(grant_id: str) -> None:
    """Refuse what cannot be a grant ID.

    Raises:
        InvalidGrantIdException: not 64 hex digits.
    """
    if not _GRANT_ID.fullmatch(grant_id):
        raise InvalidGrantIdException(f"Invalid grantId '{grant_id}'")


def check_operations(operations: Sequence[str]) -> None:
    """Refuse a list of operations that no grant can have.

    Raises:
        ValidationException: none, or CreateGrant alone: nothing could be handed on.
    """
    if not operations:
        raise ValidationException(
            "1 validation error detected: Value '[]' at 'operations' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    if set(operations) == {"CreateGrant"}:
        raise ValidationException("Grants must not contain only the CreateGrant operation.")


def check_constraints(constraints: GrantConstraints | None) -> None:
    """Refuse constraints that no grant can have.

    An empty map is refused: AWS takes it as not given (IAM Access Analyzer API Reference, "KmsGrantConstraints"), so
    that a grant "for no encryption context at all" would be one for all of them.

    Raises:
        ValidationException: both constraints on the encryption context, an empty one, more than 8 pairs, or more than
            384 characters in a name or a value.
    """
    if constraints is None:
        return
    equals, subset = constraints.encryption_context_equals, constraints.encryption_context_subset
    if equals is not None and subset is not None:
        raise ValidationException("You can specify only one type of encryption context constraint in a grant.")
    pairs = subset if equals is None else equals
    if pairs is None:
        return
    if not pairs:
        raise ValidationException("An encryption context constraint must have at least one encryption context pair.")
    if len(pairs) > GRANT_CONSTRAINT_PAIRS_MAX:
        raise ValidationException(
            f"An encryption context constraint cannot have more than {GRANT_CONSTRAINT_PAIRS_MAX} "
            "encryption context pairs."
        )
    if max(len(text) for pair in pairs.items() for text in pair) > GRANT_CONSTRAINT_CHARACTERS_MAX:
        raise ValidationException(
            f"The encryption context in a grant constraint cannot exceed {GRANT_CONSTRAINT_CHARACTERS_MAX} characters."
        )


def check_fits(key: KMSKey, operations: Sequence[str], constraints: GrantConstraints | None) -> None:
    """Refuse a grant of what the KMS key cannot do.

    Raises:
        ValidationException: an operation that is none of this kind of key's, or a constraint on the encryption context
            of a key whose operations have none.
    """
    fitting = grant_operations(key)
    for operation in operations:
        if operation not in fitting:
            raise ValidationException(
                f"The grant operation {operation} is not valid for {key.arn}: "
                f"its key spec is {key.key_spec}, its key usage is {key.key_usage}."
            )
    if constraints is None or key.key_spec is KeySpec.SYMMETRIC_DEFAULT:
        return
    if constraints.encryption_context_equals is not None or constraints.encryption_context_subset is not None:
        raise ValidationException(
            "Encryption context grant constraints are supported only on symmetric encryption KMS keys."
        )


def grant_operations(key: KMSKey) -> frozenset[str]:
    """The operations that a grant on this KMS key may hold. Source: KMS developer guide, "Grant operations"."""
    if key.key_spec is KeySpec.SYMMETRIC_DEFAULT:
        return _ANY_KEY | _ENCRYPTION | _DATA_KEYS
    return _ANY_KEY | _OF_USAGE[key.key_usage]
