"""Calls as people read them: one on a line, or like ones together."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from vermilion.engine.journal import RecordedCall
from vermilion.words import quote

_SHOWN_CALLS: Final = 30
_SHOWN_BYTES: Final = 60
_SHOWN_KEYS: Final = 3

_VARYING: Final = re.compile(
    rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|(?<![0-9a-zA-Z])[0-9a-fA-F]*\d[0-9a-fA-F]*(?![0-9a-zA-Z])|\d+"
)
"""What distinguishes the keys of one kind: a UUID, a hexadecimal number, a number."""


def plural(count: int, what: str) -> str:
    """Return so many of something.

    Example:
        >>> plural(1, "call"), plural(2, "call")
        ('1 call', '2 calls')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def word_text(word: bytes) -> str:
    r"""Return a word of a call: in quotes where it needs them, and its beginning only where it is long.

    Example:
        >>> word_text(b"user:1"), word_text(b"two words"), word_text(b"")
        ('user:1', '"two words"', '""')
    """
    cut, tail = word[:_SHOWN_BYTES], f"… ({len(word)} bytes)" if len(word) > _SHOWN_BYTES else ""
    plain = cut.isascii() and cut.decode().isprintable() and not set(cut) & set(b" \"'")
    return (cut.decode() if plain and cut else quote(cut).decode()) + tail


def call_text(call: RecordedCall) -> str:
    """Return a call on one line."""
    depth = call.name.count("|") + 1
    words = [word.upper() if number < depth else word for number, word in enumerate(call.argv)]
    return " ".join(map(word_text, words))


def listed(calls: Sequence[RecordedCall], dropped: int = 0) -> str:
    """Return calls as numbered lines, the latest of very many; who made them where there were several clients."""
    shown = calls[-_SHOWN_CALLS:]
    clients = {call.client_id for call in calls}
    databases = {call.db for call in calls}
    lines: list[str] = []
    hidden = len(calls) - len(shown) + dropped
    if hidden:
        lines.append(f"    … {plural(hidden, 'earlier call')}")
    for call in shown:
        notes: list[str] = []
        if len(clients) > 1:
            notes.append(f"client {call.client_name or call.client_id}")
        if len(databases) > 1 or call.db:
            notes.append(f"db {call.db}")
        if call.inside:
            notes.append("in a transaction" if call.inside == "multi" else "by a script")
        if call.error is not None:
            notes.append(call.error.encode(errors="backslashreplace").decode())  # it may quote any bytes
        elif call.duration_ns is None:
            notes.append("waits")
        note = f"    ({', '.join(notes)})" if notes else ""
        lines.append(f"{call.number:>7}  {call_text(call)}{note}")
    return "\n".join(lines)


def grouped(calls: Sequence[RecordedCall]) -> str:
    """Return calls with like ones together, the most frequent first: `50 × GET user:*`."""
    kinds: dict[tuple[str, bytes], list[RecordedCall]] = {}
    for call in calls:
        kinds.setdefault((call.name, _VARYING.sub(b"*", _key(call))), []).append(call)
    # Keys that differ in a name, as user:ann and user:bob, are of one kind, too.
    families = Counter((name, template.rpartition(b":")[0]) for name, template in kinds)
    merged: dict[tuple[str, bytes], list[RecordedCall]] = {}
    for (name, template), members in kinds.items():
        family = template.rpartition(b":")[0]
        several = bool(family) and families[name, family] > 1
        merged.setdefault((name, family + b":*" if several else template), []).extend(members)
    lines: list[str] = []
    for (name, template), members in sorted(merged.items(), key=lambda item: -len(item[1])):
        keys = list(dict.fromkeys(map(_key, members)))
        command = name.replace("|", " ").upper()
        line = f"{len(members):>6} × {command} {word_text(template)}".rstrip(' "')
        if keys != [template]:
            shown = ", ".join(map(word_text, keys[:_SHOWN_KEYS]))
            line += f"    {shown}" + (", …" if len(keys) > _SHOWN_KEYS else "")
        lines.append(line)
    return "\n".join(lines)


def _key(call: RecordedCall) -> bytes:
    """Return the key that a call is about, the first one of several."""
    return call.keys[0] if call.keys else b""
