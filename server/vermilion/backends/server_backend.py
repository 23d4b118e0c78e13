"""What a server is written against: the cache API, and sessions whose calls are answered now or later."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.measures import Measured
from vermilion.pending import Answer
from vermilion.protocol.encode import Encoder
from vermilion.protocol.reply import Reply
from vermilion.session import Session, Transport


class ServerBackend(Measured, Protocol):
    """Both faces of a backend: a server is the store with `MemoryCacheBackend`, and passes calls on with `Proxy`.

    LLM Context:
        - `engine` has the sessions, the settings, the figures and the users of the server's own clients in both cases;
          the keys only where the backend is the store.
    """

    config: Config
    engine: Engine

    async def initialize(self) -> None:
        """Begin the background work on the running event loop; calling it again does no harm."""

    async def close(self) -> None:
        """End the background work."""

    def load(self) -> None:
        """Read what a server has to know before it starts."""

    def end(self) -> None:
        """Write what is to outlive a server that has stopped."""

    def serve_while_busy(self, serve: Callable[[Session], None]) -> None:
        """Have clients served while a script runs on and on, where one can."""

    async def call(self, *argv: bytes) -> Reply:
        """Run one command, as a client of its own; an error reply is raised."""

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key, None when it does not exist."""

    async def set(self, key: str, value: bytes, ttl: timedelta | None = None) -> None:
        """Set the value of a key."""

    async def delete(self, key: str) -> bool:
        """Delete a key; return whether it existed."""

    async def clear(self) -> None:
        """Delete all keys of the database."""

    def open_session(self, transport: Transport) -> Session:
        """Return a new session; it must authenticate when there is a password."""

    def close_session(self, session: Session) -> None:
        """Forget a session, and what it waits for; closing twice does no harm."""

    def execute(self, session: Session, argv: list[bytes]) -> Answer:
        """Run one call; a `Pending` says that the reply comes later, to the session's transport."""

    def execute_batch(
        self, session: Session, calls: list[list[bytes]], encode: Encoder, out: list[bytes]
    ) -> list[list[bytes]]:
        """Run calls in order, append the bytes of their replies, and return the calls that have not run."""
