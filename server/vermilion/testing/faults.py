"""`instance.faults`: what a test lets go wrong for the clients of an instance, in process and over TCP."""

from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeAlias, TypedDict, Unpack, cast

from vermilion.faults import Conditions, Delay, Error, Partial, Refuse, Reset, Rule, Silence
from vermilion.testing.clock import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vermilion.faults import Act
    from vermilion.testing.shared import SharedBackend

_MS: int = 1_000_000

Words: TypeAlias = "str | Iterable[str]"


class Often(TypedDict, total=False):
    """How often a fault hits what it matches; always, if nothing is said.

    LLM Context:
        - `nth`: the nth match alone, from 1; `every`: each match whose number is a multiple.
        - `times`: at most so many hits.
        - `probability`: from 0 to 1; `seed` chooses its course, which is the same in each run.
    """

    nth: int
    every: int
    times: int
    probability: float
    seed: int


class When(Often, total=False):
    """Which calls a fault matches, besides the command, and how often it hits them.

    LLM Context:
        - `key`: a glob, as for KEYS; one of the call's keys matches it.
        - `client`: a glob for the client's name, as CLIENT SETNAME and `client_name=` give it.
    """

    key: str | bytes
    client: str | bytes


class Fault:
    """One fault, from when it was made until it is ended: by `end`, by the end of `with`, or with all others.

    Args:
        backend: whose clients it concerns.
        rule: what it is.

    LLM Context:
        - `seen` is how many calls it was asked about, `matched` how many fitted, `hits` how many it struck.
        - What it has held up is made when its time comes, and what it has silenced stays silent, also after its end.
    """

    def __init__(self, backend: "SharedBackend", rule: Rule) -> None:
        self._backend = backend
        self._rule = rule

    def __repr__(self) -> str:
        words = b" ".join(self._rule.words()).decode(errors="replace")
        return f"<Fault {self.id}: {words}; {self.hits} of {self.matched} hit>"

    @property
    def id(self) -> int:
        """Its number, as VERMILION FAULT knows it."""
        return self._rule.identifier

    @property
    def seen(self) -> int:
        """How many calls it was asked about: those that an earlier fault hit are not among them."""
        return self._rule.seen

    @property
    def matched(self) -> int:
        """How many calls had its command, its key and its client."""
        return self._rule.matched

    @property
    def hits(self) -> int:
        """How many calls it has struck."""
        return self._rule.hits

    def end(self) -> None:
        """Let nothing more happen; ending it twice does no harm.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> fault = instance.faults.error("PING", "LOADING Redis is loading the dataset in memory")
            >>> fault.end()
            >>> instance.connect().ping(), fault.hits
            (True, 0)

        See Also:
            `Faults.clear`.
        """
        with self._backend.lock:
            self._backend.engine.faults.remove(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()


class Faults:
    """What goes wrong for the clients of an instance.

    Each method takes the command: its name, `"GET"` or `"CONFIG SET"`; a category, `"@write"`; `"*"` for all, what
    redis-py says when it connects included; or several of these. `When` lists what else it takes. Each returns a
    `Fault`, which counts, and which ends with `with`, with `end()`, or with `clear()`.

    Args:
        backend: whose clients they are.

    Example:
        >>> import redis
        >>> from vermilion import Vermilion
        >>> instance = Vermilion()
        >>> client = instance.connect(decode_responses=True)
        >>> with instance.faults.error("GET", "LOADING Redis is loading the dataset in memory", nth=2) as fault:
        ...     print(client.get("a"))
        ...     try:
        ...         client.get("b")
        ...     except redis.BusyLoadingError as error:
        ...         print(error)
        None
        Redis is loading the dataset in memory
        >>> fault.matched, fault.hits
        (2, 1)

    See Also:
        `Vermilion.faults`, where it is; VERMILION FAULT, the same over the wire.

    LLM Context:
        - The faults are asked in the order in which they were made, and the first that hits acts. One that holds a
          call up lets those behind it look at the call afterwards.
        - They see what a client calls, and not what scripts and EXEC call. A call in MULTI is seen when it is queued:
          an error then lets EXEC fail, as in Redis. A call that is made again counts again.
        - Calls that Redis would refuse anyway are not seen, nor are calls of VERMILION.
    """

    def __init__(self, backend: "SharedBackend") -> None:
        self._backend = backend

    def error(self, command: Words, error: str, **when: Unpack[When]) -> Fault:
        """Answer with an error; the call is not made.

        Args:
            command: which.
            error: the text, its code first: `"READONLY You can't write against a read only replica."`.
            when: which calls of it, and how often; see `When`.

        Returns:
            The fault.

        Raises:
            ValueError: for a command that does not exist, a text of several lines, and what can never happen.

        Example:
            See `Faults`.

        See Also:
            `reset`, where the client learns less.
        """
        return self._add(Error(error), command, when)

    def delay(self, command: Words, duration: timedelta | float, **when: Unpack[When]) -> Fault:
        """Make the call later, by the clock of the instance; other clients go on.

        Args:
            command: which.
            duration: how much later; a number is seconds.
            when: which calls of it, and how often; see `When`.

        Returns:
            The fault.

        Raises:
            ValueError: as for `error`, and for less than a millisecond.

        Example:
            >>> import redis
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> impatient = instance.connect(socket_timeout=0.01)
            >>> with instance.faults.delay("GET", timedelta(seconds=30)):
            ...     try:
            ...         impatient.get("key")
            ...     except redis.TimeoutError:
            ...         print("too late")
            too late

        See Also:
            `silence`; `TimeTravel.advance`, which lets the time come.
        """
        return self._add(Delay(nanoseconds(duration) // _MS), command, when)

    def reset(self, command: Words, *, after: bool = False, **when: Unpack[When]) -> Fault:
        """Lose the connection.

        Args:
            command: which.
            after: whether the call is made before that, so that only its reply is lost.
            when: which calls of it, and how often; see `When`.

        Returns:
            The fault.

        Raises:
            ValueError: as for `error`.

        Example:
            >>> from redis.backoff import NoBackoff
            >>> from redis.retry import Retry
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> client = instance.connect(retry=Retry(NoBackoff(), 1))
            >>> with instance.faults.reset("INCRBY", after=True, times=1):
            ...     client.incr("visits")  # redis-py does not know that it was made, and makes it again
            2

        See Also:
            `partial`, `silence`, `refuse`.
        """
        return self._add(Reset(after), command, when)

    def partial(self, command: Words, size: int, **when: Unpack[When]) -> Fault:
        """Make the call, send a part of its reply, and close the connection.

        Args:
            command: which.
            size: how many bytes of the reply are sent.
            when: which calls of it, and how often; see `When`.

        Returns:
            The fault.

        Raises:
            ValueError: as for `error`, and for a negative size.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> with instance.faults.partial("PING", 2):
            ...     instance.connect().ping()
            Traceback (most recent call last):
            redis.exceptions.ConnectionError: Connection closed by server.

        See Also:
            `reset`.
        """
        return self._add(Partial(size), command, when)

    def silence(self, command: Words, *, after: bool = False, **when: Unpack[When]) -> Fault:
        """Never answer, nor anything that the client calls later on the same connection.

        A client needs a `socket_timeout` to notice; other connections are answered.

        Args:
            command: which.
            after: whether the call is made all the same.
            when: which calls of it, and how often; see `When`.

        Returns:
            The fault.

        Raises:
            ValueError: as for `error`.

        Example:
            >>> import redis
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> client = instance.connect(socket_timeout=0.01)
            >>> with instance.faults.silence("SET", after=True):
            ...     try:
            ...         client.set("order", "placed")
            ...     except redis.TimeoutError:
            ...         print(client.get("order"))
            b'placed'

        See Also:
            `delay`, whose calls are answered in the end.
        """
        return self._add(Silence(after), command, when)

    def refuse(self, **often: Unpack[Often]) -> Fault:
        """Refuse new connections; those that there are go on.

        Args:
            often: which of them; see `Often`.

        Returns:
            The fault, which counts connections.

        Raises:
            ValueError: for what can never happen.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> with instance.faults.refuse(times=1):
            ...     instance.connect(retry=None).ping()
            Traceback (most recent call last):
            redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.

        See Also:
            `reset`, to lose the connections that there are.
        """
        return self._add(Refuse(), "*", cast("When", often))

    def clear(self) -> None:
        """End all faults, those of VERMILION FAULT included.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> fault = instance.faults.refuse()
            >>> instance.faults.clear()
            >>> instance.connect().ping()
            True

        See Also:
            `Fault.end`.
        """
        with self._backend.lock:
            self._backend.engine.faults.clear()

    def _add(self, act: "Act", command: Words, when: When) -> Fault:
        """Make a fault."""
        conditions = Conditions(
            commands=(command,) if isinstance(command, str) else tuple(command),
            key=_bytes(when.get("key")),
            client=_bytes(when.get("client")),
            nth=when.get("nth"),
            every=when.get("every"),
            times=when.get("times"),
            probability=when.get("probability", 1.0),
            seed=when.get("seed", 0),
        )
        with self._backend.lock:
            return Fault(self._backend, self._backend.engine.faults.add(act, conditions))


def _bytes(pattern: str | bytes | None) -> bytes | None:
    """Return a pattern as keys and names are."""
    return pattern.encode() if isinstance(pattern, str) else pattern
