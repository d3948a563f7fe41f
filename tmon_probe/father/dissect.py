"""Kernel: a batch of frames through dissection and sieve, the records of the relevant ones straight into the ring."""

from numba import int64, njit, uint32, uint64

from tmon_common.kernels.prefetch import prefetch
from tmon_probe import records as r
from tmon_probe.father import counts
from tmon_probe.father.fragments import recall_first, remember_first
from tmon_probe.father.ftp_peers import IN_USE, recall_peers, remember_peers
from tmon_probe.father.link import ETHERTYPE_IPV4, ETHERTYPE_IPV6, NO_VLAN, NOT_IP, find_network
from tmon_probe.father.network import GOOD, NO_TRANSPORT, dissect_ip
from tmon_probe.father.sieve_call import call_sieve
from tmon_probe.father.signature import sign_packet
from tmon_probe.father.tunnel import GRE, IP_IN_IP, IPV6_IN_IP, MAX_TUNNELS, carried

RECORDS_PER_PACKET = 2
"""Slots a packet may take: its own record and, for an ICMP error, that of the packet it quotes."""
MAX_OCTETS = 65_600
"""Of one packet in the area, at most; a jumbogram is longer."""
AHEAD = 6
"""How many packets before its turn the headers of one are asked for: they lie too far apart for the processor to guess."""

_SNAPPED, _HAS_VLAN, _QUOTED, _HAS_ICMP = r.SNAPPED, r.HAS_VLAN, r.QUOTED, r.HAS_ICMP
_HAS_TCP, _HAS_UDP, _HAS_PORTS, _FRAGMENT, _LATER = r.HAS_TCP, r.HAS_UDP, r.HAS_PORTS, r.FRAGMENT, r.LATER_FRAGMENT
_MORE = r.MORE_FRAGMENTS
_TUNNELLED, _SERVICE, _FTP_PEERS, _SIGNED, _SIGNED_NAT = r.TUNNELLED, r.SERVICE, r.FTP_PEERS, r.SIGNED, r.SIGNED_NAT
_EARLY, _MERGED, _WITH_OPTIONS = r.EARLY_FRAGMENT, r.MERGED, r.IP_TIMESTAMP | r.RECORD_ROUTE
_BOUNDARY = 0x07  # FIN, SYN, RST
_SEEN, _RELEVANT, _IRRELEVANT, _MALFORMED, _OTHER = (
    counts.SEEN, counts.RELEVANT, counts.IRRELEVANT, counts.MALFORMED, counts.OTHER)
_MALFORMED_LINK, _TRANSPORT_CUT, _OCTETS = counts.MALFORMED_LINK, counts.TRANSPORT_CUT, counts.OCTETS
_SKIPPED_COUNT, _EARLY_COUNT, _TUNNELLED_COUNT, _FTP_COUNT, _MERGED_COUNT = (
    counts.FRAGMENTS_SKIPPED, counts.FRAGMENTS_EARLY, counts.TUNNELLED, counts.FTP_DATA, counts.MERGED)
_FIRSTS_EVICTED, _PEERS_EVICTED = counts.FIRST_FRAGMENTS_EVICTED, counts.FTP_PEERS_EVICTED
_NONE, _LOW32, _IN_USE = uint64(0), 0xFFFFFFFF, IN_USE


