"""What tshark reads in a capture: one dump of fields per capture, kept for the whole test session."""

import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

AVAILABLE = shutil.which("tshark") is not None
WHY_NOT = "tshark is not installed (apt-get install tshark)"
OPTIONS = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE",
           "tcp.relative_sequence_numbers:FALSE")
FIELDS = (
    "frame.number", "frame.time_epoch", "frame.len", "frame.cap_len", "frame.protocols",
    "ip.version", "ip.src", "ip.dst", "ip.hdr_len", "ip.len", "ip.proto", "ip.id", "ip.frag_offset", "ip.flags.mf",
    "ipv6.version", "ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.nxt", "ipv6.hopopts.nxt", "ipv6.dstopts.nxt", "ipv6.routing.nxt",
    "ipv6.fraghdr.nxt", "ipv6.fraghdr.offset", "ipv6.fraghdr.more", "ipv6.fraghdr.ident", "ah.next_header",
    "tcp.srcport", "tcp.dstport", "tcp.len", "tcp.hdr_len", "tcp.flags", "udp.srcport", "udp.dstport", "udp.length",
    "sctp.srcport", "sctp.dstport", "dccp.srcport", "dccp.dstport",
    "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code",
)  # fmt: skip
EXTENSION_PROTOCOLS = {"ipv6.hopopts": 0, "ipv6.routing": 43, "ipv6.fraghdr": 44, "ah": 51, "ipv6.dstopts": 60}
LINK_OCTETS = 14
PORTED = ("tcp", "udp", "sctp", "dccp")
TRANSPORTS = {*PORTED, "icmp", "icmpv6"}


@dataclass
class Dump:
    """frames: one dict per frame, only fields that tshark shows, the first occurrence of each.

    conversations: what -z conv shows, see `_table`.
    """

    frames: list[dict[str, str]]
    conversations: dict[tuple, int] = field(default_factory=dict)


@lru_cache(maxsize=128)
def dump(path: Path) -> Dump:
    options = [word for option in OPTIONS for word in ("-o", option)]
    fields = [word for name in FIELDS for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), *options, "-T", "fields", "-E", "occurrence=f", "-E", "separator=/t", *fields,
               "-z", "conv,tcp", "-z", "conv,udp"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines, _, tables = text.partition("=" * 80)
    frames = [{n: v for n, v in zip(FIELDS, line.split("\t"), strict=True) if v} for line in lines.splitlines()]
    return Dump(frames, _table(tables))


@lru_cache(maxsize=128)
def occurrences(path: Path, names: tuple[str, ...]) -> list[dict[str, list[str]]]:
    """Per frame, only fields that tshark shows: every occurrence, in the order of the frame."""
    options = [word for option in OPTIONS for word in ("-o", option)]
    fields = [word for name in names for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), *options, "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t", *fields]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [{n: v.split(",") for n, v in zip(names, line.split("\t"), strict=True) if v} for line in text.split("\n")[:-1]]


def _table(text: str) -> dict[tuple, int]:
    """{conversation (see `conversation`): frames}. A line: `a:port <-> b:port`, then thrice frames, octets and their unit."""
    found, protocol = {}, None
    for line in text.splitlines():
        if line.endswith("Conversations"):
            protocol = {"TCP": 6, "UDP": 17}[line.split()[0]]
        elif "<->" in line:
            a, _, b, *numbers = line.split()
            (src, _, src_port), (dst, _, dst_port) = a.rpartition(":"), b.rpartition(":")
            key = conversation(_number(src), _number(dst), protocol, int(src_port), int(dst_port))
            found[key] = found.get(key, 0) + int(numbers[6])
    return found


