"""The command face of a real Redis behind: what is passed on, and what the proxy answers itself.

    call -> the proxy's own gates (password, users, pauses) -> own engine | shared connection | connection of its own

The proxy's own clients are sessions of an engine that holds no keys: AUTH, HELLO, CLIENT, ACL and their like are its
commands. Everything else goes to the server behind, in the bytes in which it came, and comes back in the bytes of the
server. While a client's calls are behind, its later ones wait, as they do behind a blocking command.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from random import Random
from typing import Final, cast

from vermilion import errors
from vermilion.backends import proxied, reports
from vermilion.backends.admission import GATES, Admission, find_command
from vermilion.backends.claims import Claims
from vermilion.backends.cluster import Cluster
from vermilion.backends.fleet import Fleet, Single
from vermilion.backends.lane import FORWARDED, Lane
from vermilion.backends.memory_backend import Caller, MemoryCacheBackend
from vermilion.backends.mirrored import notice
from vermilion.backends.own_commands import OwnCommands
from vermilion.backends.passage import Passage
from vermilion.backends.proxied import BLOCKING, HANDLED, HEARD, LOCAL, PLAIN, PLAIN_NAMES, ROUTES, STICKY
from vermilion.backends.sentinel import Sentinel
from vermilion.backends.takers import split_replies
from vermilion.backends.transactions import Transactions
from vermilion.backends.upstream import Limits
from vermilion.backends.upstream_url import UpstreamUrl, parse_upstream
from vermilion.clock import Clock
from vermilion.config import Config
from vermilion.engine.measures import measures
from vermilion.errors import RespError
from vermilion.measures import Histogram, Measure
from vermilion.pending import Answer, Pending
from vermilion.protocol.decode import decode_reply
from vermilion.protocol.encode import ENCODERS, Encoder
from vermilion.protocol.reply import NO_REPLY, Encoded, Reply
from vermilion.session import Session, Transport

LOGGER: Final = logging.getLogger("vermilion")

CONNECT_TIMEOUT_S: Final = 2.0

_JUDGED_HERE: Final = frozenset({b"acl", b"client", b"hello", b"reset"})
"""Those of the handled commands that the proxy's own engine runs, gates and all."""

_FLEETS: Final[dict[str, type[Single | Cluster]]] = {
    "single": Single,
    "cluster": Cluster,
    "sentinel": Sentinel,
}


