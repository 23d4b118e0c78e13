"""Selectors: any rules, told again, make the same permissions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.access.catalogue import catalogue
from vermilion.access.selector import READ, READ_WRITE, WRITE, RuleError, Selector

COMMANDS = catalogue(
    [
        ("get", ["read", "string"]),
        ("set", ["write", "string"]),
        ("select", ["connection"]),
        ("config", ["slow"]),
        ("config|get", ["admin"]),
        ("config|set", ["admin"]),
    ],
    ["read", "write", "string", "connection", "slow", "admin", "geo"],
)
NAMES = st.sampled_from(sorted(COMMANDS.families)).map(str.encode)
PATTERNS = st.text("ab*?[]\\%~&", max_size=4).map(str.encode)
COMMAND_RULES = st.one_of(
    st.builds(bytes.__add__, st.sampled_from([b"+", b"-"]), NAMES),
    st.sampled_from([b"+select|0", b"+select|a", b"+get|x", b"+@all", b"-@all", b"allcommands", b"nocommands"]),
    st.builds(
        bytes.__add__, st.sampled_from([b"+@", b"-@"]), st.sampled_from(sorted(COMMANDS.categories)).map(str.encode)
    ),
)  # fmt: skip
KEY_RULES = st.one_of(
    st.builds(bytes.__add__, st.sampled_from([b"~", b"%R~", b"%W~", b"%RW~"]), PATTERNS),
    st.sampled_from([b"allkeys", b"resetkeys", b"%R"]),
)
CHANNEL_RULES = st.one_of(PATTERNS.map(b"&".__add__), st.sampled_from([b"allchannels", b"resetchannels"]))
RULES = st.lists(st.one_of(COMMAND_RULES, KEY_RULES, CHANNEL_RULES), max_size=12)


def made(*rules: bytes) -> Selector:
    """Return a selector of the rules that may be."""
    selector = Selector(COMMANDS)
    for rule in rules:
        try:
            selector.apply(rule)
        except RuleError:
            continue  # a pattern after all of them
    return selector


def answers(selector: Selector) -> list[bool]:
    """Return what a selector permits of everything that the rules may speak of."""
    names = [b"", b"a", b"b", b"ab", b"*", b"a*", b"[a]"]
    return [
        selector.unrestricted,
        *(
            selector.allows_command(name, [b"x", argument])
            for name in COMMANDS.families
            for argument in (b"0", b"A", b"x", b"y")
        ),
        *(selector.allows_key(name, needed) for name in names for needed in (0, READ, WRITE, READ_WRITE)),
        *(selector.allows_any_key(needed) for needed in (READ, WRITE)),
        *(selector.allows_channel(name, pattern=pattern) for name in names for pattern in (False, True)),
    ]


@given(RULES)
def test_a_description_makes_the_same_selector(rules: list[bytes]) -> None:
    selector = made(*rules)
    again = made(*selector.describe().split(b" "))
    assert again.describe() == selector.describe()
    assert answers(again) == answers(selector)


@given(RULES, RULES)
def test_a_copy_goes_its_own_way(rules: list[bytes], more: list[bytes]) -> None:
    selector = made(*rules)
    before = selector.describe(), answers(selector)
    copy = selector.copy()
    assert (copy.describe(), answers(copy)) == before
    for rule in more:
        try:
            copy.apply(rule)
        except RuleError:
            continue
    assert (selector.describe(), answers(selector)) == before


@given(RULES, st.binary(max_size=6))
def test_a_rule_that_is_refused_changes_nothing(rules: list[bytes], rule: bytes) -> None:
    selector = made(*rules)
    before = selector.describe(), answers(selector)
    try:
        selector.apply(rule)
    except RuleError:
        assert (selector.describe(), answers(selector)) == before
    else:
        assert made(*selector.describe().split(b" ")).describe() == selector.describe()


@pytest.mark.parametrize(
    ("rules", "described"),
    [
        ("+get -get", "resetchannels -@all -get"),
        ("+config|get +config", "resetchannels -@all +config"),
        ("+config -config|get", "resetchannels -@all +config -config|get"),
        ("%R~a %W~a &x", "~a resetchannels &x -@all"),
        ("allkeys allchannels +@all -@admin", "~* &* +@all -@admin"),
    ],
)
def test_descriptions(rules: str, described: str) -> None:
    assert made(*rules.encode().split()).describe() == described.encode()


def test_a_category_brings_the_subcommands_of_its_containers() -> None:
    selector = made(b"+@slow")
    assert selector.allows_command("config|set", [])
    selector.apply(b"-@admin")
    assert not selector.allows_command("config|set", [])


def test_many_keys_are_judged_within_bounds() -> None:
    selector = made(b"~a*")
    for number in range(3000):
        assert selector.allows_key(b"a%d" % number, READ)
        assert not selector.allows_key(b"b%d" % number, READ)
    selector.apply(b"~b*")
    assert selector.allows_key(b"b1", READ)
