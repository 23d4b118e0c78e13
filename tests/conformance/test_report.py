"""Verdicts, known differences, diffs and the table."""

from collections import Counter
from pathlib import Path

import pytest

from conformance.report import Known, KnownError, Outcome, Verdict, differences, judged, load_known, table


def outcomes(*pairs: tuple[str, str], known: tuple[Known, ...] = (), protocol: int = 2) -> list[Outcome]:
    steps = [(line, f"same STEP {line}") for line in range(1, len(pairs) + 1)]
    expected, got = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return list(judged("g/t", steps, "title", protocol, expected, got, known))


class TestVerdicts:
    def test_equal_texts_pass(self) -> None:
        verdicts = [outcome.verdict for outcome in outcomes((":1", ":1"), (":1", ":2"))]
        assert verdicts == [Verdict.PASSED, Verdict.FAILED]

    @pytest.mark.parametrize(
        ("entry", "covered"),
        [
            (Known("g/t", "title", "why"), True),
            (Known("g/t", "title", "why", step="same STEP 1"), True),
            (Known("g/t", "title", "why", resp=2), True),
            (Known("g/t", "title", "why", step="same STEP 2"), False),
            (Known("g/t", "title", "why", resp=3), False),
            (Known("g/t", "another", "why"), False),
            (Known("g/t", "tit…", "why"), True),
            (Known("g/t", "tat…", "why"), False),
            (Known("g/other", "title", "why"), False),
        ],
    )
    def test_a_known_difference_covers_what_it_names(self, entry: Known, *, covered: bool) -> None:
        (outcome,) = outcomes((":1", ":2"), known=(entry,))
        assert outcome.verdict is (Verdict.KNOWN if covered else Verdict.FAILED)

    def test_a_known_difference_that_is_none_passes(self) -> None:
        (outcome,) = outcomes((":1", ":1"), known=(Known("g/t", "title", "why"),))
        assert outcome.verdict is Verdict.PASSED


class TestKnownList:
    def test_entries(self, tmp_path: Path) -> None:
        path = tmp_path / "known.toml"
        path.write_text('[[known]]\nfile = "g/t"\ncase = "c"\nresp = 3\nreason = "why"\n', "utf-8")
        assert load_known(path) == [Known("g/t", "c", "why", resp=3)]

    @pytest.mark.parametrize(
        "entry", ['file = "g/t"\ncase = "c"', 'file = "g"\ncase = "c"\nreason = " "', 'file = "g"\nbogus = 1']
    )
    def test_an_entry_needs_place_and_reason(self, tmp_path: Path, entry: str) -> None:
        path = tmp_path / "known.toml"
        path.write_text(f"[[known]]\n{entry}\n", "utf-8")
        with pytest.raises(KnownError):
            load_known(path)

    def test_the_list_of_the_project_can_be_read(self) -> None:
        assert all(entry.reason for entry in load_known())


class TestText:
    def test_one_line_replies(self) -> None:
        (text,) = differences(outcomes((":1", ":2")))
        assert text == "g/t.case:1  resp2  title\n    same STEP 1\n    expected  :1\n    got       :2"

    def test_longer_ones_are_a_diff(self) -> None:
        (text,) = differences(outcomes(("*2\n  :1\n  :2", "*2\n  :1\n  :3")))
        assert text.endswith("- expected, + got\n     *2\n       :1\n    -  :2\n    +  :3")

    def test_both_protocols_alike_are_one(self) -> None:
        both = outcomes((":1", ":2"), ("_", ":3")) + outcomes((":1", ":2"), ("$nil", ":3"), protocol=3)
        heads = [text.partition("  title")[0] for text in differences(both)]
        assert heads == ["g/t.case:1  resp2+3", "g/t.case:2  resp2", "g/t.case:2  resp3"]

    def test_passed_and_known_replies_are_not_shown(self) -> None:
        assert differences(outcomes((":1", ":1"), (":1", ":2"), known=(Known("g/t", "title", "why"),))) == []

    def test_the_table(self) -> None:
        rows = [
            line.split() for line in table(outcomes((":1", ":1"), (":1", ":2")), Counter(h=3)).splitlines()
        ]
        assert rows[1:] == [
            ["g", "1", "1", "0", "2", "1", "0"],
            ["h", "0", "0", "3", "0", "0", "0"],
            ["all", "1", "1", "3", "2", "1", "0"],
        ]
