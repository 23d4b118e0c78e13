"""The commands there are: `@command` declares one, and everything else about it is read from its signature."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from vermilion.commands import compiler
from vermilion.commands.syntax import (
    ADMIN,
    BLOCKING,
    FAST,
    FLAG_NAMES,
    MODULE,
    MOVABLEKEYS,
    PUBSUB,
    READONLY,
    WRITE,
    Argument,
    KeyFlag,
    KeySpec,
)  # fmt: skip
from vermilion.pending import Answer
from vermilion.protocol.reply import Reply, Status
from vermilion.session import Session

Call: TypeAlias = Callable[[Session, list[bytes]], Answer]
"""Runs one call of a command: `Pending` is the answer of a call that has to wait for its reply."""
CallKeyFlags: TypeAlias = Callable[[Sequence[bytes]], Sequence[KeyFlag]]
"""What one call does to its keys, for commands whose key specification has `variable_flags`."""
Columns: TypeAlias = Sequence[tuple[bytes, ...]]
"""The arguments of a run of calls: all first ones, all second ones, …"""
Many: TypeAlias = Callable[[Session, Columns], Sequence[Reply] | Status | None]
"""Runs n calls of one command with equally many arguments, and returns n replies, or the one that all have. Returns
None, with nothing changed, when the calls must run one by one. Pipelines are made of such runs, and Python goes over a
column many times faster than over calls."""
RUN_LEAST: Final = 4
"""From this many calls of one command on, it pays to try to run them at once, column by column."""
F = TypeVar("F", bound=Callable[..., Answer])

COMMANDS: Final[dict[str, "Command"]] = {}
"""Every command by its lower-case name, subcommands as `container|sub`; complete once the groups are imported."""

TEST_COMMANDS: Final[dict[str, "Command"]] = {}
"""Those that only a server for tests has, in the same form; no Redis has them."""

_CATEGORIES: Final = {
    "string": "string",
    "set": "set",
    "generic": "keyspace",
    "connection": "connection",
    "sorted-set": "sortedset",
    "hash": "hash",
    "geo": "geo",
    "bitmap": "bitmap",
    "hyperloglog": "hyperloglog",
    "stream": "stream",
    "list": "list",
    "scripting": "scripting",
    "transactions": "transaction",
}
"""A group's own ACL category, by its name."""


