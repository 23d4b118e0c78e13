"""The commands that a proxy answers itself, or changes on their way: HELLO, RESET, CLIENT, CONFIG, INFO, SCRIPT."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from vermilion import errors
from vermilion.backends import proxied, reports
from vermilion.backends.admission import Admission
from vermilion.backends.claims import Claims
from vermilion.backends.fleet import Fleet
from vermilion.backends.lane import Lane
from vermilion.backends.mirrored import with_redirect
from vermilion.backends.passage import Passage
from vermilion.backends.takers import DISCARD
from vermilion.backends.transactions import Transactions
from vermilion.backends.upstream_url import UpstreamUrl
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.pending import Answer, Pending
from vermilion.protocol.decode import decode_reply
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import Encoded
from vermilion.protocol.request import write_calls
from vermilion.session import Session

_BLOCKED: Final = re.compile(rb"(^blocked_clients:)(\d+)", re.MULTILINE)


class OwnCommands:
    """Answers for the proxy's own clients and directives.

    Args:
        url: where upstream is.
        config: the proxy's own.
        engine: the proxy's own.
        fleet: what is behind.
        lanes: the clients.
        admission: the gates.
        passage: the way to what is behind.
        transactions: MULTI and what follows.
        claims: the connections of one client's own.
    """

    def __init__(  # what it speaks for is what the proxy is made of
        self,
        url: UpstreamUrl,
        config: Config,
        engine: Engine,
        fleet: Fleet,
        lanes: Mapping[Session, Lane],
        admission: Admission,
        passage: Passage,
        transactions: Transactions,
        claims: Claims,
    ) -> None:
        self._url = url
        self._config = config
        self._engine = engine
        self._fleet = fleet
        self._lanes = lanes
        self._admission = admission
        self._passage = passage
        self._transactions = transactions
        self._claims = claims

    def hello(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer HELLO, and have a connection of the client's own speak what the client speaks."""
        before = lane.session.resp
        reply = self._transactions.answer_here(lane, argv)
        link = lane.link
        if link is not None and lane.session.resp != before:
            link.resp = lane.session.resp
            link.send(write_calls([[b"HELLO", b"%d" % link.resp]]), 1, DISCARD, self._passage.deadline(lane))
        return reply

    def reset(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer RESET, and give back what the client has of upstream."""
        reply = self._engine.execute(lane.session, argv)
        if not isinstance(reply, RespError):
            lane.forget()
            lane.db = self._url.db
            self._passage.show_db(lane)
        return reply

    def script(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass SCRIPT on, but for its debugger, which would hold up a connection."""
        if len(argv) > 1 and argv[1].lower() == b"debug":
            return RespError(errors.upstream_refused(argv))
        return self._passage.pass_on(lane, [argv])

    def client(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer for the proxy's own clients; what upstream keeps for a connection, it keeps for the client's own."""
        word = argv[1].lower() if len(argv) > 1 else b""
        if word == b"tracking" and len(argv) > 2:
            return self._admission.unless_stopped(lane, argv, lambda: self._tracking(lane, argv))
        if word == b"no-touch" and len(argv) > 2:
            return self._admission.unless_stopped(lane, argv, lambda: self._claims.stick(lane, argv))
        if word == b"trackinginfo" and not lane.in_multi:
            return self._admission.unless_stopped(
                lane,
                argv,
                lambda: self._passage.pass_on(lane, [argv], lambda wire: with_redirect(wire, lane.session)),
            )
        if word in {b"caching", b"trackinginfo"}:
            return self._admission.unless_stopped(lane, argv, lambda: self._passage.pass_on(lane, [argv]))
        if word == b"unblock" and 2 < len(argv) < 5:
            number = parse_int64(argv[2])
            other = None if number is None else self._engine.sessions.get(number)
            waiting = None if other is None else self._lanes.get(other)
            if waiting is not None and waiting.blocking and waiting.link is not None:
                call = [b"CLIENT", b"UNBLOCK", waiting.link.client_id, *argv[3:]]
                return self._admission.unless_stopped(lane, argv, lambda: self._passage.pass_on(lane, [call]))
        if word == b"kill" and not lane.in_multi:
            return self._kill(lane, argv)
        return self._transactions.answer_here(lane, argv)

    def _kill(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer CLIENT KILL, and have upstream know of it ahead of the caller's next call.

        A killed BLPOP would take what that call pushes, if upstream had not yet heard that its connection is closed.
        """
        waiting = [
            (other, self._fleet.server_for(other), other.link.client_id)
            for other in self._lanes.values()
            if other.blocking and other.link is not None and other.link.client_id
        ]
        answer = self._transactions.answer_here(lane, argv)
        for other, server, number in waiting:
            if other.closed:
                with suppress(RespError):  # without a connection, nobody pushes anything
                    link = server.shared(lane.db, lane.session.resp)
                    link.send(write_calls([[b"CLIENT", b"KILL", b"ID", number]]), 1, DISCARD, server.deadline)
        return answer

    def _tracking(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass CLIENT TRACKING on, once the proxy's own engine has found nothing wrong with it."""
        if lane.in_multi:
            if b"REDIRECT" in [option.upper() for option in argv[3:]]:
                return self._transactions.refuse(lane, errors.upstream_refused([b"CLIENT TRACKING REDIRECT"]))
            return self._claims.stick(lane, argv)
        reply = self._engine.execute(lane.session, argv)
        caching = lane.session.caching
        if isinstance(reply, (RespError, Pending)):
            return reply
        target = self._engine.sessions.get(caching.redirect) if caching is not None else None
        if target is None:
            return self._claims.stick(lane, argv)
        return self._claims.redirect(lane, argv, self._lanes[target])

    def acl(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer ACL, and look who waits for what it has taken from them."""
        answer = self._transactions.answer_here(lane, argv)
        self._claims.forget_forbidden(list(self._lanes.values()))
        return answer

    def info(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer what upstream says, and how it stands."""
        if lane.in_multi:
            return self._passage.pass_on(lane, [argv])
        sections = [word.decode("utf-8", "replace").lower() for word in argv[1:]]
        wanted = not sections or not {"default", "all", "everything", "upstream"}.isdisjoint(sections)
        if sections == ["upstream"]:
            return Encoded(self._report(lane, b""))
        words = [word for word in argv[1:] if word.lower() != b"upstream"]
        paused = len(self._engine.waiting)
        try:
            after = None
            if wanted or paused:
                after = lambda wire: self._with_state(lane, wire, paused, wanted=wanted)  # noqa: E731
            return self._passage.pass_on(lane, [[argv[0], *words]], after)
        except RespError:
            own = self._engine.info([section for section in sections if section != "upstream"])
            return Encoded(self._report(lane, own + b"\r\n"))

    def _with_state(self, lane: Lane, wire: bytes, paused: int, *, wanted: bool) -> bytes:
        """Add what the proxy knows to what upstream says: who waits for the end of a pause, and how upstream stands."""
        try:
            report = decode_reply(wire)
        except ValueError:
            return wire
        if not isinstance(report, bytes):
            return wire
        if paused:
            report = _BLOCKED.sub(lambda found: b"%b%d" % (found[1], int(found[2]) + paused), report)
        return self._report(lane, report + b"\r\n") if wanted else reports.as_text(report, lane.session.resp)

    def _report(self, lane: Lane, before: bytes) -> bytes:
        """Return INFO's reply, with the section about upstream at its end."""
        return reports.as_text(before + reports.section(self._url.kind, self._fleet), lane.session.resp)

    def config(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Answer for the proxy's own directives; the others are upstream's."""
        word = argv[1].lower() if len(argv) > 1 else b""
        if word == b"rewrite":
            return self._transactions.answer_here(lane, argv)
        if word == b"resetstat" and len(argv) == 2:
            self._engine.reset_stats()
        own = self._config.get([name.encode() for name in proxied.OWN_DIRECTIVES])
        if word == b"set" and len(argv) > 3:
            names = [name.decode("utf-8", "replace").lower() for name in argv[2::2]]
            mine = [proxied.is_own_directive(name) for name in names]
            if all(mine):
                return self._transactions.answer_here(lane, argv)
            if any(mine):
                return RespError(errors.UPSTREAM_CONFIG_MIXED)
            shared = [
                pair
                for pair in zip(argv[2::2], argv[3::2], strict=False)
                if pair[0].lower() in proxied.SHARED_DIRECTIVES
            ]
            if shared and not lane.in_multi:
                return self._passage.pass_on(lane, [argv], lambda wire: self._set_here(shared, wire))
        if word == b"get" and len(argv) > 2:
            patterns = argv[2:]
            if all(name.lower() in own for name in patterns):
                return self._transactions.answer_here(lane, argv)
            if not lane.in_multi:
                return self._passage.pass_on(
                    lane,
                    [argv],
                    lambda wire: reports.with_own_directives(wire, self._config, patterns, lane.session.resp),
                )
            if any(proxied.may_name_secret(name) for name in patterns):
                # EXEC's reply is passed on as it comes.
                return self._transactions.refuse(lane, errors.upstream_refused([b"CONFIG GET"]))
        return self._passage.pass_on(lane, [argv])

    def _set_here(self, pairs: list[tuple[bytes, bytes]], wire: bytes) -> bytes:
        """Set here what upstream has taken."""
        if wire.startswith(b"+OK"):
            self._config.set(pairs)
        return wire
