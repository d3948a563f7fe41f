"""The signature on named packets and on every packet of the real captures: what it covers, and that it is what the twin says."""

import random
import struct

import dpkt
import numpy as np
import pytest

from tests.oracles import signature_twin as twin
from tests.unit.father.signature_packets import (
    ALL,
    packet_in,
    packets_of,
    routed,
    sign,
    sign_many,
    translated,
    with_header_checksum,
)
from tmon_probe.father.capture import linktypes
from tmon_probe.father.signature import sign_fast64, sign_md5, sign_packet

VARIANTS = [(nat, md5) for nat in (False, True) for md5 in (False, True)]
A4, B4 = b"\x0a\1\2\3", b"\xc0\0\2\7"
A6, B6, C6 = (bytes.fromhex("20010db8") + bytes(11) + bytes((i,)) for i in (1, 2, 3))
TCP = struct.pack(">HHIIHHHH", 4711, 80, 0x01020304, 0x05060708, 8 << 12 | 0x18, 512, 0xBEEF, 9) + b"\1\1\x08\x0a" + bytes(range(8))
UDP = struct.pack(">HHHH", 5004, 5005, 8 + 21, 0xCAFE) + b"twenty-one octets yes"
SCTP = struct.pack(">HHII", 36412, 36412, 0xABCD1234, 0x55667788) + bytes(range(20))
DCCP = struct.pack(">HHBBHIQ", 7, 8, 6, 0, 0x1234, 0x02ABCDEF, 12345)
ESP = bytes(range(100, 140))
ECHO = struct.pack(">BBHHH", 8, 0, 0x1234, 77, 3) + b"abcdefgh" * 4
ECHO6 = b"\x80" + ECHO[1:]


def ipv4(protocol: int, body: bytes, options: bytes = b"") -> bytes:
    size = 20 + len(options)
    first = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0x28, size + len(body), 0x1D2E, 0x4000, 61, protocol, 0)
    return with_header_checksum(first + A4 + B4 + options + body)


def ipv6(following: int, body: bytes, source: bytes = A6, destination: bytes = B6) -> bytes:
    return struct.pack(">IHBB", 0x6ABCDEF0, len(body), following, 61) + source + destination + body


ERROR = struct.pack(">BBHHH", 3, 4, 0x4321, 0, 1400) + ipv4(6, TCP)
ERROR6 = struct.pack(">BBHI", 2, 0, 0x4321, 1280) + ipv6(60, b"\x11\0\1\4\0\0\0\0" + UDP)
PACKETS = {
    "tcp": ipv4(6, TCP), "udp": ipv4(17, UDP), "sctp": ipv4(132, SCTP), "dccp": ipv4(33, DCCP), "esp": ipv4(50, ESP),
    "echo": ipv4(1, ECHO), "error": ipv4(1, ERROR), "options": ipv4(17, UDP, b"\x07\x07\x04\0\0\0\0\0"), "empty": ipv4(17, b""),
    "tcp6": ipv6(6, TCP), "udp6": ipv6(17, UDP), "echo6": ipv6(58, ECHO6), "error6": ipv6(58, ERROR6),
    "options6": ipv6(0, b"\x11\0\5\2\0\0\1\0" + UDP), "ah6": ipv6(51, b"\x06\4" + bytes(22) + TCP),
}  # fmt: skip

# Octets of each packet that do not count, from its first: of the IP header, then of what a translator rewrites.
ON_THE_WAY = {4: {1, 8, 10, 11}, 6: {1, 2, 3, 7}}
BY_NAT = {4: {4, 5, *range(12, 20)}, 6: {*range(8, 40)}}
QUOTED = {4: {4, 5, *range(10, 20)}, 6: {*range(8, 40)}}
_tcp, _udp, _query = {0, 1, 2, 3, 16, 17}, {0, 1, 2, 3, 6, 7}, {2, 3, 4, 5}
IN_TRANSPORT = {
    "tcp": _tcp, "udp": _udp, "sctp": {*range(4), *range(8, 12)}, "dccp": _udp, "esp": set(), "echo": _query,
    "options": _udp, "empty": set(),
    "tcp6": _tcp, "udp6": _udp, "echo6": _query, "options6": _udp, "ah6": set(),
    "error": {2, 3} | {8 + i for i in QUOTED[4]} | {28 + i for i in _tcp},
    "error6": {2, 3} | {8 + i for i in QUOTED[6]} | {56 + i for i in _udp},
}  # fmt: skip
BEFORE_TRANSPORT = {"options": 28, "options6": 48}

