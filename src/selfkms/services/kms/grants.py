"""CreateGrant, RetireGrant, RevokeGrant.

Source: AWS KMS API Reference, the operations of these names; KMS developer guide, "Grants in AWS KMS".
"""

from typing import Final

from selfkms.domain.arns import root_arn
from selfkms.domain.errors import ValidationException
from selfkms.domain.kms.errors import LimitExceededException, NotFoundException
from selfkms.domain.kms.grant_principals import GrantPrincipal
from selfkms.domain.kms.grants import (
    GRANT_ID_BYTES,
    NO_CONSTRAINTS,
    Grant,
    GrantConstraints,
    check_constraints,
    check_fits,
    check_grant_id,
    check_operations,
)
from selfkms.domain.kms.keys import KMSKey
from selfkms.domain.limits import GRANTS_PER_KEY_MAX
from selfkms.services.context import Context
from selfkms.services.kms.condition_keys import of_direct_call, of_new_grant
from selfkms.services.kms.grant_holders import unique_id
from selfkms.services.kms.grant_tokens import grant_token
from selfkms.services.operation import Audit, GrantNamed, KeyNamed, Operation
from selfkms.services.shapes import Shape


class CreateGrantRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    grantee_principal: str | None = None
    grantee_service_principal: str | None = None
    retiring_principal: str | None = None
    retiring_service_principal: str | None = None
    operations: tuple[str, ...]
    constraints: GrantConstraints | None = None
    grant_tokens: tuple[str, ...] = ()
    name: str = ""
    dry_run: bool = False


class CreateGrantResult(Shape, frozen=True, kw_only=True):
    grant_token: str
    grant_id: str


class RetireGrantRequest(Shape, frozen=True, kw_only=True):
    grant_token: str | None = None
    key_id: str | None = None
    grant_id: str | None = None
    dry_run: bool = False


class RevokeGrantRequest(Shape, frozen=True, kw_only=True):
    key_id: str
    grant_id: str
    dry_run: bool = False


def check_create_grant(request: CreateGrantRequest) -> None:
    """Refuse what no KMS key could have a grant of.

    1. One grantee, at most one retiring principal, and their ARNs have a form that grants know.
    2. A service as the grantee acts for one resource, and somebody can retire its grant.
    3. Operations and constraints in themselves.

    Raises:
        InvalidArnException: an ARN of something else.
        ValidationException: all the rest.
    """
    # 1.
    if (request.grantee_principal is None) is (request.grantee_service_principal is None):
        raise ValidationException("You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.")
    if request.retiring_principal is not None and request.retiring_service_principal is not None:
        raise ValidationException("You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both.")
    for arn in (request.grantee_principal, request.retiring_principal):
        if arn is not None:
            GrantPrincipal.parse(arn)
    # 2.
    if request.grantee_service_principal is not None:
        if (request.constraints or NO_CONSTRAINTS).source_arn is None:
            raise ValidationException(
                "When you specify a GranteeServicePrincipal, you must also specify a SourceArn grant constraint."
            )
        if request.retiring_principal is None and request.retiring_service_principal is None:
            raise ValidationException(
                "When you specify a GranteeServicePrincipal, you must also specify either a RetiringPrincipal "
                "or a RetiringServicePrincipal."
            )
    # 3.
    check_operations(request.operations)
    check_constraints(request.constraints)


def check_retire_grant(request: RetireGrantRequest) -> None:
    """Refuse a request that does not name one grant in one way.

    Raises:
        InvalidGrantIdException: not a grant ID.
        ValidationException: neither a token nor a key and a grant ID; or both, which might name two grants.
    """
    by_token = request.grant_token is not None
    if (request.key_id is None, request.grant_id is None) != (by_token, by_token):
        raise ValidationException("You must specify either a grant token, or both a key ID and a grant ID.")
    if request.grant_id is not None:
        check_grant_id(request.grant_id)


def check_revoke_grant(request: RevokeGrantRequest) -> None:
    """Refuse what is not a grant ID."""
    check_grant_id(request.grant_id)


