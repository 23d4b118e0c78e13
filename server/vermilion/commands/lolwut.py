"""LOLWUT's picture: the rings of two stones in a pond, drawn in Braille dots.

A Braille character is two dots wide and four high, and its dots are bits:

    0x01 0x08
    0x02 0x10
    0x04 0x20
    0x40 0x80
"""

import math
from random import Random
from typing import Final

_BRAILLE: Final = 0x2800
_BITS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_WAVE: Final = 0.9
_LARGEST: Final = (400, 40)
"""A client may ask for any size, and a picture is drawn dot by dot: this one takes a tenth of a second."""

DEFAULT_SIZE: Final = (60, 12)


def pond(columns: int, rows: int, random: Random) -> str:
    """Return the picture.

    Args:
        columns: its width in characters; from one up to `_LARGEST`, whatever is asked for.
        rows: its height in characters; the same.
        random: where the stones fall.

    Returns:
        Lines of Braille characters, a line end behind each.
    """
    width = 2 * min(max(columns, 1), _LARGEST[0])
    height = 4 * min(max(rows, 1), _LARGEST[1])
    stones = [(random.uniform(0, width), random.uniform(0, height)) for _ in range(2)]
    lines = []
    for top in range(0, height, 4):
        line = []
        for left in range(0, width, 2):
            bits = 0
            for down, row in enumerate(_BITS):
                for right, bit in enumerate(row):
                    if _crest(left + right, top + down, stones):
                        bits |= bit
            line.append(chr(_BRAILLE + bits))
        lines.append("".join(line) + "\n")
    return "".join(lines)


def _crest(x: int, y: int, stones: list[tuple[float, float]]) -> bool:
    """Return whether the waves of all stones together stand high at a dot."""
    return sum(math.cos(_WAVE * math.hypot(x - a, y - b)) for a, b in stones) > 0.6
