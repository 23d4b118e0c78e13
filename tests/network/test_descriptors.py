"""Room for clients, on systems that grant more and less."""

import resource

import pytest

from vermilion.network.descriptors import RESERVED, room_for


class System:
    """The limits of a process that may raise the hard one, or not."""

    def __init__(self, soft: int, hard: int, *, privileged: bool) -> None:
        self.limits = (soft, hard)
        self.privileged = privileged

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.limits

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        if limits[1] > self.limits[1] and not self.privileged:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("soft", "hard", "privileged", "clients", "room", "after"),
    [
        (1024, 20_000, False, 100, 100, (1024, 20_000)),
        (1024, 20_000, False, 10_000, 10_000, (10_000 + RESERVED, 20_000)),
        (1024, 4096, False, 10_000, 4096 - RESERVED, (4096, 4096)),
        (1024, 4096, True, 10_000, 10_000, (10_000 + RESERVED, 10_000 + RESERVED)),
        (1024, resource.RLIM_INFINITY, True, 10_000, 10_000, (10_000 + RESERVED, resource.RLIM_INFINITY)),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, False, 10**9, 10**9, None),
        (10, 10, False, 100, 1, (10, 10)),
    ],
)
def test_as_many_as_the_system_grants(
    monkeypatch: pytest.MonkeyPatch,
    soft: int,
    hard: int,
    privileged: bool,
    clients: int,
    room: int,
    after: tuple[int, int] | None,
) -> None:
    system = System(soft, hard, privileged=privileged)
    monkeypatch.setattr(resource, "getrlimit", system.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", system.setrlimit)
    assert room_for(clients) == room
    assert system.limits == (after or (soft, hard))