VECTORS = {
    "tcp": ("9053e09f0fc038dc", "7ff5ba7c2d48d96a", "d98668c26697fce8", "4046895f38f394a3"),
    "udp": ("2abdede1c01ef670", "1721fc2c4e6961d6", "bb591ac0161253d6", "6100d581c89ae781"),
    "echo": ("b671444d55ced4f6", "9ad7c8608620b3de", "10caf92362c64f4d", "fa2ebc3469662a76"),
    "error": ("ccb1503c8a5611f3", "ba955b4dbb3712d4", "d8abfe53df55105f", "50965ebe455df254"),
    "sctp": ("a8870e83222726ec", "9b7b00b5347c1092", "24072616b7e1d9d0", "c6bc107721288585"),
    "tcp6": ("03d375a9612c60d1", "7a70f674493f7621", "e50d8f7daf709e6a", "efcdfdf934848f43"),
    "error6": ("a690c30a4c6a726e", "473f9838e31ad3b2", "5b617a0ac8c3b179", "e3a59aa4d0cdc729"),
    "options6": ("28fd2e76fab62c73", "3ad65475be5e0211", "3df6d4aab955063e", "706e72a626c9f59b"),
    "empty": ("afa327fb021d19f3", "d00eb83ad6baa1f4", "082b55f1262c33d0", "9678b17e93ba5553"),
}


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name):
    """Signatures that stay what they are, whatever machine and version computes them: fast64, fast64 nat, MD5, MD5 nat."""
    actual = [sign(PACKETS[name], nat, md5) for md5 in (False, True) for nat in (False, True)]
    assert VECTORS[name] == tuple(f"{n:016x}" for n in actual)
    assert actual == [twin.sign(PACKETS[name], nat, md5) for md5 in (False, True) for nat in (False, True)]


def test_variants_by_name():
    """The two variants are there on their own, too."""
    for packet in PACKETS.values():
        data, end = np.frombuffer(packet, np.uint8), len(packet)
        for nat in (0, 1):
            assert sign_fast64(data, 0, end, nat, ALL) == sign_packet(data, 0, end, nat, 0, ALL)
            assert sign_md5(data, 0, end, nat, ALL) == sign_packet(data, 0, end, nat, 1, ALL)


@pytest.mark.parametrize("name", PACKETS)
@pytest.mark.parametrize(("nat", "md5"), VARIANTS)
def test_each_octet_counts_or_not(name, nat, md5):
    """Any change of an octet that is stable on the way makes another signature; no change of one that is not does.

    The first octet is left out: it says how to read the others.
    """
    packet, version = PACKETS[name], PACKETS[name][0] >> 4
    start = BEFORE_TRANSPORT.get(name, 20 if version == 4 else 40)
    hidden = ON_THE_WAY[version] | set(range(20 if version == 4 else 40, start))
    if nat:
        hidden = hidden | BY_NAT[version] | {start + i for i in IN_TRANSPORT[name]}
    before, actual = sign(packet, nat, md5), set()
    for at in sorted(set(range(1, len(packet))) - structure_of(name)):
        changed = [packet[:at] + bytes((packet[at] ^ 1 << bit,)) + packet[at + 1 :] for bit in range(8)]
        same = [s == before for s in sign_many(changed, nat, md5)]
        assert all(same) or not any(same), at
        if all(same):
            actual.add(at)
    assert hidden - structure_of(name) == actual


def structure_of(name: str) -> set[int]:
    """Octets that say where others lie, so that a change of one bit may hide or show others."""
    fragment = set() if name.endswith("6") else {6, 7}  # see test_fragments_are_packets_of_their_own
    return fragment | {"options6": {40, 41}, "error": {20, 28, 28 + 6, 28 + 7, 28 + 9}, "error6": {40, 48 + 6, 88, 89},
            "echo": {20}, "echo6": {40}, "empty": {3}}.get(name, set())  # fmt: skip


@pytest.mark.parametrize("name", [n for n in PACKETS if not n.endswith("6")])
@pytest.mark.parametrize(("nat", "md5"), VARIANTS)
def test_fragments_are_packets_of_their_own(name, nat, md5):
    """Don't Fragment and the reserved bit do not count; More Fragments and the offset do, each bit of them, as the twin says."""
    packet = PACKETS[name]
    changed = [packet[:6] + struct.pack(">H", 0x4000 ^ 1 << bit) + packet[8:] for bit in range(16)]
    actual = sign_many(changed, nat, md5)
    assert [twin.sign(p, nat, md5) for p in changed] == actual
    assert [sign(packet, nat, md5)] * 2 == actual[14:]
    assert 15 == len(set(actual))


