"""Named cases of tunnels: what is looked into, what is not, and that the outer packet is measured where the inner is no good."""

import struct

import dpkt
import pytest

from tests.pipeline_in_process import Dissector
from tests.unit.father.test_dissect import fields_of
from tests.unit.father.test_network import TCP, ipv4, ipv6
from tmon_probe import records as r
from tmon_probe.father.capture import linktypes

V4, V6 = ipv4(6, 43, TCP + bytes(3)), ipv6(6, 22, TCP + bytes(2))
MACS, TAG = bytes(12), b"\x81\0\0\x63"
OPTIONAL = b"\x11\x12\x13\x14"
inside, outside = Dissector(inner=True), Dissector()


def wrapped(protocol: int, body: bytes, fragment: int = 0) -> bytes:
    return ipv4(protocol, 20 + len(body), body, fragment)


def gre(flags: int, kind: int, body: bytes) -> bytes:
    return wrapped(47, struct.pack(">HH", flags, kind) + body)


LOOKED_INTO = {
    "ip in ip": (wrapped(4, V4), V4),
    "ipv6 in ip": (wrapped(41, V6), V6),
    "ip in ipv6": (ipv6(4, len(V4), V4), V4),
    "ipv6 in ipv6, behind the tunnel's limit": (ipv6(60, 8 + len(V6), b"\x29\0\4\1\4\1\0\0" + V6), V6),
    "gre": (gre(0, 0x0800, V4), V4),
    "gre, checksum": (gre(0x8000, 0x86DD, OPTIONAL + V6), V6),
    "gre, key": (gre(0x2000, 0x0800, OPTIONAL + V4), V4),
    "gre, sequence number": (gre(0x1000, 0x0800, OPTIONAL + V4), V4),
    "gre, all of them": (gre(0xB000, 0x0800, 3 * OPTIONAL + V4), V4),
    "gre, reserved bits that are to be ignored": (gre(0x03F8, 0x0800, V4), V4),
    "gre, bridged": (gre(0, 0x6558, MACS + b"\x08\0" + V4), V4),
    "gre, bridged, in a vlan": (gre(0x2000, 0x6558, OPTIONAL + MACS + TAG + b"\x86\xdd" + V6), V6),
    "gre, labelled": (gre(0, 0x8847, b"\0\1\0\x40\0\2\1\x40" + V6), V6),
    "ipv6 in gre in ip in ip": (wrapped(4, wrapped(4, gre(0, 0x86DD, V6))), V6),
}
OUTER = {
    "pptp": gre(0x3001, 0x880B, 2 * OPTIONAL + V4),
    "gre of version 1": gre(1, 0x0800, V4),
    "gre, routing": gre(0x4000, 0x0800, OPTIONAL + V4),
    "gre, strict route": gre(0x0800, 0x0800, V4),
    "gre, recursion": gre(0x0400, 0x0800, V4),
    "erspan": gre(0x1000, 0x88BE, OPTIONAL + bytes(8) + MACS + b"\x08\0" + V4),
    "gre, arp": gre(0, 0x0806, V4),
    "gre, bridged arp": gre(0, 0x6558, MACS + b"\x08\6" + bytes(28)),
    "gre cut": wrapped(47, b"\0\0\x08"),
    "gre cut in its key": gre(0x2000, 0x0800, b"\0\0"),
    "gre, bridged, cut": gre(0, 0x6558, MACS + b"\x08"),
    "gre with nothing in it": gre(0, 0x0800, b""),
    "first fragment": wrapped(4, V4, 0x2000),
    "later fragment": wrapped(4, V4, 0x0003),
    "first fragment in ipv6": ipv6(44, 8 + len(V4), b"\4\0\0\1" + bytes(4) + V4),
    "ipv6 said to be ipv4": wrapped(4, V6),
    "carried header cut": wrapped(4, V4[:19]),
    "carried header too short": wrapped(4, b"\x44" + V4[1:]),
    "encrypted": wrapped(50, V4),
    "udp": wrapped(17, bytes(8) + V4),
}


def without(record) -> dict:
    """What a record says whatever lies around the packet, without TUNNELLED."""
    skipped = ("wire_octets", "flags", "unused", "sack", "vlan")
    return fields_of(record, [n for n in r.PACKET.names if n not in skipped]) | {"flags": int(record["flags"]) & ~r.TUNNELLED}


