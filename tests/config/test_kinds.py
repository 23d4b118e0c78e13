"""What holds of every kind of value, for any text."""

import io
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vermilion.config import Config
from vermilion.directives import Directive
from vermilion.errors import RespError
from vermilion.kinds import Kind, SecretUrl, memory_text, parse_memory, to_bytes, to_text
from vermilion.settings import BY_NAME, Settings

KINDS = sorted(
    {type(one.kind).__name__: one for one in Settings.directives if one.access == "live"}.values(),
    key=lambda one: one.name,
)
WORDS = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "7",
        "64mb",
        "50%",
        "99.9",
        "yes",
        "no",
        "save",
        "now",
        "normal",
        "slave",
        "pubsub",
        "K",
        "E",
        "A",
    ]
)
TEXTS = st.one_of(st.binary(max_size=12), st.lists(WORDS, max_size=8).map(" ".join).map(str.encode))


@pytest.mark.parametrize("directive", KINDS, ids=lambda one: type(one.kind).__name__)
@settings(max_examples=30)
@given(text=TEXTS)
def test_what_is_accepted_is_answered_in_a_form_that_is_accepted(directive: Directive, text: bytes) -> None:
    # what is no address comes this far and no further: listening refuses it
    assume(directive.name != "bind" or set(text).isdisjoint(b"\t\n\v\f\r"))
    config = Config()
    name = directive.name.encode()
    with suppress(RespError):
        config.set([(name, text)])
    answer = config.get([name])
    again = Config()
    again.set([(name, answer[name])])
    assert again.get([name]) == answer
    lines = "".join(
        f"{directive.name} {line}\n"
        for line in directive.kind.lines(getattr(config.settings, directive.attribute))
    )
    assert Config.from_arguments(["-"], {}, io.StringIO(lines)).get([name]) == answer


@given(st.integers(0, 2**63 - 1))
def test_memory_is_written_as_it_is_read(value: int) -> None:
    assert parse_memory(memory_text(value)) == value


@given(st.binary())
def test_any_bytes_are_a_text_and_back(raw: bytes) -> None:
    assert to_bytes(to_text(raw)) == raw


def test_every_kind_in_use_is_tried() -> None:
    tried = {type(one.kind) for one in KINDS}
    untried = {type(one.kind).__name__ for one in BY_NAME.values()} - {kind.__name__ for kind in tried}
    assert untried == {
        "Directory",
        "FileName",
        "LogFile",
        "Octal",
        "ReplicaOf",
        "SecretUrl",
        "SentinelOnly",
        "Users",
        "Words",
    }


def test_a_kind_says_how_it_reads() -> None:
    with pytest.raises(NotImplementedError):
        Kind[int]().parse(["1"])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://ada:secret@cache:6380/2", "redis://cache:6380/2"),
        ("rediss://cache/0?ssl_keyfile=/me.key", "rediss://cache/0"),
        ("redis+sentinel://:se@cret@a,b/main?sentinel_password=secret", "redis+sentinel://a,b/main"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("secret", ""),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    kind = SecretUrl()
    assert kind.text(kind.parse([url])) == shown
    assert kind.lines(kind.parse([url])) == [f'"{url}"']
