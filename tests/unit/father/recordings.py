"""Recordings made by hand, octet by octet, and what a replay gives of them."""

import struct

from tmon_probe.father.capture.replay import Replay

ETHERNET_IPV4 = bytes.fromhex("020000000002 020000000001 0800 4500001c 00010000 40110000 0a000001 0a000002 0035 1000 0008 0000")
IPV4_UDP = ETHERNET_IPV4[14:]


def frames_of(source: Replay) -> list[tuple[int, int, int, bytes]]:
    """(interface, time in ns, wire length, octets) of every packet."""
    found = []
    while not source.finished:
        batch = source.next_batch()
        for i in range(batch.count if batch else 0):
            at, size = int(batch.offsets[i]), int(batch.captured[i])
            key = int(batch.interfaces[i]), int(batch.times_ns[i]), int(batch.wire[i])
            found.append((*key, batch.data[at : at + size].tobytes()))
    return found


def pcap(frames: list[bytes], link_type: int, order: str = "<", extra: int = 0) -> bytes:
    """A pcap file; wire lengths are `extra` octets longer than what was captured."""
    head = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    return head + b"".join(struct.pack(order + "IIII", n, 0, len(f), len(f) + extra) + f for n, f in enumerate(frames))


def pcapng(blocks: list[tuple[int, bytes]]) -> bytes:
    section = (0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    return b"".join(struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
                    for kind, body in [section, *blocks])


def interface_block(link_type: int) -> tuple[int, bytes]:
    return 1, struct.pack("<HHI", link_type, 0, 0)


def packet_block(interface: int, frame: bytes) -> tuple[int, bytes]:
    return 6, struct.pack("<IIIII", interface, 0, 0, len(frame), len(frame)) + frame + bytes(-len(frame) % 4)
