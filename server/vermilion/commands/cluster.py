"""The cluster group: this server is never a node of a cluster, and says so as a Redis does that is none.

Clients ask before they decide how to talk to a server, and what they wait for is that very refusal. Arity and
names are judged before it, so that each subcommand is declared in full.
"""

from collections.abc import Sequence
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.syntax import (
    ADMIN,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NOSCRIPT,
    STALE,
    Argument,
)
from vermilion.errors import RespError
from vermilion.protocol.reply import Reply
from vermilion.session import Session

_CHANGES: Final = ADMIN | STALE | NO_ASYNC_LOADING
_NODE: Final = Argument("node-id", "string")
_SLOT: Final = Argument("slot", "integer")
_SLOTS: Final = Argument("slot", "integer", multiple=True)
_RANGES: Final = Argument("range", "block", multiple=True, arguments=[
    Argument("start-slot", "integer"), Argument("end-slot", "integer"),
])  # fmt: skip
_VARIES: Final = ("nondeterministic_output",)
_O_1: Final = "O(1)"
_PER_NODE: Final = "O(N) where N is the number of nodes"
_PER_SLOT: Final = "O(N) where N is the number of slots"
_PER_REPLICA: Final = "O(N) where N is the number of replicas."


def _word(name: str) -> Argument:
    """Document a word of one kind."""
    return Argument(name, "pure-token", token=name.upper())


def _refuse(
    name: str,
    flags: int,
    arity: int,
    summary: str,
    *,
    since: str = "3.0.0",
    complexity: str = _O_1,
    tips: Sequence[str] = (),
    arguments: Sequence[Argument] = (),
    categories: Sequence[str] = (),
    deprecated: tuple[str, str] | None = None,
) -> None:
    """Declare a command that takes a cluster to mean anything; the arguments are those of `command`."""

    def refuse(session: Session, argv: list[bytes]) -> Reply:
        raise RespError(errors.CLUSTER_DISABLED)

    refuse.__doc__ = summary
    command(
        name, flags, since=since, complexity=complexity, tips=tips, categories=categories, group="cluster",
        deprecated=deprecated, raw=True, arity=arity, arguments=arguments,
    )(refuse)  # fmt: skip


_refuse("ASKING", FAST, 1, "Follow a redirection to a slot that is on its way.", categories=["connection"])
_refuse("READONLY", LOADING | STALE | FAST, 1, "Read from a replica of a cluster.", categories=["connection"])
_refuse(
    "READWRITE", LOADING | STALE | FAST, 1, "Do not read from a replica any more.", categories=["connection"]
)

container("CLUSTER", group="cluster", since="3.0.0", summary="A container for the commands of Redis Cluster.")

