"""A primary that Sentinels watch: they are asked where it is, again and again, and followed when it has moved.

A Sentinel is believed when the server that it names says itself that it is a primary (ROLE): during a failover, one of
them may still name the old one.
"""

import asyncio
import logging
from random import Random
from typing import Final

from vermilion.backends.fleet import Single
from vermilion.backends.link import Link, Login
from vermilion.backends.takers import Answers, split_replies
from vermilion.backends.upstream import Limits, Upstream
from vermilion.backends.upstream_url import Address, UpstreamUrl
from vermilion.errors import RespError, upstream_unavailable
from vermilion.protocol.decode import decode_reply
from vermilion.protocol.request import write_calls

LOGGER: Final = logging.getLogger("vermilion")

PERIOD_S: Final = 1.0
PERIOD_DOWN_S: Final = 0.2


class Sentinel(Single):
    """The primary of a service.

    Args:
        url: the Sentinels and the name of the service.
        limits: what is allowed of the primary.
        connect_timeout: seconds until a server must have taken a connection.
        random: the source of chance.
    """

    def __init__(self, url: UpstreamUrl, limits: Limits, connect_timeout: float, random: Random) -> None:
        super().__init__(url, limits, connect_timeout, random)
        self._sentinels = list(url.addresses)
        self._task: asyncio.Task[None] | None = None
        self._reason = "no Sentinel has been asked yet"

    @property
    def server(self) -> Upstream:
        """The primary."""
        if self._server is None:
            raise RespError(upstream_unavailable(self._reason))
        return self._server

    async def open(self) -> None:
        """Begin to ask."""
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Close all connections."""
        if self._task is not None:
            self._task.cancel()
        await super().close()

    async def _follow(self) -> None:
        """Keep to the primary."""
        while True:
            address = await self._find()
            current = self._server
            if address is not None and (current is None or current.login.address != address):
                LOGGER.info("Upstream %s is at %s now", self._url.service, address)
                self._server = self._connect(address)
                if current is not None:
                    current.close()
            await asyncio.sleep(PERIOD_S if self.is_up else PERIOD_DOWN_S)

    async def _find(self) -> Address | None:
        """Return where the primary is, None when nobody knows."""
        for sentinel in list(self._sentinels):
            login = Login(
                sentinel,
                self._url.sentinel_username,
                self._url.sentinel_password,
                self._tls,
                self._connect_timeout,
            )
            question = [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self._url.service.encode()]
            try:
                answer = await self._ask(login, question)
            except (ConnectionError, TimeoutError, ValueError) as error:
                self._reason = f"Sentinel {sentinel} does not answer ({error})"
                continue
            # The one that answers is asked first from now on.
            self._sentinels.remove(sentinel)
            self._sentinels.insert(0, sentinel)
            if not isinstance(answer, list) or len(answer) != 2:
                self._reason = f"Sentinel {sentinel} does not know {self._url.service}"
                continue
            host, port = answer
            if not isinstance(host, bytes) or not isinstance(port, bytes):
                continue
            address = Address(host.decode(), int(port))
            if await self._is_primary(address):
                return address
            self._reason = f"{address}, which Sentinel {sentinel} names, is no primary"
        return None

    async def _is_primary(self, address: Address) -> bool:
        """Whether a server says that it is one."""
        if self._server is not None and self._server.up and self._server.login.address == address:
            return True
        try:
            role = await self._ask(self._login(address), [b"ROLE"])
        except (ConnectionError, TimeoutError, ValueError):
            return False
        return isinstance(role, list) and role[:1] == [b"master"]

    async def _ask(self, login: Login, argv: list[bytes]) -> object:
        """Return what a server answers to one call, over a connection for it alone."""
        answers = Answers(asyncio.get_running_loop())
        link = Link(login, 0, 2, _unminded, _unminded)
        link.open()
        link.send(write_calls([argv]), 1, answers, 0.0)
        try:
            async with asyncio.timeout(2 * self._connect_timeout):
                return decode_reply(split_replies(await answers.future, 1)[0])
        finally:
            link.close()


def _unminded(*_: object) -> None:
    """Stand in for an owner: whoever asked has the reply, or the error."""
