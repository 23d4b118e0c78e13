"""Starts a server for a run, with TLS where a suite wants it, and ends it."""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from conformance.suites.errors import SuiteError

_PATIENCE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens on this machine: its port, and that for TLS, which serves where there are certificates."""

    port: int
    tls_port: int

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """The URL of the server over TLS, by the name that its certificate has."""
        return f"rediss://localhost:{self.tls_port}"


@contextlib.contextmanager
def serving(command: Sequence[str], certificates: Path | None = None) -> Iterator[Endpoint]:
    """Start a server of redis-server's kind on free ports, and stop it at the end.

    Args:
        command: the program and its first arguments.
        certificates: a folder with what `write_certificates` wrote; None for a server without TLS.

    Yields:
        Where it listens.

    Raises:
        SuiteError: it does not listen.

    Example:
        ``with serving(["redis-server"]) as endpoint: Redis.from_url(endpoint.url).ping()``
    """
    endpoint = Endpoint(free_port(), free_port())
    with tempfile.TemporaryDirectory(prefix="suites-") as directory:
        arguments = ["--port", str(endpoint.port), "--dir", directory, "--save", ""]
        arguments += ["--enable-debug-command", "yes", "--enable-module-command", "yes"]
        if certificates:
            arguments += ["--tls-port", str(endpoint.tls_port), "--tls-auth-clients", "no"]
            arguments += ["--tls-cert-file", str(certificates / "redis.crt")]
            arguments += ["--tls-key-file", str(certificates / "redis.key")]
            arguments += ["--tls-ca-cert-file", str(certificates / "ca.crt")]
        log = Path(directory, "log")
        with log.open("wb") as output:
            # the command is the developer's own
            process = subprocess.Popen(  # noqa: S603
                [*command, *arguments], stdout=output, stderr=subprocess.STDOUT
            )
        try:
            _await_listening(process, endpoint.port, log)
            yield endpoint
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def write_certificates(folder: Path) -> None:
    """Write an authority's certificate, a server's and two clients', with their keys, under redis-py's names."""
    folder.mkdir(parents=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.crt")
    for name in ("redis", "client", "test_user"):
        made = authority.issue_cert("localhost", "127.0.0.1", "::1", common_name=name)
        (folder / f"{name}.crt").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(folder / f"{name}.key")


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise SuiteError(f"the server does not listen: {log.read_text('utf-8', 'replace')[-2000:].strip()}")
