"""A pytest plugin for redis-py's tests: has its fixtures connect to an instance in their own process, by its URL."""

import importlib
from typing import Any

import redis.asyncio.connection
import redis.connection

from vermilion import Vermilion
from vermilion.testing import register_url
from vermilion.testing.connection import InProcessConnection


def pytest_configure() -> None:
    """Make `vermilion://suite` known."""
    register_url(Vermilion(enable_debug_command="yes", enable_module_command="yes"), "suite")


def pytest_sessionstart() -> None:
    """Replace what the suite's fixtures have imported before, to make connections with."""
    fixtures: Any = importlib.import_module("tests.conftest")
    fixtures.parse_url = redis.connection.parse_url
    fixtures.Connection = InProcessConnection
    fixtures = importlib.import_module("tests.test_asyncio.conftest")
    fixtures.parse_url = redis.asyncio.connection.parse_url
