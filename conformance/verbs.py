"""The tolerances: each turns a reply into the text that must be equal on both sides.

A tolerance is a function of one reply, never a comparison of two: what a transcript stores, what a diff shows
and what decides are then the same text, and recording twice gives the same file.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from conformance.resp import Reply, escaped, indented, render, render_items

__all__ = ["TOLERANCES", "Tolerance", "VerbError"]


class VerbError(ValueError):
    """A verb's parameter makes no sense."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What of a reply is compared: a verb of the corpus with its parameter.

    Args:
        verb: a key of `TOLERANCES`.
        parameter: what stands behind the verb's colon.

    Raises:
        VerbError: there is no such tolerance, or the parameter makes no sense for it.

    Example:
        >>> Tolerance.parse("approx:9..10").text(Reply(":", b"10"))
        ':9..10'
        >>> Tolerance.parse("same").text(Reply(":", b"10"))
        ':10'
    """

    verb: str
    parameter: str = ""

    def __post_init__(self) -> None:
        if self.verb not in TOLERANCES:
            raise VerbError(f"no tolerance is called {self.verb!r}: {', '.join(TOLERANCES)}")
        TOLERANCES[self.verb](Reply("_", b""), self.parameter)

    @classmethod
    def parse(cls, word: str) -> "Tolerance":
        """Return the tolerance that a word like ``mask:id,addr`` names."""
        verb, _, parameter = word.partition(":")
        return cls(verb, parameter)

    def text(self, reply: Reply) -> str:
        """Return what of the reply is compared."""
        return TOLERANCES[self.verb](reply, self.parameter)


def _same(reply: Reply, parameter: str) -> str:
    """All of it, type by type, byte by byte."""
    _refuse_parameter("same", parameter)
    return render(reply)


def _same_sorted(reply: Reply, parameter: str) -> str:
    """All of it, in whatever order: aggregates as multisets, maps by key, at every depth."""
    _refuse_parameter("same_sorted", parameter)
    if reply.items is None:
        return render(reply)
    texts = [_same_sorted(item, "") for item in reply.items]
    if reply.kind == "%":
        pairs = sorted(zip(texts[::2], texts[1::2], strict=True))
        texts = [text for pair in pairs for text in pair]
    else:
        texts.sort()
    return render_items(reply.kind, len(texts), texts)


def _same_error(reply: Reply, parameter: str) -> str:
    """Of an error its first word only; of everything else all."""
    _refuse_parameter("same_error", parameter)
    return f"{reply.kind}{reply.text().split(' ')[0]} …" if reply.is_error else render(reply)


def _approx(reply: Reply, parameter: str) -> str:
    """The type, and whether the number lies in the range; errors and numbers outside it are shown whole."""
    bounds = re.fullmatch(r"(-?\d+)\.\.(-?\d+)", parameter)
    if bounds is None:
        raise VerbError("approx takes its range as approx:LOW..HIGH")
    try:
        number = float(reply.text())
    except ValueError:
        return render(reply)
    inside = int(bounds[1]) <= number <= int(bounds[2])
    return f"{reply.kind}{parameter}" if inside else render(reply)


_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def _near(reply: Reply, parameter: str) -> str:
    """All of it, but of doubles, and of texts that spell one, so many decimals; in whatever order, if asked."""
    digits, comma, order = parameter.partition(",")
    if not digits.isdigit() or (comma and order != "sorted"):
        raise VerbError("near takes how many decimals it compares: near:DIGITS or near:DIGITS,sorted")
    if reply.items is not None:
        texts = [_near(item, parameter) for item in reply.items]
        if comma and reply.kind == "%":
            pairs = sorted(zip(texts[::2], texts[1::2], strict=True))
            texts = [text for pair in pairs for text in pair]
        elif comma:
            texts.sort()
        return render_items(reply.kind, len(texts), texts)
    if reply.kind not in "$," or reply.data is None or not _NUMBER.fullmatch(reply.text()):
        return render(reply)
    rounded = round(float(reply.text()), int(digits)) + 0.0  # no negative zero
    return f"{reply.kind}{rounded:.{digits}f}"


def _type(reply: Reply, parameter: str) -> str:
    """The shape: types without content; equal neighbours in an aggregate are one, keys of a map are kept."""
    _refuse_parameter("type", parameter)
    if reply.is_error:
        return render(reply)
    if reply.items is None:
        return f"{reply.kind}nil" if reply.data is None else f"{reply.kind}…"
    if reply.kind == "%":
        keys, values = reply.items[::2], reply.items[1::2]
        pairs = [(render(key), _type(value, "")) for key, value in zip(keys, values, strict=True)]
        return render_items("%", len(reply.items), [text for pair in pairs for text in pair])
    shapes = [_type(item, "") for item in reply.items]
    distinct = [shape for place, shape in enumerate(shapes) if not place or shape != shapes[place - 1]]
    return "\n".join([f"{reply.kind}…", *(indented(shape, 2) for shape in distinct)])


_CLOCK: Final = range(1_600_000_000_000, 4_100_000_000_000)
"""Milliseconds since the epoch from 2020 to 2099: larger than any number that a case counts to."""


def _moments(reply: Reply, parameter: str) -> str:
    """All of it, but integers that are milliseconds of the calendar are all the same moment."""
    _refuse_parameter("moments", parameter)
    if reply.items is None:
        return ":moment" if reply.kind == ":" and int(reply.text()) in _CLOCK else render(reply)
    return render_items(reply.kind, len(reply.items), [_moments(item, "") for item in reply.items])


def _columns(reply: Reply, parameter: str) -> str:
    """Of an array of arrays, these items of each only, counted from 0: columns:3,5."""
    if not re.fullmatch(r"\d+(,\d+)*", parameter):
        raise VerbError("columns takes their numbers as columns:3,5")
    wanted = [int(number) for number in parameter.split(",")]
    if reply.items is None or any(row.items is None or max(wanted) >= len(row.items) for row in reply.items):
        return render(reply)
    rows = [[render(row.items[at]) for at in wanted] for row in reply.items if row.items is not None]
    return render_items(
        reply.kind, len(rows), [f"{reply.kind}{parameter}\n{indented(chr(10).join(row), 2)}" for row in rows]
    )


_FIELD: Final = re.compile(r"(?P<name>[\w.|-]+)(?P<sign>[=:])(?P<value>[^ \r\n]*)")


def _portable(field: str) -> str:
    """Leave out of CLIENT LIST's flags whether the runner came by a Unix socket; no flags at all are N."""
    name, sign, value = field.partition("=")
    return name + sign + (value.replace("U", "") or "N") if name == "flags" else field


