"""OpenID Connect providers: Create, Get, Delete, List, Add- and RemoveClientID, UpdateThumbprint.

Source: IAM API Reference, "CreateOpenIDConnectProvider" and its like; IAM User Guide, "Create an OpenID Connect (OIDC)
identity provider in IAM"; OpenID Connect Discovery 1.0, 3, "issuer".
"""

import re
from collections.abc import Sequence
from typing import Final

from selfkms.domain.iam.errors import (
    EntityAlreadyExistsException,
    InvalidInputException,
    LimitExceededException,
)
from selfkms.domain.iam.identity_providers import OIDCProvider
from selfkms.domain.iam.limits import CLIENT_IDS_PER_OIDC_PROVIDER_MAX, OIDC_PROVIDERS_PER_ACCOUNT_MAX
from selfkms.domain.iam.tags import with_tags
from selfkms.services.context import Context
from selfkms.services.iam.tagging import TagEntry, check_tags, of_tagging, tag_entries, tags_of
from selfkms.services.operation import Audit, Entity, EntityNamed, NewEntity, Operation
from selfkms.services.shapes import Shape

THUMBPRINTS_MAX: Final = 5
"""IAM API Reference, "CreateOpenIDConnectProvider", ThumbprintList."""

# Host and path: no port, query, fragment or user. Neither may hold what has a meaning in ARNs and policies.
_URL: Final = re.compile(r"https://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?:/[A-Za-z0-9._~!&'()+,;=@%-]*)*)", re.ASCII)
_THUMBPRINT: Final = re.compile(r"[0-9A-Fa-f]{40}", re.ASCII)


class CreateOpenIDConnectProviderRequest(Shape, frozen=True, kw_only=True):
    url: str
    clientid_list: tuple[str, ...] = ()
    thumbprint_list: tuple[str, ...] = ()
    tags: tuple[TagEntry, ...] = ()


class OpenIDConnectProviderNamedRequest(Shape, frozen=True, kw_only=True):
    """GetOpenIDConnectProvider and DeleteOpenIDConnectProvider."""

    openid_connect_provider_arn: str


class ListOpenIDConnectProvidersRequest(Shape, frozen=True, kw_only=True):
    pass


class ClientIDRequest(Shape, frozen=True, kw_only=True):
    """AddClientIDToOpenIDConnectProvider and RemoveClientIDFromOpenIDConnectProvider."""

    openid_connect_provider_arn: str
    clientid: str


class UpdateOpenIDConnectProviderThumbprintRequest(Shape, frozen=True, kw_only=True):
    openid_connect_provider_arn: str
    thumbprint_list: tuple[str, ...]


class CreateOpenIDConnectProviderResult(Shape, frozen=True, kw_only=True):
    openid_connect_provider_arn: str
    tags: tuple[TagEntry, ...] | None = None


class GetOpenIDConnectProviderResult(Shape, frozen=True, kw_only=True):
    url: str
    """Without `https://`, as on AWS."""
    clientid_list: tuple[str, ...]
    thumbprint_list: tuple[str, ...]
    create_date: float
    tags: tuple[TagEntry, ...]


class OpenIDConnectProviderEntry(Shape, frozen=True, kw_only=True):
    arn: str


class ListOpenIDConnectProvidersResult(Shape, frozen=True, kw_only=True):
    openid_connect_provider_list: tuple[OpenIDConnectProviderEntry, ...]


def check_new_provider(request: CreateOpenIDConnectProviderRequest) -> None:
    """Refuse a URL that cannot be an issuer's, and thumbprints that are none.

    Raises:
        InvalidInputException: see above, or tags; see `domain.iam.tags.check_new_tags`.
    """
    if not _URL.fullmatch(request.url):
        raise InvalidInputException("Invalid Open ID Connect Provider URL")
    _check_thumbprints(request.thumbprint_list)
    check_tags(request)


def check_new_thumbprints(request: UpdateOpenIDConnectProviderThumbprintRequest) -> None:
    """Refuse thumbprints that are none, and no thumbprints at all.

    Raises:
        InvalidInputException: see above.
    """
    if not request.thumbprint_list:
        raise InvalidInputException("Thumbprint list must contain at least one entry.")
    _check_thumbprints(request.thumbprint_list)


def create_provider(request: CreateOpenIDConnectProviderRequest, context: Context) -> CreateOpenIDConnectProviderResult:
    """Trust an issuer. Thumbprints are kept and given back; without any, none is fetched.

    Raises:
        EntityAlreadyExistsException: the account trusts it already.
        LimitExceededException: the account has 100 providers, or there are more than 100 client IDs.
    """
    host_and_path = request.url.removeprefix("https://")
    if context.database.oidc_provider(context.account_id, host_and_path) is not None:
        raise EntityAlreadyExistsException(f"Provider with url {request.url} already exists.")
    if len(context.database.oidc_providers(context.account_id)) >= OIDC_PROVIDERS_PER_ACCOUNT_MAX:
        raise LimitExceededException(
            f"Cannot exceed quota for OpenIdConnectProvidersPerAccount: {OIDC_PROVIDERS_PER_ACCOUNT_MAX}"
        )
    provider = OIDCProvider(
        account_id=context.account_id,
        host_and_path=host_and_path,
        created_at=context.now,
        client_ids=_checked_client_ids(request.clientid_list),
        thumbprints=request.thumbprint_list,
        tags=with_tags((), tags_of(request.tags)),
    )
    context.put(provider)
    return CreateOpenIDConnectProviderResult(
        openid_connect_provider_arn=provider.arn, tags=tag_entries(provider.tags) or None
    )


