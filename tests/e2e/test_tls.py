"""The installed command with TLS: real clients through it, and one line for each mistake."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.certificates import Certificates
from tests.e2e.process import WAIT, Process, free_port
from vermilion import CacheConfig, CacheConnectionError, RedisConfig, RetryConfig, cache_service

READY = "Ready to accept connections tls"
CLI = shutil.which("redis-cli") or shutil.which("valkey-cli")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, port: int, certificates: Certificates) -> Iterator[Process]:
    """A server that speaks TLS only."""
    arguments = ("--port", "0", "--tls-port", str(port), *certificates.directives())
    with Process(tmp_path, *arguments) as process:
        yield process.ready(READY)


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(server: Process, port: int, certificates: Certificates, protocol: int) -> None:
    with redis.Redis(
        port=port, protocol=protocol, ssl=True, ssl_ca_certs=str(certificates.ca),
        ssl_certfile=str(certificates.crt("client")), ssl_keyfile=str(certificates.key("client")),
    ) as client:  # fmt: skip
        assert client.set("large", "x" * 10**7)
        assert len(client.get("large") or b"") == 10**7
        assert client.info("server")["tcp_port"] == port
    assert not [line for line in server.log if "tcp" in line]
    assert "port=" + str(port) in "\n".join(server.log)


def help_of_cli() -> str:
    done = subprocess.run([str(CLI), "--help"], capture_output=True, check=False, timeout=WAIT)
    return (done.stdout + done.stderr).decode()


@pytest.mark.skipif(
    CLI is None or "--cacert" not in help_of_cli(), reason="no redis-cli with TLS on the PATH"
)
def test_redis_cli(server: Process, port: int, certificates: Certificates) -> None:
    files = (
        "--cacert",
        certificates.ca,
        "--cert",
        certificates.crt("client"),
        "--key",
        certificates.key("client"),
    )
    done = subprocess.run(
        [str(CLI), "-p", str(port), "--tls", *map(str, files), "PING"],
        capture_output=True,
        check=False,
        timeout=WAIT,
    )
    assert done.stdout == b"PONG\n"
    without = subprocess.run(
        [str(CLI), "-p", str(port), "PING"], capture_output=True, check=False, timeout=WAIT
    )
    assert b"PONG" not in without.stdout


async def test_cache_service(
    tmp_path: Path, port: int, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))  # the system's authorities, to OpenSSL
    arguments = ("--tls-port", str(port), "--port", "0", "--tls-auth-clients", "no", "--requirepass", "s@t")
    with Process(tmp_path, *certificates.directives(), *arguments) as process:
        process.ready(READY)
        location = RedisConfig(url=f"rediss://default:s%40t@127.0.0.1:{port}/3")
        async with cache_service(CacheConfig(backend_type="redis", redis=location)) as cache:
            await cache.set("a", {"b": 1})
            assert await cache.get("a") == {"b": 1}
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.crt("stranger")))
        config = CacheConfig(backend_type="redis", redis=location, retry=RetryConfig(attempts=1))
        with pytest.raises(CacheConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            async with cache_service(config):
                pass


async def test_cache_service_with_a_certificate_of_its_own(
    server: Process, port: int, certificates: Certificates
) -> None:
    location = RedisConfig(
        url=f"rediss://127.0.0.1:{port}/3",
        tls_ca_file=str(certificates.ca),
        tls_cert_file=str(certificates.crt("client")),
        tls_key_file=str(certificates.key("client")),
    )
    async with cache_service(CacheConfig(backend_type="redis", redis=location)) as cache:
        await cache.set("a", {"b": 1})
        assert await cache.get("a") == {"b": 1}
    strange = location.model_copy(update={"tls_ca_file": str(certificates.crt("stranger"))})
    config = CacheConfig(backend_type="redis", redis=strange, retry=RetryConfig(attempts=1))
    with pytest.raises(CacheConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        async with cache_service(config):
            pass


def test_strangers_harm_nobody(server: Process, port: int, certificates: Certificates) -> None:
    waiting = [socket.create_connection(("127.0.0.1", port), WAIT) for _ in range(50)]
    for data in (b"PING\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\0" * 1000):
        with socket.create_connection(("127.0.0.1", port), WAIT) as stranger:
            stranger.sendall(data)
            try:
                assert b"PONG" not in stranger.recv(100)
            except ConnectionResetError:
                continue
    test_redis_py(server, port, certificates, 3)
    for one in waiting:
        one.close()
    server.signal(signal.SIGTERM)
    assert server.status() == 0
    assert server.errors() == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cert_file": "none.crt"}, "Failed to load certificate: none.crt: No such file or directory"),
        ({"key_file": "stranger.key"}, "Failed to load private key: stranger.key: key values mismatch"),
        ({"key_file": "locked.key"}, "Failed to load private key: locked.key: no private key, or none that"),
        ({"protocols": "SSLv3"}, "Invalid tls-protocols specified."),
    ],
    ids=["missing", "mismatch", "locked", "protocols"],
)
def test_what_cannot_be_is_one_line(port: int, changes: dict[str, str], reason: str, tmp_path: Path) -> None:
    own = Certificates(tmp_path)
    with Process(tmp_path, "--port", "0", "--tls-port", str(port), *own.directives(**changes)) as process:
        assert process.status() == 1
        assert process.errors() == ""
        (line,) = [line for line in process.log if " # " in line]
        assert f"# Failed to configure TLS: {reason}" in line


def test_nowhere_to_listen(tmp_path: Path) -> None:
    with Process(tmp_path, "--port", "0") as process:
        assert process.status() == 1
        assert process.log[-1].endswith("# Configured to not listen anywhere, exiting.")
