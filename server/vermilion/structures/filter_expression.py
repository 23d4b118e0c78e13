r"""The FILTER expressions of VSIM: `.year >= 1980 and .genre in ["drama", "war"]`, asked of an element's JSON.

An expression is compiled once, by Dijkstra's shunting-yard algorithm, into postfix order, and run on a stack: it
takes neither recursion nor `eval`, however deep its parentheses, and costs its length once for each element.

    ( )                                   grouping
    not !                                 of one operand, binds first, and not twice in a row
    **                                    from the right; all others from the left
    * / %
    + -
    > >= < <= == != in
    and &&
    or ||

Operands are numbers, strings in either quotes, lists of these, and `.field` for a field of the attribute. An operator
that finds too few operands in front of it is an error, but how operators and parentheses alternate is not looked at:
`1 (+ 1)` and `.n !` are expressions. `null` is a word that adds nothing. Everything is a number where a number is
wanted: a string by what it spells, 0 when it spells none, and 0 for a list. Two strings are compared as strings by
`==` and `!=`.

An element whose attribute lacks one of the fields does not match, whatever the rest says; a field that is an object
counts as lacking. A null is 0 where a number is wanted, and equal to null only. The attribute is read only as far as
the field, and leniently: what follows need not be JSON, and of a `\u0041` only the backslash goes away. All of this
is how Redis 8.0 answers.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

Value: TypeAlias = float | bytes | tuple["Value", ...] | None
"""What an operand is; None is a null of the attribute."""


class FilterError(ValueError):
    """An expression that is none.

    Args:
        near: the part of it from where it is not understood; all of it where that is not known.
    """

    def __init__(self, near: bytes) -> None:
        super().__init__(near)
        self.near = near


# What operators do ----------------------------------------------------------------------------------------

_NUMBER: Final = re.compile(
    rb"[ \t-\r]*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan"
    rb"|(?P<hexadecimal>0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?\d+)?))",
    re.IGNORECASE,
)


def _spelled(text: bytes) -> float | None:
    """Return the number that all of text spells, as C's strtod reads it, or None."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if match["hexadecimal"] is None:
        return float(text)
    try:
        return float.fromhex(text.decode("ascii"))
    except OverflowError:
        return math.inf


def _number(value: Value) -> float:
    """Return a value as a number."""
    if isinstance(value, float):
        return value
    return (_spelled(value) or 0.0) if isinstance(value, bytes) else 0.0


def _true(value: Value) -> bool:
    """Return whether a value counts as true: a number but 0, a string but the empty one, every list."""
    return True if isinstance(value, tuple) else bool(value)


def _equal(left: Value, right: Value) -> bool:
    """Return whether two values are equal; only null is equal to null."""
    if left is None or right is None:
        return left is right
    if isinstance(left, bytes) and isinstance(right, bytes):
        return left == right
    return _number(left) == _number(right)


def _in(left: Value, right: Value) -> bool:
    """Return whether a list has a value."""
    return isinstance(right, tuple) and any(_equal(left, member) for member in right)


def _divide(left: float, right: float) -> float:
    """Divide as IEEE 754 does."""
    if right:
        return left / right
    if not left or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _remainder(left: float, right: float) -> float:
    """Return the remainder of a division, with the sign of the dividend."""
    if not right or math.isinf(left):
        return math.nan
    return math.fmod(left, right)


def _power(left: float, right: float) -> float:
    """Raise to a power as IEEE 754 does."""
    try:
        return math.pow(left, right)
    except OverflowError:
        odd = right.is_integer() and right % 2
        return -math.inf if left < 0 and odd else math.inf
    except ValueError:
        return math.inf if not left else math.nan  # a negative power of zero, and a root of a negative number


def _arithmetic(operation: Callable[[float, float], float]) -> Callable[[Value, Value], float]:
    """Return an operator on numbers, for all values."""
    return lambda left, right: float(operation(_number(left), _number(right)))


class _Operator(NamedTuple):
    """One operator: how it binds, and what it does."""

    precedence: int
    apply: Callable[[Value, Value], float] | None
    from_right: bool = False


