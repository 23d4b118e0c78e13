"""The process of a server: assembled from a configuration, and served until a signal or SHUTDOWN ends it."""

import asyncio
import gc
import logging
import os
import signal
import sys
from typing import Final

from vermilion import errors
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.backends.server_backend import ServerBackend
from vermilion.config import Config, ConfigError
from vermilion.engine.acl import AclStartError
from vermilion.engine.engine import Engine
from vermilion.kinds import to_text
from vermilion.network.listening import ListenError
from vermilion.network.server import Server
from vermilion.network.supervision import notify
from vermilion.persistence.snapshots import LoadError

GC_THRESHOLDS: Final = (50_000, 50, 100)
"""A server allocates containers for every call and frees them at once. CPython's default of 700 would look at the
young ones all the time, and walk through the whole keyspace every few seconds; values are acyclic, so that there
is next to nothing to find."""


def serve(config: Config, logger: logging.Logger) -> int:
    """Serve until SIGTERM, SIGINT or SHUTDOWN.

    Args:
        config: the configuration, read and checked.
        logger: where the log goes.

    Returns:
        The exit status of the process.

    Raises:
        ConfigError: for a `rename-command` that cannot be.

    See Also:
        `Server`, to do the same inside a program.
    """
    if sys.platform == "win32":
        return asyncio.run(_serve(config, logger))
    import uvloop  # noqa: PLC0415  # there is none on Windows

    return uvloop.run(_serve(config, logger))


async def _serve(config: Config, logger: logging.Logger) -> int:
    """Run the server of a process."""
    settings = config.settings
    try:
        backend = _backend(config)
    except ValueError as error:
        reason, *words = error.args
        line = " ".join(["rename-command", *(f'"{word}"' for word in words)])
        raise ConfigError(reason, line=line) from error
    except AclStartError as error:
        logger.warning("%s", error)
        return 1
    server = Server(
        backend,
        host=settings.bind,
        port=settings.port or None,
        tls_port=settings.tls_port or None,
        unixsocket=settings.unixsocket,
        metrics_port=settings.metrics_port or None,
    )
    logger.info("Running mode=standalone, port=%d.", settings.port or settings.tls_port)
    if not (settings.port or settings.tls_port or settings.unixsocket):
        logger.warning("Configured to not listen anywhere, exiting.")
        return 1
    if settings.appendonly:
        logger.warning("appendonly yes has no effect: %s.", errors.NO_JOURNAL)
        settings.appendonly = False
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        backend.load()
    except LoadError as error:
        logger.warning("%s", error)
        logger.warning("Fatal error loading the DB, check server logs. Exiting.")
        return 1
    try:
        await server.start()
    except ListenError as error:
        logger.warning("%s, aborting.", error)
        return 1
    _stop_on_signals(server.backend.engine, logger)
    gc.collect()
    gc.freeze()
    backend.engine.eviction.settle()
    if settings.port:
        logger.info("Ready to accept connections tcp")
    if settings.unixsocket:
        logger.info("Ready to accept connections unix")
    if settings.tls_port:
        logger.info("Ready to accept connections tls")
    if settings.metrics_port:
        logger.info("Metrics at http://%s:%d/metrics", settings.metrics_bind[0], settings.metrics_port)
    notify(settings.supervised, "READY=1", os.environ)
    await server.wait()
    notify(settings.supervised, "STOPPING=1", os.environ)
    await server.stop()
    backend.end()
    logger.warning("Redis is now ready to exit, bye bye...")
    return 0


def _backend(config: Config) -> ServerBackend:
    """Return what executes the calls."""
    settings = config.settings
    if settings.enable_test_commands:
        if settings.backend != "memory":
            raise ConfigError(
                "Test commands move an engine in this process, and the backend is another server",
                source="Reading the backend",
                line="enable-test-commands yes",
            )
        from vermilion.testing.clock import MovableClock  # noqa: PLC0415  # others need none of it
        from vermilion.testing.shared import SharedBackend  # noqa: PLC0415

        return SharedBackend(config, MovableClock())
    if settings.backend == "memory":
        return MemoryCacheBackend(config=config)
    from vermilion.backends.proxy import Proxy  # noqa: PLC0415  # a store needs none of it
    from vermilion.backends.upstream_url import parse_upstream  # noqa: PLC0415

    try:
        url = parse_upstream(to_text(settings.upstream))
    except ValueError as error:
        raise ConfigError(str(error), source="Reading the upstream", line="upstream") from None
    try:
        return Proxy(url, config=config)
    except OSError as error:
        raise ConfigError(f"The TLS of the upstream cannot be spoken: {error}") from error


def _stop_on_signals(engine: Engine, logger: logging.Logger) -> None:
    """Let SIGTERM and SIGINT end the server, as `shutdown-on-sigterm` and `shutdown-on-sigint` say."""
    loop = asyncio.get_running_loop()
    settings = engine.settings

    def stop(name: str) -> None:
        logger.warning("Received %s scheduling shutdown...", name)
        how = settings.shutdown_on_sigterm if name == "SIGTERM" else settings.shutdown_on_sigint
        save = True if "save" in how else False if "nosave" in how else None
        if not engine.shut_down(save=save, force="force" in how):
            logger.warning("%s received but errors trying to shut down the server, see above", name)

    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(
                number, lambda received, _: loop.call_soon_threadsafe(stop, signal.Signals(received).name)
            )
        else:
            loop.add_signal_handler(number, stop, number.name)
