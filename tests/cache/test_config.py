"""CacheConfig: what it refuses before anything starts, and what it reads from the environment."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from vermilion import CacheConfig, MemoryConfig, RedisConfig, RetryConfig


def test_the_defaults() -> None:
    config = CacheConfig(memory=MemoryConfig())
    assert (config.backend_type, config.default_ttl, config.namespace) == ("memory", 300, "")
    assert config.memory == MemoryConfig(max_size=1000)
    redis = RedisConfig()
    assert (redis.host, redis.port, redis.db, redis.password) == ("127.0.0.1", 6379, 0, None)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CacheConfig, {}),
        (CacheConfig, {"backend_type": "redis"}),
        (CacheConfig, {"backend_type": "redis", "memory": {}}),
        (CacheConfig, {"backend_type": "disk", "memory": {}}),
        (CacheConfig, {"memory": {}, "default_ttl": -1}),
        (CacheConfig, {"memory": {}, "default_ttl": float("nan")}),
        (CacheConfig, {"memory": {}, "ttl_jitter": 1.5}),
        (CacheConfig, {"memory": {}, "namespace": "\0tag"}),
        (CacheConfig, {"memory": {}, "namespace": "\ud800"}),
        (CacheConfig, {"memory": {}, "nmaespace": "typo"}),
        (MemoryConfig, {"max_size": 0}),
        (RedisConfig, {"host": ""}),
        (RedisConfig, {"port": 0}),
        (RedisConfig, {"port": 65536}),
        (RedisConfig, {"db": -1}),
        (RedisConfig, {"db": 16}),
        (RedisConfig, {"max_connections": 0}),
        (RedisConfig, {"timeout": 0}),
        (RedisConfig, {"tls": True, "tls_cert_file": "client.crt"}),
        (RedisConfig, {"tls": True, "tls_key_file": "client.key"}),
        (RedisConfig, {"tls_ca_file": "ca.crt"}),
        (RedisConfig, {"tls": True, "tls_ca_file": ""}),
        (RetryConfig, {"attempts": 0}),
        (RetryConfig, {"base_delay": -1}),
    ],
)
def test_bad_values_are_value_errors(model: Any, fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        model(**fields)


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("redis://cache.internal", {"host": "cache.internal"}),
        ("redis://cache.internal:6380/3", {"host": "cache.internal", "port": 6380, "db": 3}),
        ("redis://[::1]:6380?db=2", {"host": "::1", "port": 6380, "db": 2}),
        ("rediss://:s%40t@h/", {"host": "h", "password": "s@t", "tls": True}),
        ("redis://ada:p@h", {"host": "h", "username": "ada", "password": "p"}),
        ("unix:///run/redis%20s?db=1", {"unix_socket": "/run/redis s", "db": 1}),
        ("unix://ada:p@/run/s", {"unix_socket": "/run/s", "username": "ada", "password": "p"}),
    ],
)
def test_a_url_is_the_other_fields(url: str, fields: dict[str, Any]) -> None:
    config = RedisConfig(url=url, timeout=2)
    assert config == RedisConfig(**fields, timeout=2)
    assert RedisConfig(url=SecretStr(url), timeout=2) == config
    # As CacheService does with what it is given.
    assert RedisConfig.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://h", "begins with redis://"),
        ("cache.internal:6379", "begins with redis://"),
        ("redis://", "names a host"),
        ("redis://:secret@h:port", "port is a number"),
        ("redis://:secret@h:70000", "port is a number"),
        ("redis://ada:secret/@h", "port is a number"),
        ("redis://:secret@h/16", "less than or equal to 15"),
        ("redis://:secret@h/a/b", "valid integer"),
        ("redis://:secret@h?socket_timeout=1", "no options but db="),
        ("redis://:secret@h?ssl_ca_certs=/ca.pem", "no options but db="),
        ("unix://host/run/s", "unix:///path"),
    ],
)
def test_a_url_that_is_none(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        RedisConfig(url=url)
    assert "secret" not in str(caught.value)


def test_a_url_and_a_field_do_not_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="the url has said already: host, tls"):
        RedisConfig(url="redis://h", host="other", tls=True)


def test_a_config_does_not_change() -> None:
    config = CacheConfig(memory=MemoryConfig())
    with pytest.raises(ValidationError, match="frozen"):
        config.default_ttl = 1  # type: ignore[misc]


def test_a_password_shows_nowhere() -> None:
    config = CacheConfig(backend_type="redis", redis=RedisConfig(password=SecretStr("swordfish")))
    assert "swordfish" not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    environ = {"VERMILION_CACHE_REDIS_PASSWORD": "swordfish", "VERMILION_CACHE_NAMESPACE": "\0"}
    with pytest.raises(ValueError, match="printable") as caught:
        CacheConfig.from_env(environ)
    assert "swordfish" not in str(caught.value)


def test_the_environment_is_read() -> None:
    config = CacheConfig.from_env(
        {
            "PATH": "/bin",
            "VERMILION_PORT": "7379",
            "VERMILION_CACHE_BACKEND_TYPE": "redis",
            "VERMILION_CACHE_DEFAULT_TTL": "60",
            "VERMILION_CACHE_NAMESPACE": "app",
            "VERMILION_CACHE_REDIS_HOST": "cache.internal",
            "VERMILION_CACHE_REDIS_PORT": "6380",
            "VERMILION_CACHE_REDIS_PASSWORD": "swordfish",
            "VERMILION_CACHE_REDIS_MAX_CONNECTIONS": "3",
            "VERMILION_CACHE_RETRY_ATTEMPTS": "2",
        }
    )
    assert config == CacheConfig(
        backend_type="redis",
        default_ttl=60,
        namespace="app",
        redis=RedisConfig(
            host="cache.internal", port=6380, password=SecretStr("swordfish"), max_connections=3
        ),
        retry=RetryConfig(attempts=2),
    )


def test_the_environment_may_name_a_url() -> None:
    url = "rediss://:swordfish@cache.internal:6380/1"
    environ = {"VERMILION_CACHE_BACKEND_TYPE": "redis", "VERMILION_CACHE_REDIS_URL": url}
    redis = CacheConfig.from_env(environ).redis
    assert redis is not None
    assert (redis.host, redis.port, redis.db, redis.tls) == ("cache.internal", 6380, 1, True)
    assert redis.password == SecretStr("swordfish")
    assert "swordfish" not in repr(redis)


def test_an_empty_environment_is_a_cache_in_memory() -> None:
    assert CacheConfig.from_env({}) == CacheConfig(memory=MemoryConfig())


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYAPP_MEMORY_MAX_SIZE", "7")
    assert CacheConfig.from_env(prefix="MYAPP_").memory == MemoryConfig(max_size=7)


@pytest.mark.parametrize(
    "environ",
    [
        {"VERMILION_CACHE_REDIS_PROT": "6380"},
        {"VERMILION_CACHE_TTL": "5"},
        {"VERMILION_CACHE_BACKEND_TYPE": "disk"},
        {"VERMILION_CACHE_MEMORY_MAX_SIZE": "many"},
    ],
)
def test_a_bad_variable_is_a_value_error(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        CacheConfig.from_env(environ)
