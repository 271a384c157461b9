"""What OpenID Connect providers publish, fetched over HTTPS; and the tokens that they signed."""
