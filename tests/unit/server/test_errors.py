"""The errors of HTTP itself."""

from selfkms.server.errors import MalformedHttpRequestException, RequestTimeoutException


def test_http_errors_have_the_codes_and_statuses_of_aws() -> None:
    """Clients know these codes from every service of AWS."""
    assert (MalformedHttpRequestException().code, MalformedHttpRequestException.http_status) == (
        "MalformedHttpRequestException",
        400,
    )
    assert (RequestTimeoutException().code, RequestTimeoutException.http_status) == ("RequestTimeoutException", 408)
