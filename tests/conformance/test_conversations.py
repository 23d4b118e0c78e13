"""Random conversations: they repeat by their seed, and what a client heard differently comes with what was said."""

import random
import sys
from collections.abc import Iterator, Sequence

import pytest

from conformance import conversations
from conformance.connection import running
from conformance.conversations import CLIENTS, Party


class Recorded:
    """A server that answers each line with itself, but for one line."""

    def __init__(self, odd: str) -> None:
        self.odd = odd
        self.last = ("", "")
        self.begun = 0
        self.rejoined: list[str] = []

    def begin(self, protocols: Sequence[bytes]) -> None:
        assert len(protocols) == len(CLIENTS)
        self.begun += 1

    def say(self, name: str, text: str) -> None:
        self.last = (name, text)

    def waiting(self) -> set[str]:
        return {"a", "b", "c"}

    def heard(self) -> dict[str, str]:
        name, text = self.last
        return dict.fromkeys(CLIENTS, "") | {name: "odd" if text.startswith(self.odd) else text}

    def rejoin(self, name: str, protocol: bytes) -> None:
        self.rejoined.append(name)


@pytest.fixture(scope="module")
def parties() -> Iterator[tuple[Party, Party]]:
    command = [sys.executable, "-m", "vermilion"]
    with running(command) as ours, running(command) as theirs:
        parties = Party(ours), Party(theirs)
        yield parties
        for party in parties:
            party.close()


def test_lines_repeat_by_their_seed() -> None:
    first, again, other = (
        [conversations.line(random.Random(f"{seed}/{number}")) for number in range(200)] for seed in (1, 1, 2)
    )
    assert first == again != other
    assert not any("{" in line for line in first if "function" not in line and "EVAL" not in line)


def test_a_server_does_not_differ_from_itself(parties: tuple[Party, Party]) -> None:
    assert not list(conversations.differences(*parties, random.Random(3), 120))


def test_who_waits_is_known(parties: tuple[Party, Party]) -> None:
    party = parties[0]
    party.begin([b"2"] * len(CLIENTS))
    party.say("b", "BLPOP l1 0")
    party.heard()
    assert party.waiting() == {"b"}
    party.say("a", "CLIENT UNBLOCK <b>")
    assert party.heard()["b"] == "*nil"
    party.say("a", "CLIENT KILL ID <c>")
    assert party.heard()["c"] == conversations.CLOSED
    party.rejoin("c", b"3")
    party.say("c", "GET k1")
    assert party.heard()["c"] == "_"


def test_what_differs_comes_with_what_was_said() -> None:
    ours, theirs = Recorded("SET"), Recorded("nothing")
    found = list(conversations.differences(ours, theirs, random.Random(1), 200))  # type: ignore[arg-type]  # stand-ins
    assert found
    for said, who, heard, expected in found:
        assert (who, heard) == ("d", "odd")
        assert said[-1] == (who, expected)
        assert expected.startswith("SET")
    assert ours.begun == theirs.begun > len(found)
