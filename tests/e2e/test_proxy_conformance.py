"""A part of the corpus, through the installed command as a proxy and on its upstream: the replies are the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import golden
from conformance.connection import Address
from conformance.corpus import CORPUS, load
from conformance.player import Player
from conformance.report import Outcome, Verdict, differences, judged, load_known
from tests.e2e.process import Process, free_port
from tests.real_server import RealServer

KNOWN = Path(__file__).parents[2] / "conformance" / "known-proxy.toml"

TOPICS = (
    "acl/channels", "acl/permissions", "acl/transactions", "connection/basic", "hash/getset", "interplay/reset",
    "list/pop", "pubsub/introspection", "pubsub/restrictions", "pubsub/subscribe",
    "string/append", "string/mget", "tracking/broadcast", "tracking/redirect", "transactions/basic",
    "transactions/protocol", "transactions/watch",
)  # fmt: skip
"""Where a proxy has to do more than pass bytes on, and a little of where it has not."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[RealServer]:
    server = RealServer("--enable-debug-command", "yes")
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def players(
    upstream: RealServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Player, Player]]:
    port = free_port()
    words = ("--port", str(port), "--backend", "redis", "--upstream", f"unix://{upstream.socket}")
    with Process(tmp_path_factory.mktemp("proxy"), *words) as process:
        process.ready()
        through = Player(Address.parse(f"redis://127.0.0.1:{port}"))
        direct = Player(Address.parse(f"unix://{upstream.socket}"))
        yield through, direct
        through.close()
        direct.close()


@pytest.mark.parametrize("topic", TOPICS)
def test_the_replies_are_those_of_upstream(players: tuple[Player, Player], topic: str) -> None:
    through, direct = players
    known = load_known(KNOWN)
    outcomes: list[Outcome] = []
    (case_file,) = load([CORPUS / f"{topic}.case"])
    transcript = golden.read(case_file)
    for case in case_file.cases:
        if case.requires - direct.commands:
            continue
        steps = [(step.line, step.source) for step in case.steps if step.compared]
        for protocol in case.protocols:
            expected = direct.play(case, protocol)
            got = through.play(case, protocol, expected)
            # What the proxy answers itself is Redis's, of another make or version than upstream.
            recorded = transcript.expected(case, protocol) or expected
            expected = [
                theirs if own == theirs else here
                for own, theirs, here in zip(got, recorded, expected, strict=True)
            ]
            outcomes += judged(topic, steps, case.title, protocol, expected, got, known)
    assert outcomes
    assert not any(outcome.verdict is Verdict.FAILED for outcome in outcomes), "\n".join(
        differences(outcomes)
    )
