"""TLS on a listener: its context from the directives, and handshakes that are bounded in number and time.

A handshake has a task of its own, and no client yet: a Connection is made of it once it has succeeded. Meanwhile
it takes a client's place, as it does in Redis, so that half of a handshake costs nobody more than a connection does.
The context is looked up for each handshake: what CONFIG SET changes holds for the next connection.
"""

import asyncio
import logging
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from vermilion.network.connection import Connection, shown_address
from vermilion.network.listening import reason
from vermilion.settings import Settings

if TYPE_CHECKING:
    from vermilion.network.clients import Clients

LOGGER: Final = logging.getLogger("vermilion")

HANDSHAKE_S: Final = 10.0
"""How long a client may take to shake hands."""

SHUTDOWN_S: Final = 2.0
"""How long one that is said goodbye to may take to say so, too."""

ACCEPT_PAUSE_S: Final = 0.1
"""How long nobody is taken in after the system had no file descriptor left."""

LINES_PER_SECOND: Final = 10
"""So many failed handshakes a second are told of one by one."""

RELOADING: Final = (
    "tls-cert-file", "tls-key-file", "tls-key-file-pass", "tls-ca-cert-file", "tls-ca-cert-dir", "tls-dh-params-file",
    "tls-protocols", "tls-ciphers", "tls-ciphersuites", "tls-prefer-server-ciphers", "tls-session-caching",
)  # fmt: skip
"""The directives that a new context is made of when CONFIG SET changes them."""

VERIFY_MODES: Final[Mapping[str, ssl.VerifyMode]] = MappingProxyType(
    {"no": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "yes": ssl.CERT_REQUIRED}
)
"""What each value of `tls-auth-clients` means."""

_VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = MappingProxyType(
    {
        "tlsv1": ssl.TLSVersion.TLSv1,
        "tlsv1.1": ssl.TLSVersion.TLSv1_1,
        "tlsv1.2": ssl.TLSVersion.TLSv1_2,
        "tlsv1.3": ssl.TLSVersion.TLSv1_3,
    }
)


class TlsError(Exception):
    """The directives describe no TLS that could be spoken; the message is one line for the user."""


def server_context(settings: Settings) -> ssl.SSLContext:
    """Return the context that the directives `tls-*` describe.

    Args:
        settings: their values; the files are read now.

    Raises:
        TlsError: for a file that is missing, unreadable or not what it should be, or a value that OpenSSL refuses.

    LLM Context:
        - Versions before TLS 1.2 are spoken only when `tls-protocols` names them, and where OpenSSL still does.
        - `tls-session-caching no` sends no tickets, so that nothing is resumed in TLS 1.3. Python has no switch
          for the sessions of TLS 1.2 that go by an id.
    """
    if not settings.tls_cert_file:
        raise TlsError("No tls-cert-file configured!")
    if not settings.tls_key_file:
        raise TlsError("No tls-key-file configured!")
    authorities = settings.tls_ca_cert_file or settings.tls_ca_cert_dir
    if settings.tls_auth_clients != "no" and not authorities:
        raise TlsError(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-auth-clients is enabled!"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load_identity(context, settings)
    if authorities:
        with _blaming("Failed to configure CA certificate(s) file/directory"):
            context.load_verify_locations(settings.tls_ca_cert_file or None, settings.tls_ca_cert_dir or None)
    context.verify_mode = VERIFY_MODES[settings.tls_auth_clients]
    _choose_protocols(context, settings.tls_protocols)
    _choose_ciphers(context, settings)
    if settings.tls_dh_params_file:
        with _blaming(f"Failed to load {settings.tls_dh_params_file}"):
            context.load_dh_params(settings.tls_dh_params_file)
    if not settings.tls_session_caching:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


def _load_identity(context: ssl.SSLContext, settings: Settings) -> None:
    """Load the certificate and its key."""
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    with _blaming(f"Failed to load certificate: {certificate}"):
        # Loaded once more by itself: the call below would not say which of its two files is no good.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    with _blaming(
        f"Failed to load private key: {key}", otherwise="no private key, or none that tls-key-file-pass opens"
    ):
        Path(key).open("rb").close()
        # With a function, and not a value that may be empty: OpenSSL would ask for it on the terminal.
        context.load_cert_chain(certificate, key, lambda: settings.tls_key_file_pass)


