"""Clients of a server whose loop is held by a script: those that were there, and one that comes."""

import asyncio
import socket

from vermilion import MemoryCacheBackend, Server
from vermilion.config import Config

LONG = b"local begun = os.clock() while os.clock() - begun < 20 do end"  # it ends though the test should fail
ENDLESS = b"*3\r\n$4\r\nEVAL\r\n$%d\r\n%b\r\n$1\r\n0\r\n" % (len(LONG), LONG)
KILL = b"SCRIPT KILL\r\n"


def call(client: socket.socket, request: bytes) -> bytes:
    client.sendall(request)
    return client.recv(4096)


def play(port: int) -> list[bytes]:
    """Start an endless script, and end it from a client that came after it."""
    address = ("127.0.0.1", port)
    with (
        socket.create_connection(address, 10) as caller,
        socket.create_connection(address, 10) as witness,
        socket.create_connection(address, 10) as gone,
    ):
        heard = [call(witness, b"PING\r\n"), call(gone, b"PING\r\n")]
        caller.sendall(ENDLESS + b"PING\r\n")
        heard.append(call(witness, b"GET k\r\n"))
        gone.close()
        with socket.create_connection(address, 10) as comer:
            heard.extend((call(comer, b"SET k v\r\n"), call(comer, KILL)))
            reply = b""
            while b"PONG" not in reply:
                reply += caller.recv(4096)
            heard.append(reply)
            heard.extend((call(comer, b"SET k v\r\n"), call(witness, b"GET k\r\n")))
    return heard


async def test_a_script_is_ended_from_without() -> None:
    config = Config.from_arguments(["--busy-reply-threshold", "20"], {})
    async with Server(MemoryCacheBackend(config=config), port=0) as server:
        heard = await asyncio.to_thread(play, server.port)
        assert heard[:2] == [b"+PONG\r\n"] * 2
        assert heard[2].startswith(b"-BUSY ")
        assert heard[3].startswith(b"-BUSY ")
        assert heard[4] == b"+OK\r\n"
        assert heard[5].startswith(b"-ERR Script killed by user")
        assert heard[6:] == [b"+OK\r\n", b"$1\r\nv\r\n"]
        assert len(server.backend.engine.sessions) <= 3


async def test_a_server_is_stopped_from_without() -> None:
    config = Config.from_arguments(["--busy-reply-threshold", "20"], {})
    async with Server(MemoryCacheBackend(config=config), port=0) as server:

        def stop() -> bytes:
            address = ("127.0.0.1", server.port)
            with (
                socket.create_connection(address, 10) as caller,
                socket.create_connection(address, 10) as witness,
            ):
                call(witness, b"PING\r\n")
                caller.sendall(ENDLESS)
                call(witness, b"GET k\r\n")  # the script runs: who comes now meets the desk, not the loop
                with socket.create_connection(("127.0.0.1", server.port), 10) as comer:
                    refused = call(comer, b"SHUTDOWN\r\n")
                    comer.sendall(b"SHUTDOWN NOSAVE\r\n")
                    return refused

        assert (await asyncio.to_thread(stop)).startswith(b"-BUSY ")
        await asyncio.wait_for(server.wait(), 10)
