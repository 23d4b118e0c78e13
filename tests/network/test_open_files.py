"""The limit of open files, and `maxclients` where it cannot be raised."""

import logging
import sys

import pytest

from vermilion.config import Config
from vermilion.errors import RespError
from vermilion.network.open_files import RESERVED, check_clients, fit_clients

if sys.platform == "win32":
    pytest.skip("Windows has no such limit", allow_module_level=True)

import resource


class Limits:
    """A system with a hard limit that nobody passes."""

    def __init__(self, soft: int, hard: int, *, superuser: bool = False) -> None:
        self.now = (soft, hard)
        self.superuser = superuser

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.now

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        if limits[1] > self.now[1] and not self.superuser:
            raise ValueError("not allowed to raise maximum limit")
        self.now = limits


@pytest.fixture
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Limits:
    limits: Limits = request.param
    monkeypatch.setattr(resource, "getrlimit", limits.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", limits.setrlimit)
    return limits


@pytest.mark.parametrize(
    ("system", "after", "maxclients"),
    [
        (Limits(1024, 20_000), (10_032, 20_000), 10_000),
        (Limits(1024, 4096), (4096, 4096), 4096 - RESERVED),
        (Limits(1024, 4096, superuser=True), (10_032, 10_032), 10_000),
        (Limits(50_000, 50_000), (50_000, 50_000), 10_000),
        (Limits(1024, resource.RLIM_INFINITY, superuser=True), (10_032, 10_032), 10_000),
        (Limits(resource.RLIM_INFINITY, resource.RLIM_INFINITY), (resource.RLIM_INFINITY,) * 2, 10_000),
    ],
    indirect=["system"],
)
def test_the_limit_is_raised_or_fewer_clients_are_allowed(
    system: Limits, after: tuple[int, int], maxclients: int, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config()
    with caplog.at_level(logging.WARNING):
        fit_clients(config.settings)
    assert config.settings.maxclients == maxclients
    assert system.now == after
    assert bool(caplog.records) is (maxclients < 10_000)


@pytest.mark.parametrize("system", [Limits(512, 512)], indirect=True)
def test_config_set_is_refused_beyond_the_limit(system: Limits) -> None:
    config = Config()
    config.settings.maxclients = 480
    config.watch("maxclients", check_clients)
    config.set([(b"maxclients", b"400")])
    with pytest.raises(RespError, match="not able to handle the specified number of clients, try with 480"):
        config.set([(b"maxclients", b"900")])
    assert config.settings.maxclients == 400