_NOT: Final = _Operator(6, None)
_OPEN: Final = _Operator(-1, None)
_CLOSE: Final = _Operator(-2, None)
_AND: Final = _Operator(1, lambda left, right: float(_true(left) and _true(right)))
_OR: Final = _Operator(0, lambda left, right: float(_true(left) or _true(right)))

_OPERATORS: Final[dict[bytes, _Operator]] = {
    b"(": _OPEN,
    b")": _CLOSE,
    b"not": _NOT,
    b"!": _NOT,
    b"**": _Operator(5, _arithmetic(_power), from_right=True),
    b"*": _Operator(4, _arithmetic(lambda left, right: left * right)),
    b"/": _Operator(4, _arithmetic(_divide)),
    b"%": _Operator(4, _arithmetic(_remainder)),
    b"+": _Operator(3, _arithmetic(lambda left, right: left + right)),
    b"-": _Operator(3, _arithmetic(lambda left, right: left - right)),
    b">": _Operator(2, _arithmetic(lambda left, right: left > right)),
    b">=": _Operator(2, _arithmetic(lambda left, right: left >= right)),
    b"<": _Operator(2, _arithmetic(lambda left, right: left < right)),
    b"<=": _Operator(2, _arithmetic(lambda left, right: left <= right)),
    b"==": _Operator(2, lambda left, right: float(_equal(left, right))),
    b"!=": _Operator(2, lambda left, right: float(not _equal(left, right))),
    b"in": _Operator(2, lambda left, right: float(_in(left, right))),
    b"and": _AND,
    b"&&": _AND,
    b"or": _OR,
    b"||": _OR,
}

# Reading an expression ------------------------------------------------------------------------------------

_SPACE: Final = re.compile(rb"[ \t-\r]*")
_WORD: Final = re.compile(rb"[A-Za-z+\-*%/!()<>=|&]*")
_NULL: Final = re.compile(rb"null(?![A-Za-z+\-*%/!()<>=|&])")
_OPERATOR: Final = re.compile(b"|".join(map(re.escape, sorted(_OPERATORS, key=len, reverse=True))))
_LITERAL: Final = re.compile(rb"[-0-9][0-9.eE]{0,254}")
_DECIMAL: Final = re.compile(rb"-?\d+\.?\d*(?:[eE]\d+)?")
_FIELD: Final = re.compile(rb"\.(?:([A-Za-z0-9_-]+)|\Z)")
_QUOTED: Final = {
    b'"': re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL),
    b"'": re.compile(rb"'([^'\\]*+(?:\\.[^'\\]*+)*+)'", re.DOTALL),
}
_DIGITS: Final = b"0123456789"


class _Field(NamedTuple):
    """An operand that the attribute gives."""

    name: bytes


_Step: TypeAlias = _Operator | _Field | Value


