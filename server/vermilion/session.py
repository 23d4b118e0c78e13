"""One client's state as commands and the engine see it, and the ports through which commands ask for more.

This floor knows no sockets: a session's transport is whatever carries its replies.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from vermilion.access.log import AccessLog
from vermilion.access.user import User
from vermilion.clock import Clock
from vermilion.diagnostics import SlowEvents, SlowLog
from vermilion.faults import Act, Conditions, Rule
from vermilion.harness import Harness
from vermilion.keyspace.database import Database, KeyspaceStats
from vermilion.protocol.reply import Reply
from vermilion.settings import Settings

if TYPE_CHECKING:
    from vermilion.keyspace.watching import WatchedKeys
    from vermilion.messaging import Caching, PubSub, Subscriptions, Tracking
    from vermilion.pending import Pending

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


class Configuration(Protocol):
    """The directives of redis.conf, as CONFIG sees them."""

    def get(self, patterns: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the directives whose names match any of the patterns, with their values."""

    def set(self, pairs: Sequence[tuple[bytes, bytes]], *, local: bool = False) -> None:
        """Change directives, all or none; RespError says what was wrong. `local`: the client is on this machine."""

    def watch(self, directive: str, callback: Callable[[Settings], None]) -> None:
        """Have a function called after each change of a directive."""

    user_lines: Callable[[], Sequence[bytes]] | None
    """What returns the lines that declare the users, for `rewrite`."""

    def rewrite(self, *, everything: bool = False) -> None:
        """Write the current values into the configuration file: those that it must have, or all."""

    @property
    def path(self) -> Path | None:
        """The configuration file, None when there is none."""


class AccessControl(Protocol):
    """Users, and what they may do, as commands see them.

    LLM Context:
        - What refuses raises RespError, and changes nothing.
    """

    log: AccessLog
    default: User

    def find(self, name: bytes) -> User | None:
        """Return a user by name."""

    @property
    def users(self) -> Mapping[bytes, User]:
        """The users by their names, in the order of these."""

    def greet(self, session: Session) -> None:
        """Let a client be what a new one is."""

    def authenticate(self, session: Session, name: bytes, password: bytes, command: bytes) -> None:
        """Let a client be a user who has this password."""

    def set_user(self, name: bytes, rules: Sequence[bytes]) -> None:
        """Create or change a user."""

    def delete_users(self, names: Sequence[bytes], caller: Session) -> int:
        """Delete users, disconnect their clients, and return how many users there were."""

    def explain(self, user: User, argv: Sequence[bytes]) -> str | None:
        """Return why a user may not make a call, None when it may."""

    def permits(self, session: Session, argv: Sequence[bytes]) -> bool:
        """Return whether a client may make a call; RespError for no call at all."""

    def reads_any_key(self, session: Session, argv: Sequence[bytes]) -> bool:
        """Return whether a call that is allowed may also read keys that it does not name."""

    def lines(self) -> list[bytes]:
        """Return the lines that declare the users."""

    def load(self) -> None:
        """Take the users of the ACL file, and no others."""

    def save(self) -> None:
        """Write the users into the ACL file."""


class TableFigures(NamedTuple):
    """Bytes of the tables of one database, without keys and values."""

    db: int
    keys: int
    expires: int


class MemoryFigures(NamedTuple):
    """Bytes of an engine's process: `used` for itself, `resident` with libraries and files that it maps."""

    used: int
    resident: int
    peak: int
    startup: int
    clients: int
    tables: Sequence[TableFigures]
    keys: int

    @property
    def overhead(self) -> int:
        """What is no data: the process as it started, clients, tables."""
        tables = sum(table.keys + table.expires for table in self.tables)
        return min(self.startup + self.clients + tables, self.used)

    @property
    def dataset(self) -> int:
        """What is left for keys and values."""
        return self.used - self.overhead


