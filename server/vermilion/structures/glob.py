r"""Redis's glob patterns, compiled once and matched in linear time.

`*` any bytes, `?` any byte, `[abc]`, `[a-c]`, `[^a]` a byte of a class, `\x` the byte x itself.

The pattern becomes a regular expression over bytes in which every `*` and the fixed part behind it stand in
an atomic group: the leftmost place where that part fits is as good as any later one, so the search never
comes back to it, and `a*a*a*a*b` costs no more than its length times the key's.
"""

import re
from collections.abc import Callable
from typing import Final

_SPECIAL: Final = re.compile(rb"[*?\[\\]")
_BACKSLASH, _CLOSE, _DASH = b"\\]-"
_LONG: Final = 1024


def compile_glob(pattern: bytes, *, ignore_case: bool = False) -> Callable[[bytes], bool]:
    r"""Return a function that says whether a whole byte string matches the pattern.

    Args:
        pattern: a glob in Redis's dialect; every byte string is a valid one.
        ignore_case: whether ASCII letters match in either case.

    Returns:
        A predicate over byte strings.

    Example:
        >>> matches = compile_glob(b"user:[0-9]*")
        >>> matches(b"user:1000"), matches(b"user:bob")
        (True, False)

    See Also:
        KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET and ACL key patterns, which all speak it.

    LLM Context:
        - An unterminated class ends with the pattern: `[ab` is `[ab]`; `[]` matches nothing, `[^` any byte.
        - Ranges compare bytes as signed numbers, as C does, and reversed ones are put in order.
        - A lone `\` at the end is itself.
        - Compile once per command, not per key.
    """
    special = _SPECIAL.search(pattern)
    if not ignore_case:
        if special is None:
            return pattern.__eq__
        if special.start() == len(pattern) - 1 and special[0] == b"*":
            prefix = pattern[:-1]
            return lambda subject: subject.startswith(prefix)
    fullmatch = re.compile(
        _translate(pattern, ignore_case), re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    ).fullmatch
    if len(pattern) > _LONG:
        re.purge()  # re keeps what it compiled: a client shall not fill the memory with its patterns
    return lambda subject: fullmatch(subject) is not None


def _translate(pattern: bytes, ignore_case: bool) -> bytes:
    """Return the regular expression of a pattern."""
    segments: list[list[bytes]] = [[]]
    at, end = 0, len(pattern)
    while at < end:
        byte = pattern[at : at + 1]
        at += 1
        if byte == b"*":
            if segments[-1] or len(segments) == 1:
                segments.append([])
        elif byte == b"?":
            segments[-1].append(b".")
        elif byte == b"[":
            members, at = _class(pattern, at, ignore_case)
            segments[-1].append(members)
        else:
            if byte == b"\\" and at < end:
                byte = pattern[at : at + 1]
                at += 1
            segments[-1].append(re.escape(byte))
    if segments == [[], []] and end > 1:
        return b".+"  # an empty key has no place for the second star
    first, *others = (b"".join(segment) for segment in segments)
    if not others:
        return first
    *middle, last = others
    return b"%b%b.*%b" % (first, b"".join(b"(?>.*?%b)" % part for part in middle), last)


def _class(pattern: bytes, at: int, ignore_case: bool) -> tuple[bytes, int]:
    """Return a class as an expression, and where the pattern goes on behind it."""
    end = len(pattern)
    negated = pattern[at : at + 1] == b"^"
    at += negated
    members: set[int] = set()
    while at < end and pattern[at] != _CLOSE:
        if pattern[at] == _BACKSLASH and at + 1 < end:
            members.add(pattern[at + 1])
            at += 2
        elif at + 2 < end and pattern[at + 1] == _DASH:
            ends = pattern[at : at + 1] + pattern[at + 2 : at + 3]
            low, high = sorted((byte + 128) % 256 for byte in (ends.lower() if ignore_case else ends))
            members.update((signed - 128) % 256 for signed in range(low, high + 1))
            at += 3
        else:
            members.add(pattern[at])
            at += 1
    if not members:
        return (b"." if negated else b"(?!)"), at + 1
    listed = b"".join(b"\\x%02x" % member for member in sorted(members))
    return b"[%b%b]" % (b"^" if negated else b"", listed), at + 1
