"""Packets to sign: those of the captures, what routers and translators make of them, and the kernel called on them."""

import random
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import dpkt
import google_crc32c
import numpy as np
from numba import njit

from tests.oracles.header_walk import walk
from tests.oracles.signature_twin import ipv4, ipv6
from tests.pipeline_in_process import frames_from
from tmon_probe import records
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.link import find_network
from tmon_probe.father.signature import sign_packet

ALL = 1 << 20
AROUND = 32


def packet_in(frame: bytes, link_type: int, wire: int | None = None) -> bytes | None:
    """The IP packet in a frame, without padding, as far as it was captured. None: there is none, or it is a fragment."""
    outcome, fields, _ = walk(frame, link_type, len(frame) if wire is None else wire)
    if outcome != "relevant" or fields["flags"] & (records.LATER_FRAGMENT | records.MORE_FRAGMENTS):
        return None
    _, at, _ = find_network(np.frombuffer(frame, np.uint8), 0, len(frame), link_type)
    return frame[at : at + fields["ip_octets"]]


def packets_of(path: Path, at_most: int | None = None) -> list[bytes]:
    """The unfragmented IP packets of a capture, or a selection of them."""
    frames = frames_from(Replay((path,)))
    if at_most is not None and len(frames) > at_most:
        frames = random.Random(path.name).sample(frames, at_most)
    packets = (packet_in(f.octets, f.link_type, f.wire) for f in frames)
    return [p for p in packets if p is not None]


@njit(nogil=True)
def _sign_all(data, starts, ends, nat, md5, limit, signatures):
    for i in range(len(starts)):
        signatures[i] = sign_packet(data, starts[i], ends[i], nat, md5, limit)


def sign_rows(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, nat=False, md5=False, limit: int = ALL) -> np.ndarray:
    """Signatures (uint64) of the packets data[starts[i] : ends[i]]."""
    signatures = np.zeros(len(starts), np.uint64)
    data.flags.writeable = False
    _sign_all(data, starts, ends, int(nat), int(md5), limit, signatures)
    return signatures


def sign_many(packets: Iterable[bytes], nat=False, md5=False, limit: int = ALL, rubbish: bytes = b"\xa5") -> list[int]:
    """Signatures of packets that lie in memory with rubbish between them."""
    packets, between = list(packets), rubbish * AROUND
    if not packets:
        return []
    lengths = np.array([len(p) for p in packets], np.int64)
    ends = np.cumsum(lengths + len(between))
    data = np.frombuffer(between + between.join(packets) + between, np.uint8).copy()
    return sign_rows(data, ends - lengths, ends, nat, md5, limit).tolist()


def sign(packet: bytes, nat=False, md5=False, limit: int = ALL) -> int:
    """The signature of a packet that fills its array."""
    data = np.frombuffer(packet, np.uint8)
    return int(sign_rows(data, np.zeros(1, np.int64), np.full(1, len(packet)), nat, md5, limit)[0])


def with_header_checksum(packet: bytes) -> bytes:
    """An IPv4 packet with the checksum that its header should have."""
    size = (packet[0] & 15) * 4
    blank = packet[:10] + b"\0\0" + packet[12:size]
    return blank[:10] + struct.pack(">H", dpkt.in_cksum(blank)) + packet[12:]


def routed(packet: bytes, rng: random.Random) -> Iterator[bytes]:
    """The packet as it may look farther along its path, each change made alone, then all of them."""
    changes = _routed_ipv4 if packet[0] >> 4 == 4 else _routed_ipv6
    every = packet
    for change in changes:
        yield change(packet, rng)
        every = change(every, rng)
    yield every


def _hop(packet, rng):
    return with_header_checksum(packet[:8] + bytes(((packet[8] - 1) & 255,)) + packet[9:])


def _dscp(packet, rng):
    return with_header_checksum(packet[:1] + rng.randbytes(1) + packet[2:])


def _fragmentation_allowed(packet, rng):
    return with_header_checksum(packet[:6] + bytes((packet[6] ^ 0x40,)) + packet[7:])


def _options_filled_in(packet, rng):
    """Record route and timestamp: what the routers write into the room that the sender left."""
    size = (packet[0] & 15) * 4
    if any(option in packet[20:size] for option in (131, 137)):
        return packet
    return with_header_checksum(packet[:20] + bytes(b and rng.choice((1, 7, 68, b)) for b in packet[20:size]) + packet[size:])


def _options_added(packet, rng):
    """Options come and go; the header and the total length grow, what follows stays."""
    size, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    if size > 48 or not size <= total < 65000:
        return packet
    options = b"\x44\x0c\x0d\x01" + rng.randbytes(8)
    header = bytes((packet[0] + 3, packet[1])) + struct.pack(">H", total + 12) + packet[4:20] + options + packet[20:size]
    return with_header_checksum(header + packet[size:])


def _hop_limit(packet, rng):
    return packet[:7] + bytes(((packet[7] - 1) & 255,)) + packet[8:]


