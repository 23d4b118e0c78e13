"""The pytest plugin: a Vermilion for each test process, as new for each test.

    session     one instance, in this process; a server of it, on a free port, if a test wants one
    test        a clean state is noted behind the fixtures of wider scopes, the marker is applied
    afterwards  clients of the test are ended, and everything is what it was then

pytest loads this in every run, so that it imports nothing of Vermilion before a fixture needs it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    import redis
    import redis.asyncio

    from vermilion import Server, Vermilion
    from vermilion.testing.faults import Faults
    from vermilion.testing.journal import CallJournal
    from vermilion.testing.time_travel import TimeTravel

MARKER: Final = "vermilion"
CLEAN: Final = "_vermilion_clean"

_WIDE: Final = frozenset({"vermilion", "vermilion_server", "vermilion_url"})
_CLIENT_OPTIONS: Final = ("decode_responses", "protocol")
_OWN_OPTIONS: Final = frozenset({"data", "seed", "time", "frozen", *_CLIENT_OPTIONS})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what a project may set; nothing comes earlier, not even a conftest.py that imports Vermilion."""
    leave_sources_alone()
    parser.addini(
        "vermilion_decode_responses",
        "Whether redis_client and async_redis_client return text instead of bytes.",
        type="bool",
        default=False,
    )
    parser.addini(
        "vermilion_directives",
        "Directives of redis.conf that Vermilion starts with, one on a line: databases 32",
        type="linelist",
        default=[],
    )


def leave_sources_alone() -> None:
    """Keep pytest from rewriting the asserts of Vermilion, as it does for all of a distribution that has a plugin.

    They are no tests. To compile the sources anew takes a second, in every run that cannot write bytecode.
    """
    for finder in sys.meta_path:
        marked = getattr(finder, "_must_rewrite", None)  # pytest has no public way to take a mark back
        if isinstance(marked, set):
            marked.discard("vermilion")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(data=None, seed=None, time=None, frozen=None, decode_responses=None, protocol=None, **directives): "
        "what Vermilion is when the test begins: keys (a dict, or the path of a JSON file), the course of chance, a "
        "clock that stands at a time, clients that return text, directives of redis.conf.",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have a clean state noted for each test that has to do with Vermilion, ahead of its own fixtures."""
    for item in items:
        names: list[str] | None = getattr(item, "fixturenames", None)
        if names is None or CLEAN in names:
            continue
        if not _WIDE.isdisjoint(names) or item.get_closest_marker(MARKER) is not None:
            # Behind fixtures of wider scopes: what these have set up stays for all of their tests.
            known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
            place = (
                number
                for number, name in enumerate(names)
                if known.get(name) and known[name][-1].scope == "function"
            )
            names.insert(next(place, len(names)), CLEAN)


# The whole run -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def vermilion(pytestconfig: pytest.Config) -> "Vermilion":
    """The Vermilion of this test process: clock, journal, snapshots, load and dump; each test finds it as new."""
    from vermilion import Vermilion  # noqa: PLC0415  # who uses no fixture of these does not wait for it

    directives: dict[str, str] = {}
    for line in pytestconfig.getini("vermilion_directives"):
        name, _, value = line.partition(" ")
        directives[name] = value.strip()
    return Vermilion(**directives)


@pytest.fixture(scope="session")
def vermilion_server(vermilion: "Vermilion") -> "Iterator[Server]":
    """A server of `vermilion` on a free port, on a thread of its own: host, port, url, connect()."""
    with vermilion.serve() as server:
        yield server


@pytest.fixture(scope="session")
def vermilion_url(vermilion_server: "Server") -> str:
    """The URL of `vermilion_server`: redis://127.0.0.1:PORT."""
    return vermilion_server.url


# Each test ---------------------------------------------------------------------------------------------------


