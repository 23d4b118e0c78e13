"""One set of permissions: the commands, keys and channels that go together, and the rules that describe them.

    ~app:* %R~shared:* &news.* +@read -keys +select|0

Rules change a selector one by one. Its description keeps those about commands as they were given, but for the ones
that a later rule makes void: `+get -get` is `-get`, `+config|get +config` is `+config`.
"""

from collections.abc import Callable, Sequence
from typing import Final

from vermilion import errors
from vermilion.access.catalogue import Catalogue
from vermilion.errors import text
from vermilion.structures.glob import compile_glob

READ: Final = 1
WRITE: Final = 2
READ_WRITE: Final = READ | WRITE

_PREFIXES: Final = {READ_WRITE: b"~", READ: b"%R~", WRITE: b"%W~"}
_LETTERS: Final = {ord("R"): READ, ord("W"): WRITE}
_SPACES: Final = frozenset(b" \t\n\v\f\r\0")
_REMEMBERED: Final = 1024


class RuleError(Exception):
    """A rule that cannot be; as text, the reason.

    Args:
        reason: why, as Redis words it.
        unknown: whether it names a command or a category that does not exist.
    """

    def __init__(self, reason: str, *, unknown: bool = False) -> None:
        super().__init__(reason)
        self.unknown = unknown


def has_spaces(raw: bytes) -> bool:
    """Return whether a name or a pattern has bytes that would break the lines of an ACL file."""
    return not _SPACES.isdisjoint(raw)


def _matcher(pattern: bytes) -> Callable[[bytes], bool]:
    """Return what says whether a name matches; as in Redis, an empty name matches an empty pattern only."""
    matches = compile_glob(pattern)
    return lambda name: (name != b"" or pattern == b"") and matches(name)


class _KeyPattern:
    """A pattern of keys, and what may be done to those that match."""

    __slots__ = ("matches", "pattern", "permissions")

    def __init__(self, pattern: bytes, permissions: int) -> None:
        self.pattern = pattern
        self.permissions = permissions
        self.matches = _matcher(pattern)