_refuse(
    "CLUSTER|ADDSLOTS", _CHANGES, -3, "Let the node serve slots.", complexity=_PER_SLOT, arguments=[_SLOTS]
)
_refuse(
    "CLUSTER|ADDSLOTSRANGE", _CHANGES, -4, "Let the node serve ranges of slots.", since="7.0.0",
    complexity=_PER_SLOT, arguments=[_RANGES],
)  # fmt: skip
_refuse("CLUSTER|BUMPEPOCH", _CHANGES, 2, "Advance the epoch of the configuration.", tips=_VARIES)
_refuse(
    "CLUSTER|COUNT-FAILURE-REPORTS", ADMIN | STALE, 3, "Return how many nodes report that a node has failed.",
    complexity="O(N) where N is the number of reports", tips=_VARIES, arguments=[_NODE],
)  # fmt: skip
_refuse("CLUSTER|COUNTKEYSINSLOT", STALE, 3, "Return how many keys a slot has.", arguments=[_SLOT])
_refuse("CLUSTER|DELSLOTS", _CHANGES, -3, "Serve slots no more.", complexity=_PER_SLOT, arguments=[_SLOTS])
_refuse(
    "CLUSTER|DELSLOTSRANGE", _CHANGES, -4, "Serve ranges of slots no more.", since="7.0.0",
    complexity=_PER_SLOT, arguments=[_RANGES],
)  # fmt: skip
_refuse(
    "CLUSTER|FAILOVER", _CHANGES, -2, "Let a replica take the place of its primary.",
    arguments=[Argument("options", "oneof", optional=True, arguments=[_word("force"), _word("takeover")])],
)  # fmt: skip
_refuse("CLUSTER|FLUSHSLOTS", _CHANGES, 2, "Forget which slots the node serves.")
_refuse("CLUSTER|FORGET", _CHANGES, 3, "Forget a node.", arguments=[_NODE])
_refuse(
    "CLUSTER|GETKEYSINSLOT", STALE, 4, "Return keys of a slot.", tips=_VARIES,
    complexity="O(N) where N is the number of keys asked for",
    arguments=[_SLOT, Argument("count", "integer")],
)  # fmt: skip
_refuse("CLUSTER|HELP", LOADING | STALE, 2, "Return what the subcommands do.", since="5.0.0")
_refuse("CLUSTER|INFO", STALE, 2, "Return the state of the cluster.", tips=_VARIES)
_refuse(
    "CLUSTER|KEYSLOT", STALE, 3, "Return the slot of a key.",
    complexity="O(N) where N is the number of bytes of the key", arguments=[Argument("key", "string")],
)  # fmt: skip
_refuse(
    "CLUSTER|LINKS", STALE, 2, "Return the connections to other nodes.", since="7.0.0", complexity=_PER_NODE,
    tips=_VARIES,
)  # fmt: skip
_refuse(
    "CLUSTER|MEET", _CHANGES, -4, "Make the acquaintance of another node.",
    arguments=[
        Argument("ip", "string"),
        Argument("port", "integer"),
        Argument("cluster-bus-port", "integer", since="4.0.0", optional=True),
    ],
)  # fmt: skip
_refuse("CLUSTER|MYID", STALE, 2, "Return the id of the node.")
_refuse("CLUSTER|MYSHARDID", STALE, 2, "Return the id of the node's shard.", since="7.2.0", tips=_VARIES)
_refuse(
    "CLUSTER|NODES", STALE, 2, "Return what the node knows of all nodes.", complexity=_PER_NODE, tips=_VARIES
)
_refuse(
    "CLUSTER|REPLICAS", ADMIN | STALE, 3, "Return the replicas of a node.", since="5.0.0",
    complexity=_PER_REPLICA, tips=_VARIES, arguments=[_NODE],
)  # fmt: skip
_refuse("CLUSTER|REPLICATE", _CHANGES, 3, "Make the node a replica of another.", arguments=[_NODE])
_refuse(
    "CLUSTER|RESET", ADMIN | NOSCRIPT | STALE, -2, "Let the node forget the cluster.", complexity=_PER_NODE,
    arguments=[Argument("reset-type", "oneof", optional=True, arguments=[_word("hard"), _word("soft")])],
)  # fmt: skip
_refuse("CLUSTER|SAVECONFIG", _CHANGES, 2, "Write the state of the cluster to its file.")
_refuse(
    "CLUSTER|SET-CONFIG-EPOCH", _CHANGES, 3, "Give a new node its epoch.",
    arguments=[Argument("config-epoch", "integer")],
)  # fmt: skip
_refuse(
    "CLUSTER|SETSLOT", _CHANGES, -4, "Say where a slot is, or where it is going.",
    arguments=[_SLOT, Argument("subcommand", "oneof", arguments=[
        Argument("importing", "string", display="node-id", token="IMPORTING"),
        Argument("migrating", "string", display="node-id", token="MIGRATING"),
        Argument("node", "string", display="node-id", token="NODE"),
        _word("stable"),
    ])],
)  # fmt: skip
_refuse(
    "CLUSTER|SHARDS", LOADING | STALE, 2, "Return which nodes serve which slots, by shards.", since="7.0.0",
    complexity=_PER_NODE, tips=_VARIES,
)  # fmt: skip
_refuse(
    "CLUSTER|SLAVES", ADMIN | STALE, 3, "Return the replicas of a node.", complexity=_PER_REPLICA, tips=_VARIES,
    arguments=[_NODE], deprecated=("5.0.0", "`CLUSTER REPLICAS`"),
)  # fmt: skip
_refuse(
    "CLUSTER|SLOTS", LOADING | STALE, 2, "Return which nodes serve which slots.", complexity=_PER_NODE,
    tips=_VARIES, deprecated=("7.0.0", "`CLUSTER SHARDS`"),
)  # fmt: skip
