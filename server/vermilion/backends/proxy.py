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
from os import urandom
from random import Random
from typing import Final, cast

from vermilion import errors
from vermilion.backends import proxied, reports
from vermilion.backends.cluster import Cluster
from vermilion.backends.fleet import Fleet, Single
from vermilion.backends.lane import FORWARDED, Lane
from vermilion.backends.link import DISCARD, Link, split_replies
from vermilion.backends.memory_backend import Caller, MemoryCacheBackend
from vermilion.backends.proxied import BLOCKING, HANDLED, HEARD, LOCAL, PLAIN, PLAIN_NAMES, ROUTES, STICKY
from vermilion.backends.sentinel import Sentinel
from vermilion.backends.slots import slot_of_call
from vermilion.backends.upstream import Limits
from vermilion.backends.upstream_url import UpstreamUrl, parse_upstream
from vermilion.clock import Clock
from vermilion.commands.syntax import NO_MULTI
from vermilion.config import Config
from vermilion.engine import gatekeeping
from vermilion.engine.bound import BoundCommand
from vermilion.engine.measures import measures
from vermilion.errors import RespError, text
from vermilion.measures import Histogram, Measure
from vermilion.pending import Answer, Pending
from vermilion.protocol.decode import decode_reply
from vermilion.protocol.encode import ENCODERS, Encoder, error_line
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import NO_REPLY, OK, Encoded, Reply
from vermilion.protocol.request import write_calls
from vermilion.session import GATE_ACL, GATE_AUTH, GATE_NO_TOUCH, GATE_PAUSE, GATE_REPLY, Session, Transport

LOGGER: Final = logging.getLogger("vermilion")

GATES: Final = GATE_AUTH | GATE_ACL | GATE_REPLY | GATE_PAUSE
"""What may stand in the way of a call that is passed on; the other gates concern what upstream does."""

CONNECT_TIMEOUT_S: Final = 2.0