class Proxy:
    """Passes calls on to a server.

    Args:
        url: where it is: see `vermilion.backends.upstream_url`.
        config: of the proxy's own listeners and clients; the defaults when None.
        clock: what says the time to its own engine.

    Raises:
        ValueError: for a URL that is none.
        OSError: for certificates that cannot be read.

    Example:
        >>> Proxy("redis://cache.internal").url.addresses[0].port
        6379

    See Also:
        `MemoryCacheBackend`, which is the store itself; `Server`, which serves either.

    LLM Context:
        - A call that may have run is never sent again.
        - Nothing is kept but what is in flight.
    """

    def __init__(
        self, url: str | UpstreamUrl, *, config: Config | None = None, clock: Clock | None = None
    ) -> None:
        self.url = parse_upstream(url) if isinstance(url, str) else url
        self.config = config or Config()
        # No snapshot of no keys may take the place of one that somebody needs.
        self.config.settings.save = ()
        self._own = MemoryCacheBackend(config=self.config, clock=clock)
        self.engine = self._own.engine
        self.engine.pause.execute = self.execute
        settings = self.config.settings
        limits = Limits(
            settings.upstream_timeout / 1000, settings.upstream_connections, settings.upstream_in_flight,
            figures=settings.metrics_port > 0,
        )  # fmt: skip
        self._fleet: Fleet = _FLEETS[self.url.kind](
            self.url,
            limits,
            min(CONNECT_TIMEOUT_S, limits.timeout),
            Random(),  # noqa: S311  # when to try again is no secret
        )
        self.is_cluster = self.url.kind == "cluster"
        self._lanes: dict[Session, Lane] = {}
        self._opened = False
        self._admission = Admission(self.engine)
        self._passage = passage = Passage(self.engine, self._fleet)
        self._transactions = transactions = Transactions(self.engine, self._fleet, passage)
        self._claims = Claims(self.engine, passage, is_cluster=self.is_cluster)
        own = OwnCommands(
            self.url, self.config, self.engine, self._fleet, self._lanes, self._admission, passage, transactions,
            self._claims,
        )  # fmt: skip
        self._handlers: dict[bytes, Callable[[Lane, list[bytes]], Answer]] = {
            b"acl": own.acl,
            b"client": own.client,
            b"config": own.config,
            b"discard": transactions.end,
            b"exec": transactions.end,
            b"hello": own.hello,
            b"info": own.info,
            b"multi": transactions.multi,
            b"reset": own.reset,
            b"script": own.script,
            b"select": self._claims.select,
            b"unwatch": transactions.unwatch,
            b"wait": self._claims.wait,
            b"waitaof": self._claims.wait,
            b"watch": transactions.watch,
        }

    # Its life ---------------------------------------------------------------------------------------------

    async def initialize(self) -> None:
        """Connect, and wait a while for the server; calling it again does no harm.

        Without a server the proxy begins all the same, and says so to those who call.
        """
        await self._own.initialize()
        if self._opened:
            return
        self._opened = True
        await self._fleet.open()
        seconds = self.config.settings.upstream_start_timeout / 1000
        LOGGER.info("Waiting up to %g s for upstream %s", seconds, self.url)
        try:
            await asyncio.wait_for(self._fleet.wait(), seconds)
        except TimeoutError:
            reasons = "; ".join(server.reason for server in self._fleet.servers)
            LOGGER.warning(
                "Upstream %s did not come in time (%s); serving errors meanwhile", self.url, reasons
            )

    async def close(self) -> None:
        """Close all connections to the server."""
        await self._fleet.close()
        await self._own.close()
        self._opened = False

    def load(self) -> None:
        """Read nothing: the keys are upstream."""

    def end(self) -> None:
        """Write nothing: the keys are upstream, and so are their snapshots."""

    def measures(self) -> Iterable[Measure | Histogram]:
        """Return what has been counted here, and about upstream.

        Returns:
            Measures of the moment.

        Example:
            >>> proxy = Proxy("redis://cache.internal")
            >>> [measure.values for measure in proxy.measures() if measure.name == "upstream_up"]
            [{(): 0}]

        See Also:
            `trouble`.
        """
        yield from reports.with_figures(measures(self.engine), self._fleet)
        yield from reports.measures(self._fleet)

    def trouble(self) -> str | None:
        """Return why a PING would not be answered with PONG.

        Returns:
            What is wrong with upstream, on one line; None when it is there.

        Example:
            >>> Proxy("redis://cache.internal").trouble()
            'upstream is not there'

        See Also:
            `measures`.
        """
        return reports.trouble(self._fleet)

    def serve_while_busy(self, serve: Callable[[Session], None]) -> None:
        """Do nothing: scripts run upstream, and the event loop goes on meanwhile."""

    # Sessions ---------------------------------------------------------------------------------------------

    def open_session(self, transport: Transport) -> Session:
        """Return a new session on the URL's database; it must authenticate when the proxy has a password."""
        session = self.engine.open_session(transport)
        lane = self._lanes[session] = Lane(self, session, self.url.db)
        self._passage.show_db(lane)
        return session

    def close_session(self, session: Session) -> None:
        """Forget a session, and what it waits for; closing twice does no harm."""
        lane = self._lanes.pop(session, None)
        if lane is not None:
            lane.close()
            if session.pending is FORWARDED:
                session.pending = None
        self.engine.close_session(session)

    # Calls ------------------------------------------------------------------------------------------------

    async def call(self, *argv: bytes) -> Reply:
        """Run one command, as a client of its own.

        Args:
            argv: its name and its arguments.

        Raises:
            RespError: the error reply.
            ConnectionError: when the connection broke within a reply.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        parts: list[bytes] = []

        def collect(message: Reply) -> None:
            if isinstance(message, Encoded):
                parts.append(message.wire)

        def resolve(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        def give_up() -> None:
            if not future.done():
                future.set_exception(ConnectionError("the connection was lost within a reply"))

        session = self.open_session(Caller(resolve, give_up, collect))
        session.authenticated = True
        session.gates &= ~GATES
        try:
            reply = self.execute(session, list(argv))
            if type(reply) is Pending:
                reply = await future
        finally:
            self.close_session(session)
        if isinstance(reply, Encoded):
            reply = decode_reply(b"".join([*parts, reply.wire]))
        if isinstance(reply, RespError):
            raise reply
        return reply

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key.

        Args:
            key: its name.

        Returns:
            The bytes, or None when the key does not exist.

        Raises:
            RespError: the error reply.
            ConnectionError: when the connection broke within a reply.

        Example:
            `await Proxy("redis://cache.internal").get("user:1")` answers `b'{"name":"Ada"}'`.

        See Also:
            `set`.
        """
        return cast("bytes | None", await self.call(b"GET", key.encode()))

    async def set(self, key: str, value: bytes, ttl: timedelta | None = None) -> None:
        """Set the value of a key.

        Args:
            key: its name.
            value: the bytes.
            ttl: how long it lives, to the millisecond; None for ever.

        Raises:
            RespError: the error reply.
            ConnectionError: when the connection broke within a reply.

        Example:
            `await backend.set("user:1", b'{"name":"Ada"}', timedelta(minutes=5))`

        See Also:
            `get`.
        """
        expiry = () if ttl is None else (b"PX", b"%d" % max(ttl // timedelta(milliseconds=1), 1))
        await self.call(b"SET", key.encode(), value, *expiry)

    async def delete(self, key: str) -> bool:
        """Delete a key.

        Args:
            key: its name.

        Returns:
            Whether it existed.

        Raises:
            RespError: the error reply.
            ConnectionError: when the connection broke within a reply.

        Example:
            `await backend.delete("user:1")` answers True once.

        See Also:
            `clear`.
        """
        return await self.call(b"DEL", key.encode()) == 1

    async def clear(self) -> None:
        """Delete all keys of the database that the URL names.

        Raises:
            RespError: the error reply.
            ConnectionError: when the connection broke within a reply.

        Example:
            `await backend.clear()`

        See Also:
            `delete`.
        """
        await self.call(b"FLUSHDB")

    def execute_batch(
        self, session: Session, calls: list[list[bytes]], encode: Encoder, out: list[bytes]
    ) -> list[list[bytes]]:
        """Run calls for one session, in order.

        Args:
            session: whose calls they are.
            calls: the name and the arguments of each; a call may empty the list to end the batch after itself.
            encode: the encoder that the session begins with.
            out: takes the bytes of the replies that are there at once.

        Returns:
            The calls that have not run: those behind the ones that wait for their replies.
        """
        lane = self._lanes[session]
        if (
            not session.gates & GATES
            and lane.link is None
            and not lane.in_multi
            and not lane.broken
            and (
                calls[0][0] in PLAIN_NAMES
                if len(calls) == 1
                else PLAIN_NAMES.issuperset([argv[0] for argv in calls])
            )
        ):
            session.last_command = command = self.engine.commands.get(calls[-1][0])
            if command is not None and command.subcommands:
                session.last_command = find_command(self.engine, calls[-1])
            try:
                self._fleet.forward(lane, calls)
            except RespError as error:
                for _ in calls:
                    encode(error, out.append)
            return []
        return self._execute_slowly(lane, calls, out)

    def _execute_slowly(self, lane: Lane, calls: list[list[bytes]], out: list[bytes]) -> list[list[bytes]]:
        """Run calls of which some may be special, plain ones that follow each other at once."""
        session = lane.session
        at = 0
        while at < len(calls):
            run = self._length_of_run(lane, calls, at)
            answer: Answer
            if run > 1:
                together = calls[at : at + run]
                at += run
                try:
                    answer = self._passage.pass_on(lane, together)
                except RespError as error:
                    for _ in together:
                        ENCODERS[session.resp](error, out.append)
                    continue
            else:
                answer = self.execute(session, calls[at])
                at += 1
            if type(answer) is Pending:
                return calls[at:]
            ENCODERS[session.resp](answer, out.append)
        return []

    def _length_of_run(self, lane: Lane, calls: list[list[bytes]], at: int) -> int:
        """Return how many calls from here on go the same way, and may go at once."""
        if lane.session.gates & GATES or lane.broken or lane.streaming:
            return 1
        end = at
        while end < len(calls) and ROUTES.get(calls[end][0].lower(), PLAIN) == PLAIN:
            end += 1
        alone = lane.link is None and not lane.in_multi
        if end == at and alone and calls[at][0].lower() == b"multi" and len(calls[at]) == 1:
            # A transaction that is here as a whole leaves nothing behind in a connection.
            end += 1
            while end < len(calls) and ROUTES.get(calls[end][0].lower(), PLAIN) in proxied.IN_TRANSACTION:
                end += 1
            ends = end < len(calls) and calls[end][0].lower() in proxied.ENDS and len(calls[end]) == 1
            return end + 1 - at if ends else 1
        return max(end - at, 1)

    def execute(self, session: Session, argv: list[bytes]) -> Answer:
        """Run one call for one session.

        Args:
            session: whose call it is; it must not have a pending one.
            argv: the name and the arguments.

        Returns:
            The reply; an error reply is returned, too. A `Pending` when the reply comes later.
        """
        lane = self._lanes[session]
        answer = self._execute(lane, argv)
        if lane.silent and type(answer) is not Pending:
            lane.silent = False
            return NO_REPLY
        return answer

    def _execute(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Find out what is done with a call, and do it."""
        session = lane.session
        name = argv[0].lower()
        route = ROUTES.get(name, PLAIN)
        if route == LOCAL:
            return self._transactions.answer_here(lane, argv)
        gates = session.gates & GATES
        if gates and (route != HANDLED or name not in _JUDGED_HERE):
            found = self._admission.stopped(lane, argv, gates)
            if found is not None:
                if lane.in_multi and session.queue is None:
                    self._transactions.abandon(lane)  # it was EXEC
                return found
        session.last_command = find_command(self.engine, argv)
        try:
            if lane.broken and (lane.in_multi or name == b"exec"):
                return self._transactions.lost(lane, argv)
            if lane.is_subscribed and session.resp == 2 and name != b"reset" and not lane.in_multi:
                return self._passage.pass_on(lane, [argv])  # upstream says what a subscriber may not do
            if lane.in_multi and route == HEARD:
                return self._transactions.listen(lane, argv)
            if route == HANDLED:
                return self._handlers[name](lane, argv)
            if route == proxied.REFUSED:
                return RespError(errors.upstream_refused(argv))
            if route == PLAIN or (lane.in_multi and route == BLOCKING):
                return self._passage.pass_on(lane, [argv])
            if route == BLOCKING:
                return self._claims.block(lane, name, argv)
            if route == STICKY:
                return self._claims.stick(lane, argv)
            return self._claims.listen(lane, argv)
        except RespError as error:
            return error

    def count(self, calls: list[list[bytes]], nanoseconds: int) -> None:
        """Count calls that were answered, and the time that it took: theirs together."""
        commands = self.engine.commands
        last = calls[0][0]
        if len(calls) == 1:
            command = commands.get(last)
            if command is not None:
                command.count(1, nanoseconds)
        else:
            names = [argv[0] for argv in calls]
            if names.count(last) == len(names):
                command = commands.get(last)
                if command is not None:
                    command.count(len(names), nanoseconds)
            else:
                share = nanoseconds // len(names)
                for name in names:
                    command = commands.get(name)
                    if command is not None:
                        command.count(1, share)
        self._fleet.tally.calls += len(calls)

    def count_errors(self, calls: list[list[bytes]], wire: bytes) -> None:
        """Count the errors among replies to calls."""
        for argv, reply in zip(calls, split_replies(wire, len(calls)), strict=True):
            if reply.startswith(b"-"):
                code = reply[1:].split(None, 1)[0].decode("utf-8", "backslashreplace")
                self.engine.stats.count_error(code)
                command = find_command(self.engine, argv)
                if command is not None:
                    command.failed += 1

    def redirected(self, lane: Lane, wire: bytes) -> bool:
        """Learn that the keys of a call over a client's own connection are elsewhere.

        Args:
            lane: whose call it was.
            wire: the redirection.

        Returns:
            Whether the call goes again, over another connection: one that leaves nothing behind in it.
        """
        link = lane.link
        if link is None:
            return False
        self._fleet.learn(wire, link.login.address)
        argv = lane.calls[0]
        if not lane.blocking or not wire.startswith(b"-MOVED ") or lane.keeps_link:
            return False
        lane.blocking = False
        lane.let_go(clean=True)
        return type(self.execute(lane.session, argv)) is Pending

    def notice(self, session: Session, frame: bytes) -> bytes:
        """Learn from a message about a client what upstream knows of it; return what the client is to get."""
        return notice(self.engine, session, frame)

    def tally_failure(self, error: str, calls: int) -> None:
        """Count calls that had no answer."""
        for _ in range(calls):
            self.engine.stats.count_error(error.partition(" ")[0])
