"""Kernel: IP and transport headers into a packet record."""

from numba import njit

from tmon_probe import records as r
from tmon_probe.father import counts
from tmon_probe.father.ethertypes import ETHERTYPE_IPV4, IP_BY_VERSION
from tmon_probe.father.ipv4 import GOOD, dissect_ipv4
from tmon_probe.father.ipv6 import dissect_ipv6
from tmon_probe.father.transport import NO_TRANSPORT, dissect_transport

__all__ = ["GOOD", "NO_TRANSPORT", "dissect_ip"]

_LATER = r.LATER_FRAGMENT
_CUT, _VERSION = counts.MALFORMED_IP_CUT, counts.MALFORMED_IP_VERSION


@njit(cache=True, nogil=True, inline="always")
def dissect_ip(data, at, end, wire_end, kind, record):
    """IP header at data[at] (uint8; captured up to `end`, on the wire up to `wire_end`) and the transport header after it.

    kind: ETHERTYPE_IPV4, ETHERTYPE_IPV6 or IP_BY_VERSION. Fills the address, IP and transport fields of `record` (records.PACKET);
    those that need a flag beyond its second cache line only with the flag. Returns

    - GOOD or the reason, one of counts.MALFORMED_*,
    - position of the transport header; NO_TRANSPORT if it is not whole, in another packet (later fragments), or of no protocol that
      is read,
    - position after the IP header and its extension headers, of a later fragment too; NO_TRANSPORT if they are cut,
    - end of the packet by its own length, as far as it was captured.

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
    record.tcp_tsval = 0
    record.tcp_tsecr = 0
    record.icmp_type = 0
    record.icmp_code = 0
    record.payload_octets = 0
    if version == 4:
        verdict, body, octets, packet_end, flags = dissect_ipv4(data, at, end, wire_end, record)
    else:
        verdict, body, octets, packet_end, flags = dissect_ipv6(data, at, end, wire_end, record)
    transport = NO_TRANSPORT
    if verdict == GOOD:
        if body > packet_end:
            body = NO_TRANSPORT
        elif body != NO_TRANSPORT and not flags & _LATER:
            transport, flags = dissect_transport(data, body, packet_end, octets, record, flags)
        record.flags = flags
    return verdict, transport, body, packet_end
