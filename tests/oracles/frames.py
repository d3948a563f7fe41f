"""Frames to test with: built by dpkt and by hand, then broken. Hypothesis strategies."""

import struct

import dpkt
from hypothesis import strategies as st

from tmon_probe.father.capture import linktypes

octet, word, long = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
payloads = st.binary(max_size=40)
EXTENSIONS = (0, 43, 44, 51, 60, 135, 139, 140)
ERRORS = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}


@st.composite
def tcp_option(draw) -> bytes:
    """An option as its RFC says, now and then of another length, or with a length that lies."""
    known = ((2, 2), (3, 1), (4, 0), (5, 8), (5, 16), (5, 24), (5, 32), (8, 8), (8, 8), (28, 2), (254, 5))
    kind, octets = draw(st.sampled_from(known))
    octets += draw(st.sampled_from((0,) * 12 + (1, 8)))
    lie = draw(st.sampled_from((0,) * 12 + (-1, 3, -2, 200)))
    return bytes((kind, max(2 + octets + lie, 0))) + draw(st.binary(min_size=octets, max_size=octets))


@st.composite
def tcp_options(draw) -> bytes:
    """At most 40 octets."""
    if draw(st.booleans()):
        return draw(st.sampled_from((b"", b"\1\1\x08\x0a" + draw(st.binary(min_size=8, max_size=8)))))
    padding = st.sampled_from((b"\1", b"\1\1", b"\1", b"\0"))
    octets = b"".join(draw(st.lists(st.one_of(tcp_option(), padding), max_size=7)))[:40]
    return octets + bytes(-len(octets) % 4)


