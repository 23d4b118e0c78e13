"""CLIENT LIST: the fields that depend on how a client has come, and on what it does just now."""

from collections.abc import Callable

import pytest

from vermilion.protocol.reply import Verbatim
from vermilion.session import CLIENT_SIZE, Session

Run = Callable[..., object]
Fields = Callable[[], dict[str, str]]


@pytest.fixture
def fields(run: Run) -> Fields:
    """Read CLIENT INFO."""

    def read() -> dict[str, str]:
        reply = run("CLIENT", "INFO")
        assert isinstance(reply, Verbatim)
        return dict(field.split("=", 1) for field in reply.text.decode().split())

    return read


@pytest.mark.parametrize(
    ("address", "fileno", "flags"),
    [("127.0.0.1:5000", 7, "N"), ("/run/socket:0", 7, "U"), ("socket:0", 7, "U"), ("test:0", -1, "N")],
)
def test_who_came_over_a_unix_socket_has_a_flag(
    fields: Fields, session: Session, monkeypatch: pytest.MonkeyPatch, address: str, fileno: int, flags: str
) -> None:
    monkeypatch.setattr(session.transport, "address", address)
    monkeypatch.setattr(session.transport, "fileno", fileno)
    assert fields()["flags"] == flags


def test_flags_stand_in_redis_order(fields: Fields, run: Run) -> None:
    run("CLIENT", "NO-TOUCH", "ON")
    run("CLIENT", "NO-EVICT", "ON")
    assert fields()["flags"] == "eT"


def test_memory_is_what_waits_and_what_is_fixed(
    fields: Fields, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.transport, "query_buffered", 10)
    monkeypatch.setattr(session.transport, "output_buffered", 200)
    found = fields()
    assert (found["qbuf"], found["omem"], found["oll"], found["events"]) == ("10", "200", "1", "rw")
    assert found["argv-mem"] == str(len("CLIENTINFO"))
    assert found["tot-mem"] == str(CLIENT_SIZE + 210 + len("CLIENTINFO"))
