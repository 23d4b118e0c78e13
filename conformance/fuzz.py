"""Random calls to two servers: `python -m conformance.fuzz --oracle redis://127.0.0.1:7000` prints where they differ.

The calls are made from the oracle's own COMMAND DOCS, with words that are right most of the time: keys of every
type, integers at the edges, ids, ranges, tokens; now and then a word too few, too many, or of the wrong kind. Both
servers get the same calls, and begin anew, with the same keys, after each stretch and each difference. What may
differ by chance or by the clock is left out, with the reason beside it. A seed repeats a run.

Both servers are emptied. The corpus holds what was found here.
"""

import argparse
import contextlib
import random
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from conformance.connection import Address, ClosedError, Connection, ServerError, running
from conformance.resp import Reply, indented, quoted, render

STRETCH: Final = 60
"""Calls after which both servers begin anew: what a key holds stays near what the words fit."""

GROUPS: Final = (
    "bitmap", "generic", "geo", "hash", "hyperloglog", "list", "set", "sorted-set", "stream", "string",
)  # fmt: skip

LEFT_OUT: Final[Mapping[str, str]] = {
    "spop srandmember hrandfield zrandmember randomkey": "chance",
    "time object|idletime object|freq xinfo|consumers xinfo|stream xpending": "the clock",
    "blpop brpop blmove brpoplpush blmpop bzpopmin bzpopmax bzmpop xread xreadgroup wait waitaof": "they wait",
    "dump restore restore-asking migrate": "payloads, for which there are tests of their own",
    "scan keys sscan hscan zscan": "cursors and orders are each server's own",
    "sort sort_ro": "equal weights come in any order",
    "pfdebug pfselftest lcs": "internal, or slow on long strings",
    "select move swapdb": "they would leave the database that is begun anew",
    "xautoclaim xclaim": "idle times",
}

UNORDERED: Final = frozenset(
    b"smembers sinter sunion sdiff hkeys hvals hgetall zinter zunion geosearch georadius".split()
)

KEYS: Final[Mapping[bytes, bytes]] = {
    b"s": b"SET s hello", b"n": b"SET n 10", b"f": b"SET f 3.5", b"l": b"RPUSH l a b c 1 2", b"l2": b"RPUSH l2 x",
    b"h": b"HSET h a 1 b 2 c foo", b"h2": b"HSET h2 f v", b"z": b"ZADD z 1 a 2 b 3 c", b"z2": b"ZADD z2 1 a 5 d",
    b"st": b"SADD st a b c", b"st2": b"SADD st2 1 2 3", b"x": b"XADD x 1-1 a 1", b"x2": b"XADD x2 5-5 f v",
    b"hll": b"PFADD hll a b c", b"bit": b"SETBIT bit 7 1",
    b"geo": b"GEOADD geo 13.361389 38.115556 a 15.087269 37.502669 b",
    b"missing": b"DEL missing",
}  # fmt: skip
MORE: Final = (b"XADD x 2-1 b 2", b"XADD x 3-0 a 1 b 2", b"XGROUP CREATE x g 0", b"XGROUP CREATE x a 0")

WORDS: Final = (
    [*b"a b c foo 1 2 3 -1 10 0 3.5 9223372036854775807 \xc3\xa9".split(), b"", b"x" * 70, b"two words"]
)  # fmt: skip
INTEGERS: Final = b"0 1 2 3 -1 -2 5 10 100 abc 1.5 9223372036854775807 -9223372036854775808".split()
DOUBLES: Final = b"0 1 2.5 -3.25 inf -inf nan abc 1e3 13.36 38.11 200".split()
PLACES: Final = b"0 1 3 5 -1 1-1 2-1 3-0 99-99 - + (1 (2 (1-1 [a [c (c inf -inf $ *".split()
PLACE_NAMES: Final = frozenset(
    {"id", "start", "end", "min", "max", "lastid", "threshold", "last-id", "entries-read"}
)
PATTERNS: Final = (b"*", b"a*", b"?", b"[ab]*", b"h\\*")
FAR: Final = (b"100000", b"99999999", b"0", b"-1", b"abc", b"9223372036854775807")

Words = list[bytes]
Argument = Mapping[str, Any]


