"""Kernel: IP and transport headers into a packet record."""

from numba import njit, uint64

from tmon_common.kernels.byteorder import be16, be32, be64, low32
from tmon_probe import records as r
from tmon_probe.father import counts
from tmon_probe.father.link import ETHERTYPE_IPV4, IP_BY_VERSION

GOOD = 0
NO_TRANSPORT = -1  # where `dissect_ip` found no transport header
MAX_EXTENSION_HEADERS = 16
MAX_OFFLOADED = 1 << 20
"""Octets that a packet without a length of its own may have (left out by segmentation offload, or a jumbogram)."""
TCP, UDP, ICMP, ICMPV6, SCTP, DCCP, UDP_LITE = 6, 17, 1, 58, 132, 33, 136

_HAS_PORTS, _HAS_ICMP, _HAS_TCP, _HAS_UDP = r.HAS_PORTS, r.HAS_ICMP, r.HAS_TCP, r.HAS_UDP
_FRAGMENT, _LATER, _MORE, _DONT = r.FRAGMENT, r.LATER_FRAGMENT, r.MORE_FRAGMENTS, r.DONT_FRAGMENT
_NO_CHECKSUM, _MAPPED = r.NO_CHECKSUM, uint64(0xFFFF00000000)
_CUT, _VERSION, _LENGTH = counts.MALFORMED_IP_CUT, counts.MALFORMED_IP_VERSION, counts.MALFORMED_IP_LENGTH


@njit(cache=True, nogil=True, inline="always")
def dissect_ip(data, at, end, wire_end, kind, record):
    """IP header at data[at] (uint8; captured up to `end`, on the wire up to `wire_end`) and the transport header after it.

    kind: ETHERTYPE_IPV4, ETHERTYPE_IPV6 or IP_BY_VERSION. Fills the address, IP and transport fields of `record` (records.PACKET).
    Returns (GOOD or the reason, one of counts.MALFORMED_*; position of the transport header or NO_TRANSPORT; end of the packet by
    its own length, as far as it was captured).
    Sources: RFC 791, RFC 8200.
    """
    if at >= end:
        return _CUT, NO_TRANSPORT, NO_TRANSPORT, end
    version = data[at] >> 4
    if kind == IP_BY_VERSION:
        if version not in (4, 6):
            return _VERSION, NO_TRANSPORT, NO_TRANSPORT, end
    elif version != (4 if kind == ETHERTYPE_IPV4 else 6):
        return _VERSION, NO_TRANSPORT, NO_TRANSPORT, end
    record.ip_version = version
    record.fragment_id = 0
    record.fragment_offset = 0
    record.src_port = 0
    record.dst_port = 0
    record.tcp_flags = 0
    record.tcp_seq = 0
    record.tcp_ack = 0
    record.tcp_window = 0
    record.icmp_type = 0
    record.icmp_code = 0
    record.payload_octets = 0
    if version == 4:
        return _ipv4(data, at, end, wire_end, record)
    return _ipv6(data, at, end, wire_end, record)


@njit(cache=True, nogil=True, inline="always")
def _ipv4(data, at, end, wire_end, record):
    """RFC 791 section 3.1."""
    if at + 20 > end:
        return _CUT, NO_TRANSPORT, NO_TRANSPORT, end
    header = (data[at] & 0x0F) * 4
    total = be16(data, at + 2)
    if total == 0:  # left to the NIC by segmentation offload
        total = wire_end - at
    if header < 20 or total < header or total > MAX_OFFLOADED:
        return _LENGTH, NO_TRANSPORT, NO_TRANSPORT, end
    word = be16(data, at + 6)
    flags = 0
    if word & 0x4000:
        flags |= _DONT
    if word & 0x3FFF:
        flags |= _FRAGMENT
        if word & 0x2000:
            flags |= _MORE
        if word & 0x1FFF:
            flags |= _LATER
    record.tos = data[at + 1]
    record.ttl = data[at + 8]
    record.protocol = data[at + 9]
    record.ip_octets = total
    record.fragment_id = be16(data, at + 4)
    record.fragment_offset = word & 0x1FFF
    record.src_hi = 0
    record.src_lo = _MAPPED | uint64(be32(data, at + 12))
    record.dst_hi = 0
    record.dst_lo = _MAPPED | uint64(be32(data, at + 16))
    end = min(end, at + total)
    if flags & _LATER:
        record.flags = flags
        return GOOD, NO_TRANSPORT, at + header, end
    return _transport(data, at + header, end, total - header, record, flags)


