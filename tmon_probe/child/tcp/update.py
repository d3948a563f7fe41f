"""Kernels: what a segment changes in its connection. Sources: RFC 9293, RFC 5681 section 2, RFC 3168."""

from numba import int64, njit

from tmon_probe import records as r
from tmon_probe.child.tcp import layout
from tmon_probe.child.tcp.boundary import ACK, BOUNDARY, FIN, RST, SYN, establish, take_boundary, take_fin
from tmon_probe.child.tcp.chains import NONE, signed
from tmon_probe.child.tcp.opening import begin, goes_on
from tmon_probe.child.tcp.sequence import place as place_octets
from tmon_probe.child.tcp.table import SKIPPED, find, place_of, remove
from tmon_probe.child.tcp.timing import BOTH_SEEN

BY_CLASS_BOUNDARIES, BY_FTP_BOUNDARIES, FOLLOW_FTP_DATA = 1, 2, 4
"""Bits of `mode`: of all segments only SYN, FIN and RST count; of those of FTP data connections outside the class; these count."""
ECE = 0x40
_FTP_PEERS, _HAS_SACK = r.FTP_PEERS, r.HAS_SACK
_LIVING, _SYN_ACK, _ESTABLISHED, _ACTIVE, _FTP_DATA = (
    layout.LIVING, layout.SYN_ACK, layout.ESTABLISHED, layout.ACTIVE, layout.FTP_DATA)
_SEEN, _NUMBERED, _ACKED, _SHUT, _SYN_SEEN, _FIN_SEEN, _BY_BOUNDARIES = (
    layout.SEEN, layout.NUMBERED, layout.ACKED, layout.SHUT, layout.SYN_SEEN, layout.FIN_SEEN, layout.BY_BOUNDARIES)
_ENDED = layout.ENDED


@njit(cache=True, nogil=True, _nrt=False)
def update(records, start, stop, class_bit, mode, points, randoms, table, heads, ways, rests, pool, free, counts, hashes, slots,  # noqa: C901
           of_record, from_server, opened, opened_by, ended, samples, want, ends, voids, acks):
    """What the records from `start` to `stop` change, but for what waits in chains: see `time_data` for slots, ends, voids and
    acks, which are filled here, and `tmon_probe.child.tcp.track.track` for the rest. The common case stands in the loop itself."""
    for i in range(start, stop):
        j = i - start
        slot = slots[j]
        of_record[i] = NONE
        if slot == SKIPPED:
            continue
        record = records[i]
        flags = int64(record.tcp_flags)
        seq = int64(record.tcp_seq)
        ack = int64(record.tcp_ack)
        side = int64(from_server[i])
        if slot == NONE or not heads[slot].marks & _LIVING or flags & SYN:
            slot, side = _connection_of(i, record, flags, seq, ack, class_bit, mode, points, randoms, hashes[j], table, heads, ways,
                                        rests, free, counts, opened, opened_by, ended)
            slots[j] = slot
        of_record[i] = slot
        from_server[i] = side
        ends[j] = NONE
        voids[j] = NONE
        acks[j] = NONE
        head = heads[slot]
        mine = ways[2 * slot + side]
        theirs = ways[2 * slot + 1 - side]
        marks = int64(head.marks)
        time_ns = record.time_ns
        silence = time_ns - head.last_ns
        if silence > 0:
            head.last_ns = time_ns
            if silence > head.longest_silence_ns:
                head.longest_silence_ns = silence
        mine.segments += 1
        if mine.segments == 0:
            head.wraps[side] += 1
        marks |= _SEEN << side
        if record.flags & _FTP_PEERS:
            marks |= _FTP_DATA
        if flags & BOUNDARY:
            marks = take_boundary(i, record, side, head, marks, mine, theirs, rests[slot], samples, counts, want)
            if flags & RST:
                head.marks = marks
                continue
            if flags & SYN:
                seq += 1
        if marks & _BY_BOUNDARIES:
            head.marks = marks
            continue
        if not flags & SYN:
            marks |= _ACTIVE
        octets = int64(record.payload_octets)
        offset = signed(seq - mine.next)
        timed = False
        if octets and offset == 0 and marks & (_NUMBERED << side):  # the next in order
            mine.next += octets
            timed = True
        elif octets:
            if offset < 0:
                voids[j] = seq
            octets, timed, marks = _take_odd_data(seq, octets, offset, flags, marks, side, mine, theirs, rests[slot], pool, counts)
        elif offset == -1 and not flags & (FIN | SYN) and not marks & (_FIN_SEEN << side):
            rests[slot].keep_alives[side] += 1
        elif not marks & (_NUMBERED << side) and (offset > 0 or mine.next == 0):
            mine.next = (1 << 32) + seq  # what it sends next, until it is seen
        if octets:
            if mine.octets == 0:
                rests[slot].first_data_ns[side] = time_ns
            if time_ns > mine.last_data_ns:
                mine.last_data_ns = time_ns
            mine.octets += octets
            mine.data_segments += 1
            if mine.data_segments == 0:
                head.wraps[2 + side] += 1
        if flags & FIN:
            rests[slot].given_up[side] += take_fin(seq + octets, marks, side, pool, counts, mine)
            marks |= _NUMBERED << side
        if timed:
            ends[j] = (seq + octets + (flags & FIN)) & 0xFFFFFFFF
            if marks & (_SEEN << (1 - side)):
                ends[j] |= BOTH_SEEN
        window = int64(record.tcp_window)
        if flags & ACK:
            advance = 1
            if marks & (_ACKED << side):
                advance = signed(ack - int64(mine.ack))
            if advance > 0:
                marks |= _ACKED << side
                mine.ack = ack
                acks[j] = ack
            elif (advance == 0 and octets == 0 and window == mine.window and not flags & (SYN | FIN)
                    and marks & (_NUMBERED << (1 - side)) and signed(theirs.next - ack) > 0):
                mine.duplicate_acks += 1
            if marks & (_SYN_ACK | _ESTABLISHED) == _SYN_ACK and side == 0 and signed(ack - int64(theirs.isn) - 1) >= 0:
                marks = establish(i, time_ns, head, marks, rests[slot], int64(theirs.isn), samples, counts, want)
        mine.window = window
        if window > mine.highest_window and not flags & SYN:
            mine.highest_window = window
        if window == 0 or marks & (_SHUT << side):
            marks = _take_window(window, time_ns, marks, side, rests[slot])
        if record.tos & 3 == 3:
            rests[slot].ce_marked[side] += 1
        if flags & (ECE | SYN) == ECE:
            rests[slot].ece_segments[side] += 1
        if record.flags & _HAS_SACK:
            mine.sack_blocks += int64(record.sack_blocks)
        head.marks = marks


