"""An instance for each test, and each version of RESP."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

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


@pytest.fixture
def beside() -> Iterator[Callable[..., Future[Any]]]:
    """Runs something on another thread."""
    with ThreadPoolExecutor(4) as threads:
        yield threads.submit
