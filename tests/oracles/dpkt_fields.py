"""What dpkt reads in a frame, in the words of our packet record."""

import struct

import dpkt

from tmon_probe import records as r
from tmon_probe.father.capture import linktypes

RAW = {linktypes.RAW, linktypes.RAW_BSD, linktypes.RAW_OPENBSD, linktypes.IPV4, linktypes.IPV6}
_LINKS = {
    linktypes.ETHERNET: dpkt.ethernet.Ethernet, linktypes.LINUX_SLL: dpkt.sll.SLL, linktypes.LINUX_SLL2: dpkt.sll2.SLL2,
    linktypes.NULL: dpkt.loopback.Loopback, linktypes.LOOP: dpkt.loopback.Loopback,
}  # fmt: skip
OF_TCP_OPTIONS = r.HAS_MSS | r.HAS_WINDOW_SCALE | r.SACK_PERMITTED | r.HAS_SACK | r.HAS_TIMESTAMPS
OF_TRANSPORT = r.HAS_PORTS | r.HAS_TCP | r.HAS_UDP | r.HAS_ICMP | r.HAS_ECHO | r.NO_CHECKSUM | OF_TCP_OPTIONS
NOT_READ = r.IP_TIMESTAMP | r.RECORD_ROUTE | r.ROUTER_ALERT


def as_dpkt_reads(flags: int, expected: int) -> int:
    """`flags` of a record without those that dpkt did not look for when it gave `expected`."""
    return flags & ~NOT_READ & ~(0 if expected & OF_TRANSPORT else OF_TRANSPORT)


def fields_by_dpkt(frame: bytes, link_type: int, wire: int) -> dict | None:
    """Fields of records.PACKET that dpkt knows; None where it finds no IP. dpkt.UnpackError where it gives up.

    `flags` lacks those of the transport (OF_TRANSPORT) where dpkt does not read that header.
    """
    if link_type in RAW:
        packet, vlan = (dpkt.ip.IP if frame[0] >> 4 == 4 else dpkt.ip6.IP6)(frame), None
    else:
        link = _LINKS[link_type](frame)
        tags = getattr(link, "vlan_tags", None)
        vlan, packet = tags[0].id if tags else None, link.data
        while isinstance(packet, dpkt.llc.LLC | dpkt.pppoe.PPPoE | dpkt.ppp.PPP):
            packet = packet.data
    if not isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
        return None
    fields = _ipv4(packet) if isinstance(packet, dpkt.ip.IP) else _ipv6(packet)
    fields["vlan"] = vlan or 0
    fields["wire_octets"] = wire
    fields["flags"] |= (vlan is not None) * r.HAS_VLAN | (wire > len(frame)) * r.SNAPPED
    return fields


def quoted_by_dpkt(frame: bytes, link_type: int) -> dict | None:
    """Of an ICMP error: fields of the packet it quotes."""
    packet = frame if link_type in RAW else _LINKS[link_type](frame)
    while not isinstance(packet, dpkt.icmp.ICMP | dpkt.icmp6.ICMP6):
        packet = packet.data
    quoted = packet.data.data
    return _ipv4(quoted) if isinstance(quoted, dpkt.ip.IP) else _ipv6(quoted) if isinstance(quoted, dpkt.ip6.IP6) else None


def _address(side: str, octets: bytes) -> dict:
    number = int.from_bytes(octets, "big") + (0xFFFF << 32 if len(octets) == 4 else 0)
    return {f"{side}_hi": number >> 64, f"{side}_lo": number & (1 << 64) - 1}


def _ipv4(ip: dpkt.ip.IP) -> dict:
    offset = ip.offset
    flags = ip.df * r.DONT_FRAGMENT | ip.mf * r.MORE_FRAGMENTS
    flags |= (offset > 0) * r.LATER_FRAGMENT | bool(offset or ip.mf) * r.FRAGMENT
    fields = {"ip_version": ip.v, "tos": ip.tos, "ttl": ip.ttl, "protocol": ip.p, "fragment_id": ip.id,
              "fragment_offset": offset, "flags": flags, **_address("src", ip.src), **_address("dst", ip.dst)}
    if ip.len:
        fields["ip_octets"] = ip.len
        _transport(ip.data, ip.len - 4 * ip.hl, fields)
    return fields


