"""A blocking connection that costs as little as it can: the measured server is to be the slow side."""

import socket
from types import TracebackType
from typing import Self

import hiredis

from conformance.bench.result import BenchError

_TIMEOUT = 60.0
"""Seconds without an answer after which a server counts as stuck: FLUSHALL of millions of keys takes some."""


def pack(*arguments: bytes) -> bytes:
    r"""Return one call as a RESP array of bulk strings.

    Example:
        >>> pack(b"GET", b"k")
        b'*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
    """
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in arguments)


class Wire:
    """One TCP connection to a server on this machine, speaking RESP2.

    Args:
        port: where the server listens on 127.0.0.1.

    Raises:
        OSError: nobody listens there.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT)
        self._reader = hiredis.Reader()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def call(self, *arguments: bytes) -> object:
        """Send one call and return its reply.

        Raises:
            BenchError: the server answered with an error.
            OSError: the connection broke, or the server did not answer in time.
        """
        return self.exchange(pack(*arguments), 1)[0]

    def exchange(self, payload: bytes, replies: int) -> list[object]:
        """Send the bytes of several calls and return their replies.

        Args:
            payload: whole calls, few enough for their replies to fit into the socket's buffers.
            replies: how many calls these are.

        Raises:
            BenchError: the server answered one of them with an error.
            OSError: the connection broke, or the server did not answer in time.
        """
        self._socket.sendall(payload)
        answers: list[object] = []
        while len(answers) < replies:
            answer = self._reader.gets()
            if answer is not False:
                if isinstance(answer, hiredis.ReplyError):
                    raise BenchError(f"the server answered: {answer}")
                answers.append(answer)
                continue
            received = self._socket.recv(65536)
            if not received:
                raise ConnectionResetError("the server closed the connection")
            self._reader.feed(received)
        return answers
