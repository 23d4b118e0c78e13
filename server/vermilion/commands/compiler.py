"""From a command's signature to the function that parses its calls: read once at import, compiled to source.

The compiled caller of

    def getex(db: Database, key: AccessUpdateKey, *, expiration: Expiration = None) -> bytes | None

checks the arity, walks the options by Redis's rules (a token in any case; two of one `OneOf` exclude each other
but the same one twice is legal, and the last value wins; a missing operand or an unknown word is a syntax error;
operands are converted after the walk, so that `EX abc BOGUS` is a syntax error), converts, and calls the function
by position. Its source is kept in `linecache`, so that tracebacks and pdb show it.
"""

import inspect
import itertools
import linecache
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, NamedTuple

from vermilion import errors
from vermilion.commands.syntax import AnyOf, Argument, KeyRole, KeySpec, Kind, OneOf, OneWord, Operand, Token
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.pending import Answer
from vermilion.ports import Server
from vermilion.session import Session

INJECTED: Final[dict[object, str]] = {Session: "session", Database: "session.db", Server: "session.server"}
"""What a parameter of these types receives."""

_serial = itertools.count()


class Shape(NamedTuple):
    """What a signature says."""

    call: Callable[[Session, list[bytes]], Answer]
    arity: int
    arguments: tuple[Argument, ...]
    key_specs: tuple[KeySpec, ...]


def raw_shape(
    name: str,
    function: Callable[..., Answer],
    arity: int,
    arguments: Sequence[Argument],
    keys: Sequence[KeySpec],
) -> Shape:
    """Wrap a function that takes the session and the whole argument vector: only the arity is checked for it."""
    if not arity:
        raise TypeError(f"{name}: a raw command says its arity")
    exact = f"len(argv) != {arity}" if arity > 0 else f"len(argv) < {-arity}"
    lines = [
        "def call(session, argv):",
        f"    if {exact}:",
        "        raise RespError(WRONG_ARITY)",
        "    return function(session, argv)",
    ]
    return Shape(_build(name, lines, {"function": function}), arity, tuple(arguments), tuple(keys))


class _Parameters(NamedTuple):
    """A signature, sorted: what is injected, what is fixed, what is variadic, what is an option."""

    injected: list[str]
    fixed: list[tuple[str, Kind]]
    optional: list[tuple[str, Kind]]
    rest: tuple[str, Kind] | None
    options: list[tuple[str, Token | OneOf | AnyOf]]


def compile_signature(
    name: str,
    function: Callable[..., Answer],
    keys: Sequence[KeySpec] | None,
    unknown_option: Callable[[bytes], str] | None,
    plain: Callable[..., Answer] | None = None,
) -> Shape:
    """Compile the caller of a function whose signature is the syntax.

    Args:
        name: the command's lower-case name, for its errors.
        function: what to call.
        keys: key specifications that replace those of the signature.
        unknown_option: the error text for an unknown option.
        plain: what to call in place of the function when no option is given.

    Returns:
        The caller, and what the signature says about arity, documentation and keys.

    Raises:
        TypeError: for a signature that does not make a syntax.
    """
    parameters = _sort_parameters(name, function)
    source = _Source(name, function, parameters, unknown_option, plain)
    arguments, key_specs = _describe(parameters, source.first)
    return Shape(
        _build(name, source.lines(), source.names),
        source.arity,
        tuple(arguments),
        tuple(key_specs if keys is None else keys),
    )


def _sort_parameters(name: str, function: Callable[..., Answer]) -> _Parameters:
    """Read the signature."""
    found = _Parameters([], [], [], None, [])
    rest: tuple[str, Kind] | None = None
    for parameter in inspect.signature(function).parameters.values():
        hint = parameter.annotation  # an object: command modules do not import annotations from __future__
        injected = INJECTED.get(hint)
        if injected is not None:
            found.injected.append(injected)
            continue
        mark = _mark(hint)
        if parameter.kind is parameter.KEYWORD_ONLY:
            if not isinstance(mark, Token | OneOf | AnyOf):
                raise TypeError(f"{name}: option {parameter.name} has no token")
            found.options.append((parameter.name, mark))
        elif not isinstance(mark, Kind):
            raise TypeError(f"{name}: parameter {parameter.name} has no kind")
        elif parameter.kind is parameter.VAR_POSITIONAL:
            rest = (parameter.name, mark)
        elif parameter.default is not parameter.empty:
            found.optional.append((parameter.name, mark))
        else:
            found.fixed.append((parameter.name, mark))
    if bool(rest) + bool(found.options) + bool(found.optional) > 1:
        raise TypeError(
            f"{name}: options, optional arguments and a variadic exclude each other; take raw=True"
        )
    return found._replace(rest=rest)


