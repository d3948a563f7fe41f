"""TCP connections of the recorded demo link as they passed a tap: handshakes, octets, what was sent again. See demo_link."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import dpkt

from tests.oracles.demo_link import Address, Frame, frames, passed

FIN, SYN, RST, ACK = dpkt.tcp.TH_FIN, dpkt.tcp.TH_SYN, dpkt.tcp.TH_RST, dpkt.tcp.TH_ACK
MODULUS = 1 << 32


@dataclass(frozen=True)
class Ends:
    """Who opened the connection, to whom."""

    client_addr: Address
    client_port: int
    server_addr: Address
    server_port: int


@dataclass
class Connection:
    """Its frames at one tap, each with True if the server sent it, in the order in which they passed."""

    ends: Ends
    side: str
    frames: list[tuple[Frame, bool]] = field(default_factory=list)

    def first(self, from_server: bool, wanted: int, refused: int = 0, acknowledges: int | None = None) -> Frame | None:
        """First segment of a sender with the flags `wanted` and without those `refused`."""
        for frame, by_server in self.frames:
            segment = frame.transport
            if by_server == from_server and segment.flags & (wanted | refused) == wanted and acknowledges in (None, segment.ack):
                return frame
        return None

    @property
    def syn(self) -> Frame | None:
        return self.first(False, SYN, ACK)

    @property
    def syn_ack(self) -> Frame | None:
        """First answer to the SYN."""
        return self.first(True, SYN | ACK, acknowledges=(self.syn.transport.seq + 1) % MODULUS)

    @property
    def refusal(self) -> Frame | None:
        """First RST that answers the SYN."""
        return self.first(True, RST | ACK, acknowledges=(self.syn.transport.seq + 1) % MODULUS)

    @property
    def handshake_ack(self) -> Frame | None:
        """What completes the handshake."""
        answer = self.syn_ack
        return self.first(False, ACK, SYN | RST, acknowledges=(answer.transport.seq + 1) % MODULUS) if answer else None

    def sent(self, from_server: bool) -> list[Frame]:
        return [frame for frame, by_server in self.frames if by_server == from_server]


@dataclass
class Volume:
    """What one side sent past a tap. Octets in which two segments overlap are retransmitted by the later one."""

    segments: int = 0
    octets: int = 0
    unique_octets: int = 0
    retransmitted_segments: int = 0
    retransmitted_octets: int = 0


def connections(side: str) -> dict[Ends, Connection]:
    """By their ends: no pair of ports is used twice in the recording."""
    return {ends: connection for ends, connection in _all(side).items() if connection.syn}


@cache
def _all(side: str) -> dict[Ends, Connection]:
    opened = {_ends(f): None for f in frames() if _is_tcp(f) and f.transport.flags & (SYN | ACK) == SYN}
    found = {ends: Connection(ends, side) for ends in opened}
    for frame in filter(_is_tcp, passed(side)):
        ends = _ends(frame)
        from_server = ends not in found
        found[_turned(ends) if from_server else ends].frames.append((frame, from_server))
    return found


def volume(sent: Iterable[Frame]) -> Volume:
    """Of segments in the order in which they passed."""
    total, seen = Volume(), set()
    for frame in sent:
        segment = frame.transport
        begin = segment.seq + (1 if segment.flags & SYN else 0)
        octets = {n % MODULUS for n in range(begin, begin + len(segment.data))}
        total.segments += 1
        total.octets += len(octets)
        total.retransmitted_segments += bool(octets & seen)
        total.retransmitted_octets += len(octets & seen)
        seen |= octets
    total.unique_octets = len(seen)
    return total


@cache
def lost_and_copied(ends: Ends) -> dict[bool, tuple[int, int]]:
    """From the server? -> (payload octets that the link lost or dropped, payload octets that it brought twice)."""
    found: dict[bool, list[int]] = defaultdict(lambda: [0, 0])
    for frame in filter(_is_tcp, frames()):
        if _ends(frame) in (ends, _turned(ends)):
            octets = found[_ends(frame) != ends]
            if frame.row.copy:
                octets[1] += len(frame.transport.data)
            elif not frame.row.exit_frame:
                octets[0] += len(frame.transport.data)
    return {from_server: tuple(found[from_server]) for from_server in (False, True)}


def timestamps(segment: dpkt.tcp.TCP) -> tuple[int, int] | None:
    """TSval and TSecr (RFC 7323 section 3.2)."""
    for kind, value in dpkt.tcp.parse_opts(segment.opts):
        if kind == dpkt.tcp.TCP_OPT_TIMESTAMP and len(value) == 8:
            return int.from_bytes(value[:4]), int.from_bytes(value[4:])
    return None


def _is_tcp(frame: Frame) -> bool:
    return isinstance(frame.transport, dpkt.tcp.TCP)


def _ends(frame: Frame) -> Ends:
    """As if the sender were the client."""
    return Ends(frame.src, frame.transport.sport, frame.dst, frame.transport.dport)


def _turned(ends: Ends) -> Ends:
    return Ends(ends.server_addr, ends.server_port, ends.client_addr, ends.client_port)