def create_grant(request: CreateGrantRequest, key: KMSKey, context: Context) -> CreateGrantResult:
    """Let somebody else use a KMS key; at once, with the token or without it.

    With a name, a grant that is the same in all respects is not made twice: its ID comes back, with a new token. With
    the same name and anything else different it is another grant (KMS developer guide, "Creating a grant").

    Raises:
        InvalidArnException: a user or a role that does not exist, in an account of this installation.
        LimitExceededException: the key has 50,000 grants.
        ValidationException: operations or constraints that do not fit the key.
    """
    check_fits(key, request.operations, request.constraints)
    grant = _made(request, key, context)
    present = _repeated(grant, context) if grant.name else None
    if present is None:
        if context.database.grant_count(key.account_id, key.region, key.key_id) >= GRANTS_PER_KEY_MAX:
            raise LimitExceededException(f"{key.arn} has reached the limit of {GRANTS_PER_KEY_MAX} grants.")
        if grant.name:
            # The key's row version is raised too: of two requests with one name at once, such as a client's retry, one
            # is decided again and then finds the grant of the other.
            context.put(key)
        # Grants without a name do not wait for each other: the worst that comes of it is a few above the limit. None
        # outlives its key, which takes no new ones for at least seven days before it ends with all it has.
        context.put(grant)
        present = grant
    token = grant_token(context.keys, context.entropy, present)
    return CreateGrantResult(grant_token=token, grant_id=present.grant_id)


def retire_grant(_request: RetireGrantRequest, grant: Grant, _key: KMSKey, context: Context) -> None:
    """Remove a grant that is not needed any more. Who may do so is said by the grant itself."""
    context.note(grant_id=grant.grant_id)
    context.remove(grant)


def revoke_grant(request: RevokeGrantRequest, key: KMSKey, context: Context) -> None:
    """Remove a grant: it permits nothing from now on.

    Raises:
        NotFoundException: the KMS key has no such grant.
    """
    grant = context.database.grant(key.account_id, key.region, key.key_id, request.grant_id)
    if grant is None:
        raise NotFoundException(f"Grant ID {request.grant_id} not found")
    context.remove(grant)


def _made(request: CreateGrantRequest, key: KMSKey, context: Context) -> Grant:
    """The grant that a request asks for."""
    grantee = request.grantee_principal or request.grantee_service_principal
    assert grantee is not None, "the request was checked"
    by_arn, retiring_by_arn = request.grantee_principal, request.retiring_principal
    return Grant(
        account_id=key.account_id,
        region=key.region,
        key_id=key.key_id,
        grant_id=context.entropy.random_bytes(GRANT_ID_BYTES).hex(),
        created_at=context.now,
        grantee=grantee,
        grantee_id=unique_id(by_arn, context.database) if by_arn is not None else None,
        grantee_is_service=by_arn is None,
        retiring=retiring_by_arn or request.retiring_service_principal,
        retiring_id=unique_id(retiring_by_arn, context.database) if retiring_by_arn is not None else None,
        retiring_is_service=request.retiring_service_principal is not None,
        issuing_account=root_arn(context.account_id),
        operations=tuple(dict.fromkeys(request.operations)),
        constraints=None if request.constraints == NO_CONSTRAINTS else request.constraints,
        name=request.name,
    )


def _repeated(grant: Grant, context: Context) -> Grant | None:
    """The grant that was made before by the same request."""
    others = context.database.grants_to(grant.account_id, grant.region, grant.key_id, grant.grantee)
    return next((other for other in others if grant.repeats(other)), None)


_ON_KEY: Final = (KeyNamed(foreign=True),)

OPERATIONS: Final = (
    Operation(
        "CreateGrant",
        run=create_grant,
        request=CreateGrantRequest,
        check=check_create_grant,
        targets=_ON_KEY,
        condition_keys=of_new_grant,
        writes=True,
        audit=Audit(
            parameters=(
                "key_id",
                "grantee_principal",
                "grantee_service_principal",
                "retiring_principal",
                "retiring_service_principal",
                "operations",
                "constraints",
            ),
            answers=("grant_id", "key_id"),
            read_only=False,
        ),
    ),
    Operation(
        "RetireGrant",
        run=retire_grant,
        request=RetireGrantRequest,
        check=check_retire_grant,
        targets=(GrantNamed(),),
        writes=True,
        audit=Audit(read_only=False),
    ),
    Operation(
        "RevokeGrant",
        run=revoke_grant,
        request=RevokeGrantRequest,
        check=check_revoke_grant,
        targets=_ON_KEY,
        condition_keys=of_direct_call,
        writes=True,
        audit=Audit(parameters=("key_id", "grant_id"), read_only=False),
    ),
)