class SnapshotFigures(NamedTuple):
    """What INFO says of saving; -1 for a duration that there is none of.

    Args:
        saving: whether a background save is under way.
        last_ok: whether the last one succeeded.
        last_duration_s: how long the last one took.
        current_duration_s: for how long one has been under way.
        saves: how many were asked for.
        keys_done: how many keys the one under way has written.
        keys_total: of how many.
        keys_loaded: how many keys the last file that was loaded had.
        keys_expired: how many more that had expired.
        copied: bytes of memory that the process which writes shares no longer.
        copied_age_s: how many seconds ago that was so.
        last_copied: how many the last one had at its end.
        forks: how many processes have written.
        fork_us: microseconds that it took to make the last one.
    """

    saving: bool = False
    last_ok: bool = True
    last_duration_s: int = -1
    current_duration_s: int = -1
    saves: int = 0
    keys_done: int = 0
    keys_total: int = 0
    keys_loaded: int = 0
    keys_expired: int = 0
    copied: int = 0
    copied_age_s: int = 0
    last_copied: int = 0
    forks: int = 0
    fork_us: int = 0


class Persistence(Protocol):
    """What is left of an engine's keys when it ends: snapshots, in a file."""

    @property
    def is_saving(self) -> bool:
        """Whether a background save is under way."""

    @property
    def is_failing(self) -> bool:
        """Whether writing is to be refused, as what is written would not be saved."""

    @property
    def last_save_ms(self) -> int:
        """When the last save succeeded; at first, when the engine started."""

    def save(self) -> bool:
        """Write a snapshot now; return whether it was written. The log says why not."""

    def count_save(self) -> None:
        """Count a save that was asked for, in INFO."""

    def save_in_background(self) -> None:
        """Begin to write a snapshot between the calls of clients; none may be under way."""

    def reload(self, *, save: bool, flush: bool, merge: bool) -> None:
        """Load the snapshot; RespError says that it could not be, with nothing changed (DEBUG RELOAD)."""

    def emptied(self) -> None:
        """Let the file be as empty as the databases are (FLUSHALL), where there are save points."""

    def prepare_end(self, *, save: bool | None, force: bool) -> bool:
        """Save before a server ends, with None if there are save points; return whether it may end."""

    def cron(self) -> None:
        """Begin a background save when a save point says so."""

    def figures(self) -> SnapshotFigures:
        """Return what INFO says of saving."""


class QueuedCalls(Protocol):
    """What a client has queued since MULTI."""

    memory: int
    """The bytes of the calls."""

    def __len__(self) -> int:
        """Return how many calls there are."""


class Transactions(Protocol):
    """MULTI, EXEC and WATCH, for one engine."""

    def begin(self, session: Session) -> None:
        """Queue the client's calls from now on."""

    def execute(self, session: Session) -> Reply:
        """Run what is queued, unless a call was refused or a watched key has changed."""

    def discard(self, session: Session) -> None:
        """Forget what is queued, and watch nothing any more."""

    def watch(self, session: Session, keys: Sequence[bytes]) -> None:
        """Let changes of these keys keep the client's next transaction from running."""

    def unwatch(self, session: Session) -> None:
        """Watch nothing any more."""


class Monitors(Protocol):
    """The clients that see all calls, for one engine."""

    def add(self, session: Session) -> None:
        """Show a client all calls from now on."""

    def remove(self, session: Session) -> None:
        """Show a client calls no longer; one that saw none is left alone."""

    def show(self, db: int, source: str, argv: Sequence[bytes]) -> None:
        """Show a call.

        Args:
            db: the number of the database.
            source: where it comes from: the address of a client, or `lua`.
            argv: the name and the arguments, without secrets.
        """


class Pause(Protocol):
    """CLIENT PAUSE, for one engine."""

    def begin(self, timeout_ms: int, *, everything: bool) -> None:
        """Postpone calls for a time: those that may write, or all of them."""

    def end(self) -> None:
        """Postpone nothing any more, and run what was postponed, once this call has been answered."""


