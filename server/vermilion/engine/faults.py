"""Faults: calls that a test has refused, held up, or lost on the way, by its rules.

    call -> nothing stands in its way -> the rules, in the order in which they were made: the first that hits acts
            error      refused, with the text of the test; EXEC's transaction is discarded
            delay      made when its time has come, and only then looked at by the rules behind
            reset      the connection is lost, before the call or after it
            partial    made; a part of the reply, and the end of the connection
            silence    nothing is said any more on this connection, be the call made or not
    connection -> refuse: it is lost before it has become a client

A call that is refused anyway is none of theirs, and neither is one that a script or EXEC makes: they are what the
client sees. While no rule concerns calls, no session has the gate.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from vermilion.commands.registry import CATEGORY_ORDER, COMMANDS
from vermilion.engine.bound import BoundCommand
from vermilion.engine.waiting import FAR_MS
from vermilion.errors import RespError
from vermilion.faults import Act, Conditions, Delay, Error, Partial, Refuse, Reset, Rule, Silence
from vermilion.pending import Pending
from vermilion.protocol.encode import ENCODERS, joined
from vermilion.protocol.reply import NO_REPLY, Encoded, Reply
from vermilion.session import GATE_FAULT, Session

if TYPE_CHECKING:
    from vermilion.engine.engine import Engine
    from vermilion.pending import Answer

_SHOWN: Final = 128
_EVERYTHING: Final = frozenset({"*", "@all"})


class Faults:
    """The rules of one engine, and the calls that they hold up.

    Args:
        engine: whose calls they hit.

    LLM Context:
        - While a rule concerns calls, all sessions have GATE_FAULT; without, nobody pays for it.
        - A call that is held up, and one that is never answered, is its session's `pending`: later calls wait
          behind it, and a client that leaves takes it along.
        - `owed` says what is to happen to the reply of the call that a session makes.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._rules: dict[int, Rule] = {}
        self._of_calls: tuple[Rule, ...] = ()
        self._of_connections: tuple[Rule, ...] = ()
        self._made = 0
        self._delayed: list[tuple[int, int, Session, Pending, list[bytes], int]] = []
        self._held_up = 0
        self._passed: dict[Session, int] = {}
        """The rule that has held a session's call up: only those behind it are asked when it is made."""
        self.owed: dict[Session, Act] = {}

    # The rules --------------------------------------------------------------------------------------------

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules, in the order in which they are asked."""
        return [*self._rules.values()]

    def add(self, act: Act, conditions: Conditions) -> Rule:
        """Let something happen to what comes from now on.

        Raises:
            ValueError: for what can never happen.
        """
        rule = Rule(self._made + 1, act, conditions, _names(conditions.commands))
        self._made += 1
        self._rules[rule.identifier] = rule
        self._arrange()
        return rule

    def remove(self, identifier: int) -> bool:
        """End a rule; return whether there was one. What it has held up or silenced stays so."""
        found = self._rules.pop(identifier, None) is not None
        self._arrange()
        return found

    def clear(self) -> None:
        """End all rules."""
        self._rules.clear()
        self._arrange()

    def _arrange(self) -> None:
        """Let all sessions have the gate while a rule concerns calls."""
        rules = self._rules.values()
        self._of_calls = tuple(rule for rule in rules if not isinstance(rule.act, Refuse))
        self._of_connections = tuple(rule for rule in rules if isinstance(rule.act, Refuse))
        self._engine.set_gate(GATE_FAULT, on=bool(self._of_calls))

    # What they do -----------------------------------------------------------------------------------------

    def admits(self) -> bool:
        """Return whether a new connection may become a client."""
        return not any(rule.hits_connection() for rule in self._of_connections)

    def meet(self, session: Session, command: BoundCommand, argv: list[bytes]) -> "Answer":
        """Ask the rules about a call that is about to be made.

        Returns:
            What it returns instead; None when it is to be made.
        """
        passed = self._passed.pop(session, 0)
        keys = command.declared.keys(argv)
        for rule in self._of_calls:
            if rule.identifier > passed and rule.hits_call(command.name, keys, session.name):
                return self._act(rule, session, command, argv)
        return None

    def _act(self, rule: Rule, session: Session, command: BoundCommand, argv: list[bytes]) -> "Answer":
        """Let a rule act on a call, now or when it has been made."""
        act = rule.act
        if isinstance(act, Error):
            return self._refuse(session, command, act.text)
        if isinstance(act, Delay):
            return self._delay(rule.identifier, session, argv, act.ms)
        if isinstance(act, Reset) and not act.after:
            session.transport.reset()
            return NO_REPLY
        if isinstance(act, Silence) and not act.after:
            return _never_answered()
        self.owed[session] = act
        return None

    def _refuse(self, session: Session, command: BoundCommand, text: str) -> Reply:
        """Refuse a call as if something stood in its way, but EXEC, too, with the very text of the test."""
        self._engine.transactions.refuse(session, command, text)
        command.rejected += 1
        error = RespError(text)
        self._engine.stats.count_error(error.code)
        return error

    def _delay(self, identifier: int, session: Session, argv: list[bytes], delay_ms: int) -> Pending:
        """Hold a call up."""
        pending = _never_answered()
        self._held_up += 1
        due_ms = self._engine.clock.monotonic_ms() + delay_ms
        heappush(self._delayed, (due_ms, self._held_up, session, pending, argv, identifier))
        self._engine.waiting.set_alarm(min(delay_ms, FAR_MS))
        return pending

    def settle(self, session: Session, reply: Reply) -> "Answer":
        """Let a rule act on a call that has been made.

        Returns:
            What the client gets for its reply; a `Pending` for nothing at all.
        """
        act = self.owed.pop(session, None)
        if isinstance(act, Partial):
            part = joined(reply, ENCODERS[session.resp])[: act.size]
            session.transport.close_after_reply()
            return Encoded(part)
        if isinstance(act, Reset):
            session.transport.reset()
            return NO_REPLY
        return reply if act is None else _never_answered()

    # Calls that are held up -------------------------------------------------------------------------------

    def go_on(self) -> int | None:
        """Make the calls whose time has come; return the milliseconds until the next, None when there is none."""
        engine = self._engine
        while self._delayed:
            due_ms, _, session, pending, argv, identifier = self._delayed[0]
            left_ms = due_ms - engine.clock.monotonic_ms()
            if left_ms > 0:
                return min(left_ms, FAR_MS)
            heappop(self._delayed)
            if session.pending is not pending:
                continue  # CLIENT KILL, and the like, has been quicker
            engine.waiting.release(session)
            self._passed[session] = identifier
            engine.make(session, argv)
        return None

    def forget(self, session: Session) -> None:
        """Make no call of a client that leaves."""
        self.owed.pop(session, None)
        self._passed.pop(session, None)
        if session.pending is not None and session.pending.postponed:
            self._delayed = [entry for entry in self._delayed if entry[2] is not session]
            heapify(self._delayed)


def _names(words: Sequence[str]) -> frozenset[str] | None:
    """Return the full names of commands that words speak of; None for all of them.

    Raises:
        ValueError: for a word that speaks of none.
    """
    names: set[str] = set()
    for word in words:
        name = "|".join(word.lower().split())
        if name in _EVERYTHING:
            return None
        if name.startswith("@"):
            found = {one.name for one in COMMANDS.values() if name[1:] in one.categories}
            known = name[1:] in CATEGORY_ORDER
        else:
            command = COMMANDS.get(name)
            known = command is not None
            found = (
                set()
                if command is None
                else {command.name, *(f"{name}|{sub}" for sub in command.subcommands)}
            )
        if not known:
            raise ValueError(f"there is no command or category '{word[:_SHOWN]}'")
        names |= found
    return frozenset(names)


def _never_answered() -> Pending:
    """Return what a call returns that nothing but a rule will answer."""
    return Pending((), type(None), 0, _nothing, NO_REPLY, postponed=True)


def _nothing() -> Reply:
    """Stand in for a retry: no key can bring the reply."""
    return None
