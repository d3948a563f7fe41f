"""DNS queries over UDP (RFC 1035): names that are there, that are not, and servers that are not."""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.lab.servers import DOMAIN
from tests.soak.ledger import UDP, WEST, Flow, Query
from tests.soak.topology import NOWHERE4, OFFICE4, SERVERS4
from tests.soak.traffic.datagrams import tell
from tests.soak.traffic.work import ANSWER_WITHIN_S, Work, opened

PORT = 53
EVERY_S = 1 / 5
UNANSWERED_SHARE = 0.05
TYPES = {"A": 1, "AAAA": 28, "TXT": 16, "MX": 15}
RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
_HEADER = struct.Struct(">HHHHHH")
_RECURSION_DESIRED, _INTERNET = 0x0100, 1
_RECEIVED = 65_535


class Names:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._chance = work.random("names")
        self._queries = 0

    async def run(self) -> None:
        await self._work.each(EVERY_S, self._chance, self._query)

    async def _query(self) -> None:
        chance, loop, ledger = self._chance, asyncio.get_running_loop(), self._work.ledger
        self._queries += 1
        name = chance.choice((f"www.{DOMAIN}", DOMAIN, f"ftp.{DOMAIN}", f"not-there-{self._queries % 1_000}.{DOMAIN}"))
        question = query(chance.randrange(0x10000), name, chance.choice(list(TYPES.values())))
        server = NOWHERE4 if chance.random() < UNANSWERED_SHARE else SERVERS4
        with opened(self._work.lab.office, socket.AF_INET, socket.SOCK_DGRAM, bind=(OFFICE4, 0)) as client:
            await loop.sock_connect(client, (server, PORT))
            flow = Flow(UDP, OFFICE4, server, client.getsockname()[1], PORT)
            if server == NOWHERE4:
                ledger.passed(flow, 28 + len(question), messages=1, payload=len(question), places=(WEST,))
                await loop.sock_sendall(client, question)
                ledger.queries[Query(OFFICE4, flow.src_port, server, name, None, len(question), None)] += 1
                return
            tell(ledger, flow, socket.AF_INET, len(question))
            await loop.sock_sendall(client, question)
            try:
                response = await asyncio.wait_for(loop.sock_recv(client, _RECEIVED), ANSWER_WITHIN_S)
            except TimeoutError:
                self._work.strange(f"no answer to a query for {name}")
                return
            tell(ledger, flow.reverse, socket.AF_INET, len(response))
            rcode = RCODES[response[3] & 15]
            ledger.queries[Query(OFFICE4, flow.src_port, server, name, rcode, len(question), len(response))] += 1


def query(identifier: int, name: str, kind: int) -> bytes:
    """A message with one question (RFC 1035 section 4.1)."""
    labels = b"".join(len(label).to_bytes(1, "big") + label.encode() for label in name.split("."))
    return _HEADER.pack(identifier, _RECURSION_DESIRED, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, _INTERNET)
