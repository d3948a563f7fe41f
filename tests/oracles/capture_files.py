"""Capture files written and read by hand, octet by octet as the drafts say: pcap-04 and pcapng-02 of the IETF's opsawg."""

import struct
from dataclasses import dataclass, field
from fractions import Fraction

MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D
SECTION, INTERFACE, OLD_PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6


@dataclass(frozen=True)
class Packet:
    """What a reader finds. end: position in the file of the first octet after it."""

    time_ns: int
    octets: bytes
    wire: int
    link_type: int
    interface: int = 0
    end: int = field(default=0, compare=False)


def write_pcap(packets: list[tuple[int, int, bytes, int]], order: str = "<", magic: int = MICRO, link_type: int = 1) -> bytes:
    """packets: (seconds, fraction, octets, original length)."""
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)
    return out + b"".join(struct.pack(order + "IIII", s, f, len(o), w) + o for s, f, o, w in packets)


def read_pcap(file: bytes) -> list[Packet]:
    """The packets that are whole."""
    order = ">" if struct.unpack(">I", file[:4])[0] in (MICRO, NANO) else "<"
    magic, *_, link_type = struct.unpack(order + "IHHiIII", file[:24])
    unit = 1000 if magic == MICRO else 1
    packets, at = [], 24
    while at + 16 <= len(file):
        seconds, fraction, captured, wire = struct.unpack(order + "IIII", file[at : at + 16])
        if at + 16 + captured > len(file):
            break
        end = at + 16 + captured
        packets.append(Packet(seconds * 10**9 + fraction * unit, file[at + 16 : end], max(wire, captured), link_type, end=end))
        at = end
    return packets


class PcapngWriter:
    """Appends blocks to `file`. Options are (code, value)."""

    def __init__(self, order: str = "<") -> None:
        self.order, self.file = order, b""

    def block(self, kind: int, body: bytes) -> None:
        body += bytes(-len(body) % 4)
        length = struct.pack(self.order + "I", 12 + len(body))
        self.file += struct.pack(self.order + "I", kind) + length + body + length

    def options(self, options) -> bytes:
        if not options:
            return b""
        out = b"".join(struct.pack(self.order + "HH", code, len(v)) + v + bytes(-len(v) % 4) for code, v in options)
        return out + bytes(4)

    def section(self, order: str | None = None, options=()) -> None:
        self.order = order or self.order
        self.block(SECTION, struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + self.options(options))

    def interface(self, link_type: int = 1, resolution: int | None = None, offset: int | None = None, snap: int = 0,
                  options=()) -> None:
        options = list(options)
        if resolution is not None:
            options.append((9, bytes([resolution])))
        if offset is not None:
            options.append((14, struct.pack(self.order + "q", offset)))
        self.block(INTERFACE, struct.pack(self.order + "HHI", link_type, 0, snap) + self.options(options))

    def enhanced(self, interface: int, ticks: int, octets: bytes, wire: int, options=()) -> None:
        self.block(ENHANCED, struct.pack(self.order + "5I", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(octets), wire)
                   + octets + bytes(-len(octets) % 4) + self.options(options))

    def old_packet(self, interface: int, ticks: int, octets: bytes, wire: int) -> None:
        self.block(OLD_PACKET, struct.pack(self.order + "HHIIII", interface, 7, ticks >> 32, ticks & 0xFFFFFFFF, len(octets), wire)
                   + octets)

    def simple(self, octets: bytes, wire: int) -> None:
        self.block(SIMPLE, struct.pack(self.order + "I", wire) + octets)


def read_pcapng(file: bytes) -> list[Packet]:
    """The packets that are whole. A Simple Packet Block, which has no time, is given that of the packet before."""
    packets, at, order, interfaces, last = [], 0, "<", [], 0
    while at + 12 <= len(file):
        if file[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = ">" if file[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d" else "<"
            interfaces = []
        kind, length = struct.unpack(order + "II", file[at : at + 8])
        if at + length > len(file):
            break
        body, end = file[at + 8 : at + length - 4], at + length
        at = end
        if kind == INTERFACE:
            interfaces.append(_interface(body, order))
            continue
        if kind == SIMPLE:
            number, time_ns = 0, last
            wire, snap = struct.unpack(order + "I", body[:4])[0], interfaces[0][3]
            captured = min(wire, snap or wire, len(body) - 4)
            octets = body[4 : 4 + captured]
        elif kind in (ENHANCED, OLD_PACKET):
            number = struct.unpack(order + ("I" if kind == ENHANCED else "H"), body[: 4 if kind == ENHANCED else 2])[0]
            high, low, captured, wire = struct.unpack(order + "4I", body[4:20])
            _, per_second, offset, _ = interfaces[number]
            last = time_ns = int(Fraction(high << 32 | low, per_second) * 10**9 // 1) + offset * 10**9
            octets = body[20 : 20 + captured]
        else:
            continue
        packets.append(Packet(time_ns, octets, max(wire, len(octets)), interfaces[number][0], number, end))
    return packets


def _interface(body: bytes, order: str) -> tuple[int, int, int, int]:
    """(link type, units a second, offset in s, snap length)."""
    link_type, _, snap = struct.unpack(order + "HHI", body[:8])
    per_second, offset, at = 10**6, 0, 8
    while at + 4 <= len(body):
        code, size = struct.unpack(order + "HH", body[at : at + 4])
        value = body[at + 4 : at + 4 + size]
        if code == 0:
            break
        if code == 9:
            per_second = 2 ** (value[0] & 127) if value[0] & 128 else 10 ** value[0]
        if code == 14:
            offset = struct.unpack(order + "q", value)[0]
        at += 4 + size + -size % 4
    return link_type, per_second, offset, snap
