"""A backend whose clock stands still, and what runs a script in it."""

from collections.abc import Callable

import pytest

from vermilion import MemoryCacheBackend
from vermilion.clock import ManualClock
from vermilion.engine.engine import Engine
from vermilion.protocol.reply import Reply
from vermilion.session import Session

Call = Callable[..., Reply]


class Nowhere:
    """A connection that is none."""

    address = "127.0.0.1:5000"
    local_address = "127.0.0.1:6379"
    fileno = -1
    query_buffered = 0
    output_buffered = 0

    def answer(self, reply: Reply) -> None: ...

    def push(self, message: Reply) -> None: ...

    def use_resp(self, version: int) -> None: ...

    def limit_requests(self, limited: bool) -> None: ...

    def close_after_reply(self) -> None: ...

    def abort(self) -> None: ...

    def reset(self) -> None: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(clock: ManualClock) -> Engine:
    return MemoryCacheBackend(clock=clock).engine


@pytest.fixture
def session(engine: Engine) -> Session:
    return engine.open_session(Nowhere())


@pytest.fixture
def call(engine: Engine, session: Session) -> Call:
    """Run one call; words may be text."""

    def run(*words: str | bytes) -> Reply:
        argv = [word.encode() if isinstance(word, str) else word for word in words]
        return engine.execute(session, argv)  # type: ignore[return-value]  # nothing here waits

    return run
