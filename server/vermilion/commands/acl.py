"""ACL, of the server group: users, what they may do, and what they were refused."""

import secrets
from typing import Final

from vermilion import errors
from vermilion.access.log import LogEntry
from vermilion.access.selector import Selector
from vermilion.commands.introspection import known_to
from vermilion.commands.registry import CATEGORY_ORDER, command, container
from vermilion.commands.syntax import ADMIN, LOADING, NOSCRIPT, STALE, Argument, Value
from vermilion.errors import RespError, text
from vermilion.ports import Server
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import OK, OrderedSet, Reply, Status
from vermilion.session import Session

_FLAGS: Final = NOSCRIPT | LOADING | STALE
_ADMIN: Final = ADMIN | _FLAGS
_ALL_NODES: Final = ("request_policy:all_nodes", "response_policy:all_succeeded")
_PER_USER: Final = "O(N) where N is the number of users."
_LOG_LENGTH: Final = 10
_PASSWORD_BITS: Final = 256
_MOST_PASSWORD_BITS: Final = 4096

container("ACL", group="server", since="6.0.0", summary="A container for access control commands.")


def _judge_size(argv: list[bytes], most: int) -> None:
    """Refuse more arguments than a subcommand takes that judges them itself."""
    if len(argv) > most:
        raise RespError(errors.wrong_subcommand("ACL", argv[1]))