def _ipv6(ip: dpkt.ip6.IP6) -> dict:
    fields = {"ip_version": ip.v, "tos": ip.fc, "ttl": ip.hlim, "protocol": ip.p, "flags": 0,
              **_address("src", ip.src), **_address("dst", ip.dst)}
    fragments = [e for e in ip.all_extension_headers if isinstance(e, dpkt.ip6.IP6FragmentHeader)]
    for header in fragments:
        fields |= {"fragment_id": header.id, "fragment_offset": header.frag_off}
        fields["flags"] |= header.m_flag * r.MORE_FRAGMENTS | (header.frag_off > 0) * r.LATER_FRAGMENT
        fields["flags"] |= bool(header.m_flag or header.frag_off) * r.FRAGMENT
    if ip.plen:
        fields["ip_octets"] = 40 + ip.plen
        if not fields["flags"] & r.LATER_FRAGMENT:
            _transport(ip.data, ip.plen - sum(e.length for e in ip.all_extension_headers), fields)
    return fields


def _transport(transport: dpkt.Packet | bytes, length: int, fields: dict) -> None:
    """length: octets from the transport header on, by the IP header."""
    if isinstance(transport, dpkt.tcp.TCP):
        fields |= {"src_port": transport.sport, "dst_port": transport.dport, "tcp_seq": transport.seq, "tcp_ack": transport.ack,
                   "tcp_flags": transport.flags, "tcp_window": transport.win,
                   "payload_octets": max(length - 4 * transport.off, 0)}
        fields["flags"] |= r.HAS_PORTS | r.HAS_TCP
        _tcp_options(transport.opts, fields)
    elif isinstance(transport, dpkt.udp.UDP):
        fields |= {"src_port": transport.sport, "dst_port": transport.dport}
        if 8 <= transport.ulen <= length or fields["flags"] & r.FRAGMENT:
            fields["payload_octets"] = transport.ulen - 8
        fields["flags"] |= r.HAS_PORTS | r.HAS_UDP | (transport.sum == 0) * r.NO_CHECKSUM
    elif isinstance(transport, dpkt.icmp.ICMP | dpkt.icmp6.ICMP6) and (
            isinstance(transport, dpkt.icmp.ICMP) == (fields["ip_version"] == 4)):
        fields |= {"icmp_type": transport.type, "icmp_code": transport.code, "payload_octets": max(length - 8, 0)}
        fields["flags"] |= r.HAS_ICMP
        if transport.type in ((0, 8) if fields["ip_version"] == 4 else (128, 129)):
            try:
                echo = dpkt.icmp.ICMP.Echo(bytes(transport.data))
            except dpkt.NeedData:
                return
            fields |= {"icmp_id": echo.id, "icmp_seq": echo.seq}
            fields["flags"] |= r.HAS_ECHO


def _up_to_a_lie(octets: bytes) -> bytes:
    """dpkt takes an option shorter than kind and length, or longer than there is, for one without a value: those before count."""
    at = 0
    while at + 1 < len(octets) and octets[at]:
        if octets[at] == dpkt.tcp.TCP_OPT_NOP:
            at += 1
        elif octets[at + 1] < 2 or at + octets[at + 1] > len(octets):
            return octets[:at]
        else:
            at += octets[at + 1]
    return octets


def _tcp_options(octets: bytes, fields: dict) -> None:
    fields |= {"tcp_tsval": 0, "tcp_tsecr": 0}
    for option in dpkt.tcp.parse_opts(_up_to_a_lie(octets)):
        if option is None or option[0] == dpkt.tcp.TCP_OPT_EOL:
            break
        kind, value = option
        numbers = struct.unpack(f">{len(value) // 4}I", value[: len(value) // 4 * 4])
        if kind == dpkt.tcp.TCP_OPT_MSS and len(value) == 2:
            fields["tcp_mss"] = int.from_bytes(value, "big")
            fields["flags"] |= r.HAS_MSS
        elif kind == dpkt.tcp.TCP_OPT_WSCALE and len(value) == 1:
            fields["tcp_window_scale"] = value[0]
            fields["flags"] |= r.HAS_WINDOW_SCALE
        elif kind == dpkt.tcp.TCP_OPT_SACKOK and not value:
            fields["flags"] |= r.SACK_PERMITTED
        elif kind == dpkt.tcp.TCP_OPT_SACK and numbers and len(value) % 8 == 0:
            fields |= {"sack": list(numbers[:8]), "sack_blocks": min(len(numbers) // 2, 4)}
            fields["flags"] |= r.HAS_SACK
        elif kind == dpkt.tcp.TCP_OPT_TIMESTAMP and len(value) == 8:
            fields["tcp_tsval"], fields["tcp_tsecr"] = numbers
            fields["flags"] |= r.HAS_TIMESTAMPS
