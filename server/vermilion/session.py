"""One client's state as commands and the engine see it.

This floor knows no sockets: a session's transport is whatever carries its replies.
"""

from typing import TYPE_CHECKING, Final, Protocol

from vermilion.access.user import User
from vermilion.keyspace.database import Database
from vermilion.protocol.reply import Reply

if TYPE_CHECKING:
    from vermilion.keyspace.watching import WatchedKeys
    from vermilion.messaging import Caching, Subscriptions
    from vermilion.pending import Pending
    from vermilion.ports import NamedCommand, QueuedCalls, Server

# Gates: what may stand between a session and a command. A command is gated by a bit unless it is exempt; the
# engine looks at `session.gates & command.gated` and takes the slow path only when that is not 0.
GATE_RESOLVE: Final = 1 << 0  # always set: containers resolve their subcommand on the slow path
GATE_AUTH: Final = 1 << 1  # not authenticated
GATE_NO_TOUCH: Final = 1 << 2  # CLIENT NO-TOUCH
GATE_REPLY: Final = 1 << 3  # CLIENT REPLY OFF or SKIP
GATE_MEMORY: Final = 1 << 4  # more than `maxmemory` is used, and nothing may be evicted
GATE_SCRIPT: Final = 1 << 16  # the session is a script's
GATE_READ_ONLY: Final = 1 << 17  # a script that may change nothing
GATE_BUSY: Final = 1 << 18  # a script runs for longer than `busy-reply-threshold`
GATE_MULTI: Final = 1 << 5  # in MULTI: calls are queued
GATE_SUBSCRIBED: Final = 1 << 6  # subscribed: little else is allowed in RESP2, and messages may come
GATE_TRACKING: Final = 1 << 7  # CLIENT TRACKING: keys that are read are remembered, and messages may come
GATE_MONITOR: Final = 1 << 9  # somebody sees all calls (MONITOR)
GATE_PAUSE: Final = 1 << 10  # CLIENT PAUSE
GATE_ACL: Final = 1 << 8  # the user is restricted
GATE_TIMED: Final = 1 << 11  # SLOWLOG is interested in quick calls, too: each is timed by itself
GATE_JOURNAL: Final = 1 << 15  # calls are kept in the journal
GATE_UNSAVED: Final = 1 << 13  # the last background save failed, and `stop-writes-on-bgsave-error` is on
GATE_FAULT: Final = 1 << 14  # a test has calls refused, held up, or lost


CLIENT_SIZE: Final = 3300
"""Bytes of a client that does nothing, measured with 2,000 of them: session, connection, parser, transport."""


class Transport(Protocol):
    """What carries a session: a connection of the network floor, or an in-process caller."""

    @property
    def address(self) -> str:
        """The client's address: `ip:port`, or the path of a Unix socket with `:0`."""

    @property
    def local_address(self) -> str:
        """The server's side of the connection."""

    @property
    def fileno(self) -> int:
        """The file descriptor, -1 when there is none."""

    @property
    def query_buffered(self) -> int:
        """Bytes of an incomplete request."""

    @property
    def output_buffered(self) -> int:
        """Bytes of replies that the client has not taken yet."""

    def answer(self, reply: Reply) -> None:
        """Send the reply of the call that had to wait, and go on with those behind it."""

    def push(self, message: Reply) -> None:
        """Send a message that is no reply, behind everything that was sent before."""

    def use_resp(self, version: int) -> None:
        """Encode the replies from now on in this version of RESP."""

    def limit_requests(self, limited: bool) -> None:
        """Hold the client to the small requests of one that has not authenticated, or not any more."""

    def close_after_reply(self) -> None:
        """Run no further call of this client, and close once everything written so far has been sent."""

    def abort(self) -> None:
        """Close at once."""

    def reset(self) -> None:
        """Close at once, and as a network does that breaks: the client learns that the connection was reset."""


class Nowhere:
    """The transport of a session that no connection carries: what is sent is dropped.

    Args:
        address: what is shown in place of one, at both ends.
    """

    fileno = -1
    query_buffered = output_buffered = 0

    def __init__(self, address: str) -> None:
        self.address = self.local_address = address

    def answer(self, reply: Reply) -> None:
        """Nobody waits."""

    def push(self, message: Reply) -> None:
        """Nobody is there to be told."""

    def use_resp(self, version: int) -> None:
        """There is nothing to encode."""

    def limit_requests(self, limited: bool) -> None:
        """There is nothing to limit."""

    def close_after_reply(self) -> None:
        """There is nothing to close."""

    def abort(self) -> None:
        """There is nothing to close."""

    def reset(self) -> None:
        """There is nothing to close."""


class Session:
    """One client.

    Args:
        identifier: its id, unique in its server.
        server: whose client it is.
        db: the database it has selected.
        transport: what carries it.
        now_ms: the monotonic time of its start.
        user: who it is, before it authenticates.

    LLM Context:
        - `resp` is 2 or 3; the transport picks the encoder by it after each call.
        - `gates` is the only thing the engine looks at on the way of an ordinary call.
        - `pending` is the call that waits, and only the engine sets it: no other call is made meanwhile.
        - `may_wait` is False where a blocking command answers at once instead: in MULTI and in scripts.
        - `subscriptions` is what it is subscribed to, None for nothing.
        - `caching` is how its reads are tracked, None for not at all.
        - `authenticated` says whether it has given a password, or needed none when it came; the gate is what counts.
        - `last_command` is the latest call's command; its `name` is the full one (`client|list`).
        - `queue` holds the calls since MULTI; None outside of it. `watched` is there from the first WATCH on.
    """

    __slots__ = (
        "authenticated", "caching", "created_ms", "db", "gates", "id", "last_active_ms", "last_command", "lib_name",
        "lib_version", "may_wait", "monitoring", "name", "no_evict", "pending", "queue", "reply_mode", "resp",
        "server", "subscriptions", "transport", "user", "watched",
    )  # fmt: skip

    def __init__(
        self, identifier: int, server: "Server", db: Database, transport: Transport, now_ms: int, user: User
    ) -> None:
        self.id = identifier
        self.server = server
        self.db = db
        self.transport = transport
        self.resp = 2
        self.gates = GATE_RESOLVE
        self.name = b""
        self.user = user
        self.authenticated = True
        self.lib_name = b""
        self.lib_version = b""
        self.created_ms = now_ms
        self.last_active_ms = now_ms
        self.last_command: NamedCommand | None = None
        self.no_evict = False
        self.pending: Pending | None = None
        self.may_wait = True
        self.reply_mode = "on"
        self.caching: Caching | None = None
        self.subscriptions: Subscriptions | None = None
        self.queue: QueuedCalls | None = None
        self.watched: WatchedKeys | None = None
        self.monitoring = False

    @property
    def is_local(self) -> bool:
        """Whether the client is on this machine: on the loopback, on a Unix socket, or in the process."""
        host, _, port = self.transport.address.rpartition(":")
        return host.startswith("127.") or host == "[::1]" or port == "0"

    @property
    def is_on_unix_socket(self) -> bool:
        """Whether the client came over a Unix socket: its address has no port, and it has a descriptor."""
        return self.transport.fileno >= 0 and self.transport.address.endswith(":0")

    @property
    def memory(self) -> int:
        """Bytes that this client takes, about: what is fixed, what it sent, what it has not read."""
        return CLIENT_SIZE + self.transport.query_buffered + self.transport.output_buffered

    def may_use(self, allowed: str) -> bool:
        """Whether this client may use what a directive allows: `yes` everyone, `local` who is on this machine."""
        return allowed == "yes" or (allowed == "local" and self.is_local)
