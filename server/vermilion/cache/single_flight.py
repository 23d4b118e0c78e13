"""One computation per key at a time, whoever asks and whoever goes away meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from vermilion.cache.errors import CacheOperationError, ErrorCode

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs the work for a key once for all who ask while it runs.

    The work runs in a task of its own: a caller that is cancelled, the first one too, leaves the work and the
    other callers alone. With no caller left it still ends, since
    its result is worth having. An exception goes to all who wait, and the next caller starts anew.

    Example:
        >>> flights = SingleFlight()
        >>> async def work():
        ...     print("working")
        ...     return 42
        >>> async def main():
        ...     return await asyncio.gather(*(flights.run("answer", work) for _ in range(3)))
        >>> asyncio.run(main())
        working
        [42, 42, 42]
    """

    __slots__ = ("_flights",)

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    async def run(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work for a key returns, started here or by someone before.

        Args:
            key: what the work is for.
            work: starts it.

        Raises:
            CacheOperationError: FACTORY_CANCELLED, when the work was cancelled, as `cancel` does;
                FACTORY_RECURSION, when the work asks for its own key, and would wait for itself.
            Exception: what the work raises.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(_awaited(work), name=f"vermilion-cache-{key}")
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        if flight is asyncio.current_task():
            raise CacheOperationError(
                "the computation of the value asks for the same key",
                ErrorCode.FACTORY_RECURSION,
                {"key": key},
            )
        # Unlike awaiting the task, waiting for it leaves it alone when the caller is cancelled.
        await asyncio.wait((flight,))
        if flight.cancelled():
            raise CacheOperationError(
                "the computation of the value was cancelled", ErrorCode.FACTORY_CANCELLED, {"key": key}
            )
        return flight.result()

    def _landed(self, key: str, flight: asyncio.Task[T]) -> None:
        del self._flights[key]
        # Looked at, or asyncio would report it as never retrieved when every caller has gone.
        if not flight.cancelled():
            flight.exception()

    async def cancel(self) -> None:
        """Cancel all work, but for work that calls this itself, and wait until it has ended."""
        flights = [flight for flight in self._flights.values() if flight is not asyncio.current_task()]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
