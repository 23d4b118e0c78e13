"""Access control of one engine: who the clients are, what they are refused, and where users are kept.

    call -> GATE_ACL? -> selectors of the user: command, keys, channels -> run | NOPERM, counted and logged

A session carries the gate only while its user is restricted, so that nobody else pays. Rules are changed on a copy of
the user, which then becomes the user: a refused rule changes nothing.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from vermilion import errors, files
from vermilion.access.catalogue import catalogue
from vermilion.access.log import AccessLog, Context, Reason, Refusal
from vermilion.access.selector import READ, WRITE, RuleError, Selector, has_spaces
from vermilion.access.user import (
    DEFAULT,
    UnmatchedParenthesisError,
    User,
    default_user,
    merge_selectors,
    read_users,
)
from vermilion.commands.client_line import describe
from vermilion.commands.introspection import find, known_to
from vermilion.commands.registry import CATEGORY_ORDER, Command
from vermilion.commands.syntax import NO_AUTH, KeyFlag, KeySpec
from vermilion.errors import RespError
from vermilion.kinds import to_bytes
from vermilion.session import GATE_ACL, GATE_AUTH, Session
from vermilion.settings import Settings

if TYPE_CHECKING:
    from vermilion.engine.engine import Engine

LOGGER: Final = logging.getLogger("vermilion")

_NEEDED: Final[Mapping[KeyFlag, int]] = {
    "access": READ, "insert": WRITE, "delete": WRITE, "update": WRITE,
}  # fmt: skip
"""What a command needs of a key, by what it does to it; to ask for a key's type or existence needs nothing."""


class _Channels(NamedTuple):
    """Where a call names channels: from its first argument on, up to `last` or the end."""

    last: int | None = None
    patterns: bool = False


_CHANNELS: Final = {
    "subscribe": _Channels(),
    "ssubscribe": _Channels(),
    "psubscribe": _Channels(patterns=True),
    "publish": _Channels(last=2),
    "spublish": _Channels(last=2),
}

_EXEC_REASONS: Final[Mapping[Reason, str]] = {
    "command": "no permission to execute the command or subcommand",
    "key": "no permission to touch the specified keys",
    "channel": "no permission to access one of the channels used as arguments",
}
_SEVERITY: Final[Sequence[Reason]] = ("command", "key", "channel")


class AclStartError(Exception):
    """Users that a server cannot start with; as text, one line for the log."""


_Plan: TypeAlias = Sequence[tuple[KeySpec, int]]


class Denial(NamedTuple):
    """Why a call is refused.

    Args:
        reason: what its user may not use.
        object: its name.
    """

    reason: Reason
    object: bytes

    def text(self, user: User, command: Command) -> str:
        """Return the error reply."""
        if self.reason == "command":
            return errors.no_command_permission(user.name, command.name)
        return errors.NO_KEY_PERMISSION if self.reason == "key" else errors.NO_CHANNEL_PERMISSION

    def explanation(self, user: User, command: Command) -> str:
        """Return what ACL DRYRUN says."""
        if self.reason == "command":
            return errors.no_command_permission(user.name, command.name).removeprefix("NOPERM ")
        return errors.no_access(user.name, self.reason, self.object)


def nothing_heard(session: Session) -> tuple[Collection[bytes], Collection[bytes]]:
    """Return the channels and the patterns that a client is subscribed to, where there is no Pub/Sub."""
    del session
    return (), ()


