"""What tcpdump has recorded at a place, by flow, as the ledger has it: the ledger's own judge."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import dpkt

from tests.soak.ledger import TCP, UDP, Count, Flow

ETHERTYPE_AT, ETHERNET_OCTETS, IPV4, IPV6 = 12, 14, b"\x08\x00", b"\x86\xdd"
FRAGMENT_HEADER = 44


def recorded(path: Path) -> dict[Flow, Count]:
    """packets, octets and fragments of each flow; fragments count for the flow of their datagram."""
    found: dict[Flow, Count] = defaultdict(Count)
    datagrams: dict[tuple, Flow] = {}
    with path.open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            kind, packet = frame[ETHERTYPE_AT:ETHERNET_OCTETS], frame[ETHERNET_OCTETS:]
            if kind not in (IPV4, IPV6):
                continue
            octets, addresses, protocol, identification, offset, more, body = (_ipv4 if kind == IPV4 else _ipv6)(packet)
            datagram = *addresses, protocol, identification
            ports = (int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")) if protocol in (TCP, UDP) else (None, None)
            flow = datagrams[datagram] if offset else Flow(protocol, *map(dpkt.utils.inet_to_str, addresses), *ports)
            if more:
                datagrams[datagram] = flow
            count = found[flow]
            count.packets += 1
            count.octets += octets
            count.fragments += bool(offset or more)
    return dict(found)


def _ipv4(packet: bytes) -> tuple:
    """(total length, addresses, protocol, identification, fragment offset, more fragments, body), RFC 791."""
    flags = int.from_bytes(packet[6:8], "big")
    octets, identification = int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[4:6], "big")
    body = packet[(packet[0] & 15) * 4:]
    return octets, (packet[12:16], packet[16:20]), packet[9], identification, flags & 0x1FFF, flags & 0x2000, body


def _ipv6(packet: bytes) -> tuple:
    """The same, RFC 8200."""
    octets, addresses = 40 + int.from_bytes(packet[4:6], "big"), (packet[8:24], packet[24:40])
    protocol, body = packet[6], packet[40:]
    if protocol != FRAGMENT_HEADER:
        return octets, addresses, protocol, 0, 0, 0, body
    flags = int.from_bytes(body[2:4], "big")
    return octets, addresses, body[0], int.from_bytes(body[4:8], "big"), flags >> 3, flags & 1, body[8:]