def _fields(reply: Reply, parameter: str) -> str:
    """Of a text of fields (name=value, name:value) all names, all but -NAME, or NAME with its value."""
    if reply.items is not None or reply.data is None or reply.is_error:
        return render(reply)
    names = set(parameter.split(",")) - {""}
    left_out = {name.removeprefix("-") for name in names if name.startswith("-")}
    if left_out and len(left_out) < len(names):
        raise VerbError("fields takes either the names to show or, each after a minus, those to leave out")
    lines = []
    for line in _without_transport(_content(reply)).splitlines():
        fields = list(_FIELD.finditer(line))
        if names and not left_out:
            shown = [_portable(field[0]) for field in fields if field["name"] in names]
        elif fields:
            shown = [field["name"] + field["sign"] for field in fields if field["name"] not in left_out]
        else:
            shown = [line]
        if shown:
            lines.append(" ".join(shown))
    return _fields_text(reply, lines)


def _without_transport(text: str) -> str:
    """Return fields without the client flag of Unix sockets: either transport gives the same transcripts."""
    return _CLIENT_FLAGS.sub(lambda found: f"flags={found[1].replace('U', '') or 'N'}", text)


def _content(reply: Reply) -> str:
    """Return the text without a verbatim string's format, which looks like a field."""
    return reply.text().removeprefix("txt:") if reply.kind == "=" else reply.text()


def _fields_text(reply: Reply, lines: Sequence[str]) -> str:
    shown = [f"  {escaped(line.encode('latin-1'))}" for line in lines]
    return "\n".join([f"{reply.kind}fields", *shown])


def _mask(reply: Reply, parameter: str) -> str:
    """All, but of the values behind these names the shape only; a name after a minus is left out whole."""
    names = set(parameter.split(","))
    if "" in names:
        raise VerbError("mask takes the names whose values vary: mask:NAME,NAME")
    if reply.items is None:
        return _mask_fields(reply, names)
    texts: list[str] = []
    for place, item in enumerate(reply.items):
        name = reply.items[place - 1].text() if place % 2 else ""
        if name and f"-{name}" in names:
            texts.pop()
        else:
            texts.append(_type(item, "") if name in names else _mask(item, parameter))
    return render_items(reply.kind, len(texts), texts)


def _mask_fields(reply: Reply, names: set[str]) -> str:
    if reply.data is None or reply.is_error:
        return render(reply)
    text = _without_transport(_content(reply))
    # here a value ends at a comma too: INFO has fields within fields
    pattern = "|".join(re.escape(name) for name in names)
    masked = re.sub(rf"\b({pattern})([=:])[^ ,\r\n]*", r"\1\2*", text)
    return render(reply) if masked == text else _fields_text(reply, masked.splitlines())


_CLIENT_FLAGS: Final = re.compile(r"\bflags=([A-Za-z]+)\b")
_MONITORED: Final = re.compile(r"^\d{10,}\.\d{6} \[(\d+) (?:(lua)|(?:unix:|[\d.]+:\d)[^\]]*)\]")


def _monitor(reply: Reply, parameter: str) -> str:
    """Of a line of MONITOR all but the time and the client's address."""
    _refuse_parameter("monitor", parameter)
    text = reply.text() if reply.kind == "+" else ""
    shown = _MONITORED.sub(lambda found: f"<time> [{found[1]} {found[2] or '<client>'}]", text)
    return render(reply) if shown == text else f"+{shown}"


def _help(reply: Reply, parameter: str) -> str:
    """Of a help text the lines that name subcommands; the sentences indented below them are anybody's own."""
    _refuse_parameter("help", parameter)
    if reply.items is None or any(item.data is None for item in reply.items):
        return render(reply)
    lines = [render(item) for item in reply.items if not item.text().startswith(" ")]
    return "\n".join([f"{reply.kind}help", *(f"  {line}" for line in lines)])


def _refuse_parameter(verb: str, parameter: str) -> None:
    if parameter:
        raise VerbError(f"{verb} takes no parameter")


TOLERANCES: Final[Mapping[str, Callable[[Reply, str], str]]] = {
    "same": _same,
    "same_sorted": _same_sorted,
    "same_error": _same_error,
    "approx": _approx,
    "near": _near,
    "type": _type,
    "moments": _moments,
    "columns": _columns,
    "fields": _fields,
    "mask": _mask,
    "monitor": _monitor,
    "help": _help,
}
"""Every tolerance by its verb."""
