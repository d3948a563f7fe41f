"""Flows of a single packet, ever new ones: a scan of addresses where nobody is, and datagrams to a port that is closed."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address

from tests.soak.ledger import BOTH, ICMP, UDP, WEST, Flow
from tests.soak.topology import NOWHERE4, OFFICE4, SERVERS4
from tests.soak.traffic.streams import datagram
from tests.soak.traffic.work import Work, opened

SCAN_EVERY_S, CLOSED_EVERY_S = 1 / 20, 1 / 2
CLOSED_PORT = 6_001
MAX_PAYLOAD = 200
_QUOTE_OCTETS = 28
"""IP and ICMP headers in front of what a port unreachable quotes: the whole packet, as it is short (RFC 1812 section 4.3.2.3)."""
_LOW_PORT, _HIGH_PORT = 10_000, 65_535
"""Above those of the other sorts of traffic."""


class Strangers:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._chance = work.random("strangers")
        self._packets = 0

    async def run(self) -> None:
        with opened(self._work.lab.office, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._work.each(SCAN_EVERY_S, self._chance, lambda: self._scan(raw)))
                both.create_task(self._work.each(CLOSED_EVERY_S, self._work.random("closed"), lambda: self._closed(raw)))

    async def _scan(self, raw: socket.socket) -> None:
        there = str(IPv4Address(NOWHERE4) + self._chance.randrange(60_000))
        self._send(raw, there, self._chance.randint(_LOW_PORT, _HIGH_PORT), (WEST,))

    async def _closed(self, raw: socket.socket) -> None:
        octets = self._send(raw, SERVERS4, CLOSED_PORT, BOTH)
        self._work.ledger.passed(Flow(ICMP, SERVERS4, OFFICE4), _QUOTE_OCTETS + octets)

    def _send(self, raw: socket.socket, there: str, port: int, places: tuple[str, ...]) -> int:
        """Octets of the packet."""
        self._packets += 1
        flow = Flow(UDP, OFFICE4, there, self._chance.randint(_LOW_PORT, _HIGH_PORT), port)
        packet = datagram(flow, self._chance.randbytes(self._chance.randrange(MAX_PAYLOAD)), 0, self._packets % 0xFFFF + 1)
        self._work.ledger.passed(flow, len(packet), messages=1, payload=len(packet) - 28, places=places)
        raw.sendto(packet, (there, 0))
        return len(packet)
