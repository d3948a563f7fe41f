"""What was sent: every packet and octet that a place must have seen, by flow; every connection, query, transfer, packet of a way.

Places are those of the probes: west sees all that the office sends or gets, east all that the servers send or get.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

WEST, EAST = "west", "east"
BOTH = (WEST, EAST)
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


class Flow(NamedTuple):
    """One direction. Ports are None where the protocol has none."""

    protocol: int
    src_addr: str
    dst_addr: str
    src_port: int | None = None
    dst_port: int | None = None

    @property
    def reverse(self) -> Flow:
        return Flow(self.protocol, self.dst_addr, self.src_addr, self.dst_port, self.src_port)


@dataclass
class Count:
    """octets: of IP packets. messages, payload: UDP datagrams and their payload; of ICMP, messages (no payload)."""

    packets: int = 0
    octets: int = 0
    fragments: int = 0
    messages: int = 0
    payload: int = 0


class Connection(NamedTuple):
    """TCP, as its ends know it. octets: payload from client to server, and back."""

    client_addr: str
    client_port: int
    server_addr: str
    server_port: int
    segments: int
    segments_rev: int
    octets: int
    octets_rev: int
    ended_by: str


class Query(NamedTuple):
    """DNS. rcode: None without a response."""

    client_addr: str
    client_port: int
    server_addr: str
    name: str
    rcode: str | None
    query_octets: int
    response_octets: int | None


class Transfer(NamedTuple):
    """FTP."""

    client_addr: str
    command: str
    path: str
    mode: str
    octets: int
    outcome: str
    reply_code: int


class Way(NamedTuple):
    """A packet followed from end to end."""

    src_port: int
    dst_port: int
    signature: int
    octets: int
    verdict: str


@dataclass
class Ledger:
    """flows: by place. echoes: answered and unanswered requests, by (requester, responder). repeated: flows in which TCP sent
    something again, so that octets of headers are not known (their packets are). strange: what must not happen, in words."""

    flows: dict[str, dict[Flow, Count]] = field(default_factory=lambda: {place: defaultdict(Count) for place in BOTH})
    connections: Counter[Connection] = field(default_factory=Counter)
    queries: Counter[Query] = field(default_factory=Counter)
    transfers: Counter[Transfer] = field(default_factory=Counter)
    ways: Counter[Way] = field(default_factory=Counter)
    echoes: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    repeated: set[Flow] = field(default_factory=set)
    strange: list[str] = field(default_factory=list)
    bursts: int = 0

    def passed(self, flow: Flow, octets: int, *, packets: int = 1, fragments: int = 0, messages: int = 0, payload: int = 0,
               places: tuple[str, ...] = BOTH) -> None:
        """Packets of one direction, seen at these places."""
        for place in places:
            count = self.flows[place][flow]
            count.packets += packets
            count.octets += octets
            count.fragments += fragments
            count.messages += messages
            count.payload += payload

    def totals(self, place: str) -> tuple[int, int]:
        """(packets, octets) of all flows at a place."""
        counts = self.flows[place].values()
        return sum(c.packets for c in counts), sum(c.octets for c in counts)
