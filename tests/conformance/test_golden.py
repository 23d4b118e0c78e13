"""Golden transcripts: what is written is read back, and the same replies give the same bytes."""

from pathlib import Path

import pytest

from conformance.corpus import load, parse
from conformance.golden import GoldenError, Transcript, golden_path, read, write

FILE = parse(
    """
    case both alike
      run SET k v
      same GET k
    case each its own
      same GET nothing
      same HELLO
    case one protocol
      resp 2
      same PING
    """,
    "group/topic",
)
ALIKE, OWN, ONE = FILE.cases


def transcript() -> Transcript:
    recorded = Transcript("8.0.6")
    recorded.add(ALIKE, {2: ['$"v"'], 3: ['$"v"']})
    recorded.add(OWN, {2: ["$nil", "*2\n  :1\n  :2"], 3: ["_", "%1\n  :1\n    :2"]})
    recorded.add(ONE, {2: ["+PONG"]})
    return recorded


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write(transcript(), FILE.topic, tmp_path)
    found = read(FILE, tmp_path)
    assert found == transcript()
    assert found.expected(OWN, 3) == ["_", "%1\n  :1\n    :2"]
    assert found.expected(ONE, 2) == ["+PONG"]
    assert found.expected(ONE, 3) is None


def test_the_text(tmp_path: Path) -> None:
    write(transcript(), FILE.topic, tmp_path)
    text = golden_path(FILE.topic, tmp_path).read_text("utf-8")
    head, _, rest = text.partition("\n\n")
    assert head.startswith("# group/topic: replies of Redis 8.0.6. ")
    assert rest.startswith(
        'case both alike\n  same GET k\n    $"v"\n\ncase each its own\n  same GET nothing\n'
        "   resp2\n    $nil\n   resp3\n    _\n  same HELLO\n"
    )


def test_a_case_changed_since_is_not_recorded(tmp_path: Path) -> None:
    write(transcript(), FILE.topic, tmp_path)
    found = read(FILE, tmp_path)
    changed = parse("case both alike\n run SET k v\n same_sorted GET k\ncase new\n same PING", FILE.topic)
    assert [found.expected(case, 2) for case in changed.cases] == [None, None]


def test_a_file_never_recorded(tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match="group/topic was never recorded"):
        read(FILE, tmp_path)


def test_the_transcripts_are_those_of_the_corpus() -> None:
    recorded = {path.resolve() for path in golden_path("x/y").parent.parent.rglob("*.golden")}
    assert recorded == {golden_path(case_file.topic).resolve() for case_file in load()}
    versions = set()
    for case_file in load():
        found = read(case_file)
        versions.add(found.version)
        assert list(found.cases) == [case.title for case in case_file.cases], case_file.topic
        for case in case_file.cases:
            for protocol in case.protocols:
                assert found.expected(case, protocol) is not None, (case_file.topic, case.title)
    assert versions == {"8.0.6"}
