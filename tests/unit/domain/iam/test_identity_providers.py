"""OpenID Connect providers."""

from selfkms.domain.iam.identity_providers import OIDCProvider


def test_a_provider_is_named_by_host_and_path() -> None:
    """In its ARN and in its primary key; tokens name it by its URL."""
    provider = OIDCProvider(account_id="111122223333", host_and_path="id.example.org/tenant", created_at=0.0)
    assert provider.arn == "arn:aws:iam::111122223333:oidc-provider/id.example.org/tenant"
    assert provider.url == "https://id.example.org/tenant"
    assert provider.primary_key() == ("111122223333", "id.example.org/tenant")
