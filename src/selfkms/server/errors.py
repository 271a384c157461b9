"""The errors of HTTP itself, for what never became a request.

Source: AWS Management Console, "Common errors" (the list of errors common to the API actions of all AWS services).
"""

from selfkms.domain.errors import AWSError


class MalformedHttpRequestException(AWSError):
    """There is a problem with the request at the HTTP level."""


class RequestTimeoutException(AWSError):
    """Reading the request took too long."""

    http_status = 408
