"""Named cases of the IP and transport headers: lengths left to the NIC, jumbograms, fragments, odd lengths."""

import struct

import pytest

from tests.pipeline_in_process import Dissector
from tmon_probe import records as r
from tmon_probe.father.capture import linktypes

TCP = struct.pack(">HHIIHHHH", 1, 2, 3, 4, 5 << 12 | 0x18, 5, 6, 0)


def ipv4(protocol: int, length: int, body: bytes, fragment: int = 0) -> bytes:
    return struct.pack(">BBHHHBBHII", 0x45, 0, length, 9, fragment, 64, protocol, 0, 1, 2) + body


def ipv6(following: int, length: int, body: bytes) -> bytes:
    return struct.pack(">IHBB", 0x60000000, length, following, 64) + bytes(32) + body


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


@pytest.mark.parametrize(("packet", "reason"), [
    (b"", "malformed_ip_cut"), (b"\x45" * 19, "malformed_ip_cut"), (b"\x60" * 39, "malformed_ip_cut"),
    (b"\x55" * 40, "malformed_ip_version"), (ipv4(6, 19, TCP), "malformed_ip_length"),
    (b"\x44" + ipv4(6, 40, TCP)[1:], "malformed_ip_length"), (b"\x4f" + ipv4(6, 59, TCP)[1:], "malformed_ip_length"),
])  # fmt: skip
def test_malformed(packet, reason):
    tally = Dissector()(packet, linktypes.RAW).tally
    assert (1, 1) == (tally["malformed"], tally[reason])
