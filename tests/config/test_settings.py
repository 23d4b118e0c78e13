"""The table of directives, against what a real Redis said of each."""

import io
import os
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance.directives import PAGE, page
from vermilion.config import Config, ConfigError
from vermilion.directives import Directive
from vermilion.errors import RespError
from vermilion.settings import BY_NAME, Settings

FIXTURE = Path(__file__).with_name("directives.txt")
PROBES = ("?", "-9000000000000000000", "9000000000000000000")


class Recorded(NamedTuple):
    name: str
    default: str
    access: str
    visibility: str
    refusals: tuple[str, ...]


def _recorded() -> list[Recorded]:
    lines = FIXTURE.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [
        Recorded(name, default, access, visibility, tuple(refusals))
        for name, default, access, visibility, *refusals in rows
    ]


RECORDED = _recorded()
EVERY_DIRECTIVE = pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)

REFUSED_LATER = {"locale-collate"}  # Redis refuses it too, but without naming the line

OTHER_DEFAULTS = {
    "bind": "127.0.0.1 -::1"
}  # what redis.conf begins with; Redis without a file takes every address

PARAMETERS = {name for name, directive in BY_NAME.items() if directive.access != "file"}


OWN = {
    "enable-test-commands", "metrics-bind", "metrics-port",
    "backend", "upstream", "upstream-connections", "upstream-in-flight", "upstream-start-timeout", "upstream-timeout",
}  # fmt: skip


def test_the_names_are_those_of_redis_and_our_own() -> None:
    assert {recorded.name for recorded in RECORDED} | OWN == PARAMETERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory for all: making one for each of a thousand tests takes longer than they do."""
    return tmp_path_factory.mktemp("settings")


@EVERY_DIRECTIVE
def test_default(recorded: Recorded, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)
    expected = ({"dir": str(folder)} | OTHER_DEFAULTS).get(recorded.name, recorded.default)
    assert Config().get([recorded.name.encode()]) == {recorded.name.encode(): expected.encode()}


@EVERY_DIRECTIVE
def test_visibility(recorded: Recorded) -> None:
    listed = recorded.name.encode() in Config().get([b"*"])
    assert listed is (recorded.visibility == "listed")


@EVERY_DIRECTIVE
def test_access(recorded: Recorded) -> None:
    config = Config()
    pair = (recorded.name.encode(), config.get([recorded.name.encode()])[recorded.name.encode()])
    if recorded.access == "live":
        config.set([pair])
    else:
        word = {"fixed": "immutable", "protected": "protected"}[recorded.access]
        with pytest.raises(RespError, match=f"'{recorded.name}'\\) - can't set {word} config$"):
            config.set([pair])


@EVERY_DIRECTIVE
def test_what_a_file_is_refused_with(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.chdir(folder)
    answers = []
    for probe in PROBES:
        try:
            Config.from_arguments(["-"], {}, io.StringIO(f"{recorded.name} {probe}\n"))
        except ConfigError as error:
            answers.append(error.reason)
        else:
            answers.append("-")
    if recorded.name in REFUSED_LATER:
        assert answers == ["Invalid locale name"] * 3
    else:
        assert tuple(answers) == recorded.refusals


@pytest.mark.parametrize("directive", Settings.directives, ids=lambda directive: directive.name)
def test_every_declaration_has_a_sentence(directive: Directive) -> None:
    assert directive.doc.endswith(".")


def test_settings_are_made_by_name() -> None:
    settings = Settings(port=0, requirepass=b"secret")
    assert (settings.port, settings.requirepass, settings.databases) == (0, b"secret", 16)


def test_settings_do_not_show_passwords() -> None:
    assert "secret" not in repr(Settings(requirepass=b"secret"))


def test_settings_have_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Settings().prot = 1  # type: ignore[attr-defined]


def test_two_settings_share_nothing() -> None:
    one, other = Config(), Config()
    one.set([(b"client-output-buffer-limit", b"pubsub 1 2 3"), (b"save", b"1 1")])
    assert other.settings.client_output_buffer_limit["pubsub"].hard == 32 << 20
    assert len(other.settings.save) == 3


def test_the_defaults_stand_in_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().dir == os.fspath(tmp_path)


def test_the_page_of_directives_is_the_one_that_the_declarations_make() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"