@pytest.mark.parametrize(("nat", "md5"), VARIANTS)
def test_fragments_with_equal_octets_differ(nat, md5):
    """As of a long echo request full of zeros: in IPv4 by the offset, in IPv6 by the fragment header. Nothing of them is hidden."""
    four = ipv4(17, bytes(64))
    fours = [four[:6] + struct.pack(">H", flags) + four[8:] for flags in (0x2000, 0x2008, 0x2010, 0x18)]
    sixes = [ipv6(44, struct.pack(">BBHI", 17, 0, offset << 3 | 1, 77) + bytes(64)) for offset in (0, 8, 16)]
    for packets in (fours, sixes):
        assert len(packets) == len(set(sign_many(packets, nat, md5)))
        later = packets[1]
        for at in range(len(later) - 64, len(later)):
            assert sign(later, nat, md5) != sign(later[:at] + b"\1" + later[at + 1 :], nat, md5)


def test_equal_to_the_twin(capture):
    """Every packet of every capture, whole and cut anywhere, with any limit: the signature of the twin, whatever lies around it."""
    rng = random.Random(capture.name)
    packets = packets_of(capture)
    minimum = [20 if p[0] >> 4 == 4 else 40 for p in packets]
    cut = [p[: rng.randint(m, len(p))] for p, m in zip(packets, minimum, strict=True)]
    for nat, md5 in VARIANTS:
        limit = rng.choice((rng.randint(0, 30), rng.randint(30, 300)))
        for some, at_most in ((packets, ALL), (cut, ALL), (packets, limit)):
            expected = [twin.sign(p, nat, md5, at_most) for p in some]
            assert expected == sign_many(some, nat, md5, at_most, rubbish=rng.randbytes(1))


def test_the_same_all_along_the_path(capture):
    """Hops, DSCP and ECN, a cleared DF, options that fill up, come or go, IPv6 headers that come: the same signature."""
    rng = random.Random(capture.name)
    packets = packets_of(capture, 500)
    pairs = [(p, farther) for p in packets for farther in routed(p, rng)]
    assert not pairs or any(p != farther for p, farther in pairs)
    for nat, md5 in VARIANTS:
        assert sign_many([p for p, _ in pairs], nat, md5) == sign_many([f for _, f in pairs], nat, md5)


def test_the_same_behind_translators(capture):
    """Addresses, ports, ICMP identifiers and checksums rewritten: the same signature with nat, another one without."""
    rng = random.Random(capture.name)
    pairs = [(p, t) for p in packets_of(capture, 1500) if (t := translated(p, rng)) is not None]
    for md5 in (False, True):
        assert sign_many([p for p, _ in pairs], True, md5) == sign_many([t for _, t in pairs], True, md5)
        without = zip(sign_many([p for p, _ in pairs], False, md5), sign_many([t for _, t in pairs], False, md5), strict=True)
        assert not any(before == behind for before, behind in without)


def test_octets_flipped(capture):
    """In real packets, too: another signature if and only if the canonical form is another."""
    rng = random.Random(capture.name)
    for packet in packets_of(capture, 12):
        changed = [packet[:at] + bytes((packet[at] ^ rng.randint(1, 255),)) + packet[at + 1 :]
                   for at in range(1, min(len(packet), 400))]  # fmt: skip
        for nat, md5 in VARIANTS:
            canonical = twin.canonical(packet, nat)
            same = [s == sign(packet, nat, md5) for s in sign_many(changed, nat, md5)]
            assert [canonical == twin.canonical(c, nat) for c in changed] == same


@pytest.mark.parametrize(("name", "at"), [("tcp", 16), ("udp", 6), ("dccp", 6), ("echo", 2), ("error", 2), ("tcp6", 16),
                                          ("udp6", 6), ("echo6", 2), ("error6", 2)])  # fmt: skip
def test_checksums_after_translation(name, at):
    """The translator of these tests leaves checksums that dpkt finds right: it is a good model of real ones."""
    packet = PACKETS[name]
    header = 20 if packet[0] >> 4 == 4 else 40
    at += header
    blank = packet[:at] + b"\0\0" + packet[at + 2 :]
    packet = packet[:at] + struct.pack(">H", residue(blank, header)) + packet[at + 2 :]
    assert 0 == residue(packet, header)
    moved = translated(packet, random.Random(name))
    assert packet[header:] != moved[header:]
    assert 0 == residue(moved, header)
    assert header == 40 or 0 == dpkt.in_cksum(moved[:20])


def residue(packet: bytes, header: int) -> int:
    """Internet checksum of pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1) and transport octets; 0 if theirs is good."""
    version, protocol = packet[0] >> 4, packet[9] if header == 20 else packet[6]
    pseudo = packet[12:20] if version == 4 else packet[8:40]
    pseudo += struct.pack(">II", protocol, len(packet) - header)
    return dpkt.in_cksum((b"" if (version, protocol) == (4, 1) else pseudo) + packet[header:])


