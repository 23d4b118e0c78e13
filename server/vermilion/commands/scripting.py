"""The scripting group: Lua scripts and functions, which the engine's scripting port runs."""

from typing import Final

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.syntax import (
    ALLOW_BUSY,
    DENYOOM,
    LOADING,
    NO_MANDATORY_KEYS,
    NOSCRIPT,
    READONLY,
    SKIP_MONITOR,
    STALE,
    WRITE,
    Argument,
    KeyFlag,
    KeySpec,
    Value,
)
from vermilion.errors import RespError
from vermilion.ports import Scripting, Server
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import OK, OrderedSet, Reply, Status
from vermilion.session import Session
from vermilion.structures.glob import compile_glob

_RUN: Final = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS
_DIGEST_SIZE: Final = 40
_ALL_NODES: Final = ("request_policy:all_nodes", "response_policy:all_succeeded")
_ALL_SHARDS: Final = ("request_policy:all_shards", "response_policy:all_succeeded")
_ONE_SHARD: Final = ("request_policy:all_shards", "response_policy:one_succeeded")
_COUNTS: Final = {b"%d" % count: count for count in range(10)}


def _scripting(server: Server) -> Scripting:
    """Return what runs scripts."""
    if server.scripting is None:
        raise RespError(errors.NO_SCRIPTING)
    return server.scripting


def _count_of_keys(argv: list[bytes], not_a_number: str = errors.NOT_AN_INTEGER) -> int:
    """Return how many keys a call has, of `EVAL script numkeys [key …] [arg …]` and the like."""
    count = _COUNTS.get(argv[2])
    if count is None:
        count = parse_int64(argv[2])
        if count is None:
            raise RespError(not_a_number)
    if count > len(argv) - 3:
        raise RespError(errors.NUMKEYS_TOO_LARGE)
    if count < 0:
        raise RespError(errors.NUMKEYS_NEGATIVE)
    return count


def _arguments(name: str) -> list[Argument]:
    """Document a call of a script."""
    return [
        Argument(name, "string"),
        Argument("numkeys", "integer"),
        Argument("key", "key", key_spec=0, optional=True, multiple=True),
        Argument("arg", "string", optional=True, multiple=True),
    ]


def _keys(*flags: KeyFlag, notes: str = "") -> list[KeySpec]:
    """Say where the keys of a script stand."""
    return [KeySpec(flags, 2, numkeys=(0, 1), notes=notes)]


_UPDATES: Final = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"
_READS: Final = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"
_DEPENDS_ON_SCRIPT: Final = "Depends on the script."
_DEPENDS_ON_FUNCTION: Final = "Depends on the function."


@command(
    "EVAL", _RUN, since="2.6.0", complexity=_DEPENDS_ON_SCRIPT, raw=True, arity=-3,
    arguments=_arguments("script"), keys=_keys("RW", "access", "update", notes=_UPDATES),
)  # fmt: skip
def eval_(session: Session, argv: list[bytes]) -> Reply:
    """Run a Lua script; return what it returns."""
    # Raw, as all that run scripts: the keys are counted by an argument, and the rest is for the script.
    return _scripting(session.server).eval(session, argv, _count_of_keys(argv), read_only=False)


@command(
    "EVAL_RO", _RUN | READONLY, since="7.0.0", complexity=_DEPENDS_ON_SCRIPT, raw=True, arity=-3,
    arguments=_arguments("script"), keys=_keys("RO", "access", notes=_READS),
)  # fmt: skip
def eval_ro(session: Session, argv: list[bytes]) -> Reply:
    """Run a Lua script that may change nothing; return what it returns."""
    return _scripting(session.server).eval(session, argv, _count_of_keys(argv), read_only=True)


def _evalsha(session: Session, argv: list[bytes], *, read_only: bool) -> Reply:
    """Run a script by its digest."""
    if len(argv[1]) != _DIGEST_SIZE:
        raise RespError(errors.NO_SCRIPT)
    return _scripting(session.server).evalsha(session, argv, _count_of_keys(argv), read_only=read_only)


@command(
    "EVALSHA", _RUN, since="2.6.0", complexity=_DEPENDS_ON_SCRIPT, raw=True, arity=-3,
    arguments=_arguments("sha1"), keys=_keys("RW", "access", "update"),
)  # fmt: skip
def evalsha(session: Session, argv: list[bytes]) -> Reply:
    """Run a Lua script of the cache by its SHA1 digest; return what it returns."""
    return _evalsha(session, argv, read_only=False)


