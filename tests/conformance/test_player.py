"""Playing a case on a server: steps, clients, cleaning up, and what a broken server looks like."""

from collections.abc import Iterator

import pytest

from conformance import connection
from conformance.connection import Address, ServerError
from conformance.corpus import parse
from conformance.player import Player
from tests.conformance.fake_server import FakeServer, serving


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def player(server: FakeServer) -> Iterator[Player]:
    with serving(server) as address:
        playing = Player(address)
        yield playing
        playing.close()


def play(player: Player, *lines: str, protocol: int = 2, expected: list[str] | None = None) -> list[str]:
    return player.play(parse("\n".join(["case a", *lines]), "g/t").cases[0], protocol, expected)


class TestSteps:
    def test_replies_under_their_tolerance(self, player: Player) -> None:
        assert play(player, "same GET k", "type GET k", "run PING", "same BOGUS") == ['$"v"', "$…", "-ERR no"]

    def test_each_case_is_played_in_its_protocol(self, player: Player) -> None:
        assert play(player, "same GET3 k") == ["$nil"]
        assert play(player, "same GET3 k", protocol=3) == ["_"]

    def test_let(self, player: Player) -> None:
        assert play(player, "let:me ID", 'same ECHO "${me} ${me.id} ${me.nosuch} ${nosuch}"') == [
            '$"id=7 x 7  "'
        ]
        assert play(player, "same ECHO '${me}'") == ['$"${me}"']

    def test_heard_is_all_that_has_arrived(self, player: Player) -> None:
        assert play(player, "heard", "send PING", "send ECHO x", "@b heard", "heard") == [
            "(nothing)",
            "(nothing)",
            '+OK\n$"x"',
        ]

    def test_send_and_recv(self, player: Player) -> None:
        assert play(player, "send GET k", "@b same ECHO x", "recv", "send GET k", "recv:type") == [
            '$"x"',
            '$"v"',
            "$…",
        ]

    def test_silent(self, player: Player) -> None:
        assert play(player, "silent SILENCE", "silent PING", "silent QUIT") == [
            "(nothing)",
            '"+OK\\r\\n"',
            '"+OK\\r\\n"',
        ]

    def test_scan_collects_all_pages_as_a_set(self, player: Player) -> None:
        assert play(player, "scan SCAN 0 COUNT 2", "scan BOGUS 0") == ['scan 2 [$"a", $"b"]', "-ERR no"]

    def test_raw(self, player: Player) -> None:
        assert play(player, 'raw "*1\\r\\n$4\\r\\n"', "raw PING @repeat:\\r\\n:1", 'raw "*1"') == [
            "(open)",
            "+OK\n(open)",
            "(open)",
        ]

    def test_raw_gives_a_late_answer_time(self, player: Player) -> None:
        assert play(player, 'raw "*1\\r\\n$4\\r\\nLATE\\r\\n"', expected=["+late\n(open)"]) == [
            "+late\n(open)"
        ]

    def test_raw_sees_the_connection_close(self, player: Player) -> None:
        seen = ["-ERR Protocol error\n(closed)", "(closed)"]
        assert play(player, 'raw "*0\\r\\n"', 'raw "more"', expected=seen) == seen

    def test_quit_closes(self, player: Player) -> None:
        assert play(player, "same QUIT", "recv", "same PING") == ["+OK", "(closed)", "(closed)"]

    def test_sleep(self, player: Player) -> None:
        assert play(player, "sleep 1", "same GET k") == ['$"v"']


class TestBrokenServers:
    def test_no_reply_ends_the_case(self, player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "REPLY_TIMEOUT", 0.05)
        assert play(player, "same SILENCE", "same PING") == ["(no reply)", "(not reached)"]
        assert play(player, "same GET k") == ['$"v"']

    def test_a_reply_too_many_is_seen(self, player: Player) -> None:
        assert play(player, "same STRAY") == ['+one\n(unread) "+two\\r\\n"']
        assert play(player, "@b same STRAY") == ['+one\n(unread by b) "+two\\r\\n"']

    def test_what_is_no_resp_ends_the_case(self, player: Player) -> None:
        texts = play(player, "same GARBAGE", "same PING")
        assert texts == ['(no reply begins with "what\\r\\n")', "(not reached)"]

    def test_nobody_there(self) -> None:
        with pytest.raises(ServerError, match="cannot connect"):
            Player(Address("", 0, "/nonexistent/socket"))

    def test_the_players_own_connection_is_opened_anew(self, player: Player) -> None:
        player.admin(b"QUIT")
        assert player.admin(b"PING").data == b"OK"


class TestCleaningUp:
    def test_every_case_begins_with_an_empty_server(self, player: Player, server: FakeServer) -> None:
        play(player, "same GET k")
        play(player, "same GET k")
        assert server.flushed == 2

    def test_configuration_is_set_and_set_back(self, player: Player, server: FakeServer) -> None:
        assert play(player, "config maxmemory 1mb", "same CONFIG GET maxmemory") == [
            '*2 [$"maxmemory", $"1mb"]'
        ]
        assert server.config == {b"maxmemory": b"0"}

    def test_what_a_step_configures_is_set_back(self, player: Player, server: FakeServer) -> None:
        assert play(player, "same CONFIG SET maxmemory 2mb") == ["+OK"]
        assert server.config == {b"maxmemory": b"0"}

    def test_a_refused_directive_fails_the_case(self, player: Player) -> None:
        assert play(player, "config nosuch 1", "cleanup BOGUS", "same GET k") == [
            '$"v"\n("CONFIG" "SET" "nosuch" "1" was refused: -ERR no)\n("BOGUS" was refused: -ERR no)'
        ]

    def test_cleanup_runs_afterwards(self, player: Player, server: FakeServer) -> None:
        play(player, "cleanup ECHO done", "same GET k")
        assert server.calls[-1] == [b"ECHO", b"done"]


def test_what_is_known_of_the_server(player: Player) -> None:
    assert player.commands == {"get", "ping"}
    assert player.info("redis_version") == "8.0.6"
    assert player.info("nosuch") == ""
