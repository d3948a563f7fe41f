"""Kernel: the records of a batch that passed an observation point of a one-way class, as rows of one_way_observation."""

from numba import int64, njit, uint64

from tmon_common.observations import ABSENT, ONE_WAY_OBSERVATION
from tmon_common.observations.one_way import MAX_EXTRAS
from tmon_probe import records as r
from tmon_probe.child.one_way.stamps import ODD, ntp_time, option_time
from tmon_probe.father.signature import sign_packet

WORDS = ONE_WAY_OBSERVATION.words
ELSEWHERE, UNSIGNED, ODD_STAMPS, COUNTS = 0, 1, 2, 3
"""Words of a tally: packets at interfaces that are no points, packets without digest, stamps that are no time; number of words."""
BY_ENTRY, BY_ADDRESS, BY_NTP = 0, 1, 2
"""First word of an extra hop; the second: entry of the option, address, or octet of the NTP header."""

_FLOW, _POINT, _SIGNATURE, _TIME, _OCTETS, _LAST = (
    ONE_WAY_OBSERVATION.word_of(n) for n in ("flow", "point", "signature", "time", "octets", "last_time"))
_EXTRA, _MAX_EXTRAS = ONE_WAY_OBSERVATION.word_of("extra_time_01"), MAX_EXTRAS
_ELSEWHERE, _UNSIGNED, _ODD_STAMPS, _ABSENT, _ODD = ELSEWHERE, UNSIGNED, ODD_STAMPS, ABSENT, ODD
_BY_ENTRY, _BY_ADDRESS = BY_ENTRY, BY_ADDRESS
_QUOTED, _FRAGMENT, _REASSEMBLED, _SIGNED, _SIGNED_NAT = r.QUOTED, r.FRAGMENT, r.REASSEMBLED, r.SIGNED, r.SIGNED_NAT
_IP_TIMESTAMP, _SERVICE, _INTERFACE = r.IP_TIMESTAMP, r.SERVICE, 0xFF


@njit(cache=True, nogil=True, _nrt=False)
def observe(records, first, count, flow, numbers, lanes, areas, datagrams, points, whole, nat, md5, limit, mask, sizes, extras,
            ntp_bits, rows, filled, tally):
    """Records `first` to `count` (records.PACKET) into rows[filled:] (int64 (n, WORDS)), in which there is room for all.

    flow, numbers, lanes, areas, datagrams      of the granular flow definition, see FlowBatch
    points      uint8 (256,): number of the observation point of each interface of the probe, 0: none
    whole       1: datagrams, each with the time of its first fragment and that of its last; 0: packets, a fragment is one
    nat, md5, limit     how a datagram that was put together is signed, see `sign_packet`; others come with their signature
    mask        bits of the signature that count
    sizes       1: octets are told
    extras      int64 (k, 2): hops whose times stand in the packets; ntp_bits: bits of NTP in `service` of records
    tally       int64 (COUNTS,), added to
    Returns how many rows are filled.
    """
    signed = _SIGNED_NAT if nat else _SIGNED
    for i in range(first, count):
        f = flow[i]
        if f < 0:
            continue
        record = records[i]
        flags = record.flags
        if flags & (_QUOTED | _FRAGMENT | _REASSEMBLED):
            together = flags & _REASSEMBLED != 0
            if flags & _QUOTED or (whole and not together) or (together and not whole):
                continue
        point = points[record.interface & _INTERFACE]
        if point == 0:
            tally[_ELSEWHERE] += 1
            continue
        time_ns, last_ns = record.time_ns, int64(_ABSENT)
        if flags & _REASSEMBLED:
            at = int64(record.bytes_offset)
            signature = sign_packet(datagrams[0], at, at + int64(record.bytes_length), nat, md5, limit)
            time_ns, last_ns = int64(record.signature), time_ns
        elif flags & signed:
            signature = record.signature_nat if nat else record.signature
        else:
            tally[_UNSIGNED] += 1
            continue
        rows[filled, _FLOW] = numbers[f]
        rows[filled, _POINT] = point
        rows[filled, _SIGNATURE] = int64(signature & uint64(mask))
        rows[filled, _TIME] = time_ns
        rows[filled, _OCTETS] = int64(record.ip_octets) if sizes else _ABSENT
        rows[filled, _LAST] = last_ns
        for word in range(_EXTRA, _EXTRA + _MAX_EXTRAS):
            rows[filled, word] = _ABSENT
        if len(extras) and (flags & _IP_TIMESTAMP or (flags & _SERVICE and record.service & ntp_bits)):
            if flags & _REASSEMBLED:
                _read_stamps(record, datagrams, 0, extras, ntp_bits, rows, filled, tally)
            else:
                _read_stamps(record, areas, int64(lanes[i]), extras, ntp_bits, rows, filled, tally)
        filled += 1
    return filled


@njit(cache=True, nogil=True, _nrt=False)
def _read_stamps(record, data, row, extras, ntp_bits, rows, filled, tally):
    """What the packet, whose octets lie in data[row], says of the extra hops, into rows[filled]."""
    start = int64(record.bytes_offset) & (data.shape[1] - 1)
    end = start + int64(record.bytes_length)
    for k in range(len(extras)):
        kind, argument, found = extras[k, 0], extras[k, 1], int64(_ABSENT)
        if kind in (_BY_ENTRY, _BY_ADDRESS):
            if record.flags & _IP_TIMESTAMP and start + 20 <= end:
                entry, address = (argument, int64(0)) if kind == _BY_ENTRY else (int64(0), argument)
                found = option_time(data, row, start, end, entry, address, rows[filled, _TIME])
        elif record.flags & _SERVICE and record.service & ntp_bits and record.payload_at:
            found = ntp_time(data, row, start + int64(record.payload_at), end, argument, rows[filled, _TIME])
        if found == _ODD:
            tally[_ODD_STAMPS] += 1
            found = int64(_ABSENT)
        rows[filled, _EXTRA + k] = found
