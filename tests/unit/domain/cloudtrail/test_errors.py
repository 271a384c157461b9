"""The errors of CloudTrail are named as in its model."""

import inspect

import pytest

from harness.world import loaded
from selfkms.domain.cloudtrail import errors
from selfkms.domain.errors import AWSError

CLASSES = [
    found
    for found in vars(errors).values()
    if inspect.isclass(found) and issubclass(found, AWSError) and found.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", CLASSES)
def test_each_is_one_of_the_model(error: type[AWSError]) -> None:
    """And is answered with status 400."""
    assert error.__name__ in {shape.name for shape in loaded("cloudtrail").error_shapes}
    assert error("text").code == error.__name__
    assert error.http_status == 400
