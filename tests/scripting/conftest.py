"""A backend whose clock stands still, and what runs a script in it."""

from collections.abc import Callable

import pytest

from vermilion import MemoryCacheBackend
from vermilion.clock import ManualClock
from vermilion.engine.engine import Engine
from vermilion.protocol.reply import Reply
from vermilion.session import Nowhere, Session

Call = Callable[..., Reply]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(clock: ManualClock) -> Engine:
    return MemoryCacheBackend(clock=clock).engine


@pytest.fixture
def session(engine: Engine) -> Session:
    return engine.open_session(Nowhere("test:0"))


@pytest.fixture
def call(engine: Engine, session: Session) -> Call:
    """Run one call; words may be text."""

    def run(*words: str | bytes) -> Reply:
        argv = [word.encode() if isinstance(word, str) else word for word in words]
        return engine.execute(session, argv)  # type: ignore[return-value]  # nothing here waits

    return run