class Faults(Protocol):
    """What a test lets go wrong, for one engine."""

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules, in the order in which they are asked."""

    def add(self, act: Act, conditions: Conditions) -> Rule:
        """Let something happen to what comes from now on; ValueError for what can never happen."""

    def remove(self, identifier: int) -> bool:
        """End a rule; return whether there was one."""

    def clear(self) -> None:
        """End all rules."""


class JournalEntry(Protocol):
    """One call that a client has made; its arguments are without secrets."""

    number: int
    name: str
    argv: tuple[bytes, ...]
    keys: tuple[bytes, ...]
    db: int
    client_id: int
    client_name: str
    address: str
    trip: int
    began_us: int
    duration_ns: int | None
    error: str | None

    @property
    def inside(self) -> str:
        """What it was a part of: `multi`, `script`, or nothing."""


class Journal(Protocol):
    """The calls that clients have made, for one engine."""

    on: bool
    seen: int
    dropped: int

    @property
    def calls(self) -> Collection[JournalEntry]:
        """Those that are kept, in the order in which they were made."""

    def start(self, *, limit: int | None = None, scripts: bool = False) -> None:
        """Keep calls from now on, and those of scripts, too, if wanted; ValueError for a limit that cannot be."""

    def stop(self) -> None:
        """Keep no further call."""

    def clear(self) -> None:
        """Forget all calls."""


class NamedCommand(Protocol):
    """One command, as it is declared or as an engine runs it."""

    name: str
    """The full one: `client|list`."""


class CommandRecord(NamedCommand, Protocol):
    """One command as an engine runs it."""

    calls: int
    latencies: dict[int, int]
    """How many calls took so many microseconds; two leading digits of longer ones."""


class ServerStats(Protocol):
    """What an engine counts besides keys and calls."""

    started_ms: int
    connections_received: int
    rejected_connections: int
    net_input_bytes: int
    net_output_bytes: int
    protocol_errors: int
    error_replies: int
    errors: dict[str, int]

    def count_error(self, code: str) -> None:
        """Count an error reply."""


class LibraryFunction(NamedTuple):
    """One function of a library, as FUNCTION LIST shows it."""

    name: bytes
    description: bytes | None
    flags: tuple[bytes, ...]


class RunningScript(NamedTuple):
    """The script or the function that runs, as FUNCTION STATS shows it."""

    name: bytes
    command: Sequence[bytes]
    duration_ms: int
    function: bool


class ScriptEffects(NamedTuple):
    """What a script may do, by its own account."""

    writes: bool
    needs_memory: bool


class ScriptFigures(NamedTuple):
    """What INFO says of scripts and functions; sizes are bytes."""

    scripts: int = 0
    scripts_memory: int = 0
    evicted: int = 0
    runtime_memory: int = 0
    libraries: int = 0
    functions: int = 0
    libraries_memory: int = 0
    functions_runtime_memory: int = 0


class FunctionLibraries(Protocol):
    """The libraries of functions."""

    def call(self, session: Session, argv: list[bytes], count: int, *, read_only: bool) -> Reply:
        """Run the function that a call names, with `count` keys."""

    def has(self, name: bytes) -> bool:
        """Return whether there is a function."""

    def load(self, code: bytes, *, replace: bool) -> bytes:
        """Load a library; return its name. RespError says why it cannot be."""

    def delete(self, name: bytes) -> None:
        """Delete a library; RespError when there is none."""

    def flush(self) -> None:
        """Delete all libraries."""

    def listed(self) -> Sequence[tuple[bytes, Sequence[LibraryFunction], bytes]]:
        """Return each library's name, its functions and its code."""

    def dump(self) -> bytes:
        """Return all libraries as a payload."""

    def restore(self, data: bytes, policy: str) -> None:
        """Take in the libraries of a payload: `FLUSH`, `APPEND` or `REPLACE`. RespError says why it cannot be."""

    def take(self, codes: Sequence[bytes], policy: str) -> None:
        """Take in libraries by their code."""


