"""The recorded demo link, told by its frame log: what passed each tap, and when.

The octets of a frame are those of the tap where it came in; times and fate are those of the log alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import dpkt

from tests.conftest import OWN_CAPTURES
from tests.linkemu import Direction, FrameRecord, read_frame_log
from tests.oracles.services import Said, said_of

DEMO = OWN_CAPTURES / "demo"
SIDES = ("west", "east")
NEAR = {Direction.WEST_TO_EAST: "west", Direction.EAST_TO_WEST: "east"}
"""The tap that sees every frame of a direction, those that get lost among them."""
Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Frame:
    """One row of the log, with the IP packet that came in (dpkt's IP or IP6)."""

    row: FrameRecord
    packet: Any

    @property
    def crossing_ns(self) -> int:
        """What the link took."""
        return self.row.delivered_ns - self.row.arrival_ns

    @cached_property
    def src(self) -> Address:
        return ip_address(self.packet.src)

    @cached_property
    def dst(self) -> Address:
        return ip_address(self.packet.dst)

    @property
    def transport(self) -> Any:
        """dpkt's message; None in a fragment that is not the first."""
        if isinstance(self.packet, dpkt.ip.IP):
            return None if self.packet.offset else self.packet.data
        fragment = self.packet.extension_hdrs.get(dpkt.ip.IP_PROTO_FRAGMENT)
        return None if fragment is not None and fragment.frag_off else self.packet.data

    @cached_property
    def said(self) -> Said | None:
        return None if self.transport is None else said_of(self.transport)

    def time_ns(self, side: str) -> int | None:
        """When it passed that tap; None if it did not."""
        if NEAR[self.row.direction] == side:
            return None if self.row.copy else self.row.arrival_ns
        return self.row.delivered_ns if self.row.exit_frame else None


@cache
def truth() -> dict[str, Any]:
    """What the clients noted."""
    return json.loads((DEMO / "truth.json").read_text())


def operations(*kinds: str) -> list[dict[str, Any]]:
    return [one for one in truth()["operations"] if one["kind"] in kinds]


@cache
def frames() -> list[Frame]:
    """Every IP packet that came into the link, and every duplicate that the link made."""
    packets = {}
    for side in SIDES:
        with (DEMO / f"{side}.pcap").open("rb") as file:
            for number, (_, octets) in enumerate(dpkt.pcap.Reader(file), 1):
                packets[side, number] = dpkt.ethernet.Ethernet(octets).data
    log = read_frame_log(DEMO / "frames.csv.gz")
    entered = {(row.direction, row.seq): row.entry_frame for row in log if row.copy == 0}
    found = (Frame(row, packets[NEAR[row.direction], entered[row.direction, row.seq]]) for row in log)
    return [frame for frame in found if isinstance(frame.packet, dpkt.ip.IP | dpkt.ip6.IP6)]


@cache
def passed(side: str) -> list[Frame]:
    """In the order in which they passed the tap."""
    return sorted((f for f in frames() if f.time_ns(side) is not None), key=lambda f: getattr(f.row, f"{side}_frame"))


@dataclass(frozen=True)
class Transaction:
    """What a request and its answers have in common. Ports are None for ICMP."""

    metric: str
    requester: Address
    requester_port: int | None
    responder: Address
    responder_port: int | None
    identifier: int


@dataclass
class Exchange:
    """The frames of one transaction that passed a tap. A fragmented message stands for its first fragment."""

    requests: list[Frame] = field(default_factory=list)
    answers: list[Frame] = field(default_factory=list)

    @property
    def answer(self) -> Frame | None:
        """The first one."""
        return self.answers[0] if self.answers else None


@cache
def exchanges(side: str) -> dict[Transaction, Exchange]:
    """Of the services that answer one datagram with another: ICMP echo, DNS, SNMP, NTP."""
    found: dict[Transaction, Exchange] = defaultdict(Exchange)
    for frame in passed(side):
        said = frame.said
        if said is None:
            continue
        ends = [(frame.src, said.src_port), (frame.dst, said.dst_port)]
        requester, responder = reversed(ends) if said.is_answer else ends
        exchange = found[Transaction(said.metric, *requester, *responder, said.identifier)]
        (exchange.answers if said.is_answer else exchange.requests).append(frame)
    return dict(found)


def of_operation(operation: dict[str, Any], metric: str, side: str) -> Iterator[tuple[Transaction, Exchange]]:
    """Transactions of a client with its server that began while it ran."""
    for transaction, exchange in exchanges(side).items():
        ends = ip_address(operation["src_addr"]), ip_address(operation["dst_addr"])
        if transaction.metric == metric and (transaction.requester, transaction.responder) == ends and exchange.requests:
            began_ns = exchange.requests[0].time_ns(side)
            if operation["start_ns"] <= began_ns <= operation["end_ns"]:
                yield transaction, exchange