def _class_and_label(packet, rng):
    return bytes((0x60 | rng.randrange(16),)) + rng.randbytes(3) + packet[4:]


def _header_inserted(kind, header):
    def insert(packet, rng):
        length = int.from_bytes(packet[4:6], "big")
        if not 0 < length < 65000 or packet[6] == 0 or 40 + length != len(packet):
            return packet
        inserted = packet[6:7] + header(rng)
        return packet[:4] + struct.pack(">HB", length + len(inserted), kind) + packet[7:40] + inserted + packet[40:]

    return insert


_routed_ipv4 = (_hop, _dscp, _fragmentation_allowed, _options_filled_in, _options_added)
_routed_ipv6 = (
    _hop_limit,
    _class_and_label,
    _header_inserted(44, lambda rng: b"\0\0\0" + rng.randbytes(4)),  # the whole datagram in one fragment
    _header_inserted(60, lambda rng: b"\1" + rng.randbytes(14)),
    _header_inserted(43, lambda rng: b"\0\4\0" + rng.randbytes(4)),
    _header_inserted(0, lambda rng: b"\0\5\2" + rng.randbytes(4)),
)

IN_ERROR = {4: {3, 4, 5, 11, 12}, 6: {1, 2, 3, 4}}
QUERIES = {4: {0, 8, 13, 14, 15, 16, 17, 18}, 6: {128, 129}}


def translated(packet: bytes, rng: random.Random) -> bytes | None:
    """The packet after translators rewrote both addresses, both ports or the ICMP identifier, and the identification.

    None where the transport header is not there (cut) or of a kind that translators do not know.
    """
    version = packet[0] >> 4
    protocol, body, *_ = (ipv4 if version == 4 else ipv6)(packet)
    size = len(packet) - len(body)
    if version == 4:
        header = packet[:4] + rng.randbytes(2) + packet[6:12] + rng.randbytes(8) + packet[20:size]
        addresses = slice(12, 20)
    else:
        header = packet[:8] + rng.randbytes(32) + packet[40:size]
        addresses = slice(8, 40)
    if version == 4 and int.from_bytes(packet[6:8], "big") & 0x1FFF:
        return with_header_checksum(header + body)  # a later fragment has no transport header
    body = _translated_transport(version, protocol, body, packet[addresses], header[addresses], rng)
    if body is None:
        return None
    return with_header_checksum(header + body) if version == 4 else header + body


def _translated_transport(version, protocol, body, old, new, rng):
    """old, new: the addresses, which most checksums cover."""
    checksum = {6: 16, 17: 6, 33: 6, 136: 6}.get(protocol)
    if checksum is not None and len(body) >= 8:
        ports = rng.randbytes(4)
        moved = ports + body[4:]
        if len(body) < checksum + 2 or (protocol == 17 and body[6:8] == b"\0\0"):
            return moved
        return _adjusted(moved, checksum, old + body[:4], new + ports)
    if protocol == 132 and len(body) >= 12:
        moved = rng.randbytes(4) + body[4:8] + b"\0\0\0\0" + body[12:]
        return moved[:8] + struct.pack("<I", google_crc32c.value(moved)) + moved[12:]
    if protocol != (1 if version == 4 else 58) or len(body) < 8:
        return None
    message, changed = body, slice(4, 6)
    if body[0] in QUERIES[version]:
        message = body[:4] + rng.randbytes(2) + body[6:]
    elif body[0] in IN_ERROR[version]:
        message, changed = body[:8] + _translated_quote(version, body[8:], rng), slice(4, None)
    pseudo = (old, new) if version == 6 else (b"", b"")
    return _adjusted(message, 2, pseudo[0] + body[changed], pseudo[1] + message[changed])


def _translated_quote(version, quote, rng):
    header = 20 if version == 4 else 40
    if len(quote) < header or quote[0] >> 4 != version or (version == 4 and not 20 <= (quote[0] & 15) * 4 <= len(quote)):
        return quote
    later = version == 4 and (quote[6] & 0x1F or quote[7])
    quote_moved = translated(quote, rng)
    if later or quote_moved is None:  # addresses only
        if version == 6:
            return quote[:8] + rng.randbytes(32) + quote[40:]
        return with_header_checksum(quote[:12] + rng.randbytes(8) + quote[20:])
    return quote_moved


def _adjusted(message: bytes, at: int, old: bytes, new: bytes) -> bytes:
    """RFC 1624 section 3: the checksum at message[at] after octets that it covers changed from old to new."""
    old, new = old + bytes(len(old) % 2), new + bytes(len(new) % 2)
    total = int.from_bytes(message[at : at + 2], "big") ^ 0xFFFF
    total += sum(0xFFFF ^ int.from_bytes(old[i : i + 2], "big") for i in range(0, len(old), 2))
    total += sum(int.from_bytes(new[i : i + 2], "big") for i in range(0, len(new), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return message[:at] + struct.pack(">H", total ^ 0xFFFF) + message[at + 2 :]
