"""UDP requests and answers, IPv4 and IPv6, some of them so large that IP cuts them; from ports that come and go."""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.soak.ledger import UDP, Flow
from tests.soak.topology import MTU, OFFICE4, OFFICE6, SERVERS4, SERVERS6
from tests.soak.traffic.work import ANSWER_WITHIN_S, Work, opened

PORT = 5_000
EVERY_S = 1 / 4
"""A client appears."""
MAX_EXCHANGES, PAUSE_S = 12, 0.1
MAX_SMALL, MAX_LARGE, LARGE_SHARE = 1_200, 6_000, 0.05
ENDS = {socket.AF_INET: (OFFICE4, SERVERS4), socket.AF_INET6: (OFFICE6, SERVERS6)}
_UDP_OCTETS = 8
_HEADERS = {socket.AF_INET: (20, 20), socket.AF_INET6: (40, 48)}
"""IP header of a whole packet, and of a fragment (RFC 8200 section 4.5)."""
_ANSWER_OCTETS = struct.Struct(">H")


class Datagrams:
    """Clients at the office, one server of each family."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._chance = work.random("datagrams")

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        servers = {family: opened(self._work.lab.servers, family, socket.SOCK_DGRAM, bind=(server, PORT))
                   for family, (_, server) in ENDS.items()}
        for family, server in servers.items():
            loop.add_reader(server, self._answer, family, server)
        await self._work.each(EVERY_S, self._chance, self._client)
        for server in servers.values():
            loop.remove_reader(server)
            server.close()

    async def _client(self) -> None:
        chance, loop = self._chance, asyncio.get_running_loop()
        family = chance.choice((socket.AF_INET, socket.AF_INET6))
        address, server = ENDS[family]
        with opened(self._work.lab.office, family, socket.SOCK_DGRAM, bind=(address, 0)) as client:
            await loop.sock_connect(client, (server, PORT))
            flow = Flow(UDP, address, server, client.getsockname()[1], PORT)
            for _ in range(chance.randint(1, MAX_EXCHANGES)):
                request, answer_octets = self._size(), self._size()
                payload = _ANSWER_OCTETS.pack(answer_octets) + chance.randbytes(request - _ANSWER_OCTETS.size)
                tell(self._work.ledger, flow, family, request)
                await loop.sock_sendall(client, payload)
                try:
                    answer = await asyncio.wait_for(loop.sock_recv(client, MAX_LARGE), ANSWER_WITHIN_S)
                except TimeoutError:
                    self._work.strange(f"no answer to a datagram from port {flow.src_port}")
                    return
                if len(answer) != answer_octets:
                    self._work.strange(f"an answer of {len(answer)} octets in place of {answer_octets}")
                await asyncio.sleep(chance.uniform(0, 2 * PAUSE_S))

    def _answer(self, family: socket.AddressFamily, server: socket.socket) -> None:
        request, (address, port, *_) = server.recvfrom(MAX_LARGE)
        octets, = _ANSWER_OCTETS.unpack_from(request)
        tell(self._work.ledger, Flow(UDP, ENDS[family][1], address, PORT, port), family, octets)
        server.sendto(request[:1] * octets, (address, port))

    def _size(self) -> int:
        large = self._chance.random() < LARGE_SHARE
        return self._chance.randint(MTU, MAX_LARGE) if large else self._chance.randint(_ANSWER_OCTETS.size, MAX_SMALL)


def tell(ledger, flow: Flow, family: socket.AddressFamily, payload: int) -> None:
    """A datagram passed both places, in as many fragments as it takes."""
    header, fragment_header = _HEADERS[family]
    octets = _UDP_OCTETS + payload
    if header + octets <= MTU:
        ledger.passed(flow, header + octets, messages=1, payload=payload)
        return
    room = (MTU - fragment_header) // 8 * 8
    fragments = -(-octets // room)
    ledger.passed(flow, fragments * fragment_header + octets, packets=fragments, fragments=fragments, messages=1, payload=payload)
