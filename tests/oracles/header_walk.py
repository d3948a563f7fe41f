"""Slow twin of the dissection: the same headers by slicing octets, with an exception where they end.

Written from the standards, not from the kernels: IEEE 802.3/802.1Q, RFC 1042, 3032, 2516, 791, 8200, 4302, 6946, 9293, 768, 792,
4443; of tunnels RFC 2003, 2473, 4213, 2784, 2890, 4023.
"""

from tests.oracles.option_walk import hop_by_hop_flags, ipv4_flags, tcp_fields
from tmon_probe import records as r
from tmon_probe.father import counts

VLAN_TYPES = {0x8100, 0x88A8, 0x9100, 0x9200}
EXTENSIONS = {0, 43, 44, 51, 60, 135, 139, 140}
WITH_PORTS = {6, 17, 33, 132, 136}
DEPTH = 8  # tags, labels
CHAIN = 16  # IPv6 extension headers
TUNNELS = 4
IN_GRE = {0x0800, 0x86DD, 0x8847, 0x8848}


class CutError(Exception):
    """The octets end before the header does."""


class OtherError(Exception):
    """No IP."""


class MalformedError(Exception):
    """Its argument is the reason, a name of counts.NAMES."""


class Octets:
    """A piece of the frame: asking beyond its end is an error."""

    def __init__(self, octets: bytes) -> None:
        self.rest = octets

    def take(self, n: int) -> bytes:
        if n > len(self.rest):
            raise CutError
        taken, self.rest = self.rest[:n], self.rest[n:]
        return taken

    def number(self, n: int) -> int:
        return int.from_bytes(self.take(n), "big")


def walk(frame: bytes, link_type: int, wire: int, inner: bool = False) -> tuple[str, dict | None, dict | None]:
    """(outcome, fields of the record, fields of the record of the quoted packet).

    outcome: relevant (every packet is in the class), other, or the reason why it is malformed.
    inner: of a packet that carries another, the other.
    """
    octets = Octets(frame)
    try:
        version, vlan = _link(octets, link_type)
    except OtherError:
        return "other", None, None
    except CutError:
        return "malformed_link", None, None
    at = len(frame) - len(octets.rest)
    try:
        fields, icmp = measured(octets.rest, version, wire - at, TUNNELS if inner else 0)
    except MalformedError as reason:
        return str(reason), None, None
    place = {"vlan": vlan or 0}
    tag = r.HAS_VLAN if vlan is not None else 0
    fields |= place | {"wire_octets": wire, "quoted_mask": 0}
    fields["flags"] |= tag | (r.SNAPPED if wire > len(frame) else 0)
    quoted = None
    errors = {3, 4, 5, 11, 12} if fields["ip_version"] == 4 else {1, 2, 3, 4}
    if icmp is not None and fields["icmp_type"] in errors:
        try:
            quoted, icmp = measured(icmp[8:], fields["ip_version"], len(icmp) - 8, 0)
        except MalformedError:
            return "relevant", fields, None
        quoted |= place | {"wire_octets": 0, "quoted_mask": fields["icmp_type"] << 8 | fields["icmp_code"]}
        quoted["flags"] |= tag | r.QUOTED
        fields["quoted_mask"] = 1
    return "relevant", fields, quoted


def network_of(frame: bytes, link_type: int) -> bytes:
    """What follows the link header, of a frame that has a good one."""
    octets = Octets(frame)
    _link(octets, link_type)
    return octets.rest


def _link(octets: Octets, link_type: int) -> tuple[int | None, int | None]:
    """(IP version or None: see the packet, VLAN)."""
    if link_type == 1:
        octets.take(12)
        return _ethertype(octets, octets.number(2))
    if link_type == 113:
        octets.take(14)
        return _ethertype(octets, octets.number(2))
    if link_type == 276:
        kind = octets.number(2)
        octets.take(18)
        return _ethertype(octets, kind)
    if link_type in (12, 14, 101):
        return None, None
    if link_type in (228, 229):
        return (4 if link_type == 228 else 6), None
    assert link_type in (0, 108)
    family = octets.take(4)
    for order in ("big", "little"):
        number = int.from_bytes(family, order)
        if number == 2:
            return 4, None
        if number in (10, 24, 28, 30):
            return 6, None
    raise OtherError