def plain(reply: Reply) -> Any:
    """Return a reply as Python values: bytes and lists, and maps as dicts by text."""
    if reply.kind == "%":
        items = [plain(item) for item in reply.items or ()]
        return {key.decode(): value for key, value in zip(items[::2], items[1::2], strict=True)}
    if reply.items is not None:
        return [plain(item) for item in reply.items]
    return reply.data


def named(replies: Any) -> Mapping[str, Any]:
    """Return a map that RESP2 gives as a flat array, or RESP3 as a map."""
    if isinstance(replies, dict):
        return replies
    return {key.decode(): value for key, value in zip(replies[::2], replies[1::2], strict=True)}


class Grammar:
    """Makes calls of the commands that a server documents.

    Args:
        docs: its COMMAND DOCS, as Python values.
        groups: the groups to choose from.
        chance: the source of it.
    """

    def __init__(self, docs: Mapping[str, Any], groups: Sequence[str], chance: random.Random) -> None:
        self._chance = chance
        self._entries_made = 0
        left_out = {name for names in LEFT_OUT for name in names.split()}
        self._commands = [
            (words, details)
            for name, entry in docs.items()
            for words, details in self._entries(name, named(entry))
            if details["group"].decode() in groups and "|".join(words) not in left_out and words[-1] != "help"
        ]

    def _entries(self, name: str, entry: Mapping[str, Any]) -> Iterator[tuple[list[str], Mapping[str, Any]]]:
        if "subcommands" not in entry:
            yield [name], entry
            return
        for subcommand, details in named(entry["subcommands"]).items():
            yield subcommand.split("|"), named(details)

    def call(self) -> Words:
        """Return the words of one call."""
        chance = self._chance
        name, entry = chance.choice(self._commands)
        arguments = [named(argument) for argument in entry.get("arguments", ())]
        words = [*(word.encode() for word in name), *self._words(arguments)]
        _count_in(words)
        if name == ["xadd"]:  # its own ids are the clock's
            self._entries_made += 1
            words = [b"1%d-1" % self._entries_made if word == b"*" else word for word in words]
        if chance.random() < 0.02:
            words = words[:-1] or words
        elif chance.random() < 0.02:
            words.append(chance.choice(WORDS))
        return words

    def _words(self, arguments: Sequence[Argument]) -> Words:
        chance = self._chance
        words: Words = []
        for argument in arguments:
            flags = argument.get("flags", ())
            if b"optional" in flags and chance.random() < 0.6:
                continue
            token = argument.get("token", b"")
            for turn in range(chance.choice((1, 1, 2, 3)) if b"multiple" in flags else 1):
                if token and argument["type"] != b"pure-token" and (not turn or b"multiple_token" in flags):
                    words.append(token)
                words += self._operand(argument)
        return words

    def _operand(self, argument: Argument) -> Words:
        chance = self._chance
        kind, name = argument["type"].decode(), argument["name"].decode()
        if kind == "oneof":
            chosen = dict(named(chance.choice(argument["arguments"])))
            chosen["flags"] = [flag for flag in chosen.get("flags", ()) if flag != b"optional"]
            return self._words([chosen])
        if kind == "block":
            return self._words([named(inner) for inner in argument["arguments"]])
        if kind == "pure-token":
            return [argument["token"]] if argument.get("token") else []
        if chance.random() < 0.03:
            return [chance.choice(WORDS)]
        if kind == "key":
            return [chance.choice(list(KEYS))]
        if name in {"numkeys", "numfields"}:
            return [chance.choice(INTEGERS) if chance.random() < 0.2 else _COUNT[name]]
        if "seconds" in name or kind == "unix-time":
            return [chance.choice(FAR)]
        if kind == "integer":
            return [chance.choice(INTEGERS) if chance.random() < 0.5 else b"%d" % chance.randrange(-5, 20)]
        words = {"double": DOUBLES, "pattern": PATTERNS}.get(kind, PLACES if name in PLACE_NAMES else WORDS)
        return [chance.choice(words)]


_COUNT: Final = {"numkeys": b"<numkeys>", "numfields": b"<numfields>"}