@dataclass(frozen=True)
class Outer:
    """The outermost IP packet of a frame, as tshark sees it. transport: name of what it carries, "" if tshark did not look."""

    number: int
    version: int
    src: int
    dst: int
    protocol: int
    octets: int
    transport: str
    ports: tuple[int, int] | None
    fields: dict[str, str] = field(compare=False, hash=False)

    @property
    def later_fragment(self) -> bool:
        return int(self.fields.get("ip.frag_offset" if self.version == 4 else "ipv6.fraghdr.offset", "0"), 0) > 0

    @property
    def fragment(self) -> bool:
        more = self.fields.get("ip.flags.mf" if self.version == 4 else "ipv6.fraghdr.more", "0")
        return self.later_fragment or more in ("1", "True")

    @property
    def transport_octets(self) -> int:
        """From the transport header to the end of the packet, by the lengths in the IP header (IPv6: without extension headers)."""
        return self.octets - int(self.fields["ip.hdr_len"] if self.version == 4 else 40)

    @property
    def beyond_frame(self) -> bool:
        """The IP header tells of more octets than the frame had on the wire (tshark then believes the frame, we the header)."""
        return self.octets > int(self.fields["frame.len"]) - LINK_OCTETS

    @property
    def conversation(self) -> tuple:
        """Bidirectional 5-tuple: (protocol, ends in order)."""
        ports = self.ports or (None, None)
        return conversation(self.src, self.dst, self.protocol, *ports)


def conversation(src: int, dst: int, protocol: int, src_port: int | None, dst_port: int | None) -> tuple:
    """The same for both directions. Addresses of 128 bits, IPv4 mapped."""
    return protocol, *sorted([(src, -1 if src_port is None else src_port), (dst, -1 if dst_port is None else dst_port)])


def outer(frame: dict[str, str]) -> Outer | None:
    """The outermost IP packet of the frame, if there is one: by the order of frame.protocols."""
    layers = frame["frame.protocols"].split(":")
    at = next((i for i, name in enumerate(layers) if name in ("ip", "ipv6")), None)
    if at is None:
        return None
    version = 4 if layers[at] == "ip" else 6
    prefix = "ip" if version == 4 else "ipv6"
    if f"{prefix}.dst" not in frame:
        return None
    src, dst = (_number(frame[f"{prefix}.{side}"]) for side in ("src", "dst"))
    after = at + 1
    if version == 4:
        protocol, octets = int(frame["ip.proto"]), int(frame["ip.len"])
    else:
        protocol, octets = int(frame["ipv6.nxt"]), 40 + int(frame["ipv6.plen"])
        while after < len(layers) and layers[after] in EXTENSION_PROTOCOLS and protocol in EXTENSION_PROTOCOLS.values():
            name = "ah.next_header" if layers[after] == "ah" else f"{layers[after]}.nxt"
            protocol = int(frame.get(name, protocol))
            after += 1
    transport = layers[after] if after < len(layers) and layers[after] in TRANSPORTS else ""
    ports = None
    if transport in PORTED and f"{transport}.dstport" in frame:
        ports = int(frame[f"{transport}.srcport"]), int(frame[f"{transport}.dstport"])
    return Outer(int(frame["frame.number"]), version, src, dst, protocol, octets, transport, ports, frame)


def with_ports_of_first(packets: list[Outer], lifetime_s: float) -> list[Outer]:
    """Later fragments have the ports of the first fragment of their datagram, where that came before them, not too long ago."""
    firsts: dict[tuple, tuple[float, tuple[int, int] | None]] = {}
    found = []
    for packet in packets:
        if packet.fragment:
            identification = packet.fields.get("ip.id" if packet.version == 4 else "ipv6.fraghdr.ident")
            key = packet.src, packet.dst, identification, packet.protocol if packet.version == 4 else None
            now_s = float(packet.fields["frame.time_epoch"])
            if not packet.later_fragment:
                firsts[key] = now_s, packet.ports
            elif key in firsts and abs(now_s - firsts[key][0]) <= lifetime_s:
                packet = replace(packet, ports=firsts[key][1])  # noqa: PLW2901
        found.append(packet)
    return found


def _number(address: str) -> int:
    parsed = ip_address(address)
    return int(parsed) + (0xFFFF << 32 if parsed.version == 4 else 0)


def totals(packets: list[Outer]) -> dict[tuple, tuple[int, int]]:
    """Conversation -> (packets, octets)."""
    count, octets = Counter(), Counter()
    for packet in packets:
        count[packet.conversation] += 1
        octets[packet.conversation] += packet.octets
    return {key: (count[key], octets[key]) for key in count}
