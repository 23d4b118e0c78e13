"""A small HTTP server for probes and scrapers: one question per connection, on the event loop of the engine.

What a client may do is bounded: a question of 8 KB, ten seconds in all, 16 connections. h11 reads and writes HTTP;
there is nothing here but its transport.
"""

import asyncio
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import h11

if TYPE_CHECKING:
    from vermilion.network.listening import Listener

CONNECTIONS: Final = 16
"""So many are open at once; another one is closed."""

QUESTION_BYTES: Final = 8 * 1024
"""A request line and its headers may be so long."""

DEADLINE_S: Final = 10.0
"""After so long a connection is closed, whether the client is slow to ask or slow to read."""


class Answer(NamedTuple):
    """What a path answers."""

    status: HTTPStatus
    content_type: str
    body: bytes


def text(status: HTTPStatus, line: str) -> Answer:
    """Return an answer for a person."""
    return Answer(status, "text/plain; charset=utf-8", f"{line}\n".encode())


class Site:
    """What an HTTP server serves.

    Args:
        pages: by their paths; each returns the answer of the moment, and is called on the event loop.
    """

    def __init__(self, pages: dict[str, Callable[[], Answer]]) -> None:
        self.connections: set[HttpConnection] = set()
        self._pages = pages

    def answer(self, method: bytes, target: bytes) -> Answer:
        """Return what a request is answered with."""
        page = self._pages.get(target.partition(b"?")[0].decode("ascii", "replace"))
        if page is None:
            return text(HTTPStatus.NOT_FOUND, "Not here: " + " ".join(self._pages))
        if method not in {b"GET", b"HEAD"}:
            return text(HTTPStatus.METHOD_NOT_ALLOWED, "GET or HEAD")
        return page()

    def connect(self) -> "HttpConnection":
        """Return the protocol of a new connection."""
        return HttpConnection(self)

    async def serve(self, listening: socket.socket) -> "Listener":
        """Take connections from a socket; closing the listener closes them, too."""
        return SiteListener(
            self, await asyncio.get_running_loop().create_server(self.connect, sock=listening)
        )


class SiteListener:
    """One listener of a site.

    Args:
        site: what it serves.
        listener: asyncio's.
    """

    def __init__(self, site: Site, listener: asyncio.Server) -> None:
        self.site = site
        self._listener = listener

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        self._listener.close()
        for connection in list(self.site.connections):
            connection.abort()


class HttpConnection(asyncio.Protocol):
    """One connection: a question, an answer, the end.

    Args:
        site: what it asks.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._http = h11.Connection(h11.SERVER)
        self._taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in, unless there are too many."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from asyncio's
        if len(self._site.connections) >= CONNECTIONS:
            self._transport.abort()
            return
        self._site.connections.add(self)
        self._deadline = asyncio.get_running_loop().call_later(DEADLINE_S, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        if self in self._site.connections:
            self._site.connections.remove(self)
            self._deadline.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer when the question is complete; what follows it is not read."""
        if self._transport.is_closing():
            return
        self._taken += len(data)
        if self._taken > QUESTION_BYTES:  # h11 limits only what is not complete yet
            too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._answer(text(too_large, too_large.phrase))
            return
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._answer(text(HTTPStatus(error.error_status_hint), str(error)))
            return
        if isinstance(event, h11.Request):
            self._answer(self._site.answer(event.method, event.target), head=event.method == b"HEAD")
        elif event is not h11.NEED_DATA:
            self.abort()

    def _answer(self, answer: Answer, *, head: bool = False) -> None:
        """Send an answer, and close."""
        response = h11.Response(
            status_code=answer.status,
            reason=answer.status.phrase,
            headers=[
                ("content-type", answer.content_type),
                ("content-length", str(len(answer.body))),
                ("connection", "close"),
            ],
        )
        parts = [self._http.send(response)]
        if not head:
            parts.append(self._http.send(h11.Data(answer.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in parts if part))
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
