"""The server group: what the server is and does, its configuration, whole databases, and its end.

DEBUG, MEMORY, MODULE and replication have modules of their own.
"""

from typing import Annotated, Final

from vermilion import errors
from vermilion.commands import introspection
from vermilion.commands import lolwut as art
from vermilion.commands.registry import CATEGORY_ORDER, command, container
from vermilion.commands.syntax import (
    ADMIN,
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_MULTI,
    NOSCRIPT,
    READONLY,
    STALE,
    WRITE,
    Argument,
    Kind,
    OneOf,
    Token,
)  # fmt: skip
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import NO_REPLY, OK, OrderedSet, Pairs, Reply, Status, Verbatim
from vermilion.session import Server, Session
from vermilion.structures.glob import compile_glob
from vermilion.version import REDIS_VERSION

_INTROSPECTION: Final = LOADING | STALE
_ADMIN: Final = ADMIN | NOSCRIPT | LOADING | STALE
_INT32_MAX: Final = 2**31 - 1

_ALL_NODES: Final = ("request_policy:all_nodes", "response_policy:all_succeeded")
_ALL_SHARDS: Final = ("request_policy:all_shards", "response_policy:all_succeeded")
_SPECIAL: Final = ("nondeterministic_output", "request_policy:all_shards", "response_policy:special")
_UNORDERED: Final = ("nondeterministic_output_order",)


def _help(*lines: str) -> list[Reply]:
    """Return a help text as it stands on the wire."""
    return [Status(line) for line in lines]


# COMMAND --------------------------------------------------------------------------------------------------

_COMMAND_NAMES: Final = Argument("command-name", "string", optional=True, multiple=True)
_FULL_COMMAND: Final = (
    Argument("command", "string"),
    Argument("arg", "string", optional=True, multiple=True),
)


