"""What all test folders share: a real server, and a stand-in for what is not there yet."""

import importlib.util
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import standin_memory_backend
from tests.real_server import RealServer

if importlib.util.find_spec("vermilion.backends.memory_backend") is None:
    sys.modules["vermilion.backends.memory_backend"] = standin_memory_backend

# The same examples in every run: a failure is repeated, not met once.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def real_server() -> Iterator[RealServer]:
    """A real Redis or Valkey, one per test process; a test that uses it empties it first."""
    server = RealServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()
