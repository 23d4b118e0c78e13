"""The geo group: what the corpus does not show, because no reply does."""

from collections.abc import Callable

from vermilion.engine.engine import Engine
from vermilion.session import Session

Run = Callable[..., object]


def test_places_are_scores_for_every_other_command(run: Run) -> None:
    assert run("GEOADD", "g", "13.361389", "38.115556", "Palermo") == 1
    assert run("ZSCORE", "g", "Palermo") == 3479099956230698.0
    assert run("OBJECT", "ENCODING", "g") == b"listpack"


def test_positions_are_doubles_and_distances_text(run: Run, session: Session) -> None:
    session.resp = 3
    run("GEOADD", "g", 0, 0, "a", 1, 0, "b")
    position = run("GEOPOS", "g", "b")
    assert isinstance(position, list)
    assert all(type(number) is float for number in position[0])
    assert run("GEODIST", "g", "a", "b", "km") == b"111.2260"


def test_storing_is_one_change_and_searching_none(run: Run, engine: Engine) -> None:
    run("GEOADD", "g", 0, 0, "a", 1, 0, "b")
    before = engine.keyspace.dirty
    run("GEOSEARCH", "g", "FROMLONLAT", 0, 0, "BYRADIUS", 200, "km")
    assert engine.keyspace.dirty == before
    assert run("GEOSEARCHSTORE", "d", "g", "FROMLONLAT", 0, 0, "BYRADIUS", 200, "km") == 2
    assert engine.keyspace.dirty == before + 1


def test_the_first_places_found_end_a_search_for_any(run: Run) -> None:
    run("GEOADD", "g", *(word for number in range(50) for word in (number / 1000, 0, f"m{number}")))
    found = run("GEOSEARCH", "g", "FROMLONLAT", 0, 0, "BYRADIUS", 200, "km", "COUNT", 5, "ANY")
    assert isinstance(found, list)
    assert len(set(found)) == 5
