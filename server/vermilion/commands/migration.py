"""MIGRATE, of the generic group: it is understood, and refused.

Redis stands still while it sends keys to another server. Here nothing below the network floor opens a connection:
a call is judged as in Redis, to the point where there would be something to send.
"""

from collections.abc import Sequence
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import WRITE, Argument, KeyFlag, KeySpec
from vermilion.errors import RespError
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import Reply, Status
from vermilion.session import Session

_NO_KEY: Final = Status("NOKEY")
_KEY: Final = 3
_OPTIONS: Final = 6
_OPERANDS: Final = {b"COPY": 0, b"REPLACE": 0, b"AUTH": 1, b"AUTH2": 2}
_FLAGS: Final[Sequence[KeyFlag]] = ("RW", "access", "delete")


def _behind_keys(argv: Sequence[bytes]) -> int:
    """Return where KEYS stands, 0 where it does not; what other options take is none."""
    at = _OPTIONS
    while at < len(argv):
        word = argv[at].upper()
        if word == b"KEYS":
            return at
        at += 1 + _OPERANDS.get(word, 0)
    return 0


def _check_options(argv: Sequence[bytes], end: int) -> None:
    """Refuse words that are no options, and options without their operands, in front of KEYS."""
    at = _OPTIONS
    while at < end:
        operands = _OPERANDS.get(argv[at].upper())
        if operands is None or at + operands >= len(argv):
            raise RespError(errors.SYNTAX)
        at += 1 + operands


class _SingleKey(KeySpec):
    """The place of a single key, and of an empty string where the keys stand behind KEYS."""

    def positions(self, argv: Sequence[bytes]) -> range:
        """Return where the keys stand: all of them, as which place counts depends on the options."""
        word = _behind_keys(argv)
        if not word:
            return range(_KEY, _KEY + 1)
        if argv[_KEY]:
            return range(0)
        return range(word + 1, len(argv)) or range(_KEY, _KEY + 1)


class _KeysBehindWord(KeySpec):
    """The place behind KEYS, which the other specification has found already."""

    def positions(self, argv: Sequence[bytes]) -> range:
        """Return nothing."""
        return range(0)


@command(
    "MIGRATE", WRITE, since="2.6.0", group="generic", categories=["dangerous"],
    complexity="O(1): it is refused.", tips=["nondeterministic_output"], raw=True, arity=-6,
    arguments=[
        Argument("host", "string"),
        Argument("port", "integer"),
        Argument("key-selector", "oneof", arguments=[
            Argument("key", "key", key_spec=0), Argument("empty-string", "pure-token", token=""),
        ]),
        Argument("destination-db", "integer"),
        Argument("timeout", "integer"),
        Argument("copy", "pure-token", token="COPY", optional=True, since="3.0.0"),
        Argument("replace", "pure-token", token="REPLACE", optional=True, since="3.0.0"),
        Argument("authentication", "oneof", optional=True, arguments=[
            Argument("auth", "string", display="password", token="AUTH", since="4.0.7"),
            Argument("auth2", "block", token="AUTH2", since="6.0.0", arguments=[
                Argument("username", "string"), Argument("password", "string"),
            ]),
        ]),
        Argument(
            "keys", "key", display="key", key_spec=1, token="KEYS", optional=True, multiple=True, since="3.0.6",
        ),
    ],
    keys=[
        _SingleKey(_FLAGS, _KEY),
        _KeysBehindWord((*_FLAGS, "incomplete"), ("KEYS", -2), last=-1),
    ],
)  # fmt: skip
def migrate(session: Session, argv: list[bytes]) -> Reply:
    """Refuse to send keys to another server; return NOKEY when none of them exists."""
    # Raw: the keys stand in one of two places, and options are judged before the numbers.
    word = _behind_keys(argv)
    _check_options(argv, word or len(argv))
    if word and argv[_KEY]:
        raise RespError(errors.MIGRATE_KEYS_AND_KEY)
    for number in argv[4:6]:
        if parse_int64(number) is None:
            raise RespError(errors.NOT_AN_INTEGER)
    keys = argv[word + 1 :] if word else argv[_KEY : _KEY + 1]
    if not any(session.db.lookup(key) is not None for key in keys):
        return _NO_KEY
    raise RespError(errors.MIGRATE_REFUSED)
