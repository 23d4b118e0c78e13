"""Vermilion in place of a Redis in tests, and embedded in a program: in-process clients, a clock that moves, snapshots.

This floor stands beside `network/`, and may import every floor below it and redis-py; nothing below knows of it.
"""

from vermilion.testing.faults import Fault, Faults
from vermilion.testing.instance import Vermilion, connect, connect_async
from vermilion.testing.urls import register_url, unregister_url

__all__ = ["Fault", "Faults", "Vermilion", "connect", "connect_async", "register_url", "unregister_url"]
