"""A pytest plugin for redis-py's tests: has them connect to an instance in their own process.

Its fixtures do so by the instance's URL, `vermilion://suite`; clients that tests make themselves, and those that are
to speak TLS, by the name of its host, `suite`.
"""

import importlib
from contextlib import ExitStack
from typing import Any

import pytest
import redis.asyncio.connection
import redis.connection

from vermilion import Vermilion
from vermilion.testing import patch_redis, register_url
from vermilion.testing.connection import InProcessConnection


class EncryptedConnection(redis.connection.SSLConnection):
    """A connection to the host of the instance that is to be encrypted: what leads there saves it the trouble."""

    def __init__(self, *, vermilion: object, **options: Any) -> None:
        del vermilion
        super().__init__(host="suite", **options)


def pytest_configure(config: pytest.Config) -> None:
    """Make the URL known, and lead whoever connects to the host, with TLS or without, to the instance."""
    instance = Vermilion(enable_debug_command="yes", enable_module_command="yes")
    register_url(instance, "suite")
    patch = ExitStack()
    patch.enter_context(patch_redis(instance, host="suite"))
    config.add_cleanup(patch.close)


def pytest_sessionstart() -> None:
    """Replace what the suite's fixtures have imported before, to make connections with."""
    fixtures: Any = importlib.import_module("tests.conftest")
    fixtures.parse_url = redis.connection.parse_url
    fixtures.Connection = InProcessConnection
    fixtures.SSLConnection = EncryptedConnection
    fixtures = importlib.import_module("tests.test_asyncio.conftest")
    fixtures.parse_url = redis.asyncio.connection.parse_url
