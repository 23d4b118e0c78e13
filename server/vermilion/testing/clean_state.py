"""The state in which a test begins, clients included: what a test has left behind is gone when it is restored."""

from typing import TYPE_CHECKING

from vermilion.backends.memory_backend import Caller
from vermilion.testing.door import Door
from vermilion.testing.shared import RemoteTransport

if TYPE_CHECKING:
    from vermilion.testing.instance import Vermilion


class CleanState:
    """What an instance is when it is made: keys, directives, users, scripts, chance, and who is connected.

    Args:
        instance: whose state it is.

    Example:
        >>> from vermilion import Vermilion
        >>> instance = Vermilion()
        >>> clean = CleanState(instance)
        >>> client = instance.connect()
        >>> client.set("key", 1), client.config_set("maxmemory", "1mb")
        (True, True)
        >>> clean.restore()
        >>> client = instance.connect(decode_responses=True)
        >>> client.get("key"), client.config_get("maxmemory")
        (None, {'maxmemory': '0'})

    See Also:
        `pytest_plugin.py`, which makes one before each test.

    LLM Context:
        - Clients that connected meanwhile are ended; those in this process that were made meanwhile cannot connect
          again. Clients that were connected before stay so.
        - The clock is the machine's again, there are no faults, and the journal is off and empty, whatever they were.
        - What INFO counts goes on.
    """

    def __init__(self, instance: "Vermilion") -> None:
        engine = instance.backend.engine
        self._instance = instance
        with instance.backend.lock:
            self._clients = frozenset(engine.sessions)
            self._outer_door, instance.door = instance.door, Door(instance.backend)
            self._door = instance.door
            self._active_expire, self._cron_paused = engine.active_expire, engine.cron_paused
            self._snapshot = instance.backend.states.take()

    def restore(self) -> None:
        """Become that again; once."""
        instance, backend = self._instance, self._instance.backend
        engine = backend.engine
        self._door.shut()
        instance.door = self._outer_door
        backend.end_script()
        with backend.lock:
            instance.clock.reset()
            instance.faults.clear()
            instance.journal.stop()
            instance.journal.clear()
            engine.active_expire, engine.cron_paused = self._active_expire, self._cron_paused
            remote = self._end_clients()
            engine.pause.end()
            backend.end_waits()
            if self._snapshot in backend.states.taken:  # else the test went back beyond it
                backend.states.restore(self._snapshot)
                backend.states.drop(self._snapshot)
            engine.slow_log.clear()
            engine.slow_events.forget(engine.slow_events.names())
            engine.acl.log.clear()
        if remote:
            backend.settle()

    def _end_clients(self) -> bool:
        """End the clients that have come meanwhile; return whether one of them is a server's."""
        engine = self._instance.backend.engine
        remote = False
        for session in list(engine.sessions.values()):
            if session.id not in self._clients and not isinstance(session.transport, Caller):
                remote |= isinstance(session.transport, RemoteTransport)
                engine.close_session(session)
                session.transport.abort()
        return remote
