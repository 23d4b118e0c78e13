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
        (RetryConfig, {"attempts": 0}),
        (RetryConfig, {"base_delay": -1}),
    ],
)
def test_bad_values_are_value_errors(model: Any, fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        model(**fields)


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
