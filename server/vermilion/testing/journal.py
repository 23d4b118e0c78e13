"""The journal as a test asks it: what was called, by whom, with which keys, in which order, and how often.

An expected call is written as text, `"SET user:*"`: words of globs, behind which a call may go on; or as a name and all
of its arguments, `"SET", "user:1", "ann"`, any of which may be `unittest.mock.ANY`.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import SequenceMatcher, ndiff
from typing import TYPE_CHECKING, Final

from vermilion.engine.journal import BYTES_LIMIT, CALLS_LIMIT, RecordedCall
from vermilion.structures.glob import compile_glob
from vermilion.testing.call_text import call_text, grouped, listed, plural, word_text
from vermilion.words import split_words

if TYPE_CHECKING:
    from vermilion.testing.shared import SharedBackend

LARGE: Final = 100
"""From this many elements on, a reply that holds all there is is worth a warning."""

_UNCOUNTED: Final = frozenset({"multi", "exec"})
_LENGTHY: Final = frozenset({"0", "-1", "-inf", "+inf", "-", "+"})


class UnboundedReadWarning(UserWarning):
    """A call that goes through all keys, or takes all of a large collection: quick in a test, slow in production."""


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
        steps = [_step(command) for command in commands]
        kept = self._kept()
        rest = iter(kept)
        for number, step in enumerate(steps):
            if not any(step.matches(call) for call in rest):
                before = f" behind {steps[number - 1]}" if number else ""
                raise AssertionError(f"{step} was not called{before}.\n{self._difference(steps, kept)}")

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
        steps = [_step(command) for command in commands]
        called = _of_interest(steps, self._kept())
        if len(called) != len(steps) or not all(map(Wanted.matches, steps, called)):
            raise AssertionError(f"The calls were others.\n{self._difference(steps, called)}")

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
            advice = _advice(call, large)
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
    def _watching(self, wanted: "Wanted", found: list[RecordedCall]) -> Iterator[None]:
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
            and not _is_about_connection(call)
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

    def _missing(self, what: str, wanted: "Wanted") -> str:
        """Return a message about a call that was not made so, or not so often."""
        called = _of_interest([wanted], self._kept())
        if not called:
            off = "" if self.on or self._journal.seen else " The journal is off."
            return f"{what}\nNothing was called.{off}"
        lines = [what]
        closest = None if any(map(wanted.matches, called)) else _closest(wanted, called)
        if closest is not None:
            lines += ["The closest call (- expected, + called):", *_compared([str(wanted)], [closest])]
        return "\n".join([*lines, "Called were:", listed(called, self.dropped)])

    def _difference(self, steps: "Sequence[Wanted]", called: Sequence[RecordedCall]) -> str:
        """Return how what was called differs from what was expected."""
        expected: list[str] = []
        lines: list[str] = []
        rest = list(steps)
        called = _of_interest(steps, called)
        for call in called:  # a call that is as expected is written in the same words on both sides
            at = next((number for number, step in enumerate(rest) if step.matches(call)), None)
            lines.append(call_text(call))
            if at is not None:
                expected += [str(step) for step in rest[:at]] + [lines[-1]]
                del rest[: at + 1]
        expected += [str(step) for step in rest]
        compared = "\n".join(_compared(expected, lines))
        return f"(- expected, + called)\n{compared}" if called else "Nothing was called."


class Wanted:
    """A description of calls.

    Args:
        command: globs for the first words; None for any call.
        arguments: what must stand behind them, all of it; empty for anything.
        key: a glob for one of the keys.
        client: a glob for the name or the address of the client, or its id.
        db: the database.

    Raises:
        ValueError: for a command whose quotes do not end, or that is empty.
    """

    def __init__(
        self,
        command: str | None,
        arguments: Sequence[object],
        *,
        key: str | bytes | None = None,
        client: str | int | None = None,
        db: int | None = None,
    ) -> None:
        words = [] if command is None else split_words(command.encode())
        if words is None or (command is not None and not words):
            raise ValueError(f"{command!r} is no command")
        self._words = words
        self._arguments = [_comparable(argument) for argument in arguments]
        self._key = key.encode() if isinstance(key, str) else key
        self._client = client
        self._db = db
        self._globs = [compile_glob(word, ignore_case=not number) for number, word in enumerate(words)]
        self._key_glob = None if self._key is None else compile_glob(self._key)
        self._client_glob = compile_glob(client.encode()) if isinstance(client, str) else None

    def matches(self, call: RecordedCall) -> bool:
        """Return whether a call is one of those that are described."""
        argv = call.argv
        count = len(self._words)
        if len(argv) < count or (self._arguments and len(argv) != count + len(self._arguments)):
            return False
        if not all(glob(word) for glob, word in zip(self._globs, self._cased(call), strict=False)):
            return False
        if any(
            not _equal(wanted, given) for wanted, given in zip(self._arguments, argv[count:], strict=False)
        ):
            return False
        if self._key_glob is not None and not any(map(self._key_glob, call.keys)):
            return False
        if self._db is not None and call.db != self._db:
            return False
        return self._is_client(call)

    def _cased(self, call: RecordedCall) -> Iterator[bytes]:
        """Yield the words of a call that globs are for, those of its name as they are described."""
        depth = call.name.count("|") + 1
        for number, (word, wanted) in enumerate(zip(call.argv, self._words, strict=False)):
            if 0 < number < depth and word.lower() == wanted.lower():
                yield wanted
            else:
                yield word

    def _is_client(self, call: RecordedCall) -> bool:
        """Return whether the client of a call is the one that is described."""
        if self._client is None:
            return True
        if self._client_glob is None:
            return call.client_id == self._client
        return self._client_glob(call.client_name.encode()) or self._client_glob(call.address.encode())

    def __str__(self) -> str:
        words = [*map(word_text, self._words)]
        words += (
            word_text(argument) if isinstance(argument, bytes) else repr(argument)
            for argument in self._arguments
        )
        text = " ".join(words) or "A command"
        if self._key is not None:
            text += f" with key {word_text(self._key)}"
        if self._client is not None:
            text += f" by client {self._client}"
        return text if self._db is None else f"{text} in db {self._db}"


def _step(command: "str | Sequence[object]") -> Wanted:
    """Return the description that a step of an order is."""
    if isinstance(command, str):
        return Wanted(command, ())
    name, *arguments = command
    if not isinstance(name, str):
        raise TypeError("a step is text, or a tuple that begins with the name of a command")
    return Wanted(name, arguments)


def _comparable(argument: object) -> object:
    """Return an argument as the wire has it; what is neither text, bytes nor a number compares itself."""
    if isinstance(argument, str):
        return argument.encode()
    if isinstance(argument, bool):
        raise TypeError("True and False are no arguments of a command")
    if isinstance(argument, int | float):
        return repr(argument).encode()
    return bytes(argument) if isinstance(argument, bytearray | memoryview) else argument


def _equal(wanted: object, given: bytes) -> bool:
    """Return whether an argument is the wanted one."""
    return wanted == given if isinstance(wanted, bytes) else bool(wanted == given.decode(errors="replace"))


def _closest(wanted: Wanted, calls: Iterable[RecordedCall]) -> str | None:
    """Return the call that is most like what was expected, and of the same command; None when there is none."""
    text = str(wanted)
    best, found = 1.0, None
    for line in dict.fromkeys(map(call_text, calls)):
        likeness = SequenceMatcher(None, text, line).ratio()
        if line.partition(" ")[0] == text.partition(" ")[0].upper():
            likeness += 1
        if likeness > best:
            best, found = likeness, line
    return found


def _compared(expected: Sequence[str], called: Sequence[str]) -> list[str]:
    """Return the lines of a difference."""
    return [f"    {line.rstrip()}" for line in ndiff(expected, called)]


def _of_interest(steps: Sequence[Wanted], calls: Iterable[RecordedCall]) -> list[RecordedCall]:
    """Return calls without those that are about their connections and that nobody has asked for."""
    return [
        call for call in calls if not _is_about_connection(call) or any(one.matches(call) for one in steps)
    ]


def _is_about_connection(call: RecordedCall) -> bool:
    """Return whether a call is about its connection alone, as those are with which a client begins."""
    return call.declared is not None and call.declared.group == "connection"


def _too_many(found: Sequence[RecordedCall], count: int, most: int, what: str, done: str) -> str:
    """Return the message about more calls than there should be."""
    were = "was" if count == 1 else "were"
    expected = f"at most {most} {'was' if most == 1 else 'were'} expected" if most else "none was expected"
    return f"{plural(count, what)} {were} {done}, and {expected}:\n{grouped(found)}"


# Advice ---------------------------------------------------------------------------------------------------


def _always(argv: Sequence[bytes]) -> bool:
    """Say that such a call takes all there is."""
    return bool(argv)


def _from_end_to_end(argv: Sequence[bytes]) -> bool:
    """Return whether a range goes from the first to the last, and nothing limits it."""
    words = [word.decode(errors="replace").lower() for word in argv]
    return len(words) > 3 and _LENGTHY.issuperset(words[2:4]) and not {"limit", "count"} & set(words[4:])


def _without_limit(argv: Sequence[bytes]) -> bool:
    """Return whether nothing limits a sort."""
    return b"limit" not in [word.lower() for word in argv]


_TAKES_ALL: Final[dict[str, tuple[Callable[[Sequence[bytes]], bool], str]]] = {
    "smembers": (_always, "SSCAN"),
    "sunion": (_always, "SSCAN"),
    "sdiff": (_always, "SSCAN"),
    "sinter": (_always, "SSCAN"),
    "hgetall": (_always, "HSCAN"),
    "hkeys": (_always, "HSCAN"),
    "hvals": (_always, "HSCAN"),
    "lrange": (_from_end_to_end, "a range"),
    "zrange": (_from_end_to_end, "a range, or LIMIT,"),
    "zrevrange": (_from_end_to_end, "a range"),
    "zrangebyscore": (_from_end_to_end, "LIMIT"),
    "zrevrangebyscore": (_from_end_to_end, "LIMIT"),
    "zrangebylex": (_from_end_to_end, "LIMIT"),
    "zrevrangebylex": (_from_end_to_end, "LIMIT"),
    "xrange": (_from_end_to_end, "COUNT"),
    "xrevrange": (_from_end_to_end, "COUNT"),
    "sort": (_without_limit, "LIMIT"),
    "sort_ro": (_without_limit, "LIMIT"),
}
"""Calls that take all of a collection, and what takes a part of it."""


def _advice(call: RecordedCall, large: int) -> str | None:
    """Return what is to be said against a call."""
    if call.error is not None:
        return None
    if call.name == "keys":
        return f"{call_text(call)} goes through all keys of the database; SCAN does it in steps"
    found = _TAKES_ALL.get(call.name)
    if found is None or call.size is None or call.size < large or not found[0](call.argv):
        return None
    return f"{call_text(call)} took all {call.size} elements at once; {found[1]} takes a part of them"
