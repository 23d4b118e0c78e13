"""Where the keys of a call are in a cluster, and what is done with calls that concern several nodes.

    key -> what stands between its first { and the next }, or all of it -> CRC16 -> one of 16384 slots

A call goes to the node of its keys' slot. Of those whose keys are in several slots, some can be split by keys, and
their replies joined. Calls without keys go to one node, or to every primary where Redis's own documentation of the
command (its tips) says so; the tips also say how to make one reply of many.

Source: the Redis Cluster specification and the command tips of the Redis documentation.
"""

from binascii import crc_hqx
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import vermilion.commands.groups  # noqa: F401  # importing the groups is what declares the commands
from vermilion import errors
from vermilion.commands.registry import COMMANDS, Command
from vermilion.commands.syntax import MOVABLEKEYS
from vermilion.errors import RespError
from vermilion.protocol.framing import ReplyFramer

SLOTS: Final = 16384

Combine: TypeAlias = Callable[[Sequence[bytes]], bytes]
"""Makes one reply of several."""


class Share(NamedTuple):
    """What of a call goes to one node.

    Attributes:
        slot: whose node; None for any.
        argv: the call.
        node: the number of the primary, for calls that go to certain ones.
    """

    slot: int | None
    argv: list[bytes]
    node: int | None = None


class Plan(NamedTuple):
    """What becomes of a call.

    Attributes:
        shares: what goes where.
        combine: makes of the replies the client's, None where there is one share.
    """

    shares: list[Share]
    combine: Combine | None = None


def slot_of(key: bytes) -> int:
    """Return the slot of a key.

    Example:
        >>> slot_of(b"123456789"), slot_of(b"{user1000}.following") == slot_of(b"user1000")
        (12739, True)
    """
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key, 0) & (SLOTS - 1)


def find_command(argv: Sequence[bytes]) -> Command | None:
    """Return what a call calls, a subcommand where there are any; None for what is not known here."""
    command = COMMANDS.get(argv[0].decode("utf-8", "replace").lower())
    if command is not None and command.subcommands and len(argv) > 1:
        return command.subcommands.get(argv[1].decode("utf-8", "replace").lower(), command)
    return command


def key_positions(command: Command, argv: Sequence[bytes]) -> Sequence[int]:
    """Return where the keys of a call stand."""
    if command.flags & MOVABLEKEYS:
        return [position for spec in command.key_specs for position in spec.positions(argv)]
    first, last, step = command.key_range
    if not first:
        return ()
    return range(first, min(len(argv), (last if last >= 0 else len(argv) + last) + 1), step)


def slot_of_call(argv: Sequence[bytes], keys: Sequence[bytes] | None = None) -> int | None:
    """Return the slot of a call, None for one without keys.

    Args:
        argv: the call.
        keys: its keys, of a command that is not known here.

    Raises:
        RespError: when its keys are in several slots.
    """
    if keys is None:
        command = find_command(argv)
        positions = key_positions(command, argv) if command is not None else ()
        keys = [argv[position] for position in positions]
        if not keys and len(argv) > 1 and argv[0].lower() in _BY_CHANNEL:
            keys = [argv[1]]
    slots = set(map(slot_of, keys))
    if len(slots) > 1:
        raise RespError(errors.CROSS_SLOT)
    return slots.pop() if slots else None


_BY_CHANNEL: Final = frozenset({b"publish", b"subscribe", b"psubscribe"})
"""To the node of the channel, so that PUBLISH counts those who subscribe to just this channel through a proxy."""


def plan(argv: list[bytes], primaries: int, keys: Sequence[bytes] | None = None) -> Plan:
    """Say what becomes of a call.

    Args:
        argv: the call.
        primaries: how many primaries there are.
        keys: its keys, of a command that is not known here.

    Raises:
        RespError: when its keys are in several slots, and it cannot be split.
    """
    name = argv[0].lower()
    if name == b"scan":
        return _plan_scan(argv, primaries)
    command = find_command(argv)
    try:
        slot = slot_of_call(argv, keys)
    except RespError:
        splitting = _SPLITS.get(name)
        if splitting is None or command is None or not command.accepts(len(argv)):
            raise
        return splitting(argv)
    if slot is not None or command is None:
        return Plan([Share(slot, argv)])
    tips = command.tips
    if not command.accepts(len(argv)) or not _EVERYWHERE.intersection(tips) or command.key_specs:
        return Plan([Share(None, argv)])
    policy = next((tip.partition(":")[2] for tip in tips if tip.startswith("response_policy:")), "")
    combine = _COMBINES.get(policy)
    if name == b"randomkey":
        combine = _any_key
    if combine is None:
        return Plan([Share(None, argv)])
    return Plan([Share(None, argv, node) for node in range(primaries)], combine)


_EVERYWHERE: Final = frozenset({"request_policy:all_shards", "request_policy:all_nodes"})


# Splitting by keys ----------------------------------------------------------------------------------------


