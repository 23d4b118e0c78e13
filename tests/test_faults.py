"""A fault by itself: what it matches, how often it strikes, and what it cannot be."""

from random import Random

import pytest

from vermilion.faults import Act, Conditions, Delay, Error, Partial, Refuse, Reset, Rule, Silence

LOADING = Error("LOADING Redis is loading the dataset in memory")


def rule(conditions: Conditions, names: frozenset[str] | None = None, act: Act = LOADING) -> Rule:
    return Rule(1, act, conditions, names)


def hits(conditions: Conditions, calls: int) -> list[int]:
    """Return the numbers of the calls that are hit, from 1."""
    made = rule(conditions)
    return [number for number in range(1, calls + 1) if made.hits_call("get", [b"key"], b"")]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (Conditions(), [1, 2, 3, 4, 5, 6]),
        (Conditions(nth=2), [2]),
        (Conditions(every=2), [2, 4, 6]),
        (Conditions(times=2), [1, 2]),
        (Conditions(every=2, times=2), [2, 4]),
        (Conditions(probability=0), []),
    ],
)
def test_how_often_it_strikes(conditions: Conditions, expected: list[int]) -> None:
    assert hits(conditions, 6) == expected


def test_chance_takes_the_course_of_its_seed() -> None:
    conditions = Conditions(probability=0.5, seed=7)
    chance = Random(7)
    assert hits(conditions, 50) == [number for number in range(1, 51) if chance.random() < 0.5]
    assert hits(conditions, 50) == hits(conditions, 50) != hits(Conditions(probability=0.5), 50)


def test_what_it_counts() -> None:
    made = rule(Conditions(key=b"user:*", client=b"w?", times=1), frozenset({"get", "mget"}))
    assert not made.hits_call("set", [b"user:1"], b"w1")
    assert not made.hits_call("get", [b"other"], b"w1")
    assert not made.hits_call("get", [], b"w1")
    assert not made.hits_call("get", [b"user:1"], b"web")
    assert made.hits_call("mget", [b"other", b"user:1"], b"w1")
    assert not made.hits_call("get", [b"user:1"], b"w2")
    assert (made.seen, made.matched, made.hits) == (6, 2, 1)


@pytest.mark.parametrize(
    ("act", "conditions", "words"),
    [
        (LOADING, Conditions(("GET", "@write"), key=b"\xff*"), [
            "ERROR", LOADING.text, "COMMAND", "GET", "COMMAND", "@write", "KEY", b"\xff*",
        ]),
        (Delay(250), Conditions(nth=3, client=b"a"), ["DELAY", "250", "COMMAND", "*", "CLIENT", b"a", "NTH", "3"]),
        (Reset(), Conditions(every=3), ["RESET", "COMMAND", "*", "EVERY", "3"]),
        (Reset(after=True), Conditions(times=3), ["RESET", "AFTER", "COMMAND", "*", "TIMES", "3"]),
        (Partial(4), Conditions(), ["PARTIAL", "4", "COMMAND", "*"]),
        (Silence(after=True), Conditions(), ["SILENCE", "AFTER", "COMMAND", "*"]),
        (Refuse(), Conditions(probability=0.25, seed=7), ["REFUSE", "PROBABILITY", "0.25", "SEED", "7"]),
    ],
)  # fmt: skip
def test_the_words_that_make_it(act: Act, conditions: Conditions, words: list[str | bytes]) -> None:
    expected = [word if isinstance(word, bytes) else word.encode() for word in words]
    assert rule(conditions, act=act).words() == expected


@pytest.mark.parametrize(
    ("act", "conditions", "text"),
    [
        (Error(""), Conditions(), "one line"),
        (Error("ERR a\r\n+OK"), Conditions(), "one line"),
        (Error("ERR a\nb"), Conditions(), "one line"),
        (Error("ERR \ud800"), Conditions(), "cannot be sent|no text"),
        (Delay(0), Conditions(), "delay is out of range"),
        (Delay(-1), Conditions(), "delay is out of range"),
        (Delay(2**60), Conditions(), "delay is out of range"),
        (Partial(-1), Conditions(), "not negative"),
        (Refuse(), Conditions(("GET",)), "no command, key or client"),
        (Refuse(), Conditions(key=b"a"), "no command, key or client"),
        (Reset(), Conditions(()), "needs a command"),
        (Reset(), Conditions(nth=0), "must be positive"),
        (Reset(), Conditions(every=-1), "must be positive"),
        (Reset(), Conditions(times=0), "must be positive"),
        (Reset(), Conditions(nth=1, every=1), "exclude each other"),
        (Reset(), Conditions(probability=1.5), "between 0 and 1"),
        (Reset(), Conditions(probability=float("nan")), "between 0 and 1"),
    ],
)
def test_what_it_cannot_be(act: Act, conditions: Conditions, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        rule(conditions, act=act)


def test_bytes_that_are_no_text_can_be_an_error() -> None:
    assert rule(Conditions(), act=Error("ERR \udcff")).words()[1] == b"ERR \xff"
