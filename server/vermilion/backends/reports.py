"""What a proxy says of what is behind it: a section of INFO, measures, a health line, and the directives of both."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from vermilion.backends import proxied
from vermilion.backends.fleet import Fleet
from vermilion.config import Config
from vermilion.measures import Histogram, Labels, Measure
from vermilion.protocol.decode import decode_reply
from vermilion.protocol.encode import ENCODERS

if TYPE_CHECKING:
    from vermilion.protocol.reply import Reply


def section(kind: str, fleet: Fleet) -> bytes:
    """Return INFO's section about upstream."""
    tally = fleet.tally
    servers = list(fleet.servers)
    fields: dict[str, object] = {
        "upstream_kind": kind,
        "upstream_status": _status(fleet),
        "upstream_servers": len(servers),
        "upstream_connections": sum(server.connections for server in servers),
        "upstream_own_connections": sum(server.own_connections for server in servers),
        "upstream_in_flight_bytes": sum(server.in_flight for server in servers),
        "upstream_calls": tally.calls,
        "upstream_connections_opened": tally.connections_opened,
        "upstream_connections_lost": tally.lost,
        "upstream_timeouts": tally.timeouts,
        "upstream_refused_calls": tally.refused,
        "upstream_redirected_calls": tally.retries,
    }
    for number, server in enumerate(servers):
        state = f"down,reason={server.reason}"
        if server.up:
            state = f"refusing,reason={server.refusal}" if server.refusal else "up"
        fields[f"upstream{number}"] = f"addr={server.login.address},state={state}"
    lines = "".join(f"{name}:{value}\r\n" for name, value in fields.items())
    return b"# Upstream\r\n" + lines.encode("utf-8", "backslashreplace")


def _status(fleet: Fleet) -> str:
    """Return in one word how upstream stands."""
    if not fleet.is_up:
        return "down"
    return "refusing" if any(server.refusal for server in fleet.servers) else "up"


def as_text(text: bytes, resp: int) -> bytes:
    """Return text as INFO sends it."""
    if resp == 3:
        return b"=%d\r\ntxt:%b\r\n" % (len(text) + 4, text)
    return b"$%d\r\n%b\r\n" % (len(text), text)


_COUNTED_UPSTREAM: Final = {
    "keyspace_hits": "keyspace_hits",
    "keyspace_misses": "keyspace_misses",
    "keys_expired": "expired_keys",
    "hash_fields_expired": "expired_subkeys",
    "keys_evicted": "evicted_keys",
}
"""Measures of keys, which are upstream's, and the names of its fields."""

_KEYS: Final = {"keys": "keys", "keys_expiring": "expires"}
"""Measures of each database, and the names in the lines of INFO's section `keyspace`."""


def with_figures(found: Iterable[Measure | Histogram], fleet: Fleet) -> Iterator[Measure | Histogram]:
    """Put upstream's figures about keys in the place of those of an engine that has none.

    Args:
        found: what the proxy's own engine has counted.
        fleet: what is behind; where it has not told, there is nothing to count.
    """
    told = [server.figures for server in fleet.servers if server.figures]
    for measure in found:
        if not isinstance(measure, Measure):
            yield measure
        elif measure.name in _COUNTED_UPSTREAM:
            total = _total(told, _COUNTED_UPSTREAM[measure.name])
            yield measure._replace(values={} if total is None else {(): total})
        elif measure.name in _KEYS:
            yield measure._replace(values=_by_database(told, _KEYS[measure.name]))
        else:
            yield measure
    for name, field, doc in (
        ("upstream_memory_used_bytes", "used_memory", "Memory that upstream uses."),
        ("upstream_memory_limit_bytes", "maxmemory", "Upstream's directive maxmemory; 0 for no limit."),
    ):
        total = _total(told, field)
        yield Measure(name, "gauge", doc, {} if total is None else {(): total})


def _total(told: Sequence[Mapping[str, str]], field: str) -> int | None:
    """Return the sum of a field over all servers that have it."""
    numbers = [int(figures[field]) for figures in told if figures.get(field, "").isdecimal()]
    return sum(numbers) if numbers else None


def _by_database(told: Sequence[Mapping[str, str]], name: str) -> dict[Labels, float]:
    """Return the sums of a number in lines such as `db0:keys=1,expires=0`."""
    sums: dict[Labels, float] = {}
    for figures in told:
        for field, value in figures.items():
            found = re.search(rf"(?:^|,){name}=(\d+)", value)
            if found and re.fullmatch(r"db\d+", field):
                sums[field[2:],] = sums.get((field[2:],), 0) + int(found[1])
    return sums


def measures(fleet: Fleet) -> Iterator[Measure]:
    """Return what has been counted about upstream."""
    tally = fleet.tally
    servers = list(fleet.servers)
    connections = sum(server.connections for server in servers)
    in_flight = sum(server.in_flight for server in servers)
    yield Measure(
        "upstream_up", "gauge", "Whether upstream answers a PING.", {(): int(_status(fleet) == "up")}
    )
    yield Measure("upstream_connections", "gauge", "Connections to upstream.", {(): connections})
    yield Measure("upstream_in_flight_bytes", "gauge", "Calls that wait for upstream.", {(): in_flight})
    for name, doc, value in (
        ("upstream_calls", "Calls that upstream has answered.", tally.calls),
        ("upstream_connections_lost", "Connections that upstream has closed.", tally.lost),
        ("upstream_timeouts", "Connections that were given up.", tally.timeouts),
        ("upstream_calls_refused", "Calls that were not sent.", tally.refused),
        ("upstream_redirections", "Calls that went to another node.", tally.retries),
    ):
        yield Measure(name, "counter", doc, {(): value})


def trouble(fleet: Fleet) -> str | None:
    """Return on one line what is wrong with upstream, None when it is there and answers a PING."""
    if fleet.is_up:
        refusals = [f"{server.login.address}: {server.refusal}" for server in fleet.servers if server.refusal]
        return " ".join(["upstream refuses calls", *refusals]) if refusals else None
    reasons = [f"{server.login.address}: {server.reason}" for server in fleet.servers if not server.up]
    return " ".join(["upstream is not there", *reasons])


def with_own_directives(wire: bytes, config: Config, patterns: Sequence[bytes], resp: int) -> bytes:
    """Put the proxy's own directives in the place of upstream's in a reply to CONFIG GET, and leave out secrets.

    Args:
        wire: upstream's reply.
        config: the proxy's own.
        patterns: what was asked for.
        resp: the version of RESP that the client speaks.
    """
    try:
        reply = decode_reply(wire)
    except ValueError:
        return wire
    if isinstance(reply, list):
        pairs = dict(zip(reply[::2], reply[1::2], strict=True))
    elif isinstance(reply, dict):
        pairs = reply
    else:
        return wire
    kept: dict[Reply, Reply] = {
        name: value
        for name, value in pairs.items()
        if isinstance(name, bytes) and name.lower() not in proxied.SECRET_DIRECTIVES and not _is_own(name)
    }
    kept |= {name: value for name, value in config.get(patterns).items() if _is_own(name)}
    out: list[bytes] = []
    ENCODERS[resp](kept, out.append)
    return b"".join(out)


def _is_own(name: bytes) -> bool:
    return proxied.is_own_directive(name.decode("utf-8", "replace").lower())