@pytest.fixture(name=CLEAN)
def clean_state(vermilion: "Vermilion", request: pytest.FixtureRequest) -> Iterator[None]:
    """Begin with what the marker says, and leave nothing behind."""
    from vermilion.testing.clean_state import CleanState  # noqa: PLC0415  # the same

    clean = CleanState(vermilion)
    try:
        _prepare(vermilion, request.node)
        yield
    finally:
        clean.restore()


@pytest.fixture
def redis_client(
    vermilion: "Vermilion", _vermilion_clean: None, request: pytest.FixtureRequest
) -> "Iterator[redis.Redis]":
    """An ordinary redis.Redis, on `vermilion` without a socket."""
    client = vermilion.connect(**_client_options(request))
    yield client
    client.close()


@pytest.fixture
def async_redis_client(
    vermilion: "Vermilion", _vermilion_clean: None, request: pytest.FixtureRequest
) -> "redis.asyncio.Redis":
    """An ordinary redis.asyncio.Redis, on `vermilion` without a socket; for any event loop, of any plugin."""
    return vermilion.connect_async(**_client_options(request))


@pytest.fixture
def vermilion_clock(vermilion: "Vermilion", _vermilion_clean: None) -> "TimeTravel":
    """The clock of `vermilion`: freeze(), advance(timedelta), set(datetime)."""
    return vermilion.clock


@pytest.fixture
def vermilion_faults(vermilion: "Vermilion", _vermilion_clean: None) -> "Faults":
    """What goes wrong in this test: error(), delay(), reset(), partial(), silence(), refuse()."""
    return vermilion.faults


@pytest.fixture
def vermilion_journal(vermilion: "Vermilion", _vermilion_clean: None) -> "Iterator[CallJournal]":
    """What is called in this test: assert_called(), assert_order(), max_commands(); warns of unbounded reads."""
    vermilion.journal.start()
    yield vermilion.journal
    vermilion.journal.warn()


@pytest.fixture
def vermilion_patch(vermilion: "Vermilion", _vermilion_clean: None) -> Iterator[Callable[..., None]]:
    """A function after whose call new connections of redis-py go to `vermilion`: all, or those to host, port, path."""
    from vermilion.testing.patching import patch_redis  # noqa: PLC0415  # the same

    with ExitStack() as patches:

        def patch(*, host: str | None = None, port: int | None = None, path: str | None = None) -> None:
            patches.enter_context(patch_redis(vermilion, host=host, port=port, path=path))

        yield patch


# The marker --------------------------------------------------------------------------------------------------


def _options(node: pytest.Item) -> dict[str, Any]:
    """Return what the markers of a test say, the closest one above those of its class and module."""
    options: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers(MARKER))):
        if marker.args:
            raise pytest.UsageError(f"{node.nodeid}: the marker {MARKER} takes its arguments by name")
        options |= marker.kwargs
    return options


def _client_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return how the clients of a test are made."""
    options = _options(request.node)
    found = {name: options[name] for name in _CLIENT_OPTIONS if options.get(name) is not None}
    return {"decode_responses": request.config.getini("vermilion_decode_responses"), **found}


def _prepare(instance: "Vermilion", node: pytest.Item) -> None:
    """Let an instance be what the markers of a test say."""
    from vermilion.errors import RespError  # noqa: PLC0415  # the same

    options = _options(node)
    directives = {name: value for name, value in options.items() if name not in _OWN_OPTIONS}
    try:
        if directives:
            instance.configure(**directives)
    except RespError as error:
        raise pytest.UsageError(f"{node.nodeid}: {error.message}") from None
    if options.get("seed") is not None:
        instance.seed(options["seed"])
    time, frozen = options.get("time"), options.get("frozen")
    if frozen or (time is not None and frozen is None):
        instance.clock.freeze()
    if time is not None:
        instance.clock.set(datetime.fromisoformat(time) if isinstance(time, str) else time)
    for marker in reversed(list(node.iter_markers(MARKER))):
        data: Mapping[Any, Any] | str | None = marker.kwargs.get("data")
        if data is not None:
            instance.load(data)