def _ethertype(octets: Octets, kind: int) -> tuple[int | None, int | None]:
    vlan = None
    for _ in range(DEPTH):
        if kind == 0x0800:
            return 4, vlan
        if kind == 0x86DD:
            return 6, vlan
        if kind in VLAN_TYPES:
            tag = octets.take(4)
            if vlan is None:
                vlan = int.from_bytes(tag[:2], "big") & 0xFFF
            kind = int.from_bytes(tag[2:], "big")
        elif kind < 1536:
            snap = octets.rest[:8]
            if len(snap) < 8 or snap[:5] != b"\xaa\xaa\x03\x00\x00":
                raise OtherError
            octets.take(6)
            kind = octets.number(2)
        elif kind == 0x8864:
            octets.take(6)
            version = {0x0021: 4, 0x0057: 6}.get(octets.number(2))
            if version is None:
                raise OtherError
            return version, vlan
        elif kind in (0x8847, 0x8848):
            for _ in range(DEPTH):
                if octets.take(4)[2] & 1:
                    break
            else:
                raise CutError
            if not octets.rest:
                raise CutError
            if octets.rest[0] >> 4 not in (4, 6):
                raise OtherError
            return None, vlan
        else:
            raise OtherError
    raise OtherError


def measured(packet: bytes, version: int | None, wire: int, tunnels: int) -> tuple[dict, bytes | None]:
    """(fields of the record, the ICMP message or None) of a packet, or of the one that it carries, `tunnels` deep at most."""
    fields, body, length = network(packet, version, wire)
    if tunnels and body is not None and not fields["flags"] & r.FRAGMENT:
        try:
            carried = Octets(body)
            version = _carried(carried, fields["protocol"])
            inner, icmp = measured(carried.rest, version, length - (len(body) - len(carried.rest)), tunnels - 1)
        except (CutError, OtherError, MalformedError):
            pass
        else:
            inner["flags"] |= r.TUNNELLED
            return inner, icmp
    icmp = None
    if body is not None and not fields["flags"] & r.LATER_FRAGMENT:
        icmp = _transport(body, length, fields)
    return fields, icmp


def _carried(octets: Octets, protocol: int) -> int | None:
    """IP version (None: see the packet) of the packet that is carried, of which `octets` are then the rest."""
    if protocol in (4, 41):
        return {4: 4, 41: 6}[protocol]
    if protocol != 47:
        raise OtherError
    flags = f"{octets.number(2):016b}"
    kind = octets.number(2)
    checksum, routing, key, sequence, strict, recursion = (bit == "1" for bit in flags[:6])
    if routing or strict or recursion or flags[13:] != "000":
        raise OtherError
    octets.take(4 * (checksum + key + sequence))
    if kind == 0x6558:
        octets.take(12)
        kind = octets.number(2)
    elif kind not in IN_GRE:
        raise OtherError
    return _ethertype(octets, kind)[0]


def network(packet: bytes, version: int | None, wire: int) -> tuple[dict, bytes | None, int]:
    """(fields of the record, what follows the IP header and its extensions, None if these are cut; its length by the header)."""
    if not packet:
        raise MalformedError("malformed_ip_cut")
    found = packet[0] >> 4
    if found not in (4, 6) or version not in (None, found):
        raise MalformedError("malformed_ip_version")
    fields = dict.fromkeys(("src_port", "dst_port", "tcp_flags", "tcp_seq", "tcp_ack", "tcp_window", "tcp_tsval", "tcp_tsecr",
                            "icmp_type", "icmp_code", "payload_octets", "fragment_id", "fragment_offset"), 0)  # fmt: skip
    fields |= {"ip_version": found, "flags": 0}
    try:
        body, length = _ipv4(packet, wire, fields) if found == 4 else _ipv6(packet, wire, fields)
    except CutError:
        raise MalformedError("malformed_ip_cut") from None
    return fields, body, length


def _address(fields: dict, side: str, octets: bytes) -> None:
    number = int.from_bytes(octets, "big") + (0xFFFF << 32 if len(octets) == 4 else 0)
    fields[f"{side}_hi"], fields[f"{side}_lo"] = number >> 64, number & (1 << 64) - 1


