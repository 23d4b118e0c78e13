"""Vector sets through their commands: what the corpus cannot see, as it depends on chance or on how much there is."""

from collections.abc import Callable

import pytest

from vermilion.commands import vector_set
from vermilion.engine.engine import Engine
from vermilion.protocol.reply import OK

Run = Callable[..., object]


def fill(run: Run, count: int) -> None:
    for number in range(count):
        words = ("VADD", "k", "VALUES", 2, 1, number / 100, f"e{number}", "NOQUANT")
        run(*words, "SETATTR", f'{{"n":{number}}}')


def test_changes_are_counted(run: Run, engine: Engine) -> None:
    def changes(*words: str | int) -> int:
        before = engine.keyspace.dirty
        run(*words)
        return engine.keyspace.dirty - before

    assert changes("VADD", "k", "VALUES", 1, 1, "a") == 1
    assert changes("VADD", "k", "VALUES", 1, 2, "a") == 1
    assert changes("VADD", "k", "VALUES", 2, 1, 2, "a") == 0
    assert changes("VSETATTR", "k", "a", "x") == 1
    assert changes("VSETATTR", "k", "b", "x") == 0
    assert changes("VREM", "k", "b") == 0
    assert changes("VREM", "k", "a") == 1


def test_every_vector_set_has_a_uid(run: Run) -> None:
    uids = []
    for key in ("a", "b", "a"):
        run("DEL", key)
        run("VADD", key, "VALUES", 1, 1, "x")
        info = run("VINFO", key)
        assert isinstance(info, dict)
        uids.append(list(info.values())[7])
    assert uids == [0, 1, 2]


def test_a_filter_is_asked_of_so_many(run: Run) -> None:
    fill(run, 300)
    search = ("VSIM", "k", "VALUES", 2, 1, 0, "FILTER", ".n >= 150")
    assert run(*search, "COUNT", 1) == []
    assert run(*search, "COUNT", 2) == [b"e150", b"e151"]
    assert run(*search, "COUNT", 1, "FILTER-EF", 150) == []
    assert run(*search, "COUNT", 1, "FILTER-EF", 151) == [b"e150"]


def test_a_long_filter_is_asked_of_fewer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(run, 50)
    monkeypatch.setattr(vector_set, "_MOST_STEPS", 60)
    search = ("VSIM", "k", "VALUES", 2, 1, 0, "FILTER-EF", 50, "COUNT", 50, "FILTER")
    found = run(*search, ".n or 1")
    assert isinstance(found, list)
    assert len(found) == 20
    assert run(*search, "1" + " + 1" * 100) == [b"e0"]


def test_replies_and_vectors_have_a_limit(run: Run) -> None:
    fill(run, 2)
    found = run("VRANDMEMBER", "k", -1000)
    assert isinstance(found, list)
    assert set(found) == {b"e0", b"e1"}
    assert run("VRANDMEMBER", "k", -(1 << 24) - 1) == "ERR value is out of range"
    assert run("VRANDMEMBER", "k", -(1 << 63)) == "ERR value is out of range"
    assert (
        run("VADD", "r", "REDUCE", (1 << 16) + 1, "VALUES", 1, 1, "a") == "ERR invalid vector specification"
    )
    assert run("VSIM", "k", "ELE", "e0", "FILTER", "1" * 65537) == "ERR FILTER expression is too long"
    assert run("VSIM", "k", "ELE", "e0", "COUNT", 1 << 62, "EF", 1 << 62) == [b"e0", b"e1"]


def test_links_come_by_layer(run: Run) -> None:
    fill(run, 60)
    layers = run("VLINKS", "k", "e0")
    scored = run("VLINKS", "k", "e0", "WITHSCORES")
    assert isinstance(layers, list)
    assert isinstance(scored, list)
    assert layers[-1] == [b"e%d" % number for number in range(1, 33)]
    assert [list(layer) for layer in scored] == layers
    assert all(0.5 <= score <= 1 for layer in scored for score in layer.values())


def test_a_matrix_that_would_not_fit_into_a_file_is_refused(run: Run) -> None:
    refusal = "ERR invalid vector specification"
    assert run("VADD", "k", "REDUCE", 1 << 16, "FP32", b"\0\0\x80\x3f" * 1025, "a") == refusal
    assert run("EXISTS", "k") == 0


def test_there_and_back_again(run: Run) -> None:
    fill(run, 40)
    before = run("VSIM", "k", "VALUES", 2, 1, 0, "COUNT", 40, "WITHSCORES", "WITHATTRIBS")
    assert run("RESTORE", "other", 0, run("DUMP", "k")) == OK
    assert run("VSIM", "other", "VALUES", 2, 1, 0, "COUNT", 40, "WITHSCORES", "WITHATTRIBS") == before
    info = run("VINFO", "other")
    assert isinstance(info, dict)
    assert list(info.values())[7:] == [1, 40]
