"""The case format: words, directives, variants, and what is refused."""

from pathlib import Path

import pytest

from conformance.corpus import CorpusError, load, parse, split_words


def words(text: str) -> list[bytes]:
    return [word.data for word in split_words(text)]


class TestWords:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("SET k v", [b"SET", b"k", b"v"]),
            ("  a   b ", [b"a", b"b"]),
            (r'"a b" ""', [b"a b", b""]),
            (r'"\x00\xfF\r\n\t\a\b\\\"\q"', b'\x00\xff\r\n\t\a\b\\"q'.split(b"never")),
            (r"'a\n' 'it\'s' ''", [b"a\\n", b"it's", b""]),
            ("é", ["é".encode()]),
            ("a\"b it's", [b'a"b', b"it's"]),
            ("@repeat:ab:3 @repeat:x:0", [b"ababab", b""]),
            (r"@repeat:\r\n:2", [b"\r\n\r\n"]),
            ("@range:k:9:11", [b"k9", b"k10", b"k11"]),
            ("@other", [b"@other"]),
        ],
    )
    def test_they_are_read_as_in_redis_cli(self, text: str, expected: list[bytes]) -> None:
        assert words(text) == expected

    @pytest.mark.parametrize("text", ['"a', "'a", '"', '"a"b', "'a'b", 'x "a\\"', "@repeat:x", "@range:k:1"])
    def test_refused(self, text: str) -> None:
        with pytest.raises(CorpusError):
            words(text)

    def test_what_a_let_saved_can_be_named(self) -> None:
        expands = [word.expands for word in split_words("${id} a${id.addr}b \"${id}\" '${id}' $id")]
        assert expands == [True, True, True, False, False]


class TestCases:
    def test_a_case(self) -> None:
        case_file = parse(
            """
            # a comment
            case first
              same SET k v
              @b approx:1..2 TTL k
            case second
              run PING
              @b recv:type
            """,
            "string/set",
        )
        assert (case_file.topic, case_file.group) == ("string/set", "string")
        first, second = case_file.cases
        assert (first.title, first.line, first.protocols) == ("first", 3, (2, 3))
        step = first.steps[1]
        assert (step.line, step.client, step.verb, step.parameter) == (5, "b", "approx", "1..2")
        assert step.source == "@b approx:1..2 TTL k"
        assert [step.compared for step in second.steps] == [False, True]
        assert second.steps[1].tolerance.verb == "type"

    def test_directives(self) -> None:
        text = (
            "requires lpush\ncase a\nconfig maxmemory 1mb\ncleanup DEBUG X\nresp 3\nrequires SADD\nsame GET k"
        )
        case = parse(text, "g/t").cases[0]
        assert case.configs == ((b"maxmemory", b"1mb"),)
        assert case.cleanup == ((b"DEBUG", b"X"),)
        assert case.protocols == (3,)
        assert case.requires == {"lpush", "sadd"}

    def test_each_multiplies(self) -> None:
        text = 'case GET {key} {n}\n  each key a "b c"\n  each n 1 2\n  same GET {key} {n} {other} ${n}'
        cases = parse(text, "g/t").cases
        assert [case.title for case in cases] == ["GET a 1", "GET a 2", 'GET "b c" 1', 'GET "b c" 2']
        assert [word.data for word in cases[2].steps[0].words] == [b"GET", b"b c", b"1", b"{other}", b"${n}"]

    def test_each_with_bars_has_values_of_several_words(self) -> None:
        cases = parse("case SET\n  each o | EX 10 | a|b\n  same SET k v {o}", "g/t").cases
        assert [case.title for case in cases] == ["SET []", "SET [EX 10]", "SET [a|b]"]
        assert [case.steps[0].source for case in cases] == [
            "same SET k v",
            "same SET k v EX 10",
            "same SET k v a|b",
        ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("same GET k", "g/t:1: a step before the first case: same GET k"),
            ("case\n same GET k", "g/t:1: a case needs a title"),
            ("case a", "g/t:1: a case without steps"),
            ("case a\n same GET k\ncase a\n same GET k", "two cases are called 'a'"),
            ("case a\n bogus GET k", "g/t:2: unknown verb 'bogus'"),
            ("case a\n same", "g/t:2: same takes a command"),
            ("case a\n recv GET", "g/t:2: recv takes no command"),
            ("case a\n heard GET", "g/t:2: heard takes no command"),
            ("case a\n let CLIENT ID", "let takes the name"),
            ("case a\n approx TTL k", "approx takes its range"),
            ("case a\n recv:nosuch", "no tolerance is called 'nosuch'"),
            ('case a\n same "GET', "unbalanced quotes"),
            ("case a\n sleep long", "g/t:2: invalid literal"),
            ("case a\n each x\n same GET k", "g/t:2: each takes a name and values"),
        ],
    )
    def test_refused_with_the_place(self, text: str, message: str) -> None:
        with pytest.raises(CorpusError, match=message.replace("(", r"\(")):
            parse(text, "g/t")


class TestLoading:
    def test_the_corpus_is_well_formed(self) -> None:
        topics = [case_file.topic for case_file in load()]
        assert topics == sorted(topics)
        assert {"string/set", "generic/scan", "connection/client", "server/config", "protocol/inline"} <= set(
            topics
        )

    def test_a_path_of_the_corpus_or_of_the_disk(self, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "own.case").write_text("case a\n same GET k", "utf-8")
        assert [case_file.topic for case_file in load([Path("string/set.case"), tmp_path])] == [
            "mine/own",
            "string/set",
        ]

    def test_a_path_without_cases(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match="no case files"):
            load([tmp_path])
