"""The connection to a master agent: made, made again when it is lost, with growing pauses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from tmon_agent.agentx.session import Closed, Notified, Refused, Registered, Session, State
from tmon_agent.agentx.values import Bindings

logger = logging.getLogger(__name__)

FIRST_PAUSE_S, LAST_PAUSE_S = 0.5, 30.0
"""Between attempts to connect: twice as long each time, from the first to the last."""
CONNECT_S = 5.0


class Client:
    """A sub-agent of the master at `master`: path of its socket, or HOST:PORT.

    notified    is called with the token of each notification and what became of it, as `Notified` says
    """

    def __init__(self, master: str, session: Session, notified: Callable[[Notified], None] = lambda _: None,
                 clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.session = session
        self.connections = 0
        self._master, self._notified, self._clock = master, notified, clock
        self._connection: _Connection | None = None
        self._told = ""

    async def run(self) -> None:
        """Until it is cancelled; then the master is told the end of the session."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                connection = await self._connect()
            except (OSError, TimeoutError) as error:
                self._tell(f"cannot be reached: {getattr(error, 'strerror', None) or 'no answer'}")
            else:
                self._connection = connection
                try:
                    opened = await connection.ended
                finally:
                    connection.end()
                    self._connection = None
                if opened:
                    pause = FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE_S)

    def notify(self, bindings: Bindings, token: object) -> bool:
        """False: not now. Else `notified` is called, sooner or later."""
        connection = self._connection
        if connection is None or not self.session.notify(bindings, token, self._clock()):
            return False
        connection.proceed()
        return True

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        make = lambda: _Connection(self.session, self._happened, self._clock)  # noqa: E731
        if self._master.startswith("/"):
            attempt = loop.create_unix_connection(make, self._master)
        else:
            host, _, port = self._master.rpartition(":")
            attempt = loop.create_connection(make, host.strip("[]"), int(port))
        _, connection = await asyncio.wait_for(attempt, CONNECT_S)
        self.connections += 1
        return connection

    def _happened(self, happening: Registered | Refused | Notified | Closed) -> None:
        match happening:
            case Registered():
                self._told = ""
                logger.info("AgentX master %s: all rows registered", self._master)
            case Refused(region, why):
                self._tell(f"refuses {'.'.join(map(str, region.subtree))}: {why}; it is tried again")
            case Closed(why) if why:
                self._tell(f"session ended: {why}")
            case Notified():
                self._notified(happening)

    def _tell(self, what: str) -> None:
        """Once, as long as it stays the same."""
        if what != self._told:
            self._told = what
            logger.warning("AgentX master %s: %s", self._master, what)


class _Connection(asyncio.Protocol):
    """Moves octets between a session and a stream. ended: resolves when it is over, with whether the session was open."""

    def __init__(self, session: Session, happened: Callable, clock: Callable[[], int]) -> None:
        self.ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._session, self._happened, self._clock = session, happened, clock
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._opened = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._session.connected(self._clock())
        self.proceed()

    def data_received(self, data: bytes) -> None:
        self._session.receive(data, self._clock())
        self.proceed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._session.lost(f"the connection was lost: {exc}" if exc else "the connection was closed")
        self.proceed()

    def end(self) -> None:
        self._session.close()
        self.proceed()

    def proceed(self) -> None:
        """Send what there is, say what has happened, and look at the clock again when it is time."""
        transport = self._transport
        octets = self._session.take_octets()
        if octets and transport and not transport.is_closing():
            transport.write(octets)
        self._opened |= self._session.state == State.OPEN
        for happening in self._session.take_happened():
            self._happened(happening)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        due = self._session.next_timer()
        if due is not None:
            delay = max(0, due - self._clock()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)
        elif not self.ended.done():
            if transport:
                transport.close()
            self.ended.set_result(self._opened)

    def _on_timer(self) -> None:
        self._session.handle_timer(self._clock())
        self.proceed()
