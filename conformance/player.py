"""Plays a case against one server and returns the text of every reply that counts.

Two servers conform when these texts are equal. Everything a case leaves behind is undone before the next.
"""

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import Final

from conformance.connection import Address, ClosedError, Connection, ServerError
from conformance.corpus import Case, Step, Word
from conformance.resp import (
    SHOWN_WHOLE,
    Reply,
    ResponseError,
    command_bytes,
    escaped,
    quoted,
    render,
    render_items,
)

__all__ = ["Player"]

CLOSED: Final = "(closed)"
TIMED_OUT: Final = "(no reply)"
NOT_REACHED: Final = "(not reached)"

SCAN_CALLS: Final = 10_000
"""A scan that takes more calls than this never ends."""


class Player:
    """A server and what is known of it.

    Args:
        address: where it listens.

    Raises:
        ServerError: it cannot be reached.

    See Also:
        conformance.corpus.Case: what is played.

    LLM Context:
        - Each case gets new connections, after a FLUSHALL on a connection of the player's own.
        - What a case sets with CONFIG SET is set back to the values found before the first such case.
        - A directive that the server refuses is shown behind the case's last reply, and so fails the case.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._admin: Connection | None = None
        self._configs: dict[bytes, bytes] = {}
        self.commands = self._command_names()

    def close(self) -> None:
        """Close the player's own connection."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def info(self, field: str) -> str:
        """Return a field of the server's INFO, or an empty string."""
        text = self.admin(b"INFO", b"everything").text()
        match = re.search(rf"^{re.escape(field)}:(.*?)\r?$", text, re.MULTILINE)
        return match[1] if match else ""

    def admin(self, *arguments: bytes) -> Reply:
        """Return the reply to a command of the player's own, on a connection opened anew if it was closed."""
        for attempt in range(2):
            try:
                if self._admin is None:
                    self._admin = Connection(self._address)
                return self._admin.call(*arguments)
            except (ClosedError, TimeoutError) as error:
                self.close()
                if attempt:
                    raise ServerError(f"no answer to {quoted(arguments[0])}: {error!r}") from None
            except OSError as error:
                raise ServerError(f"cannot connect: {error}") from None
        raise AssertionError

    def play(self, case: Case, protocol: int, expected: Sequence[str] | None = None) -> list[str]:
        """Play a case and clean up after it.

        Args:
            case: the case.
            protocol: the RESP version of its connections.
            expected: the texts that are hoped for, which tells a raw step how long to wait.

        Returns:
            One text per compared step.

        Raises:
            ServerError: the server went away.
        """
        self.admin(b"FLUSHALL")
        touched = {name for names in _configured(case) for name in names}
        self._remember(touched)
        refused = [self._refusal(b"CONFIG", b"SET", *settings) for settings in case.configs]
        run = _Run(self, self._address, protocol, expected)
        try:
            texts = run.play(case.steps)
        finally:
            run.close()
            refused += [self._refusal(*command) for command in case.cleanup]
            refused += self._restore(touched)
        if texts:
            texts[-1] = "\n".join([texts[-1], *filter(None, refused)])
        return texts

    def synchronise(self) -> None:
        """Return when the server has handled all that was sent to it before on any connection.

        A server with one event loop finds both the bytes and the first PING in one round, in whatever order;
        what follows the bytes (a reply, a close) may take a round more.
        """
        for _ in range(3):
            self.admin(b"PING")

    def _command_names(self) -> frozenset[str]:
        reply = self.admin(b"COMMAND", b"LIST")
        return frozenset(item.text().lower() for item in reply.items or ())

    def _refusal(self, *arguments: bytes) -> str:
        """Send what a case needs beside its steps; return why that was refused, or nothing."""
        reply = self.admin(*arguments)
        command = " ".join(quoted(argument) for argument in arguments)
        return f"({command} was refused: {render(reply)})" if reply.is_error else ""

    def _remember(self, names: set[bytes]) -> None:
        for name in names - self._configs.keys():
            reply = self.admin(b"CONFIG", b"GET", name)
            if reply.items is not None and len(reply.items) == 2:
                self._configs[name] = reply.items[1].data or b""

    def _restore(self, names: set[bytes]) -> Iterator[str]:
        for name in sorted(names & self._configs.keys()):
            reply = self.admin(b"CONFIG", b"GET", name)
            value = self._configs[name]
            if reply.items is None or len(reply.items) != 2 or reply.items[1].data != value:
                yield self._refusal(b"CONFIG", b"SET", name, value)


def _configured(case: Case) -> Iterator[tuple[bytes, ...]]:
    """Yield the parameters that a case may change."""
    for settings in case.configs:
        yield tuple(name.lower() for name in settings[::2])
    for step in case.steps:
        words = [word.data.lower() for word in step.words]
        if words[:2] == [b"config", b"set"]:
            yield tuple(words[2::2])