def get_provider(
    _request: OpenIDConnectProviderNamedRequest, provider: OIDCProvider, _context: Context
) -> GetOpenIDConnectProviderResult:
    """All that is known of a provider."""
    return GetOpenIDConnectProviderResult(
        url=provider.host_and_path,
        clientid_list=provider.client_ids,
        thumbprint_list=provider.thumbprints,
        create_date=provider.created_at,
        tags=tag_entries(provider.tags),
    )


def delete_provider(
    _request: OpenIDConnectProviderNamedRequest, provider: OIDCProvider | None, context: Context
) -> None:
    """Trust an issuer no longer; one that is not there is no error. Roles that name it let nobody in by it."""
    if provider is not None:
        context.remove(provider)


def list_providers(_request: ListOpenIDConnectProvidersRequest, context: Context) -> ListOpenIDConnectProvidersResult:
    """The ARNs of all providers."""
    providers = context.database.oidc_providers(context.account_id)
    return ListOpenIDConnectProvidersResult(
        openid_connect_provider_list=tuple(OpenIDConnectProviderEntry(arn=provider.arn) for provider in providers)
    )


def add_client_id(request: ClientIDRequest, provider: OIDCProvider, context: Context) -> None:
    """Let in tokens for one more audience. One that is let in already is no error.

    Raises:
        LimitExceededException: there would be more than 100.
    """
    if request.clientid not in provider.client_ids:
        client_ids = _checked_client_ids((*provider.client_ids, request.clientid))
        context.put(provider.changed(client_ids=client_ids))


def remove_client_id(request: ClientIDRequest, provider: OIDCProvider, context: Context) -> None:
    """Let in tokens for an audience no longer. One that is not there is no error."""
    if request.clientid in provider.client_ids:
        kept = tuple(client_id for client_id in provider.client_ids if client_id != request.clientid)
        context.put(provider.changed(client_ids=kept))


def update_thumbprint(
    request: UpdateOpenIDConnectProviderThumbprintRequest, provider: OIDCProvider, context: Context
) -> None:
    """Replace all thumbprints."""
    context.put(provider.changed(thumbprints=request.thumbprint_list))


def _checked_client_ids(client_ids: Sequence[str]) -> tuple[str, ...]:
    unique = tuple(dict.fromkeys(client_ids))
    if len(unique) > CLIENT_IDS_PER_OIDC_PROVIDER_MAX:
        raise LimitExceededException(
            f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_IDS_PER_OIDC_PROVIDER_MAX}"
        )
    return unique


def _check_thumbprints(thumbprints: Sequence[str]) -> None:
    if len(thumbprints) > THUMBPRINTS_MAX:
        raise InvalidInputException(f"Thumbprint list must contain at most {THUMBPRINTS_MAX} entries.")
    if not all(_THUMBPRINT.fullmatch(thumbprint) for thumbprint in thumbprints):
        raise InvalidInputException("Thumbprint must be 40 hexadecimal digits.")


_PROVIDER: Final = (EntityNamed(Entity.OIDC_PROVIDER, "openid_connect_provider_arn"),)
_ARN: Final = "openid_connect_provider_arn"

OPERATIONS: Final = (
    Operation(
        "CreateOpenIDConnectProvider",
        service="iam",
        run=create_provider,
        request=CreateOpenIDConnectProviderRequest,
        check=check_new_provider,
        targets=(NewEntity(Entity.OIDC_PROVIDER, "url"),),
        condition_keys=of_tagging,
        further_actions=lambda request: ("iam:TagOpenIDConnectProvider",) if request.tags else (),
        writes=True,
        audit=Audit(
            parameters=("url", "clientid_list", "thumbprint_list", "tags"),
            answers=(_ARN,),
            read_only=False,
        ),
    ),
    Operation(
        "GetOpenIDConnectProvider",
        service="iam",
        run=get_provider,
        request=OpenIDConnectProviderNamedRequest,
        targets=_PROVIDER,
        audit=Audit(parameters=(_ARN,)),
    ),
    Operation(
        "DeleteOpenIDConnectProvider",
        service="iam",
        run=delete_provider,
        request=OpenIDConnectProviderNamedRequest,
        targets=(EntityNamed(Entity.OIDC_PROVIDER, _ARN, may_be_missing=True),),
        writes=True,
        audit=Audit(parameters=(_ARN,), read_only=False),
    ),
    Operation(
        "ListOpenIDConnectProviders",
        service="iam",
        run=list_providers,
        request=ListOpenIDConnectProvidersRequest,
        audit=Audit(),
    ),
    Operation(
        "AddClientIDToOpenIDConnectProvider",
        service="iam",
        run=add_client_id,
        request=ClientIDRequest,
        targets=_PROVIDER,
        writes=True,
        audit=Audit(parameters=(_ARN, "clientid"), read_only=False),
    ),
    Operation(
        "RemoveClientIDFromOpenIDConnectProvider",
        service="iam",
        run=remove_client_id,
        request=ClientIDRequest,
        targets=_PROVIDER,
        writes=True,
        audit=Audit(parameters=(_ARN, "clientid"), read_only=False),
    ),
    Operation(
        "UpdateOpenIDConnectProviderThumbprint",
        service="iam",
        run=update_thumbprint,
        request=UpdateOpenIDConnectProviderThumbprintRequest,
        check=check_new_thumbprints,
        targets=_PROVIDER,
        writes=True,
        audit=Audit(parameters=(_ARN, "thumbprint_list"), read_only=False),
    ),
)