class Scripting(Protocol):
    """Lua, as EVAL, SCRIPT, FUNCTION and FCALL ask for it; the assembly puts it in place."""

    @property
    def libraries(self) -> FunctionLibraries:
        """The libraries of functions."""

    @property
    def running(self) -> RunningScript | None:
        """The script that runs."""

    @property
    def figures(self) -> ScriptFigures:
        """What INFO says of scripts and functions."""

    def eval(self, session: Session, argv: list[bytes], count: int, *, read_only: bool) -> Reply:
        """Run the script that a call brings, with `count` keys."""

    def evalsha(self, session: Session, argv: list[bytes], count: int, *, read_only: bool) -> Reply:
        """Run the script whose digest a call brings, with `count` keys."""

    def effects(self, name: str, argv: Sequence[bytes]) -> ScriptEffects | None:
        """Return what the script of a call may do: None for one that says nothing, or is not there."""

    def load(self, body: bytes) -> bytes:
        """Keep a script; return its digest."""

    def exists(self, digest: bytes) -> bool:
        """Return whether the script with a digest is there."""

    def flush(self) -> None:
        """Forget all scripts."""

    def kill(self, *, function: bool) -> None:
        """End the running script, or the running function; RespError says why not."""

    def abandon(self) -> None:
        """End the running script whatever it has done: the server stops."""


class Server(Protocol):
    """What commands may ask of the engine that runs them.

    LLM Context:
        - The engine implements it; commands never import the engine.
        - `settings` has one typed attribute per directive, by its name with `_` for `-`.
        - `configuration` is what CONFIG works on; it changes `settings` in place.
    """

    clock: Clock
    random: Random
    keyspace: KeyspaceStats
    configuration: Configuration
    settings: Settings
    scripting: Scripting | None
    busy_reply: str | None
    """The error for most calls while a script runs for too long; None otherwise."""
    persistence: Persistence
    active_expire: bool
    """Whether the periodic work reclaims expired keys (DEBUG SET-ACTIVE-EXPIRE)."""
    cron_paused: bool
    """Whether the periodic work rests (DEBUG PAUSE-CRON)."""
    harness: Harness | None
    """What tests move the server with (VERMILION); None where there is no such command."""
    replication_id: str
    """What a replica would know this server's data by: 40 hexadecimal digits."""

    @property
    def databases(self) -> Sequence[Database]:
        """The numbered databases."""

    @property
    def slow_log(self) -> SlowLog:
        """The calls that were slow."""

    @property
    def slow_events(self) -> SlowEvents:
        """The events that took long."""

    @property
    def stats(self) -> ServerStats:
        """What is counted besides keys and calls."""

    @property
    def transactions(self) -> Transactions:
        """MULTI, EXEC and WATCH."""

    @property
    def monitors(self) -> Monitors:
        """The clients that see all calls."""

    @property
    def pause(self) -> Pause:
        """CLIENT PAUSE."""

    @property
    def faults(self) -> Faults:
        """What a test lets go wrong."""

    @property
    def journal(self) -> Journal:
        """The calls that clients have made, if somebody wants to know."""

    @property
    def sessions(self) -> Mapping[int, Session]:
        """The clients, by their ids."""

    @property
    def pubsub(self) -> "PubSub":
        """Channels, and who listens to them."""

    @property
    def tracking(self) -> "Tracking":
        """What clients cache, and are told of."""

    @property
    def acl(self) -> "AccessControl":
        """Who may do what."""

    def command_records(self) -> Iterable[CommandRecord]:
        """Return what each command has counted, subcommands included."""

    def info(self, sections: Sequence[str]) -> bytes:
        """Return what INFO says in these sections, or in the default ones."""

    def memory(self) -> MemoryFigures:
        """Return where the memory of the process goes."""

    def unblock(self, session: Session, reply: Reply) -> None:
        """Give a client whose call is pending this reply instead of the awaited one."""

    def reset_stats(self) -> None:
        """Start counting anew (CONFIG RESETSTAT)."""

    def shut_down(self, *, save: bool | None = None, force: bool = False) -> bool:
        """Save, and ask the assembly to stop serving once this call has been answered.

        Args:
            save: whether to save; None to do so if there are save points.
            force: whether to stop though saving fails.

        Returns:
            Whether it stops.
        """