class _Run:
    """One playing of one case: its connections, and what its let steps saved."""

    def __init__(
        self, player: Player, address: Address, protocol: int, expected: Sequence[str] | None
    ) -> None:
        self._player = player
        self._address = address
        self._protocol = protocol
        self._expected = expected
        self._connections: dict[str, Connection] = {}
        self._saved: dict[str, str] = {}

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def play(self, steps: Sequence[Step]) -> list[str]:
        texts: list[str] = []
        lost = False
        for step in steps:
            text = NOT_REACHED
            if not lost:
                try:
                    text = self._step(step, len(texts))
                except TimeoutError:
                    text, lost = TIMED_OUT, True
                except ClosedError:
                    text = CLOSED
                except ResponseError as error:
                    text, lost = f"({error})", True
            if step.compared:
                texts.append(text)
        for name, connection in self._connections.items():
            data, _ = connection.arrived()
            if data and texts and not lost:
                texts[-1] += f"\n(unread{f' by {name}' if name else ''}) {quoted(data)}"
        return texts

    def _step(self, step: Step, place: int) -> str:
        if step.verb == "sleep":
            time.sleep(int(step.words[0].data) / 1000)
            return ""
        connection = self._connection(step.client)
        arguments = [self._argument(word) for word in step.words]
        match step.verb:
            case "recv":
                return step.tolerance.text(connection.receive())
            case "send":
                connection.send(command_bytes(arguments))
                self._player.synchronise()
                return ""
            case "heard":
                return self._heard(connection, place)
            case "silent":
                connection.send(command_bytes(arguments))
                self._player.synchronise()
                data, closed = connection.arrived()
                return quoted(data) if data else CLOSED if closed else "(nothing)"
            case "raw":
                return self._raw(connection, b"".join(arguments), place)
            case "scan":
                return _scan(connection, arguments)
            case "let":
                # in RESP3 a text of fields is a verbatim string, which begins with its format
                self._saved[step.parameter] = connection.call(*arguments).text().removeprefix("txt:")
                return ""
            case _:
                return step.tolerance.text(connection.call(*arguments))

    def _raw(self, connection: Connection, data: bytes, place: int) -> str:
        # a server that has refused the beginning need not read the end
        with contextlib.suppress(ClosedError):
            connection.send(data)
        self._player.synchronise()
        answer, closed = connection.arrived()
        text = _wire_text(answer, closed=closed)
        if self._expected is not None and text != self._expected[place]:
            time.sleep(0.3)
            more, closed = (b"", True) if closed else connection.arrived()
            text = _wire_text(answer + more, closed=closed)
        return text

    def _heard(self, connection: Connection, place: int) -> str:
        self._player.synchronise()
        replies, closed = connection.heard()
        if self._expected is not None and _heard_text(replies, closed=closed) != self._expected[place]:
            time.sleep(0.3)
            more, closed = ([], True) if closed else connection.heard()
            replies += more
        return _heard_text(replies, closed=closed)

    def _connection(self, name: str) -> Connection:
        if name not in self._connections:
            try:
                connection = self._connections[name] = Connection(self._address)
            except OSError as error:
                raise ServerError(f"cannot connect: {error}") from None
            if self._protocol == 3:
                connection.call(b"HELLO", b"3")
        return self._connections[name]

    def _argument(self, word: Word) -> bytes:
        if not word.expands:
            return word.data
        return re.sub(rb"\$\{(\w+)(?:\.([\w-]+))?\}", self._variable, word.data)

    def _variable(self, match: re.Match[bytes]) -> bytes:
        text = self._saved.get(match[1].decode(), "")
        if match[2] is not None:
            field = re.search(rf"(?:^|[ \n]){re.escape(match[2].decode())}[=:](\S*)", text)
            text = field[1] if field else ""
        return text.encode("latin-1")


def _scan(connection: Connection, arguments: list[bytes]) -> str:
    """Call until the cursor is 0 again and return what was found, as a set."""
    cursor_place = arguments.index(b"0")
    found: set[str] = set()
    for _ in range(SCAN_CALLS):
        reply = connection.call(*arguments)
        if reply.items is None or len(reply.items) != 2 or reply.items[1].items is None:
            return render(reply)
        cursor, page = reply.items[0], reply.items[1].items
        found.update(render(item) for item in page)
        if cursor == Reply("$", b"0"):
            return render_items("scan ", len(found), sorted(found))
        arguments[cursor_place] = cursor.data or b""
    return f"(no end after {SCAN_CALLS} calls)"


def _heard_text(replies: Sequence[Reply], *, closed: bool) -> str:
    """Return replies one below the other, and whether the connection was closed behind them."""
    lines = [render(reply) for reply in replies] + [CLOSED] * closed
    return "\n".join(lines) or "(nothing)"


def _wire_text(data: bytes, *, closed: bool) -> str:
    """Return the bytes as lines of text, and whether the connection was closed behind them."""
    lines = [escaped(line) if len(line) <= SHOWN_WHOLE else quoted(line) for line in data.split(b"\r\n")]
    if lines[-1]:
        lines[-1] += "(no line end)"
    return "\n".join([line for line in lines if line] + [CLOSED if closed else "(open)"])
