"""How a CacheService is set up: validated models, from code or from the environment."""

import os
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

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
        host: a name or an address.
        port: 1 to 65535.
        db: 0 to 15.
        username: the ACL user; None for the default one.
        password: kept as a SecretStr, so that it shows in no log.
        unix_socket: the path of a Unix socket, used instead of host and port.
        tls: whether to speak TLS, with the system's certificates.
        url: all of the above in one, and a cluster or Sentinels besides: `redis://`, `rediss://`, `unix://`,
            `redis+cluster://`, `redis+sentinel://`, as docs/proxy.md has them; used instead of them.
        max_connections: how many connections are open at most; further calls wait for one.
        timeout: seconds to wait for a connection and for a reply.

    Raises:
        ValueError: for a value out of its range, or an unknown field.

    Example:
        >>> config = RedisConfig(host="cache.internal", password="swordfish")
        >>> config.password
        SecretStr('**********')

    See Also:
        `CacheConfig`, `RedisCacheBackend`.

    LLM Context:
        - Immutable. `config.model_copy(update={...})` makes a changed one, unvalidated.
        - db is limited to Redis's default of 16 databases.
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 6379
    db: Annotated[int, Field(ge=0, le=15)] = 0
    username: str | None = None
    password: SecretStr | None = None
    unix_socket: Annotated[str, Field(min_length=1)] | None = None
    tls: bool = False
    url: SecretStr | None = None
    max_connections: Annotated[int, Field(ge=1)] = 10
    timeout: Seconds = 5.0

    @field_validator("url")
    @classmethod
    def _url_is_one(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_upstream(url.get_secret_value())
        return url


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
