"""Places on earth as numbers of 52 bits, the distance between them, and which numbers an area can have.

    latitude    26 bits   · y · y · y …      a cell of 2^step x 2^step is one run of numbers: those that begin
    longitude   26 bits   x · x · x · …      with its bits
    ────────────────────────────────────
    geohash     52 bits   x y x y x y …      as a double, a score of a sorted set

Interleaving puts near places near each other (G. Niemeyer's geohash, 2008, in Redis's Mercator ranges). An area is
looked for in the cell of its centre and the eight around it, at the finest step whose cells cover it; the distance
is the haversine on a sphere.
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

Position: TypeAlias = tuple[float, float]
"""Longitude and latitude, in degrees."""

STEPS: Final = 26
LONGITUDES: Final = (-180.0, 180.0)
LATITUDES: Final = (-85.05112878, 85.05112878)
"""Where Mercator's map is a square; beyond, there are no places."""

_RADIUS: Final = 6372797.560856
_HALF_EQUATOR: Final = 20037726.37
_ALPHABET: Final = "0123456789bcdefghjkmnpqrstuvwxyz"
_TEXT_LATITUDES: Final = (-90.0, 90.0)
_TEXT_LENGTH: Final = 11
_FINER_THAN_POLES: Final = ((66, 1), (80, 1))
"""Beyond these latitudes cells are so narrow that a step less is needed, each."""


def _spread(number: int) -> int:
    """Return a number of up to 32 bits with a zero before each bit."""
    number = (number | number << 16) & 0x0000FFFF0000FFFF
    number = (number | number << 8) & 0x00FF00FF00FF00FF
    number = (number | number << 4) & 0x0F0F0F0F0F0F0F0F
    number = (number | number << 2) & 0x3333333333333333
    return (number | number << 1) & 0x5555555555555555


def _gather(number: int) -> int:
    """Return every second bit of a number, the inverse of `_spread`."""
    number &= 0x5555555555555555
    number = (number | number >> 1) & 0x3333333333333333
    number = (number | number >> 2) & 0x0F0F0F0F0F0F0F0F
    number = (number | number >> 4) & 0x00FF00FF00FF00FF
    number = (number | number >> 8) & 0x0000FFFF0000FFFF
    return (number | number >> 16) & 0x00000000FFFFFFFF


class Cell(NamedTuple):
    """A square of the map, by its column, its row, and how often the map is halved in both."""

    column: int
    row: int
    step: int

    @property
    def bits(self) -> int:
        """Its geohash, of twice as many bits as steps."""
        return _spread(self.column) << 1 | _spread(self.row)

    @property
    def scores(self) -> tuple[float, float]:
        """The least score of a place in it, and the one behind the largest."""
        shift = 2 * (STEPS - self.step)
        return float(self.bits << shift), float(self.bits + 1 << shift)

    def west_south_east_north(self) -> tuple[float, float, float, float]:
        """Return its sides in degrees."""
        parts = 1 << self.step
        west, east = (_part(LONGITUDES, at, parts) for at in (self.column, self.column + 1))
        south, north = (_part(LATITUDES, at, parts) for at in (self.row, self.row + 1))
        return west, south, east, north

    def beside(self, east: int, north: int) -> "Cell":
        """Return a neighbour; behind the edge of the map it goes on at the other side."""
        mask = (1 << self.step) - 1
        column = self.column + east & mask if east else self.column
        return Cell(column, self.row + north & mask if north else self.row, self.step)


def _part(limits: tuple[float, float], at: int, parts: int) -> float:
    """Return where one of equal parts of a range begins."""
    least, most = limits
    return least + at / parts * (most - least)


def is_place(longitude: float, latitude: float) -> bool:
    """Return whether there is a place of these coordinates."""
    return LONGITUDES[0] <= longitude <= LONGITUDES[1] and LATITUDES[0] <= latitude <= LATITUDES[1]


def _cell(place: Position, step: int, latitudes: tuple[float, float] = LATITUDES) -> Cell:
    """Return the cell that a place is in."""
    longitude, latitude = place
    parts = 1 << step
    column = int((longitude - LONGITUDES[0]) / (LONGITUDES[1] - LONGITUDES[0]) * parts)
    row = int((latitude - latitudes[0]) / (latitudes[1] - latitudes[0]) * parts)
    return Cell(column, row, step)


def encode(place: Position) -> int:
    """Return the geohash of a place.

    Example:
        >>> encode((13.361389, 38.115556))
        3479099956230698
    """
    return _cell(place, STEPS).bits


def decode(bits: int) -> Position:
    """Return the middle of the cell that a geohash is of."""
    west, south, east, north = Cell(_gather(bits >> 1), _gather(bits), STEPS).west_south_east_north()
    longitude = max(LONGITUDES[0], min((west + east) / 2, LONGITUDES[1]))
    return longitude, max(LATITUDES[0], min((south + north) / 2, LATITUDES[1]))


