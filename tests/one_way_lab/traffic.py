"""What is sent: bounded counts of packets with known, different payloads, both ways; and when programs sent and got them.

Contents are numbered, so that none is like another: "trafmon", case, kind, direction, number, and noise that follows from these.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.linkemu import Namespace
from tests.linkemu.netns import inside
from tests.one_way_lab.topology import A, C, Lab

UDP, LONG, TCP, PING = 1, 2, 3, 4
"""Kinds of traffic; LONG are UDP datagrams in fragments."""
LIMIT_S = 20.0
BURST, EVERY_S = 4, 0.002
"""So many are sent, then what came is taken for that long."""
MAX_SHORT, MIN_LONG, MAX_LONG = 900, 1_600, 4_000
_LISTEN, _TIME_WAIT = "0A", "06"
_TAG = struct.Struct(">7sBBBH")
_ECHO = struct.Struct(">BBHHH")
ECHO_REQUEST, ECHO_REPLY = 8, 0


@dataclass
class Times:
    """By content: when the program was about to send it, and when it had got it first, ns UTC."""

    sent_ns: dict[bytes, int] = field(default_factory=dict)
    got_ns: dict[bytes, int] = field(default_factory=dict)


def content(case: int, kind: int, back: bool, number: int) -> bytes:
    """Payload number `number` of a kind, on the way there or back."""
    tag = _TAG.pack(b"trafmon", case, kind, back, number)
    noise = random.Random(tag)
    octets = noise.randrange(MIN_LONG, MAX_LONG) if kind == LONG else noise.randrange(MAX_SHORT)
    return tag + noise.randbytes(octets)


def case_of(payload: bytes) -> int | None:
    """Which case sent it; None if it is none of ours."""
    return _TAG.unpack_from(payload)[1] if payload.startswith(b"trafmon") and len(payload) >= _TAG.size else None


def ports(case: int) -> tuple[int, int]:
    """Of a case: at a and at c."""
    return 20_000 + case, 7_000 + case


class Exchange:
    """Sockets of one case at both ends; they stay open to the end of `with`, so that nothing that comes late is refused."""

    def __init__(self, lab: Lab, case: int, times: Times) -> None:
        self._lab, self._case, self.times = lab, case, times
        self._exits = ExitStack()
        self._numbers: dict[int, int] = dict.fromkeys((UDP, LONG, PING), 0)

    def __enter__(self) -> Self:
        at_a, at_c = ports(self._case)
        with self._exits:
            self._a = self._open(self._lab.a, socket.SOCK_DGRAM, 0, (A, at_a))
            self._c = self._open(self._lab.c, socket.SOCK_DGRAM, 0, (C, at_c))
            self._ping = self._open(self._lab.a, socket.SOCK_RAW, socket.IPPROTO_ICMP, (A, 0))
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def send(self, udp: int = 0, long: int = 0, ping: int = 0) -> None:
        """So many of each, mixed; c answers each UDP datagram that comes, with another content."""
        for n, kind in enumerate(_mixed({UDP: udp, LONG: long, PING: ping}), 1):
            self._send(kind)
            if n % BURST == 0:
                self.take(EVERY_S)

    def take(self, wait_s: float = 0.0) -> int:
        """What has come, or comes within that time; gives how much."""
        end, came = time.monotonic() + wait_s, 0
        while True:
            ready, _, _ = select.select([self._a, self._c, self._ping], [], [], max(0.0, end - time.monotonic()))
            for one in ready:
                self._receive(one)
                came += 1
            if not ready:
                return came

    def _open(self, host, kind: int, protocol: int, address: tuple[str, int]) -> socket.socket:
        with inside(host.name):
            opened = self._exits.enter_context(socket.socket(socket.AF_INET, kind, protocol))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        opened.bind(address)
        return opened

    def _send(self, kind: int) -> None:
        number = self._numbers[kind]
        self._numbers[kind] += 1
        payload = content(self._case, kind, False, number)
        self.times.sent_ns[payload] = time.time_ns()
        if kind == PING:
            header = _ECHO.pack(ECHO_REQUEST, 0, 0, ports(self._case)[0], number)
            self._ping.sendto(header[:2] + struct.pack(">H", checksum(header + payload)) + header[4:] + payload, (C, 0))
        else:
            self._a.sendto(payload, (C, ports(self._case)[1]))

    def _receive(self, one: socket.socket) -> None:
        packet, source = one.recvfrom(65_535)
        now_ns = time.time_ns()
        if one is self._ping:
            return  # replies have the content of requests: their times would not be told apart
        if packet in self.times.got_ns:
            return
        self.times.got_ns[packet] = now_ns
        if one is self._c:
            _, case, kind, _, number = _TAG.unpack_from(packet)
            answer = content(case, kind, True, number)
            self.times.sent_ns[answer] = time.time_ns()
            self._c.sendto(answer, source)


def transfer(lab: Lab, case: int, octets: int) -> None:
    """So many octets by TCP from a to c, and as many back, over one connection that ends in good order."""
    at_c = ports(case)[1]
    with ExitStack() as exits:
        with inside(lab.c.name):
            server = exits.enter_context(socket.socket())
        with inside(lab.a.name):
            client = exits.enter_context(socket.socket())
        server.bind((C, at_c))
        server.listen()
        server.settimeout(LIMIT_S)
        client.settimeout(LIMIT_S)
        there, back = (random.Random(f"{case} {way}").randbytes(octets) for way in ("there", "back"))
        told: list[bytes] = []

        def serve() -> None:
            accepted, _ = server.accept()
            with accepted:
                accepted.settimeout(LIMIT_S)
                told.append(_all(accepted, octets))
                accepted.sendall(back)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        client.connect((C, at_c))
        client.sendall(there)
        came = _all(client, octets)
        serving.join(LIMIT_S)
        assert (told, came) == ([there], back), "TCP delivers what was sent"
        assert client.recv(1) == b""
    end = time.monotonic() + LIMIT_S
    while any(_connections(host) for host in (lab.a, lab.c)):
        assert time.monotonic() < end, "the connection does not end"
        select.select([], [], [], EVERY_S)


def settle(lab: Lab, *exchanges: Exchange) -> None:
    """Returns when nothing is on its way any more, on both links and in the sockets. AssertionError after the limit."""
    end, before = time.monotonic() + LIMIT_S, None
    while True:
        taken = sum(exchange.take(EVERY_S) for exchange in exchanges)
        totals = [link.read_totals() for link in (lab.link1, lab.link2)]
        if taken == 0 and totals == before and not any(t["in_flight"] for t in totals):
            return
        before = totals
        assert time.monotonic() < end, f"packets are still on their way: {totals}"


def checksum(octets: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets[: len(octets) // 2 * 2]))
    total += octets[-1] << 8 if len(octets) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _mixed(counts: dict[int, int]) -> Iterator[int]:
    """Kinds, so many times each, spread evenly."""
    spread = sorted((n / count, kind) for kind, count in counts.items() for n in range(count))
    return (kind for _, kind in spread)


def _connections(host: Namespace) -> int:
    """TCP connections of which a segment may still be sent, see proc_net_tcp.txt of the kernel."""
    with inside(host.name):
        lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[3] not in (_LISTEN, _TIME_WAIT) for line in lines)


def _all(stream: socket.socket, octets: int) -> bytes:
    found = b""
    while len(found) < octets:
        more = stream.recv(65_536)
        if not more:
            break
        found += more
    return found
