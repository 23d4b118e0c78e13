"""The command line: recording, comparing, exit codes, known differences, and which commands have cases."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import __main__ as command_line
from conformance.connection import Address, Connection, ServerError, running
from conformance.corpus import parse
from conformance.coverage import covered_commands, uncovered_commands
from conformance.player import Player
from conformance.report import Known
from tests.conformance.fake_server import FakeServer, serving

CASES = """
case GET
  same GET k
  same GET3 k
case a command that is lacking
  requires nosuch
  same NOSUCH
"""


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def url(server: FakeServer) -> Iterator[str]:
    with serving(server) as address:
        yield f"unix://{address.path}"


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "group" / "topic.case"
    path.parent.mkdir()
    path.write_text(CASES.partition("case a command")[0], "utf-8")
    return path


@pytest.fixture
def transcripts(tmp_path: Path, cases: Path, url: str) -> Path:
    assert (
        command_line.main(["record", "--oracle", url, "--golden", str(tmp_path / "golden"), str(cases)]) == 0
    )
    return tmp_path / "golden"


class TestRecording:
    def test_it_writes_what_it_heard(self, transcripts: Path) -> None:
        text = (transcripts / "group" / "topic.golden").read_text("utf-8")
        recorded = 'case GET\n  same GET k\n    $"v"\n  same GET3 k\n   resp2\n    $nil\n   resp3\n    _\n'
        assert text.endswith(f"\n\n{recorded}")

    def test_again_it_writes_the_same(self, transcripts: Path, cases: Path, url: str) -> None:
        path = transcripts / "group" / "topic.golden"
        before = path.read_bytes()
        command_line.main(["record", "--oracle", url, "--golden", str(transcripts), str(cases)])
        assert path.read_bytes() == before

    def test_replies_that_vary_are_not_written(
        self, tmp_path: Path, cases: Path, url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cases.write_text("case varies\n same COUNT", "utf-8")
        assert (
            command_line.main(["record", "--oracle", url, "--golden", str(tmp_path / "g"), str(cases)]) == 1
        )
        assert "group/topic.case:1  varies: the replies vary" in capsys.readouterr().err
        assert not (tmp_path / "g").exists()

    @pytest.mark.parametrize("version", ["7.2.4", "8.2.0", ""])
    def test_only_redis_8_0_is_recorded(
        self, server: FakeServer, tmp_path: Path, cases: Path, url: str, version: str
    ) -> None:
        server.version = version
        arguments = ["record", "--oracle", url, "--golden", str(tmp_path / "g"), str(cases)]
        assert command_line.main(arguments) == 2
        assert not (tmp_path / "g").exists()
        assert command_line.main([*arguments, "--force"]) == 0

    def test_an_oracle_is_needed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command_line.main(["record"]) == 2
        assert "record needs --oracle" in capsys.readouterr().err

    def test_an_oracle_without_a_required_command(self, tmp_path: Path, cases: Path, url: str) -> None:
        cases.write_text(CASES, "utf-8")
        assert (
            command_line.main(["record", "--oracle", url, "--golden", str(tmp_path / "g"), str(cases)]) == 2
        )


class TestComparing:
    def test_a_server_that_conforms(
        self, transcripts: Path, cases: Path, url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command_line.main(["--target", url, "--golden", str(transcripts), str(cases)]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == "4 passed, 0 failed"

    def test_a_server_that_differs(
        self,
        server: FakeServer,
        transcripts: Path,
        cases: Path,
        url: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        server.value = b":1\r\n"
        capsys.readouterr()
        assert command_line.main(["--target", url, "--golden", str(transcripts), str(cases)]) == 1
        out = capsys.readouterr().out
        assert out.startswith(
            'group/topic.case:3  resp2+3  GET\n    same GET k\n    expected  $"v"\n    got       :1\n\n'
        )
        assert out.endswith("\n2 passed, 2 failed\n")

    def test_one_protocol_and_a_filter(
        self, transcripts: Path, cases: Path, url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["--target", url, "--golden", str(transcripts), str(cases)]
        assert command_line.main([*arguments, "--resp", "3", "--filter", "get"]) == 0
        assert capsys.readouterr().out.endswith("\n2 passed, 0 failed\n")
        assert command_line.main([*arguments, "--filter", "no such case"]) == 2

    def test_a_case_that_was_not_recorded_fails(
        self, transcripts: Path, cases: Path, url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cases.write_text("case GET\n same GET other", "utf-8")
        assert command_line.main(["--target", url, "--golden", str(transcripts), str(cases)]) == 1
        assert "(not recorded as it stands" in capsys.readouterr().out

    def test_a_case_whose_command_is_lacking_is_counted_as_skipped(
        self, transcripts: Path, cases: Path, url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cases.write_text(CASES, "utf-8")
        assert command_line.main(["--target", url, "--golden", str(transcripts), str(cases)]) == 0
        assert "skipped for want of: nosuch" in capsys.readouterr().out

    def test_live(self, cases: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        with serving(FakeServer(value=b"+v\r\n")) as other:
            assert command_line.main(["--target", url, "--oracle", f"unix://{other.path}", str(cases)]) == 1
        out = capsys.readouterr().out
        assert 'expected  +v\n    got       $"v"' in out
        assert out.endswith("\n2 passed, 2 failed\n")

    def test_max_diffs(self, server: FakeServer, transcripts: Path, cases: Path, url: str) -> None:
        server.value = b":1\r\n"
        arguments = ["--target", url, "--golden", str(transcripts), str(cases), "--max-diffs", "0"]
        assert command_line.main(arguments) == 1

    @pytest.mark.parametrize(
        "arguments", [["--target", "http://x"], ["--target", "unix:///nonexistent"], ["no/such.case"]]
    )
    def test_a_run_that_cannot_be_made(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command_line.main(["--server", "false", *arguments]) == 2
        assert capsys.readouterr().err.startswith("conformance: ")


class TestKnownDifferences:
    def compare(
        self, monkeypatch: pytest.MonkeyPatch, url: str, transcripts: Path, cases: Path, *known: Known
    ) -> int:
        monkeypatch.setattr(command_line, "load_known", lambda _path: list(known))
        monkeypatch.setattr(
            command_line, "load", lambda _paths: [parse(cases.read_text("utf-8"), "group/topic")]
        )
        return command_line.main(["--target", url, "--golden", str(transcripts)])

    def test_they_are_reported_apart(
        self,
        server: FakeServer,
        monkeypatch: pytest.MonkeyPatch,
        url: str,
        transcripts: Path,
        cases: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        server.value = b":1\r\n"
        known = Known("group/topic", "GET", "it counts", step="same GET k")
        assert self.compare(monkeypatch, url, transcripts, cases, known) == 0
        out = capsys.readouterr().out
        assert "known: group/topic, GET: 2 replies: it counts" in out
        assert out.endswith("\n2 passed, 0 failed\n")

    def test_one_that_no_longer_differs_is_an_error(
        self,
        monkeypatch: pytest.MonkeyPatch,
        url: str,
        transcripts: Path,
        cases: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert self.compare(monkeypatch, url, transcripts, cases, Known("group/topic", "GET", "old")) == 1
        assert "'GET' no longer differs: remove the entry" in capsys.readouterr().out


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("redis://localhost", Address("localhost", 6379)),
            ("redis://:p%40ss@127.0.0.1:7000", Address("127.0.0.1", 7000, "", "default", "p@ss")),
            ("redis://me:pw@[::1]:1", Address("::1", 1, "", "me", "pw")),
            ("unix:///tmp/s", Address("", 0, "/tmp/s")),  # noqa: S108 -- nothing is made there
        ],
    )
    def test_urls(self, url: str, address: Address) -> None:
        assert Address.parse(url) == address

    @pytest.mark.parametrize("url", ["", "localhost:6379", "redis://", "http://x", "unix://"])
    def test_what_is_no_address(self, url: str) -> None:
        with pytest.raises(ValueError, match="no address"):
            Address.parse(url)


class TestStartingAServer:
    def test_one_that_does_not_start(self) -> None:
        with (
            pytest.raises(ServerError, match="exited with 3: no such thing"),
            running([sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)"]),
        ):
            pass

    def test_one_that_is_not_there(self) -> None:
        with pytest.raises(ServerError, match="does not start"), running(["/nonexistent/server"]):
            pass


class TestCoverage:
    def test_commands_of_cases(self) -> None:
        case_file = parse("case a\n run SET k v\n same CLIENT id\n send BLPOP k 0\n recv", "g/t")
        assert covered_commands([case_file]) == {"client", "client|id", "blpop", "blpop|k"}

    def test_every_command_of_the_server_has_a_case(self) -> None:
        with running([sys.executable, "-m", "vermilion"]) as address:
            player = Player(address)
            names = player.commands
            player.close()
            connection = Connection(address)
            count = connection.call(b"COMMAND", b"COUNT").text()
            connection.close()
        assert len([name for name in names if "|" not in name]) == int(count) > 0
        assert uncovered_commands(names) == []
