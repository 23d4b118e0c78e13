"""Libraries of functions: FUNCTION LOAD, DUMP, RESTORE, and FCALL.

All libraries share one interpreter, as in Redis. A library whose code fails leaves nothing behind; one that is
replaced, or restored among others, comes back when the new ones fail.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from vermilion import errors
from vermilion.errors import RespError, text
from vermilion.ports import LibraryFunction
from vermilion.protocol.reply import Reply
from vermilion.rdb import payload
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.scripting.lua import Entry, Program, Runtime
from vermilion.scripting.shebang import FLAGS
from vermilion.session import Session

_NAME: Final = re.compile(rb"[A-Za-z0-9_]+")
_OPCODE: Final = 0xF5
"""What stands in front of a library in an RDB file."""
_OLD_OPCODE: Final = 0xF6
"""What stood there in the candidates of Redis 7.0."""


class _Run(Protocol):
    """Runs a function: `Scripts` does."""

    def __call__(
        self,
        session: Session,
        runtime: Runtime,
        program: Program,
        argv: list[bytes],
        count: int,
        *,
        read_only: bool,
        function: bool = False,
    ) -> Reply: ...


class Function(NamedTuple):
    """One function of a library."""

    name: bytes
    entry: Entry
    description: bytes | None
    flags: int
    flag_names: tuple[bytes, ...]


class Library:
    """One library.

    Args:
        name: its name.
        code: its text, first line included.
    """

    __slots__ = ("code", "functions", "name")

    def __init__(self, name: bytes, code: bytes) -> None:
        self.name = name
        self.code = code
        self.functions: dict[bytes, Function] = {}

    def described(self) -> list[LibraryFunction]:
        """Return what FUNCTION LIST says of its functions."""
        return [LibraryFunction(one.name, one.description, one.flag_names) for one in self.functions.values()]


class Libraries:
    """The libraries of one engine.

    Args:
        callables: what the sandbox may call.
        run: runs a function.
    """

    def __init__(self, callables: dict[str, Callable[..., object]], run: _Run) -> None:
        self._callables = callables | {"register": self._register}
        self._run = run
        self._runtime: Runtime | None = None
        self._libraries: dict[bytes, Library] = {}
        self._functions: dict[bytes, Function] = {}
        self._loading: Library | None = None

    def __len__(self) -> int:
        """Return how many libraries there are."""
        return len(self._libraries)

    @property
    def functions_count(self) -> int:
        """How many functions they have."""
        return len(self._functions)

    @property
    def code_size(self) -> int:
        """How many bytes their texts take."""
        return sum(len(library.code) for library in self._libraries.values())

    @property
    def runtime_memory(self) -> int:
        """Bytes that their interpreter holds."""
        return 0 if self._runtime is None else self._runtime.used()

    def listed(self) -> list[tuple[bytes, list[LibraryFunction], bytes]]:
        """Return each library's name, its functions and its code."""
        return [(one.name, one.described(), one.code) for one in self._libraries.values()]

    # Calling ----------------------------------------------------------------------------------------------

    def call(self, session: Session, argv: list[bytes], count: int, *, read_only: bool) -> Reply:
        """Run the function that a call names.

        Args:
            session: whose call it is.
            argv: the call: its name, the function, the number of keys, the keys, the arguments.
            count: how many of them are keys.
            read_only: whether only a function may run that changes nothing.
        """
        found = self._functions[argv[1].lower()]
        assert self._runtime is not None  # noqa: S101  # it has loaded the function
        return self._run(session, self._runtime, found, argv, count, read_only=read_only, function=True)

    def flags(self, name: bytes) -> int | None:
        """Return the flags of a function, None when there is none of this name."""
        found = self._functions.get(name.lower())
        return None if found is None else found.flags

    def has(self, name: bytes) -> bool:
        """Return whether there is a function."""
        return name.lower() in self._functions

    # Loading ----------------------------------------------------------------------------------------------

    def load(self, code: bytes, *, replace: bool) -> bytes:
        """Load a library; return its name.

        Raises:
            RespError: when it cannot be; everything is then as it was.
        """
        library = self._compiled(code, replace=replace)
        self._adopt(library)
        return library.name

    def _compiled(self, code: bytes, *, replace: bool) -> Library:
        """Return a library that fits among those that are there."""
        name, body = _read_header(code)
        old = self._libraries.get(name)
        if old is not None and not replace:
            raise RespError(errors.library_exists(text(name)))
        library = Library(name, code)
        if self._runtime is None:
            self._runtime = Runtime(self._callables, functions=True)
        self._loading = library
        try:
            failed = self._runtime.load_library(body)
        finally:
            self._loading = None
        if failed is not None:
            stage, reason = failed
            shown = text(reason or b"ERR unknown error")
            if stage == b"compile":
                raise RespError(errors.library_does_not_compile(shown))
            raise RespError(errors.library_failed(shown))
        if not library.functions:
            raise RespError(errors.NO_FUNCTIONS)
        for name in library.functions:
            if name in self._functions and (old is None or name not in old.functions):
                raise RespError(errors.function_exists(text(library.functions[name].name)))
        return library

    def _register(
        self,
        name: bytes,
        entry: Entry,
        description: bytes | bool,
        *flags: bytes,  # False is Lua's
    ) -> bytes | None:
        """Take a function of the library that is being loaded; return why it cannot be."""
        library = self._loading
        if library is None:
            return b"redis.register_function can only be called on FUNCTION LOAD command"
        if not _NAME.fullmatch(name):
            return errors.BAD_FUNCTION_NAME.encode()
        bits = 0
        for flag in flags:
            if flag not in FLAGS:
                return b"unknown flag given"
            bits |= FLAGS[flag]
        if name.lower() in library.functions:
            return b"Function already exists in the library"
        shown = description if isinstance(description, bytes) else None
        names = tuple(flag for flag, bit in FLAGS.items() if bits & bit)
        library.functions[name.lower()] = Function(name, entry, shown, bits, names)
        return None

    def _adopt(self, library: Library) -> None:
        """Let a library take the place of the one with its name."""
        self._forget(library.name)
        self._libraries[library.name] = library
        self._functions |= library.functions

    def _forget(self, name: bytes) -> None:
        """Let a library be gone, if it is there."""
        old = self._libraries.pop(name, None)
        if old is not None:
            for function in old.functions:
                del self._functions[function]

    def delete(self, name: bytes) -> None:
        """Delete a library.

        Raises:
            RespError: when there is none of that name.
        """
        if name not in self._libraries:
            raise RespError(errors.LIBRARY_NOT_FOUND)
        self._forget(name)

    def flush(self) -> None:
        """Delete all libraries."""
        self._libraries.clear()
        self._functions.clear()
        self._runtime = None

    # As bytes ---------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """Return all libraries as FUNCTION RESTORE takes them, here and in Redis."""
        out = Writer(payload.COMPRESSIBLE)
        for library in self._libraries.values():
            out.raw(b"%c" % _OPCODE)
            out.string(library.code)
        return payload.seal(out)

    def restore(self, data: bytes, policy: str) -> None:
        """Take in the libraries of a payload, all or none.

        Args:
            data: untrusted.
            policy: `FLUSH`, `APPEND` or `REPLACE`: what happens to those that are there.

        Raises:
            RespError: when it is no payload, or a library does not fit.
        """
        self.take(_read_payload(data), policy)

    def take(self, codes: Sequence[bytes], policy: str) -> None:
        """Take in libraries by their code, all or none; see `restore`."""
        before = (dict(self._libraries), dict(self._functions), self._runtime)
        if policy == "FLUSH":
            self.flush()
        try:
            for code in codes:
                self._restore_one(code, replace=policy == "REPLACE")
        except RespError:
            self._libraries, self._functions, self._runtime = before
            raise

    def _restore_one(self, code: bytes, *, replace: bool) -> None:
        """Take in one library of a payload."""
        name, _ = _read_header(code)
        if not replace and name in self._libraries:
            raise RespError(errors.restored_library_exists(text(name)))
        self._adopt(self._compiled(code, replace=True))


