"""A world for each test, so that none finds what another left."""

import pytest

from harness.world import World


@pytest.fixture
def world() -> World:
    return World()
