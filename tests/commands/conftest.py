"""An engine whose clock stands still, and the way to call its commands."""

from collections.abc import Callable

import pytest

from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.clock import ManualClock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.session import Nowhere, Session


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def config() -> Config:
    return Config()


@pytest.fixture
def engine(clock: ManualClock, config: Config) -> Engine:
    return MemoryCacheBackend(clock=clock, config=config).engine


@pytest.fixture
def session(engine: Engine) -> Session:
    return engine.open_session(Nowhere("test:0"))


@pytest.fixture
def run(engine: Engine, session: Session) -> Callable[..., object]:
    """Call a command with words of any type; an error reply comes back as its text, as a str."""

    def call(*words: bytes | str | int) -> object:
        argv = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        reply = engine.execute(session, argv)
        return reply.message if isinstance(reply, RespError) else reply

    return call