def _read_header(code: bytes) -> tuple[bytes, bytes]:
    """Return the name of a library and its code, the first line of it emptied."""
    line, end, rest = code.partition(b"\n")
    if not line.startswith(b"#!"):
        raise RespError(errors.NO_LIBRARY_METADATA)
    if not end:
        raise RespError(errors.INVALID_LIBRARY_METADATA)
    shebang, *options = line.split()
    engine = shebang[2:]
    name: bytes | None = None
    for option in options:
        key, _, value = option.partition(b"=")
        if key.lower() != b"name":
            raise RespError(errors.invalid_metadata(text(option)))
        if name is not None:
            raise RespError(errors.NAME_GIVEN_TWICE)
        name = value
    if name is None:
        raise RespError(errors.NO_LIBRARY_NAME)
    if not _NAME.fullmatch(name):
        raise RespError(errors.BAD_LIBRARY_NAME)
    if engine.lower() != b"lua":
        raise RespError(errors.engine_not_found(text(engine)))
    return name, end + rest


def _read_payload(data: bytes) -> list[bytes]:
    """Return the codes of the libraries in a payload."""
    try:
        reader = Reader(payload.unseal(data))
        codes = []
        while not reader.at_end:
            opcode = reader.byte()
            if opcode != _OPCODE:
                raise RespError(
                    errors.OLD_FUNCTION_FORMAT if opcode == _OLD_OPCODE else errors.NOT_A_FUNCTION
                )
            codes.append(reader.string())
    except payload.FooterError:
        raise RespError(errors.BAD_PAYLOAD_FOOTER) from None
    except FormatError:
        raise RespError(errors.BAD_FUNCTIONS) from None
    return codes
