"""The geo group: places as members of a sorted set, whose scores are their geohashes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from vermilion import errors
from vermilion.commands import geo_arguments as arguments
from vermilion.commands.geo_arguments import GeoQuery, coordinates, geo_query, unit
from vermilion.commands.registry import command
from vermilion.commands.scores import CH, NX, XX, add_scores, store
from vermilion.commands.syntax import DENYOOM, READONLY, WRITE, Argument, KeySpec
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.reply import NULL_ARRAY, Reply
from vermilion.session import Session
from vermilion.structures import geohash
from vermilion.structures.geohash import Area, Box, Circle, Position
from vermilion.structures.zset import ScoreCut, ZSet

_ONE_KEY: Final = (KeySpec(("RO", "access"), 1),)
_COST: Final = "O(N+log(M)) with N members in the cells around the area, of which M are returned."


class Found(NamedTuple):
    """A place of a search."""

    member: bytes
    score: float
    distance: float
    position: Position


# Places ---------------------------------------------------------------------------------------------------


@command(
    "GEOADD", WRITE | DENYOOM, since="3.2.0", complexity="O(log(N)) for each of the members.",
    raw=True, arity=-5, keys=[KeySpec(("RW", "update"), 1)],
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument(
            "condition", "oneof", optional=True, since="6.2.0",
            arguments=[Argument("nx", "pure-token", token="NX"), Argument("xx", "pure-token", token="XX")],
        ),
        Argument("change", "pure-token", token="CH", optional=True, since="6.2.0"),
        Argument(
            "data", "block", multiple=True,
            arguments=[
                Argument("longitude", "double"), Argument("latitude", "double"), Argument("member", "string"),
            ],
        ),
    ],
)  # fmt: skip
def geoadd(session: Session, argv: list[bytes]) -> int | float | None:
    """Add places or move them; return how many were new."""
    # Raw: the options stand before triples that repeat.
    options = {b"NX": NX, b"XX": XX, b"CH": CH}
    flags = 0
    at = 2
    while at < len(argv) and (flag := options.get(argv[at].upper())):
        flags |= flag
        at += 1
    words = argv[at:]
    if not words or len(words) % 3 or (flags & NX and flags & XX):
        raise RespError(errors.SYNTAX)
    places = [coordinates(*pair) for pair in zip(words[::3], words[1::3], strict=True)]
    return add_scores(
        session, argv[1], [float(geohash.encode(place)) for place in places], words[2::3], flags
    )


def _positions(db: Database, key: bytes, members: Sequence[bytes]) -> Iterator[Position | None]:
    """Return where members are, None for each that is not there."""
    zset = db.find(key, ZSet)
    for member in members:
        score = None if zset is None else zset.scores.get(member)
        yield None if score is None else _position(score)


def _position(score: float) -> Position:
    """Return the place of a score; any sorted set can be taken for places."""
    return geohash.decode(int(score) & _ALL_BITS if abs(score) < _ALL_BITS else _ALL_BITS)


_ALL_BITS: Final = 2**64 - 1


@command(
    "GEOPOS", READONLY, since="3.2.0", complexity="O(1) for each member.", raw=True, arity=-2, keys=_ONE_KEY,
    arguments=arguments.KEY_AND_MEMBERS,
)  # fmt: skip
def geopos(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return longitude and latitude of members, nil for each that is not there."""
    # Raw, as GEOHASH: there may be no member at all.
    found = _positions(session.db, argv[1], argv[2:])
    return [NULL_ARRAY if place is None else list(place) for place in found]


