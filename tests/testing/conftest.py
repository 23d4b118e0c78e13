"""An instance for each test, and each version of RESP."""

import pytest

from vermilion import Vermilion


@pytest.fixture
def instance() -> Vermilion:
    """A private instance."""
    return Vermilion()


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def protocol(request: pytest.FixtureRequest) -> int:
    """A version of RESP."""
    version: int = request.param
    return version