@njit(cache=True, nogil=True, _nrt=False)  # no reference counts: the arrays are the caller's for the whole call; 8 ns a packet
def dissect_batch(data, offsets, captured, wire, times_ns, interfaces, link_types, first, count, point, inner, longest,
                  sieve_address, plan, ports, fragments, fragment_seed, peers, father, ring, slot, free, area, area_at, area_free,
                  tally):
    """Packets `first` to `count` of a Batch (see its arrays) into ring[slot : slot + free] (records.PACKET).

    point       number of the probe's interface; a source's own interfaces (pcapng) beyond the first go in the high octet
    inner       1: of a packet that another carries, the carried one is measured; 0: the outer
    longest     octets of the longest frame that the device can send; longer ones are several merged. 0: not known
    plan, ports     what the classes want (plan.Plan)
    fragments, fragment_seed    fragments.FragmentCache;     peers, father     ftp_peers.FtpPeers, this father's row
    area        uint8 (power of two,): octets of packets; area_free of them may be written from area_at (modulo the length) on
    tally       int64 (counts.COUNT,), added to
    Stops early when fewer than RECORDS_PER_PACKET slots are left, or the area lacks room for what the next packet brings.
    Returns (first packet not done, records written, next position in the area).
    """
    every, whole, by_transport = plan[0].every, plan[0].whole, plan[0].by_transport
    served, ftp_all, ftp_boundaries, ftp_service = plan[0].served, plan[0].ftp_all, plan[0].ftp_boundaries, plan[0].ftp_service
    signed, signed_nat, md5, signed_fragments = plan[0].signed, plan[0].signed_nat, plan[0].md5, plan[0].signed_fragments
    keeps_early = whole & by_transport
    special = served | ftp_all | ftp_boundaries | signed | signed_nat
    area_wrap = len(area) - 1
    area_end = area_at + area_free
    written = 0
    i = first
    while i < count and free - written >= RECORDS_PER_PACKET:
        if i + AHEAD < count:
            prefetch(data, offsets[i + AHEAD] + 12)
        at = offsets[i]
        end = at + captured[i]
        wire_end = at + wire[i]
        interface = interfaces[i]
        at_slot = slot + written
        record = ring[at_slot]
        kind, network, vlan = find_network(data, at, end, link_types[interface])
        if kind < 0:
            tally[_SEEN] += 1
            tally[_OCTETS] += wire[i]
            if kind == NOT_IP:
                tally[_OTHER] += 1
            else:
                tally[_MALFORMED] += 1
                tally[_MALFORMED_LINK] += 1
            i += 1
            continue
        level, levels, limit, wire_limit = 0, inner * MAX_TUNNELS, end, wire_end
        outer_kind, outer, outer_limit, outer_wire_limit = kind, network, end, wire_end
        while True:  # once, but for tunnels
            verdict, transport, body, packet_end = dissect_ip(data, network, limit, wire_limit, kind, record)
            if verdict != GOOD:
                if level == 0:
                    break
                level -= 1  # what it carries is no good packet: the outer is measured
                levels = level
                kind, network, limit, wire_limit = outer_kind, outer, outer_limit, outer_wire_limit
                continue
            if level >= levels or record.protocol not in (GRE, IP_IN_IP, IPV6_IN_IP) or body == NO_TRANSPORT:
                break
            if record.flags & _FRAGMENT:
                break
            inner_kind, inner_network = carried(data, body, packet_end, record.protocol)
            if inner_kind < 0:
                break
            outer_kind, outer, outer_limit, outer_wire_limit = kind, network, limit, wire_limit
            wire_limit = network + record.ip_octets
            kind, network, limit = inner_kind, inner_network, packet_end
            level += 1
        if verdict != GOOD:
            tally[_SEEN] += 1
            tally[_OCTETS] += wire[i]
            tally[_MALFORMED] += 1
            tally[verdict] += 1
            i += 1
            continue
        flags = record.flags
        record.time_ns = times_ns[i]
        record.interface = point | (interface << 8)
        record.wire_octets = wire[i]
        record.quoted_mask = 0
        record.signature = 0
        record.bytes_offset = uint32(area_at & _LOW32)
        record.bytes_length = 0
        if end < wire_end:
            flags |= _SNAPPED
        record.vlan = 0
        if vlan != NO_VLAN:
            flags |= _HAS_VLAN
            record.vlan = vlan
        if level:
            flags |= _TUNNELLED
        if longest and wire[i] > longest:
            flags |= _MERGED
        record.flags = flags
        mask = call_sieve(sieve_address, ring, at_slot)
        early = False
        if flags & _FRAGMENT:
            if flags & _LATER:
                known, first_mask, src_port, dst_port, had_ports = recall_first(fragments, fragment_seed, ring, at_slot)
                if known:
                    mask = ((mask & ~by_transport) | (first_mask & by_transport)) & (every | whole)
                    if mask == _NONE:
                        tally[_SEEN] += 1
                        tally[_OCTETS] += wire[i]
                        tally[_IRRELEVANT] += 1
                        tally[_SKIPPED_COUNT] += 1
                        i += 1
                        continue
                    if had_ports:
                        record.src_port = src_port
                        record.dst_port = dst_port
                        flags |= _HAS_PORTS
                else:
                    early = keeps_early != _NONE
                    if early:
                        flags |= _EARLY
            elif flags & _MORE:
                tally[_FIRSTS_EVICTED] += remember_first(fragments, fragment_seed, ring, at_slot, mask)
        octets = 0  # of this packet, from its IP header on, that travel in the area
        ftp_mask = _NONE
        if flags & (_FRAGMENT | _WITH_OPTIONS):
            if mask != _NONE and flags & _WITH_OPTIONS:
                octets = (packet_end if body == NO_TRANSPORT else min(body, packet_end)) - network
            if early or (flags & _FRAGMENT and mask & whole):
                octets = packet_end - network
        if special != _NONE:
            service = int64(0)
            if flags & _HAS_TCP:
                service = int64(ports[0, record.src_port] | ports[0, record.dst_port])
            elif flags & _HAS_UDP:
                service = int64(ports[1, record.src_port] | ports[1, record.dst_port])
            if service and mask & served:
                wanted, length = _wanted(plan, service, mask)
                if wanted:
                    flags |= _SERVICE
                    record.service = wanted
                    payload = _payload_at(data, transport, packet_end, flags)
                    if payload < packet_end:
                        octets = max(octets, min(payload + length, packet_end) - network)
                if service & ftp_service and mask & (ftp_all | ftp_boundaries):
                    tally[_PEERS_EVICTED] += remember_peers(peers, father, ring, at_slot, mask & ftp_all, mask & ftp_boundaries)
            elif flags & _HAS_TCP and ftp_all | ftp_boundaries and peers[_IN_USE]:
                all_mask, boundary_mask, fading = recall_peers(peers, ring, at_slot)
                if fading:  # so that long transfers are followed to their end
                    tally[_PEERS_EVICTED] += remember_peers(peers, father, ring, at_slot, all_mask, boundary_mask)
                ftp_mask = all_mask
                if record.tcp_flags & _BOUNDARY:
                    ftp_mask |= boundary_mask
                if ftp_mask:
                    flags |= _FTP_PEERS
                    record.ftp_mask = ftp_mask
            signing = mask  # classes for which it is signed
            if flags & _FRAGMENT:
                signing = signed_fragments if early else mask & signed_fragments
            if signing & (signed | signed_nat):
                if signing & signed:
                    flags |= _SIGNED
                    record.signature = sign_packet(data, network, packet_end, 0, md5, plan[0].signed_octets)
                if signing & signed_nat:
                    flags |= _SIGNED_NAT
                    record.signature_nat = sign_packet(data, network, packet_end, 1, md5, plan[0].signed_nat_octets)
        record.flags = flags
        record.class_mask = mask
        records = 1
        if flags & _HAS_ICMP and _is_error(record.ip_version, record.icmp_type):
            quoted = _quote(data, transport + 8, packet_end, record, ring[at_slot + 1])
            if quoted:
                quoted_mask = call_sieve(sieve_address, ring, at_slot + 1)
                if quoted_mask != _NONE:
                    ring[at_slot + 1].class_mask = quoted_mask
                    record.quoted_mask = quoted_mask
                    records = 2
        if octets:
            octets = min(octets, MAX_OCTETS)
            start = area_at
            if (start & area_wrap) + octets > len(area):  # never around the end
                start += len(area) - (start & area_wrap)
            if start + octets > area_end:
                return i, written, area_at
            into = start & area_wrap
            for k in range(octets):
                area[uint64(into + k)] = data[uint64(network + k)]  # unsigned: a signed index keeps the loop from being vectorised
            record.bytes_offset = uint32(start & _LOW32)
            record.bytes_length = octets
            record.transport_at = 0
            record.payload_at = 0
            if transport != NO_TRANSPORT and transport - network < octets:
                record.transport_at = transport - network
                record.payload_at = min(_payload_at(data, transport, packet_end, flags) - network, octets)
            area_at = start + octets
        if records > 1:
            ring[at_slot + 1].bytes_offset = uint32(area_at & _LOW32)
            ring[at_slot + 1].bytes_length = 0
        tally[_SEEN] += 1
        tally[_OCTETS] += wire[i]
        if transport == NO_TRANSPORT and record.protocol in (1, 6, 17, 58) and not flags & _LATER:
            tally[_TRANSPORT_CUT] += 1
        if flags & (_TUNNELLED | _MERGED | _FTP_PEERS | _EARLY):
            tally[_TUNNELLED_COUNT] += (flags & _TUNNELLED) != 0
            tally[_MERGED_COUNT] += (flags & _MERGED) != 0
            tally[_FTP_COUNT] += (flags & _FTP_PEERS) != 0
            tally[_EARLY_COUNT] += (flags & _EARLY) != 0
        if mask != _NONE or records > 1 or ftp_mask != _NONE or early:
            tally[_RELEVANT] += 1
            written += records
        else:
            tally[_IRRELEVANT] += 1
        i += 1
    return i, written, area_at


@njit(cache=True, nogil=True)
def _wanted(plan, service, mask):
    """(bits of the services among `service` that a class of `mask` wants, octets of payload that the keenest of them takes)."""
    wanted, octets = 0, 0
    for bit in range(8):
        if service >> bit & 1 and plan[0].service_classes[bit] & mask:
            wanted |= 1 << bit
            octets = max(octets, int(plan[0].service_octets[bit]))
    return wanted, octets


@njit(cache=True, nogil=True)
def _payload_at(data, transport, end, flags):
    """Position of what the transport header at data[transport] carries; at most `end`."""
    header = int64(data[transport + 12] >> 4) * 4 if flags & _HAS_TCP else 8
    return min(transport + header, end)


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
    record.signature = 0
    record.flags = record.flags | _QUOTED | (error.flags & _HAS_VLAN)
    record.quoted_mask = (uint64(error.icmp_type) << uint64(8)) | uint64(error.icmp_code)
    return True
