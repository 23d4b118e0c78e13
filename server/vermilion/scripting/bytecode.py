"""Takes tail calls out of compiled Lua, so that an error knows its line.

`return redis.call(...)` is a tail call. In Redis `redis.call` is a function of C, which leaves the frame of its caller
as it is; here it is one of Lua, in whose place the caller's frame is gone, and its line with it. An ordinary call and a
return of all its results do the same. Calls of upvalues stay as they are: functions that call themselves, however
often, are among them, and they need tail calls.

    header      12 bytes
    function    source, 2 ints, 4 bytes, code, constants, functions, lines, locals, names of upvalues
    code        a count, then instructions of 32 bits: B 9, C 9, A 8, operation 6

Source: the description of Lua 5.1's binary chunks in "A No-Frills Introduction to Lua 5.1 VM Instructions".
"""

import struct
from typing import Final

_HEADER_SIZE: Final = 12
_MOVE: Final = 0
_GETUPVAL: Final = 4
_LOADS: Final = frozenset({_MOVE, _GETUPVAL, 5, 6, 11, 27, 28, 36})
"""Instructions that may leave a function in register A: MOVE, GETUPVAL, GETGLOBAL, GETTABLE, SELF, TESTSET, CALL,
CLOSURE."""
_CALL: Final = 28
_TAILCALL: Final = 29
_CONSTANT_SIZES: Final = {0: 0, 1: 1, 3: 8}
_STRING: Final = 4


def without_tail_calls(chunk: bytes) -> bytes:
    """Return a compiled chunk whose tail calls are ordinary ones, but for those of upvalues.

    Args:
        chunk: what `string.dump` returned; nothing else may come here.
    """
    changed = bytearray(chunk)
    _Walker(changed).function()
    return bytes(changed)


class _Walker:
    """Goes through a chunk, and changes it.

    Args:
        chunk: where.
    """

    def __init__(self, chunk: bytearray) -> None:
        self._chunk = chunk
        self._at = _HEADER_SIZE

    def _integer(self) -> int:
        self._at += 4
        return int.from_bytes(self._chunk[self._at - 4 : self._at], "little")

    def _string(self) -> None:
        size = int.from_bytes(self._chunk[self._at : self._at + 8], "little")
        self._at += 8 + size

    def function(self) -> None:
        """Go through a function, and those in it."""
        self._string()
        self._at += 12  # the lines where it begins and ends; upvalues, parameters, varargs, registers
        self._code()
        for _ in range(self._integer()):
            kind = self._chunk[self._at]
            self._at += 1
            if kind == _STRING:
                self._string()
            else:
                self._at += _CONSTANT_SIZES[kind]
        for _ in range(self._integer()):
            self.function()
        lines = self._integer()
        self._at += 4 * lines
        for _ in range(self._integer()):
            self._string()
            self._at += 8
        for _ in range(self._integer()):
            self._string()

    def _code(self) -> None:
        """Change the tail calls of a function."""
        count = self._integer()
        layout = f"<{count}I"
        code = list(struct.unpack_from(layout, self._chunk, self._at))
        for index, instruction in enumerate(code):
            if instruction & 0x3F == _TAILCALL and not _calls_upvalue(code, index):
                code[index] = instruction & ~0x3F | _CALL
        struct.pack_into(layout, self._chunk, self._at, *code)
        self._at += 4 * count


def _calls_upvalue(code: list[int], index: int) -> bool:
    """Return whether the function that an instruction calls has been an upvalue."""
    register = code[index] >> 6 & 0xFF
    for instruction in reversed(code[:index]):
        if instruction >> 6 & 0xFF == register and instruction & 0x3F in _LOADS:
            return instruction & 0x3F == _GETUPVAL
    return False
