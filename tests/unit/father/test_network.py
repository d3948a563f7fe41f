"""Named cases of the IP and transport headers: lengths left to the NIC, jumbograms, fragments, odd lengths, positions."""

import struct

import numpy as np
import pytest
from numba import njit

from tests.pipeline_in_process import Dissector
from tmon_probe import records as r
from tmon_probe.father.capture import linktypes
from tmon_probe.father.link import IP_BY_VERSION
from tmon_probe.father.network import GOOD, dissect_ip

TIMESTAMPS = struct.pack(">II", 0x01020304, 0xFFFFFFFE)
TCP = struct.pack(">HHIIHHHH", 1, 2, 3, 4, 5 << 12 | 0x18, 5, 6, 0)


def ipv4(protocol: int, length: int, body: bytes, fragment: int = 0) -> bytes:
    return struct.pack(">BBHHHBBHII", 0x45, 0, length, 9, fragment, 64, protocol, 0, 1, 2) + body


def ipv6(following: int, length: int, body: bytes) -> bytes:
    return struct.pack(">IHBB", 0x60000000, length, following, 64) + bytes(32) + body


def segment(options: bytes) -> bytes:
    options += bytes(-len(options) % 4)
    return TCP[:12] + struct.pack(">H", (5 + len(options) // 4) << 12 | 0x18) + TCP[14:] + options


def record_of(packet: bytes, wire: int | None = None):
    return Dissector()(packet, linktypes.RAW, wire).record


@pytest.mark.parametrize("packet", [ipv4(6, 0, TCP + bytes(3000)), ipv6(6, 0, TCP + bytes(3000))], ids=["ipv4", "ipv6"])
def test_length_left_to_the_nic(packet):
    """Segmentation offload: a length of zero means what was on the wire."""
    record = record_of(packet)
    assert (len(packet), 3000) == (int(record["ip_octets"]), int(record["payload_octets"]))


def test_jumbogram():
    """RFC 2675: the option says that the length field is not enough; the frame tells the length."""
    record = record_of(ipv6(0, 0, b"\6\0\xc2\4\0\2\0\0" + TCP + bytes(100)), 200_000)
    assert (200_000, 199_932, 1) == (int(record["ip_octets"]), int(record["payload_octets"]), int(record["src_port"]))


def test_no_jumbogram_without_its_option():
    record = record_of(ipv6(0, 0, b"\6\0\1\4\0\0\0\0" + TCP), 200_000)
    assert (40, 0) == (int(record["ip_octets"]), int(record["flags"]) & r.HAS_TCP)


def test_fragments():
    """The first fragment has ports, later ones have none; the length of a datagram is told by its first fragment."""
    udp = struct.pack(">HHHH", 7, 8, 2008, 0)
    first, later = record_of(ipv4(17, 44, udp + bytes(16), 0x2000)), record_of(ipv4(17, 44, udp + bytes(16), 0x2003))
    assert (7, 8, 2000) == tuple(int(first[n]) for n in ("src_port", "dst_port", "payload_octets"))
    assert (0, 0, 0) == tuple(int(later[n]) for n in ("src_port", "dst_port", "payload_octets"))
    assert r.FRAGMENT | r.MORE_FRAGMENTS == int(first["flags"]) & (r.FRAGMENT | r.MORE_FRAGMENTS | r.LATER_FRAGMENT)
    assert r.FRAGMENT | r.MORE_FRAGMENTS | r.LATER_FRAGMENT == int(later["flags"])
    assert (0, 3) == (int(first["fragment_offset"]), int(later["fragment_offset"]))


@pytest.mark.parametrize(("told", "counted"), [(8, 0), (18, 10), (28, 20), (29, 20), (65535, 20), (7, 0), (0, 20)])
def test_udp_length(told, counted):
    """The UDP length counts as far as the IP packet goes; zero means all of it."""
    record = record_of(ipv4(17, 48, struct.pack(">HHHH", 7, 8, told, 1) + bytes(20)))
    assert counted == int(record["payload_octets"])


@pytest.mark.parametrize("padding", [0, 6, 1000])
def test_what_follows_the_packet_is_not_the_packet(padding):
    record = record_of(ipv4(6, 40, TCP) + bytes(padding))
    assert (40, 0) == (int(record["ip_octets"]), int(record["payload_octets"]))


def test_what_follows_an_error_is_not_quoted():
    """An ICMP error that quotes nothing, and what looks like a packet behind it in the frame."""
    found = Dissector()(ipv4(1, 28, b"\3\3" + bytes(6)) + ipv4(6, 40, TCP), linktypes.RAW)
    assert 1 == len(found.records)


@pytest.mark.parametrize(("packet", "reason"), [
    (b"", "malformed_ip_cut"), (b"\x45" * 19, "malformed_ip_cut"), (b"\x60" * 39, "malformed_ip_cut"),
    (b"\x55" * 40, "malformed_ip_version"), (ipv4(6, 19, TCP), "malformed_ip_length"),
    (b"\x44" + ipv4(6, 40, TCP)[1:], "malformed_ip_length"), (b"\x4f" + ipv4(6, 59, TCP)[1:], "malformed_ip_length"),
])  # fmt: skip
def test_malformed(packet, reason):
    tally = Dissector()(packet, linktypes.RAW).tally
    assert (1, 1) == (tally["malformed"], tally[reason])


@pytest.mark.parametrize(("word", "flags"), [(0, 0), (6, 0), (1, r.FRAGMENT | r.MORE_FRAGMENTS), (8, r.FRAGMENT | r.LATER_FRAGMENT),
                                             (9, r.FRAGMENT | r.MORE_FRAGMENTS | r.LATER_FRAGMENT)])  # fmt: skip
def test_ipv6_fragments(word, flags):
    """An atomic fragment (RFC 6946: no other follows, none comes before) is none; its identification is told."""
    record = record_of(ipv6(44, 28, struct.pack(">BBHI", 6, 0, word, 0xA0B0C0D0) + TCP))
    transport = 0 if flags & r.LATER_FRAGMENT else r.HAS_PORTS | r.HAS_TCP
    assert (flags | transport, 0xA0B0C0D0, 6) == tuple(int(record[n]) for n in ("flags", "fragment_id", "protocol"))


@pytest.mark.parametrize("captured", [54, 66, 96, 9014])
@pytest.mark.parametrize("version", [4, 6])
def test_jumbo_frames_whole_and_snapped(version, captured):
    """9000 octets of IP: lengths are those of the headers, however little was captured."""
    head = segment(b"\1\1\x08\x0a" + TIMESTAMPS)
    packet = ipv4(6, 9000, head + bytes(8948)) if version == 4 else ipv6(6, 8960, head + bytes(8928))
    frame = bytes(12) + (b"\x08\0" if version == 4 else b"\x86\xdd") + packet
    found = Dissector()(frame[: captured + 20 * (version == 6)], linktypes.ETHERNET, len(frame))
    lengths = tuple(int(found.record[n]) for n in ("ip_octets", "wire_octets", "payload_octets"))
    assert (9000, 9014, 8948 if version == 4 else 8928) == lengths
    assert (captured < 9000) == (int(found.record["flags"]) & r.SNAPPED > 0)
    assert (captured >= 66) == (int(found.record["flags"]) & r.HAS_TIMESTAMPS > 0)
    assert 0 == found.tally["malformed"] == found.tally["transport_cut"]


@pytest.mark.parametrize(("protocol", "body", "cut"), [
    (6, TCP[:19], True), (17, bytes(7), True), (17, bytes(8), False), (1, bytes(3), True), (1, bytes(4), False), (47, b"", False),
])  # fmt: skip
def test_cut_transport_is_counted(protocol, body, cut):
    tally = Dissector()(ipv4(protocol, 60, body), linktypes.RAW, 60).tally
    assert (1, int(cut)) == (tally["relevant"], tally["transport_cut"])


@njit
def _positions(data, end, wire_end, record):
    return dissect_ip(data, 0, end, wire_end, IP_BY_VERSION, record[0])


AH = bytes((6, 1)) + bytes(10)
POSITIONS = {
    "ipv4": (ipv4(6, 43, TCP + bytes(3)), None, (20, 20, 43)),
    "ipv4, padding behind it": (ipv4(6, 43, TCP + bytes(33)), None, (20, 20, 43)),
    "ipv4, protocol not read": (ipv4(47, 43, bytes(23)), None, (-1, 20, 43)),
    "ipv4 options": (b"\x46" + ipv4(6, 44, b"\1\1\1\0" + TCP)[1:], None, (24, 24, 44)),
    "ipv4 options cut": (b"\x46" + ipv4(6, 44, b"\1\1\1\0" + TCP)[1:], 23, (-1, -1, 23)),
    "ipv4 header only": (ipv4(6, 40, TCP), 20, (-1, 20, 20)),
    "ipv4 transport cut": (ipv4(6, 40, TCP), 39, (-1, 20, 39)),
    "ipv4, later fragment": (ipv4(6, 40, TCP, 0x2003), None, (-1, 20, 40)),
    "ipv6": (ipv6(6, 23, TCP + bytes(5)), None, (40, 40, 63)),
    "ipv6 extensions": (ipv6(60, 40, b"\x33" + bytes(7) + AH + TCP), None, (60, 60, 80)),
    "ipv6 extension cut": (ipv6(60, 40, b"\x33" + bytes(7) + AH + TCP), 59, (-1, -1, 59)),
    "ipv6 extension beyond the packet": (ipv6(60, 8, b"\6\1" + bytes(14) + TCP), None, (-1, -1, 48)),
    "ipv6, first fragment": (ipv6(44, 28, b"\6\0\0\1" + bytes(4) + TCP), None, (48, 48, 68)),
    "ipv6, later fragment": (ipv6(44, 28, b"\6\0\0\x09" + bytes(4) + TCP), None, (-1, 48, 68)),
    "ipv6, nothing follows": (ipv6(59, 8, bytes(8)), None, (-1, 40, 48)),
    "ipv6, encrypted": (ipv6(50, 8, bytes(8)), None, (-1, 40, 48)),
    "ipv6, endless": (ipv6(60, 160, (b"\x3c" + bytes(7)) * 20), None, (-1, -1, 200)),
}  # fmt: skip


@pytest.mark.parametrize("case", POSITIONS)
def test_positions(case):
    """Transport header, what follows the IP header, end of the packet; -1 where there is none."""
    packet, captured, expected = POSITIONS[case]
    data = np.frombuffer(packet, np.uint8)
    verdict, *found = _positions(data, len(packet) if captured is None else captured, len(packet), np.zeros(1, r.PACKET))
    assert (GOOD, *expected) == (verdict, *found)
