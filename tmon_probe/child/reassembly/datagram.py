"""Kernel: a complete datagram becomes a packet again, with a record of its own."""

from numba import int64, njit, uint32, uint64

from tmon_probe import records as r
from tmon_probe.child.reassembly import layout
from tmon_probe.child.reassembly.octets import copy_out
from tmon_probe.father.link import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from tmon_probe.father.network import GOOD, NO_TRANSPORT, dissect_ip

_MAX_IP, _HEADER_PAGE, _INSERTED, _OCTETS, _WHOLE = (
    layout.MAX_IP, layout.HEADER_PAGE, layout.INSERTED, layout.OCTETS, layout.WHOLE)
_FRAGMENT_HEADER = 8
_OF_FIRST = r.HAS_VLAN | r.TUNNELLED | r.MERGED | r.SERVICE | r.FTP_PEERS
"""Flags that the first fragment's record tells; what the headers say is read again."""
_REASSEMBLED, _HAS_TCP, _MAX16 = r.REASSEMBLED, r.HAS_TCP, 0xFFFF


@njit(cache=True, nogil=True, _nrt=False)
def build_datagram(t, out, after, c):
    """Octets and record of the complete datagram of context c. False if no packet can be so long (RFC 791, RFC 8200 section 4.5).

    The octets are those of the packet before it was fragmented: header of the first fragment with the length of the whole; an IPv6
    fragment header is taken out. Then they are dissected like any packet: the first fragment may be shorter than its headers.
    """
    x = t.contexts[c]
    header, payload, start = int64(x.header), int64(x.total), out.filled[_OCTETS]
    octets = out.octets
    if x.ip_version == 4:
        if header + payload > _MAX_IP:
            return False
        copy_out(t, c, _HEADER_PAGE, octets, start, header)
        _put16(octets, start + 2, header + payload)
        octets[start + 6] &= 0xC0  # More Fragments and the offset go, Don't Fragment stays
        octets[start + 7] = 0
    else:
        header -= _FRAGMENT_HEADER
        if header - 40 + payload > _MAX_IP:
            return False
        copy_out(t, c, _HEADER_PAGE, octets, start, header + _FRAGMENT_HEADER)
        _put16(octets, start + 4, header - 40 + payload)
        octets[start + x.named_at] = octets[start + header]  # what follows the fragment header
    copy_out(t, c, int64(0), octets, start + header, payload)
    end = start + header + payload
    n = out.filled[_INSERTED]
    out.records[n] = t.firsts[c]
    record = out.records[n]
    flags, identification, fragments = record.flags, record.fragment_id, x.fragments
    transport = _dissect(octets, start, end, record)
    if transport < -1:
        return False
    out.after[n] = after
    out.filled[_INSERTED] = n + 1
    out.filled[_OCTETS] = end
    record.flags = uint32(record.flags | (flags & _OF_FIRST) | _REASSEMBLED)
    record.class_mask &= t.masks[_WHOLE]
    record.time_ns = x.newest_ns
    record.signature = uint64(x.oldest_ns)
    record.wire_octets = fragments
    record.quoted_mask = uint64(0)
    record.fragment_id = identification
    record.bytes_offset = start
    record.bytes_length = end - start
    record.transport_at = 0
    record.payload_at = 0
    if transport >= 0 and transport - start < _MAX16 - 60:
        carried = int64(octets[transport + 12] >> 4) * 4 if record.flags & _HAS_TCP else int64(8)
        record.transport_at = transport - start
        record.payload_at = min(transport + carried, end) - start
    return True


@njit(cache=True, nogil=True, _nrt=False)
def _dissect(octets, start, end, record):
    """Fill the header fields of `record`. Position of the transport header, -1 if there is none, -2 if that is no IP packet."""
    kind = ETHERTYPE_IPV4 if record.ip_version == 4 else ETHERTYPE_IPV6
    verdict, transport, _, _ = dissect_ip(octets, start, end, end, kind, record)
    if verdict != GOOD:
        return int64(-2)
    return int64(-1) if transport == NO_TRANSPORT else int64(transport)


@njit(cache=True, nogil=True, _nrt=False)
def _put16(octets, at, value):
    octets[at] = value >> 8
    octets[at + 1] = value & 0xFF
