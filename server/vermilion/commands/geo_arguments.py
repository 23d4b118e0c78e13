"""The arguments of geo commands: coordinates, units, and the options of a search."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from vermilion import errors
from vermilion.commands.syntax import Argument, KeySpec
from vermilion.errors import RespError
from vermilion.protocol.numbers import parse_double, parse_int64
from vermilion.structures import geohash
from vermilion.structures.geohash import Position

_METRES: Final = {b"M": 1.0, b"KM": 1000.0, b"FT": 0.3048, b"MI": 1609.34}


class GeoQuery(NamedTuple):
    """What is searched, and what is done with it."""

    centre: Position
    """A position, or the member that is at it."""
    sides: tuple[float, float | None]
    """Width and height in metres, or a radius and None."""
    metres: float
    most: int
    any_order: bool
    descending: bool | None
    with_distance: bool
    with_hash: bool
    with_position: bool
    target: bytes | None
    by_distance: bool
    event: str


def coordinates(longitude: bytes, latitude: bytes) -> Position:
    """Return a place.

    Raises:
        RespError: for what is no number, or no place.
    """
    place = parse_double(longitude), parse_double(latitude)
    if place[0] is None or place[1] is None:
        raise RespError(errors.NOT_A_FLOAT)
    if not geohash.is_place(place[0], place[1]):
        raise RespError(errors.no_place(place[0], place[1]))
    return place[0], place[1]


def unit(word: bytes) -> float:
    """Return how many metres a unit has."""
    metres = _METRES.get(word.upper())
    if metres is None:
        raise RespError(errors.UNKNOWN_UNIT)
    return metres


def _radius(words: Sequence[bytes]) -> tuple[tuple[float, None], float]:
    """Return a radius in metres, and its unit."""
    radius = parse_double(words[0])
    if radius is None:
        raise RespError(errors.RADIUS_NOT_NUMERIC)
    if radius < 0:
        raise RespError(errors.RADIUS_NEGATIVE)
    metres = unit(words[1])
    return (radius * metres, None), metres


def _box(words: Sequence[bytes]) -> tuple[tuple[float, float], float]:
    """Return width and height in metres, and their unit."""
    width, height = parse_double(words[0]), parse_double(words[1])
    if width is None:
        raise RespError(errors.WIDTH_NOT_NUMERIC)
    if height is None:
        raise RespError(errors.HEIGHT_NOT_NUMERIC)
    if width < 0 or height < 0:
        raise RespError(errors.BOX_NEGATIVE)
    metres = unit(words[2])
    return (width * metres, height * metres), metres


def geo_query(
    words: Sequence[bytes],
    *,
    name: bytes,
    centre: Position | None = None,
    locate: Callable[[bytes], Position] | None = None,
    unmeasured: bool = False,
    storing: bool = False,
    target: bytes | None = None,
) -> GeoQuery:
    """Read the options of a search.

    Args:
        words: a radius and its unit, where the centre is given, then the options.
        name: the command's, for its errors.
        centre: where the command and not an option says it.
        locate: finds a member that is named as the centre, or refuses; where the centre and the shape are options.
        unmeasured: whether the radius is left unread.
        storing: whether STORE and STOREDIST are, with a key behind them.
        target: where the places are stored, where the command and not an option says it.
    """
    sides: tuple[float, float | None] | None = None
    metres = 1.0
    at = 0
    if centre is not None:
        sides, metres = ((0.0, None), metres) if unmeasured else _radius(words)
        at = 2
    source: bytes | None = None
    shown: set[bytes] = set()
    most, any_order, by_distance = 0, False, False
    descending: bool | None = None
    stores = target is not None
    size = len(words)
    while at < size:
        word = words[at].upper()
        left = size - at - 1
        if word in {b"WITHDIST", b"WITHHASH", b"WITHCOORD"}:
            shown.add(word)
        elif word == b"ANY":
            any_order = True
        elif word in {b"ASC", b"DESC"}:
            descending = word == b"DESC"
        elif word == b"COUNT" and left:
            most = _count(words[at + 1])
            at += 1
        elif word in {b"STORE", b"STOREDIST"} and storing and left:
            target, by_distance = words[at + 1], word == b"STOREDIST"
            at += 1
        elif word == b"STOREDIST" and stores:
            by_distance = True
        elif word == b"FROMMEMBER" and locate and left and source in {None, word}:
            source = word
            centre = locate(words[at + 1])
            at += 1
        elif word == b"FROMLONLAT" and locate and left > 1 and source in {None, word}:
            source = word
            centre = coordinates(words[at + 1], words[at + 2])
            at += 2
        elif word == b"BYRADIUS" and locate and left > 1 and (sides is None or sides[1] is None):
            sides, metres = _radius(words[at + 1 :])
            at += 2
        elif word == b"BYBOX" and locate and left > 2 and (sides is None or sides[1] is not None):
            sides, metres = _box(words[at + 1 :])
            at += 3
        else:
            raise RespError(errors.SYNTAX)
        at += 1
    if target is not None and shown:
        raise RespError(errors.stores_no_details("GEOSEARCHSTORE" if locate else "STORE option in GEORADIUS"))
    if centre is None:
        raise RespError(errors.no_single_centre(name))
    if sides is None:
        raise RespError(errors.no_single_shape(name))
    if any_order and not most:
        raise RespError(errors.ANY_WITHOUT_COUNT)
    return GeoQuery(
        centre, sides, metres, most, any_order, descending,
        b"WITHDIST" in shown, b"WITHHASH" in shown, b"WITHCOORD" in shown,
        target, by_distance, "geosearchstore" if locate else "georadiusstore",
    )  # fmt: skip


def _count(word: bytes) -> int:
    """Return how many places are wanted."""
    count = parse_int64(word)
    if count is None:
        raise RespError(errors.NOT_AN_INTEGER)
    if count < 1:
        raise RespError(errors.GEO_COUNT_NOT_POSITIVE)
    return count


# As COMMAND DOCS describes them ---------------------------------------------------------------------------


def units(*, optional: bool = False) -> Argument:
    """Return the argument of a unit."""
    return Argument(
        "unit", "oneof", optional=optional,
        arguments=[Argument(word, "pure-token", token=word.upper()) for word in ("m", "km", "ft", "mi")],
    )  # fmt: skip


def count(since: str, any_since: str) -> Argument:
    """Return the argument COUNT, and the versions that brought it and ANY, where they are younger."""
    return Argument(
        "count-block", "block", optional=True, since=since,
        arguments=[
            Argument("count", "integer", token="COUNT"),
            Argument("any", "pure-token", token="ANY", optional=True, since=any_since),
        ],
    )  # fmt: skip


KEY_AND_MEMBERS: Final = (
    Argument("key", "key", key_spec=0), Argument("member", "string", optional=True, multiple=True),
)  # fmt: skip
WITH: Final = tuple(
    Argument(word, "pure-token", token=word.upper(), optional=True)
    for word in ("withcoord", "withdist", "withhash")
)
ORDER: Final = Argument(
    "order", "oneof", optional=True,
    arguments=[Argument("asc", "pure-token", token="ASC"), Argument("desc", "pure-token", token="DESC")],
)  # fmt: skip
STORE: Final = Argument(
    "store", "oneof", optional=True,
    arguments=[
        Argument("storekey", "key", token="STORE", key_spec=1, display="key"),
        Argument("storedistkey", "key", token="STOREDIST", key_spec=2, display="key"),
    ],
)  # fmt: skip
SEARCH: Final = (
    Argument(
        "from", "oneof",
        arguments=[
            Argument("member", "string", token="FROMMEMBER"),
            Argument(
                "fromlonlat", "block", token="FROMLONLAT",
                arguments=[Argument("longitude", "double"), Argument("latitude", "double")],
            ),
        ],
    ),
    Argument(
        "by", "oneof",
        arguments=[
            Argument("circle", "block", arguments=[Argument("radius", "double", token="BYRADIUS"), units()]),
            Argument(
                "box", "block",
                arguments=[Argument("width", "double", token="BYBOX"), Argument("height", "double"), units()],
            ),
        ],
    ),
)  # fmt: skip


def stored_keys(start: int) -> list[KeySpec]:
    """Return the keys of GEORADIUS and its like: the first argument, and what stands behind STORE from start on."""
    return [
        KeySpec(("RO", "access"), 1),
        KeySpec(("OW", "update"), ("STORE", start)),
        KeySpec(("OW", "update"), ("STOREDIST", start)),
    ]
