"""The journal as a test asks it: what was called, by whom, with which keys, in which order, and how often.

An expected call is written as text, `"SET user:*"`: words of globs, behind which a call may go on; or as a name and all
of its arguments, `"SET", "user:1", "ann"`, any of which may be `unittest.mock.ANY`.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from vermilion.engine.journal import BYTES_LIMIT, CALLS_LIMIT, RecordedCall
from vermilion.testing.call_text import grouped, listed, plural
from vermilion.testing.unbounded import LARGE, UnboundedReadWarning, advice_against
from vermilion.testing.wanted import (
    Wanted,
    closest_to,
    compared,
    difference,
    is_about_connection,
    of_interest,
)

if TYPE_CHECKING:
    from vermilion.testing.shared import SharedBackend

_UNCOUNTED: Final = frozenset({"multi", "exec"})


class CallJournal:
    """What the clients of an instance have called.

    Args:
        backend: whose journal it is.

    Example:
        >>> from vermilion import Vermilion
        >>> instance = Vermilion()
        >>> client = instance.connect()
        >>> with instance.journal.recording() as journal:
        ...     client.set("user:1", "ann"), client.get("user:1")
        (True, b'ann')
        >>> _ = journal.assert_called("SET", "user:1", "ann", times=1)
        >>> journal.assert_order("SET user:*", "GET user:*")
        >>> journal.assert_not_called("DEL")

    See Also:
        `Vermilion.journal`, where it is.

    LLM Context:
        - It is off until `start`, `recording`, `max_commands` or `max_round_trips`; off, it costs nothing.
        - Calls that were refused are kept, too: `error` is why. Calls of a discarded transaction were never made.
        - Passwords, and the rules of users, are kept as `(redacted)`.
        - What `load`, `dump` and the like do is no call of a client.
    """

    def __init__(self, backend: "SharedBackend") -> None:
        self._backend = backend
        self._journal = backend.engine.journal

    # On and off -------------------------------------------------------------------------------------------

    def start(
        self, *, limit: int = CALLS_LIMIT, bytes_limit: int = BYTES_LIMIT, scripts: bool = False
    ) -> None:
        """Keep calls from now on.

        Args:
            limit: how many are kept at most; the oldest make room, and are counted in `dropped`.
            bytes_limit: how many bytes of memory they may take.
            scripts: whether what scripts and functions call is kept, too.

        Raises:
            ValueError: for a limit that is not positive.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> instance.journal.start(limit=1)
            >>> instance.connect().ping(), len(instance.journal)
            (True, 1)

        See Also:
            `stop`; `recording`, which does both.
        """
        with self._backend.lock:
            self._journal.start(limit=limit, bytes_limit=bytes_limit, scripts=scripts)

    def stop(self) -> None:
        """Keep no further calls; those that were kept stay.

        Example:
            >>> from vermilion import Vermilion
            >>> Vermilion().journal.stop()

        See Also:
            `clear`.
        """
        with self._backend.lock:
            self._journal.stop()

    def clear(self) -> None:
        """Forget all calls.

        Example:
            >>> from vermilion import Vermilion
            >>> Vermilion().journal.clear()

        See Also:
            `stop`.
        """
        with self._backend.lock:
            self._journal.clear()

    @contextmanager
    def recording(
        self, *, limit: int = CALLS_LIMIT, bytes_limit: int = BYTES_LIMIT, scripts: bool = False
    ) -> "Iterator[CallJournal]":
        """Keep the calls that are made inside of `with`, and no others; they can be asked for afterwards, too.

        Args:
            limit: as for `start`.
            bytes_limit: the same.
            scripts: the same.

        Yields:
            The journal.

        Example:
            See `CallJournal`.

        See Also:
            `start`.
        """
        self.clear()
        self.start(limit=limit, bytes_limit=bytes_limit, scripts=scripts)
        try:
            yield self
        finally:
            self.stop()

    @property
    def on(self) -> bool:
        """Whether calls are kept."""
        return self._journal.on

    @property
    def dropped(self) -> int:
        """How many calls have made room for later ones."""
        return self._journal.dropped

    def __len__(self) -> int:
        """Return how many calls are kept."""
        return len(self._journal.calls)

    def __iter__(self) -> Iterator[RecordedCall]:
        """Yield the calls, in the order in which they were made."""
        return iter(self._kept())

    def __str__(self) -> str:
        """Return the calls as lines that people read."""
        return listed(self._kept(), self.dropped)

    # Questions --------------------------------------------------------------------------------------------

    def calls(
        self,
        command: str | None = None,
        *arguments: object,
        key: str | bytes | None = None,
        client: str | int | None = None,
        db: int | None = None,
    ) -> list[RecordedCall]:
        """Return the calls that match, in the order in which they were made.

        Args:
            command: globs for the first words: `"SET"`, `"CONFIG GET"`, `"SET user:*"`; all calls if None.
            arguments: what must stand behind them, all of it, if any is given.
            key: a glob, for one of the keys.
            client: a glob for the name or the address of the client, or its id.
            db: the number of the database.

        Returns:
            The calls.

        Raises:
            ValueError: for a command whose quotes do not end.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> with instance.journal.recording() as journal:
            ...     instance.connect().mset({"user:1": "ann", "user:2": "bob"})
            True
            >>> [call.keys for call in journal.calls("MSET", key="user:2")]
            [(b'user:1', b'user:2')]

        See Also:
            `assert_called`.
        """
        wanted = Wanted(command, arguments, key=key, client=client, db=db)
        return [call for call in self._kept() if wanted.matches(call)]

    def assert_called(
        self,
        command: str,
        *arguments: object,
        key: str | bytes | None = None,
        client: str | int | None = None,
        db: int | None = None,
        times: int | None = None,
    ) -> list[RecordedCall]:
        """Fail unless there was such a call.

        Args:
            command: as for `calls`.
            arguments: the same.
            key: the same.
            client: the same.
            db: the same.
            times: how often exactly; once or more if None.

        Returns:
            The calls that match.

        Raises:
            AssertionError: with what was expected, what comes closest to it, and what was called.

        Example:
            See `CallJournal`.

        See Also:
            `assert_not_called`, `assert_order`.
        """
        __tracebackhide__ = True
        wanted = Wanted(command, arguments, key=key, client=client, db=db)
        found = [call for call in self._kept() if wanted.matches(call)]
        if times is None:
            if not found:
                raise AssertionError(self._missing(f"{wanted} was not called.", wanted))
            return found
        self._refuse_if_dropped()
        if len(found) != times:
            often = "not called" if not found else f"called {plural(len(found), 'time')}"
            raise AssertionError(
                self._missing(f"{wanted} was {often}, and was to be called {plural(times, 'time')}.", wanted)
            )
        return found

    def assert_not_called(
        self,
        command: str,
        *arguments: object,
        key: str | bytes | None = None,
        client: str | int | None = None,
        db: int | None = None,
    ) -> None:
        """Fail if there was such a call.

        Args:
            command: as for `calls`.
            arguments: the same.
            key: the same.
            client: the same.
            db: the same.

        Raises:
            AssertionError: with the calls that match; or as calls were dropped, which might have matched.

        Example:
            See `CallJournal`.

        See Also:
            `assert_called`.
        """
        __tracebackhide__ = True
        self._refuse_if_dropped()
        wanted = Wanted(command, arguments, key=key, client=client, db=db)
        found = [call for call in self._kept() if wanted.matches(call)]
        if found:
            raise AssertionError(
                f"{wanted} was not to be called, and was called {plural(len(found), 'time')}:\n{listed(found)}"
            )

    def assert_order(self, *commands: "str | Sequence[object]") -> None:
        """Fail unless there were these calls, in this order; others may stand between them.

        Args:
            commands: each as text, as for `calls`, or as a tuple of the name and all arguments.

        Raises:
            AssertionError: with the difference between what was expected and what was called.

        Example:
            See `CallJournal`.

        See Also:
            `assert_calls`, for these and no others.
        """
        __tracebackhide__ = True
        steps = [Wanted.of(command) for command in commands]
        kept = self._kept()
        rest = iter(kept)
        for number, step in enumerate(steps):
            if not any(step.matches(call) for call in rest):
                before = f" behind {steps[number - 1]}" if number else ""
                raise AssertionError(f"{step} was not called{before}.\n{difference(steps, kept)}")

    def assert_calls(self, *commands: "str | Sequence[object]") -> None:
        """Fail unless there were these calls, in this order, and no others.

        What a connection is about (HELLO, CLIENT, AUTH, SELECT, PING) is left out, unless it is expected.

        Args:
            commands: as for `assert_order`.

        Raises:
            AssertionError: the same.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> with instance.journal.recording() as journal:
            ...     instance.connect().set("user:1", "ann")
            True
            >>> journal.assert_calls(("SET", "user:1", "ann"))

        See Also:
            `assert_order`.
        """
        __tracebackhide__ = True
        self._refuse_if_dropped()
        steps = [Wanted.of(command) for command in commands]
        called = of_interest(steps, self._kept())
        if len(called) != len(steps) or not all(map(Wanted.matches, steps, called)):
            raise AssertionError(f"The calls were others.\n{difference(steps, called)}")

    @contextmanager
    def max_commands(
        self,
        most: int,
        command: str | None = None,
        *,
        key: str | bytes | None = None,
        client: str | int | None = None,
    ) -> "Iterator[CallJournal]":
        """Fail if more calls are made inside of `with`: what a loop with a query in it does.

        What a connection is about (HELLO, CLIENT, AUTH, SELECT, PING), MULTI and EXEC are not counted, nor what scripts
        call.

        Args:
            most: how many may be made.
            command: those that count, as for `calls`; all if None.
            key: the same.
            client: the same.

        Yields:
            The journal; it is on meanwhile.

        Raises:
            AssertionError: with the calls, like ones together.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> client = instance.connect()
            >>> with instance.journal.max_commands(2):
            ...     for number in range(50):
            ...         _ = client.get(f"user:{number}")
            Traceback (most recent call last):
                ...
            AssertionError: 50 commands were called, and at most 2 were expected:
                50 × GET user:*    user:0, user:1, user:2, …

        See Also:
            `max_round_trips`, which counts a pipeline once.
        """
        __tracebackhide__ = True
        wanted = Wanted(command, (), key=key, client=client)
        found: list[RecordedCall] = []
        with self._watching(wanted, found):
            yield self
        if len(found) > most:
            raise AssertionError(_too_many(found, len(found), most, "command", "called"))

    @contextmanager
    def max_round_trips(self, most: int, *, client: str | int | None = None) -> "Iterator[CallJournal]":
        """Fail if clients wait more often for replies inside of `with`: a pipeline waits once.

        Args:
            most: how often they may.
            client: whose, as for `calls`; all clients' if None.

        Yields:
            The journal; it is on meanwhile.

        Raises:
            AssertionError: with the calls, like ones together.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> client = instance.connect()
            >>> with instance.journal.max_round_trips(1), client.pipeline() as pipeline:
            ...     for number in range(50):
            ...         _ = pipeline.get(f"user:{number}")
            ...     _ = pipeline.execute()

        See Also:
            `max_commands`.
        """
        __tracebackhide__ = True
        wanted = Wanted(None, (), client=client)
        found: list[RecordedCall] = []
        with self._watching(wanted, found):
            yield self
        trips = len({call.trip for call in found})
        if trips > most:
            raise AssertionError(_too_many(found, trips, most, "round trip", "made"))

    def warnings(self, *, large: int = LARGE) -> list[str]:
        """Return what would be slow with the data of production: KEYS, and reads of all of a large collection.

        Args:
            large: from how many elements on a collection is a large one.

        Returns:
            A sentence for each kind of call.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> with instance.journal.recording() as journal:
            ...     instance.connect().keys("user:*")
            []
            >>> journal.warnings()
            ['KEYS user:* goes through all keys of the database; SCAN does it in steps (once)']

        See Also:
            `warn`.
        """
        found: dict[str, int] = {}
        for call in self._kept():
            advice = advice_against(call, large)
            if advice is not None:
                found[advice] = found.get(advice, 0) + 1
        return [
            f"{advice} ({'once' if often == 1 else plural(often, 'time')})" for advice, often in found.items()
        ]

    def warn(self, *, large: int = LARGE) -> None:
        """Give `warnings` as Python's own: one `UnboundedReadWarning` for each.

        Args:
            large: as for `warnings`.

        Example:
            >>> from vermilion import Vermilion
            >>> Vermilion().journal.warn()

        See Also:
            `warnings`.
        """
        for text in self.warnings(large=large):
            warnings.warn(text, UnboundedReadWarning, stacklevel=2)

    # Words ------------------------------------------------------------------------------------------------

    def _kept(self) -> list[RecordedCall]:
        """Return the calls, while no other thread adds any."""
        with self._backend.lock:
            return list(self._journal.calls)

    @contextmanager
    def _watching(self, wanted: Wanted, found: list[RecordedCall]) -> Iterator[None]:
        """Have the journal on, and add the calls that were made meanwhile, without those that do not count."""
        was_on, before = self._journal.on, self._journal.seen
        if not was_on:
            self.start()
        try:
            yield
        finally:
            if not was_on:
                self.stop()
        found += (
            call
            for call in self._kept()
            if call.number > before
            and call.inside != "script"
            and call.name not in _UNCOUNTED
            and not is_about_connection(call)
            and wanted.matches(call)
        )

    def _refuse_if_dropped(self) -> None:
        """Fail when there were calls of which nothing is known any more."""
        __tracebackhide__ = True
        if self.dropped:
            raise AssertionError(
                f"{plural(self.dropped, 'call')} had to make room for later ones, so that nobody knows: start the"
                " journal with a higher limit."
            )

    def _missing(self, what: str, wanted: Wanted) -> str:
        """Return a message about a call that was not made so, or not so often."""
        called = of_interest([wanted], self._kept())
        if not called:
            off = "" if self.on or self._journal.seen else " The journal is off."
            return f"{what}\nNothing was called.{off}"
        lines = [what]
        closest = None if any(map(wanted.matches, called)) else closest_to(wanted, called)
        if closest is not None:
            lines += ["The closest call (- expected, + called):", *compared([str(wanted)], [closest])]
        return "\n".join([*lines, "Called were:", listed(called, self.dropped)])


def _too_many(found: Sequence[RecordedCall], count: int, most: int, what: str, done: str) -> str:
    """Return the message about more calls than there should be."""
    were = "was" if count == 1 else "were"
    expected = f"at most {most} {'was' if most == 1 else 'were'} expected" if most else "none was expected"
    return f"{plural(count, what)} {were} {done}, and {expected}:\n{grouped(found)}"
