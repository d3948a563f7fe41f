"""Kernel: the IPv4 header into a packet record."""

from numba import njit, uint64

from tmon_common.kernels.byteorder import be16, be32
from tmon_probe import records as r
from tmon_probe.father import counts

GOOD = 0
MAX_OFFLOADED = 1 << 20
"""Octets that a packet without a length of its own may have (left out by segmentation offload, or a jumbogram)."""

_FRAGMENT, _LATER, _MORE, _DONT = r.FRAGMENT, r.LATER_FRAGMENT, r.MORE_FRAGMENTS, r.DONT_FRAGMENT
_TIMESTAMP, _ROUTE, _ALERT = r.IP_TIMESTAMP, r.RECORD_ROUTE, r.ROUTER_ALERT
_MAPPED = uint64(0xFFFF00000000)
_CUT, _LENGTH = counts.MALFORMED_IP_CUT, counts.MALFORMED_IP_LENGTH


@njit(cache=True, nogil=True, inline="always")
def dissect_ipv4(data, at, end, wire_end, record):
    """IPv4 header at data[at] (uint8; captured up to `end`, on the wire up to `wire_end`) into `record` (records.PACKET).

    Returns (GOOD or the reason, one of counts.MALFORMED_*; position after the header; octets from there by the total length; end of
    the packet, as far as it was captured; bits of `flags`). Source: RFC 791 section 3.1.
    """
    if at + 20 > end:
        return _CUT, at, 0, end, 0
    header = (int(data[at]) & 0x0F) * 4
    total = be16(data, at + 2)
    if total == 0:  # left to the NIC by segmentation offload
        total = wire_end - at
    if header < 20 or total < header or total > MAX_OFFLOADED:
        return _LENGTH, at, 0, end, 0
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
    if header > 20:
        flags |= ipv4_options(data, at + 20, min(at + header, end))
    return GOOD, at + header, total - header, end, flags


@njit(cache=True, nogil=True)
def ipv4_options(data, at, end):
    """Bits of `flags` for the options data[at:end] (uint8): IP_TIMESTAMP, RECORD_ROUTE, ROUTER_ALERT.

    An option counts if it is whole and not shorter than its RFC allows. The first that is cut, or whose length cannot be, ends the
    list. What is in them stays there: tmon_common.ip_timestamp reads it. Sources: RFC 791 section 3.1, RFC 781, RFC 2113.
    """
    flags = 0
    while at + 2 <= end:
        kind = data[at]
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        size = int(data[at + 1])
        if size < 2 or at + size > end:
            break
        if kind == 68 and size >= 4:
            flags |= _TIMESTAMP
        elif kind == 7 and size >= 3:
            flags |= _ROUTE
        elif kind == 148 and size == 4:
            flags |= _ALERT
        at += size
    return flags