def _choose_protocols(context: ssl.SSLContext, names: str) -> None:
    """Let a context speak the versions of TLS that are named."""
    if not names.strip():
        return
    try:
        chosen = sorted({_VERSIONS[name] for name in names.lower().split()})
    except KeyError:
        raise TlsError(
            "Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'."
        ) from None
    if chosen[-1] - chosen[0] != len(chosen) - 1:
        raise TlsError("Invalid tls-protocols specified: no version may be left out between two others.")
    with warnings.catch_warnings():
        # Python warns of old versions; whoever names them has been told by everyone else.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = chosen[0], chosen[-1]


def _choose_ciphers(context: ssl.SSLContext, settings: Settings) -> None:
    """Let a context use the ciphers that are named, in whose order is asked for."""
    if settings.tls_ciphers:
        with _blaming(f"Failed to configure ciphers: {settings.tls_ciphers}"):
            context.set_ciphers(settings.tls_ciphers)
    if settings.tls_ciphersuites:
        set_suites: Callable[[str], None] | None = getattr(context, "set_ciphersuites", None)
        if set_suites is None:
            raise TlsError(
                "Failed to configure ciphersuites: Python chooses those of TLS 1.3 before its version 3.15"
            )
        with _blaming(f"Failed to configure ciphersuites: {settings.tls_ciphersuites}"):
            set_suites(settings.tls_ciphersuites)
    if not settings.tls_prefer_server_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


@contextmanager
def _blaming(what: str, *, otherwise: str = "") -> Iterator[None]:
    """Turn a failure into a line for the user; `otherwise` is the reason where OpenSSL knows none."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise TlsError(f"{what}: {_said(error, otherwise)}") from error


def _said(error: Exception, otherwise: str = "") -> str:
    """Return the reason of an error, in words, without what Python says of its own source."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        named: str | None = getattr(error, "reason", None)  # what Python raises by itself has none
        return named.replace("_", " ").lower() if named else otherwise or str(error.args[-1])
    return reason(error) if isinstance(error, OSError) else str(error)


class TlsListener:
    """Takes TLS connections from one listening socket, on the running event loop.

    Args:
        listening: the socket.
        clients: those of its server.
        context: returns the context for a handshake that begins.
        connect: returns the protocol for one that has succeeded.
    """

    def __init__(
        self,
        listening: socket.socket,
        clients: "Clients",
        context: Callable[[], ssl.SSLContext],
        connect: Callable[[], "Connection"],
    ) -> None:
        self._listening = listening
        self._clients = clients
        self._context = context
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._second = 0
        self._lines = 0
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Take no more, and give up the handshakes that have begun."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()
        for handshake in self._handshakes:
            handshake.cancel()

    def _listen(self) -> None:
        """Have `_accept` called when somebody comes."""
        self._pause = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """Begin a handshake with whoever comes first; it costs so much that the others wait for the next turn."""
        try:
            accepted, peer = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # gone again
        except OSError as error:
            self._tell("Accepting client connection: %s", reason(error))
            self._loop.remove_reader(self._listening)
            self._pause = self._loop.call_later(ACCEPT_PAUSE_S, self._listen)
            return
        if self._clients.is_full:
            self._clients.stats.rejected_connections += 1
            accepted.close()
            return
        self._clients.handshakes += 1
        handshake = self._loop.create_task(self._shake_hands(accepted, shown_address(peer)))
        self._handshakes.add(handshake)
        handshake.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, accepted: socket.socket, peer: str) -> None:
        """Make a client of a connection, or close it."""
        local = shown_address(accepted.getsockname())
        try:
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                self._connect,
                accepted,
                ssl=self._context(),
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except OSError as error:
            self._clients.failed_handshakes += 1
            self._tell(
                "Error accepting a client connection: %s (addr=%s laddr=%s)", _said(error), peer, local
            )
        finally:
            self._clients.handshakes -= 1

    def _tell(self, message: str, *arguments: str) -> None:
        """Log what went wrong, unless too much does: whoever fails on purpose is not to fill the disk."""
        second = int(self._loop.time())
        if second != self._second:
            if self._lines > LINES_PER_SECOND:
                LOGGER.warning("%d more errors accepting client connections", self._lines - LINES_PER_SECOND)
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= LINES_PER_SECOND:
            LOGGER.warning(message, *arguments)
