"""TLS in front of a real server whose binary has none: every connection is relayed to the server's Unix socket."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator

from tests.certificates import Certificates

HOSTS = ("127.0.0.1", "127.0.0.2")
"""Where it listens: the certificate is good for the first."""


@contextlib.contextmanager
def relay(certificates: Certificates, socket: str) -> Iterator[int]:
    """Listen with the server's certificate, ask for one of the same authority, and yield the port.

    It has a thread and an event loop of its own, so that tests may block theirs.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.crt("server"), certificates.key("server"))
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_listen(context, socket), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _listen(context: ssl.SSLContext, socket: str) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(socket)
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))

    first = await asyncio.start_server(serve, HOSTS[0], 0, ssl=context)
    port = first.sockets[0].getsockname()[1]
    first.close()
    return await asyncio.start_server(serve, HOSTS, port, ssl=context)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry bytes one way until the end."""
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()


async def _end(server: asyncio.Server) -> None:
    """Close everything, and let the tasks end."""
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
