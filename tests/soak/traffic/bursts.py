"""Every now and then many packets at once, to where nobody is: what a threshold is there for."""

from __future__ import annotations

import asyncio
import socket
import time

from tests.soak.ledger import UDP, WEST, Flow
from tests.soak.topology import NOWHERE4, OFFICE4
from tests.soak.traffic.streams import datagram
from tests.soak.traffic.work import Work, opened

PORT = 9
EVERY_S = 25.0
FIRST_AFTER_S = 8.0
"""The interval in which a probe was started is not compared."""
NOT_AT_THE_END_S = 25.0
"""So long before the end of the run there is none any more, as its end could not be told."""
PACKETS, AT_ONCE, PAUSE_S = 120, 10, 0.01
_SRC_PORT = 40_000


class Bursts:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def run(self) -> None:
        pause_s = FIRST_AFTER_S
        with opened(self._work.lab.office, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            while await self._work.goes_on(pause_s):
                if self._work.ends_at > time.monotonic() + NOT_AT_THE_END_S:
                    await self._burst(raw)
                pause_s = EVERY_S

    async def _burst(self, raw: socket.socket) -> None:
        flow = Flow(UDP, OFFICE4, NOWHERE4, _SRC_PORT, PORT)
        self._work.ledger.bursts += 1
        for number in range(PACKETS):
            packet = datagram(flow, b"burst", 0, number + 1)
            self._work.ledger.passed(flow, len(packet), messages=1, payload=len(packet) - 28, places=(WEST,))
            raw.sendto(packet, (NOWHERE4, 0))
            if number % AT_ONCE == 0:
                await asyncio.sleep(PAUSE_S)
