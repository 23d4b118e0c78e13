"""Suites of others: their files, and a small suite that is run from its distribution to its figures."""

import hashlib
import io
import socket
import ssl
import sys
import tarfile
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from conformance.suites import __main__ as command_line
from conformance.suites import sources
from conformance.suites.errors import SuiteError
from conformance.suites.plugin import unused
from conformance.suites.runs import Result, Run, execute
from conformance.suites.servers import Endpoint, serving, write_certificates
from conformance.suites.suite import Part, Skip, Source, Suite, load, names, read

SUITE = """
port = 6390
own_ports = [5555]
arguments = ["-q", "-p", "no:cacheprovider"]

[source]
package = "small"
version = "1.0"
sha256 = "{sha256}"

[[part]]
name = "all"
files = ["tests"]
select = ["*[{{resp}}]"]

[[part]]
name = "ends"
files = ["ends"]

[[left-out]]
files = ["tests/test_broken.py"]
reason = "cannot be imported"

[[skip]]
tests = ["*::test_listed*"]
reason = "is wrong"

[[skip]]
tests = ["*::test_no_more*"]
reason = "was wrong"

[[skip]]
tests = ["*::test_endless*"]
reason = "never ends"
run = false

[[skip]]
tests = ["*::test_gone*"]
reason = "was there"
"""

TESTS = """
import importlib.metadata
import time
import pytest

pytestmark = pytest.mark.parametrize("resp", [2, 3])

def test_port(resp): assert 6390 == 7000 and "x6390y" == "x7000y" and 163900 > 100000 and 5555 != int("5" * 4)
def test_version(resp): assert importlib.metadata.version("small") == "1.0"
def test_skipped(resp): pytest.skip("not today")
def test_listed(resp): assert False
def test_no_more(resp): assert True
def test_endless(resp): time.sleep(1e6)
def test_wrong(resp): assert resp == 4
def test_none_of_its_fixtures(resp, nothing): assert True
"""


