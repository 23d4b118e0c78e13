"""An engine whose clock stands still, and clients that count what is done to their connections."""

from collections.abc import Callable

import pytest

from vermilion.clock import ManualClock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.protocol.reply import Reply
from vermilion.session import Session


class FakeTransport:
    """A connection that is none."""

    local_address = "127.0.0.1:6379"
    fileno = -1
    query_buffered = 3
    output_buffered = 4

    def __init__(self, address: str = "127.0.0.1:5000") -> None:
        self.address = address
        self.aborted = False
        self.was_reset = False
        self.was_closed = False
        self.replies: list[Reply] = []

    def answer(self, reply: Reply) -> None:
        self.replies.append(reply)

    def push(self, message: Reply) -> None:
        self.replies.append(message)

    def use_resp(self, version: int) -> None: ...

    def limit_requests(self, limited: bool) -> None: ...

    def close_after_reply(self) -> None:
        self.was_closed = True

    def abort(self) -> None:
        self.aborted = True

    def reset(self) -> None:
        self.was_reset = True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def config() -> Config:
    return Config()


@pytest.fixture
def engine(clock: ManualClock, config: Config) -> Engine:
    return Engine(config.settings, config, clock=clock)


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def session(engine: Engine, transport: FakeTransport) -> Session:
    return engine.open_session(transport)


@pytest.fixture
def run(engine: Engine, session: Session) -> Callable[..., object]:
    """Run a line of words; an error reply comes back as its text, as a str."""

    def call(line: str) -> object:
        reply = engine.execute(session, line.encode().split(b" "))
        return reply.message if isinstance(reply, RespError) else reply

    return call


@pytest.fixture
def info(engine: Engine) -> Callable[[str], dict[str, str]]:
    """Read a section of INFO."""

    def fields(section: str) -> dict[str, str]:
        lines = engine.info([section]).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if line and not line.startswith("#"))

    return fields
