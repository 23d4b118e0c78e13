"""The address of what is behind: `redis://`, `rediss://`, `unix://`, and their forms for Cluster and Sentinel.

    redis://[user:password@]host[:port][/db]
    unix://[user:password@]/path/to/socket[?db=1]
    redis+cluster://[user:password@]host:port,host:port
    redis+sentinel://[user:password@]host:port,host:port/service[/db]

`rediss` in place of `redis` speaks TLS. What stands behind `?` has redis-py's names: `ssl_ca_certs`, `ssl_certfile`,
`ssl_keyfile`, `ssl_cert_reqs`, `ssl_check_hostname`, `db`, and for Sentinels `sentinel_username`, `sentinel_password`.
"""

import ssl
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PORT: Final = 6379
DEFAULT_SENTINEL_PORT: Final = 26379

_OPTIONS: Final = frozenset({
    "db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname",
    "sentinel_username", "sentinel_password",
})  # fmt: skip
_TRUE: Final = frozenset({"true", "yes", "1"})
_FALSE: Final = frozenset({"false", "no", "0"})


class Address(NamedTuple):
    """Where one server is: a host and a port, or the path of a Unix socket and port 0."""

    host: str
    port: int

    def __str__(self) -> str:
        if not self.port:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Tls(NamedTuple):
    """How TLS is spoken to it: files as paths, empty for the system's authorities and for no certificate."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify: bool = True
    check_hostname: bool = True

    def context(self) -> ssl.SSLContext:
        """Return the context for connections.

        Raises:
            OSError: for files that cannot be used.
        """
        for name in filter(None, (self.ca_file, self.cert_file, self.key_file)):
            Path(name).open("rb").close()  # ssl does not say which of them cannot be read
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if not self.verify or not self.check_hostname:
            context.check_hostname = False
        if not self.verify:
            context.verify_mode = ssl.CERT_NONE
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context


class UpstreamUrl(NamedTuple):
    """What a URL says.

    Attributes:
        kind: one server, a cluster, or a primary that Sentinels know.
        addresses: the server's; one or more of the cluster's nodes, or of the Sentinels.
        db: the database that clients begin with.
        username: the ACL user, empty for the default one.
        password: empty for none.
        tls: None for plain TCP.
        service: the name that the Sentinels know the primary by.
        sentinel_username: the ACL user of the Sentinels.
        sentinel_password: empty for none.

    Example:
        >>> url = parse_upstream("rediss://ada:secret@cache.internal/2")
        >>> str(url.addresses[0]), url.db, url.username, url.tls is not None
        ('cache.internal:6379', 2, 'ada', True)
        >>> parse_upstream("redis+sentinel://a,b:26380/mymaster").addresses[1].port
        26380
    """

    kind: Literal["single", "cluster", "sentinel"]
    addresses: tuple[Address, ...]
    db: int = 0
    username: str = ""
    password: str = ""
    tls: Tls | None = None
    service: str = ""
    sentinel_username: str = ""
    sentinel_password: str = ""

    def __repr__(self) -> str:
        """Return it without its passwords."""
        return f"UpstreamUrl({self})"

    def __str__(self) -> str:
        return f"{self.kind} {','.join(map(str, self.addresses))}"


def parse_upstream(url: str) -> UpstreamUrl:
    """Read the URL of what is behind.

    Args:
        url: see the head of this file.

    Returns:
        What it says.

    Raises:
        ValueError: for one that is none; the text does not hold the password.
    """
    parts = urlsplit(url)
    scheme, _, form = parts.scheme.partition("+")
    if scheme not in {"redis", "rediss", "unix"} or form not in {"", "cluster", "sentinel"}:
        raise ValueError("an upstream is redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise ValueError(f"no such option of an upstream: {', '.join(unknown)}")
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    found = UpstreamUrl(
        kind="single",
        addresses=(),
        username=unquote(username),
        password=unquote(password),
        tls=_tls(options) if scheme == "rediss" else None,
        sentinel_username=options.get("sentinel_username", ""),
        sentinel_password=options.get("sentinel_password", ""),
    )
    path = parts.path.strip("/").split("/") if parts.path.strip("/") else []
    if scheme == "unix":
        if form or not parts.path or hosts:
            raise ValueError("a Unix socket is unix:///path/to/socket")
        return found._replace(addresses=(Address(unquote(parts.path), 0),), db=_db(options.get("db", "0")))
    if form == "sentinel":
        if not path:
            raise ValueError("redis+sentinel://host:port/service needs the name of the service")
        service = unquote(path.pop(0))
        addresses = tuple(_address(host, DEFAULT_SENTINEL_PORT) for host in hosts.split(","))
        found = found._replace(kind="sentinel", service=service, addresses=addresses)
    else:
        addresses = tuple(_address(host, DEFAULT_PORT) for host in hosts.split(","))
        if len(addresses) > 1 and not form:
            raise ValueError("several nodes are redis+cluster://host:port,host:port")
        found = found._replace(kind="cluster" if form else "single", addresses=addresses)
    if len(path) > 1:
        raise ValueError("too much behind the number of the database")
    db = _db(options.get("db", path[0] if path else "0"))
    if db and form == "cluster":
        raise ValueError("a cluster has database 0 only")
    return found._replace(db=db)


def _address(text: str, port: int) -> Address:
    """Read `host`, `host:port` or `[ip6]:port`."""
    parts = urlsplit(f"//{text}")
    try:
        return Address(parts.hostname or "127.0.0.1", parts.port or port)
    except ValueError:
        # Python's own text shows what is there, which may be half of a password that holds an unescaped slash.
        raise ValueError("the port of an upstream is a number up to 65535") from None


def _db(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("the database of an upstream is a number")
    return int(text)


def _tls(options: dict[str, str]) -> Tls:
    hostname = options.get("ssl_check_hostname", "true").lower()
    if hostname not in _TRUE | _FALSE:
        raise ValueError("ssl_check_hostname is true or false")
    required = options.get("ssl_cert_reqs", "required").lower()
    if required not in {"required", "none"}:
        raise ValueError("ssl_cert_reqs is required or none")
    return Tls(
        options.get("ssl_ca_certs", ""),
        options.get("ssl_certfile", ""),
        options.get("ssl_keyfile", ""),
        required == "required",
        hostname in _TRUE,
    )
