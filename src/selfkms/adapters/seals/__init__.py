"""Seals: what protects the root key while the service is down. Sealing keys are kept apart from the data directory."""


class SealError(Exception):
    """The root key cannot be sealed or unsealed. The message is for the operator and holds no secret."""
