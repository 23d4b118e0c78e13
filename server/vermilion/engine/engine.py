"""One engine: databases, sessions and commands, and `execute`, through which every call goes.

    execute: look up -> gates -> call -> count

The engine is synchronous and knows no transport. Everything hangs off the instance: two engines in one process
never meet. What is off costs nothing: the gates of a session are one integer, and only when it shares a bit with
the command does the slow path look at what stands in the way.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from random import Random
from sys import getsizeof
from time import perf_counter_ns
from typing import Final

import vermilion.commands.groups  # noqa: F401  # importing the groups is what declares the commands
from vermilion import errors
from vermilion.clock import Clock, SystemClock
from vermilion.commands.introspection import known_to
from vermilion.diagnostics import SlowEvents, SlowLog
from vermilion.engine import gatekeeping, process
from vermilion.engine import info as report
from vermilion.engine.acl import AccessControl
from vermilion.engine.batches import QUEUEING, Batches
from vermilion.engine.bound import BoundCommand, bind_all
from vermilion.engine.client_eviction import evict_clients
from vermilion.engine.diskless import Diskless
from vermilion.engine.eviction import Eviction, Meter
from vermilion.engine.faults import Faults
from vermilion.engine.heap import Heap
from vermilion.engine.journal import Journal
from vermilion.engine.monitors import Monitors
from vermilion.engine.notifications import Notifications
from vermilion.engine.pausing import Pause
from vermilion.engine.pubsub import Exchange, heard
from vermilion.engine.slowness import Slowness, time_calls
from vermilion.engine.stats import EngineStats
from vermilion.engine.tracking import Tracking
from vermilion.engine.transactions import Transactions
from vermilion.engine.waiting import WaitingRoom
from vermilion.errors import CountedError, RespError
from vermilion.harness import Harness
from vermilion.keyspace.audience import Audience
from vermilion.keyspace.bounded import BoundedDatabase
from vermilion.keyspace.database import Database
from vermilion.keyspace.frequency import FrequencyRule
from vermilion.keyspace.recording import RecordingDatabase
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.pending import Answer, Pending
from vermilion.ports import Configuration, MemoryFigures, Persistence, Scripting, TableFigures
from vermilion.protocol.reply import NO_REPLY, Messages, Reply
from vermilion.session import (
    GATE_ACL,
    GATE_BUSY,
    GATE_FAULT,
    GATE_JOURNAL,
    GATE_MEMORY,
    GATE_MONITOR,
    GATE_MULTI,
    GATE_NO_TOUCH,
    GATE_PAUSE,
    GATE_REPLY,
    GATE_RESOLVE,
    GATE_TIMED,
    GATE_TRACKING,
    GATE_UNSAVED,
    Session,
    Transport,
)
from vermilion.settings import Settings

LOGGER: Final = logging.getLogger("vermilion")

_AGAIN: Final = GATE_ACL | GATE_MEMORY | GATE_UNSAVED
"""What may have come in the way of a call while it waited."""
_HTTP_WORDS: Final = frozenset({b"post", b"host:"})
_RECLAIM_STEP: Final = 256


class Engine:
    """A Redis in this process, without a socket.

    Args:
        settings: the values of the directives; shared with `configuration`, which changes them in place.
        configuration: what CONFIG works on.
        clock: what says the time.
        random: the source of chance.
        max_keys: how many keys each database holds before it evicts the one used least recently; 0 for no limit.
        meter: what tells how much memory is in use; the allocators of this process when None.
        recording: whether the databases can go back to what they were: see `keyspace/recording.py`.
        harness: what tests move the engine with, by the command VERMILION; None for no such command.

    Raises:
        ValueError: for a `rename-command` that cannot be.
        AclStartError: for users that cannot be.
    """

    def __init__(
        self,
        settings: Settings,
        configuration: Configuration,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        max_keys: int = 0,
        meter: Meter | None = None,
        recording: bool = False,
        harness: Harness | None = None,
    ) -> None:
        self.settings = settings
        self.configuration = configuration
        self.clock: Clock = clock or SystemClock()
        self.random = random or Random()  # noqa: S311  # SPOP and RANDOMKEY are no secrets
        self.keyspace = KeyspaceStats()
        self.stats = EngineStats(self.clock)
        self.audience = Audience()
        self.waiting = WaitingRoom(
            self.clock, self.audience.ready, self._answer, self._retry_failed, self._refused
        )
        self.pubsub = Exchange(self.push_all)
        self.databases: Sequence[Database] = [
            self._new_database(index, max_keys, recording=recording) for index in range(settings.databases)
        ]
        self.notifications = Notifications(self.pubsub, self.audience, self.databases)
        self.notifications.configure(settings)
        configuration.watch("notify-keyspace-events", self.notifications.configure)
        self.harness = harness
        self.commands = bind_all(known_to(self), settings.rename_command)
        self.sessions: dict[int, Session] = {}
        self.tracking = Tracking(
            self.sessions, self.databases, self.audience, settings, self.push, lambda: self.caller
        )
        self.acl = AccessControl(self)
        self.acl.heard = heard
        self.next_session_id = 1
        self.batches = Batches(self)
        self.transactions = Transactions(self)
        self.monitors = Monitors(self)
        self.journal: Journal = Journal(self)
        self.pause = Pause(self)
        self.faults = Faults(self)
        self._common_gates = GATE_RESOLVE
        """Those that new sessions have."""
        self.active_expire = True
        self.cron_paused = False
        self.run_id = self.random.randbytes(20).hex()
        self.replication_id = self.random.randbytes(20).hex()
        self.slowness = Slowness(settings, self.clock)
        time_calls(self.commands.values(), self.slowness)
        self.eviction = Eviction(
            settings, self.databases, self.stats, self.keyspace, meter or Heap(), self.slowness.took
        )
        self.eviction.on_exhausted = self._gate_memory
        self.used_memory_peak = self.eviction.baseline
        self._frequency = FrequencyRule(self.random, settings.lfu_log_factor, settings.lfu_decay_time)
        self._follow_policy(settings)
        self._follow_slowness(settings)
        for directive in ("maxmemory", "maxmemory-policy", "lfu-log-factor", "lfu-decay-time"):
            configuration.watch(directive, self._follow_policy)
        for directive in ("slowlog-log-slower-than", "slowlog-max-len", "latency-monitor-threshold"):
            configuration.watch(directive, self._follow_slowness)
        self.persistence: Persistence = Diskless(self.clock.now_ms())
        self.caller: Session | None = None
        """Whose gated call runs."""
        self._afterwards: list[Reply] = []
        """The messages that this call has caused to its own client."""
        self.on_shutdown: Callable[[], None] = _ignore
        self.scripting: Scripting | None = None
        self.while_busy: Callable[[Session], None] = _ignore
        """Lets whoever carries the clients serve them while a script runs on and on."""
        self.busy_reply: str | None = None

    def _new_database(self, index: int, max_keys: int, *, recording: bool) -> Database:
        """Return an empty database."""
        if recording:
            return RecordingDatabase(index, self.clock, self.keyspace, self.random, self.audience)
        if max_keys:
            return BoundedDatabase(max_keys, index, self.clock, self.keyspace, self.random, self.audience)
        return Database(index, self.clock, self.keyspace, self.random, self.audience)

    # Sessions ---------------------------------------------------------------------------------------------

    def open_session(self, transport: Transport) -> Session:
        """Return a new session on database 0; it must authenticate when there is a password."""
        now_ms = self.clock.monotonic_ms()
        session = Session(self.next_session_id, self, self.databases[0], transport, now_ms, self.acl.default)
        self.next_session_id += 1
        session.gates |= self._common_gates
        self.acl.greet(session)
        self.sessions[session.id] = session
        self.stats.connections_received += 1
        return session

    def set_gate(self, gate: int, *, on: bool) -> None:
        """Open or close a gate of all sessions, those to come included."""
        self._common_gates = self._common_gates | gate if on else self._common_gates & ~gate
        for session in self.sessions.values():
            session.gates = session.gates | gate if on else session.gates & ~gate

    def push(self, session: Session, message: Reply) -> None:
        """Send a client a message that is no reply; one that its own call has caused follows the reply.

        A session that may be sent messages has a gate that leads its calls to the slow path, so that
        `_execute_gated` knows whose call runs.
        """
        self.push_all((session,), message)

    def push_all(self, sessions: Sequence[Session], message: Reply) -> None:
        """Send several clients the same message."""
        caller = self.caller
        for session in sessions:
            if session is caller:
                self._afterwards.append(message)
            else:
                session.transport.push(message)

    def close_session(self, session: Session) -> None:
        """Forget a session, and what it waits for; closing twice does no harm."""
        self.pause.forget(session)
        self.faults.forget(session)
        self.waiting.release(session)
        self.pubsub.leave(session)
        self.tracking.disable(session)
        self.transactions.discard(session)
        self.monitors.remove(session)
        self.sessions.pop(session.id, None)

    # Calls ------------------------------------------------------------------------------------------------

    def execute(self, session: Session, argv: list[bytes]) -> Answer:
        """Run one call for one session.

        Args:
            session: whose call it is; it must not have a pending one.
            argv: the name and the arguments.

        Returns:
            The reply; an error reply is returned, too, and never raised. A `Pending` when the reply comes later, to
            the session's transport.
        """
        if self.eviction.limited:
            self.eviction.before_calls()
        command = self.commands.get(argv[0])
        if command is None or session.gates & command.gated:
            reply = self.call_gated(session, command, argv)
        else:
            session.last_command = command
            reply = self.call(command, session, argv)
        if self.waiting.ready:
            self.waiting.serve()
        if type(reply) is Pending:
            self.waiting.suspend(session, reply, argv)
        if self.tracking.pending:
            self.tracking.flush()
        return reply

    def call(self, command: BoundCommand, session: Session, argv: list[bytes]) -> Answer:
        """Run a command and count it."""
        mark = perf_counter_ns()
        reply: Answer
        try:
            reply = command.call(session, argv)
        except Exception as error:  # noqa: BLE001  # one bug must not stop the server
            reply = self.failed(command, argv, error)
        elapsed = perf_counter_ns() - mark
        if elapsed >= self.slowness.threshold_ns:
            self.slowness.judge(session, command, argv, elapsed)
        command.count(1, elapsed)
        if session.gates & GATE_TRACKING:
            self.tracking.remember(session, command, argv)
        return reply

    def call_gated(self, session: Session, command: BoundCommand | None, argv: list[bytes]) -> Answer:
        """Run a call that is spelled unusually, has something in its way, or has a subcommand to be found."""
        gates = session.gates
        if gates == QUEUEING and command and command.plain and command.declared.accepts(len(argv)):
            return self.transactions.add(session, command, argv)
        silenced = gates & GATE_REPLY
        before, self.caller = self.caller, session
        ahead: list[Reply] = []
        try:
            if gates & GATE_JOURNAL:
                entered = self.journal.enter(session, argv)
                reply = self._execute_found(session, command, argv)
                self.journal.leave(session, entered, reply)
            else:
                reply = self._execute_found(session, command, argv)
            if self.tracking.ahead and before is not session:
                self.tracking.ahead = False
                ahead, self._afterwards = self._afterwards, []
        finally:
            self.caller = before
        if before is not session and session.gates & GATE_TRACKING:
            self.tracking.called(session, argv)
        if type(reply) is Pending:
            return reply  # `_answer` sees to its silence
        # A refusal is a reply, too; the call that turns replies on again is answered.
        if silenced and session.reply_mode != "on":
            silence = self.silence(session)
            if type(reply) is not Messages:  # nothing silences the confirmations of subscriptions
                reply = silence
        if (ahead or self._afterwards) and before is not session:
            reply = Messages([*ahead, reply, *self._afterwards])
            self._afterwards.clear()
        answer: Answer = self.faults.settle(session, reply) if gates & GATE_FAULT else reply
        if before is None and self.pause.is_over:
            self.pause.resume()
        return answer

    def _execute_found(self, session: Session, command: BoundCommand | None, argv: list[bytes]) -> Answer:
        """Find the command, see what stands in its way, and run it."""
        command = command or self.commands.get(argv[0].lower())
        session.last_command = None
        if command is None:
            return self._refuse_unknown(session, argv)
        if command.subcommands and len(argv) > 1:
            found = command.subcommands.get(argv[1].lower())
            if found is None:
                return self.reject(session, None, errors.unknown_subcommand(command.name, argv[1]))
            command = found
        session.last_command = command
        if not command.declared.accepts(len(argv)):
            return self.reject(session, command, errors.wrong_arity(command.name))
        gates = session.gates & command.gated
        if gates & GATE_MEMORY:
            self.eviction.reconsider()
            gates = session.gates & command.gated
        obstacle = gatekeeping.obstacle(self.acl, session, command, argv, gates) if gates else None
        if obstacle is not None:
            return self.reject(session, command, obstacle)
        if gates & GATE_PAUSE and self.pause.postpones(session, command, argv):
            return self.pause.postpone(session, argv)
        if gates & GATE_FAULT:
            instead = self.faults.meet(session, command, argv)
            if instead is not None:
                return instead
        if gates & GATE_MULTI:
            return self.transactions.add(session, command, argv)
        return self.run(session, command, argv, gates)

    def run(self, session: Session, command: BoundCommand, argv: list[bytes], gates: int) -> Answer:
        """Run a call that nothing stands in the way of, with what its gates ask for besides.

        Args:
            session: whose call it is, in EXEC, too.
            command: what it calls.
            argv: the name and the arguments.
            gates: those of the session that concern the command.
        """
        db = session.db
        if gates & GATE_NO_TOUCH:
            db.touching = db.tracking and command.name == "touch"
        if gates & GATE_MONITOR:
            self.monitors.foresee(session, command, argv)
        try:
            reply = self.call(command, session, argv)
        finally:
            db.touching = db.tracking
        if gates & GATE_MONITOR:
            self.monitors.see(session, command, argv)
        return reply

    def _refuse_unknown(self, session: Session, argv: list[bytes]) -> Reply:
        """Answer a call of no command; close on words that a browser was tricked into sending, as Redis does."""
        if argv[0].lower() in _HTTP_WORDS:
            LOGGER.warning(
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to"
                " Redis. Connection from %s aborted.",
                session.transport.address,
            )
            session.transport.abort()
            return NO_REPLY
        return self.reject(session, None, errors.unknown_command(argv))

    def silence(self, session: Session) -> Reply:
        """Swallow the reply for CLIENT REPLY OFF and SKIP."""
        if session.reply_mode == "skip-next":
            session.reply_mode = "skip"
        elif session.reply_mode == "skip":
            session.reply_mode = "on"
            session.gates &= ~GATE_REPLY
        return NO_REPLY

    def reject(self, session: Session, command: BoundCommand | None, text: str) -> RespError:
        """Refuse a call before it ran."""
        if command is not None:
            command.rejected += 1
        error = RespError(self.transactions.refuse(session, command, text))
        self.stats.count_error(error.code)
        return error

    def failed(self, command: BoundCommand, argv: list[bytes] | None, exception: Exception) -> RespError:
        """Count a failure and return the error reply; one bug in a command must not stop the server.

        Args:
            command: what failed.
            argv: the call; None for one that had to wait, and has been counted when it began to.
            exception: what it raised.
        """
        if isinstance(exception, RespError):
            # The reply outlives the call; its traceback would keep every frame of it alive.
            error = exception.with_traceback(None)
        else:
            size = 0 if argv is None else len(argv)
            LOGGER.error("%s failed with %d arguments; this is a bug", command.name, size, exc_info=exception)
            error = RespError(errors.INTERNAL)
        if argv is not None and not command.declared.accepts(len(argv)):
            command.rejected += 1
            command.calls -= 1  # it did not run; the caller is about to count it
        else:
            command.failed += 1
        if not isinstance(error, CountedError):
            self.stats.count_error(error.code)
        return error

    # Calls that had to wait -------------------------------------------------------------------------------

    def _answer(self, session: Session, reply: Reply) -> None:
        """Send the reply of a call that had to wait."""
        if session.gates & GATE_JOURNAL:
            self.journal.answered(session, reply)
        if session.gates & GATE_REPLY:
            reply = self.silence(session)
        answer = self.faults.settle(session, reply) if self.faults.owed else reply
        if type(answer) is Pending:
            self.waiting.suspend(session, answer, [])  # it is lost on the way
        else:
            session.transport.answer(answer)

    def _retry_failed(self, session: Session, exception: Exception) -> RespError:
        """Count the failure of a call that had to wait, and return the error reply."""
        assert isinstance(session.last_command, BoundCommand)  # noqa: S101  # it is the one that waits
        return self.failed(session.last_command, None, exception)

    def _refused(self, session: Session, argv: list[bytes]) -> RespError | None:
        """Return the error reply of a call that had to wait, and that could not be made any more."""
        command = session.last_command
        if not isinstance(command, BoundCommand):
            return None
        gates = session.gates & command.gated & _AGAIN
        refusal = gatekeeping.obstacle(self.acl, session, command, argv, gates) if gates else None
        return None if refusal is None else self.reject(session, command, refusal)

    def make(self, session: Session, argv: list[bytes]) -> None:
        """Make a call that was held up, and answer it: one of its own, be it in the midst of another client's."""
        caller, self.caller = self.caller, None
        afterwards, self._afterwards = self._afterwards, []
        try:
            reply = self.execute(session, argv)
        finally:
            self.caller, self._afterwards = caller, afterwards
        if type(reply) is not Pending:
            session.transport.answer(reply)

    def unblock(self, session: Session, reply: Reply) -> None:
        """Give a client whose call is pending this reply instead of the awaited one."""
        if isinstance(reply, RespError):
            self.stats.count_error(reply.code)
        self.waiting.finish(session, reply)

    def end_waits(self) -> int | None:
        """Answer the calls that have waited for long enough.

        Returns:
            The milliseconds until this is to be called again, None when no call has a deadline.
        """
        paused = self.pause.remaining()
        if self.pause.is_over:
            self.pause.resume()
        held_up = self.faults.go_on()  # some of these calls may wait from now on
        delays = [delay for delay in (paused, held_up, self.waiting.expire()) if delay is not None]
        return min(delays, default=None)

    # Periodic work ----------------------------------------------------------------------------------------

    def cron(self, budget_ns: int) -> None:
        """Do what is due now and then: reclaim expired keys, let access times follow the clock, sample rates.

        Args:
            budget_ns: how long reclaiming may take, in nanoseconds of real time.
        """
        if self.cron_paused:
            self.end_waits()
            return
        start = perf_counter_ns()
        for db in self.databases:
            db.advance_tick()
            while self.active_expire and not self.pause.active and db.reclaim(_RECLAIM_STEP) == _RECLAIM_STEP:
                if perf_counter_ns() > start + budget_ns:
                    self.keyspace.time_cap_reached += 1
                    break
        reclaimed_ns = perf_counter_ns() - start
        self.keyspace.cycle_ns += reclaimed_ns
        self.slowness.took("expire-cycle", reclaimed_ns)
        self.waiting.serve()
        self.end_waits()
        self.tracking.flush()
        self.eviction.check()
        evict_clients(self.sessions.values(), self.settings, self.stats)
        self.used_memory_peak = max(self.used_memory_peak, process.memory().used)
        self.persistence.cron()
        self.stats.count_cron(perf_counter_ns() - start)
        self.stats.sample(self.commands_processed(), self.busy_ns())

    def _follow_policy(self, settings: Settings) -> None:
        """Record what the policy goes by, and keep within the limit."""
        policy = settings.maxmemory_policy
        self._frequency.log_factor = settings.lfu_log_factor
        self._frequency.decay_minutes = settings.lfu_decay_time
        counted = self._frequency if policy.endswith("lfu") else None
        for db in self.databases:
            db.record_accesses(counted, always=policy.endswith("lru") and settings.maxmemory > 0)
        self.eviction.configure()

    def _follow_slowness(self, settings: Settings) -> None:
        """Time every single call when even quick ones may be slow."""
        self.slowness.configure(settings)
        self.set_gate(GATE_TIMED, on=self.slowness.times_all)

    def _gate_memory(self) -> None:
        """Let writes pass or not, of all sessions."""
        self.set_gate(GATE_MEMORY, on=self.eviction.exhausted)

    def check_saving(self) -> None:
        """See whether writing is to be refused because saving fails."""
        self.set_gate(GATE_UNSAVED, on=self.persistence.is_failing)

    # What commands ask for --------------------------------------------------------------------------------

    @property
    def slow_log(self) -> SlowLog:
        """The calls that were slow (SLOWLOG)."""
        return self.slowness.log

    @property
    def slow_events(self) -> SlowEvents:
        """The events that took long (LATENCY)."""
        return self.slowness.events

    def command_records(self) -> Iterator[BoundCommand]:
        """Return what each command has counted, subcommands included."""
        for command in dict.fromkeys(self.commands.values()):  # each is there in both cases of its name
            yield command
            yield from command.subcommands.values()

    def commands_processed(self) -> int:
        """Return how many calls have run."""
        return sum(command.calls for command in self.command_records())

    def busy_ns(self) -> int:
        """Return how many nanoseconds all calls have taken."""
        return sum(command.nanoseconds for command in self.command_records())

    def longest_call_us(self) -> int:
        """Return how many microseconds the longest call took, about: latencies are counted in classes."""
        return max((max(command.latencies, default=0) for command in self.command_records()), default=0)

    def info(self, sections: Sequence[str]) -> bytes:
        """Return what INFO says.

        Args:
            sections: names in lower case, or `default`, `all`, `everything`; none for the default ones.
        """
        return report.render(self, sections)

    def memory(self) -> MemoryFigures:
        """Return where the memory of the process goes."""
        private, resident = process.memory()
        used = self.eviction.heap_used(private)
        self.used_memory_peak = max(self.used_memory_peak, private)
        return MemoryFigures(
            used,
            resident,
            self.used_memory_peak,
            min(self.eviction.baseline, used),
            sum(session.memory for session in self.sessions.values()),
            [
                TableFigures(db.index, getsizeof(db.data) + getsizeof(db.accessed), getsizeof(db.expires))
                for db in self.databases
                if db.data
            ],
            sum(map(len, self.databases)),
        )

    def reset_stats(self) -> None:
        """Start counting anew (CONFIG RESETSTAT)."""
        self.stats.reset()
        self.keyspace.reset()
        for command in self.command_records():
            command.reset()
        self.used_memory_peak = process.memory().used
        self.eviction.exceeded_ns = 0

    def begin_busy(self, text: str) -> None:
        """Refuse with this error what is not allowed while a script runs for too long."""
        self.busy_reply = text
        self.set_gate(GATE_BUSY, on=True)

    def end_busy(self) -> None:
        """Serve all clients again: the script has ended."""
        self.busy_reply = None
        self.set_gate(GATE_BUSY, on=False)

    def shut_down(self, *, save: bool | None = None, force: bool = False) -> bool:
        """Save, and ask the assembly to stop serving once this call has been answered.

        Args:
            save: whether to save; None to do so if there are save points.
            force: whether to stop though saving fails.

        Returns:
            Whether it stops.
        """
        if not self.persistence.prepare_end(save=save, force=force):
            LOGGER.warning("Errors trying to shut down the server. Check the logs for more information.")
            return False
        if self.scripting is not None:
            self.scripting.abandon()
        self.on_shutdown()
        return True


def _ignore(*_: object) -> None:
    """Stand in for an assembly: an engine alone has nothing to stop."""