def pack(file: Path, files: dict[str, str]) -> str:
    with tarfile.open(file, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{file.name.removesuffix('.tar.gz')}/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def serve(certificates: Path | None) -> AbstractContextManager[Endpoint]:
    assert certificates is None or certificates.is_dir()
    return nullcontext(Endpoint(7000, 7001))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.setattr(sources, "BUILD", tmp_path)
    metadata = "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n"
    files = {"PKG-INFO": metadata, "tests/test_small.py": TESTS, "tests/test_broken.py": "import nothing"}
    files["ends/test_ends.py"] = "import os\ndef test_end(): os._exit(1)"
    files["tests/test_none.py"] = "import pytest; pytest.skip('no module', allow_module_level=True)"
    sha256 = pack(tmp_path / "small-1.0.tar.gz", files)
    file = tmp_path / "small.toml"
    file.write_text(SUITE.format(sha256=sha256))
    return read(file)


def test_a_suite_is_run(small: Suite) -> None:
    result = execute(Run(small, small.parts[0], 3), serve, ())
    assert {test.rpartition("::")[2]: outcome for test, outcome in result.outcomes.items()} == {
        "test_port[3]": "passed",
        "test_version[3]": "passed",
        "test_skipped[3]": "skipped",
        "test_listed[3]": "listed",
        "test_no_more[3]": "stale",
        "test_endless[3]": "listed",
        "test_wrong[3]": "failed",
        "test_none_of_its_fixtures[3]": "failed",
        "tests/test_none.py": "skipped",
    }
    assert result.reasons == {"no module": 1, "not today": 1, "listed: is wrong": 1, "listed: never ends": 1}
    assert unused(small.skips, result.used) == ["*::test_gone*"]
    assert "nothing" in result.log.read_text()


def test_a_run_that_pytest_cannot_make_is_no_result(small: Suite) -> None:
    with pytest.raises(SuiteError, match=r"small, all, RESP2: pytest ended with 4"):
        execute(Run(small, small.parts[0], 2), serve, ["--no-such-option"])


def test_a_run_that_a_test_ends_is_no_result(small: Suite) -> None:
    with pytest.raises(SuiteError, match=r"small, ends, RESP3: pytest ended with 1, before it was done"):
        execute(Run(small, small.parts[1], 3), serve, ())


def test_a_server_is_started_with_certificates(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    write_certificates(folder)
    trusted = ssl.create_default_context(cafile=folder / "ca.crt")
    trusted.load_cert_chain(folder / "client.crt", folder / "client.key")
    with serving([sys.executable, "-m", "vermilion"], folder) as endpoint:
        assert endpoint.tls_url == f"rediss://localhost:{endpoint.tls_port}"
        with (
            socket.create_connection(("127.0.0.1", endpoint.tls_port), 10) as plain,
            trusted.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"PING\r\n")
            assert connection.recv(7) == b"+PONG\r\n"


def test_a_server_that_does_not_start() -> None:
    with (
        pytest.raises(SuiteError, match=r"(?s)the server does not listen: .*no-such-directive"),
        serving([sys.executable, "-m", "vermilion", "--no-such-directive", "1"]),
    ):
        pass


def test_what_is_left_out_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"tests/\*\.txt names nothing"):
        sources.remove(tmp_path, "tests/*.txt")


def test_another_file_than_the_pinned_one_is_refused(small: Suite, tmp_path: Path) -> None:
    with (tmp_path / "small-1.0.tar.gz").open("ab") as file:
        file.write(b"more")
    with pytest.raises(SuiteError, match="its hash is another"):
        sources.fetch(small.source)


PRINTED = """\
small (small-1.0)
  all        RESP2  1 passed, 1 failed, 1 stale, 0 listed, 0 skipped  in 7 s
    failed: b
    stale: c
    see log
"""


@pytest.mark.parametrize(
    ("whole", "expected"), [(True, PRINTED + "  stale: *::gone names no test\n\n"), (False, PRINTED + "\n")]
)
def test_what_is_printed(whole: bool, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    part = Part("all", ["tests"])
    skips = [Skip(["c", "*::gone"], "why")]
    suite = Suite(Path("small.toml"), Source("small", "1.0", ""), [part], skips=skips)
    outcomes = {"a": "passed", "b": "failed", "c": "stale"}
    result = Result(Run(suite, part, 2), outcomes, {}, frozenset("c"), Path("log"), 7.1)
    assert not command_line.report(suite, [result], whole=whole)
    assert capsys.readouterr().out == expected


def test_nothing_wrong_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    part = Part("all", ["tests"])
    suite = Suite(Path("small.toml"), Source("small", "1.0", ""), [part])
    result = Result(Run(suite, part, 3), {"a": "passed", "b": "skipped"}, {}, frozenset(), Path("log"), 1)
    assert command_line.report(suite, [result], whole=True)
    assert "1 passed, 0 failed, 0 stale, 0 listed, 1 skipped" in capsys.readouterr().out


def test_a_suite_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["jedis"]) == 2
    assert capsys.readouterr().err == "suites: there is no suite 'jedis', but fakeredis, redis-py\n"


def test_a_run_that_is_lost_does_not_take_the_others_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def execute(run: Run, *_: object) -> Result:
        if run.resp == 2:
            raise SuiteError("pytest was killed")
        return Result(run, {"a": "passed"}, {}, frozenset(), Path("log"), 1)

    monkeypatch.setattr(command_line, "execute", execute)
    assert command_line.main(["redis-py", "--part", "sync"]) == 2
    printed = capsys.readouterr()
    assert "  sync       RESP3  1 passed, 0 failed" in printed.out
    assert "RESP2" not in printed.out
    assert printed.err == "suites: pytest was killed\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[source", "Expected ']'"),
        ("a = 1", "'source'"),
        ('[[skip]]\ntests = ["a"]\nreason = " "', "gives no reason"),
        ('[[skip]]\ntests = ["a"]\nwhy = "b"', "unexpected keyword argument 'why'"),
    ],
)
def test_a_file_that_breaks_the_format(text: str, error: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(SuiteError, match=rf"bad\.toml: .*{error}"):
        read(file)


def test_a_skip_may_be_for_one_protocol_and_one_part() -> None:
    skip = Skip(["a::*"], "why", resp=3, part="sync")
    assert skip.covering("a::b", 3, "sync") == "a::*"
    assert skip.covering("a::b", 2, "sync") is None
    assert skip.covering("a::b", 3, "asyncio") is None
    assert skip.covering("b::a::b", 3, "sync") is None


def test_the_suites_here() -> None:
    assert names() == ["fakeredis", "redis-py"]
    for suite in map(load, names()):
        assert len(suite.source.sha256) == 64
        assert suite.parts
        for part in suite.parts:
            plugins = [after for word, after in pairwise(part.arguments) if word == "-p"]
            assert all(map(find_spec, plugins))
            assert bool(plugins) == (part.name == "in-process")
