"""What all test folders share: a real server, and repeatable examples."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from tests.certificates import Certificates
from tests.real_server import RealServer

# The same examples in every run: a failure is repeated, not met once.
# Without shrinking, which can go on for minutes: the example that failed is shown as it is.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target),
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def the_logger_as_it_was() -> Iterator[None]:
    """The command line sets the logger up, and frameworks change those of others and the root; no test is to notice."""
    logging.getLogger().setLevel(logging.WARNING)
    logger = logging.getLogger("vermilion")
    logger.disabled, logger.propagate = False, True
    logger.setLevel(logging.NOTSET)
    before = logger.handlers[:]
    yield
    logger.handlers[:] = before


@pytest.fixture(scope="session")
def real_server() -> Iterator[RealServer]:
    """A real Redis or Valkey, one per test process; a test that uses it empties it first."""
    server = RealServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of an authority of this test run; a test that changes the files makes its own."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
