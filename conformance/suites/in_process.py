"""A pytest plugin for fakeredis's tests: gives them clients of instances in their own process, in place of its own."""

import importlib
from typing import Any
from weakref import WeakKeyDictionary

from vermilion import Vermilion


def pytest_sessionstart() -> None:
    """Replace the classes of clients that the suite's fixtures choose from."""
    instances: WeakKeyDictionary[Any, Vermilion] = WeakKeyDictionary()

    def instance(server: object) -> Vermilion:
        if server not in instances:
            instances[server] = Vermilion()
        return instances[server]

    def connect(server: object, lua_modules: object, **options: Any) -> object:
        del lua_modules  # which of Redis's Lua libraries fakeredis is to have: here are all of them
        return instance(server).connect(**options)

    def connect_async(server: object, lua_modules: object, **options: Any) -> object:
        del lua_modules
        return instance(server).connect_async(**options)

    # by what kind of client: of Valkey, of fakeredis, asynchronous
    chosen = importlib.import_module("test.conftest").CLIENT_CLASS_MAP
    chosen[False, True, False] = connect
    chosen[False, True, True] = connect_async