def _ipv4(packet: bytes, wire: int, fields: dict) -> tuple[bytes | None, int]:
    """(what follows the header; its length by the header)."""
    header = Octets(packet)
    size = (header.number(1) & 15) * 4
    fields["tos"] = header.number(1)
    total = header.number(2) or wire
    fields["fragment_id"] = header.number(2)
    word = header.number(2)
    fields["ttl"], fields["protocol"] = header.take(2)
    header.take(2)
    _address(fields, "src", header.take(4))
    _address(fields, "dst", header.take(4))
    if size < 20 or total < size:
        raise MalformedError("malformed_ip_length")
    fields["ip_octets"] = total
    offset, more = word & 0x1FFF, word >> 13 & 1
    fields["fragment_offset"] = offset
    fields["flags"] |= (word >> 14 & 1) * r.DONT_FRAGMENT | more * r.MORE_FRAGMENTS
    fields["flags"] |= (offset > 0) * r.LATER_FRAGMENT | (offset > 0 or more) * r.FRAGMENT
    fields["flags"] |= ipv4_flags(packet[20 : min(size, total)])
    return packet[size:total], total - size


def _ipv6(packet: bytes, wire: int, fields: dict) -> tuple[bytes | None, int]:
    header = Octets(packet)
    word = header.number(4)
    length, following, fields["ttl"] = header.number(2), header.number(1), header.number(1)
    _address(fields, "src", header.take(16))
    _address(fields, "dst", header.take(16))
    if length == 0 and (following in (6, 17) or (following == 0 and packet[42:43] == b"\xc2" and len(packet) >= 44)):
        length = max(wire - 40, 0)
    fields["tos"] = word >> 20 & 0xFF
    fields["ip_octets"] = 40 + length
    body = packet[40 : 40 + length]
    for _ in range(CHAIN):
        fields["protocol"] = following
        if following not in EXTENSIONS:
            return body, length
        if len(body) < 8:
            return None, length
        following = body[0]
        if fields["protocol"] == 44:
            word = int.from_bytes(body[2:4], "big")
            fields["fragment_id"], fields["fragment_offset"] = int.from_bytes(body[4:8], "big"), word >> 3
            more, later = word & 1, word >> 3 > 0
            fields["flags"] |= (more or later) * r.FRAGMENT | more * r.MORE_FRAGMENTS | later * r.LATER_FRAGMENT
            if later:
                fields["protocol"] = following
                return body[8:], length - 8
            size = 8
        elif fields["protocol"] == 51:
            size = 4 * (body[1] + 2)
        else:
            size = 8 * (body[1] + 1)
            if fields["protocol"] == 0:
                fields["flags"] |= hop_by_hop_flags(body[2:size])
        body, length = body[size:], length - size
    fields["protocol"] = following
    return None, length


def _transport(body: bytes, length: int, fields: dict) -> bytes | None:
    protocol = fields["protocol"]
    if protocol in WITH_PORTS and len(body) >= 4:
        fields["src_port"], fields["dst_port"] = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        fields["flags"] |= r.HAS_PORTS
    if protocol == 6 and len(body) >= 20:
        header = Octets(body[4:])
        fields["tcp_seq"], fields["tcp_ack"], word, fields["tcp_window"] = (header.number(n) for n in (4, 4, 2, 2))
        fields["tcp_flags"] = word & 0x1FF
        fields["flags"] |= r.HAS_TCP
        size = 4 * (word >> 12)
        if size >= 20:
            fields["payload_octets"] = max(length - size, 0)
        options = tcp_fields(body[20:size])
        flags = fields["flags"] | options.pop("flags")
        fields |= options | {"flags": flags}
    elif protocol == 17 and len(body) >= 8:
        told = int.from_bytes(body[4:6], "big")
        lie = told == 0 or (told > length and not fields["flags"] & r.FRAGMENT)
        fields["payload_octets"] = max((length if lie else told) - 8, 0)
        fields["flags"] |= r.HAS_UDP | (r.NO_CHECKSUM if body[6:8] == b"\0\0" else 0)
    elif (fields["ip_version"], protocol) in ((4, 1), (6, 58)) and len(body) >= 4:
        fields["icmp_type"], fields["icmp_code"] = body[:2]
        fields["payload_octets"] = max(length - 8, 0)
        fields["flags"] |= r.HAS_ICMP
        if (protocol, body[0]) in ((1, 0), (1, 8), (58, 128), (58, 129)) and len(body) >= 8:
            fields["icmp_id"], fields["icmp_seq"] = int.from_bytes(body[4:6], "big"), int.from_bytes(body[6:8], "big")
            fields["flags"] |= r.HAS_ECHO
        return body
    return None


OUTCOMES = ("relevant", "irrelevant", "other", *(n for n in counts.NAMES if n.startswith("malformed_")))
