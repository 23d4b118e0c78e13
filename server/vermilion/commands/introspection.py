"""What COMMAND says of the commands, read from their declarations: INFO, DOCS, and the keys of a call."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vermilion import errors
from vermilion.commands.registry import Command, declared_commands
from vermilion.commands.syntax import NO_MANDATORY_KEYS, Argument, KeyFlag, KeySpec
from vermilion.errors import RespError
from vermilion.protocol.reply import OrderedSet, Reply, Status
from vermilion.session import Server
from vermilion.version import REDIS_MODULE, REDIS_MODULE_VERSION


class CallKey(NamedTuple):
    """One key of one call."""

    name: bytes
    flags: Sequence[KeyFlag]


def known_to(server: Server) -> Mapping[str, Command]:
    """Return the commands of a server by their names, subcommands as `container|sub`."""
    return declared_commands(for_tests=server.harness is not None)


def find(commands: Mapping[str, Command], name: bytes) -> Command | None:
    """Return a command by its name in any case, a subcommand as `container|sub`."""
    return commands.get(errors.text(name).lower())


def top_level(server: Server) -> list[Command]:
    """Return all commands but the subcommands."""
    return [command for name, command in known_to(server).items() if "|" not in name]


def info(command: Command) -> list[Reply]:
    """Return a command as COMMAND INFO describes it, its subcommands included."""
    first, last, step = command.key_range
    subcommands: list[Reply] = [info(subcommand) for subcommand in command.subcommands.values()]
    return [
        command.name.encode(),
        command.arity,
        _statuses(command.flag_names),
        first,
        last,
        step,
        _statuses([f"@{category}" for category in command.categories]),
        OrderedSet(tip.encode() for tip in command.tips),
        OrderedSet(_key_spec(spec) for spec in command.key_specs),
        subcommands or OrderedSet(),
    ]


def _statuses(words: Sequence[str]) -> OrderedSet:
    """Return words as a set of simple strings."""
    return OrderedSet(Status(word) for word in words)


def _key_spec(spec: KeySpec) -> dict[Reply, Reply]:
    """Return a key specification."""
    described: dict[Reply, Reply] = {b"notes": spec.notes.encode()} if spec.notes else {}
    described[b"flags"] = _statuses(spec.flags)
    if callable(spec.begin):
        unknown: dict[Reply, Reply] = {b"type": b"unknown", b"spec": {}}
        return described | {b"begin_search": unknown, b"find_keys": unknown}
    begin: Reply
    if isinstance(spec.begin, int):
        begin = {b"type": b"index", b"spec": {b"index": spec.begin}}
    else:
        word, start = spec.begin
        begin = {b"type": b"keyword", b"spec": {b"keyword": word.encode(), b"startfrom": start}}
    found: Reply
    if spec.numkeys is None:
        found = {
            b"type": b"range",
            b"spec": {b"lastkey": spec.last, b"keystep": spec.step, b"limit": spec.limit},
        }
    else:
        at, first = spec.numkeys
        found = {b"type": b"keynum", b"spec": {b"keynumidx": at, b"firstkey": first, b"keystep": spec.step}}
    return described | {b"begin_search": begin, b"find_keys": found}


def document(command: Command) -> dict[Reply, Reply]:
    """Return a command as COMMAND DOCS describes it, its subcommands included."""
    if command.module:
        return _texts(group=command.group, module=command.module)
    described = _texts(summary=command.summary, since=command.since, group=command.group)
    described |= _texts(complexity=command.complexity)
    if command.doc_flags:
        described[b"doc_flags"] = _statuses(command.doc_flags)
    if command.deprecated:
        since, replaced_by = command.deprecated
        described |= _texts(deprecated_since=since, replaced_by=replaced_by)
    if command.arguments:
        described[b"arguments"] = [_argument(argument) for argument in command.arguments]
    if command.subcommands:
        described[b"subcommands"] = {
            subcommand.name.encode(): document(subcommand) for subcommand in command.subcommands.values()
        }
    return described


def _texts(**values: str) -> dict[Reply, Reply]:
    """Return the values that are not empty, as a map shows them."""
    return {name.encode(): value.encode() for name, value in values.items() if value}


def _argument(argument: Argument) -> dict[Reply, Reply]:
    """Return one argument, its members included."""
    described = _texts(name=argument.name, type=argument.kind)
    if not argument.arguments:
        described |= _texts(display_text=argument.display)
    if argument.key_spec is not None:
        described[b"key_spec_index"] = argument.key_spec
    if argument.token is not None:  # MIGRATE has one that is empty
        described[b"token"] = argument.token.encode()
    described |= _texts(since=argument.since, deprecated_since=argument.deprecated_since)
    flags = [name for name in ("optional", "multiple", "multiple_token") if getattr(argument, name)]
    if flags:
        described[b"flags"] = _statuses(flags)
    if argument.arguments:
        described[b"arguments"] = [_argument(member) for member in argument.arguments]
    return described


def keys_of(commands: Mapping[str, Command], argv: Sequence[bytes]) -> list[CallKey]:
    """Return the keys of a call, by the key specifications, in the order of these.

    Args:
        commands: those that there are.
        argv: the name of a command, and its arguments.

    Raises:
        RespError: for an unknown command, one without keys, a call that does not fit the arity, or
            whose arguments do not say where the keys are.
    """
    command = find(commands, argv[0])
    if command is not None and command.subcommands and len(argv) > 1:
        command = command.subcommands.get(errors.text(argv[1]).lower())
    if command is None or b"|" in argv[0]:
        raise RespError(errors.INVALID_COMMAND)
    if not command.key_specs:
        raise RespError(errors.NO_KEY_ARGUMENTS)
    if not command.accepts(len(argv)):
        raise RespError(errors.INVALID_ARGUMENT_COUNT)
    variable = command.call_key_flags
    lenient = command.flags & NO_MANDATORY_KEYS
    found: list[CallKey] = []
    for spec in command.key_specs:
        positions = spec.positions(argv)
        if not positions and isinstance(spec.begin, int) and not lenient:
            raise RespError(errors.INVALID_KEY_ARGUMENTS)
        flags = variable(argv) if variable is not None else spec.flags
        flags = [flag for flag in flags if flag != "incomplete"]
        found += [CallKey(argv[position], flags) for position in positions]
    if not found and not lenient:
        raise RespError(errors.INVALID_KEY_ARGUMENTS)  # the word that leads to the keys is missing
    return found


def loaded_modules() -> list[Reply]:
    """Return what HELLO and MODULE LIST say of modules: the commands of one are built in."""
    return [{b"name": REDIS_MODULE.encode(), b"ver": REDIS_MODULE_VERSION, b"path": b"", b"args": []}]
