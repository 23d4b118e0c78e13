"""How a CacheService is set up: validated models, from code or from the environment."""

import os
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from vermilion.backends.upstream_url import parse_upstream

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

ENVIRONMENT_PREFIX: Final = "VERMILION_CACHE_"
"""What the names of the variables that `CacheConfig.from_env` reads begin with."""

_SECTIONS: Final = ("redis", "memory", "retry")


class _Section(BaseModel):
    # A misspelt field is an error and not a default; a config that is in use does not change; and what is
    # said about a bad field does not show its neighbours, of which one is the password.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RedisConfig(_Section):
    """Where a Redis, or anything that speaks its protocol, is to be found.

    Args:
        url: everything that follows in one: `redis://user:password@host:port/db`, `rediss://…` for TLS, or
            `unix://user:password@/path?db=0`; %-escapes stand for what a URL cannot hold. A cluster is
            `redis+cluster://host:port,host:port`, Sentinels are `redis+sentinel://host:port/service`, and options
            of TLS are `rediss://host?ssl_ca_certs=/ca.pem`: docs/proxy.md has them all.
        host: a name or an address.
        port: 1 to 65535.
        db: 0 to 15.
        username: the ACL user; None for the default one.
        password: kept as a SecretStr, so that it shows in no log.
        unix_socket: the path of a Unix socket, used instead of host and port.
        tls: whether to speak TLS.
        tls_ca_file: a file of the authorities that the server's certificate is checked against; None for the
            system's.
        tls_cert_file: the certificate to show the server, for one that asks.
        tls_key_file: its private key.
        max_connections: how many connections are open at most; further calls wait for one.
        timeout: seconds to wait for a connection and for a reply.

    Raises:
        ValueError: for a value out of its range, an unknown field, a URL that is none, or a field that the URL
            has said already.

    Example:
        >>> config = RedisConfig(host="cache.internal", password="swordfish")
        >>> config.password
        SecretStr('**********')
        >>> config = RedisConfig(url="rediss://ada:swordfish@cache.internal/2", timeout=1)
        >>> config.host, config.port, config.db, config.username, config.tls
        ('cache.internal', 6379, 2, 'ada', True)

    See Also:
        `CacheConfig`, `RedisCacheBackend`.

    LLM Context:
        - Immutable. `config.model_copy(update={...})` makes a changed one, unvalidated.
        - db is limited to Redis's default of 16 databases.
        - What a URL says is in the other fields afterwards, where `model_copy` can change it; `url` is None then.
          That of a cluster, of Sentinels, or with options of TLS stays as it is: the other fields have no place for it.
    """

    url: SecretStr | None = None

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 6379
    db: Annotated[int, Field(ge=0, le=15)] = 0
    username: str | None = None
    password: SecretStr | None = None
    unix_socket: Annotated[str, Field(min_length=1)] | None = None
    tls: bool = False
    tls_ca_file: Annotated[str, Field(min_length=1)] | None = None
    tls_cert_file: Annotated[str, Field(min_length=1)] | None = None
    tls_key_file: Annotated[str, Field(min_length=1)] | None = None
    max_connections: Annotated[int, Field(ge=1)] = 10
    timeout: Seconds = 5.0

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert_file is None) is not (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file go together")
        if not self.tls and (self.tls_ca_file or self.tls_cert_file):
            raise ValueError("there are files for TLS, but tls is off")
        return self

    @model_validator(mode="before")
    @classmethod
    def _url_is_taken_apart(cls, fields: object) -> object:
        if not isinstance(fields, dict) or (url := fields.get("url")) is None:
            return fields
        plain = url.get_secret_value() if isinstance(url, SecretStr) else str(url)
        scheme = plain.partition("://")[0]
        if "+" in scheme or (scheme == "rediss" and "ssl_" in plain.rpartition("?")[2]):
            parse_upstream(plain)
            return fields
        said = _fields_of(plain)
        twice = sorted(said.keys() & fields.keys())
        if twice:
            raise ValueError(f"the url has said already: {', '.join(twice)}")
        return {**fields, **said, "url": None}


def _fields_of(url: str) -> dict[str, object]:
    """Return what a URL says of a RedisConfig; ValueError shows nothing of it, for it may hold a password."""
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("a url begins with redis://, rediss:// or unix://")
    options = parse_qs(parts.query, keep_blank_values=True)
    if options.keys() - {"db"} or parts.fragment:
        raise ValueError("a url has no options but db=; the others are fields")
    said: dict[str, object] = {
        name: unquote(value)
        for name, value in (("username", parts.username), ("password", parts.password))
        if value
    }
    database = options.get("db", [""])[-1]
    path = unquote(parts.path)
    if parts.scheme == "unix":
        if parts.hostname or not path:
            raise ValueError("a url of a Unix socket is unix:///path")
        said["unix_socket"] = path
    else:
        if not parts.hostname:
            raise ValueError("a url names a host")
        said |= {"host": parts.hostname, "tls": parts.scheme == "rediss"}
        try:
            port = parts.port
        except ValueError:
            # Python's own text shows what is there: half of a password, when it holds an unescaped slash.
            raise ValueError("a url's port is a number up to 65535") from None
        if port is not None:
            said["port"] = port
        database = path.strip("/") or database
    if database:
        said["db"] = database
    return said


class MemoryConfig(_Section):
    """How much the memory backend keeps.

    Args:
        max_size: keys at most; beyond it, the least recently used one goes.

    Raises:
        ValueError: below 1, or for an unknown field.

    Example:
        >>> MemoryConfig().max_size
        1000

    See Also:
        `CacheConfig`, `MemoryCacheBackend`.

    LLM Context:
        - Counts keys, not bytes; the tokens of tags count too.
    """

    max_size: Annotated[int, Field(ge=1)] = 1000


class RetryConfig(_Section):
    """How often `CacheService.initialize()` tries to connect, and how long it waits in between.

    Args:
        attempts: tries in all, 1 for no second one.
        base_delay: seconds before the second try; doubled before each further one.
        max_delay: seconds that no wait exceeds.

    Raises:
        ValueError: for a value out of its range, or an unknown field.

    Example:
        >>> RetryConfig(attempts=3, base_delay=0.5)
        RetryConfig(attempts=3, base_delay=0.5, max_delay=2.0)

    See Also:
        `CacheService.initialize`.

    LLM Context:
        - Each wait is between half of its length and all of it, at random, so that many clients of a
          restarted server do not come back in the same instant.
        - A wrong password is not tried twice.
    """

    attempts: Annotated[int, Field(ge=1)] = 5
    base_delay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    max_delay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0


class CacheConfig(_Section):
    """Everything a CacheService needs to know.

    Args:
        backend_type: "memory" or "redis".
        default_ttl: seconds that an entry lives when `set` is not told; 0 keeps it until it is deleted.
        namespace: what every key of this service begins with, a colon after it; "" for none.
        ttl_jitter: the part of a TTL, 0 to 1, of which a random share is taken off, so that entries
            that were stored together do not all expire together.
        redis: the Redis section, required for backend_type="redis".
        memory: the memory section, required for backend_type="memory".
        retry: how `initialize()` tries.

    Raises:
        ValueError: for a value out of its range, an unknown field, or when the section of the chosen
            backend is missing.

    Example:
        >>> config = CacheConfig(backend_type="memory", memory=MemoryConfig(max_size=500))
        >>> config.default_ttl
        300
        >>> CacheConfig(backend_type="redis")
        Traceback (most recent call last):
        ...
        pydantic_core._pydantic_core.ValidationError: 1 validation error for CacheConfig
          Value error, backend_type is 'redis', but there is no redis section ...

    See Also:
        `CacheConfig.from_env`, `CacheService`.

    LLM Context:
        - Immutable, validated when it is made: a CacheService never starts on a bad one.
        - With a namespace "app", the key "user:1" is "app:user:1" in Redis, and clear() removes "app:*",
          so a namespace "app:v2" lies within "app".
    """

    backend_type: Literal["memory", "redis"] = "memory"
    default_ttl: Annotated[int | float, Field(ge=0, le=10**12, allow_inf_nan=False)] = 300
    namespace: str = ""
    ttl_jitter: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    redis: RedisConfig | None = None
    memory: MemoryConfig | None = None
    retry: RetryConfig = RetryConfig()

    @model_validator(mode="after")
    def _chosen_section_is_there(self) -> Self:
        if getattr(self, self.backend_type) is None:
            raise ValueError(
                f"backend_type is {self.backend_type!r}, but there is no {self.backend_type} section"
            )
        return self

    @model_validator(mode="after")
    def _namespace_is_a_key(self) -> Self:
        if self.namespace.startswith("\0") or not self.namespace.isprintable():
            raise ValueError("a namespace is printable text")
        return self

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, prefix: str = ENVIRONMENT_PREFIX) -> Self:
        """Read a config from environment variables, named after the fields.

        Args:
            environ: the variables; None for the process's own.
            prefix: what their names begin with.

        Returns:
            The config. The section of the chosen backend is there even when no variable speaks of it.

        Raises:
            ValueError: for a bad value, or a variable with the prefix that names no field.

        Example:
            >>> config = CacheConfig.from_env({
            ...     "VERMILION_CACHE_BACKEND_TYPE": "redis",
            ...     "VERMILION_CACHE_REDIS_HOST": "cache.internal",
            ...     "VERMILION_CACHE_REDIS_PASSWORD": "swordfish",
            ... })
            >>> config.redis.host, str(config.redis.password)
            ('cache.internal', '**********')

        See Also:
            `RedisConfig`, `MemoryConfig`, `RetryConfig`.
        """
        fields: dict[str, object] = {}
        sections: dict[str, dict[str, str]] = {}
        for variable, text in (os.environ if environ is None else environ).items():
            if not variable.startswith(prefix):
                continue
            name = variable[len(prefix) :].lower()
            section, _, field = name.partition("_")
            if section in _SECTIONS:
                sections.setdefault(section, {})[field] = text
            else:
                fields[name] = text
        chosen = str(fields.get("backend_type", cls.model_fields["backend_type"].default))
        if chosen in _SECTIONS:
            sections.setdefault(chosen, {})
        return cls.model_validate(fields | sections)
