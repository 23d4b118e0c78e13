"""Access control of an engine: gates, what other parts ask it, and users in files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.conftest import FakeTransport
from vermilion.clock import ManualClock
from vermilion.commands.registry import COMMANDS
from vermilion.config import Config
from vermilion.engine.acl import AclStartError
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.session import GATE_ACL, GATE_AUTH, Session

Run = Callable[[str], object]


class Client:
    """A connection of its own, and its user."""

    def __init__(self, engine: Engine, user: str = "u") -> None:
        self.engine = engine
        self.transport = FakeTransport()
        self.session = engine.open_session(self.transport)
        self("AUTH", user, "p")

    def __call__(self, *words: str) -> object:
        reply = self.engine.execute(self.session, [word.encode() for word in words])
        return reply.message if isinstance(reply, RespError) else reply


def started(**directives: str) -> Engine:
    """Return an engine with a configuration."""
    words = [word for name, value in directives.items() for word in (f"--{name}", *value.split())]
    config = Config.from_arguments(words, {})
    return Engine(config.settings, config, clock=ManualClock())


def test_only_restricted_users_carry_the_gate(engine: Engine, run: Run, session: Session) -> None:
    run("ACL SETUSER u on nopass ~* &* +@all")
    client = Client(engine)
    assert not (client.session.gates | session.gates) & GATE_ACL
    run("ACL SETUSER u -debug")
    assert client.session.gates & GATE_ACL
    run("ACL SETUSER u (+@all ~* &*)")
    assert not client.session.gates & GATE_ACL
    run("ACL SETUSER u clearselectors")
    assert client.session.gates & GATE_ACL
    client("RESET")
    assert client.session.user is engine.acl.default
    assert not client.session.gates & GATE_ACL


def test_whether_clients_must_authenticate_follows_the_default_user(engine: Engine, run: Run) -> None:
    run("ACL SETUSER default >x")
    late = Client(engine, "nosuch")
    assert late.session.gates & GATE_AUTH
    run("ACL SETUSER default nopass")
    assert not late.session.gates & GATE_AUTH
    run("CONFIG SET requirepass y")
    assert late.session.gates & GATE_AUTH
    assert late("AUTH", "y") is not None
    assert not late.session.gates & GATE_AUTH


def test_a_rule_that_is_refused_changes_nothing(engine: Engine, run: Run) -> None:
    run("ACL SETUSER u on >p ~a +get")
    before = engine.acl.lines()
    assert run("ACL SETUSER u off +set ~b foo") == "ERR Error in ACL SETUSER modifier 'foo': Syntax error"
    assert engine.acl.lines() == before


def test_what_exec_says_of_lost_permissions(engine: Engine, run: Run) -> None:
    run("ACL SETUSER u on nopass ~k &c +get")
    session = Client(engine).session
    get = COMMANDS["get"]
    assert engine.acl.refusal_at_exec(session, get, [b"GET", b"k"]) is None
    refused = engine.acl.refusal_at_exec(session, get, [b"GET", b"x"])
    assert refused is not None
    assert refused.endswith("for the following reason: no permission to touch the specified keys")
    run("ACL SETUSER u -get")
    refused = engine.acl.refusal_at_exec(session, get, [b"GET", b"k"])
    assert refused is not None
    assert refused.endswith("no permission to execute the command or subcommand")
    assert [entry.refusal.context for entry in engine.acl.log.latest(10)] == ["multi", "multi"]


def test_scripts_ask_without_a_trace(engine: Engine, run: Run) -> None:
    run("ACL SETUSER u on nopass ~k +get")
    session = Client(engine).session
    assert engine.acl.permits(session, [b"get", b"k"])
    assert not engine.acl.permits(session, [b"get", b"x"])
    assert not engine.acl.permits(session, [b"del", b"k"])
    with pytest.raises(RespError, match="not found"):
        engine.acl.permits(session, [b"nosuch"])
    assert engine.acl.log.latest(10) == []
    refused = engine.acl.refusal(session, COMMANDS["del"], [b"del", b"k"], "lua")
    assert refused == "NOPERM User u has no permissions to run the 'del' command"
    assert engine.acl.log.latest(10)[0].refusal.context == "lua"


def test_listeners_are_cut_when_their_channels_are_taken_away(engine: Engine, run: Run) -> None:
    run("ACL SETUSER u on nopass &ch:* &x +@all")
    hears_channel, hears_pattern, hears_nothing = Client(engine), Client(engine), Client(engine)
    heard = {hears_channel.session: ([b"ch:1"], []), hears_pattern.session: ([], [b"ch:*"])}
    engine.acl.heard = lambda session: heard.get(session, ([], []))
    run("ACL SETUSER u &more")
    clients = (hears_channel, hears_pattern, hears_nothing)
    assert [client.transport.aborted for client in clients] == [False, False, False]
    run("ACL SETUSER u resetchannels &ch:1")
    assert [client.transport.aborted for client in clients] == [False, True, False]
    run("ACL SETUSER u resetchannels")
    assert [client.transport.aborted for client in clients] == [True, True, False]


def test_info_counts_refusals(engine: Engine, run: Run, info: Callable[[str], dict[str, str]]) -> None:
    run("ACL SETUSER u on nopass ~k +get")
    client = Client(engine)
    client("AUTH", "nosuch", "p")
    client("SET", "k", "v")
    client("GET", "x")
    stats = info("stats")
    counted = [stats[f"acl_access_denied_{reason}"] for reason in ("auth", "cmd", "key", "channel")]
    assert counted == ["1", "1", "1", "0"]
    assert engine.commands[b"set"].rejected == 1


# Users of the configuration -----------------------------------------------------------------------------


def test_users_of_the_configuration() -> None:
    engine = started(requirepass="secret", user="alice on >x ~a +get (+set ~b)")
    assert [line.split()[1:3] for line in engine.acl.lines()] == [[b"alice", b"on"], [b"default", b"on"]]
    assert Client(engine, "default")("PING") == "NOAUTH Authentication required."


def test_a_declaration_of_the_default_user_comes_after_requirepass() -> None:
    engine = started(requirepass="secret", user="default on nopass ~k +get")
    assert engine.acl.lines() == [b"user default on nopass sanitize-payload ~k resetchannels -@all +get"]


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        (
            "bob on +nosuch",
            "Error loading ACL rule '+nosuch' for the user named 'bob': Unknown command or category name in ACL",
        ),
        ('"a b" on', "Spaces not allowed in ACL usernames"),
        ("bob (+get", "Unmatched parenthesis in acl selector starting at '(+get'."),
    ],
)
def test_a_start_that_users_prevent(tmp_path: Path, declaration: str, reason: str) -> None:
    (tmp_path / "redis.conf").write_text(f"user {declaration}\n")
    config = Config.from_arguments([str(tmp_path / "redis.conf")], {})
    with pytest.raises(AclStartError) as raised:
        Engine(config.settings, config)
    assert str(raised.value) == reason


def test_config_rewrite_writes_the_users(tmp_path: Path) -> None:
    path = tmp_path / "redis.conf"
    path.write_text("# hi\nuser alice on nopass ~a +get\nhz 10\nuser bob off\n")
    config = Config.from_arguments([str(path)], {})
    engine = Engine(config.settings, config)
    client = Client(engine, "default")
    assert client("ACL", "DELUSER", "bob") == 1
    client("ACL", "SETUSER", "carl", "on")
    client("CONFIG", "REWRITE")
    lines = path.read_text().splitlines()
    assert lines[:4] == [
        "# hi",
        "user alice on nopass sanitize-payload ~a resetchannels -@all +get",
        "hz 10",
        "user carl on sanitize-payload resetchannels -@all",
    ]
    assert lines[-1] == "user default on nopass sanitize-payload ~* &* +@all"
    again = Config.from_arguments([str(path)], {})
    assert Engine(again.settings, again).acl.lines() == engine.acl.lines()


# The ACL file -------------------------------------------------------------------------------------------


def test_an_acl_file_is_loaded_and_saved(tmp_path: Path) -> None:
    path = tmp_path / "users.acl"
    path.write_text("user default on nopass ~* &* +@all\nuser u on nopass ~a +@all\nuser v on nopass +@all\n")
    engine = started(aclfile=str(path))
    admin, kept, lost = Client(engine, "default"), Client(engine), Client(engine, "v")
    assert admin("ACL", "SETUSER", "w", "on", "(+get", "~x)") is not None
    admin("ACL", "DELUSER", "u")
    assert kept.transport.aborted
    admin("ACL", "SAVE")
    assert path.read_bytes() == b"".join(line + b"\n" for line in engine.acl.lines())
    assert [file.name for file in tmp_path.iterdir()] == ["users.acl"]
    path.write_text("user u on nopass +get\n")
    admin("ACL", "LOAD")
    assert list(engine.acl.users) == [b"default", b"u"]
    assert lost.transport.aborted
    assert not admin.transport.aborted
    assert admin("PING") is not None


def test_a_faulty_acl_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "users.acl"
    path.write_text("user u on\n")
    engine = started(aclfile=str(path))
    before = engine.acl.lines()
    path.write_text("user u off\nuser x foo\n")
    client = Client(engine, "default")
    assert client("ACL", "LOAD") == (
        f"ERR {path}:2: Syntax error. WARNING: ACL errors detected, no change to the previously active ACL rules was"
        " performed"
    )
    path.unlink()
    assert (
        client("ACL", "LOAD") == f"ERR Error loading ACLs, opening file '{path}': No such file or directory"
    )
    assert engine.acl.lines() == before


def test_an_acl_file_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "users.acl").write_text("")
    engine = started(aclfile=str(folder / "users.acl"))
    (folder / "users.acl").unlink()
    folder.rmdir()
    assert str(Client(engine, "default")("ACL", "SAVE")).startswith("ERR There was an error trying to save")


def test_a_start_that_an_acl_file_prevents(tmp_path: Path) -> None:
    path = tmp_path / "none.acl"
    with pytest.raises(AclStartError) as raised:
        started(aclfile=str(path))
    assert str(raised.value) == (
        f"Aborting Redis startup because of ACL errors: Error loading ACLs, opening file '{path}': No such file or"
        " directory"
    )
    with pytest.raises(AclStartError, match="invalid"):
        started(aclfile=str(path), user="bob on")