@pytest.mark.parametrize("case", LOOKED_INTO)
def test_looked_into(case):
    """The record is that of the carried packet, and says that it was carried; asked for the outside, it is the outer's."""
    packet, carried = LOOKED_INTO[case]
    record, expected = inside(packet, linktypes.RAW).record, inside(carried, linktypes.RAW).record
    assert without(expected) == without(record)
    assert (0, r.TUNNELLED) == tuple(int(x["flags"]) & r.TUNNELLED for x in (expected, record))
    assert len(packet) == int(record["wire_octets"])
    assert len(packet) == int(outside(packet, linktypes.RAW).record["ip_octets"])


@pytest.mark.parametrize("case", OUTER)
def test_outer(case):
    """What carries nothing that is read is measured as if the inside were not asked for, to the last field and counter."""
    packet = OUTER[case]
    for length in (len(packet), len(packet) - 1):
        found, expected = inside(packet[:length], linktypes.RAW, len(packet)), outside(packet[:length], linktypes.RAW, len(packet))
        assert expected.tally == found.tally
        assert without(expected.record) == without(found.record)
        assert 0 == int(found.record["flags"]) & r.TUNNELLED


@pytest.mark.parametrize("levels", range(1, 7))
def test_depth(levels):
    """Four tunnels are looked through; of more, the packet in the fourth is measured."""
    packet, sizes = V4, [len(V4)]
    for _ in range(levels):
        packet = wrapped(4, packet)
        sizes.append(len(packet))
    assert sizes[max(levels - 4, 0)] == int(inside(packet, linktypes.RAW).record["ip_octets"])


@pytest.mark.parametrize("bad", range(1, 4))
def test_the_innermost_good_packet_is_measured(bad):
    """Of packets within packets, the one around the first that is malformed."""
    packet, sizes = b"\x41" + V4[1:], []
    for _ in range(bad):
        packet = wrapped(4, packet)
        sizes.append(len(packet))
    record = inside(packet, linktypes.RAW).record
    assert sizes[0] == int(record["ip_octets"])
    assert (bad > 1) == (int(record["flags"]) & r.TUNNELLED > 0)


def test_vlan_is_that_of_the_frame():
    bridged = gre(0, 0x6558, MACS + TAG + b"\x08\0" + V4)
    for tag, expected in ((b"", 0), (b"\x81\0\0\7", 7)):
        record = inside(MACS + tag + b"\x08\0" + bridged, linktypes.ETHERNET).record
        assert (43, expected, expected) == tuple(int(x) for x in (record["ip_octets"], record["vlan"], record["flags"] & 1 and 7))


def test_snapped_in_the_carried_packet():
    """Lengths are those of the carried packet's header, cut or not; the frame is what was snapped."""
    packet = gre(0, 0x0800, V4)
    whole = inside(packet, linktypes.RAW).record
    for length in range(len(packet) - 23, len(packet)):
        record = inside(packet[:length], linktypes.RAW, len(packet)).record
        names = ("src_lo", "dst_lo", "ip_octets", "wire_octets", "protocol")
        assert fields_of(whole, names) == fields_of(record, names)
        assert r.SNAPPED | r.TUNNELLED == int(record["flags"]) & (r.SNAPPED | r.TUNNELLED)


def test_length_left_to_the_nic():
    """Segmentation offload of what a tunnel carries: both lengths are zero, the frame tells them."""
    inner = ipv4(6, 0, TCP + bytes(3000))
    for outer in (ipv4(4, 0, inner), wrapped(4, inner) + bytes(6)):
        record = inside(outer, linktypes.RAW).record
        assert (len(inner), 3000) == (int(record["ip_octets"]), int(record["payload_octets"]))


def test_carried_packet_ends_with_the_outer():
    """What stands behind the outer packet is not of the carried one, however long that says it is."""
    record = inside(ipv4(4, 44, V4), linktypes.RAW).record
    assert (43, 1, r.HAS_PORTS | r.TUNNELLED) == tuple(int(record[n]) for n in ("ip_octets", "src_port", "flags"))


def test_error_about_a_carried_packet():
    """An ICMP error within a tunnel: the packet it quotes has its record, as without the tunnel."""
    error = dpkt.ip.IP(src=b"\x0a\0\0\2", dst=b"\x0a\0\0\1", p=1, len=56 + len(V4) - 28,
                       data=dpkt.icmp.ICMP(type=3, code=3, data=dpkt.icmp.ICMP.Unreach(data=dpkt.ip.IP(V4))))  # fmt: skip
    expected, found = inside(bytes(error), linktypes.RAW).records, inside(wrapped(4, bytes(error)), linktypes.RAW).records
    assert [2, 2] == [len(expected), len(found)]
    assert [without(e) for e in expected] == [without(f) for f in found]
    assert (r.TUNNELLED, r.QUOTED) == tuple(int(f["flags"]) & (r.TUNNELLED | r.QUOTED) for f in found)