@command(
    "EVALSHA_RO", _RUN | READONLY, since="7.0.0", complexity=_DEPENDS_ON_SCRIPT, raw=True, arity=-3,
    arguments=_arguments("sha1"), keys=_keys("RO", "access"),
)  # fmt: skip
def evalsha_ro(session: Session, argv: list[bytes]) -> Reply:
    """Run a Lua script of the cache that may change nothing; return what it returns."""
    return _evalsha(session, argv, read_only=True)


def _fcall(session: Session, argv: list[bytes], *, read_only: bool) -> Reply:
    """Run a function."""
    libraries = _scripting(session.server).libraries
    if not libraries.has(argv[1]):
        raise RespError(errors.FUNCTION_NOT_FOUND)
    return libraries.call(session, argv, _count_of_keys(argv, errors.BAD_NUMKEYS), read_only=read_only)


@command(
    "FCALL", _RUN, since="7.0.0", complexity=_DEPENDS_ON_FUNCTION, raw=True, arity=-3,
    arguments=_arguments("function"), keys=_keys("RW", "access", "update", notes=_UPDATES),
)  # fmt: skip
def fcall(session: Session, argv: list[bytes]) -> Reply:
    """Call a function of a library; return what it returns."""
    return _fcall(session, argv, read_only=False)


@command(
    "FCALL_RO", _RUN | READONLY, since="7.0.0", complexity=_DEPENDS_ON_FUNCTION, raw=True, arity=-3,
    arguments=_arguments("function"), keys=_keys("RO", "access", notes=_READS),
)  # fmt: skip
def fcall_ro(session: Session, argv: list[bytes]) -> Reply:
    """Call a function of a library that changes nothing; return what it returns."""
    return _fcall(session, argv, read_only=True)


# SCRIPT ---------------------------------------------------------------------------------------------------

container("SCRIPT", group="scripting", since="2.6.0", summary="A container for the commands of Lua scripts.")


@command(
    "SCRIPT|LOAD", NOSCRIPT | STALE, since="2.6.0", tips=_ALL_NODES,
    complexity="O(N) where N is the size of the script.",
)  # fmt: skip
def script_load(server: Server, script: Value) -> bytes:
    """Keep a script in the cache; return its SHA1 digest."""
    return _scripting(server).load(script)


@command(
    "SCRIPT|EXISTS", NOSCRIPT, since="2.6.0", complexity="O(N) where N is the number of digests.",
    tips=["request_policy:all_shards", "response_policy:agg_logical_and"],
)  # fmt: skip
def script_exists(server: Server, *sha1: Value) -> list[Reply]:
    """Return for each digest whether its script is in the cache."""
    return [int(_scripting(server).exists(digest)) for digest in sha1]


_FLUSH_TYPE: Final = (
    Argument("async", "pure-token", token="ASYNC"),
    Argument("sync", "pure-token", token="SYNC"),
)


def _check_flush_type(argv: list[bytes], error: str) -> None:
    """Accept ASYNC or SYNC: letting go of a table is one step here, whatever was asked for."""
    if len(argv) > 3 or (len(argv) == 3 and argv[2].upper() not in {b"ASYNC", b"SYNC"}):
        raise RespError(error)


@command(
    "SCRIPT|FLUSH", NOSCRIPT, since="2.6.0", complexity="O(N) where N is the number of scripts.",
    tips=_ALL_NODES, raw=True, arity=-2,
    arguments=[Argument("flush-type", "oneof", optional=True, since="6.2.0", arguments=_FLUSH_TYPE)],
)  # fmt: skip
def script_flush(session: Session, argv: list[bytes]) -> Status:
    """Forget all scripts."""
    # Raw: any other word has an error of its own.
    _check_flush_type(argv, errors.SCRIPT_FLUSH_OPTION)
    _scripting(session.server).flush()
    return OK


@command("SCRIPT|KILL", NOSCRIPT | ALLOW_BUSY, since="2.6.0", complexity="O(1)", tips=_ONE_SHARD)
def script_kill(server: Server) -> Status:
    """End the running script, if it has written nothing."""
    _scripting(server).kill(function=False)
    return OK


