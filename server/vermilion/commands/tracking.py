"""The part of the connection group that is client-side caching: CLIENT TRACKING and its like."""

from collections.abc import Sequence
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import LOADING, NOSCRIPT, STALE, Argument
from vermilion.errors import RespError
from vermilion.messaging import Caching
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import OK, OrderedSet, Reply, Status
from vermilion.session import Session

_FLAGS: Final = NOSCRIPT | LOADING | STALE


def _words(*names: str) -> list[Argument]:
    """Document words that exclude each other."""
    return [Argument(name, "pure-token", token=name.upper()) for name in names]


@command(
    "CLIENT|TRACKING", _FLAGS, since="6.0.0", group="connection", raw=True, arity=-3,
    complexity="O(1), and O(N) for N prefixes.",
    arguments=[
        Argument("status", "oneof", arguments=_words("on", "off")),
        Argument("client-id", "integer", token="REDIRECT", optional=True),
        Argument("prefix", "string", token="PREFIX", optional=True, multiple=True, multiple_token=True),
        Argument("bcast", "pure-token", token="BCAST", optional=True),
        Argument("optin", "pure-token", token="OPTIN", optional=True),
        Argument("optout", "pure-token", token="OPTOUT", optional=True),
        Argument("noloop", "pure-token", token="NOLOOP", optional=True),
    ],
)  # fmt: skip
def client_tracking(session: Session, argv: list[bytes]) -> Status:
    """Tell the client when keys change that it has read, or those of prefixes, or no more."""
    # Raw: prefixes may be several, each behind its word, and ON and OFF are judged behind the options.
    wanted, prefixes = _options(session, argv[3:])
    status = argv[2].upper()
    if status == b"ON":
        _check_modes(session.caching, wanted, prefixes)
        if wanted.broadcast:
            _check_prefixes(session.caching, prefixes)
            wanted.prefixes = set(prefixes or [b""])
            if session.caching is not None:
                wanted.prefixes |= session.caching.prefixes
        session.server.tracking.enable(session, wanted)
    elif status == b"OFF":
        session.server.tracking.disable(session)
    else:
        raise RespError(errors.SYNTAX)
    return OK


def _options(session: Session, words: Sequence[bytes]) -> tuple[Caching, list[bytes]]:
    """Read the options of CLIENT TRACKING: what is wanted, and the prefixes."""
    wanted = Caching()
    prefixes: list[bytes] = []
    rest = iter(words)
    for word in rest:
        match word.upper():
            case b"BCAST":
                wanted.broadcast = True
            case b"OPTIN":
                wanted.opt_in = True
            case b"OPTOUT":
                wanted.opt_out = True
            case b"NOLOOP":
                wanted.no_loop = True
            case b"PREFIX" if (prefix := next(rest, None)) is not None:
                prefixes.append(prefix)
            case b"REDIRECT" if (raw := next(rest, None)) is not None:
                wanted.redirect = _redirect(session, wanted, raw)
            case _:
                raise RespError(errors.SYNTAX)
    return wanted, prefixes


def _redirect(session: Session, wanted: Caching, raw: bytes) -> int:
    """Return the id of the client that is to be told instead."""
    if wanted.redirect:
        raise RespError(errors.TRACKING_REDIRECTS_TWICE)
    number = parse_int64(raw)
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    if number not in session.server.sessions:
        raise RespError(errors.TRACKING_REDIRECTS_NOWHERE)
    return number


def _check_modes(old: Caching | None, wanted: Caching, prefixes: Sequence[bytes]) -> None:
    """Refuse options that do not go together, or with what the client has."""
    if prefixes and not wanted.broadcast:
        raise RespError(errors.TRACKING_PREFIX_WITHOUT_BCAST)
    if old is not None and old.broadcast is not wanted.broadcast:
        raise RespError(errors.TRACKING_SWITCHES_BCAST)
    if wanted.broadcast and (wanted.opt_in or wanted.opt_out):
        raise RespError(errors.TRACKING_OPT_WITH_BCAST)
    if wanted.opt_in and wanted.opt_out:
        raise RespError(errors.TRACKING_OPT_BOTH)
    if old is not None and ((old.opt_in and wanted.opt_out) or (old.opt_out and wanted.opt_in)):
        raise RespError(errors.TRACKING_SWITCHES_OPT)


def _check_prefixes(old: Caching | None, prefixes: Sequence[bytes]) -> None:
    """Refuse prefixes of which one begins another: a key would be told twice."""
    held = sorted(old.prefixes) if old is not None else []
    among = overlapping([*held, *prefixes])
    for at, prefix in enumerate(prefixes):
        if prefix not in among:
            continue
        for others, which in ((held, "an existing"), (prefixes[at + 1 :], "another provided")):
            for other in others:
                if prefix.startswith(other) or other.startswith(prefix):
                    raise RespError(errors.prefix_overlaps(prefix, which, other))


def overlapping(prefixes: Sequence[bytes]) -> set[bytes]:
    """Return those that begin another one, and those that begin with one: sorted, the latter follow the former."""
    found: set[bytes] = set()
    beginning: bytes | None = None
    for prefix in sorted(prefixes):
        if beginning is not None and prefix.startswith(beginning):
            found.update((beginning, prefix))
        else:
            beginning = prefix
    return found


@command(
    "CLIENT|CACHING", _FLAGS, since="6.0.0", group="connection", complexity="O(1)", raw=True, arity=3,
    arguments=[Argument("mode", "oneof", arguments=_words("yes", "no"))],
)  # fmt: skip
def client_caching(session: Session, argv: list[bytes]) -> Status:
    """Say whether the keys of the next call are tracked, where that is the client's choice."""
    # Raw: the word is judged behind the client's mode.
    caching = session.caching
    if caching is None:
        raise RespError(errors.CACHING_WITHOUT_TRACKING)
    word = argv[2].upper()
    if word not in {b"YES", b"NO"}:
        raise RespError(errors.SYNTAX)
    if word == b"YES" and not caching.opt_in:
        raise RespError(errors.CACHING_YES_WITHOUT_OPTIN)
    if word == b"NO" and not caching.opt_out:
        raise RespError(errors.CACHING_NO_WITHOUT_OPTOUT)
    caching.given = True
    return OK


@command("CLIENT|TRACKINGINFO", _FLAGS, since="6.2.0", group="connection", complexity="O(1)")
def client_trackinginfo(session: Session) -> Reply:
    """Return how the client's reads are tracked."""
    caching = session.caching
    if caching is None:
        return {b"flags": OrderedSet([b"off"]), b"redirect": -1, b"prefixes": []}
    answer = b"caching-yes" if caching.opt_in else b"caching-no"
    flags = [
        (True, b"on"),
        (caching.broadcast, b"bcast"),
        (caching.opt_in, b"optin"),
        (caching.opt_out, b"optout"),
        (caching.given, answer),
        (caching.no_loop, b"noloop"),
        (caching.broken, b"broken_redirect"),
    ]
    return {
        b"flags": OrderedSet(flag for given, flag in flags if given),
        b"redirect": caching.redirect,
        b"prefixes": list[Reply](sorted(caching.prefixes)),
    }


@command("CLIENT|GETREDIR", _FLAGS, since="6.0.0", group="connection", complexity="O(1)")
def client_getredir(session: Session) -> int:
    """Return the id of the client that is told instead, 0 for none, -1 without tracking."""
    return -1 if session.caching is None else session.caching.redirect
