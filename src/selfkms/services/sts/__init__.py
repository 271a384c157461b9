"""Sessions: temporary credentials of roles and users."""
