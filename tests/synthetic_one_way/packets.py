"""IP packets of made flows, and what a network may do to them. dpkt builds them and sums them up."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from ipaddress import ip_address

import dpkt

from tests.synthetic_one_way.network import Flow

PUBLIC = "203.0.113.77"
FIRST_PUBLIC_PORT = 40_000
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
ETHERNET = {4: bytes(12) + b"\x08\x00", 6: bytes(12) + b"\x86\xdd"}
MORE = 0x2000


def packets_of(flow: Flow, rng: random.Random, first_identification: int = 1) -> Iterator[bytes]:
    """From the IP header. Flows of the same hosts must not use the same identifications at a time (RFC 791 section 3.2)."""
    repeated = rng.randbytes(flow.octets)
    for n in range(flow.count):
        equal = flow.equal and n % flow.equal == 0
        octets = max(round(rng.gauss(flow.octets, flow.octets / 8)), 16)
        yield _packet(flow, repeated if equal else rng.randbytes(octets), 0 if equal else first_identification + n, n)


def _packet(flow: Flow, payload: bytes, identification: int, number: int) -> bytes:
    source, destination = ip_address(flow.src), ip_address(flow.dst)
    number = number if identification else 0  # equal packets are equal in every octet
    if flow.protocol == "tcp":
        message = dpkt.tcp.TCP(sport=flow.src_port, dport=flow.dst_port, seq=1000 + number, ack=7, flags=0x10, data=payload)
    elif flow.protocol == "udp":
        message = dpkt.udp.UDP(sport=flow.src_port, dport=flow.dst_port, ulen=8 + len(payload), data=payload)
    else:
        echo = struct.pack(">HH", 7, number & 0xFFFF) + payload
        message = dpkt.icmp.ICMP(type=8, data=echo) if flow.protocol == "icmp" else dpkt.icmp6.ICMP6(type=128, data=echo)
    if source.version == 6:
        return bytes(dpkt.ip6.IP6(src=source.packed, dst=destination.packed, nxt=NUMBERS[flow.protocol], hlim=64,
                                  plen=len(bytes(message)), data=message))
    packet = dpkt.ip.IP(src=source.packed, dst=destination.packed, p=NUMBERS[flow.protocol], id=identification & 0xFFFF, ttl=64,
                        data=message)
    packet.len = 20 + len(bytes(message))
    return bytes(packet)


def fragments(packet: bytes, mtu: int) -> list[bytes]:
    """RFC 791 section 3.2; packets that are short enough, and those of IPv6, stay as they are. A fragment may be cut again."""
    if not mtu or len(packet) <= mtu or packet[0] >> 4 == 6:
        return [packet]
    size = (mtu - 20) // 8 * 8
    data = packet[20:]
    before = struct.unpack_from(">H", packet, 6)[0]
    cut = []
    for at in range(0, len(data), size):
        part = data[at : at + size]
        more = MORE if at + size < len(data) else before & MORE
        header = bytearray(packet[:20])
        struct.pack_into(">H", header, 2, 20 + len(part))
        struct.pack_into(">H", header, 6, more | (before & 0x1FFF) + at // 8)
        cut.append(_summed(header) + part)
    return cut


def forwarded(packet: bytes) -> bytes:
    """As a router passes it on: a TTL or hop limit less."""
    changed = bytearray(packet)
    if packet[0] >> 4 == 6:
        changed[7] -= 1
        return bytes(changed)
    changed[8] -= 1
    return _summed(changed[:20]) + bytes(changed[20:])


class Translator:
    """NAT with port translation (RFC 3022): sources of packets that go out, destinations of those that come back."""

    def __init__(self) -> None:
        self._outside: dict[tuple, int] = {}
        self._inside: dict[tuple, tuple] = {}
        self._identification = 50_000

    def out(self, packet: bytes) -> bytes:
        ip = dpkt.ip.IP(packet)
        inside = (ip.p, ip.src, _port(ip, "sport"))
        port = self._outside.setdefault(inside, FIRST_PUBLIC_PORT + len(self._outside))
        self._inside[ip.p, port] = inside
        self._identification = (self._identification + 1) & 0xFFFF
        ip.id = self._identification
        return self._rebuilt(ip, "src", "sport", ip_address(PUBLIC).packed, port)

    def back(self, packet: bytes) -> bytes:
        ip = dpkt.ip.IP(packet)
        _, address, port = self._inside[ip.p, _port(ip, "dport")]
        return self._rebuilt(ip, "dst", "dport", address, port)

    def expect(self, protocol: int, address: str, port: int) -> int:
        """The port outside, of what comes back before anything went out."""
        inside = (protocol, ip_address(address).packed, port)
        outside = self._outside.setdefault(inside, FIRST_PUBLIC_PORT + len(self._outside))
        self._inside[protocol, outside] = inside
        return outside

    @staticmethod
    def _rebuilt(ip: dpkt.ip.IP, side: str, port_side: str, address: bytes, port: int) -> bytes:
        setattr(ip, side, address)
        setattr(ip.data, port_side, port)
        ip.sum = ip.data.sum = 0
        return bytes(ip)


def _port(ip: dpkt.ip.IP, side: str) -> int:
    return getattr(ip.data, side)


def _summed(header: bytearray) -> bytes:
    header[10:12] = bytes(2)
    struct.pack_into(">H", header, 10, dpkt.in_cksum(bytes(header)))
    return bytes(header)


def fragment_of(packet: bytes) -> tuple[int, int, bool]:
    """(offset, octets, more) of an IPv4 packet's part of its datagram; of IPv6, which is never cut here, the whole."""
    if packet[0] >> 4 == 6:
        return 0, len(packet) - 40, False
    bits = struct.unpack_from(">H", packet, 6)[0]
    return (bits & 0x1FFF) * 8, len(packet) - 20, bool(bits & MORE)



def pcap_header() -> bytes:
    """Nanoseconds, Ethernet."""
    return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)


def pcap_record(time_ns: int, packet: bytes) -> bytes:
    frame = ETHERNET[packet[0] >> 4] + packet
    return struct.pack("<IIII", *divmod(time_ns, 10**9), len(frame), len(frame)) + frame
