"""Packets that are followed from end to end: numbered, both ways, each with the verdict that it shall have.

They are sent whole, from the IP header on (raw(7), IP_HDRINCL), so that their signature is known. What is marked, the line drops;
what is not, must arrive.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from ipaddress import IPv4Address

from tests.one_way_lab.traffic import checksum
from tests.oracles.signature_twin import sign
from tests.soak.ledger import BOTH, EAST, UDP, WEST, Flow, Way
from tests.soak.topology import MARK, OFFICE4, SERVERS4
from tests.soak.traffic.work import Work, opened

EVERY_S = 1 / 50
"""Each way."""
LOST_SHARE = 0.03
MAX_PAYLOAD = 900
PORTS_THERE, PORTS_BACK = (7_000, 7_001, 7_002), (7_100, 7_101)
"""Where they go to, at the servers and at the office."""
FIRST_SRC_PORT, SRC_PORTS = 20_000, 10_000
PACKETS_OF_A_FLOW = 400
"""Then another port sends."""
_NUMBER = struct.Struct(">Q")
_TTL, _DONT_FRAGMENT = 64, 0x4000


class Streams:
    """Both ways. `run` returns when all that was to arrive has arrived."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._missing: set[int] = set()
        """Numbers of what was sent unmarked and has not arrived."""
        self._sent = 0

    async def run(self) -> None:
        loop, lab = asyncio.get_running_loop(), self._work.lab
        sinks = [opened(host, socket.AF_INET, socket.SOCK_DGRAM, bind=(address, port))
                 for host, address, ports in ((lab.servers, SERVERS4, PORTS_THERE), (lab.office, OFFICE4, PORTS_BACK))
                 for port in ports]
        for sink in sinks:
            loop.add_reader(sink, self._arrived, sink)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._send(lab.office, OFFICE4, SERVERS4, PORTS_THERE, WEST))
            both.create_task(self._send(lab.servers, SERVERS4, OFFICE4, PORTS_BACK, EAST))
        for _ in range(100):
            if not self._missing:
                break
            await asyncio.sleep(0.05)
        if self._missing:
            self._work.strange(f"{len(self._missing)} packets of streams, not marked, did not arrive")
        for sink in sinks:
            loop.remove_reader(sink)
            sink.close()

    async def _send(self, host, src_addr: str, dst_addr: str, dst_ports: tuple[int, ...], near: str) -> None:
        chance, ledger = self._work.random(f"stream from {near}"), self._work.ledger
        raw = opened(host, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        src_ports = [FIRST_SRC_PORT + n for n in range(len(dst_ports))]
        number = 0
        with raw:
            while await self._work.goes_on(chance.expovariate(self._work.rate / EVERY_S)):
                number += 1
                which = number % len(dst_ports)
                if number % PACKETS_OF_A_FLOW < len(dst_ports):
                    src_ports[which] = FIRST_SRC_PORT + (src_ports[which] - FIRST_SRC_PORT + len(dst_ports)) % SRC_PORTS
                lost = chance.random() < LOST_SHARE
                self._sent += 1
                payload = _NUMBER.pack(self._sent) + chance.randbytes(chance.randrange(MAX_PAYLOAD))
                flow = Flow(UDP, src_addr, dst_addr, src_ports[which], dst_ports[which])
                packet = datagram(flow, payload, MARK if lost else 0, number % 0xFFFF + 1)
                if not lost:
                    self._missing.add(self._sent)
                ledger.passed(flow, len(packet), messages=1, payload=len(payload), places=(near,) if lost else BOTH)
                ledger.ways[Way(flow.src_port, flow.dst_port, sign(packet) & 0xFFFFFFFF, len(packet),
                                "lost" if lost else "complete")] += 1
                raw.sendto(packet, (dst_addr, 0))

    def _arrived(self, sink: socket.socket) -> None:
        number, = _NUMBER.unpack_from(sink.recv(MAX_PAYLOAD + _NUMBER.size))
        if number in self._missing:
            self._missing.remove(number)
        else:
            self._work.strange(f"packet {number} of a stream arrived, though it was marked or had arrived before")


def datagram(flow: Flow, payload: bytes, tos: int, identification: int) -> bytes:
    """An IPv4 packet with UDP, but for the checksum of the IP header, which the kernel computes and no signature covers."""
    octets = 8 + len(payload)
    addresses = IPv4Address(flow.src_addr).packed + IPv4Address(flow.dst_addr).packed
    udp = struct.pack("!HHHH", flow.src_port, flow.dst_port, octets, 0)
    proof = checksum(addresses + struct.pack("!HH", UDP, octets) + udp + payload) or 0xFFFF  # 0 would say that there is none
    header = struct.pack("!BBHHHBBH", 0x45, tos, 20 + octets, identification, _DONT_FRAGMENT, _TTL, UDP, 0)
    return header + addresses + udp[:6] + proof.to_bytes(2, "big") + payload