def _by_slot(keys: Sequence[bytes]) -> dict[int, list[int]]:
    """Return the places of the keys by their slots."""
    places: dict[int, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(slot_of(key), []).append(place)
    return places


def _split_counting(argv: list[bytes]) -> Plan:
    """Split a call that answers how many of its keys it has found: DEL, UNLINK, EXISTS, TOUCH."""
    keys = argv[1:]
    shares = [
        Share(slot, [argv[0], *(keys[place] for place in places)]) for slot, places in _by_slot(keys).items()
    ]
    return Plan(shares, _sum)


def _split_mset(argv: list[bytes]) -> Plan:
    """Split MSET, each key with its value."""
    if len(argv) % 2 == 0:
        return Plan([Share(None, argv)])  # upstream says what is wrong with it
    shares = [
        Share(slot, [argv[0], *(word for place in places for word in argv[1 + 2 * place : 3 + 2 * place])])
        for slot, places in _by_slot(argv[1::2]).items()
    ]
    return Plan(shares, _first_error_or_first)


def _split_mget(argv: list[bytes]) -> Plan:
    """Split MGET, and put the values in the order of the keys."""
    keys = argv[1:]
    by_slot = _by_slot(keys)
    order = [place for places in by_slot.values() for place in places]

    def combine(replies: Sequence[bytes]) -> bytes:
        values = _members(replies)
        if isinstance(values, bytes):
            return values
        ordered = [b""] * len(keys)
        for place, value in zip(order, values, strict=True):
            ordered[place] = value
        return b"*%d\r\n%b" % (len(keys), b"".join(ordered))

    shares = [Share(slot, [argv[0], *(keys[place] for place in places)]) for slot, places in by_slot.items()]
    return Plan(shares, combine)


_SPLITS: Final[dict[bytes, Callable[[list[bytes]], Plan]]] = {
    b"mget": _split_mget,
    b"mset": _split_mset,
    b"del": _split_counting,
    b"unlink": _split_counting,
    b"exists": _split_counting,
    b"touch": _split_counting,
}


# Joining --------------------------------------------------------------------------------------------------


def _error_of(replies: Sequence[bytes]) -> bytes | None:
    return next((reply for reply in replies if reply.startswith((b"-", b"!"))), None)


def _integers(replies: Sequence[bytes]) -> list[int] | None:
    return (
        [int(reply[1:-2]) for reply in replies] if all(reply.startswith(b":") for reply in replies) else None
    )


def _sum(replies: Sequence[bytes]) -> bytes:
    numbers = _integers(replies)
    return _first_error_or_first(replies) if numbers is None else b":%d\r\n" % sum(numbers)


def _least(replies: Sequence[bytes]) -> bytes:
    numbers = _integers(replies)
    return _first_error_or_first(replies) if numbers is None else b":%d\r\n" % min(numbers)


def _first_error_or_first(replies: Sequence[bytes]) -> bytes:
    return _error_of(replies) or replies[0]


def _all(replies: Sequence[bytes]) -> bytes:
    """Join arrays of 0 and 1: where all nodes say 1 (SCRIPT EXISTS)."""
    columns = [_members([reply]) for reply in replies]
    wrong = next((column for column in columns if isinstance(column, bytes)), None)
    if wrong is not None:
        return wrong
    rows = list(zip(*columns, strict=True))
    return b"*%d\r\n%b" % (len(rows), b"".join(min(row) for row in rows))


def _concatenated(replies: Sequence[bytes]) -> bytes:
    """Join arrays one behind the other: KEYS."""
    members = _members(replies)
    return members if isinstance(members, bytes) else b"*%d\r\n%b" % (len(members), b"".join(members))


def _any_key(replies: Sequence[bytes]) -> bytes:
    """Return a key of any node that has one: RANDOMKEY."""
    return next((reply for reply in replies if reply not in {b"$-1\r\n", b"_\r\n"}), replies[0])


_COMBINES: Final[dict[str, Combine]] = {
    "": _concatenated,
    "all_succeeded": _first_error_or_first,
    "one_succeeded": _first_error_or_first,
    "agg_sum": _sum,
    "agg_min": _least,
    "agg_logical_and": _all,
}


def _members(replies: Sequence[bytes]) -> list[bytes] | bytes:
    """Return the members of all arrays, or the first reply that is none."""
    found: list[bytes] = []
    for reply in replies:
        head, _, body = reply.partition(b"\r\n")
        if not head.startswith((b"*", b"~")):
            return reply
        framer = ReplyFramer()
        at = 0
        for _ in range(max(int(head[1:]), 0)):
            end, _ = framer.advance(body, at, 1)
            found.append(body[at:end])
            at = end
    return found


# SCAN -----------------------------------------------------------------------------------------------------

_NODE_BITS: Final = 10
"""Of a cursor's 64: SCAN's own cursor stands above the number of the node."""


def _plan_scan(argv: list[bytes], primaries: int) -> Plan:
    """Scan one primary after the other."""
    cursor = argv[1] if len(argv) > 1 else b""
    if not cursor.isdigit() or int(cursor) >= 1 << 64:
        return Plan([Share(None, argv)])
    inner, node = int(cursor) >> _NODE_BITS, int(cursor) & ((1 << _NODE_BITS) - 1)
    if node >= primaries:  # there are fewer than there were
        return Plan([Share(None, [*argv[:1], b"0", *argv[2:]], 0)], _end_of_scan)

    def combine(replies: Sequence[bytes]) -> bytes:
        reply = replies[0]
        if not reply.startswith(b"*2\r\n$"):
            return reply
        head, _, rest = reply[4:].partition(b"\r\n")
        size = int(head[1:])
        after = int(rest[:size])
        if after:
            after = after << _NODE_BITS | node
        elif node + 1 < primaries:
            after = node + 1
        word = b"%d" % after
        return b"*2\r\n$%d\r\n%b%b" % (len(word), word, rest[size:])

    return Plan([Share(None, [argv[0], b"%d" % inner, *argv[2:]], node)], combine)


def _end_of_scan(_: Sequence[bytes]) -> bytes:
    return b"*2\r\n$1\r\n0\r\n*0\r\n"