class Selector:
    """A set of permissions; a new one permits nothing.

    Args:
        catalogue: the commands there are.
        all_channels: whether it begins with the permission of all channels (`acl-pubsub-default`).

    LLM Context:
        - `apply` changes it by one rule, or raises and leaves it as it was.
        - `allows_command`, `allows_key` and `allows_channel` are independent of each other.
    """

    __slots__ = (
        "_channel_matchers", "_first_arguments", "_judged", "_keys", "_rules", "_whole", "all_channels",
        "all_commands", "all_keys", "catalogue", "channels", "commands",
    )  # fmt: skip

    def __init__(self, catalogue: Catalogue, *, all_channels: bool = False) -> None:
        self.catalogue = catalogue
        self.all_keys = False
        self.all_channels = all_channels
        self.all_commands = False
        """Whether no command was taken away since `+@all`: those that do not exist yet are allowed, too."""
        self._whole = False
        """Whether the description begins with `+@all`."""
        self.commands: frozenset[str] = frozenset()
        self.channels: list[bytes] = []
        self._channel_matchers: list[Callable[[bytes], bool]] = []
        self._first_arguments: dict[str, tuple[bytes, ...]] = {}
        self._rules: list[bytes] = []
        self._keys: list[_KeyPattern] = []
        self._judged: dict[tuple[bytes, int], bool] = {}

    def copy(self) -> "Selector":
        """Return one that has the same permissions, and may be changed."""
        other = Selector(self.catalogue, all_channels=self.all_channels)
        other.all_keys, other.all_commands, other._whole = self.all_keys, self.all_commands, self._whole
        other.commands = self.commands
        other.channels = self.channels.copy()
        other._channel_matchers = self._channel_matchers.copy()
        other._first_arguments = self._first_arguments.copy()
        other._rules = self._rules.copy()
        other._keys = [_KeyPattern(held.pattern, held.permissions) for held in self._keys]
        return other

    # What it permits --------------------------------------------------------------------------------------

    @property
    def unrestricted(self) -> bool:
        """Whether it permits everything."""
        return self.all_commands and self.all_keys and self.all_channels

    def allows_command(self, name: str, argv: Sequence[bytes]) -> bool:
        """Return whether a call of a command is permitted, keys and channels aside.

        Args:
            name: the full name.
            argv: the call; only its first argument matters.
        """
        if self.all_commands or name in self.commands:
            return True
        first = self._first_arguments.get(name)
        return first is not None and len(argv) > 1 and argv[1].lower() in first

    def allows_key(self, key: bytes, needed: int) -> bool:
        """Return whether something may be done to a key; what a call needs of it is `READ`, `WRITE`, both or none."""
        if self.all_keys:
            return True
        question = (key, needed)
        known = self._judged.get(question)
        if known is None:
            known = any(held.permissions & needed == needed and held.matches(key) for held in self._keys)
            if len(self._judged) >= _REMEMBERED:
                self._judged.clear()
            self._judged[question] = known
        return known

    def allows_any_key(self, needed: int) -> bool:
        """Return whether something may be done to all keys there can be."""
        return self.all_keys or any(
            held.pattern == b"*" and held.permissions & needed == needed for held in self._keys
        )

    def allows_channel(self, channel: bytes, *, pattern: bool = False) -> bool:
        """Return whether a channel may be used; a pattern of channels must be among the rules literally."""
        if self.all_channels:
            return True
        if pattern:
            return channel in self.channels
        return any(matches(channel) for matches in self._channel_matchers)

    # Rules ------------------------------------------------------------------------------------------------

    def apply(self, rule: bytes) -> None:
        """Change the permissions by one rule; RuleError says what is wrong with it."""
        if not rule:
            return
        self._judged.clear()
        word = _WORDS.get(rule.lower())
        if word is not None:
            word(self)
        elif rule.startswith((b"~", b"%")):
            self._add_keys(rule)
        elif rule.startswith(b"&"):
            self._add_channels(rule[1:])
        elif rule.startswith((b"+@", b"-@")):
            names = self.catalogue.categories.get(text(rule[2:].lower()))
            if names is None:
                raise RuleError(errors.ACL_UNKNOWN_COMMAND, unknown=True)
            self._change(names, rule[:1], rule[1:])
        elif rule.startswith(b"+"):
            self._allow(rule[1:])
        elif rule.startswith(b"-"):
            self._change(self._family(rule[1:]), b"-", rule[1:])
        else:
            raise RuleError(errors.ACL_SYNTAX)

    def permit_all_commands(self) -> None:
        """Permit all commands, those of the future included."""
        self.all_commands = self._whole = True
        self.commands = self.catalogue.everything
        self._rules.clear()
        self._first_arguments.clear()

    def permit_no_commands(self) -> None:
        """Permit no command."""
        self.all_commands = self._whole = False
        self.commands = frozenset()
        self._rules.clear()
        self._first_arguments.clear()

    def permit_all_keys(self) -> None:
        """Permit all keys."""
        self.all_keys = True
        self._keys.clear()

    def permit_no_keys(self) -> None:
        """Permit no key."""
        self.all_keys = False
        self._keys.clear()

    def permit_all_channels(self) -> None:
        """Permit all channels."""
        self.all_channels = True
        self.channels.clear()
        self._channel_matchers.clear()

    def permit_no_channels(self) -> None:
        """Permit no channel."""
        self.all_channels = False
        self.channels.clear()
        self._channel_matchers.clear()

    def _add_keys(self, rule: bytes) -> None:
        """Permit the keys of a pattern to be read, written, or both."""
        if self.all_keys:
            raise RuleError(errors.ACL_KEYS_AFTER_ALL)
        permissions, at = (READ_WRITE, 1) if rule.startswith(b"~") else (0, 1)
        if not permissions:
            letters, tilde, _ = rule[1:].partition(b"~")
            for letter in letters.upper():
                permission = _LETTERS.get(letter, 0)
                if not permission or permissions & permission:
                    raise RuleError(errors.ACL_SYNTAX)
                permissions |= permission
            if not permissions:
                raise RuleError(errors.ACL_SYNTAX)
            at += len(letters) + len(tilde)
        pattern = rule[at:]
        if has_spaces(pattern):
            raise RuleError(errors.ACL_SYNTAX)
        for held in self._keys:
            if held.pattern == pattern:
                held.permissions |= permissions
                return
        self._keys.append(_KeyPattern(pattern, permissions))

    def _add_channels(self, pattern: bytes) -> None:
        """Permit the channels of a pattern."""
        if self.all_channels:
            raise RuleError(errors.ACL_CHANNELS_AFTER_ALL)
        if has_spaces(pattern):
            raise RuleError(errors.ACL_SYNTAX)
        if pattern not in self.channels:
            self.channels.append(pattern)
            self._channel_matchers.append(_matcher(pattern))

    def _family(self, name: bytes) -> frozenset[str]:
        """Return a command with its subcommands."""
        family = self.catalogue.families.get(text(name.lower()))
        if family is None:
            raise RuleError(errors.ACL_UNKNOWN_COMMAND, unknown=True)
        return family

    def _allow(self, name: bytes) -> None:
        """Permit a command, a subcommand, or calls of a command with one first argument."""
        before, bar, last = name.rpartition(b"|")
        if not bar:
            self._change(self._family(name), b"+", name)
            return
        family = self._family(before)
        if b"|" in before:
            raise RuleError(errors.ACL_FIRST_ARGUMENT_OF_SUBCOMMAND)
        if not last:
            raise RuleError(errors.ACL_SYNTAX)
        if len(family) > 1:
            self._change(self._family(name), b"+", name)
            return
        command = text(before.lower())
        arguments = self._first_arguments.get(command, ())
        if last.lower() not in arguments:
            self._first_arguments[command] = (*arguments, last.lower())
        self._note(b"+", name)

    def _change(self, names: frozenset[str], sign: bytes, rule: bytes) -> None:
        """Permit commands, or no longer, and describe it."""
        if sign == b"+":
            self.commands |= names
        else:
            self.commands -= names
            self.all_commands = False
        for name in names & self._first_arguments.keys():
            del self._first_arguments[name]
        self._note(sign, rule)

    def _note(self, sign: bytes, rule: bytes) -> None:
        """Describe a rule about commands, in place of those that it makes void."""
        rule = rule.lower()
        below = rule + b"|"
        self._rules = [held for held in self._rules if held[1:] != rule and not held[1:].startswith(below)]
        self._rules.append(sign + rule)

    # Description ------------------------------------------------------------------------------------------

    @property
    def described_commands(self) -> bytes:
        """The rules about commands."""
        return b" ".join([b"+@all" if self._whole else b"-@all", *self._rules])

    @property
    def described_keys(self) -> bytes:
        """The rules about keys."""
        if self.all_keys:
            return b"~*"
        return b" ".join(_PREFIXES[held.permissions] + held.pattern for held in self._keys)

    @property
    def described_channels(self) -> bytes:
        """The rules about channels."""
        return b"&*" if self.all_channels else b" ".join(b"&" + pattern for pattern in self.channels)

    def describe(self) -> bytes:
        """Return the rules that make a new selector into this one."""
        channels = self.described_channels
        if not self.all_channels:
            channels = b"resetchannels " + channels
        parts = (self.described_keys, channels.rstrip(b" "), self.described_commands)
        return b" ".join(part for part in parts if part)


_WORDS: Final[dict[bytes, Callable[[Selector], None]]] = {
    b"allkeys": Selector.permit_all_keys,
    b"~*": Selector.permit_all_keys,
    b"resetkeys": Selector.permit_no_keys,
    b"allchannels": Selector.permit_all_channels,
    b"&*": Selector.permit_all_channels,
    b"resetchannels": Selector.permit_no_channels,
    b"allcommands": Selector.permit_all_commands,
    b"+@all": Selector.permit_all_commands,
    b"nocommands": Selector.permit_no_commands,
    b"-@all": Selector.permit_no_commands,
}