_ENDS: Final = frozenset({b"exec", b"discard"})


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
            settings.upstream_timeout / 1000, settings.upstream_connections, settings.upstream_in_flight
        )
        self._fleet: Fleet = _FLEETS[self.url.kind](
            self.url,
            limits,
            min(CONNECT_TIMEOUT_S, limits.timeout),
            Random(),  # noqa: S311  # when to try again is no secret
        )
        self.is_cluster = self.url.kind == "cluster"
        self._lanes: dict[Session, Lane] = {}
        self._opened = False
        self._handlers: dict[bytes, Callable[[Lane, list[bytes]], Answer]] = {
            b"client": self._client,
            b"config": self._config,
            b"discard": self._end,
            b"exec": self._end,
            b"hello": self._hello,
            b"info": self._info,
            b"multi": self._multi,
            b"reset": self._reset,
            b"script": self._script,
            b"select": self._select,
            b"unwatch": self._unwatch,
            b"wait": self._wait,
            b"waitaof": self._wait,
            b"watch": self._watch,
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
        yield from measures(self.engine)
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
        self._show_db(lane)
        return session

    def close_session(self, session: Session) -> None:
        """Forget a session, and what it waits for; closing twice does no harm."""
        lane = self._lanes.pop(session, None)
        if lane is not None:
            lane.close()
            if session.pending is FORWARDED:
                session.pending = None
        self.engine.close_session(session)

    def _show_db(self, lane: Lane) -> None:
        """Let CLIENT LIST show the database, as far as the proxy's own engine has as many."""
        databases = self.engine.databases
        lane.session.db = databases[lane.db] if lane.db < len(databases) else databases[0]

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
            and PLAIN_NAMES.issuperset([argv[0] for argv in calls])
        ):
            session.last_command = self.engine.commands.get(calls[-1][0])
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
                    answer = self._pass_on(lane, together)
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
            ends = end < len(calls) and calls[end][0].lower() in _ENDS and len(calls[end]) == 1
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
            return self._answer_here(lane, argv)
        gates = session.gates & GATES
        if gates and (route != HANDLED or name not in {b"hello", b"reset", b"client"}):
            found = self._stopped(lane, argv, gates)
            if found is not None:
                return found
        session.last_command = self._command(argv)
        try:
            if lane.broken and (lane.in_multi or name == b"exec"):
                return self._lost(lane, argv)
            if lane.streaming and session.resp == 2 and name not in {b"reset", b"hello"} and route != HEARD:
                return self._pass_on(lane, [argv])
            if route == HANDLED:
                return self._handlers[name](lane, argv)
            if route == proxied.REFUSED:
                return RespError(errors.upstream_refused(argv))
            if lane.in_multi and route == HEARD:
                return RespError(errors.upstream_refused(argv))
            if route == PLAIN or (lane.in_multi and route == BLOCKING):
                return self._pass_on(lane, [argv])
            if route == BLOCKING:
                return self._block(lane, name, argv)
            if route == STICKY:
                return self._stick(lane, argv)
            return self._listen(lane, argv)
        except RespError as error:
            return error

    def _command(self, argv: list[bytes]) -> BoundCommand | None:
        """Return what a call calls, a subcommand where there are any; None for what is not known here."""
        command: BoundCommand | None = self.engine.commands.get(argv[0].lower())
        if command is not None and command.subcommands and len(argv) > 1:
            return command.subcommands.get(argv[1].lower(), command)
        return command

    def _stopped(self, lane: Lane, argv: list[bytes], gates: int) -> "Answer | None":
        """Return why a call is not passed on, None to pass it on."""
        session = lane.session
        command = self._command(argv)
        lane.silent = False
        if gates & GATE_REPLY:
            lane.silent = session.reply_mode != "on"
            self.engine.silence(session)
        if command is None:
            # Which keys it has is not known here: it is for those who may do everything.
            if gates & GATE_AUTH:
                return RespError(errors.NO_AUTH)
            if gates & GATE_ACL:
                return RespError(errors.no_command_permission(session.user.name, text(argv[0])))
        else:
            if gates & command.gated and not command.declared.accepts(len(argv)) and not command.subcommands:
                return RespError(errors.wrong_arity(command.name))
            refusal = gatekeeping.obstacle(self.engine.acl, session, command, argv, gates & command.gated)
            if refusal is not None:
                self.engine.stats.count_error(refusal.partition(" ")[0])
                return RespError(refusal)
            if gates & GATE_PAUSE and self.engine.pause.postpones(session, command, argv):
                pending = self.engine.pause.postpone(session, argv)
                self.engine.waiting.suspend(session, pending, argv)
                return pending
        return None

    def _pass_on(
        self, lane: Lane, calls: list[list[bytes]], after: Callable[[bytes], bytes] | None = None
    ) -> Pending:
        """Pass calls on: over the client's own connection where it has one."""
        link = lane.link
        if link is None and lane.in_multi:
            return self._open_transaction(lane, calls)
        if link is None:
            return self._fleet.forward(lane, calls, after)
        if lane.in_multi:
            lane.queued_count += len(calls)
        if lane.streaming:
            return self._pass_on_heard(lane, link, calls)
        return lane.forward(link, calls, write_calls(calls), len(calls), self._deadline(lane), after)

    def _open_transaction(self, lane: Lane, calls: list[list[bytes]]) -> Pending:
        """Begin a transaction upstream, now that its first keys say where."""
        slotted = next((argv for argv in calls if slot_of_call(argv) is not None), None)
        link = self._own_link(lane, slotted or calls[0])
        lane.queued_count += len(calls)
        together = [[b"MULTI"], *calls]

        def after(wire: bytes) -> bytes:
            wire = wire.partition(b"\r\n")[2]
            if wire.startswith(b"-MOVED "):
                self._fleet.learn(wire, link.login.address)
                return error_line(RespError(errors.UPSTREAM_MOVED))
            return wire

        return lane.forward(link, calls, write_calls(together), len(together), self._deadline(lane), after)

    def _deadline(self, lane: Lane) -> float:
        return self._fleet.server_for(lane).deadline

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

    def tally_failure(self, error: str, calls: int) -> None:
        """Count calls that had no answer."""
        for _ in range(calls):
            self.engine.stats.count_error(error.partition(" ")[0])

    # What the proxy answers itself ------------------------------------------------------------------------

    def _answer_here(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Run a command of the proxy's own engine: in a transaction, when EXEC comes to it."""
        if lane.in_multi and not lane.broken and argv[0].lower() != b"quit":
            refusal = self._refusal_in_transaction(argv)
            if refusal is not None:
                return self._refuse_in_transaction(lane, refusal)
            lane.queued.append((lane.queued_count, argv))
            lane.queued_count += 1
            return Encoded(b"+QUEUED\r\n")
        return self.engine.execute(lane.session, argv)

    def _refuse_in_transaction(self, lane: Lane, refusal: str) -> Answer:
        """Refuse a call, and have upstream refuse the transaction: by a call that no server takes."""
        line = error_line(RespError(refusal))
        return self._pass_on(lane, [[b"GET"]], lambda _: line)

    def _refusal_in_transaction(self, argv: list[bytes]) -> str | None:
        """Return why one of the proxy's own commands cannot be queued, None when it can."""
        command = self.engine.commands.get(argv[0].lower())
        if command is None:
            return errors.unknown_command(argv)  # `rename-command` has taken it away
        if command.subcommands and len(argv) > 1:
            found = command.subcommands.get(argv[1].lower())
            if found is None:
                return errors.unknown_subcommand(command.name, argv[1])
            command = found
        if not command.declared.accepts(len(argv)):
            return errors.wrong_arity(command.name)
        return errors.NOT_IN_MULTI if command.declared.flags & NO_MULTI else None

    def _hello(self, lane: Lane, argv: list[bytes]) -> Answer:
        before = lane.session.resp
        reply = self._answer_here(lane, argv)
        link = lane.link
        if link is not None and lane.session.resp != before:
            link.resp = lane.session.resp
            link.send(write_calls([[b"HELLO", b"%d" % link.resp]]), 1, DISCARD, self._deadline(lane))
        return reply

    def _reset(self, lane: Lane, argv: list[bytes]) -> Answer:
        reply = self.engine.execute(lane.session, argv)
        if not isinstance(reply, RespError):
            lane.forget()
            lane.db = self.url.db
            self._show_db(lane)
        return reply

    def _script(self, lane: Lane, argv: list[bytes]) -> Answer:
        if len(argv) > 1 and argv[1].lower() == b"debug":
            return RespError(errors.upstream_refused(argv))
        return self._pass_on(lane, [argv])

    def _client(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer for the proxy's own clients; what upstream keeps for a connection, it keeps for the client's own."""
        word = argv[1].lower() if len(argv) > 1 else b""
        if word in {b"tracking", b"no-touch"} and len(argv) > 2:
            if b"REDIRECT" in [option.upper() for option in argv[3:]]:
                return RespError(errors.upstream_refused([b"CLIENT TRACKING REDIRECT"]))
            return self._stopped_or(lane, argv, lambda: self._stick(lane, argv))
        if word in {b"caching", b"trackinginfo", b"getredir"}:
            return self._stopped_or(lane, argv, lambda: self._pass_on(lane, [argv]))
        if word == b"unblock" and 2 < len(argv) < 5:
            number = parse_int64(argv[2])
            other = None if number is None else self.engine.sessions.get(number)
            waiting = None if other is None else self._lanes.get(other)
            if waiting is not None and waiting.blocking and waiting.link is not None:
                call = [b"CLIENT", b"UNBLOCK", waiting.link.client_id, *argv[3:]]
                return self._stopped_or(lane, argv, lambda: self._pass_on(lane, [call]))
        return self._answer_here(lane, argv)

    def _stopped_or(self, lane: Lane, argv: list[bytes], act: Callable[[], Answer]) -> Answer:
        """Do something unless the gates stop the call."""
        gates = lane.session.gates & GATES
        stopped = self._stopped(lane, argv, gates) if gates else None
        return act() if stopped is None else stopped

    def _info(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer what upstream says, and how it stands."""
        if lane.in_multi:
            return self._pass_on(lane, [argv])
        sections = [word.decode("utf-8", "replace").lower() for word in argv[1:]]
        wanted = not sections or not {"default", "all", "everything", "upstream"}.isdisjoint(sections)
        if sections == ["upstream"]:
            return Encoded(self._report(lane, b""))
        words = [word for word in argv[1:] if word.lower() != b"upstream"]
        try:
            after = (lambda wire: self._with_state(lane, wire)) if wanted else None
            return self._pass_on(lane, [[argv[0], *words]], after)
        except RespError:
            own = self.engine.info([section for section in sections if section != "upstream"])
            return Encoded(self._report(lane, own + b"\r\n"))

    def _with_state(self, lane: Lane, wire: bytes) -> bytes:
        """Add how upstream stands to what it says."""
        try:
            report = decode_reply(wire)
        except ValueError:
            return wire
        return self._report(lane, report + b"\r\n") if isinstance(report, bytes) else wire

    def _report(self, lane: Lane, before: bytes) -> bytes:
        """Return INFO's reply, with the section about upstream at its end."""
        return reports.as_text(before + reports.section(self.url.kind, self._fleet), lane.session.resp)

    def _config(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer for the proxy's own directives; the others are upstream's."""
        word = argv[1].lower() if len(argv) > 1 else b""
        if word == b"rewrite":
            return self._answer_here(lane, argv)
        if word == b"resetstat" and len(argv) == 2:
            self.engine.reset_stats()
        own = self.config.get([name.encode() for name in proxied.OWN_DIRECTIVES])
        if word == b"set" and len(argv) > 3:
            names = [name.decode("utf-8", "replace").lower() for name in argv[2::2]]
            mine = [proxied.is_own_directive(name) for name in names]
            if all(mine):
                return self._answer_here(lane, argv)
            if any(mine):
                return RespError(errors.UPSTREAM_CONFIG_MIXED)
            shared = [
                pair
                for pair in zip(argv[2::2], argv[3::2], strict=False)
                if pair[0].lower() in proxied.SHARED_DIRECTIVES
            ]
            if shared and not lane.in_multi:
                return self._pass_on(lane, [argv], lambda wire: self._set_here(shared, wire))
        if word == b"get" and len(argv) > 2:
            patterns = argv[2:]
            if all(name.lower() in own for name in patterns):
                return self._answer_here(lane, argv)
            if not lane.in_multi:
                return self._pass_on(
                    lane,
                    [argv],
                    lambda wire: reports.with_own_directives(wire, self.config, patterns, lane.session.resp),
                )
            if any(proxied.may_name_secret(name) for name in patterns):
                # EXEC's reply is passed on as it comes.
                return self._refuse_in_transaction(lane, errors.upstream_refused([b"CONFIG GET"]))
        return self._pass_on(lane, [argv])

    def _set_here(self, pairs: list[tuple[bytes, bytes]], wire: bytes) -> bytes:
        """Set here what upstream has taken."""
        if wire.startswith(b"+OK"):
            self.config.set(pairs)
        return wire

    # State in a connection --------------------------------------------------------------------------------

    def _block(self, lane: Lane, name: bytes, argv: list[bytes]) -> Answer:
        """Pass a call on that may take its time, over a connection of its own."""
        wait_s = proxied.wait_of(name, argv)
        if wait_s is None:
            return self._pass_on(lane, [argv])
        link = self._own_link(lane, argv)
        lane.blocking = True
        return lane.forward(link, [argv], write_calls([argv]), 1, self._deadline(lane) + wait_s)

    def _wait(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass WAIT or WAITAOF on: over a connection of its own, which has to write something first.

        What they wait for is the latest write of their own connection. SPUBLISH to a channel of no one is replicated as
        a write, and nobody sees it: patterns do not hear shard channels.
        """
        if lane.in_multi:
            return self._pass_on(lane, [argv])
        if self.is_cluster:
            return RespError(errors.upstream_refused(argv))
        link = self._own_link(lane, argv)
        lane.blocking = True
        calls = [[b"SPUBLISH", b"vermilion:%b" % urandom(12).hex().encode(), b""], argv]

        def after(wire: bytes) -> bytes:
            written, reply = split_replies(wire, 2)
            return error_line(RespError(errors.upstream_refused(argv))) if written.startswith(b"-") else reply

        deadline = self._deadline(lane) + proxied.of_wait(argv)
        return lane.forward(link, [argv], write_calls(calls), 2, deadline, after)

    def _own_link(self, lane: Lane, argv: list[bytes]) -> Link:
        """Return the client's own connection, to the server that a call goes to."""
        if lane.link is None:
            lane.link = self._fleet.server_for(lane, argv).own(lane.db, lane.session.resp)
            lane.link.listener = lane
        return lane.link

    def _stick(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass a call on after which upstream keeps something for the client."""
        link = self._own_link(lane, argv)
        session = lane.session
        ends = argv[-1].upper() == b"OFF" or argv[0].lower() == b"readwrite"

        def after(wire: bytes) -> bytes:
            if wire.startswith(b"+OK"):
                lane.sticky = not ends
                if argv[1:2] and argv[1].lower() == b"no-touch":
                    # For CLIENT LIST: the proxy has no keys to touch.
                    session.gates = session.gates & ~GATE_NO_TOUCH if ends else session.gates | GATE_NO_TOUCH
            lane.let_go()
            return wire

        if lane.in_multi:
            lane.sticky = True
            return self._pass_on(lane, [argv])
        return lane.forward(link, [argv], write_calls([argv]), 1, self._deadline(lane), after)

    def _multi(self, lane: Lane, argv: list[bytes]) -> Answer:
        if lane.broken:
            lane.in_multi = True
            return OK
        if lane.in_multi:
            lane.queued_count -= 1
            return self._pass_on(lane, [argv])
        if self._fleet.defers_multi and lane.link is None and len(argv) == 1:
            lane.in_multi = True
            lane.queued.clear()
            lane.queued_count = 0
            return OK
        link = self._own_link(lane, argv)

        def after(wire: bytes) -> bytes:
            lane.in_multi = wire.startswith(b"+OK")
            lane.queued.clear()
            lane.queued_count = 0
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._deadline(lane), after)

    def _watch(self, lane: Lane, argv: list[bytes]) -> Answer:
        if lane.in_multi:
            lane.queued_count -= 1
            return self._pass_on(lane, [argv])
        if lane.broken:
            return self._lost(lane, argv)
        link = self._own_link(lane, argv)

        def after(wire: bytes) -> bytes:
            lane.watching = lane.watching or wire.startswith(b"+OK")
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._deadline(lane), after)

    def _unwatch(self, lane: Lane, argv: list[bytes]) -> Answer:
        if lane.in_multi or len(argv) > 1:
            return self._pass_on(lane, [argv])
        if lane.broken:
            lane.forget()
            return OK
        link = lane.link
        if link is None:
            return self._pass_on(lane, [argv])
        lane.watching = False
        return self._last(lane, link, argv)

    def _end(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass EXEC or DISCARD on, after which upstream queues and watches nothing any more."""
        link = lane.link
        if lane.in_multi and link is None and len(argv) == 1:
            return self._end_deferred(lane, argv)
        if link is None or len(argv) > 1 or not lane.in_multi:
            return self._pass_on(lane, [argv])
        # From now on: what breaks the connection before the reply comes leaves no transaction.
        lane.in_multi = lane.watching = False
        if lane.streaming:
            return self._pass_on_heard(lane, link, [argv])
        return self._last(lane, link, argv)

    def _end_deferred(self, lane: Lane, argv: list[bytes]) -> Answer:
        """End a transaction that has not begun upstream: it holds calls of the proxy's own at most."""
        lane.in_multi = False
        wire = self._merged(lane, b"*0\r\n") if argv[0].lower() == b"exec" else OK.wire
        lane.queued.clear()
        return Encoded(wire)

    def _last(self, lane: Lane, link: Link, argv: list[bytes]) -> Answer:
        """Pass on what ends the client's claim to a connection of its own."""
        queued = lane.queued

        def after(wire: bytes) -> bytes:
            if queued:
                wire = self._merged(lane, wire)
                queued.clear()
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._deadline(lane), after)

    def _merged(self, lane: Lane, wire: bytes) -> bytes:
        """Put the replies of the proxy's own commands in their places among those of a transaction."""
        head, _, body = wire.partition(b"\r\n")
        if not head.startswith(b"*") or head == b"*-1":
            return wire
        own = dict(lane.queued)
        count = int(head[1:])
        replies = iter(split_replies(body, count))
        mine = {place: argv for place, argv in own.items() if argv[0].lower() != b"select"}
        out = [b"*%d\r\n" % (count + len(mine))]
        for place in range(count + len(mine)):
            if place in mine:
                reply = self.engine.execute(lane.session, mine[place])
                if not isinstance(reply, Pending):
                    ENCODERS[lane.session.resp](reply, out.append)
                continue
            frame = next(replies)
            out.append(frame)
            if place in own and frame.startswith(b"+OK"):
                lane.db = int(own[place][1])
                self._show_db(lane)
        return b"".join(out)

    def _select(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Select a database upstream: over a connection of its own, for the shared ones stay where they are."""
        number = parse_int64(argv[1]) if len(argv) == 2 else None
        if number is None:
            return self._pass_on(lane, [argv])  # upstream says what is wrong with it
        if lane.in_multi:
            lane.queued.append((lane.queued_count, argv))
            return self._pass_on(lane, [argv])
        if number == lane.db:
            return OK
        link = self._own_link(lane, argv)

        def after(wire: bytes) -> bytes:
            if wire.startswith(b"+OK"):
                lane.db = number
                self._show_db(lane)
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._deadline(lane), after)

    def _listen(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass a call on after which messages come, or which ends them."""
        link = self._own_link(lane, argv)
        lane.streaming = True
        return self._pass_on_heard(lane, link, [argv])

    def _pass_on_heard(self, lane: Lane, link: Link, calls: list[list[bytes]]) -> Pending:
        """Pass calls on over a connection on which messages come: behind them a PING that nobody else could send.

        What comes before its reply are replies, and messages, in the order in which they came.
        """
        word = urandom(12).hex().encode()
        link.watch_for(word)

        def after(wire: bytes) -> bytes:
            if (
                wire.startswith(b"$")
                and lane.session.resp == 2
                and calls[0][0].lower().endswith(b"unsubscribe")
            ):
                # Nothing is subscribed to any more.
                lane.streaming = False
                link.watch_for(b"")
                lane.let_go(clean=True)
            return b""

        wire = write_calls([*calls, [b"PING", word]])
        return lane.forward(link, calls, wire, 1, self._deadline(lane), after)

    def _lost(self, lane: Lane, argv: list[bytes]) -> Reply:
        """Answer a call of a transaction that was lost with its connection."""
        name = argv[0].lower()
        if name in _ENDS:
            lane.forget()
            return OK if name == b"discard" else RespError(errors.UPSTREAM_EXEC_ABORT)
        return RespError(errors.UPSTREAM_TRANSACTION_LOST)