@njit(cache=True, nogil=True, _nrt=False)
def _connection_of(i, record, flags, seq, ack, class_bit, mode, points, randoms, hashed, table, heads, ways, rests, free, counts,
                   opened, opened_by, ended):
    """(slot, side) of a packet whose connection must be searched or may be a new one."""
    place = place_of(record, points)
    slot, side = find(record, place, hashed, table, heads)
    if slot != NONE:
        if not flags & SYN or flags & RST or goes_on(flags, seq, ack, int64(heads[slot].marks), side, ways[2 * slot + side],
                                                     ways[2 * slot + 1 - side]):
            return slot, side
        remove(slot, heads[slot], randoms, table)
        heads[slot].marks &= ~_LIVING
        ended[counts[_ENDED]] = slot
        counts[_ENDED] += 1
    outside = record.class_mask & class_bit == 0
    marks = _BY_BOUNDARIES if mode & BY_CLASS_BOUNDARIES or (outside and mode & BY_FTP_BOUNDARIES) else 0
    return begin(record, i, place, hashed, marks, table, heads, ways, rests, free, counts, opened, opened_by)


@njit(cache=True, nogil=True, _nrt=False)
def _take_odd_data(seq, octets, offset, flags, marks, side, mine, theirs, rest, pool, counts):
    """Data that is not the next in order. Returns (octets, 0 for a keep-alive; whether its acknowledgement can be timed; marks).

    A keep-alive repeats one octet that was acknowledged (RFC 1122 section 4.2.3.6); one that was not is a probe of a closed window
    (RFC 9293 section 3.8.6.1) or a retransmission, and both count as data sent again.
    """
    if not marks & (_NUMBERED << side):
        mine.next = (1 << 32) + seq + octets
        mine.isn = (seq - 1) & 0xFFFFFFFF
        return octets, True, marks | _NUMBERED << side
    if offset == -1 and octets == 1 and not flags & BOUNDARY and not marks & (_FIN_SEEN << side) and (
            not marks & (_ACKED << (1 - side)) or signed(int64(theirs.ack) - mine.next) >= 0):
        rest.keep_alives[side] += 1
        return 0, False, marks
    begins = mine.next + offset
    new, seen, given_up = place_octets(pool, counts, mine, begins, begins + octets, marks & (_SYN_SEEN << side) != 0)
    rest.given_up[side] += given_up
    if seen:
        mine.retransmitted_segments += 1
        mine.retransmitted_octets += seen
    if new:
        mine.out_of_order_segments += 1
    return octets, offset > 0, marks


@njit(cache=True, nogil=True, _nrt=False)
def _take_window(window, time_ns, marks, side, rest):
    """A window that is closed, or was; the marks with that."""
    shut = _SHUT << side
    if window == 0 and not marks & shut:
        rest.zero_windows[side] += 1
        rest.zero_window_ns[side] -= time_ns
        return marks | shut
    if window and marks & shut:
        rest.zero_window_ns[side] += time_ns
        return marks & ~shut
    return marks
