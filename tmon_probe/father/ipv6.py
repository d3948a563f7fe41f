"""Kernel: the IPv6 header and its extension headers into a packet record."""

from numba import njit

from tmon_common.kernels.byteorder import be16, be32, be64, low32
from tmon_probe import records as r
from tmon_probe.father import counts
from tmon_probe.father.ipv4 import GOOD, MAX_OFFLOADED
from tmon_probe.father.transport import NO_TRANSPORT, TCP, UDP

MAX_EXTENSION_HEADERS = 16

_HOP_BY_HOP, _ROUTING, _FRAGMENT_HEADER, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
_MOBILITY, _HOST_IDENTITY, _SHIM6 = 135, 139, 140
_FRAGMENT, _LATER, _MORE, _ALERT = r.FRAGMENT, r.LATER_FRAGMENT, r.MORE_FRAGMENTS, r.ROUTER_ALERT
_CUT, _LENGTH = counts.MALFORMED_IP_CUT, counts.MALFORMED_IP_LENGTH


@njit(cache=True, nogil=True, inline="always")
def dissect_ipv6(data, at, end, wire_end, record):
    """IPv6 header at data[at] (uint8; captured up to `end`, on the wire up to `wire_end`) into `record` (records.PACKET).

    Returns (GOOD or the reason, one of counts.MALFORMED_*; position after the extension headers, NO_TRANSPORT if their chain is cut
    or longer than MAX_EXTENSION_HEADERS; octets from there by the payload length; end of the packet, as far as it was captured;
    bits of `flags`). AH (RFC 4302) is stepped over, ESP ends the chain; an atomic fragment (RFC 6946) counts as unfragmented, its
    identification is kept. Source: RFC 8200 sections 3 and 4.
    """
    if at + 40 > end:
        return _CUT, NO_TRANSPORT, 0, end, 0
    payload = be16(data, at + 4)
    following = int(data[at + 6])
    if payload == 0:  # a jumbogram (RFC 2675: its option comes first), or left to the NIC by segmentation offload
        jumbo = following == _HOP_BY_HOP and at + 44 <= end and data[at + 42] == 0xC2
        if jumbo or following in (TCP, UDP):
            payload = max(wire_end - at - 40, 0)
            if payload > MAX_OFFLOADED:
                return _LENGTH, NO_TRANSPORT, 0, end, 0
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
    body = NO_TRANSPORT
    for _ in range(MAX_EXTENSION_HEADERS):
        if following in (_HOP_BY_HOP, _ROUTING, _DESTINATION, _AUTHENTICATION, _MOBILITY, _HOST_IDENTITY, _SHIM6):
            if at + 8 > end:
                break
            size = (int(data[at + 1]) + 2) * 4 if following == _AUTHENTICATION else (int(data[at + 1]) + 1) * 8
            if following == _HOP_BY_HOP:
                flags |= hop_by_hop_options(data, at + 2, min(at + size, end))
            following = int(data[at])
            at += size
        elif following == _FRAGMENT_HEADER:
            if at + 8 > end:
                break
            word = be16(data, at + 2)
            record.fragment_id = low32(be32(data, at + 4))
            record.fragment_offset = word >> 3
            if word & 0xFFF9:
                flags |= _FRAGMENT
            if word & 1:
                flags |= _MORE
            following = int(data[at])
            at += 8
            if word >> 3:
                flags |= _LATER
                body = at
                break
        else:
            body = at
            break
    record.protocol = following
    return GOOD, body, packet_end - at, end, flags


@njit(cache=True, nogil=True)
def hop_by_hop_options(data, at, end):
    """Bits of `flags` for the options data[at:end] (uint8) of a hop-by-hop header: ROUTER_ALERT. RFC 8200 section 4.2, RFC 2711."""
    while at + 2 <= end:
        if data[at] == 0:  # Pad1
            at += 1
            continue
        size = 2 + int(data[at + 1])
        if at + size > end:
            break
        if data[at] == 5 and size == 4:
            return _ALERT
        at += size
    return 0