class Command:
    """One command as declared.

    Args:
        name: lower case; `container|sub` for a subcommand; as the module spells it for a module's.
        flags: the bits of `syntax.py`.
        call: takes a session and an argument vector, returns a plain reply.
        arity: as COMMAND INFO gives it: the exact number of arguments, or minus the least number.
        group: the documentation's group.
        summary: what it does, one sentence.
        since, complexity, tips, deprecated: as documented.
        arguments: as documented.
        key_specs: where its keys stand.
        categories: its ACL categories besides those that follow from the flags and the group.
        group_category: whether the group's own ACL category is its, too.
        doc_flags: as COMMAND DOCS gives them, besides `deprecated`.
        call_key_flags: what one call does to its keys, where the arguments decide it.
        many: what runs a whole run of calls at once.
        module: the module that has it in Redis, empty for a command of its core.
    """

    __slots__ = (
        "arguments", "arity", "call", "call_key_flags", "categories", "complexity", "deprecated", "doc_flags",
        "flags", "group", "key_specs", "many", "module", "name", "since", "subcommands", "summary", "tips",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        flags: int,
        *,
        call: Call | None,
        arity: int,
        group: str,
        summary: str,
        since: str,
        complexity: str = "",
        tips: Sequence[str] = (),
        deprecated: tuple[str, str] | None = None,
        arguments: Sequence[Argument] = (),
        key_specs: Sequence[KeySpec] = (),
        categories: Sequence[str] = (),
        doc_flags: Sequence[str] = (),
        call_key_flags: CallKeyFlags | None = None,
        group_category: bool = True,
        many: "Many | None" = None,
        module: str = "",
    ) -> None:
        self.name = name
        self.module = module
        self.many = many
        self.flags = flags if all(spec.plain for spec in key_specs) else flags | MOVABLEKEYS
        self.call = call
        self.arity = arity
        self.group = group
        self.summary = summary
        self.since = since
        self.complexity = complexity
        self.tips = tuple(tips)
        self.deprecated = deprecated
        self.doc_flags = (*doc_flags, "deprecated") if deprecated else tuple(doc_flags)
        self.call_key_flags = call_key_flags
        self.arguments = tuple(arguments)
        self.key_specs = tuple(key_specs)
        # Redis puts the commands of modules into no category.
        self.categories = (
            ()
            if module
            else _all_categories(flags, group if group_category and call is not None else "", categories)
        )
        self.subcommands: dict[str, Command] = {}

    @property
    def flag_names(self) -> list[str]:
        """The flags as COMMAND INFO names them, in its order."""
        return [name for bit, name in enumerate(FLAG_NAMES) if self.flags & 1 << bit]

    @property
    def key_range(self) -> tuple[int, int, int]:
        """First key, last key and step, as COMMAND INFO's old fields give them; zeros without plain keys.

        They cover the first plain specification, and those behind it as long as they follow without a gap.
        """
        first = last = step = 0
        for spec in self.key_specs:
            if isinstance(spec.begin, int) and spec.numkeys is None:
                if not first:
                    first, step = spec.begin, spec.step
                elif last < 0 or spec.begin != last + 1 or step != 1 or spec.step != 1:
                    continue
                last = spec.last if spec.last < 0 else spec.begin + spec.last
        return first, last, step

    def keys(self, argv: Sequence[bytes]) -> list[bytes]:
        """Return the keys that a call names, which has a number of arguments that fits the arity."""
        return [
            argv[position]
            for spec in self.key_specs
            if "not_key" not in spec.flags
            for position in spec.positions(argv)
        ]

    def accepts(self, size: int) -> bool:
        """Return whether a call of this many arguments, the name included, fits the arity."""
        return size == self.arity if self.arity >= 0 else size >= -self.arity


def _all_categories(flags: int, group: str, extra: Sequence[str]) -> tuple[str, ...]:
    """Return the ACL categories in the order in which COMMAND INFO prints them."""
    found = set(extra)
    if group in _CATEGORIES:
        found.add(_CATEGORIES[group])
    if flags & WRITE:
        found.add("write")
    if flags & READONLY and group != "scripting":  # what a script reads is the script's
        found.add("read")
    if flags & ADMIN:
        found |= {"admin", "dangerous"}
    if flags & PUBSUB:
        found.add("pubsub")
    if flags & BLOCKING:
        found.add("blocking")
    found.add("fast" if flags & FAST else "slow")
    return tuple(name for name in CATEGORY_ORDER if name in found)


CATEGORY_ORDER: Final = (
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
    "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction",
    "scripting",
)  # fmt: skip
"""The ACL categories, in the order of ACL CAT and COMMAND INFO."""


