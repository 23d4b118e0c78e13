"""Random conversations of several clients with two servers: `python -m conformance.conversations --oracle redis://…`.

Transactions, watches, subscriptions, client-side caching, permissions, pauses, scripts, blocked clients: each has cases
of its own, and here they meet. Every step is one client's line; then all that any client has received must be the
same from both servers. After each stretch, and each difference, both servers begin anew. A seed repeats a run.

Both servers are emptied.
"""

import argparse
import contextlib
import random
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from conformance.connection import Address, ClosedError, Connection, ServerError, running
from conformance.corpus import split_words
from conformance.resp import command_bytes, indented, render

CLIENTS: Final = "abcd"
STRETCH: Final = 40
"""Steps after which both servers begin anew."""

CLOSED: Final = "(closed)"

_SCRIPTS: Final = (
    "return redis.call('get', KEYS[1])", "return redis.call('set', KEYS[1], ARGV[1])",
    "return redis.pcall('lpush', KEYS[1], ARGV[1])", "redis.call('select', '1') return redis.call('del', KEYS[1])",
    "#!lua flags=no-writes\\nreturn redis.pcall('get', KEYS[1])",
    "#!lua\\nreturn redis.pcall('incr', KEYS[1])", "return redis.call('publish', 'c', ARGV[1])",
    "redis.call('rpush', KEYS[1], 'x', 'y') return redis.call('rpop', KEYS[1])",
)  # fmt: skip

LINES: Final = (
    "MULTI", "MULTI", "EXEC", "EXEC", "DISCARD", "WATCH {k}", "WATCH {k} {k}", "UNWATCH", "RESET", "PING",
    "GET {k}", "SET {k} {v}", "SET {k} {v} GET", "SET {k} {v} PX 100000", "DEL {k}", "INCR {k}", "MGET {k} {k}",
    "EXPIRE {k} 100", "EXPIRE {k} 0", "PERSIST {k}", "TTL {k}", "RENAME {k} {k}", "COPY {k} {k} REPLACE", "MOVE {k} 1",
    "SELECT {d}", "SELECT 0", "SWAPDB {d} {d}", "FLUSHDB ASYNC", "FLUSHALL ASYNC", "DBSIZE", "EXISTS {k} {k}",
    "TYPE {k}",
    "RPUSH {l} {v}", "LPUSH {l} {v} {v}", "LPOP {l}", "BLPOP {l} 0", "BLPOP {l} {l} 0", "BLMOVE {l} {l} LEFT RIGHT 0",
    "BLMPOP 0 2 {l} {k} LEFT COUNT 2", "LRANGE {l} 0 -1", "DEL {l}", "RENAME {k} {l}", "SORT {l} ALPHA STORE {l}",
    "XADD s {n}-1 f v", "XREAD BLOCK 0 STREAMS s $", "XREAD STREAMS s 0", "DEL s", "BZPOPMIN z 0", "ZADD z {n} m",
    "SUBSCRIBE c", "SUBSCRIBE c e", "PSUBSCRIBE c*", "SSUBSCRIBE c", "UNSUBSCRIBE c", "PUNSUBSCRIBE c*",
    "SUNSUBSCRIBE c", "UNSUBSCRIBE e", "PUBLISH c {v}", "SPUBLISH c {v}", "PUBSUB NUMSUB c e", "PUBSUB NUMPAT",
    "CLIENT TRACKING ON", "CLIENT TRACKING ON BCAST", "CLIENT TRACKING ON BCAST PREFIX k", "CLIENT TRACKING ON OPTIN",
    "CLIENT TRACKING ON OPTOUT", "CLIENT TRACKING ON NOLOOP", "CLIENT TRACKING OFF", "CLIENT CACHING YES",
    "CLIENT CACHING NO", "CLIENT TRACKING ON REDIRECT <{c}>", "CLIENT TRACKINGINFO",
    "CLIENT REPLY OFF", "CLIENT REPLY ON", "CLIENT REPLY SKIP", "CLIENT UNBLOCK <{c}>", "CLIENT UNBLOCK <{c}> ERROR",
    "CLIENT KILL ID <{c}>", "CLIENT SETNAME {v}", "CLIENT GETNAME",
    "HELLO 2", "HELLO 3", "AUTH u pw", "AUTH default x", "HELLO 3 AUTH u pw", "ACL WHOAMI",
    "ACL SETUSER u on >pw ~* &* +@all", "ACL SETUSER u -@write", "ACL SETUSER u +@all -eval",
    "ACL SETUSER u resetkeys ~k*", "ACL SETUSER u resetchannels &e", "ACL DELUSER u", "ACL SETUSER u %R~l*",
    "ACL SETUSER u -exec", "ACL SETUSER u off",
    "ACL DRYRUN u GET {k}", "ACL DRYRUN u SET {k} x", "ACL DRYRUN u EXEC",
    "CLIENT PAUSE 30000 WRITE", "CLIENT UNPAUSE", "CLIENT UNPAUSE",
    "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "CONFIG SET maxmemory 0",
    "CONFIG SET notify-keyspace-events KEA",
    "CONFIG SET notify-keyspace-events \"\"", "SUBSCRIBE __keyevent@0__:set", "PSUBSCRIBE __keyspace*",
    "EVAL \"{s}\" 1 {k} {v}", "EVAL \"{s}\" 1 {l} {v}", "EVAL_RO \"{s}\" 1 {k} {v}",
    "GET", "NOSUCH x", "SET {k}", "CLIENT NOSUCH", "EXEC x",
    "OBJECT ENCODING {k}", "WAIT 0 0", "COMMAND COUNT", "READONLY", "ASKING", "GETEX {k} PERSIST", "SETNX {k} {v}",
    "MSET {k} {v} {k} {v}", "APPEND {k} {v}", "HSET h f {v}", "HGETALL h", "LINSERT {l} BEFORE {v} {v}",
)  # fmt: skip
"""What clients say. `<a>` is the id of a client.

Left out are CLIENT NO-TOUCH, with which a served client kills Redis 8.0.6, and flushes that are not ASYNC: their
replies may come later.
"""

