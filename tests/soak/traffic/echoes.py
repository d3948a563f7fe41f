"""Echo requests (RFC 792, RFC 4443), to the servers, whose kernel answers, and to where nobody is."""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.one_way_lab.traffic import checksum
from tests.soak.ledger import BOTH, ICMP, ICMPV6, WEST, Flow
from tests.soak.topology import NOWHERE4, NOWHERE6, OFFICE4, OFFICE6, SERVERS4, SERVERS6
from tests.soak.traffic.work import ANSWER_WITHIN_S, Work, opened

EVERY_S = 1 / 3
MAX_REQUESTS, PAUSE_S = 5, 0.2
MAX_DATA, UNANSWERED_SHARE = 1_000, 0.1
_ECHO = struct.Struct(">BBHHH")
_RECEIVED = 65_535


class Echoes:
    """One raw socket of each family hears all answers."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._chance = work.random("echoes")
        self._waiting: dict[tuple[int, int, int], asyncio.Future[int]] = {}
        """By (protocol, identifier, sequence number): octets of the answer, from the ICMP header on."""

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._sockets = {ICMP: opened(self._work.lab.office, socket.AF_INET, socket.SOCK_RAW, ICMP, bind=(OFFICE4, 0)),
                         ICMPV6: opened(self._work.lab.office, socket.AF_INET6, socket.SOCK_RAW, ICMPV6, bind=(OFFICE6, 0))}
        for protocol, raw in self._sockets.items():
            loop.add_reader(raw, self._received, protocol, raw)
        await self._work.each(EVERY_S, self._chance, self._session)
        for raw in self._sockets.values():
            loop.remove_reader(raw)
            raw.close()

    async def _session(self) -> None:
        """Some requests to one host."""
        chance, ledger = self._chance, self._work.ledger
        protocol, answered = chance.choice((ICMP, ICMPV6)), chance.random() >= UNANSWERED_SHARE
        here, there, nowhere, header = ((OFFICE4, SERVERS4, NOWHERE4, 20) if protocol == ICMP
                                        else (OFFICE6, SERVERS6, NOWHERE6, 40))
        request_type = 8 if protocol == ICMP else 128
        there = there if answered else nowhere
        flow, identifier = Flow(protocol, here, there), chance.randrange(1, 0xFFFF)
        for sequence in range(chance.randint(1, MAX_REQUESTS)):
            data = chance.randbytes(chance.randrange(MAX_DATA))
            message = _ECHO.pack(request_type, 0, 0, identifier, sequence) + data
            if protocol == ICMP:
                message = message[:2] + checksum(message).to_bytes(2, "big") + message[4:]
            key = protocol, identifier, sequence
            if key in self._waiting:
                continue
            ledger.passed(flow, header + len(message), places=BOTH if answered else (WEST,))
            self._waiting[key] = asyncio.get_running_loop().create_future()
            self._sockets[protocol].sendto(message, (there, 0))
            if answered:
                await self._answer(key, flow, header, len(message))
            ledger.echoes[here, there]["answered" if answered else "unanswered"] += 1
            del self._waiting[key]
            await asyncio.sleep(chance.uniform(0, 2 * PAUSE_S))

    async def _answer(self, key: tuple[int, int, int], flow: Flow, header: int, octets: int) -> None:
        try:
            got = await asyncio.wait_for(self._waiting[key], ANSWER_WITHIN_S)
        except TimeoutError:
            self._work.strange(f"no answer to echo request {key}")
            return
        if got != octets:
            self._work.strange(f"an answer of {got} octets to an echo request of {octets}")
        self._work.ledger.passed(flow.reverse, header + octets)

    def _received(self, protocol: int, raw: socket.socket) -> None:
        packet = raw.recv(_RECEIVED)
        message = packet[(packet[0] & 15) * 4:] if protocol == ICMP else packet
        if len(message) < _ECHO.size:
            return
        kind, _, _, identifier, sequence = _ECHO.unpack_from(message)
        waiting = self._waiting.get((protocol, identifier, sequence))
        if kind == (0 if protocol == ICMP else 129) and waiting is not None and not waiting.done():
            waiting.set_result(len(message))