class AccessControl:
    """Access control of one engine.

    Args:
        engine: whose clients it is about.

    Raises:
        AclStartError: for users in the configuration, or in the file that it names, who cannot be.

    LLM Context:
        - `default` is the user that every client is at first; it always exists. `users` are in the order of names.
        - `refusal` is asked for a call of a session with GATE_ACL; it counts and logs. `denial` only judges.
        - `denied` counts refusals; as in Redis, CONFIG RESETSTAT does not begin anew.
        - `heard` is set by whoever knows subscriptions: a client that hears what its user may not hear any more is
          disconnected.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._settings = engine.settings
        self._catalogue = catalogue(
            ((name, declared.categories) for name, declared in known_to(engine).items()), CATEGORY_ORDER
        )
        self._plans: dict[Command, _Plan] = {}
        self.log = AccessLog(engine.clock)
        self.denied: dict[Reason, int] = {"auth": 0, "command": 0, "key": 0, "channel": 0}
        self.heard: Callable[[Session], tuple[Collection[bytes], Collection[bytes]]] = nothing_heard
        self.default = default_user(self._catalogue)
        self._users = {DEFAULT: self.default}
        self._require_password(self._settings)
        self._load_configured()
        engine.configuration.watch("requirepass", self._password_changed)
        engine.configuration.user_lines = self.lines_for_configuration

    # Users ------------------------------------------------------------------------------------------------

    def find(self, name: bytes) -> User | None:
        """Return a user by name."""
        return self._users.get(name)

    @property
    def users(self) -> Mapping[bytes, User]:
        """The users by their names, in the order of these."""
        return dict(sorted(self._users.items()))

    @property
    def _all_channels(self) -> bool:
        """Whether new selectors may use all channels."""
        return self._settings.acl_pubsub_default == "allchannels"

    def set_user(self, name: bytes, rules: Sequence[bytes]) -> None:
        """Create or change a user: all of the rules, or none, and RespError says which is wrong."""
        if has_spaces(name):
            raise RespError(errors.ACL_BAD_USER_NAME)
        try:
            rules = merge_selectors(rules)
        except UnmatchedParenthesisError as error:
            raise RespError(errors.acl_unmatched(error.word)) from None
        user = self._users.get(name)
        changed = (
            User(name, self._catalogue, all_channels=self._all_channels)
            if user is None
            else user.copy(all_channels=self._all_channels)
        )
        for rule in rules:
            try:
                changed.apply(rule)
            except RuleError as error:
                raise RespError(errors.acl_modifier(rule, str(error))) from None
        if user is None:
            self._users[name] = changed
        else:
            user.become(changed)
            self._drop_listeners()
            self._refresh()

    def delete_users(self, names: Sequence[bytes]) -> int:
        """Delete users, and disconnect their clients; return how many there were."""
        if DEFAULT in names:
            raise RespError(errors.ACL_DEFAULT_STAYS)
        deleted = {name for name in names if self._users.pop(name, None) is not None}
        for session in list(self._engine.sessions.values()):
            if session.user.name in deleted:
                self._disconnect(session)
        return len(deleted)

    def _disconnect(self, session: Session) -> None:
        """Close the connection of a client that is nobody any more: of who calls just now after its reply."""
        session.authenticated = False
        session.user = self.default
        if session is self._engine.caller:
            session.transport.close_after_reply()
        else:
            session.transport.abort()

    def _drop_listeners(self) -> None:
        """Disconnect those who hear what their users may not hear any more."""
        for session in list(self._engine.sessions.values()):
            channels, patterns = self.heard(session)
            selectors = session.user.selectors
            if not (
                all(any(one.allows_channel(channel) for one in selectors) for channel in channels)
                and all(
                    any(one.allows_channel(pattern, pattern=True) for one in selectors)
                    for pattern in patterns
                )
            ):
                self._disconnect(session)

    def _refresh(self) -> None:
        """Let the gates of all sessions follow what has changed."""
        for session in self._engine.sessions.values():
            self._set_gates(session)

    def _set_gates(self, session: Session) -> None:
        """Let the gates of a session follow who it is."""
        gates = session.gates & ~(GATE_ACL | GATE_AUTH)
        if not session.user.unrestricted:
            gates |= GATE_ACL
        if not (session.authenticated or self.default.open):
            gates |= GATE_AUTH
        if (gates ^ session.gates) & GATE_AUTH:
            session.transport.limit_requests(bool(gates & GATE_AUTH))
        session.gates = gates

    # Who a client is --------------------------------------------------------------------------------------

    def greet(self, session: Session) -> None:
        """Let a client be what a new one is: the default user, authenticated if that needs no password."""
        session.user = self.default
        session.authenticated = self.default.open
        self._set_gates(session)

    def admits(self, name: bytes, password: bytes) -> bool:
        """Return whether a client with this password may be a user."""
        user = self._users.get(name)
        return user is not None and user.admits(password)

    def authenticate(self, session: Session, name: bytes, password: bytes, command: bytes) -> None:
        """Let a client be a user, or raise RespError.

        Args:
            session: the client.
            name: whose name it gives.
            password: what it knows.
            command: the command that it does so with, as the client wrote it.
        """
        user = self._users.get(name)
        if user is None or not user.admits(password):
            self._note(session, Refusal("auth", self._context(session), command, name))
            raise RespError(errors.WRONG_PASSWORD)
        session.user = user
        session.authenticated = True
        self._set_gates(session)

    def _require_password(self, settings: Settings) -> None:
        """Give the default user the password of `requirepass`."""
        self.default.apply(b"resetpass")
        self.default.apply(b">" + settings.requirepass if settings.requirepass else b"nopass")

    def _password_changed(self, settings: Settings) -> None:
        """Follow CONFIG SET of `requirepass`."""
        self._require_password(settings)
        self._refresh()

    # What it may do ---------------------------------------------------------------------------------------

    def denial(self, user: User, command: Command, argv: Sequence[bytes]) -> Denial | None:
        """Return why a user may not make a call, None when it may.

        Where every selector refuses, the one that comes furthest says why: a refused command counts less than a
        refused key, and that less than a refused channel.
        """
        worst: tuple[int, int] = (0, 0)
        for selector in user.selectors:
            found = self._refused_by(selector, command, argv)
            if found is None:
                return None
            worst = max(worst, found)
        severity, position = worst
        reason = _SEVERITY[severity]
        return Denial(reason, command.name.encode() if reason == "command" else argv[position])

    def _refused_by(
        self, selector: Selector, command: Command, argv: Sequence[bytes]
    ) -> tuple[int, int] | None:
        """Return what a selector refuses about a call: how far it comes, and the position of the argument."""
        if not (command.flags & NO_AUTH or selector.allows_command(command.name, argv)):
            return 0, 0
        if command.key_specs and not selector.all_keys:
            plan = self._plans.get(command)
            if plan is None:
                plan = self._plans[command] = _plan(command)
            variable = command.call_key_flags
            for spec, needed in plan:
                if variable is not None:
                    needed = _needs(variable(argv))  # noqa: PLW2901  # of this call
                for position in spec.positions(argv):
                    if not selector.allows_key(argv[position], needed):
                        return 1, position
        where = None if selector.all_channels else _CHANNELS.get(command.name)
        if where is not None:
            for position in range(1, len(argv))[: None if where.last is None else where.last - 1]:
                if not selector.allows_channel(argv[position], pattern=where.patterns):
                    return 2, position
        return None

    def refusal(
        self, session: Session, command: Command, argv: Sequence[bytes], context: Context | None = None
    ) -> str | None:
        """Return the error text with which a call is refused, counted and logged, or None to let it pass.

        Args:
            session: whose call it is.
            command: what it calls; a subcommand, where there are any.
            argv: the name and the arguments, of a number that the command accepts.
            context: where it is called; `lua` in scripts.
        """
        denial = self.denial(session.user, command, argv)
        if denial is None:
            return None
        session.last_command = command
        self._note(
            session,
            Refusal(denial.reason, context or self._context(session), denial.object, session.user.name),
        )
        return denial.text(session.user, command)

    def refusal_at_exec(self, session: Session, command: Command, argv: Sequence[bytes]) -> str | None:
        """Return the error text with which EXEC refuses a call that was allowed when it was queued."""
        denial = self.denial(session.user, command, argv)
        if denial is None:
            return None
        self._note(session, Refusal(denial.reason, "multi", denial.object, session.user.name))
        return errors.lost_permission(_EXEC_REASONS[denial.reason])

    def refusal_in_script(self, caller: Session, command: Command, argv: Sequence[bytes]) -> str | None:
        """Return the error text with which a call of a script is refused, None to let it pass.

        Args:
            caller: the client that runs the script.
            command: what is called.
            argv: the name and the arguments.
        """
        denial = self.denial(caller.user, command, argv)
        if denial is None:
            return None
        self._note(caller, Refusal(denial.reason, "lua", denial.object, caller.user.name))
        if denial.reason == "command":
            return errors.denied_in_script(denial.text(caller.user, command).partition(" ")[2])
        return errors.denied_in_script(f"No permissions to access a {denial.reason}")

    def explain(self, user: User, argv: Sequence[bytes]) -> str | None:
        """Return why a user may not make a call, None when it may (ACL DRYRUN).

        Raises:
            RespError: for a command that does not exist, or a number of arguments that it does not accept.
        """
        command = _command(self._engine, argv)
        denial = self.denial(user, command, argv)
        return None if denial is None else denial.explanation(user, command)

    def permits(self, session: Session, argv: Sequence[bytes]) -> bool:
        """Return whether a client may make a call, without a trace (`redis.acl_check_cmd`).

        Raises:
            RespError: for a command that does not exist, or a number of arguments that it does not accept.
        """
        return self.denial(session.user, _command(self._engine, argv), argv) is None

    def reads_any_key(self, session: Session, argv: Sequence[bytes]) -> bool:
        """Return whether a call that is allowed may also read keys that it does not name (SORT BY and GET)."""
        if not session.gates & GATE_ACL:
            return True
        command = _command(self._engine, argv)
        return any(
            selector.allows_any_key(READ) and self._refused_by(selector, command, argv) is None
            for selector in session.user.selectors
        )

    def _context(self, session: Session) -> Context:
        """Return where a session makes its calls."""
        return "toplevel" if session.queue is None else "multi"

    def _note(self, session: Session, refusal: Refusal) -> None:
        """Count and log a refusal."""
        self.denied[refusal.reason] += 1
        client = describe(session, self._engine.clock.monotonic_ms())
        self.log.add(refusal, to_bytes(client), self._settings.acllog_max_len)

    # Where users are kept ---------------------------------------------------------------------------------

    def lines(self) -> list[bytes]:
        """Return the lines that declare the users."""
        return [user.line() for user in self.users.values()]

    def lines_for_configuration(self) -> list[bytes]:
        """Return the lines with which CONFIG REWRITE declares the users: none, where they have a file."""
        return [] if self._settings.aclfile else self.lines()

    def _load_configured(self) -> None:
        """Take the users of the configuration or of the ACL file."""
        if self._settings.aclfile:
            if self._settings.user:
                raise AclStartError(errors.ACL_FILE_AND_USERS)
            try:
                self.load()
            except RespError as error:
                raise AclStartError(errors.acl_aborted(error.message.removeprefix("ERR "))) from None
            return
        for words in self._settings.user:
            name, *given = map(to_bytes, words)
            if has_spaces(name):
                raise AclStartError(errors.ACL_SPACES_AT_START)
            user = User(name, self._catalogue, all_channels=self._all_channels)
            try:
                rules = merge_selectors(given)
            except UnmatchedParenthesisError as error:
                raise AclStartError(errors.acl_unmatched(error.word).removeprefix("ERR ")) from None
            for rule in rules:
                try:
                    user.apply(rule)
                except RuleError as error:
                    raise AclStartError(errors.acl_rule_at_start(name, rule, str(error))) from None
            self._adopt(user)

    def _adopt(self, user: User) -> None:
        """Take a user in; sessions keep the object that they know."""
        known = self._users.get(user.name)
        if known is None:
            self._users[user.name] = user
        else:
            known.become(user)

    def _path(self) -> Path:
        """Return the path of the ACL file."""
        if not self._settings.aclfile:
            raise RespError(errors.ACL_NO_FILE)
        return Path(self._settings.aclfile)

    def load(self) -> None:
        """Take the users of the ACL file, and no others; RespError, with nothing changed, when it has errors."""
        path, source = self._path(), self._settings.aclfile
        try:
            text = path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise RespError("ERR " + errors.acl_file_unreadable(source, reason)) from None
        users, wrong = read_users(text, source, self._catalogue, all_channels=self._all_channels)
        if wrong:
            raise RespError("ERR " + "".join(wrong) + errors.ACL_FILE_REFUSED)
        users.setdefault(DEFAULT, default_user(self._catalogue))
        self._replace(users)

    def restore(self, lines: Sequence[bytes]) -> None:
        """Take the users that `lines` has declared before, and no others."""
        users, wrong = read_users(
            b"\n".join(lines), "snapshot", self._catalogue, all_channels=self._all_channels
        )
        assert not wrong  # noqa: S101  # they were written by `lines`
        self._replace(users)

    def _replace(self, users: Mapping[bytes, User]) -> None:
        """Have these users and no others; clients of those that are gone are disconnected."""
        gone = self._users.keys() - users.keys()
        for name in gone:
            del self._users[name]
        for user in users.values():
            self._adopt(user)
        for session in list(self._engine.sessions.values()):
            if session.user.name in gone:
                self._disconnect(session)
        self._drop_listeners()
        self._refresh()

    def save(self) -> None:
        """Write the users into the ACL file, in one step; RespError when it cannot be written."""
        path = self._path()
        try:
            files.replace(path, b"".join(line + b"\n" for line in self.lines()))
        except OSError as error:
            LOGGER.warning("Saving ACL file: %s", error)
            raise RespError(errors.ACL_NOT_SAVED) from None


def _command(engine: "Engine", argv: Sequence[bytes]) -> Command:
    """Return the command, or the subcommand, that a call is of; RespError when it is of none."""
    command = find(known_to(engine), argv[0]) if b"|" not in argv[0] else None
    if command is not None and command.subcommands and len(argv) > 1:
        command = command.subcommands.get(errors.text(argv[1]).lower())
    if command is None:
        raise RespError(errors.command_not_found(argv[0]))
    if not command.accepts(len(argv)):
        raise RespError(errors.wrong_arity(command.name))
    return command


def _needs(flags: Sequence[KeyFlag]) -> int:
    """Return what a command needs of keys that it does this to."""
    needed = 0
    for flag in flags:
        needed |= _NEEDED.get(flag, 0)
    return needed


def _plan(command: Command) -> _Plan:
    """Return where the keys of a command stand, and what it needs of them unless a call's arguments decide it."""
    return [(spec, _needs(spec.flags)) for spec in command.key_specs if "not_key" not in spec.flags]
