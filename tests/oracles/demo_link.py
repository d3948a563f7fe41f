"""The recorded demo link, told by its frame log: what passed each tap, and when.

The octets of a frame are those of the tap where it came in; times and fate are those of the log alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
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
class Fragment:
    """offset: of its octets within the datagram."""

    identification: int
    offset: int
    octets: int
    more: bool


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

    @cached_property
    def fragment(self) -> Fragment | None:
        """Which part of its datagram it is; None if it is all of it."""
        packet = self.packet
        if isinstance(packet, dpkt.ip.IP):
            part = Fragment(packet.id, packet.offset * 8, packet.len - packet.hl * 4, bool(packet.mf))
            return part if part.offset or part.more else None
        cut = packet.extension_hdrs.get(dpkt.ip.IP_PROTO_FRAGMENT)
        return Fragment(cut.id, cut.frag_off * 8, packet.plen - 8, bool(cut.m_flag)) if cut else None

    @property
    def transport(self) -> Any:
        """dpkt's message; None in a fragment that is not the first."""
        return None if self.fragment and self.fragment.offset else self.packet.data

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
    """A request as it passed a tap, and the first answer after it. Of a fragmented message: the fragment that completed it."""

    request: Frame
    answer: Frame | None = None

    def implied(self, side: str) -> tuple[int, int | None]:
        """When the request passed the tap, and how long until its answer did; None without one. ns."""
        asked_ns = self.request.time_ns(side)
        return asked_ns, self.answer.time_ns(side) - asked_ns if self.answer else None


@cache
def messages(side: str) -> list[tuple[Said, Frame]]:
    """Requests and answers of ICMP echo, DNS, SNMP and NTP, whole ones, in the order in which they were complete at that tap."""
    found, parts = [], defaultdict(dict)
    for frame in passed(side):
        if (cut := frame.fragment) is None:
            said = frame.said
        else:
            together = parts[frame.src, frame.dst, cut.identification]
            together.setdefault(cut.offset, frame)
            said = together[0].said if _whole([f.fragment for f in together.values()]) else None
            if said:
                del parts[frame.src, frame.dst, cut.identification]
        if said:
            found.append((said, frame))
    return found


@cache
def fragmented(side: str) -> tuple[int, int]:
    """How many datagrams passed that tap in fragments: those of which all came by, those of which some did not."""
    parts = defaultdict(list)
    for frame in passed(side):
        if frame.fragment:
            parts[frame.src, frame.dst, frame.fragment.identification].append(frame.fragment)
    whole = sum(map(_whole, parts.values()))
    return whole, len(parts) - whole


@cache
def exchanges(side: str) -> dict[Transaction, list[Exchange]]:
    """In order. While a request waits for its answer, the same request again is no other; after the answer it is one."""
    found: dict[Transaction, list[Exchange]] = defaultdict(list)
    for said, frame in messages(side):
        mine = found[transaction_of(said, frame)]
        waiting = mine and mine[-1].answer is None
        if said.is_answer and waiting:
            mine[-1].answer = frame
        elif not said.is_answer and not waiting:
            mine.append(Exchange(frame))
    return {transaction: mine for transaction, mine in found.items() if mine}


def transaction_of(said: Said, frame: Frame) -> Transaction:
    ends = [(frame.src, said.src_port), (frame.dst, said.dst_port)]
    requester, responder = reversed(ends) if said.is_answer else ends
    return Transaction(said.metric, *requester, *responder, said.identifier)


def of_operation(operation: dict[str, Any], metric: str, side: str) -> Iterator[Transaction]:
    """Transactions of a client with its server that began while it ran."""
    ends = ip_address(operation["src_addr"]), ip_address(operation["dst_addr"])
    for transaction, mine in exchanges(side).items():
        began_ns = mine[0].request.time_ns(side)
        known = transaction.metric, (transaction.requester, transaction.responder)
        if known == (metric, ends) and operation["start_ns"] <= began_ns <= operation["end_ns"]:
            yield transaction


def _whole(parts: list[Fragment]) -> bool:
    """Without a gap up to the last one."""
    end = 0
    for part in sorted(parts, key=lambda p: p.offset):
        if part.offset > end:
            return False
        end = max(end, part.offset + part.octets)
    return not max(parts, key=lambda p: p.offset).more