class _Parser:
    """Reads one expression from left to right, and puts it into postfix order."""

    def __init__(self, text: bytes) -> None:
        self._text = text.partition(b"\0")[0]  # Redis reads a C string
        self._at = 0
        self._program: list[_Step] = []
        self._waiting: list[_Operator] = []
        self._depth = 0

    def program(self) -> tuple[_Step, ...]:
        """Return the steps.

        Raises:
            FilterError: for what is no expression.
        """
        text = self._text
        after_operand = False
        while self._skip_space() < len(text):
            here = text[self._at : self._at + 1]
            digit = here == b"-" and not after_operand and text[self._at + 1 : self._at + 2].isdigit()
            if here in _DIGITS or digit:
                self._operand(self._read_number())
            elif here in _QUOTED:
                self._operand(self._read_string())
            elif here == b"[":
                self._operand(self._read_list())
            elif field := _FIELD.match(text, self._at):
                self._at = field.end()
                self._operand(_Field(field[1] or b""))
            else:
                after_operand = self._read_operator()
                continue
            after_operand = True
        while self._waiting:
            self._emit(self._waiting.pop())
        if self._depth != 1:
            raise FilterError(text)
        return tuple(self._program)

    def _error(self) -> FilterError:
        """Return the error of what stands here, or of everything, at the end."""
        return FilterError(self._text[self._at :] or self._text)

    def _skip_space(self) -> int:
        """Go on to what is no white space; return where it is."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def _operand(self, value: _Field | Value) -> None:
        """Take an operand."""
        self._program.append(value)
        self._depth += 1

    def _emit(self, operator: _Operator) -> None:
        """Take an operator to which everything in front of it has been read."""
        operands = 1 if operator is _NOT else 2
        if operator is _OPEN or self._depth < operands:
            raise FilterError(self._text)
        self._program.append(operator)
        self._depth -= operands - 1

    def _read_operator(self) -> bool:
        """Take an operator, the longest there is; return whether what it ends is an operand."""
        null = _NULL.match(self._text, self._at)
        if null:
            self._at = null.end()
            return True
        match = _OPERATOR.match(self._text, self._at)
        if match is None:
            word = _WORD.match(self._text, self._at)
            self._at = word.end() if word else self._at
            raise self._error()
        operator = _OPERATORS[match[0]]
        self._at = match.end()
        waiting = self._waiting
        if operator is _CLOSE:
            while waiting and waiting[-1] is not _OPEN:
                self._emit(waiting.pop())
            if not waiting:
                raise FilterError(self._text)
            waiting.pop()
            return True
        if operator is not _OPEN:
            binds = operator.precedence + operator.from_right
            while waiting and waiting[-1].precedence >= binds:
                self._emit(waiting.pop())
        waiting.append(operator)
        return False

    def _read_number(self) -> float:
        """Take a number."""
        match = _LITERAL.match(self._text, self._at)
        literal = match[0] if match else b""
        self._at += len(literal)
        following = self._text[self._at : self._at + 1]
        if _DECIMAL.fullmatch(literal) is None or (following and following in b"0123456789.eE"):
            raise self._error()
        return float(literal)

    def _read_string(self) -> bytes:
        """Take a string: a backslash keeps a quote from ending it, and stays."""
        match = _QUOTED[self._text[self._at : self._at + 1]].match(self._text, self._at)
        if match is None:
            raise FilterError(self._text)
        self._at = match.end()
        return match[1]

    def _read_list(self) -> tuple[Value, ...]:
        """Take a list of numbers and strings."""
        members: list[Value] = []
        self._at += 1
        while True:
            self._skip_space()
            here = self._text[self._at : self._at + 1]
            if here == b"]":
                break
            if here in _QUOTED:
                members.append(self._read_string())
            elif here and here in b"-0123456789":
                members.append(self._read_number())
            else:
                raise self._error()
            self._skip_space()
            here = self._text[self._at : self._at + 1]
            if here == b",":
                self._at += 1
            elif here != b"]":
                raise self._error()
        self._at += 1
        return tuple(members)


# Reading an attribute -------------------------------------------------------------------------------------

_JSON_STRING: Final = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_JSON_NUMBER: Final = re.compile(rb"[0-9+\-.eE]+")
_JSON_WORD: Final = re.compile(rb"(true|false|null)(?=[ \t-\r,}\]]|\Z)")
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
# A string that does not end reaches to the end, so that nothing is looked at twice.
_BRACKETS: Final = {
    b"{": re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[{}]', re.DOTALL),
    b"[": re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]]', re.DOTALL),
}
_LONGEST_ATTRIBUTE: Final = 1 << 20

_WORDS: Final = {b"true": 1.0, b"false": 0.0, b"null": None}


class _Lacking(Exception):  # noqa: N818  # no error: the field is not there
    """There is no such field, or no value that could be read."""


def _after_space(text: bytes, at: int) -> int:
    """Return where what is no white space begins."""
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _field(text: bytes, name: bytes) -> Value:
    """Return the value of a field of a JSON object: the first one of this name.

    Raises:
        _Lacking: when there is none.
    """
    at = _find(text, name)
    if text[at : at + 1] == b"[":
        return _read_array(text, at)
    value, _ = _read_scalar(text, at)
    return value


def _find(text: bytes, name: bytes) -> int:
    """Return where the value of a field begins."""
    at = _after_space(text, 0)
    if text[at : at + 1] != b"{" or not name:
        raise _Lacking
    while True:
        key = _JSON_STRING.match(text, _after_space(text, at + 1))
        if key is None:
            raise _Lacking
        at = _after_space(text, key.end())
        if text[at : at + 1] != b":":
            raise _Lacking
        at = _after_space(text, at + 1)
        if key[1] == name:
            return at
        at = _after_space(text, _end_of_value(text, at))
        if text[at : at + 1] != b",":
            raise _Lacking


def _end_of_value(text: bytes, at: int) -> int:
    """Return where a value ends that nobody asked for; brackets only have to pair."""
    here = text[at : at + 1]
    if here in _BRACKETS:
        depth = 0
        for match in _BRACKETS[here].finditer(text, at):
            if match[0] == here:
                depth += 1
            elif match[0] in b"}]":
                depth -= 1
                if not depth:
                    return match.end()
        raise _Lacking
    scalar = _JSON_STRING.match(text, at) or _JSON_NUMBER.match(text, at) or _JSON_WORD.match(text, at)
    if scalar is None:
        raise _Lacking
    return scalar.end()


def _read_scalar(text: bytes, at: int) -> tuple[float | bytes | None, int]:
    """Return a string, a number or a word, and where it ends."""
    here = text[at : at + 1]
    if here == b'"' and (match := _JSON_STRING.match(text, at)):
        return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), match[1]), match.end()
    if here and here in b"-+0123456789" and (match := _JSON_NUMBER.match(text, at)):
        number = _spelled(match[0])
        if number is None:
            raise _Lacking
        return number, match.end()
    if match := _JSON_WORD.match(text, at):
        return _WORDS[match[1]], match.end()
    raise _Lacking


def _read_array(text: bytes, at: int) -> tuple[Value, ...]:
    """Return an array, in which others may be nested, to any depth."""
    open_arrays: list[list[Value]] = [[]]
    at = _after_space(text, at + 1)
    if text[at : at + 1] == b"]":
        return ()
    while True:
        if text[at : at + 1] == b"[":
            open_arrays.append([])
            at = _after_space(text, at + 1)
            if text[at : at + 1] != b"]":
                continue
        else:
            value, at = _read_scalar(text, at)
            open_arrays[-1].append(value)
            at = _after_space(text, at)
        while text[at : at + 1] == b"]":
            complete = tuple(open_arrays.pop())
            if not open_arrays:
                return complete
            open_arrays[-1].append(())  # a list in a list counts as 0, whatever it holds
            at = _after_space(text, at + 1)
        if text[at : at + 1] != b",":
            raise _Lacking
        at = _after_space(text, at + 1)


# Asking ---------------------------------------------------------------------------------------------------


class FilterExpression:
    """What a search asks of the attributes of what it finds.

    Args:
        text: the expression; untrusted, as the attributes are.

    Raises:
        FilterError: for what is no expression.

    Example:
        >>> expression = FilterExpression(b'.year >= 1980 and "war" in .genres')
        >>> expression.matches(b'{"year": 1986, "genres": ["war", "drama"]}')
        True
        >>> expression.matches(b'{"year": 1986}')
        False
    """

    __slots__ = ("_program",)

    def __init__(self, text: bytes) -> None:
        self._program: Sequence[_Step] = _Parser(text).program()

    def __len__(self) -> int:
        """Return of how many steps it is: what asking one element costs."""
        return len(self._program)

    def matches(self, attribute: bytes) -> bool:
        """Return whether an element with this attribute is wanted; one of more than a mebibyte is not looked at."""
        if len(attribute) > _LONGEST_ATTRIBUTE:
            return False
        try:
            return _true(self._value(attribute))
        except _Lacking:
            return False

    def _value(self, attribute: bytes) -> Value:
        """Return what comes out for an attribute."""
        stack: list[Value] = []
        fields: dict[bytes, Value] = {}
        for step in self._program:
            if isinstance(step, _Operator):
                right = stack.pop()
                if step.apply is None:
                    stack.append(float(not _true(right)))
                else:
                    stack.append(step.apply(stack.pop(), right))
            elif isinstance(step, _Field):
                if step.name not in fields:
                    fields[step.name] = _field(attribute, step.name)
                stack.append(fields[step.name])
            else:
                stack.append(step)
        return stack.pop()