@pytest.mark.parametrize(("nat", "md5"), VARIANTS)
def test_link_and_padding_do_not_count(nat, md5):
    """The same packet in Ethernet, behind VLAN tags, in a cooked header, bare; with padding behind."""
    for packet in PACKETS.values():
        kind = b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd"
        frames = [(bytes(12) + kind + packet, linktypes.ETHERNET), (bytes(12) + b"\x81\0\0\7" + kind + packet, linktypes.ETHERNET),
                  (bytes(12) + kind + packet + b"\xff" * 18, linktypes.ETHERNET), (packet, linktypes.RAW),
                  (b"\0\0\0\1\0\6" + bytes(8) + kind + packet, linktypes.LINUX_SLL)]  # fmt: skip
        assert {sign(packet, nat, md5)} == set(sign_many([packet_in(*frame) for frame in frames], nat, md5))


@pytest.mark.parametrize("md5", [False, True])
def test_source_routes_lead_to_one_destination(md5):
    """Where a source route rewrites the destination hop by hop, the last address counts, before and after."""
    hops = [C6, bytes(15) + b"\x09"]
    after = ipv6(6, TCP, destination=B6)
    type_0 = ipv6(43, b"\6\4\0\2" + bytes(4) + hops[1] + B6 + TCP, destination=hops[0])
    segments = ipv6(43, b"\6\4\4\1\1\0\0\0" + B6 + hops[1] + TCP, destination=hops[1])
    at_the_end = ipv6(43, b"\6\4\4\0\1\0\0\0" + B6 + hops[1] + TCP, destination=B6)
    home = ipv6(43, b"\6\2\2\1" + bytes(4) + B6 + TCP, destination=C6)
    assert 1 == len(set(sign_many([after, type_0, segments, at_the_end, home], md5=md5)))
    there = ipv4(6, TCP)
    loose = b"\1\x83\x0b\x04\x07\7\7\7" + B4
    under_way = ipv4(6, TCP, loose)
    under_way = with_header_checksum(under_way[:16] + b"\x07\6\6\6" + under_way[20:])
    used_up = ipv4(6, TCP, b"\1\x83\x0b\x0c" + bytes(8))
    assert 1 == len(set(sign_many([there, under_way, used_up], md5=md5)))


@pytest.mark.parametrize(("nat", "md5"), VARIANTS)
def test_a_datagram_that_travelled_in_fragments(nat, md5):
    """Put together again it has other flags, or a fragment header, and the same signature."""
    whole = ipv4(17, UDP)
    assert sign(whole, nat, md5) == sign(with_header_checksum(whole[:6] + b"\0\0" + whole[8:]), nat, md5)
    assert sign(ipv6(17, UDP), nat, md5) == sign(ipv6(44, b"\x11\0\0\0abcd" + UDP), nat, md5)


@pytest.mark.parametrize(("nat", "md5"), VARIANTS)
def test_limit(nat, md5):
    """What lies beyond the limit does not count; a packet cut there is signed alike, since lengths are those of the headers."""
    for name, packet in PACKETS.items():
        start = BEFORE_TRANSPORT.get(name, 20 if packet[0] >> 4 == 4 else 40)
        for limit in range(len(packet) - start + 1):
            cut = packet[: start + limit]
            assert sign(packet, nat, md5, limit) == sign(cut, nat, md5)
            assert sign(packet, nat, md5, limit) == sign(cut + bytes(len(packet) - len(cut)), nat, md5, limit)


def test_cut_packets_differ_by_their_length():
    """Packets that differ beyond what was captured, but also in length, differ."""
    assert 50 == len(set(sign_many([ipv4(17, UDP + bytes(n))[:48] for n in range(50)])))


def test_trailing_zeros_count():
    """An octet of zero more is another signature, though the length in the header is the same."""
    packet = ipv4(17, UDP)
    assert 100 == len(set(sign_many([packet + bytes(n) for n in range(100)])))


@pytest.mark.parametrize("zero", [0, 1])
def test_udp_without_checksum(zero):
    """A checksum of zero stays zero behind a translator; with nat neither counts."""
    packet = ipv4(17, UDP[:6] + bytes((0, zero)) + UDP[8:])
    moved = translated(packet, random.Random(1))
    assert (zero == 0) == (moved[26:28] == b"\0\0")
    assert sign(packet, nat=True) == sign(moved, nat=True) == sign(ipv4(17, UDP), nat=True)
    assert sign(packet) != sign(ipv4(17, UDP))


def test_error_about_a_later_fragment():
    """It quotes no transport header: what lies there counts even with nat."""
    fragment = ipv4(17, UDP)
    fragment = with_header_checksum(fragment[:6] + b"\0\x10" + fragment[8:])
    error = ipv4(1, struct.pack(">BBHI", 11, 1, 0, 0) + fragment)
    assert sign(error, nat=True) != sign(error[:48] + bytes((error[48] ^ 1,)) + error[49:], nat=True)
