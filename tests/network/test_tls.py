"""TLS: who is let in, what is refused before anything starts, and what cannot hold up the others."""

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme

from tests.certificates import PASSPHRASE, Certificates
from tests.network.conftest import Start
from tests.network.test_connection import until
from tests.network.wire import WAIT, Wire, call
from vermilion import Server
from vermilion.config import Config
from vermilion.network import tls
from vermilion.network.listening import ListenError
from vermilion.network.tls import TlsError, server_context


def context_of(*arguments: str) -> ssl.SSLContext:
    return server_context(Config.from_arguments(list(arguments), {}).settings)


@pytest.fixture
async def server(start: Start, certificates: Certificates) -> Server:
    return await start(*certificates.directives(), tls_port=0)


async def raw(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the TLS port without a word."""
    return await asyncio.open_connection(server.host, server.tls_port)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Return whether the server closes without a word."""
    try:
        return not await asyncio.wait_for(reader.read(), WAIT)
    except ConnectionResetError:
        return True


async def refused(server: Server, context: ssl.SSLContext) -> bool:
    """Return whether a client with this context gets no answer; TLS 1.3 tells it only when it reads."""
    try:
        async with Wire(server, tls=context) as wire:
            await wire.send(call(b"PING"))
            return not await wire.reader.read(1)
    except (ssl.SSLError, ConnectionError):
        return True


def common_name(wire: Wire) -> str:
    """Return whose certificate a client has been shown."""
    shown = wire.writer.get_extra_info("peercert")
    return str(dict(pair for part in shown["subject"] for pair in part)["commonName"])


# Serving ------------------------------------------------------------------------------------------------


async def test_both_ports_serve_the_same_keys(
    server: Server, closing: AsyncExitStack, certificates: Certificates
) -> None:
    plain = await closing.enter_async_context(Wire(server))
    secret = await closing.enter_async_context(Wire(server, tls=certificates.client()))
    assert await secret.ask(b"SET", b"a", b"1") == b"+OK"
    assert await plain.ask(b"GET", b"a") == b"1"
    listed = (await secret.ask(b"CLIENT", b"INFO")).decode()
    name = secret.writer.get_extra_info("sockname")
    assert f" addr=127.0.0.1:{name[1]} laddr=127.0.0.1:{server.tls_port} fd=" in listed
    assert " fd=-1 " not in listed
    info = (await secret.ask(b"INFO", b"server")).decode()
    assert f"\r\ntcp_port:{server.port}\r\n" in info
    assert f"\r\nlistener2:name=tls,bind=127.0.0.1,port={server.tls_port}\r\n" in info
    assert await plain.ask(b"CONFIG", b"GET", b"tls-port") == b"*2"
    assert [await plain.reply() for _ in range(2)] == [b"tls-port", b"%d" % server.tls_port]


async def test_tls_only(start: Start, certificates: Certificates) -> None:
    server = await start(*certificates.directives(), port=None, tls_port=0)
    assert (server.port, server.url) == (0, f"rediss://127.0.0.1:{server.tls_port}")
    async with Wire(server, tls=certificates.client()) as wire:
        assert f"\r\ntcp_port:{server.tls_port}\r\n" in (await wire.ask(b"INFO", b"server")).decode()


async def test_a_large_value_and_a_long_pipeline(server: Server, certificates: Certificates) -> None:
    async with Wire(server, tls=certificates.client()) as wire:
        value = bytes(range(256)) * 4 * 4096
        await wire.send(call(b"SET", b"large", value) + call(b"GET", b"large"))
        assert await wire.reply() == b"+OK"
        assert await wire.reply() == value
        await wire.send(b"".join(call(b"INCR", b"n") for _ in range(20_000)))
        assert [await wire.line() for _ in range(20_000)] == [b":%d" % n for n in range(1, 20_001)]


async def test_a_client_that_does_not_read_is_paused(server: Server, certificates: Certificates) -> None:
    async with Wire(server, tls=certificates.client(), limit=2**12) as wire:
        await wire.ask(b"SET", b"large", b"x" * 2**20)
        await wire.send(call(b"GET", b"large") * 50)
        (connection,) = server._clients.connections
        await until(lambda: connection._paused)
        assert connection.output_buffered < 4 * 2**20
        for _ in range(50):
            assert len(await wire.reply()) == 2**20


async def test_a_blocked_client_that_leaves_consumes_nothing(
    server: Server, certificates: Certificates, closing: AsyncExitStack
) -> None:
    plain = await closing.enter_async_context(Wire(server))
    async with Wire(server, tls=certificates.client()) as wire:
        await wire.send(call(b"BLPOP", b"list", b"0"))
        await until(lambda: len(server.backend.engine.waiting) == 1)
    await until(lambda: len(server.backend.engine.waiting) == 0)
    await plain.ask(b"RPUSH", b"list", b"x")
    assert await plain.ask(b"LLEN", b"list") == b":1"


async def test_quit_says_goodbye(server: Server, certificates: Certificates) -> None:
    async with Wire(server, tls=certificates.client()) as wire:
        await wire.send(call(b"QUIT"))
        assert await wire.rest() == b"+OK\r\n"
    await until(lambda: not server._clients.connections)


async def test_stopping_ends_clients_and_handshakes(server: Server, certificates: Certificates) -> None:
    async with Wire(server, tls=certificates.client()) as wire:
        await wire.ask(b"PING")
        reader, writer = await raw(server)
        await until(lambda: server._clients.handshakes == 1)
        await server.stop()
        assert await wire.rest() == b""
        assert await closed(reader)
        writer.close()
        await until(lambda: server._clients.handshakes == 0)


# Who is let in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth_clients", "let_in"),
    [("yes", {"client"}), ("optional", {"client", ""}), ("no", {"client", "stranger", ""})],
)
async def test_certificates_of_clients(
    start: Start, certificates: Certificates, auth_clients: str, let_in: set[str]
) -> None:
    server = await start(*certificates.directives(auth_clients=auth_clients), tls_port=0)
    for name in ("client", "stranger", ""):
        assert await refused(server, certificates.client(name)) is (name not in let_in), name
    await until(lambda: server._clients.handshakes == 0)
    assert server._clients.failed_handshakes == 3 - len(let_in)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl to hash a name")