def _mark(hint: object) -> object:
    """Return what an `Annotated` carries for us, looking through unions with None."""
    if typing.get_origin(hint) is Annotated:
        return typing.get_args(hint)[1]
    for member in typing.get_args(hint):
        if typing.get_origin(member) is Annotated:
            return typing.get_args(member)[1]
    return None


class _Source:
    """The source of one caller, and the names that it uses."""

    def __init__(
        self,
        name: str,
        function: Callable[..., Answer],
        parameters: _Parameters,
        unknown_option: Callable[[bytes], str] | None,
        plain: Callable[..., Answer] | None,
    ) -> None:
        self.parameters = parameters
        self.names: dict[str, object] = {
            "function": function,
            "unknown_option": unknown_option,
            "plain": plain,
        }
        self.unknown_option = unknown_option
        self.name = name
        # The words of the command itself: `client setname` are two.
        self.first = 1 + name.count("|")
        self.least = self.first + len(parameters.fixed) + (1 if parameters.rest else 0)

    @property
    def arity(self) -> int:
        """The arity that the signature says."""
        open_ended = self.parameters.rest or self.parameters.options or self.parameters.optional
        return -self.least if open_ended else self.least

    def lines(self) -> list[str]:
        """Return the source."""
        parameters = self.parameters
        if parameters.options:
            return self._with_options()
        if parameters.optional:
            return self._with_optional()
        if parameters.rest is None:
            return self._exact()
        body = [
            "def call(session, argv):",
            f"    if len(argv) < {self.least}:",
            "        raise RespError(WRONG_ARITY)",
        ]
        values = self._fixed(body)
        start = self.first + len(parameters.fixed)
        rest_name, kind = parameters.rest
        if kind.parse is None:
            values.append(f"*argv[{start}:]")
        else:
            body.append(f"    {rest_name} = [{self._convert(kind, 'arg')} for arg in argv[{start}:]]")
            values.append(f"*{rest_name}")
        body.append(f"    return function({', '.join(values)})")
        return body

    def _unpack(self, indent: str = "    ") -> str:
        """Return the line that takes the argument vector apart; it raises ValueError for another size."""
        names = ["_"] * self.first + [f"raw_{name}" for name, _ in self.parameters.fixed]
        return f"{indent}{', '.join(names)}, = argv"

    def _unpacked(self, body: list[str], indent: str = "    ") -> list[str]:
        """Convert what `_unpack` took apart; return the values to pass."""
        values = list(self.parameters.injected)
        for name, kind in self.parameters.fixed:
            if kind.parse is None:
                values.append(f"raw_{name}")
            else:
                body += self._conversion(name, kind, f"raw_{name}", indent)
                values.append(name)
        return values

    def _exact(self) -> list[str]:
        """Fixed arguments only: unpacking checks the arity, and costs less than asking for the length."""
        body = [
            "def call(session, argv):",
            "    try:",
            self._unpack("        "),
            "    except ValueError:",
            "        raise RespError(WRONG_ARITY) from None",
        ]
        values = self._unpacked(body)
        body.append(f"    return function({', '.join(values)})")
        return body

    def _fixed(self, body: list[str]) -> list[str]:
        """Convert the fixed arguments that need it; return the values to pass, the injected ones first."""
        values = list(self.parameters.injected)
        for offset, (name, kind) in enumerate(self.parameters.fixed):
            raw = f"argv[{self.first + offset}]"
            if kind.parse is None:
                values.append(raw)
            else:
                body += self._conversion(name, kind, raw)
                values.append(name)
        return values

    def _conversion(self, name: str, kind: Kind, raw: str, indent: str = "    ") -> list[str]:
        """Return the lines that make a value of raw or raise the kind's error: one call less than `_convert`."""
        identity = abs(hash((kind.name, kind.parse, kind.error)))
        self.names[f"parse_{identity}"] = kind.parse
        self.names[f"error_{identity}"] = kind.error
        return [
            f"{indent}{name} = parse_{identity}({raw})",
            f"{indent}if {name} is None:",
            f"{indent}    raise RespError(error_{identity})",
        ]

    def _convert(self, kind: Kind, raw: str) -> str:
        """Return the expression that converts raw or raises the kind's error."""
        converter = f"convert_{abs(hash((kind.name, kind.parse, kind.error)))}"
        parse, error = kind.parse, kind.error

        def convert(text: bytes) -> object:
            value = parse(text) if parse is not None else text
            if value is None:
                raise RespError(error)
            return value

        self.names.setdefault(converter, convert)
        return f"{converter}({raw})"

    def _with_optional(self) -> list[str]:
        """Fixed arguments, then optional ones by position."""
        most = self.least + len(self.parameters.optional)
        body = [
            "def call(session, argv):",
            f"    if not {self.least} <= len(argv) <= {most}:",
            "        raise RespError(WRONG_ARITY)",
        ]
        if self.unknown_option:
            body[1:1] = [f"    if len(argv) > {most}:", "        raise RespError(SYNTAX)"]
        values = self._fixed(body)
        for offset, (name, kind) in enumerate(self.parameters.optional):
            at = self.least + offset
            body.append(f"    if len(argv) == {at}:")
            body.append(f"        return function({', '.join(values)})")
            raw = f"argv[{at}]"
            if kind.parse is None:
                values.append(raw)
            else:
                body.append(f"    {name} = {self._convert(kind, raw)}")
                values.append(name)
        body.append(f"    return function({', '.join(values)})")
        return body

    def _with_options(self) -> list[str]:
        """Fixed arguments, then the option loop."""
        parameters = self.parameters
        body = [
            "def call(session, argv):",
            "    size = len(argv)",
            f"    if size < {self.least}:",
            "        raise RespError(WRONG_ARITY)",
        ]
        body += [f"    if size == {self.least}:", self._unpack("        ")]
        values = self._unpacked(body, "        ")
        body.append(f"        return {'plain' if self.names['plain'] else 'function'}({', '.join(values)})")
        after: list[str] = []
        keywords: list[str] = []
        branches: list[str] = []
        for name, mark in parameters.options:
            keywords.append(f"{name}={name}")
            if isinstance(mark, OneOf):
                self._one_of(name, mark, body, branches, after)
            elif isinstance(mark, AnyOf):
                self._any_of(name, mark, body, branches, after)
            else:
                self._token(name, mark, body, branches, after)
        body += [f"    at = {self.least}", "    while at < size:", "        word = argv[at].upper()"]
        branches[0] = branches[0].replace("elif", "if", 1)
        body += branches
        unknown = "unknown_option(argv[at])" if self.unknown_option else "SYNTAX"
        body += ["        else:", f"            raise RespError({unknown})", "        at += 1"]
        body += after
        values = self._fixed(body)
        body.append(f"    return function({', '.join(values + keywords)})")
        return body

    def _token(self, name: str, mark: Token, body: list[str], branches: list[str], after: list[str]) -> None:
        """One option: a flag, or a token with operands."""
        branches.append(f"        elif word == {mark.word.encode()!r}:")
        if not mark.operands:
            body.append(f"    {name} = False")
            branches.append(f"            {name} = True")
            return
        body.append(f"    {name} = None")
        count = len(mark.operands)
        branches += [
            f"            if at + {count} >= size:",
            "                raise RespError(SYNTAX)",
            f"            {name} = at + 1",
            f"            at += {count}",
        ]
        parts = [
            self._convert(operand.kind, f"argv[{name} + {i}]" if i else f"argv[{name}]") if operand.kind.parse
            else f"argv[{name} + {i}]"
            for i, operand in enumerate(mark.operands)
        ]  # fmt: skip
        value = parts[0] if count == 1 else f"({', '.join(parts)})"
        after += [f"    if {name} is not None:", f"        {name} = {value}"]

    def _one_of(self, name: str, mark: OneOf, body: list[str], branches: list[str], after: list[str]) -> None:
        """Tokens that exclude each other."""
        conflict = f"conflict_{name}"
        self.names[conflict] = mark.conflict
        body.append(f"    {name} = None")
        if mark.valued:
            body.append(f"    {name}_at = 0")
        for token in mark.tokens:
            branches += [
                f"        elif word == {token.word.encode()!r}:",
                f"            if {name} is not None and {name} != {token.word!r}:",
                f"                raise RespError({conflict})",
                f"            {name} = {token.word!r}",
            ]
            if token.operands:
                branches += [
                    "            at += 1",
                    "            if at == size:",
                    "                raise RespError(SYNTAX)",
                    f"            {name}_at = at",
                ]
        if mark.valued:
            kinds = {token.operands[0].kind for token in mark.tokens if token.operands}
            convert = self._convert(kinds.pop(), f"argv[{name}_at]")
            after += [
                f"    if {name} is not None:",
                f"        {name} = ({name}, {convert} if {name}_at else 0)",
            ]

    def _any_of(self, name: str, mark: AnyOf, body: list[str], branches: list[str], after: list[str]) -> None:
        """Tokens that may stand together."""
        conflict = f"conflict_{name}"
        self.names[conflict] = mark.conflict
        body.append(f"    {name} = set()")
        for token in mark.tokens:
            branches += [
                f"        elif word == {token.word.encode()!r}:",
                f"            {name}.add({token.word!r})",
            ]
        after += [
            f"    {name} = frozenset({name})",
            f"    refused = {conflict}({name})",
            "    if refused is not None:",
            "        raise RespError(refused)",
        ]