@command(
    "GEOHASH", READONLY, since="3.2.0", complexity="O(1) for each member.", raw=True, arity=-2, keys=_ONE_KEY,
    arguments=arguments.KEY_AND_MEMBERS,
)  # fmt: skip
def geohash_(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the geohashes of members as text, nil for each that is not there."""
    found = _positions(session.db, argv[1], argv[2:])
    return [None if place is None else geohash.text(place).encode() for place in found]


@command(
    "GEODIST", READONLY, since="3.2.0", complexity="O(1)", raw=True, arity=-4, keys=_ONE_KEY,
    arguments=[
        Argument("key", "key", key_spec=0), Argument("member1", "string"), Argument("member2", "string"),
        arguments.units(optional=True),
    ],
)  # fmt: skip
def geodist(session: Session, argv: list[bytes]) -> bytes | None:
    """Return how far it is from one member to another, nil when either is not there."""
    # Raw: a word too many is a syntax error.
    if len(argv) > 5:
        raise RespError(errors.SYNTAX)
    metres = unit(argv[4]) if len(argv) == 5 else 1
    first, second = _positions(session.db, argv[1], argv[2:4])
    if first is None or second is None:
        return None
    return _shown(geohash.distance(first, second) / metres)


def _shown(distance: float) -> bytes:
    """Return a distance as replies have it: with four decimals."""
    return b"%.4f" % distance


# Searching ------------------------------------------------------------------------------------------------


def _search(zset: ZSet, query: GeoQuery, area: Area) -> list[Found]:
    """Return the places of an area, in the order asked for; with ANY the first ones that turn up."""
    found: list[Found] = []
    for cell in geohash.cells(area):
        low, high = cell.scores
        start, stop = zset.span_by_score(ScoreCut(low, after=False), ScoreCut(high, after=False))
        for score, member in zset.entries(start, stop):
            position = _position(score)
            distance = area.measure(position)
            if distance is not None:
                found.append(Found(member, score, distance, position))
                if query.any_order and len(found) == query.most:
                    break
        if query.any_order and len(found) == query.most:
            break
    if query.descending is not None or (query.most and not query.any_order):
        found.sort(key=lambda place: place.distance, reverse=bool(query.descending))
    return found[: query.most] if query.most else found


def _locator(zset: ZSet | None) -> Callable[[bytes], Position]:
    """Return what finds a member of a sorted set; without the set, any place will do."""

    def locate(member: bytes) -> Position:
        if zset is None:
            return 0.0, 0.0
        score = zset.scores.get(member)
        if score is None:
            raise RespError(errors.NO_SUCH_PLACE)
        return _position(score)

    return locate


def _area(query: GeoQuery) -> Area:
    """Return the area of a query."""
    width, height = query.sides
    return Box(query.centre, width, height) if height is not None else Circle(query.centre, width)


def _answer(session: Session, zset: ZSet | None, query: GeoQuery) -> Reply:
    """Search; return the places, or store them and return how many they are."""
    found = [] if zset is None else _search(zset, query, _area(query))
    if query.target is not None:
        scores = {
            place.member: place.distance / query.metres if query.by_distance else place.score
            for place in found
        }
        return store(session, query.target, scores, query.event)
    if not (query.with_distance or query.with_hash or query.with_position):
        return [place.member for place in found]
    shown: list[Reply] = []
    for place in found:
        item: list[Reply] = [place.member]
        if query.with_distance:
            item.append(_shown(place.distance / query.metres))
        if query.with_hash:
            item.append(int(place.score))
        if query.with_position:
            item.append(list(place.position))
        shown.append(item)
    return shown


@command(
    "GEOSEARCH", READONLY, since="6.2.0", complexity=_COST, raw=True, arity=-7, keys=_ONE_KEY,
    arguments=[
        Argument("key", "key", key_spec=0), *arguments.SEARCH, arguments.ORDER,
        arguments.count("", ""), *arguments.WITH,
    ],
)  # fmt: skip
def geosearch(session: Session, argv: list[bytes]) -> Reply:
    """Return the places in a circle or a box."""
    # Raw, as all below: the key is judged before the options, and these in their order.
    zset = session.db.find(argv[1], ZSet)
    return _answer(session, zset, geo_query(argv[2:], name=argv[0], locate=_locator(zset)))


@command(
    "GEOSEARCHSTORE", WRITE | DENYOOM, since="6.2.0", complexity=_COST, raw=True, arity=-8,
    keys=[KeySpec(("OW", "update"), 1), KeySpec(("RO", "access"), 2)],
    arguments=[
        Argument("destination", "key", key_spec=0), Argument("source", "key", key_spec=1), *arguments.SEARCH,
        arguments.ORDER, arguments.count("", ""),
        Argument("storedist", "pure-token", token="STOREDIST", optional=True),
    ],
)  # fmt: skip
def geosearchstore(session: Session, argv: list[bytes]) -> Reply:
    """Store the places in a circle or a box, and return how many they are."""
    zset = session.db.find(argv[2], ZSet)
    query = geo_query(argv[3:], name=argv[0], locate=_locator(zset), target=argv[1])
    return _answer(session, zset, query)


def _around_point(session: Session, argv: list[bytes], *, storing: bool) -> Reply:
    """Return or store the places around a point."""
    zset = session.db.find(argv[1], ZSet)
    centre = coordinates(argv[2], argv[3])
    return _answer(session, zset, geo_query(argv[4:], name=argv[0], centre=centre, storing=storing))


def _around_member(session: Session, argv: list[bytes], *, storing: bool) -> Reply:
    """Return or store the places around a member; where there is no key, the radius is not looked at."""
    zset = session.db.find(argv[1], ZSet)
    centre = _locator(zset)(argv[2])
    query = geo_query(argv[3:], name=argv[0], centre=centre, unmeasured=zset is None, storing=storing)
    return _answer(session, zset, query)


_POINT: Final = (
    Argument("key", "key", key_spec=0), Argument("longitude", "double"), Argument("latitude", "double"),
    Argument("radius", "double"), arguments.units(), *arguments.WITH,
)  # fmt: skip
_MEMBER: Final = (
    Argument("key", "key", key_spec=0), Argument("member", "string"), Argument("radius", "double"),
    arguments.units(), *arguments.WITH,
)  # fmt: skip


@command(
    "GEORADIUS", WRITE | DENYOOM, since="3.2.0", complexity=_COST, raw=True, arity=-6,
    deprecated=("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
    keys=arguments.stored_keys(6),
    arguments=[*_POINT, arguments.count("", "6.2.0"), arguments.ORDER, arguments.STORE],
)  # fmt: skip
def georadius(session: Session, argv: list[bytes]) -> Reply:
    """Return or store the places around a point."""
    return _around_point(session, argv, storing=True)


@command(
    "GEORADIUS_RO", READONLY, since="3.2.10", complexity=_COST, raw=True, arity=-6, keys=_ONE_KEY,
    deprecated=("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"),
    arguments=[*_POINT, arguments.count("", "6.2.0"), arguments.ORDER],
)  # fmt: skip
def georadius_ro(session: Session, argv: list[bytes]) -> Reply:
    """Return the places around a point."""
    return _around_point(session, argv, storing=False)


@command(
    "GEORADIUSBYMEMBER", WRITE | DENYOOM, since="3.2.0", complexity=_COST, raw=True, arity=-5,
    deprecated=("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"),
    keys=arguments.stored_keys(5),
    arguments=[*_MEMBER, arguments.count("", ""), arguments.ORDER, arguments.STORE],
)  # fmt: skip
def georadiusbymember(session: Session, argv: list[bytes]) -> Reply:
    """Return or store the places around a member."""
    return _around_member(session, argv, storing=True)


@command(
    "GEORADIUSBYMEMBER_RO", READONLY, since="3.2.10", complexity=_COST, raw=True, arity=-5, keys=_ONE_KEY,
    deprecated=("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
    arguments=[*_MEMBER, arguments.count("", ""), arguments.ORDER],
)  # fmt: skip
def georadiusbymember_ro(session: Session, argv: list[bytes]) -> Reply:
    """Return the places around a member."""
    return _around_member(session, argv, storing=False)