async def test_authorities_from_a_folder(start: Start, certificates: Certificates, tmp_path: Path) -> None:
    server = await start(*certificates.directives(ca_cert_file="", ca_cert_dir=str(tmp_path)), tls_port=0)
    assert await refused(server, certificates.client())
    # OpenSSL looks for it under a hash of its name, and when it needs it.
    hashed = ["openssl", "x509", "-noout", "-hash", "-in", str(certificates.ca)]
    name = await asyncio.to_thread(subprocess.check_output, hashed, text=True)
    shutil.copy(certificates.ca, tmp_path / f"{name.strip()}.0")
    assert not await refused(server, certificates.client())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_versions(start: Start, certificates: Certificates, version: ssl.TLSVersion) -> None:
    chosen = {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "tlsv1.3"}[version]
    server = await start(*certificates.directives(protocols=chosen), tls_port=0)
    for asked in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        client = certificates.client()
        client.minimum_version = client.maximum_version = asked
        assert await refused(server, client) is (asked is not version)


async def test_a_password_is_still_asked_for(start: Start, certificates: Certificates) -> None:
    server = await start(*certificates.directives(), "--requirepass", "secret", tls_port=0)
    async with Wire(server, tls=certificates.client()) as wire:
        assert await wire.ask(b"PING") == b"-NOAUTH Authentication required."
        assert await wire.ask(b"AUTH", b"secret") == b"+OK"