@command(
    "SCRIPT|DEBUG", NOSCRIPT, since="3.2.0", complexity="O(1)", raw=True, arity=3,
    arguments=[Argument("mode", "oneof", arguments=[
        Argument(mode, "pure-token", token=mode.upper()) for mode in ("yes", "sync", "no")
    ])],
)  # fmt: skip
def script_debug(session: Session, argv: list[bytes]) -> Status:
    """Switch the debugger of scripts off; there is none that could be switched on."""
    # Raw: any other word has an error of its own.
    mode = argv[2].upper()
    if mode == b"NO":
        return OK
    known = mode in {b"YES", b"SYNC"}
    raise RespError(errors.NO_SCRIPT_DEBUGGER if known else errors.SCRIPT_DEBUG_OPTION)


def _help(*lines: str) -> list[Reply]:
    """Return a help text as it stands on the wire."""
    return [Status(line) for line in lines]


@command("SCRIPT|HELP", LOADING | STALE, since="5.0.0", complexity="O(1)")
def script_help() -> list[Reply]:
    """Return what the subcommands do."""
    return _help(
        "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DEBUG (YES|SYNC|NO)",
        "    Only NO is supported.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Return for each digest whether its script is in the cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Forget all scripts.",
        "KILL",
        "    End the running script, if it has written nothing.",
        "LOAD <script>",
        "    Keep a script in the cache without running it.",
        "HELP",
        "    Print this help.",
    )


# FUNCTION -------------------------------------------------------------------------------------------------

container("FUNCTION", group="scripting", since="7.0.0", summary="A container for the commands of functions.")


@command(
    "FUNCTION|LOAD", WRITE | DENYOOM | NOSCRIPT, since="7.0.0", complexity="O(1)", tips=_ALL_SHARDS,
    raw=True, arity=-3,
    arguments=[
        Argument("replace", "pure-token", token="REPLACE", optional=True), Argument("function-code", "string")
    ],
)  # fmt: skip
def function_load(session: Session, argv: list[bytes]) -> bytes:
    """Load a library of functions; return its name."""
    # Raw: the options stand in front of the code.
    for option in argv[2:-1]:
        if option.upper() != b"REPLACE":
            raise RespError(errors.unknown_load_option(option))
    return _scripting(session.server).libraries.load(argv[-1], replace=len(argv) > 3)


@command(
    "FUNCTION|DELETE", WRITE | NOSCRIPT, since="7.0.0", complexity="O(1)", tips=_ALL_SHARDS,
)  # fmt: skip
def function_delete(server: Server, library_name: Value) -> Status:
    """Delete a library and its functions."""
    _scripting(server).libraries.delete(library_name)
    return OK


@command(
    "FUNCTION|FLUSH", WRITE | NOSCRIPT, since="7.0.0", tips=_ALL_SHARDS, raw=True, arity=-2,
    complexity="O(N) where N is the number of functions.",
    arguments=[Argument("flush-type", "oneof", optional=True, arguments=_FLUSH_TYPE)],
)  # fmt: skip
def function_flush(session: Session, argv: list[bytes]) -> Status:
    """Delete all libraries and functions."""
    # Raw: any other word has an error of its own.
    if len(argv) > 3:
        raise RespError(errors.wrong_subcommand("FUNCTION", argv[1]))
    _check_flush_type(argv, errors.FUNCTION_FLUSH_OPTION)
    _scripting(session.server).libraries.flush()
    return OK


@command("FUNCTION|KILL", NOSCRIPT | ALLOW_BUSY, since="7.0.0", complexity="O(1)", tips=_ONE_SHARD)
def function_kill(server: Server) -> Status:
    """End the running function, if it has written nothing."""
    _scripting(server).kill(function=True)
    return OK


