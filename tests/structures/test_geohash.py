"""Geohashes, against the definition and each other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures import geohash
from vermilion.structures.geohash import Area, Box, Circle, Position

longitudes = st.floats(-180, 179.999)
latitudes = st.floats(-85.05, 85.05)
places = st.tuples(longitudes, latitudes)
PALERMO, CATANIA = (13.361389, 38.115556), (15.087269, 37.502669)


def test_as_a_real_server_says() -> None:
    assert geohash.encode(PALERMO) == 3479099956230698
    assert geohash.decode(3479099956230698) == (13.361389338970184, 38.1155563954963)
    assert geohash.text(geohash.decode(3479099956230698)) == "sqc8b49rny0"
    assert geohash.distance(PALERMO, CATANIA) == pytest.approx(166274.2577)


@given(places)
def test_a_place_is_within_its_cell(place: Position) -> None:
    longitude, latitude = geohash.decode(geohash.encode(place))
    assert abs(longitude - place[0]) <= 360 / 2**26
    assert abs(latitude - place[1]) <= 2 * 85.05112878 / 2**26


@given(places, places)
def test_distances_are_symmetric_and_not_longer_than_half_the_equator(
    first: Position, second: Position
) -> None:
    there, back = geohash.distance(first, second), geohash.distance(second, first)
    assert there == pytest.approx(back)
    assert 0 <= there <= math.pi * 6372797.560856 + 1


areas = st.one_of(
    st.builds(Circle, st.tuples(st.floats(-150, 150), st.floats(-60, 60)), st.floats(1, 2_000_000)),
    st.builds(
        Box,
        st.tuples(st.floats(-150, 150), st.floats(-60, 60)),
        st.floats(1, 2_000_000),
        st.floats(1, 2_000_000),
    ),
)


@given(areas, st.floats(-20, 20), st.floats(-20, 20))
def test_every_place_of_an_area_is_in_one_of_its_cells(area: Area, east: float, north: float) -> None:
    place = geohash.decode(geohash.encode((area.centre[0] + east, area.centre[1] + north)))
    inside = area.measure(place) is not None
    score = geohash.encode(place)
    covered = [low <= score < high for low, high in (cell.scores for cell in geohash.cells(area))]
    assert any(covered) or not inside


def test_what_is_outside_of_a_shape() -> None:
    assert Circle(PALERMO, 166_000).measure(CATANIA) is None
    assert Circle(PALERMO, 167_000).measure(CATANIA) == pytest.approx(166274.2577)
    assert Box(PALERMO, 400_000, 100_000).measure(CATANIA) is None
    assert Box(PALERMO, 100_000, 400_000).measure(CATANIA) is None
    assert Box(PALERMO, 400_000, 400_000).measure(CATANIA) == pytest.approx(166274.2577)