def test_ciphers_and_their_order(certificates: Certificates) -> None:
    chosen = context_of(
        *certificates.directives(ciphers="ECDHE-RSA-AES256-GCM-SHA384", prefer_server_ciphers="yes")
    )
    old = [cipher["name"] for cipher in chosen.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
    assert old == ["ECDHE-RSA-AES256-GCM-SHA384"]
    assert chosen.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert not context_of(*certificates.directives()).options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_sessions_are_not_resumed(certificates: Certificates) -> None:
    assert context_of(*certificates.directives()).num_tickets > 0
    without = context_of(*certificates.directives(session_caching="no"))
    assert without.num_tickets == 0
    assert without.options & ssl.OP_NO_TICKET


def test_old_versions_are_spoken_when_they_are_named(certificates: Certificates) -> None:
    context = context_of(*certificates.directives(protocols="TLSv1.1 TLSv1.2 TLSv1"))
    assert context.minimum_version == ssl.TLSVersion.TLSv1
    assert context.maximum_version == ssl.TLSVersion.TLSv1_2


def test_a_locked_key_and_its_passphrase(certificates: Certificates) -> None:
    locked = str(certificates.key("locked"))
    context_of(*certificates.directives(key_file=locked, key_file_pass=PASSPHRASE))


# What cannot be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cert_file": ""}, "No tls-cert-file configured!"),
        ({"key_file": ""}, "No tls-key-file configured!"),
        (
            {"ca_cert_file": ""},
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-auth-clients is enabled!",
        ),
        ({"cert_file": "none.crt"}, "Failed to load certificate: none.crt: No such file or directory"),
        ({"key_file": "none.key"}, "Failed to load private key: none.key: No such file or directory"),
        (
            {"ca_cert_file": "none.crt"},
            "Failed to configure CA certificate(s) file/directory: No such file or directory",
        ),
        (
            {"protocols": "TLSv1.5"},
            "Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.",
        ),
        (
            {"protocols": "TLSv1.1 TLSv1.3"},
            "Invalid tls-protocols specified: no version may be left out between two others.",
        ),
        ({"ciphers": "BOGUS"}, "Failed to configure ciphers: BOGUS: No cipher can be selected."),
        ({"dh_params_file": "none"}, "Failed to load none: No such file or directory"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_refused(
    certificates: Certificates,
    changes: dict[str, str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TlsError) as raised:
        context_of(*certificates.directives(**changes))
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("field", "file", "reason"),
    [
        ("cert_file", "server.key", "no certificate or crl found"),
        ("key_file", "client.key", "key values mismatch"),
        ("key_file", "locked.key", "no private key, or none that tls-key-file-pass opens"),
        ("key_file", "ca.crt", "no private key, or none that tls-key-file-pass opens"),
        ("ca_cert_file", "server.key", "no certificate or crl found"),
    ],
)
def test_a_file_that_is_something_else(
    certificates: Certificates, field: str, file: str, reason: str
) -> None:
    with pytest.raises(TlsError, match=f": {reason}$"):
        context_of(*certificates.directives(**{field: str(certificates.folder / file)}))


def test_the_ciphers_of_tls_1_3_are_python_s_to_choose(certificates: Certificates) -> None:
    """A directive that narrows what is spoken is obeyed or refused, never passed over."""
    with pytest.raises(TlsError, match=r"^Failed to configure ciphersuites: "):
        context_of(*certificates.directives(ciphersuites="BOGUS"))


async def test_a_server_without_a_certificate_does_not_start(start: Start) -> None:
    with pytest.raises(ListenError, match=r"^Failed to configure TLS: No tls-cert-file configured!$"):
        await start(tls_port=0)


# CONFIG SET ---------------------------------------------------------------------------------------------


async def test_a_new_certificate_under_the_same_name(start: Start, tmp_path: Path) -> None:
    own = Certificates(tmp_path)
    server = await start(*own.directives(auth_clients="no"), tls_port=0)
    client = ssl.create_default_context(cafile=own.ca)
    client.check_hostname = False
    async with Wire(server) as plain, Wire(server, tls=client) as before:
        other = trustme.CA()
        own.renew("server", other)
        other.configure_trust(client)
        async with Wire(server, tls=client) as unchanged:
            assert common_name(unchanged) == "server"
        first = before.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        set_again = (b"CONFIG", b"SET", b"tls-cert-file", str(own.crt("server")).encode())
        assert await plain.ask(*set_again) == b"+OK"
        async with Wire(server, tls=client) as after:
            assert after.writer.get_extra_info("ssl_object").getpeercert(binary_form=True) != first
        assert await before.ask(b"PING") == b"+PONG"


FAILED = (
    b"-ERR CONFIG SET failed (possibly related to argument '%b')"
    b" - Unable to update TLS configuration. Check server logs."
)


async def test_a_change_that_is_no_good_changes_nothing(
    server: Server, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async with Wire(server) as plain:
        for name, value in (
            (b"tls-cert-file", b"none.crt"),
            (b"tls-protocols", b"SSLv3"),
            (b"tls-key-file", b""),
        ):
            assert await plain.ask(b"CONFIG", b"SET", name, value) == FAILED % name
        assert "Failed to load certificate: none.crt: No such file or directory" in caplog.text
        both = (b"tls-cert-file", b"tls-key-file")
        files = (str(certificates.crt("client")).encode(), str(certificates.key("client")).encode())
        assert await plain.ask(b"CONFIG", b"SET", both[0], files[0]) == FAILED % both[0]
        async with Wire(server, tls=certificates.client()) as wire:
            assert common_name(wire) == "server"
        assert await plain.ask(b"CONFIG", b"SET", both[0], files[0], both[1], files[1]) == b"+OK"
        async with Wire(server, tls=certificates.client()) as wire:
            assert common_name(wire) == "client"


async def test_clients_are_asked_for_certificates_from_now_on(
    server: Server, certificates: Certificates
) -> None:
    async with Wire(server) as plain:
        assert await refused(server, certificates.client(""))
        assert await plain.ask(b"CONFIG", b"SET", b"tls-auth-clients", b"no") == b"+OK"
        assert not await refused(server, certificates.client(""))


async def test_tls_is_opened_moved_and_closed(start: Start, certificates: Certificates) -> None:
    server = await start()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    async with Wire(server) as plain:
        assert await plain.ask(b"CONFIG", b"SET", b"tls-port", b"%d" % free) == FAILED % b"tls-port"
        words = [word.removeprefix("--").encode() for word in certificates.directives()]
        assert await plain.ask(b"CONFIG", b"SET", b"tls-port", b"%d" % free, *words) == b"+OK"
        assert server.tls_port == free
        assert not await refused(server, certificates.client())
        taken = b"%d" % server.port
        assert (await plain.ask(b"CONFIG", b"SET", b"tls-port", taken)).endswith(
            b"'tls-port') - Unable to listen on this port. Check server logs."
        )
        assert not await refused(server, certificates.client())
        assert await plain.ask(b"CONFIG", b"SET", b"bind", b"127.0.0.1 ::1") == b"+OK"
        await until(lambda: len(server._tls.listeners) == 2)
        assert not await refused(server, certificates.client())
        assert await plain.ask(b"CONFIG", b"SET", b"tls-port", b"0") == b"+OK"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", free)


# Hostile clients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"PING\r\n", call(b"PING"), b"GET / HTTP/1.1\r\n\r\n", b"\0" * 10_000, b"\x16\x03\x01"]
)
async def test_plain_text_on_the_tls_port_is_closed(
    server: Server, certificates: Certificates, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    reader, writer = await raw(server)
    writer.write(data)
    writer.write_eof()
    with caplog.at_level(logging.WARNING):
        assert not (await asyncio.wait_for(read_to_end(reader), WAIT)).startswith((b"+", b"-", b"$"))
        await until(lambda: server._clients.failed_handshakes == 1)
    writer.close()
    assert "Error accepting a client connection: " in caplog.text
    assert not await refused(server, certificates.client())


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Read what comes before the connection is closed or reset."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_a_flood_of_failures_does_not_fill_the_log(
    server: Server, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(60):
        reader, writer = await raw(server)
        writer.write(b"PING\r\n")
        await read_to_end(reader)
        writer.close()
    await until(lambda: server._clients.failed_handshakes == 60)
    lines = [record for record in caplog.records if "Error accepting" in record.getMessage()]
    assert len(lines) < 60
    assert not await refused(server, certificates.client())


async def test_tls_on_the_plain_port_is_a_protocol_error(server: Server, certificates: Certificates) -> None:
    hello = ssl.MemoryBIO()
    shaking = certificates.client().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        shaking.do_handshake()
    async with Wire(server) as wire:
        await wire.send(hello.read())
        assert await wire.rest() == b"-ERR Protocol error: TLS on a port that speaks none\r\n"
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", server.port, ssl=certificates.client())


async def test_half_of_a_handshake_takes_a_client_s_place_and_no_more(
    start: Start, certificates: Certificates, closing: AsyncExitStack
) -> None:
    server = await start(*certificates.directives(), "--maxclients", "3", tls_port=0)
    first = await closing.enter_async_context(Wire(server))
    assert await first.ask(b"PING") == b"+PONG"
    silent = [await raw(server) for _ in range(2)]
    await until(lambda: server._clients.handshakes == 2)
    late, writer = await raw(server)
    assert await closed(late)
    writer.close()
    async with Wire(server) as plain:
        assert await plain.rest() == b"-ERR max number of clients reached\r\n"
    assert server._clients.stats.rejected_connections == 2
    assert await first.ask(b"PING") == b"+PONG"
    for _, silent_writer in silent:
        silent_writer.close()
    await until(lambda: server._clients.handshakes == 0)
    assert not await refused(server, certificates.client())


async def test_a_handshake_is_given_up(
    server: Server, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_S", 0.05)
    reader, writer = await raw(server)
    assert await closed(reader)
    writer.close()
    await until(lambda: server._clients.failed_handshakes == 1)
    assert server._clients.handshakes == 0
    monkeypatch.undo()
    assert not await refused(server, certificates.client())


async def test_no_file_descriptor_is_left(
    server: Server,
    certificates: Certificates,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (listener,) = server._tls.listeners
    assert isinstance(listener, tls.TlsListener)

    class Exhausted:
        def accept(self) -> None:
            raise OSError(24, "Too many open files")

        def fileno(self) -> int:
            return listening.fileno()

    listening = listener._listening
    monkeypatch.setattr(tls, "ACCEPT_PAUSE_S", 0.01)
    monkeypatch.setattr(listener, "_listening", Exhausted())
    pending = asyncio.ensure_future(refused(server, certificates.client()))
    await until(lambda: "Accepting client connection: Too many open files" in caplog.text)
    monkeypatch.setattr(listener, "_listening", listening)
    assert not await asyncio.wait_for(pending, WAIT)
