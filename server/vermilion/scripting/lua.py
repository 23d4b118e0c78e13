"""One Lua interpreter, its memory, and the ways in and out of it.

PUC Lua 5.1, by lupa: what Redis has, with its error texts. LuaJIT runs loops three times as fast but costs as much per
call of `redis.call`, calls no hook from compiled code (an endless loop could not be ended) and has no limit of memory.

Memory. An allocation that fails inside of a script raises there, as in any Lua. Outside of one (lupa pushing arguments)
it would end the process, and in what Python returns to a script it would leave the interpreter's lock held. So there is
room whenever Python hands over a value: `invoke` collects garbage, or refuses, beyond half of the limit, and
beyond `ceiling` a call ends the script instead of handing it a reply.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, TypeAlias, cast

from vermilion import errors
from vermilion.errors import RespError
from vermilion.scripting.bytecode import without_tail_calls
from vermilion.scripting.conversion import Word
from vermilion.scripting.octets import PRIMITIVES
from vermilion.version import REDIS_VERSION

MEMORY_LIMIT: Final = 1 << 30
"""Bytes that a runtime may hold: twice the longest string there is."""

HEADROOM: Final = 1 << 20
"""Bytes that are left for what lupa allocates where a failure could not be told."""

SMALL: Final = HEADROOM // 16
"""Bytes of a value that the sandbox has made sure of room for, below the ceiling, before it calls for one."""

ARGUMENTS_LIMIT: Final = 200
"""With more values than this, a call goes in parts: the stack of C has room for some thousands."""

PACE: Final = 100_000
"""A script is looked at each time that it has run so many instructions: every millisecond or so."""

LIBRARIES: Final = ("bit", "cjson", "cmsgpack", "struct")

_SELF_CHECKED: Final = frozenset({"call", "more", "interrupted", "take"})
"""Callables that see to it themselves that what they return finds room."""

Entry: TypeAlias = "Callable[..., Word | tuple[Any, ...]]"
"""A script or a function, ready to be called with the number of its keys, the keys and the arguments."""


class Program(Protocol):
    """A script or a function."""

    @property
    def name(self) -> bytes:
        """What errors call it."""

    @property
    def entry(self) -> Entry:
        """What runs it."""

    @property
    def flags(self) -> int | None:
        """Its flags; None for a script that says nothing of them."""


_SOURCES: Final = Path(__file__).parent / "lua"
_VERSION_NUMBER: Final = sum(
    int(part) << shift for part, shift in zip(REDIS_VERSION.split("."), (16, 8, 0), strict=True)
)


class Runtime:
    """A Lua interpreter with the sandbox in it.

    Args:
        callables: what the sandbox may call of Python's, by name; they never raise.
        functions: whether it runs libraries of functions; scripts otherwise.
        memory_limit: bytes that it may hold.

    LLM Context:
        - `used` returns how many bytes it holds; beyond `ceiling` nothing may be handed to it.
    """

    def __init__(
        self,
        callables: Mapping[str, Callable[..., object]],
        *,
        functions: bool = False,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        # Here, not above: a server that runs no script does not pay for it at its start.
        from lupa import lua51  # noqa: PLC0415

        self._limit = memory_limit
        self._lua = lua51.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_filter=_refuse,
            max_memory=memory_limit,
        )
        self._lua_error = lua51.LuaError
        as_function = self._lua.eval(b"python.as_function")
        provided = {**PRIMITIVES, **callables, "take": self._take, "without_tail_calls": without_tail_calls}
        python = self._lua.table_from(
            {
                name.encode(): as_function(function if name in _SELF_CHECKED else self._checked(function))
                for name, function in provided.items()
            }
        )
        python[b"as_function"] = as_function
        libraries = self._lua.table_from(
            {name.encode(): (_SOURCES / f"{name}.lua").read_bytes() for name in LIBRARIES}
        )
        # The name is that of `SANDBOX` there, which error positions are recognised by.
        compiled = self._lua.eval(b"loadstring")((_SOURCES / "sandbox.lua").read_bytes(), b"=[sandbox]")
        self._load_script, self._load_library, self._stage, self.set_pace = cast(
            "tuple[Callable[..., Any], ...]",
            compiled(
                python,
                libraries,
                functions,
                REDIS_VERSION.encode(),
                _VERSION_NUMBER,
                (memory_limit - HEADROOM) // 1024,
            ),
        )
        self._taken: list[Word] = []
        self.exhausted = False
        self.used: Callable[[], int] = self._lua.get_memory_used
        self.ceiling = memory_limit - HEADROOM
        self._calm = memory_limit // 2
        self.set_pace(PACE)

    def _take(self, *words: Word) -> None:
        """Take a part of a long reply of a script."""
        self._taken += words

    def compile_script(self, code: bytes) -> Entry:
        """Return a script.

        Raises:
            RespError: when it does not compile.
        """
        self._make_room(len(code))
        found = self._load_script(code)
        if isinstance(found, tuple):
            raise RespError(errors.script_does_not_compile(found[1]))
        return cast("Entry", found)

    def load_library(self, code: bytes) -> tuple[bytes, bytes | None] | None:
        """Run the code of a library: None, or what failed (`compile`, `run`) and the text that says why."""
        self._make_room(len(code))
        try:
            return cast("tuple[bytes, bytes | None] | None", self._load_library(code))
        except self._lua_error as error:
            return b"run", f"ERR {str(error) or 'not enough memory'}".encode()

    def invoke(self, entry: Entry, count: int, arguments: Sequence[bytes]) -> "Word | tuple[Any, ...]":
        """Run a script or a function.

        Args:
            entry: what to run.
            count: how many of the arguments are keys.
            arguments: the keys, then the others.

        Returns:
            A plain value; or None, a kind (`error`, `flat`, `words`) and what belongs to it: see `lua/sandbox.lua`.

        Raises:
            RespError: when there is no room for the arguments.
        """
        size = len(arguments[0]) if len(arguments) == 1 else sum(map(len, arguments))
        if self.exhausted or self.used() + size > self._calm:
            self._make_room(size)
        if len(arguments) > ARGUMENTS_LIMIT:
            for at in range(0, len(arguments), ARGUMENTS_LIMIT):
                self._stage(*arguments[at : at + ARGUMENTS_LIMIT])
            count, arguments = -count - 1, ()
        try:
            found = entry(count, *arguments)
        except self._lua_error as error:  # no memory was left to tell it in the usual way
            return None, b"error", f"ERR {str(error) or 'not enough memory'}".encode(), None, None, False
        if self._taken and type(found) is tuple:
            found = (None, found[1], *self._taken, *found[2:])
            self._taken = []
        return found

    def _checked(self, function: Callable[..., object]) -> Callable[..., object]:
        """Return a function whose result finds room in Lua, or ends the script."""

        def call(*arguments: object) -> object:
            found = function(*arguments)
            size = len(found) if type(found) is bytes else HEADROOM // 2 if type(found) is tuple else 0
            if self.used() + size > self.ceiling:
                self.make_headroom()
                return None if found is None else (None, b"error", b"not enough memory")
            return found

        return call

    def make_headroom(self) -> None:
        """Let there be room for an error though the limit is reached: the script ends, the next one restores it."""
        self.exhausted = True
        self._lua.set_max_memory(self.used() + 2 * HEADROOM)

    def _make_room(self, size: int) -> None:
        """See to it that arguments of so many bytes can be pushed."""
        if not self.exhausted and self.used() + size <= self._calm:
            return
        self.exhausted = False
        self._lua.set_max_memory(0)  # collecting allocates
        self._lua.gccollect()
        self._lua.set_max_memory(self._limit)
        if self.used() + size > self._calm:
            raise RespError(errors.SCRIPT_OUT_OF_MEMORY)


def _refuse(_: object, name: object, setting: bool) -> NoReturn:  # lupa's signature
    """Keep every attribute of Python's objects from Lua: lupa's own guard, should one ever get there."""
    raise AttributeError(name)
