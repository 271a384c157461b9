"""AWS KMS as another service of ours sees it: asked like any client asks it, and refused like any client."""

from typing import Any, Protocol


class KeyService(Protocol):
    """Calls KMS for a caller, or for the service itself."""

    def call(self, operation: str, *, region: str, **parameters: Any) -> Any:
        """What an operation of KMS answers.

        It is authorized by key policy, IAM and grants, admitted by the key's state, and has an audit record of its
        own. What it changes is written together with what the calling request changes.

        Args:
            operation: its name: `GenerateDataKey`.
            region: where it is called.
            parameters: members of its request, in snake_case.

        Raises:
            AWSError: what KMS answers a client.
        """
