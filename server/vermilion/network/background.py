"""A server on a thread of its own, for programs without an event loop: started, used, and gone without a trace."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vermilion.network.server import Server


class Background:
    """The thread and the event loop of one server.

    Args:
        server: what runs there, from `start` to `stop`.
    """

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._thread = Thread(target=self._run, name="vermilion-server", daemon=True)
        self._started = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Return when the server listens; raise what kept it from that."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Stop the server, and return when its thread has ended; one that SHUTDOWN has stopped only that."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._server.backend.engine.on_shutdown)
        self._thread.join()

    def _run(self) -> None:
        """Serve until something asks to stop."""
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        """Start, say so, wait, stop."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._server.start()
        except Exception as error:  # noqa: BLE001  # it is raised where `start` was called
            self._failure = error
            return
        finally:
            self._started.set()
        await self._server.wait()
        await self._server.stop()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loop: uvloop, but for Windows, which has none."""
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415  # there is none on Windows

    return uvloop.new_event_loop
