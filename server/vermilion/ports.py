"""What commands may ask of a server: the ports that the floors above fill, and the figures that come through them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vermilion.access.log import AccessLog
from vermilion.access.user import User
from vermilion.clock import Clock
from vermilion.diagnostics import SlowEvents, SlowLog
from vermilion.faults import Act, Conditions, Rule
from vermilion.harness import Harness
from vermilion.keyspace.database import Database
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.protocol.reply import Reply
from vermilion.session import Session
from vermilion.settings import Settings

if TYPE_CHECKING:
    from vermilion.messaging import PubSub, Tracking


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

    def delete_users(self, names: Sequence[bytes]) -> int:
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
