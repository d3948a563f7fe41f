"""Kernel: a batch of frames through dissection and sieve, the records of the relevant ones straight into the ring."""

from numba import njit, uint64

from tmon_common.kernels.prefetch import prefetch
from tmon_probe import records as r
from tmon_probe.father import counts
from tmon_probe.father.link import ETHERTYPE_IPV4, ETHERTYPE_IPV6, NO_VLAN, NOT_IP, find_network
from tmon_probe.father.network import GOOD, NO_TRANSPORT, dissect_ip
from tmon_probe.father.sieve_call import call_sieve
from tmon_probe.father.tunnel import GRE, IP_IN_IP, IPV6_IN_IP, MAX_TUNNELS, carried

RECORDS_PER_PACKET = 2
"""Slots a packet may take: its own record and, for an ICMP error, that of the packet it quotes."""
AHEAD = 6
"""How many packets before its turn the headers of one are asked for: they lie too far apart for the processor to guess."""

_SNAPPED, _HAS_VLAN, _QUOTED, _HAS_ICMP = r.SNAPPED, r.HAS_VLAN, r.QUOTED, r.HAS_ICMP
_FRAGMENT, _TUNNELLED = r.FRAGMENT, r.TUNNELLED
_SEEN, _RELEVANT, _IRRELEVANT, _MALFORMED, _OTHER = (
    counts.SEEN, counts.RELEVANT, counts.IRRELEVANT, counts.MALFORMED, counts.OTHER)
_MALFORMED_LINK, _TRANSPORT_CUT, _OCTETS = counts.MALFORMED_LINK, counts.TRANSPORT_CUT, counts.OCTETS


@njit(cache=True, nogil=True, _nrt=False)  # no reference counts: the arrays are the caller's for the whole call; 8 ns a packet
def dissect_batch(data, offsets, captured, wire, times_ns, interfaces, link_types, first, count, point, inner, sieve_address, ring,
                  slot, free, tally):
    """Packets `first` to `count` of a Batch (see its arrays) into ring[slot : slot + free] (records.PACKET).

    point       number of the probe's interface; a source's own interfaces (pcapng) beyond the first go in the high octet
    inner       1: of a packet that another carries, the carried one is measured; 0: the outer
    tally       int64 (counts.COUNT,), added to
    Stops early when fewer than RECORDS_PER_PACKET slots are left. Returns (first packet not done, records written).
    """
    written = 0
    i = first
    while i < count and free - written >= RECORDS_PER_PACKET:
        if i + AHEAD < count:
            prefetch(data, offsets[i + AHEAD] + 12)
        at = offsets[i]
        end = at + captured[i]
        wire_end = at + wire[i]
        interface = interfaces[i]
        record = ring[slot + written]
        tally[_SEEN] += 1
        tally[_OCTETS] += wire[i]
        kind, network, vlan = find_network(data, at, end, link_types[interface])
        if kind < 0:
            if kind == NOT_IP:
                tally[_OTHER] += 1
            else:
                tally[_MALFORMED] += 1
                tally[_MALFORMED_LINK] += 1
            i += 1
            continue
        level, levels, packet_end, packet_wire_end = 0, inner * MAX_TUNNELS, end, wire_end
        outer_kind, outer_network, outer_end, outer_wire_end = kind, network, end, wire_end
        while True:  # once, but for tunnels
            verdict, transport, body, captured_end = dissect_ip(data, network, packet_end, packet_wire_end, kind, record)
            if verdict != GOOD:
                if level == 0:
                    break
                level -= 1  # what it carries is no good packet: the outer is measured
                levels = level
                kind, network, packet_end, packet_wire_end = outer_kind, outer_network, outer_end, outer_wire_end
                continue
            if level >= levels or record.protocol not in (GRE, IP_IN_IP, IPV6_IN_IP) or body == NO_TRANSPORT:
                break
            if record.flags & _FRAGMENT:
                break
            inner_kind, inner_network = carried(data, body, captured_end, record.protocol)
            if inner_kind < 0:
                break
            outer_kind, outer_network, outer_end, outer_wire_end = kind, network, packet_end, packet_wire_end
            packet_wire_end = network + record.ip_octets
            kind, network, packet_end = inner_kind, inner_network, captured_end
            level += 1
        packet_end = captured_end
        if verdict != GOOD:
            tally[_MALFORMED] += 1
            tally[verdict] += 1
            i += 1
            continue
        flags = record.flags
        record.time_ns = times_ns[i]
        record.interface = point | (interface << 8)
        record.wire_octets = wire[i]
        record.quoted_mask = 0
        if end < wire_end:
            flags |= _SNAPPED
        if level:
            flags |= _TUNNELLED
        record.vlan = 0
        if vlan != NO_VLAN:
            flags |= _HAS_VLAN
            record.vlan = vlan
        record.flags = flags
        if transport == NO_TRANSPORT and record.protocol in (1, 6, 17, 58) and not flags & r.LATER_FRAGMENT:
            tally[_TRANSPORT_CUT] += 1
        mask = call_sieve(sieve_address, ring, slot + written)
        record.class_mask = mask
        records = 1
        if flags & _HAS_ICMP and _is_error(record.ip_version, record.icmp_type):
            quoted = _quote(data, transport + 8, packet_end, record, ring[slot + written + 1])
            if quoted:
                quoted_mask = call_sieve(sieve_address, ring, slot + written + 1)
                if quoted_mask != 0:
                    ring[slot + written + 1].class_mask = quoted_mask
                    record.quoted_mask = quoted_mask
                    mask |= quoted_mask
                    records = 2
        if mask != 0:
            tally[_RELEVANT] += 1
            written += records
        else:
            tally[_IRRELEVANT] += 1
        i += 1
    return i, written


@njit(cache=True, nogil=True)
def _is_error(version, kind):
    """Does an ICMP message of this type quote a packet? RFC 792; RFC 4443 section 2.1 (Redirect has it in an option: no)."""
    if version == 4:
        return kind in (3, 4, 5, 11, 12)
    return 1 <= kind <= 4


@njit(cache=True, nogil=True)
def _quote(data, at, end, error, record):
    """The packet quoted at data[at:end] by the ICMP message of record `error`, into `record`. False if its header is not there."""
    kind = ETHERTYPE_IPV4 if error.ip_version == 4 else ETHERTYPE_IPV6
    verdict, _, _, _ = dissect_ip(data, at, end, end, kind, record)
    if verdict != GOOD:
        return False
    record.time_ns = error.time_ns
    record.interface = error.interface
    record.wire_octets = 0
    record.vlan = error.vlan
    record.flags = record.flags | _QUOTED | (error.flags & _HAS_VLAN)
    record.quoted_mask = (uint64(error.icmp_type) << uint64(8)) | uint64(error.icmp_code)
    return True
