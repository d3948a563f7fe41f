"""The walk of a TPACKET_V3 ring in plain Python, one field after the other, and blocks as a kernel writes them.

Layout: struct tpacket_block_desc, tpacket_hdr_v1 and tpacket3_hdr of linux/if_packet.h.
"""

import struct
from dataclasses import dataclass, field

BLOCK = 4096
USER = 1
VLAN, VLAN_TPID = 1 << 4, 1 << 6
OUTGOING = 4


@dataclass
class Frame:
    """As it is handed to `block`: octets without the tag that was put aside."""

    octets: bytes
    wire: int = 0
    seconds: int = 1_700_000_000
    nanoseconds: int = 0
    status: int = 0
    tci: int = 0
    tpid: int = 0
    kind: int = 0

    def header(self, step: int, mac: int) -> bytes:
        return struct.pack("=IIIIIIHHIIHH8xHHiHBB8s", step, self.seconds, self.nanoseconds, len(self.octets),
                           self.wire or len(self.octets), self.status, mac, mac + 14, 0xDEAD, self.tci, self.tpid, 0,
                           17, 0, 2, 1, self.kind, 6, bytes(8))


def block(frames: list[Frame], mac: int = 86, status: int = USER) -> bytes:
    """A block (BLOCK octets) with these frames."""
    body = b""
    for number, frame in enumerate(frames):
        step = -(-(mac + len(frame.octets)) // 8) * 8
        last = number == len(frames) - 1
        body += (frame.header(0 if last else step, mac).ljust(mac, b"\xee") + frame.octets).ljust(step, b"\xdd")
    header = struct.pack("=IIIIIIQIIII", 1, 48, status, len(frames), 48, 48 + len(body), 7, 0, 0, 0, 0)
    assert len(header) + len(body) <= BLOCK
    return (header + body).ljust(BLOCK, b"\xcc")


@dataclass
class Twin:
    """A ring and who reads it. `next_packets` gives [(octets captured, octets on the wire, time)]."""

    ring: bytearray
    snaplen: int = 65535
    ethernet: bool = True
    skip_outgoing: bool = False
    number: int = 0
    waiting: list = field(default_factory=list)
    held: bool = False
    unreadable: int = 0

    def next_packets(self, capacity: int) -> list[tuple[bytes, int, int]]:
        for _ in range(len(self.ring) // BLOCK):
            if self.held and not self.waiting:
                struct.pack_into("=I", self.ring, self.number * BLOCK + 8, 0)
                self.held = False
                self.number = (self.number + 1) % (len(self.ring) // BLOCK)
            if not self.held:
                content = self.ring[self.number * BLOCK : (self.number + 1) * BLOCK]
                if not struct.unpack_from("=I", content, 8)[0] & USER:
                    return []
                self.held = True
                self.waiting = self.read_block(content)
            given, rest = [], self.waiting
            while rest and len(given) < capacity:
                packet, *rest = rest
                if packet == "unreadable":
                    self.unreadable += 1
                elif packet != "skipped":
                    given.append(packet)
            self.waiting = rest
            if given:
                return given
        return []

    def read_block(self, content: bytearray) -> list:
        count, at, filled = struct.unpack_from("=III", content, 12)
        filled = min(filled, BLOCK)
        found = []
        for number in range(count):
            packet = self.read_packet(content, at, filled, last=number == count - 1)
            if packet is None:
                return found + ["unreadable"] * min(count - number, BLOCK // 68)
            found.append(packet[0])
            at += packet[1]
        return found

    def read_packet(self, content: bytearray, at: int, filled: int, last: bool):
        if at % 8 or at < 48 or at + 68 > filled:
            return None
        step, seconds, nanoseconds, size, wire, status, mac, _, _, tci, tpid = struct.unpack_from("=IIIIIIHHIIH", content, at)
        kind = content[at + 58]
        if mac < (72 if self.ethernet else 68) or at + mac + size > filled or (not last and step < mac + size):
            return None
        octets, wire = bytes(content[at + mac : at + mac + size]), max(wire, size)
        if self.ethernet and status & VLAN and size >= 12:
            tag = struct.pack("!HH", tpid if status & VLAN_TPID else 0x8100, tci & 0xFFFF)
            octets, wire = octets[:12] + tag + octets[12:], wire + 4
        if self.skip_outgoing and kind == OUTGOING:
            return "skipped", step
        return (octets[: self.snaplen], wire, seconds * 1_000_000_000 + nanoseconds), step
