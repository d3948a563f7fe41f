"""Metrics for Prometheus by HTTP: few connections at a time, each for one request, none for longer than some seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from tmon_agent.metrics.answers import Answers
from tmon_agent.metrics.http import HEAD_END, MAX_HEAD_OCTETS, parse, written
from tmon_agent.metrics.listening import listen
from tmon_agent.service import Setting
from tmon_agent.view import View

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 16
MAX_CONNECTION_S = 10.0
"""From its beginning until the response was taken."""


class MetricsService:
    """A tmon_agent.service.Service. port: where it listens, once it does; connections: by their outcome."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._open: set[asyncio.Task] = set()
        self.port = 0

    async def run(self, view: View) -> None:
        self._answers = Answers(view)
        server = await asyncio.start_server(self._connection, sock=listen(self._setting), limit=MAX_HEAD_OCTETS)
        address, self.port = server.sockets[0].getsockname()[:2]
        log.info("metrics of %s at http://%s:%d/metrics", self._setting.program, f"[{address}]" if ":" in address else address,
                 self.port)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            for connection in self._open:
                connection.cancel()

    @property
    def connections(self) -> Mapping[str, int]:
        return self._answers.connections

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted, own = self._answers.connections, asyncio.current_task()
        if len(self._open) >= MAX_CONNECTIONS:
            counted["refused"] += 1
            writer.transport.abort()
            return
        self._open.add(own)
        try:
            async with asyncio.timeout(MAX_CONNECTION_S):
                await self._exchange(reader, writer)
        except TimeoutError:
            counted["cut"] += 1
        except ConnectionError:  # it has gone, whatever it wanted
            pass
        finally:
            self._open.discard(own)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = parse(await reader.readuntil(HEAD_END))
        except asyncio.LimitOverrunError:
            request = None
        except asyncio.IncompleteReadError:  # it has gone; perhaps it only looked whether there is a port
            return
        writer.write(written(self._answers.answer(request)))
        writer.close()
        await writer.wait_closed()
        self._answers.connections["answered" if request else "garbled"] += 1
