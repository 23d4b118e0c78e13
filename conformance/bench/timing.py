"""The clock of the in-process measurements: time per call, the best of several runs."""

import gc
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from conformance.bench.result import Reading

RUNS = 5


def optional(module: str) -> Any:
    """Import a peer; None where it is not installed.

    Imported by name, untyped: the type checker need not find what is optional.
    """
    try:
        return import_module(module)
    except ImportError:
        return None


def missing(package: str) -> str:
    """Return the one line that says how to get a peer."""
    return f"{package} is not installed: python -m pip install --group bench"


def per_call(operation: Callable[..., object], *arguments: object, calls: int) -> Reading:
    """Time a function.

    Args:
        operation: what is called.
        arguments: what it is called with.
        calls: how often, in each of the runs.

    Returns:
        Nanoseconds per call of the best run, the loop around the call included.
    """
    samples = []
    for _ in range(RUNS):
        gc.collect()
        started = time.perf_counter_ns()
        for _ in range(calls):
            operation(*arguments)
        samples.append((time.perf_counter_ns() - started) / calls)
    return Reading(min(samples), samples=tuple(samples))


async def per_await(operation: Callable[..., Awaitable[object]], *arguments: object, calls: int) -> Reading:
    """Time a coroutine function, as `per_call` does a function."""
    samples = []
    for _ in range(RUNS):
        gc.collect()
        started = time.perf_counter_ns()
        for _ in range(calls):
            await operation(*arguments)
        samples.append((time.perf_counter_ns() - started) / calls)
    return Reading(min(samples), samples=tuple(samples))