NAMES: Final = {
    "k": ("k1", "k2", "k3"), "l": ("l1", "l2"), "v": ("1", "2", "x"), "d": ("0", "0", "1"), "n": tuple("123456789"),
    "c": tuple(CLIENTS), "s": _SCRIPTS,
}  # fmt: skip


def line(chance: random.Random) -> str:
    """Return what somebody says."""
    return re.sub(r"{(\w)}", lambda name: chance.choice(NAMES[name[1]]), chance.choice(LINES))


class Party:
    """The clients of one server.

    Args:
        address: of the server.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._admin = Connection(address)
        self._clients: dict[str, Connection] = {}
        self._ids: dict[str, bytes] = {}

    def close(self) -> None:
        """Leave the server, with all clients."""
        self._leave()
        self._admin.close()

    def _leave(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._ids.clear()

    def begin(self, protocols: Sequence[bytes]) -> None:
        """Empty the server, and let new clients come."""
        self._leave()
        for command in (
            "CLIENT UNPAUSE", "CONFIG SET maxmemory 0", "CONFIG SET notify-keyspace-events \"\"", "ACL DELUSER u",
            "FLUSHALL ASYNC",
        ):  # fmt: skip
            self._admin.call(*(word.data for word in split_words(command)))
        for name, protocol in zip(CLIENTS, protocols, strict=True):
            self._join(name, protocol)

    def _join(self, name: str, protocol: bytes) -> None:
        client = self._clients[name] = Connection(self._address)
        client.call(b"HELLO", protocol)
        self._ids[name] = client.call(b"CLIENT", b"ID").data or b""

    def say(self, name: str, text: str) -> None:
        """Let a client send a line."""
        words = [
            re.sub(rb"<(\w)>", lambda who: self._ids[who[1].decode()], word.data)
            for word in split_words(text)
        ]
        with contextlib.suppress(ClosedError, OSError):
            self._clients[name].send(command_bytes(words))

    def waiting(self) -> set[str]:
        """Return the clients that wait for a reply."""
        listed = (self._admin.call(b"CLIENT", b"LIST").data or b"").decode()
        blocked = dict(re.findall(r"id=(\d+) .* flags=(\w+) ", listed))
        return {name for name, number in self._ids.items() if "b" in blocked.get(number.decode(), "")}

    def heard(self) -> dict[str, str]:
        """Return what each client has received since."""
        for _ in range(3):  # whatever one turn of the event loop has caused is sent in the next
            self._admin.call(b"PING")
        texts = {}
        for name, client in list(self._clients.items()):
            replies, closed = client.heard()
            text = "\n".join(map(render, replies)) + CLOSED * closed
            text = re.sub(r'(\$"(?:id|redirect|tracking-redir-broken)",?\s+):[1-9]\d*', r"\1:…", text)
            # Redis tells of a flush with the null of the client that reads, not of the one that is told.
            texts[name] = re.sub(r'(invalidate", )\$nil\]', r"\1_]", text)
        return texts

    def rejoin(self, name: str, protocol: bytes) -> None:
        """Let a client come again that was cut off."""
        self._clients[name].close()
        self._join(name, protocol)
        self.heard()


Said = list[tuple[str, str]]
Difference = tuple[Said, str, str, str]


def differences(ours: Party, theirs: Party, chance: random.Random, steps: int) -> Iterator[Difference]:
    """Let clients talk; yield what was said since the beginning, who heard what from ours and from theirs."""
    said: Said = []
    protocols: list[bytes] = []
    for number in range(steps):
        if number % STRETCH == 0 or not said:
            protocols = [chance.choice((b"2", b"3")) for _ in CLIENTS]
            for party in (ours, theirs):
                party.begin(protocols)
            said = []
        # What is sent behind a call that waits may run in the turn in which that is served, or in the next.
        name, text = chance.choice(sorted(set(CLIENTS) - theirs.waiting()) or CLIENTS), line(chance)
        said.append((name, text))
        for party in (ours, theirs):
            party.say(name, text)
        here, there = ours.heard(), theirs.heard()
        different = [who for who in here if here[who] != there[who]]
        if different:
            who = different[0]
            yield said, who, here[who], there[who]
            said = []
            continue
        for gone in (who for who, heard in here.items() if heard.endswith(CLOSED)):
            for party in (ours, theirs):
                party.rejoin(gone, protocols[CLIENTS.index(gone)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 0 when all was answered alike, 1 when something was not, 2 when a server failed."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.conversations", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--oracle", required=True, type=Address.parse, help="a real Redis, redis://host:port")
    parser.add_argument("--target", type=Address.parse, help="our server; one is started if not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10_000)
    options = parser.parse_args(arguments)
    own = shlex.join([sys.executable, "-m", "vermilion"])
    found = 0
    kinds: set[tuple[str, str]] = set()
    with contextlib.ExitStack() as stack:
        try:
            target = options.target or stack.enter_context(running(shlex.split(own)))
            parties = Party(target), Party(options.oracle)
            for party in parties:
                stack.callback(party.close)
            chance = random.Random(options.seed)  # noqa: S311  # a seed repeats a run
            for said, who, ours, theirs in differences(*parties, chance, options.steps):
                found += 1
                kind = (said[-1][1].split(" ")[0], theirs[:30])
                if kind not in kinds:
                    kinds.add(kind)
                    _print(said, who, ours, theirs)
        except (OSError, ServerError, ClosedError) as error:
            sys.stderr.write(f"conversations: {error!r}\n")
            return 2
    sys.stdout.write(
        f"{options.steps} steps, {found} differences of {len(kinds)} kinds; seed {options.seed}\n"
    )
    return int(found > 0)


def _print(said: Said, who: str, ours: str, theirs: str) -> None:
    """Print what was said, as a case would, and what one client heard."""
    sys.stdout.write("".join(f"  @{name} {text}\n" for name, text in said))
    sys.stdout.write(f"  {who} heard of ours:\n{indented(ours, 4)}\n  of theirs:\n{indented(theirs, 4)}\n\n")


if __name__ == "__main__":
    sys.exit(main())