def text(place: Position) -> str:
    """Return the geohash of a place as everyone else writes it: 11 letters, of which the last has no bits left.

    Example:
        >>> text((13.361389, 38.115556))
        'sqc8b49rny0'
    """
    bits = _cell(place, STEPS, _TEXT_LATITUDES).bits
    letters = [bits >> 52 - 5 * at & 31 for at in range(1, _TEXT_LENGTH)]
    return "".join(_ALPHABET[letter] for letter in letters) + _ALPHABET[0]


def distance(first: Position, second: Position) -> float:
    """Return how far it is from one place to another, in metres."""
    north, other_north = math.radians(first[1]), math.radians(second[1])
    across = math.sin((math.radians(second[0]) - math.radians(first[0])) / 2)
    if across == 0:
        return _RADIUS * abs(other_north - north)
    along = math.sin((other_north - north) / 2)
    chord = along * along + math.cos(north) * math.cos(other_north) * across * across
    return 2 * _RADIUS * math.asin(math.sqrt(chord))


class Circle(NamedTuple):
    """All places up to a distance."""

    centre: Position
    radius: float

    @property
    def half_sides(self) -> tuple[float, float]:
        """Half the width and half the height of the box around it, in metres."""
        return self.radius, self.radius

    @property
    def reach(self) -> float:
        """The largest distance from the centre, in metres."""
        return self.radius

    def measure(self, place: Position) -> float | None:
        """Return the distance of a place from the centre, None for one outside."""
        found = distance(self.centre, place)
        return found if found <= self.radius else None


class Box(NamedTuple):
    """A rectangle along the meridians."""

    centre: Position
    width: float
    height: float

    @property
    def half_sides(self) -> tuple[float, float]:
        """Half its width and half its height, in metres."""
        return self.width / 2, self.height / 2

    @property
    def reach(self) -> float:
        """The largest distance from the centre, in metres."""
        return math.sqrt((self.width / 2) ** 2 + (self.height / 2) ** 2)

    def measure(self, place: Position) -> float | None:
        """Return the distance of a place from the centre, None for one outside."""
        north = math.radians(place[1]) - math.radians(self.centre[1])
        if _RADIUS * abs(north) > self.height / 2:
            return None
        if distance(place, (self.centre[0], place[1])) > self.width / 2:
            return None
        return distance(self.centre, place)


Area: TypeAlias = Circle | Box

_AROUND: Final = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""The cell itself and those around it, as steps to the east and the north, in the order in which Redis looks."""


def _step(reach: float, latitude: float) -> int:
    """Return the finest step whose cells are as large as a reach."""
    if reach == 0:
        return STEPS
    step = 1
    while reach < _HALF_EQUATOR:
        reach *= 2
        step += 1
    step -= 2
    step -= sum(less for beyond, less in _FINER_THAN_POLES if abs(latitude) > beyond)
    return max(1, min(step, STEPS))


def _bounds(area: Area) -> tuple[float, float, float, float]:
    """Return the west, south, east and north of an area, in degrees."""
    longitude, latitude = area.centre
    width, height = area.half_sides
    tall = math.degrees(height / _RADIUS)
    # The side that is nearer to a pole spans more degrees.
    nearer = latitude - tall if latitude < 0 else latitude + tall
    # An endless area has no such side: comparisons with nan are false, and leave nothing out.
    wide = math.nan if math.isinf(nearer) else math.degrees(width / _RADIUS / math.cos(math.radians(nearer)))
    return longitude - wide, latitude - tall, longitude + wide, latitude + tall


def cells(area: Area) -> Iterator[Cell]:
    """Return the cells that an area can have places in."""
    west, south, east, north = _bounds(area)
    step = _step(area.reach, area.centre[1])
    centre = _cell(area.centre, step)
    if step > 1 and (
        centre.beside(0, 1).west_south_east_north()[3] < north
        or centre.beside(0, -1).west_south_east_north()[1] > south
        or centre.beside(1, 0).west_south_east_north()[2] < east
        or centre.beside(-1, 0).west_south_east_north()[0] > west
    ):
        step -= 1
        centre = _cell(area.centre, step)
    left, bottom, right, top = centre.west_south_east_north()
    last: Cell | None = None
    for to_east, to_north in _AROUND:
        if step >= 2 and (
            (to_north < 0 and bottom < south)
            or (to_north > 0 and top > north)
            or (to_east < 0 and left < west)
            or (to_east > 0 and right > east)
        ):
            continue
        cell = centre.beside(to_east, to_north)
        if cell == last:
            continue
        yield cell
        if (to_east, to_north) != (0, 0):
            last = cell