@command(
    "FUNCTION|LIST", NOSCRIPT, since="7.0.0", complexity="O(N) where N is the number of functions.",
    tips=["nondeterministic_output_order"], raw=True, arity=-2,
    arguments=[
        Argument("library-name-pattern", "string", token="LIBRARYNAME", optional=True),
        Argument("withcode", "pure-token", token="WITHCODE", optional=True),
    ],
)  # fmt: skip
def function_list(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the libraries, their functions and, if asked for, their code."""
    # Raw: each option may stand once, and has errors of its own.
    pattern: bytes | None = None
    with_code = False
    words = iter(argv[2:])
    for word in words:
        option = word.upper()
        if option == b"WITHCODE" and not with_code:
            with_code = True
        elif option == b"LIBRARYNAME" and pattern is None:
            pattern = next(words, None)
            if pattern is None:
                raise RespError(errors.NO_LIBRARY_PATTERN)
        else:
            raise RespError(errors.unknown_list_argument(word))
    matches = compile_glob(pattern or b"*", ignore_case=True)
    found: list[Reply] = []
    for name, functions, code in _scripting(session.server).libraries.listed():
        if matches(name):
            library: dict[Reply, Reply] = {
                b"library_name": name,
                b"engine": b"LUA",
                b"functions": [
                    {
                        b"name": one.name,
                        b"description": one.description,
                        b"flags": OrderedSet(Status(flag.decode()) for flag in one.flags),
                    }
                    for one in functions
                ],
            }
            if with_code:
                library[b"library_code"] = code
            found.append(library)
    return found


@command(
    "FUNCTION|STATS", NOSCRIPT | ALLOW_BUSY, since="7.0.0", complexity="O(1)",
    tips=["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
)  # fmt: skip
def function_stats(server: Server) -> Reply:
    """Return what runs at the moment, and how many libraries and functions there are."""
    scripting = _scripting(server)
    running, figures = scripting.running, scripting.figures
    if running is not None and not running.function:
        raise RespError(errors.BUSY_SCRIPT)
    return {
        b"running_script": None if running is None else {
            b"name": running.name,
            b"command": list(running.command),
            b"duration_ms": running.duration_ms,
        },
        b"engines": {
            b"LUA": {b"libraries_count": figures.libraries, b"functions_count": figures.functions}
        },
    }  # fmt: skip


@command("FUNCTION|DUMP", NOSCRIPT, since="7.0.0", complexity="O(N) where N is the number of functions.")
def function_dump(server: Server) -> bytes:
    """Return all libraries as bytes that FUNCTION RESTORE takes."""
    return _scripting(server).libraries.dump()


@command(
    "FUNCTION|RESTORE", WRITE | DENYOOM | NOSCRIPT, since="7.0.0", tips=_ALL_SHARDS, raw=True, arity=-3,
    complexity="O(N) where N is the number of functions in the payload.",
    arguments=[
        Argument("serialized-value", "string"),
        Argument("policy", "oneof", optional=True, arguments=[
            Argument("flush", "pure-token", token="FLUSH"),
            Argument("append", "pure-token", token="APPEND"),
            Argument("replace", "pure-token", token="REPLACE"),
        ]),
    ],
)  # fmt: skip
def function_restore(session: Session, argv: list[bytes]) -> Status:
    """Take in the libraries that FUNCTION DUMP returned."""
    # Raw: a wrong policy has an error of its own.
    if len(argv) > 4:
        raise RespError(errors.wrong_subcommand("FUNCTION", argv[1]))
    policy = argv[3].upper() if len(argv) > 3 else b"APPEND"
    if policy not in {b"FLUSH", b"APPEND", b"REPLACE"}:
        raise RespError(errors.RESTORE_POLICY)
    _scripting(session.server).libraries.restore(argv[2], policy.decode())
    return OK


@command("FUNCTION|HELP", LOADING | STALE, since="7.0.0", complexity="O(1)")
def function_help() -> list[Reply]:
    """Return what the subcommands do."""
    return _help(
        "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LOAD [REPLACE] <FUNCTION CODE>",
        "    Load a library of functions.",
        "DELETE <LIBRARY NAME>",
        "    Delete a library and its functions.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    Return the libraries, their functions and, if asked for, their code.",
        "STATS",
        "    Return what runs at the moment, and how many libraries and functions there are.",
        "KILL",
        "    End the running function, if it has written nothing.",
        "FLUSH [ASYNC|SYNC]",
        "    Delete all libraries.",
        "DUMP",
        "    Return all libraries as bytes that FUNCTION RESTORE takes.",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Take in the libraries that FUNCTION DUMP returned. Those that are there are",
        "    deleted (FLUSH), or must not have the same names (APPEND, the default), or give",
        "    way to those with the same names (REPLACE).",
        "HELP",
        "    Print this help.",
    )
