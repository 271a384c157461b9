"""The errors of STS against the published service model."""

from typing import Any, Final

import botocore.loaders
import pytest

from selfkms.domain.sts import errors
from selfkms.domain.sts.errors import InvalidParameterValueException, STSError

MODEL: Final[dict[str, Any]] = botocore.loaders.Loader().load_service_model("sts", "service-2")

CLASSES: Final = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, STSError) and error is not STSError
]


@pytest.mark.parametrize("error", [error for error in CLASSES if error is not InvalidParameterValueException])
def test_code_and_status_are_the_models(error: type[STSError]) -> None:
    """Each error has the code and the HTTP status that the model gives the shape of its name."""
    published = MODEL["shapes"][error.__name__]["error"]
    assert (error("text").code, error.http_status) == (published["code"], published["httpStatusCode"])


def test_what_the_model_does_not_list() -> None:
    """InvalidParameterValue is answered to session tags, though no page lists it."""
    assert InvalidParameterValueException("text").code == "InvalidParameterValue"
    assert InvalidParameterValueException.http_status == 400