@command(
    "ACL|CAT", _FLAGS, since="6.0.0", group="server", raw=True, arity=-2,
    complexity="O(1) since the categories and commands are a fixed set.",
    arguments=[Argument("category", "string", optional=True)],
)  # fmt: skip
def acl_cat(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the categories, or the commands of one."""
    # Raw: one argument too many is refused as a subcommand that does not exist.
    _judge_size(argv, 3)
    if len(argv) == 2:
        return [category.encode() for category in CATEGORY_ORDER]
    category = text(argv[2].lower())
    if category not in CATEGORY_ORDER:
        raise RespError(errors.unknown_category(argv[2]))
    known = known_to(session.server)
    return [name.encode() for name, declared in known.items() if category in declared.categories]


@command(
    "ACL|DELUSER", _ADMIN, since="6.0.0", group="server", tips=_ALL_NODES,
    complexity="O(1) for each user, and O(N) where N is the number of clients.",
)  # fmt: skip
def acl_deluser(server: Server, *username: Value) -> int:
    """Delete users and disconnect their clients; return how many there were."""
    return server.acl.delete_users(username)


@command(
    "ACL|DRYRUN", _ADMIN, since="7.0.0", group="server", complexity="O(1).", raw=True, arity=-4,
    arguments=[
        Argument("username", "string"),
        Argument("command", "string"),
        Argument("arg", "string", optional=True, multiple=True),
    ],
)  # fmt: skip
def acl_dryrun(session: Session, argv: list[bytes]) -> Reply:
    """Return OK when a user may make a call, which is not made, or why not."""
    # Raw: the arguments of the call are not looked at.
    acl = session.server.acl
    user = acl.find(argv[2])
    if user is None:
        raise RespError(errors.user_not_found(argv[2]))
    reason = acl.explain(user, argv[3:])
    return OK if reason is None else reason.encode("utf-8", "surrogateescape")


@command(
    "ACL|GENPASS", _FLAGS, since="6.0.0", group="server", complexity="O(1)", raw=True, arity=-2,
    arguments=[Argument("bits", "integer", optional=True)],
)  # fmt: skip
def acl_genpass(session: Session, argv: list[bytes]) -> bytes:
    """Return a random password in hexadecimal."""
    # Raw: one argument too many is refused as a subcommand that does not exist.
    _judge_size(argv, 3)
    bits = _PASSWORD_BITS
    if len(argv) == 3:
        number = parse_int64(argv[2])
        if number is None:
            raise RespError(errors.NOT_AN_INTEGER)
        if not 0 < number <= _MOST_PASSWORD_BITS:
            raise RespError(errors.ACL_GENPASS_BITS)
        bits = number
    digits = (bits + 3) // 4
    return secrets.token_hex((digits + 1) // 2)[:digits].encode()


def _permissions(selector: Selector) -> dict[Reply, Reply]:
    """Return what a selector permits."""
    return {
        b"commands": selector.described_commands,
        b"keys": selector.described_keys,
        b"channels": selector.described_channels,
    }


@command(
    "ACL|GETUSER", _ADMIN, since="6.0.0", group="server",
    complexity="O(N) where N is the number of passwords and rules of the user.",
)  # fmt: skip
def acl_getuser(session: Session, username: Value) -> dict[Reply, Reply] | None:
    """Return the rules of a user."""
    user = session.server.acl.find(username)
    if user is None:
        return None
    own, *others = user.selectors
    return {
        b"flags": OrderedSet(user.flags),
        b"passwords": list(user.hashes),
        **_permissions(own),
        b"selectors": [_permissions(selector) for selector in others],
    }


@command("ACL|LIST", _ADMIN, since="6.0.0", group="server", complexity=_PER_USER)
def acl_list(session: Session) -> list[Reply]:
    """Return the users in the format of an ACL file."""
    return list(session.server.acl.lines())


@command("ACL|LOAD", _ADMIN, since="6.0.0", group="server", complexity=_PER_USER)
def acl_load(session: Session) -> Status:
    """Take the users of the ACL file in place of the present ones: all of them or none."""
    session.server.acl.load()
    return OK


@command(
    "ACL|LOG", _ADMIN, since="6.0.0", group="server", raw=True, arity=-2,
    complexity="O(N) where N is the number of entries shown.",
    arguments=[
        Argument("operation", "oneof", optional=True, arguments=[
            Argument("count", "integer"), Argument("reset", "pure-token", token="RESET"),
        ]),
    ],
)  # fmt: skip
def acl_log(session: Session, argv: list[bytes]) -> Reply:
    """Return what was refused lately, the newest first, or forget it."""
    # Raw: one argument too many is refused as a subcommand that does not exist.
    _judge_size(argv, 3)
    log = session.server.acl.log
    count = _LOG_LENGTH
    if len(argv) == 3:
        if argv[2].lower() == b"reset":
            log.clear()
            return OK
        number = parse_int64(argv[2])
        if number is None:
            raise RespError(errors.NOT_AN_INTEGER)
        count = number
    now = session.server.clock.now_ms()
    return [_entry(entry, now) for entry in log.latest(count)]


def _entry(entry: LogEntry, now_ms: int) -> dict[Reply, Reply]:
    """Return one entry of the log."""
    refusal = entry.refusal
    return {
        b"count": entry.count,
        b"reason": refusal.reason.encode(),
        b"context": refusal.context.encode(),
        b"object": refusal.object,
        b"username": refusal.username,
        b"age-seconds": (now_ms - entry.created_ms) / 1000,
        b"client-info": entry.client,
        b"entry-id": entry.id,
        b"timestamp-created": entry.created_ms,
        b"timestamp-last-updated": entry.updated_ms,
    }


@command("ACL|SAVE", _ADMIN, since="6.0.0", group="server", complexity=_PER_USER, tips=_ALL_NODES)
def acl_save(session: Session) -> Status:
    """Write the users into the ACL file."""
    session.server.acl.save()
    return OK


@command(
    "ACL|SETUSER", _ADMIN, since="6.0.0", group="server", complexity="O(N) where N is the number of rules.",
    tips=_ALL_NODES, raw=True, arity=-3,
    arguments=[Argument("username", "string"), Argument("rule", "string", optional=True, multiple=True)],
)  # fmt: skip
def acl_setuser(session: Session, argv: list[bytes]) -> Status:
    """Create or change a user: by all of the rules or by none."""
    # Raw: a selector may stand in several arguments.
    session.server.acl.set_user(argv[2], argv[3:])
    return OK


@command("ACL|USERS", _ADMIN, since="6.0.0", group="server", complexity=_PER_USER)
def acl_users(session: Session) -> list[Reply]:
    """Return the names of the users."""
    return list(session.server.acl.users)


@command("ACL|WHOAMI", _FLAGS, since="6.0.0", group="server", complexity="O(1)")
def acl_whoami(session: Session) -> bytes:
    """Return the name of the user that the connection is."""
    return session.user.name


@command("ACL|HELP", LOADING | STALE, since="6.0.0", group="server", complexity="O(1)")
def acl_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CAT [<category>]",
    "    Return the categories, or the commands of one.",
    "DELUSER <username> [<username> ...]",
    "    Delete users and disconnect their clients.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Return whether a user may make a call, without making it.",
    "GETUSER <username>",
    "    Return the rules of a user.",
    "GENPASS [<bits>]",
    "    Return a random password of 256 or of this many bits.",
    "LIST",
    "    Return the users in the format of an ACL file.",
    "LOAD",
    "    Take the users of the ACL file.",
    "LOG [<count> | RESET]",
    "    Return what was refused lately, or forget it.",
    "SAVE",
    "    Write the users into the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Create or change a user.",
    "USERS",
    "    Return the names of the users.",
    "WHOAMI",
    "    Return the name of the connection's user.",
    "HELP",
    "    Print this help.",
)