def command(
    name: str,
    flags: int = 0,
    *,
    since: str,
    complexity: str = "",
    raw: bool = False,
    arity: int = 0,
    arguments: Sequence[Argument] = (),
    keys: Sequence[KeySpec] | None = None,
    tips: Sequence[str] = (),
    categories: Sequence[str] = (),
    group_category: bool = True,
    deprecated: tuple[str, str] | None = None,
    unknown_option: Callable[[bytes], str] | None = None,
    doc_flags: Sequence[str] = (),
    call_key_flags: CallKeyFlags | None = None,
    plain: Callable[..., Reply] | None = None,
    many: Many | None = None,
    group: str = "",
    module: str = "",
) -> Callable[[F], F]:
    """Declare a command; the decorated function stays callable as it is.

    Args:
        name: as on the wire, upper case; `CONTAINER|SUB` for a subcommand of a declared container.
        flags: bits of `syntax.py`.
        since: the Redis version that brought it.
        complexity: as documented.
        raw: the function takes the session and the whole argument vector, and `arity`, `arguments` and `keys`
            are given here; for irregular syntaxes and the hottest commands.
        arity: as COMMAND INFO gives it; raw only.
        arguments: as COMMAND DOCS gives them; raw only.
        keys: the key specifications, where the signature does not say them.
        tips: command tips, as documented.
        categories: ACL categories besides those that follow from flags and group.
        group_category: False where the group's own ACL category is not the command's.
        deprecated: since when, and what replaces it.
        unknown_option: the error text for an option that is none; `ERR syntax error` otherwise.
        doc_flags: as COMMAND DOCS gives them, besides `deprecated`.
        call_key_flags: what one call does to its keys, where the arguments decide it (`variable_flags`).
        plain: for the hottest commands, what runs in place of the function when no option is given.
        many: for the hottest commands, what runs a whole run of calls at once; see `Many`.
        group: the documentation's group, for a module that holds a part of one; the module's own name otherwise.
        module: the module of Redis that has it. Redis then knows no arity, no category and no documentation of it,
            and spells it in upper case.

    Returns:
        The decorator.

    Raises:
        TypeError: at import, for a signature that does not make a syntax.
    """

    def declare(function: F) -> F:
        spelled = name if module else name.lower()
        if raw:
            shape = compiler.raw_shape(spelled, function, arity, arguments, keys or ())
        else:
            shape = compiler.compile_signature(spelled, function, keys, unknown_option, plain)
        _register(
            Command(
                spelled,
                flags | MODULE if module else flags,
                call=shape.call,
                arity=-1 if module else shape.arity,
                group="module"
                if module
                else group or function.__module__.rpartition(".")[2].replace("_", "-"),
                summary=_first_sentence(function),
                since=since,
                complexity=complexity,
                tips=tips,
                deprecated=deprecated,
                arguments=shape.arguments,
                key_specs=shape.key_specs,
                categories=categories,
                doc_flags=doc_flags,
                call_key_flags=call_key_flags,
                group_category=group_category,
                many=many,
                module=module,
            )
        )
        return function

    return declare


def declared_commands(*, for_tests: bool) -> Mapping[str, Command]:
    """Return the commands of a server by their names, as `COMMANDS` has them.

    Args:
        for_tests: whether it has those for tests, too.
    """
    return COMMANDS | TEST_COMMANDS if for_tests else COMMANDS


def container(
    name: str,
    *,
    group: str,
    since: str,
    summary: str,
    complexity: str = "Depends on subcommand.",
    for_tests: bool = False,
) -> None:
    """Declare a command that only has subcommands, which are declared as `NAME|SUB` behind it.

    Args:
        name: as on the wire, upper case.
        group: the documentation's group.
        since: the version that brought it.
        summary: what it does, one sentence.
        complexity: as documented.
        for_tests: whether only a server for tests has it.
    """
    _register(
        Command(
            name.lower(),
            0,
            call=None,
            arity=-2,
            group=group,
            summary=summary,
            since=since,
            complexity=complexity,
        ),
        TEST_COMMANDS if for_tests else COMMANDS,
    )


def _register(declared: Command, table: dict[str, Command] | None = None) -> None:
    """Enter a command into a table, and a subcommand into its container too, whose table is its own."""
    key = declared.name.lower()
    parent, bar, sub = declared.name.partition("|")
    if table is None:
        table = TEST_COMMANDS if parent in TEST_COMMANDS else COMMANDS
    if key in table:
        raise TypeError(f"{declared.name} is declared twice")
    table[key] = declared
    if bar:
        table[parent].subcommands[sub] = declared


def _first_sentence(function: Callable[..., Any]) -> str:
    """Return the first line of the docstring, which says what COMMAND DOCS says."""
    if not function.__doc__:
        raise TypeError(f"{function.__qualname__} has no docstring")
    return function.__doc__.strip().splitlines()[0]