@st.composite
def tcp(draw, version: int) -> tuple[int, bytes]:
    options = draw(tcp_options())
    segment = dpkt.tcp.TCP(sport=draw(word), dport=draw(word), seq=draw(long), ack=draw(long), win=draw(word), opts=options,
                           off=5 + len(options) // 4, flags=draw(st.integers(0, 0x1FF)), sum=1, data=draw(payloads))  # fmt: skip
    return 6, bytes(segment)


@st.composite
def udp(draw, version: int) -> tuple[int, bytes]:
    data = draw(payloads)
    return 17, struct.pack(">4H", draw(word), draw(word), 8 + len(data), draw(st.sampled_from((0, 1, 0xFFFF)))) + data


@st.composite
def icmp(draw, version: int) -> tuple[int, bytes]:
    protocol = 1 if version == 4 else 58
    kind = draw(st.one_of(octet, st.sampled_from((0, 8) if version == 4 else (128, 129))))
    return protocol, bytes((kind, draw(octet))) + draw(st.binary(min_size=2, max_size=40))


@st.composite
def icmp_error(draw, version: int) -> tuple[int, bytes]:
    quoted = draw(ipv4(plain) if version == 4 else ipv6(plain))
    quoted = quoted[: draw(st.integers(0, len(quoted)))]
    return (1 if version == 4 else 58), bytes((draw(st.sampled_from(ERRORS[version])), draw(octet))) + bytes(6) + quoted


@st.composite
def other(draw, version: int) -> tuple[int, bytes]:
    read = (0, 1, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 60, 135, 139, 140)
    return draw(octet.filter(lambda p: p not in read)), draw(payloads)


def plain(version: int):
    return st.one_of(tcp(version), udp(version), icmp(version), other(version))


def any_transport(version: int):
    return st.one_of(tcp(version), udp(version), icmp(version), icmp_error(version), other(version))


@st.composite
def ipv4_options(draw) -> bytes:
    """At most 40 octets: options of RFC 791 and 2113, the length of some a lie."""
    octets = b""
    for kind in draw(st.lists(st.sampled_from((0, 1, 1, 7, 68, 68, 131, 136, 148)), max_size=4)):
        size = 0 if kind == 136 else draw(st.sampled_from((1, 2, 5, 14, 37)))
        size = 2 if kind == 148 and draw(st.booleans()) else size
        lie = draw(st.sampled_from((0, 0, 0, 0, 0, -2, 9)))
        value = bytes((max(size + 2 + lie, 0),)) + draw(st.binary(min_size=size, max_size=size))
        octets += bytes((kind,)) + (value if kind > 1 else b"")
    octets = octets[:40]
    return octets + bytes(-len(octets) % 4)


@st.composite
def ipv4(draw, transport=any_transport) -> bytes:
    protocol, data = draw(transport(4))
    fragment = draw(st.sampled_from((0, 0, 0, 0x4000, 0x2000, 0x2005, 0x0007, 0x1FFF)))
    options = draw(st.one_of(st.just(b""), st.just(b""), ipv4_options()))
    header = dpkt.ip.IP(v=4, hl=5 + len(options) // 4, tos=draw(octet), len=20 + len(options) + len(data), id=draw(word),
                        ttl=draw(octet), p=protocol, sum=1, src=draw(st.binary(min_size=4, max_size=4)),
                        dst=draw(st.binary(min_size=4, max_size=4))).pack_hdr()  # fmt: skip
    return header[:6] + struct.pack(">H", fragment) + header[8:] + options + data


@st.composite
def extension(draw, kinds: tuple[int, ...]) -> tuple[int, bytes]:
    """(its number, the header without its first octet, which names what follows)."""
    kind = draw(st.sampled_from(kinds))
    if kind == 44:
        return kind, b"\0" + struct.pack(">HI", draw(st.sampled_from((0, 1, 8, 9, 0xFFF8))), draw(long))
    size = draw(st.integers(0, 3))
    if kind == 0 and draw(st.booleans()):
        alert = draw(st.sampled_from((b"\5\2\0\0\1\0", b"\0\5\2\0\0\0", b"\1\0\5\2\0\0", b"\0\0\0\5\2\0", b"\5\1\0\1\1\0")))
        return kind, b"\0" + alert
    if kind == 51:
        return kind, bytes((size + 1,)) + bytes(4 * (size + 3) - 2)
    return kind, bytes((size,)) + b"\1\0" + bytes(8 * (size + 1) - 4)


@st.composite
def ipv6(draw, transport=any_transport, plain_chain: bool = False) -> bytes:
    """plain_chain: only extension headers that dpkt knows, and no other after a fragment header."""
    following, body = draw(transport(6))
    fragmented = st.lists(extension((44,)), max_size=1)
    for kind, rest in draw(fragmented) + draw(st.lists(extension((0, 43, 60, 51) if plain_chain else EXTENSIONS), max_size=3)):
        following, body = kind, bytes((following,)) + rest + body
    return dpkt.ip6.IP6(v=6, fc=draw(octet), flow=draw(st.integers(0, 0xFFFFF)), plen=len(body), nxt=following, hlim=draw(octet),
                        src=draw(st.binary(min_size=16, max_size=16)),
                        dst=draw(st.binary(min_size=16, max_size=16))).pack_hdr() + body  # fmt: skip


def layers(data: bytes, kind: int):
    """Strategy of (type, octets): what a type field may be followed by, with tags, labels, PPPoE or SNAP around an IP packet."""
    vlan = st.lists(st.tuples(st.sampled_from((0x8100, 0x88A8, 0x9100, 0x9200)), word), min_size=1, max_size=3)

    def tagged(tags, inner):
        kind, octets = inner
        for tag_type, tag in reversed(tags):
            octets, kind = struct.pack(">HH", tag, kind) + octets, tag_type
        return kind, octets

    def labelled(labels):
        stack = b"".join(struct.pack(">I", label << 12 | (i == len(labels) - 1) << 8 | 64) for i, label in enumerate(labels))
        return 0x8847, stack + data

    ppp = 0x0021 if kind == 0x0800 else 0x0057
    wrapped = st.one_of(
        st.just((kind, data)),
        st.lists(st.integers(16, 0xFFFFF), min_size=1, max_size=4).map(labelled),
        st.just((0x8864, struct.pack(">BBHHH", 0x11, 0, 7, len(data) + 2, ppp) + data)),
        st.just((8 + len(data), b"\xaa\xaa\x03\0\0\0" + kind.to_bytes(2, "big") + data)) if len(data) < 1400 else st.nothing(),
    )
    return st.one_of(wrapped, st.builds(tagged, vlan, wrapped))


@st.composite
def whole(draw, plain_chain: bool = False) -> tuple[bytes, int]:
    """(frame, link type) of a good IP packet; sometimes with padding behind it. plain_chain: see `ipv6`."""
    version = draw(st.sampled_from((4, 6)))
    packet = draw(ipv4() if version == 4 else ipv6(plain_chain=plain_chain))
    link = draw(st.sampled_from((*linktypes.SUPPORTED, linktypes.ETHERNET, linktypes.ETHERNET)))
    padding = draw(st.sampled_from((b"", b"", b"\0" * 6, b"\xff" * 20)))
    if link in (linktypes.IPV4, linktypes.IPV6):
        return packet + padding, linktypes.IPV4 if version == 4 else linktypes.IPV6
    if link in (linktypes.RAW, linktypes.RAW_BSD, linktypes.RAW_OPENBSD):
        return packet + padding, link
    if link in (linktypes.NULL, linktypes.LOOP):
        family = 2 if version == 4 else draw(st.sampled_from((10, 24, 28, 30)))
        order = ">I" if link == linktypes.LOOP else draw(st.sampled_from(("<I", ">I")))
        return struct.pack(order, family) + packet + padding, link
    kind, data = draw(layers(packet, 0x0800 if version == 4 else 0x86DD))
    if link == linktypes.ETHERNET:
        return b"\2\0\0\0\0\1\2\0\0\0\0\2" + struct.pack(">H", kind) + data + padding, link
    if link == linktypes.LINUX_SLL:
        return struct.pack(">HHH8sH", 0, 1, 6, b"\2\0\0\0\0\1\0\0", kind) + data + padding, link
    return struct.pack(">HHIHBB8s", kind, 0, 2, 1, 0, 6, b"\2\0\0\0\0\1\0\0") + data + padding, link


@st.composite
def tunnelled(draw) -> tuple[bytes, int, bytes]:
    """(packet, how many tunnels, the innermost packet): IP in IP, IPv6 in IP and GRE around a good packet that carries nothing."""
    version = draw(st.sampled_from((4, 6)))
    carried = packet = draw(ipv4() if version == 4 else ipv6())
    levels = draw(st.integers(1, 5))
    for _ in range(levels):
        protocol, body = draw(gre(version, packet)) if draw(st.booleans()) else (4 if version == 4 else 41, packet)
        version = draw(st.sampled_from((4, 6)))
        if version == 4:
            options = draw(st.sampled_from((b"", b"", b"\x94\4\0\0")))
            packet = struct.pack(">BBHHHBBH8s", 0x45 + len(options) // 4, draw(octet), 20 + len(options) + len(body), draw(word),
                                 draw(st.sampled_from((0, 0x4000))), draw(octet), protocol, 0, bytes(8)) + options + body
        else:
            if draw(st.booleans()):  # the option that limits tunnels, RFC 2473
                protocol, body = 60, bytes((protocol, 0, 4, 1, 4, 1, 0, 0)) + body
            packet = struct.pack(">IHBB32s", 6 << 28, len(body), protocol, 64, bytes(32)) + body
    return packet, levels, carried


@st.composite
def gre(draw, version: int, packet: bytes) -> tuple[int, bytes]:
    """RFC 2784 and 2890, with what may be there; an Ethernet frame or MPLS labels in it now and then."""
    word, fields = 0, b""
    for bit in (0x8000, 0x2000, 0x1000):
        if draw(st.booleans()):
            word |= bit
            fields += draw(st.binary(min_size=4, max_size=4))
    kind = 0x0800 if version == 4 else 0x86DD
    form = draw(st.sampled_from(("plain", "plain", "bridged", "labelled")))
    if form == "bridged":
        tag = draw(st.sampled_from((b"", b"\x81\0\0\7")))
        kind, packet = 0x6558, bytes(12) + tag + kind.to_bytes(2, "big") + packet
    elif form == "labelled":
        kind, packet = 0x8847, b"\0\1\1\x40" + packet
    return 47, struct.pack(">HH", word, kind) + fields + packet


@st.composite
def broken(draw) -> tuple[bytes, int]:
    """A good frame of which some octets are changed, missing or doubled; or nothing but noise."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=120)), draw(st.sampled_from(tuple(linktypes.SUPPORTED)))
    frame, link = draw(st.one_of(whole(), tunnelled().map(lambda made: (made[0], linktypes.RAW))))
    frame = bytearray(frame)
    for _ in range(draw(st.integers(0, 4))):
        if frame:
            frame[draw(st.integers(0, min(len(frame) - 1, 90)))] = draw(st.one_of(octet, st.sampled_from((0, 1, 0xFF, 0x45, 0x60))))
    if draw(st.booleans()):
        del frame[draw(st.integers(0, len(frame))) :]
    return bytes(frame), link