@njit(cache=True, nogil=True, inline="always")
def _ipv6(data, at, end, wire_end, record):
    """RFC 8200 sections 3 and 4; AH (RFC 4302) is stepped over, ESP ends the chain."""
    if at + 40 > end:
        return _CUT, NO_TRANSPORT, NO_TRANSPORT, end
    payload = be16(data, at + 4)
    following = int(data[at + 6])
    if payload == 0:  # a jumbogram (RFC 2675: its option comes first), or left to the NIC by segmentation offload
        jumbo = following == 0 and at + 44 <= end and data[at + 42] == 0xC2
        if jumbo or following in (TCP, UDP):
            payload = max(wire_end - at - 40, 0)
            if payload > MAX_OFFLOADED:
                return _LENGTH, NO_TRANSPORT, NO_TRANSPORT, end
    record.tos = ((data[at] & 0x0F) << 4) | (data[at + 1] >> 4)
    record.ttl = data[at + 7]
    record.ip_octets = 40 + payload
    record.src_hi = be64(data, at + 8)
    record.src_lo = be64(data, at + 16)
    record.dst_hi = be64(data, at + 24)
    record.dst_lo = be64(data, at + 32)
    packet_end = at + 40 + payload
    end = min(end, packet_end)
    at += 40
    flags = 0
    for _ in range(MAX_EXTENSION_HEADERS):
        if following == 44:
            if at + 8 > end:
                break
            word = be16(data, at + 2)
            record.fragment_id = low32(be32(data, at + 4))
            record.fragment_offset = word >> 3
            flags |= _FRAGMENT
            if word & 1:
                flags |= _MORE
            following = int(data[at])
            at += 8
            if word >> 3:
                flags |= _LATER
                break
        elif following in (0, 43, 60, 135, 139, 140, 51):
            if at + 8 > end:
                break
            size = (int(data[at + 1]) + 2) * 4 if following == 51 else (int(data[at + 1]) + 1) * 8
            following = int(data[at])
            at += size
        else:
            record.protocol = following
            return _transport(data, at, end, packet_end - at, record, flags)
    record.protocol = following
    record.flags = flags
    return GOOD, NO_TRANSPORT, at, end


@njit(cache=True, nogil=True, inline="always")
def _transport(data, at, end, octets, record, flags):
    """Transport header at data[at]; `octets` from there to the end of the packet by its IP header."""
    protocol = record.protocol
    found = NO_TRANSPORT
    if protocol in (TCP, UDP, SCTP, DCCP, UDP_LITE):
        if at + 4 <= end:
            record.src_port = be16(data, at)
            record.dst_port = be16(data, at + 2)
            flags |= _HAS_PORTS
        if protocol == TCP and at + 20 <= end:  # RFC 9293 section 3.1
            found = at
            flags |= _HAS_TCP
            word = be16(data, at + 12)
            record.tcp_seq = low32(be32(data, at + 4))
            record.tcp_ack = low32(be32(data, at + 8))
            record.tcp_flags = word & 0x01FF
            record.tcp_window = be16(data, at + 14)
            header = (word >> 12) * 4
            if header >= 20:
                record.payload_octets = max(octets - header, 0)
        elif protocol == UDP and at + 8 <= end:  # RFC 768
            found = at
            flags |= _HAS_UDP
            length = be16(data, at + 4)
            if length == 0 or (length > octets and not flags & _FRAGMENT):  # jumbogram (RFC 2675), or a lie
                length = octets
            record.payload_octets = max(length - 8, 0)
            if be16(data, at + 6) == 0:
                flags |= _NO_CHECKSUM
    elif protocol == (ICMP if record.ip_version == 4 else ICMPV6) and at + 4 <= end:  # RFC 792, RFC 4443
        found = at
        flags |= _HAS_ICMP
        record.icmp_type = data[at]
        record.icmp_code = data[at + 1]
        record.payload_octets = max(octets - 8, 0)
    record.flags = flags
    return GOOD, found, at, end