def _build(name: str, lines: list[str], names: dict[str, object]) -> Callable[[Session, list[bytes]], Answer]:
    """Compile a caller and keep its source for tracebacks."""
    source = "\n".join(lines) + "\n"
    filename = f"<caller of {name} {next(_serial)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    scope: dict[str, Any] = {
        "RespError": RespError,
        "WRONG_ARITY": errors.wrong_arity(name),
        "SYNTAX": errors.SYNTAX,
        **names,
    }
    exec(compile(source, filename, "exec"), scope)  # noqa: S102  # our own source, made from our own signatures
    call: Callable[[Session, list[bytes]], Answer] = scope["call"]
    return call


def _describe(parameters: _Parameters, first: int) -> tuple[list[Argument], list[KeySpec]]:
    """Return the arguments as COMMAND DOCS gives them, and the key specifications; first is where they begin."""
    arguments: list[Argument] = []
    specs: list[KeySpec] = []

    def positional(name: str, kind: Kind, *, optional: bool = False, multiple: bool = False) -> None:
        key_spec = None
        if isinstance(kind, KeyRole):
            key_spec = len(specs)
            specs.append(KeySpec(kind.flags, first + len(arguments), last=-1 if multiple else 0))
        members: list[Argument] = []
        if isinstance(kind, OneWord):
            members = [Argument(word.lower(), "pure-token", token=word) for word in kind.words]
        arguments.append(
            Argument(
                _name(name),
                kind.name,
                key_spec=key_spec,
                optional=optional,
                multiple=multiple,
                arguments=members,
                since=kind.since,
            )
        )

    for name, kind in parameters.fixed:
        positional(name, kind)
    for name, kind in parameters.optional:
        positional(name, kind, optional=True)
    if parameters.rest:
        positional(*parameters.rest, multiple=True)
    for name, mark in parameters.options:
        if isinstance(mark, OneOf | AnyOf):
            members = [_option(token.word.lower(), token) for token in mark.tokens]
            arguments.append(
                Argument(_name(name), "oneof", optional=True, arguments=members, since=mark.since)
            )
        else:
            arguments.append(_option(name, mark, optional=True))
    return arguments, specs


def _option(name: str, token: Token, *, optional: bool = False) -> Argument:
    """Describe one token and its operands."""
    if not token.operands:
        return Argument(_name(name), "pure-token", token=token.word, optional=optional, since=token.since)
    members = [Argument(_operand_name(operand, name), operand.kind.name) for operand in token.operands]
    if len(members) > 1:
        return Argument(
            _name(name), "block", token=token.word, optional=optional, arguments=members, since=token.since
        )
    return Argument(members[0].name, members[0].kind, token=token.word, optional=optional, since=token.since)


def _operand_name(operand: Operand, name: str) -> str:
    """Return an operand's documented name."""
    return operand.name or _name(name)


def _name(name: str) -> str:
    """Return a parameter's name as the documentation writes it."""
    return name.strip("_").replace("_", "-")