def _count_in(words: Words) -> None:
    """Put the counts where they were left open: of the keys that follow, or of all words that do."""
    for place, word in enumerate(words):
        rest = words[place + 1 :]
        if word == b"<numfields>":
            words[place] = b"%d" % len(rest)
        elif word == b"<numkeys>":
            keys = next((count for count, follower in enumerate(rest) if follower not in KEYS), len(rest))
            words[place] = b"%d" % max(keys, 1)


def begin(connection: Connection) -> None:
    """Empty a server and give it the keys."""
    connection.call(b"FLUSHALL")
    for line in (*KEYS.values(), *MORE):
        connection.call(*line.split())


def shown(reply: Reply, words: Words) -> str:
    """Return a reply as text, without the order where there is none."""
    if reply.items is not None and any(words[0].startswith(name) for name in UNORDERED):
        return repr(sorted(map(render, reply.items)))
    return render(reply)


def differences(
    subject: Connection, oracle: Connection, grammar: Grammar, chance: random.Random, calls: int
) -> Iterator[tuple[list[Words], str, str]]:
    """Make calls; yield what was called since the beginning, and the two replies, wherever they differ."""
    history: list[Words] = []
    for number in range(calls):
        if number % STRETCH == 0 or not history:
            begin(subject)
            begin(oracle)
            history = []
        words = grammar.call()
        key = chance.choice(list(KEYS))
        for call in (words, [b"TYPE", key], [b"OBJECT", b"ENCODING", key]):
            history.append(call)
            ours, theirs = (shown(server.call(*call), call) for server in (subject, oracle))
            if ours != theirs:
                yield history, ours, theirs
                history = []
                break


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 0 when no call was answered differently, 1 when one was, 2 when a server failed."""
    parser = argparse.ArgumentParser(prog="python -m conformance.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--oracle", required=True, type=Address.parse, help="a real Redis, redis://host:port")
    parser.add_argument("--target", type=Address.parse, help="our server; one is started if not given")
    parser.add_argument("--groups", default=",".join(GROUPS), help="of commands; default: %(default)s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=20_000)
    options = parser.parse_args(arguments)
    own = shlex.join([sys.executable, "-m", "vermilion"])
    with contextlib.ExitStack() as stack:
        try:
            target = options.target or stack.enter_context(running(shlex.split(own)))
            servers = [Connection(target), Connection(options.oracle)]
            found = _run(servers[0], servers[1], options)
        except (OSError, ServerError, ClosedError) as error:
            reason = "a server closed the connection" if isinstance(error, ClosedError) else error
            sys.stderr.write(f"fuzz: {reason}\n")
            return 2
    return int(found > 0)


def _run(subject: Connection, oracle: Connection, options: argparse.Namespace) -> int:
    """Make the calls in both protocols and print each kind of difference once; return how many kinds there were."""
    kinds: set[tuple[bytes, str, str]] = set()
    docs = named(plain(oracle.call(b"COMMAND", b"DOCS")))
    for protocol in (b"2", b"3"):
        chance = random.Random(f"{options.seed}/{protocol!r}")  # noqa: S311  # a seed repeats a run
        grammar = Grammar(docs, options.groups.split(","), chance)
        for server in (subject, oracle):
            server.call(b"HELLO", protocol)
        for history, ours, theirs in differences(subject, oracle, grammar, chance, options.calls):
            kind = (history[-1][0], ours[:20], theirs[:20])
            if kind not in kinds:
                kinds.add(kind)
                _print(history, protocol.decode(), ours, theirs)
    sys.stdout.write(f"{2 * options.calls} calls, {len(kinds)} kinds of differences; seed {options.seed}\n")
    return len(kinds)


def _print(history: list[Words], protocol: str, ours: str, theirs: str) -> None:
    """Print a difference, and the calls before it that named one of its keys."""
    last = history[-1]
    keys = set(last).intersection(KEYS)
    before = [
        call
        for call, _ in pairwise(history)
        if keys.intersection(call) and call[0] not in {b"TYPE", b"OBJECT"}
    ]
    for call in (*before[-4:], last):
        sys.stdout.write(" ".join(map(quoted, call)) + "\n")
    sys.stdout.write(f"  ours (RESP{protocol}):\n{indented(ours, 4)}\n  theirs:\n{indented(theirs, 4)}\n\n")


if __name__ == "__main__":
    sys.exit(main())