@command(
    "COMMAND", _INTROSPECTION, since="2.8.13", complexity="O(N) where N is the number of commands.",
    tips=_UNORDERED, categories=["connection"], raw=True, arity=-1,
)  # fmt: skip
def command_(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return what there is to know about every command."""
    return [introspection.info(declared) for declared in introspection.top_level(session.server)]


@command("COMMAND|COUNT", _INTROSPECTION, since="2.8.13", complexity="O(1)", categories=["connection"])
def command_count(server: Server) -> int:
    """Return how many commands there are, subcommands not counted."""
    return len(introspection.top_level(server))


@command(
    "COMMAND|INFO", _INTROSPECTION, since="2.8.13", complexity="O(N) where N is the number of names given.",
    tips=_UNORDERED, categories=["connection"], raw=True, arity=-2, arguments=[_COMMAND_NAMES],
)  # fmt: skip
def command_info(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return what there is to know about these commands, or about all; nil for one that does not exist."""
    if len(argv) == 2:
        return command_(session, argv)
    known = introspection.known_to(session.server)
    found = [introspection.find(known, name) for name in argv[2:]]
    return [None if declared is None else introspection.info(declared) for declared in found]


@command(
    "COMMAND|DOCS", _INTROSPECTION, since="7.0.0", complexity="O(N) where N is the number of names given.",
    tips=_UNORDERED, categories=["connection"], raw=True, arity=-2, arguments=[_COMMAND_NAMES],
)  # fmt: skip
def command_docs(session: Session, argv: list[bytes]) -> Pairs:
    """Return the documentation of these commands, or of all."""
    if len(argv) == 2:
        found = introspection.top_level(session.server)
    else:
        known = introspection.known_to(session.server)
        named = (introspection.find(known, name) for name in argv[2:])
        found = [declared for declared in named if declared is not None]
    return Pairs([(declared.name.encode(), introspection.document(declared)) for declared in found])


@command(
    "COMMAND|GETKEYS", _INTROSPECTION, since="2.8.13", complexity="O(N) where N is the number of arguments.",
    categories=["connection"], raw=True, arity=-3, arguments=_FULL_COMMAND,
)  # fmt: skip
def command_getkeys(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the keys of a call."""
    known = introspection.known_to(session.server)
    return [key.name for key in introspection.keys_of(known, argv[2:])]


@command(
    "COMMAND|GETKEYSANDFLAGS", _INTROSPECTION, since="7.0.0",
    complexity="O(N) where N is the number of arguments.",
    categories=["connection"], raw=True, arity=-3, arguments=_FULL_COMMAND,
)  # fmt: skip
def command_getkeysandflags(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the keys of a call, and what the call does to each."""
    known = introspection.known_to(session.server)
    return [
        [key.name, OrderedSet(Status(flag) for flag in key.flags)]
        for key in introspection.keys_of(known, argv[2:])
    ]


@command(
    "COMMAND|LIST", _INTROSPECTION, since="7.0.0", complexity="O(N) where N is the number of commands.",
    tips=_UNORDERED, categories=["connection"], raw=True, arity=-2,
    arguments=[Argument("filterby", "oneof", token="FILTERBY", optional=True, arguments=[
        Argument("module-name", "string", token="MODULE"),
        Argument("category", "string", token="ACLCAT"),
        Argument("pattern", "pattern", token="PATTERN"),
    ])],
)  # fmt: skip
def command_list(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the names of the commands, subcommands included: of all, of a category, or by a pattern."""
    # Raw: the filter is the word behind FILTERBY, and only one is allowed.
    known = introspection.known_to(session.server)
    if len(argv) == 2:
        return [name.encode() for name in known]
    if len(argv) != 5 or argv[2].upper() != b"FILTERBY":
        raise RespError(errors.SYNTAX)
    by, wanted = argv[3].upper(), argv[4]
    if by == b"MODULE":
        return []
    if by == b"ACLCAT":
        category = errors.text(wanted).lower()
        if category not in CATEGORY_ORDER:
            return []
        return [name.encode() for name, found in known.items() if category in found.categories]
    if by != b"PATTERN":
        raise RespError(errors.SYNTAX)
    matches = compile_glob(wanted, ignore_case=True)
    return [raw for name in known if matches(raw := name.encode())]


@command("COMMAND|HELP", _INTROSPECTION, since="5.0.0", complexity="O(1)", categories=["connection"])
def command_help() -> list[Reply]:
    """Return what the subcommands do."""
    return _help(
        "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "(no subcommand)",
        "    Return what there is to know about every command.",
        "COUNT",
        "    Return how many commands this server has.",
        "LIST",
        "    Return the names of all commands.",
        "INFO [<command-name> ...]",
        "    Return what there is to know about these commands, or about all.",
        "DOCS [<command-name> ...]",
        "    Return the documentation of these commands, or of all.",
        "GETKEYS <full-command>",
        "    Return the keys of a call.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys of a call, and what the call does to each.",
        "HELP",
        "    Print this help.",
    )


# CONFIG ---------------------------------------------------------------------------------------------------

container(
    "CONFIG", group="server", since="2.0.0", summary="A container for the commands of the configuration."
)


@command("CONFIG|GET", _ADMIN, since="2.0.0", complexity="O(N) where N is the number of directives.")
def config_get(server: Server, *parameter: Annotated[bytes, Kind("string")]) -> dict[Reply, Reply]:
    """Return the directives whose names match any of the patterns, and their values."""
    return dict(server.configuration.get(parameter).items())


@command(
    "CONFIG|SET", _ADMIN, since="2.0.0", complexity="O(N) where N is the number of directives given.",
    tips=_ALL_NODES, raw=True, arity=-4,
    arguments=[Argument("data", "block", multiple=True, arguments=[
        Argument("parameter", "string"), Argument("value", "string"),
    ])],
)  # fmt: skip
def config_set(session: Session, argv: list[bytes]) -> Status:
    """Change directives, all of them or none."""
    if len(argv) % 2:
        raise RespError(errors.SYNTAX)
    pairs = list(zip(argv[2::2], argv[3::2], strict=True))
    session.server.configuration.set(pairs, local=session.is_local)
    return OK


@command("CONFIG|RESETSTAT", _ADMIN, since="2.0.0", complexity="O(1)", tips=_ALL_NODES)
def config_resetstat(server: Server) -> Status:
    """Let the statistics of INFO start anew."""
    server.reset_stats()
    return OK


@command("CONFIG|REWRITE", _ADMIN, since="2.8.0", complexity="O(1)", tips=_ALL_NODES)
def config_rewrite(server: Server) -> Status:
    """Write the present values into the configuration file."""
    server.configuration.rewrite()
    return OK


@command("CONFIG|HELP", _INTROSPECTION, since="5.0.0", complexity="O(1)")
def config_help() -> list[Reply]:
    """Return what the subcommands do."""
    return _help(
        "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GET <pattern>",
        "    Return the directives whose names match <pattern>, and their values.",
        "SET <directive> <value>",
        "    Give <directive> the value <value>.",
        "RESETSTAT",
        "    Let the statistics of INFO start anew.",
        "REWRITE",
        "    Write the present values into the configuration file.",
        "HELP",
        "    Print this help.",
    )


# Whole databases ------------------------------------------------------------------------------------------

_FLUSH_TYPE: Final = Argument(
    "flush-type", "oneof", optional=True,
    arguments=[
        Argument("async", "pure-token", token="ASYNC", since="4.0.0"),
        Argument("sync", "pure-token", token="SYNC", since="6.2.0"),
    ],
)  # fmt: skip


def _check_flush_type(argv: list[bytes]) -> None:
    """Accept ASYNC or SYNC: dropping a table is one step here, whatever was asked for."""
    if len(argv) > 2 or (len(argv) == 2 and argv[1].upper() not in {b"ASYNC", b"SYNC"}):
        raise RespError(errors.SYNTAX)


def _tell_caches(session: Session, argv: list[bytes]) -> None:
    """Tell those who cache keys; who waits for the end of the call in Redis hears of it before that."""
    server = session.server
    lazy = server.settings.lazyfree_lazy_user_flush if len(argv) == 1 else argv[1].upper() == b"ASYNC"
    server.tracking.tell_flushed(None if lazy or not session.may_wait else session)


@command(
    "DBSIZE",
    READONLY | FAST,
    since="1.0.0",
    complexity="O(1)",
    tips=["request_policy:all_shards", "response_policy:agg_sum"],
    categories=["keyspace"],
)
def dbsize(db: Database) -> int:
    """Return how many keys the database has."""
    return len(db)


@command(
    "FLUSHALL", WRITE, since="1.0.0", complexity="O(N) where N is the number of keys of all databases.",
    tips=_ALL_SHARDS, categories=["keyspace", "dangerous"], raw=True, arity=-1, arguments=[_FLUSH_TYPE],
)  # fmt: skip
def flushall(session: Session, argv: list[bytes]) -> Status:
    """Delete the keys of all databases."""
    # Raw, as FLUSHDB: the option may be given once, and one argument too many is a syntax error.
    _check_flush_type(argv)
    for db in session.server.databases:
        db.clear()
    session.server.persistence.emptied()
    _tell_caches(session, argv)
    return OK


@command(
    "FLUSHDB", WRITE, since="1.0.0", complexity="O(N) where N is the number of keys of the database.",
    tips=_ALL_SHARDS, categories=["keyspace", "dangerous"], raw=True, arity=-1, arguments=[_FLUSH_TYPE],
)  # fmt: skip
def flushdb(session: Session, argv: list[bytes]) -> Status:
    """Delete the keys of the database."""
    _check_flush_type(argv)
    session.db.clear()
    _tell_caches(session, argv)
    return OK


def _db_index(raw: bytes, error: str) -> int:
    """Return the number of a database, which may not exist."""
    number = parse_int64(raw)
    if number is None or abs(number) > _INT32_MAX:
        raise RespError(error)
    return number


@command(
    "SWAPDB", WRITE | FAST, since="4.0.0", complexity="O(1)", categories=["keyspace", "dangerous"],
)  # fmt: skip
def swapdb(
    server: Server, index1: Annotated[bytes, Kind("integer")], index2: Annotated[bytes, Kind("integer")]
) -> Status:
    """Exchange the keys of two databases; the clients of each then see the other's."""
    first, second = _db_index(index1, errors.INVALID_FIRST_DB), _db_index(index2, errors.INVALID_SECOND_DB)
    databases = server.databases
    if not (0 <= first < len(databases) and 0 <= second < len(databases)):
        raise RespError(errors.DB_INDEX_OUT_OF_RANGE)
    if first != second:
        databases[first].swap(databases[second])
    databases[first].dirty += 1
    return OK


# What the server is ---------------------------------------------------------------------------------------


@command(
    "INFO", _INTROSPECTION, since="1.0.0", complexity="O(1)", tips=_SPECIAL, categories=["dangerous"],
    raw=True, arity=-1, arguments=[Argument("section", "string", optional=True, multiple=True)],
)  # fmt: skip
def info(session: Session, argv: list[bytes]) -> Verbatim:
    """Return figures about the server, in sections."""
    return Verbatim(session.server.info([errors.text(section).lower() for section in argv[1:]]))


@command("TIME", LOADING | STALE | FAST, since="2.6.0", complexity="O(1)", tips=["nondeterministic_output"])
def time(server: Server) -> list[Reply]:
    """Return the time: seconds since the epoch, and the microseconds of the present second."""
    seconds, microseconds = divmod(server.clock.now_us(), 1_000_000)
    return [b"%d" % seconds, b"%d" % microseconds]


_PAINTED_VERSIONS: Final = frozenset({5, 6, 8})
_SIZES_OF_VERSION: Final = {5: 3, 6: 2}


@command(
    "LOLWUT",
    READONLY | FAST,
    since="5.0.0",
    raw=True,
    arity=-1,
    arguments=[Argument("version", "integer", token="VERSION", optional=True)],
)
def lolwut(session: Session, argv: list[bytes]) -> Verbatim:
    """Return a picture, and the version of the server."""
    # Raw: what follows the version are numbers for some versions, and anything for the others.
    version = 8
    sizes: list[int] = []
    if len(argv) > 2 and argv[1].lower() == b"version":
        version = _integer(argv[2])
        sizes = [_integer(raw) for raw in argv[3 : 3 + _SIZES_OF_VERSION.get(version, 0)]]
    picture = ""
    if version in _PAINTED_VERSIONS:
        columns, rows = (*sizes, *art.DEFAULT_SIZE[len(sizes) :])[:2]
        picture = f"{art.pond(columns, rows, session.server.random)}\nTwo stones in a pond. "
    return Verbatim(f"{picture}Redis ver. {REDIS_VERSION}\n".encode())


def _integer(raw: bytes) -> int:
    """Return an integer."""
    number = parse_int64(raw)
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    return number


@command(
    "SHUTDOWN", _ADMIN | NO_MULTI | ALLOW_BUSY, since="1.0.0", complexity="O(1)",
)  # fmt: skip
def shutdown(
    server: Server,
    *,
    save_selector: Annotated[str | None, OneOf(Token("NOSAVE"), Token("SAVE"))] = None,
    now: Annotated[bool, Token("NOW", since="7.0.0")] = False,
    force: Annotated[bool, Token("FORCE", since="7.0.0")] = False,
    abort: Annotated[bool, Token("ABORT", since="7.0.0")] = False,
) -> Reply:
    """Save the keys if there are save points, and stop the server; only the end of the connection is returned."""
    if abort:
        if save_selector or now or force:
            raise RespError(errors.SYNTAX)
        # There is nothing to abort: no shutdown waits for replicas.
        raise RespError(errors.NO_SHUTDOWN)
    save = None if save_selector is None else save_selector == "SAVE"
    if server.busy_reply is not None and save_selector != "NOSAVE":
        raise RespError(server.busy_reply)
    if not server.shut_down(save=save, force=force):
        raise RespError(errors.SHUTDOWN_FAILED)
    return NO_REPLY
