"""Vermilion in place of a Redis in tests, and embedded in a program: in-process clients, a clock that moves, snapshots.

This floor stands beside `network/`, and may import every floor below it and redis-py; nothing below knows of it. What
it exports is loaded when it is first used: pytest loads the plugin that lives here in every run.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vermilion.testing.faults import Fault, Faults
    from vermilion.testing.instance import Vermilion, connect, connect_async
    from vermilion.testing.journal import CallJournal
    from vermilion.testing.patching import patch_redis
    from vermilion.testing.unbounded import UnboundedReadWarning
    from vermilion.testing.urls import register_url, unregister_url

__all__ = [
    "CallJournal",
    "Fault",
    "Faults",
    "UnboundedReadWarning",
    "Vermilion",
    "connect",
    "connect_async",
    "patch_redis",
    "register_url",
    "unregister_url",
]

_HOMES: Final = {
    "CallJournal": "vermilion.testing.journal",
    "Fault": "vermilion.testing.faults",
    "Faults": "vermilion.testing.faults",
    "UnboundedReadWarning": "vermilion.testing.unbounded",
    "Vermilion": "vermilion.testing.instance",
    "connect": "vermilion.testing.instance",
    "connect_async": "vermilion.testing.instance",
    "patch_redis": "vermilion.testing.patching",
    "register_url": "vermilion.testing.urls",
    "unregister_url": "vermilion.testing.urls",
}


def __getattr__(name: str) -> object:
    """Load a public name's module when the name is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
