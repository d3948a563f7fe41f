"""What tcpdump has recorded at a place, by flow, as the ledger has it: the ledger's own judge."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import dpkt

from tests.soak.ledger import Count, Flow

MORE_OR_LATER, LATER = 0x3FFF, 0x1FFF
_PORTS = (6, 17)


def recorded(path: Path) -> dict[Flow, Count]:
    """packets, octets, fragments of each flow; later fragments count for the flow of their datagram. Broadcasts of the link and what has
    no port on either side but should have (neighbours asking for each other) are flows as well."""
    found: dict[Flow, Count] = defaultdict(Count)
    datagrams: dict[tuple, Flow] = {}
    with path.open("rb") as file:
        for _, octets in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(octets).data
            if not isinstance(ip, dpkt.ip.IP | dpkt.ip6.IP6):
                continue
            flow, fragment = _of(ip, datagrams)
            found[flow].packets += 1
            found[flow].octets += ip.len if isinstance(ip, dpkt.ip.IP) else 40 + ip.plen
            found[flow].fragments += fragment
    return dict(found)


def _of(ip: dpkt.ip.IP | dpkt.ip6.IP6, datagrams: dict[tuple, Flow]) -> tuple[Flow, bool]:
    src_addr, dst_addr = dpkt.utils.inet_to_str(ip.src), dpkt.utils.inet_to_str(ip.dst)
    if isinstance(ip, dpkt.ip.IP):
        protocol, identification, offset = ip.p, ip.id, ip.off & MORE_OR_LATER if hasattr(ip, "off") else ip._flags_offset & MORE_OR_LATER
    else:
        header = ip.extension_hdrs.get(dpkt.ip.IP_PROTO_FRAGMENT)
        protocol, identification, offset = (header.nxt, header.id, header.frag_off << 3 | header.m_flag) if header else (ip.nxt, 0, 0)
    datagram = src_addr, dst_addr, protocol, identification
    later = offset & LATER if isinstance(ip, dpkt.ip.IP) else offset >> 3
    if later:
        return datagrams[datagram], True
    ports = (None, None)
    if protocol in _PORTS:
        body = bytes(ip.data)[:4]
        ports = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
    flow = Flow(protocol, src_addr, dst_addr, *ports)
    if offset:
        datagrams[datagram] = flow
    return flow, bool(offset)
