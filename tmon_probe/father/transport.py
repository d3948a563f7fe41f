"""Kernel: the transport header into a packet record."""

from numba import njit

from tmon_common.kernels.byteorder import be16, be32, low32
from tmon_probe import records as r
from tmon_probe.father.tcp_options import NOP_NOP_TIMESTAMPS, tcp_options

NO_TRANSPORT = -1
"""Position of a header that is not there, or not whole."""
TCP, UDP, ICMP, ICMPV6, SCTP, DCCP, UDP_LITE = 6, 17, 1, 58, 132, 33, 136

_HAS_PORTS, _HAS_ICMP, _HAS_TCP, _HAS_UDP = r.HAS_PORTS, r.HAS_ICMP, r.HAS_TCP, r.HAS_UDP
_FRAGMENT, _NO_CHECKSUM, _HAS_ECHO, _HAS_TIMESTAMPS = r.FRAGMENT, r.NO_CHECKSUM, r.HAS_ECHO, r.HAS_TIMESTAMPS


@njit(cache=True, nogil=True, inline="always")
def dissect_transport(data, at, end, octets, record, flags):
    """Transport header at data[at] (uint8), of record.protocol, captured up to `end`; `octets` from there by the IP header.

    Fills the transport fields of `record` (records.PACKET). Returns (position of the header, NO_TRANSPORT if it is not whole or its
    protocol is not read; `flags` with what was found). Sources: RFC 9293 section 3.1, RFC 768, RFC 792, RFC 4443.
    """
    protocol = record.protocol
    found = NO_TRANSPORT
    if protocol in (TCP, UDP, SCTP, DCCP, UDP_LITE):
        if at + 4 <= end:
            record.src_port = be16(data, at)
            record.dst_port = be16(data, at + 2)
            flags |= _HAS_PORTS
        if protocol == TCP and at + 20 <= end:
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
            if header == 32 and at + 32 <= end and be32(data, at + 20) == NOP_NOP_TIMESTAMPS:
                flags |= _HAS_TIMESTAMPS
                record.tcp_tsval = low32(be32(data, at + 24))
                record.tcp_tsecr = low32(be32(data, at + 28))
            elif header > 20:
                flags |= tcp_options(data, at + 20, min(at + header, end), record)
        elif protocol == UDP and at + 8 <= end:
            found = at
            flags |= _HAS_UDP
            length = be16(data, at + 4)
            if length == 0 or (length > octets and not flags & _FRAGMENT):  # jumbogram (RFC 2675), or a lie
                length = octets
            record.payload_octets = max(length - 8, 0)
            if be16(data, at + 6) == 0:
                flags |= _NO_CHECKSUM
    elif protocol == (ICMP if record.ip_version == 4 else ICMPV6) and at + 4 <= end:
        found = at
        flags |= _HAS_ICMP
        kind = data[at]
        record.icmp_type = kind
        record.icmp_code = data[at + 1]
        record.payload_octets = max(octets - 8, 0)
        if at + 8 <= end and (kind in (0, 8) if protocol == ICMP else kind in (128, 129)):
            flags |= _HAS_ECHO
            record.icmp_id = be16(data, at + 4)
            record.icmp_seq = be16(data, at + 6)
    return found, flags
