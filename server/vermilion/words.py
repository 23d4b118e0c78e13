r"""Redis's quoting: a line into words, and a word back into quotes.

Configuration files, inline commands and the arguments of the command line share it:

- words stand between spaces; a quote opens anywhere in a word and ends it where it closes;
- in double quotes `\n \r \t \b \a`, `\xHH` and any other escaped byte for itself; in single quotes `\'`.
"""

import re
from typing import Final

_PLAIN: Final = re.compile(rb"""[^\s"']+""")
# possessive: hostile input is read once, never tried again from another split
_DOUBLE: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"(?=\s|\Z)', re.DOTALL)
_SINGLE: Final = re.compile(rb"'((?:[^'\\]|\\.)*+)'(?=\s|\Z)", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_QUOTE: Final = ord('"')
_APOSTROPHE: Final = ord("'")
_UNPRINTABLE: Final = re.compile(rb'[^\x20-\x7e]|["\\]')
_MEANINGS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_SPELLINGS: Final = {meaning: b"\\" + letter for letter, meaning in _MEANINGS.items()} | {
    b'"': b'\\"',
    b"\\": b"\\\\",
}


def split_words(line: bytes) -> list[bytes] | None:
    r"""Return the words of a line.

    Args:
        line: without its line end.

    Returns:
        The words with their quotes resolved, or None where a quote is not closed or is followed by
        something else than a space.

    Example:
        >>> split_words(b'set "a key" \'it\\\'s\' "\\x41\\n"')
        [b'set', b'a key', b"it's", b'A\n']
        >>> split_words(b'set "a key') is None
        True

    See Also:
        `quote`, the way back.

    LLM Context:
        - Never raises, and is linear in the length of the line.
        - An empty line has no words, `""` is one empty word.
    """
    words: list[bytes] = []
    at, end = _after_space(line, 0), len(line)
    while at < end:
        word = bytearray()
        while at < end and not line[at : at + 1].isspace():
            opening = line[at]
            part = (_DOUBLE if opening == _QUOTE else _SINGLE if opening == _APOSTROPHE else _PLAIN).match(
                line, at
            )
            if part is None:
                return None
            if opening == _QUOTE:
                word += _ESCAPE.sub(_meaning, part[1])
            elif opening == _APOSTROPHE:
                word += part[1].replace(b"\\'", b"'")
            else:
                word += part[0]
            at = part.end()
        words.append(bytes(word))
        at = _after_space(line, at)
    return words


def _after_space(line: bytes, at: int) -> int:
    while line[at : at + 1].isspace():
        at += 1
    return at


def _meaning(escape: re.Match[bytes]) -> bytes:
    code, letter = escape.groups()
    return bytes((int(code, 16),)) if code else _MEANINGS.get(letter, letter)


def quote(word: bytes) -> bytes:
    r"""Return a word in double quotes that `split_words` reads as the same word.

    Args:
        word: any bytes.

    Returns:
        Printable ASCII.

    Example:
        >>> quote(b'say "hi"\n\x00')
        b'"say \\"hi\\"\\n\\x00"'

    See Also:
        `split_words`, the way back.

    LLM Context:
        - Quotes are always there, needed or not: that is how Redis writes strings to a file.
    """
    return b'"%b"' % _UNPRINTABLE.sub(
        lambda found: _SPELLINGS.get(found[0]) or b"\\x%02x" % ord(found[0]), word
    )
