"""Client-side caching: who has read which key, and who is told when it changes (CLIENT TRACKING).

    a call of a reading command -> remember: table[key] -> ids of the clients that read it
    db.changed -> modified      -> those clients, once: they must read the key again to be told again
                                -> BCAST: the keys of a prefix, gathered until `flush`, sorted, one message for all

The table belongs to keys, not to clients: one that has gone is found missing when it would be told. It names keys
without their database, as Redis's does.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vermilion.commands.syntax import PUBSUB, READONLY
from vermilion.engine.bound import RUN_SCRIPTS, BoundCommand
from vermilion.keyspace.audience import EAR_CACHES, Audience
from vermilion.keyspace.database import Database
from vermilion.messaging import Caching
from vermilion.protocol.reply import Broadcast, Push, Reply
from vermilion.session import GATE_MULTI, GATE_SUBSCRIBED, GATE_TRACKING, Session
from vermilion.settings import Settings

CHANNEL: Final = b"__redis__:invalidate"
"""What subscribers of RESP2 see as the channel of an invalidation."""


class Tracking:
    """What the clients of one engine cache.

    Args:
        sessions: the clients, by their ids.
        databases: whose changes are told.
        audience: what tells of them.
        settings: where `tracking-table-max-keys` stands.
        push: sends a client a message, behind the reply of a call of its own.
        caller: returns whose call runs.
    """

    def __init__(
        self,
        sessions: Mapping[int, Session],
        databases: Sequence[Database],
        audience: Audience,
        settings: Settings,
        push: Callable[[Session, Push], None],
        caller: Callable[[], Session | None],
    ) -> None:
        self._sessions = sessions
        self._databases = databases
        self._settings = settings
        self._push = push
        self._caller = caller
        # One id, or the set of several: most keys are read by one client.
        self._table: OrderedDict[bytes, int | set[int]] = OrderedDict()
        self._prefixes: dict[bytes, dict[Session, None]] = {}
        self._changed: dict[bytes, dict[bytes, Session | None]] = {}
        self.flushed = False
        """Whether all keys have gone, and the clients are to be told."""
        self.ahead = False
        """Whether the messages of the call that runs go ahead of its reply."""
        self.pending = False
        """Whether `flush` has something to tell."""
        self.clients = 0
        self.items = 0
        """How many pairs of key and client the table holds."""
        audience.modified = self._modified

    @property
    def keys(self) -> int:
        """How many keys the table holds."""
        return len(self._table)

    @property
    def prefixes(self) -> int:
        """How many prefixes clients are told of."""
        return len(self._prefixes)

    # What commands ask for --------------------------------------------------------------------------------

    def enable(self, session: Session, caching: Caching) -> None:
        """Tell a client of changes of what it reads, or of prefixes; those it had already stay."""
        if session.caching is None:
            self.clients += 1
        session.caching = caching
        session.gates |= GATE_TRACKING
        for prefix in caching.prefixes:
            self._prefixes.setdefault(prefix, {})[session] = None
        self._listen()

    def disable(self, session: Session) -> None:
        """Tell a client of changes no more, if it was told of any."""
        caching = session.caching
        if caching is None:
            return
        session.caching = None
        session.gates &= ~GATE_TRACKING
        self.clients -= 1
        for prefix in caching.prefixes:
            del self._prefixes[prefix][session]
            if not self._prefixes[prefix]:
                del self._prefixes[prefix]
                self._changed.pop(prefix, None)
        self._listen()

    def _listen(self) -> None:
        """Listen to changes while there is somebody to tell, or a table to keep right."""
        on = bool(self.clients or self._table)
        for db in self._databases:
            db.listen(EAR_CACHES, on=on)

    # What the engine asks for -----------------------------------------------------------------------------

    def remember(self, session: Session, command: BoundCommand, argv: Sequence[bytes]) -> None:
        """Note the keys that a call of a tracking client reads."""
        caching = session.caching
        declared = command.declared
        if caching is None or caching.broadcast or not declared.flags & READONLY or declared.flags & PUBSUB:
            return
        if caching.given if caching.opt_out else caching.opt_in and not caching.given:
            return
        if declared.name in RUN_SCRIPTS:  # it is the calls inside that read
            return
        for spec in declared.key_specs:
            for at in spec.positions(argv):
                self._note(argv[at], session.id)
        table, limit = self._table, self._settings.tracking_table_max_keys
        while limit and len(table) > limit:
            self._invalidate(*table.popitem(last=False))

    def _note(self, key: bytes, number: int) -> None:
        """Note that a client has read a key."""
        table = self._table
        ids = table.get(key)
        if ids is None:
            table[key] = number
        elif isinstance(ids, set):
            if number in ids:
                return
            ids.add(number)
        elif ids == number:
            return
        else:
            table[key] = {ids, number}
        self.items += 1

    def called(self, session: Session, argv: Sequence[bytes]) -> None:
        """Note the end of a client's call: CLIENT CACHING holds for the next one, or for a whole transaction.

        Other calls of CLIENT do not count.
        """
        queueing = session.gates & GATE_MULTI
        if session.caching is not None and not queueing and argv[0].lower() != b"client":
            session.caching.given = False

    def tell_flushed(self, caller: Session | None = None) -> None:
        """Tell all clients that all keys have gone, if they have: `caller` hears of it ahead of its reply."""
        if not self.flushed:
            return
        self.flushed = False
        self.ahead = caller is not None and caller is self._caller()
        message = _Invalidation(None)
        for session in list(self._sessions.values()):
            if session.caching is not None:
                self._tell(session, message)

    def flush(self) -> None:
        """Tell what was gathered: that all keys have gone, and the changed keys of prefixes."""
        self.tell_flushed()
        self.pending = False
        changed, self._changed = self._changed, {}
        for prefix, keys in sorted(changed.items()):
            message = _Invalidation(sorted(keys))
            for session in list(self._prefixes.get(prefix, ())):
                caching = session.caching
                if caching is None:
                    continue  # cut off by the message before
                if caching.no_loop and session in keys.values():
                    theirs = sorted(key for key, by in keys.items() if by is not session)
                    if theirs:
                        self._tell(session, _Invalidation(theirs))
                else:
                    self._tell(session, message)

    # Changes ----------------------------------------------------------------------------------------------

    def _modified(self, key: bytes | None) -> None:
        """Take note of a changed key, or that all keys have gone."""
        if key is None:
            self.flushed = self.pending = bool(self.clients)
            self._table.clear()
            self.items = 0
            self._listen()
            return
        for prefix in self._prefixes:
            if key.startswith(prefix):
                self._changed.setdefault(prefix, {})[key] = self._caller()
                self.pending = True
        ids = self._table.pop(key, None)
        if ids is not None:
            self._invalidate(key, ids)
            if not self._table and not self.clients:
                self._listen()

    def _invalidate(self, key: bytes, ids: int | set[int]) -> None:
        """Tell those who have read a key; the table has forgotten it."""
        several = ids if isinstance(ids, set) else {ids}
        self.items -= len(several)
        message = _Invalidation([key])
        for number in several:
            session = self._sessions.get(number)
            caching = None if session is None else session.caching
            # One that has changed to broadcasts since it read the key is told by these.
            if session is None or caching is None or caching.broadcast:
                continue
            if not (caching.no_loop and session is self._caller()):
                self._tell(session, message)

    def _tell(self, session: Session, message: "_Invalidation") -> None:
        """Send a message to a client, or where it wants it sent, if that client can read it."""
        caching = session.caching
        assert caching is not None  # noqa: S101  # it is asked by who calls
        receiver = self._sessions.get(caching.redirect) if caching.redirect else session
        if receiver is None:
            caching.broken = True
            if session.resp == 3:
                self._push(session, Push([b"tracking-redir-broken", caching.redirect]))
        elif receiver.resp == 3:
            self._push(receiver, message.push)
        elif caching.redirect and receiver.gates & GATE_SUBSCRIBED:
            self._push(receiver, message.message)


class _Invalidation:
    """What clients are told: as a push, and as RESP2 has it, a message of a channel.

    Args:
        keys: their names; None for all.
    """

    __slots__ = ("message", "push")

    def __init__(self, keys: Sequence[bytes] | None) -> None:
        names: Reply = None if keys is None else list(keys)
        self.push = Broadcast([b"invalidate", names])
        self.message = Broadcast([b"message", CHANNEL, names])
