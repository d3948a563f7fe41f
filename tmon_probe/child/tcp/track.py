"""Kernels: the segments of a batch into the connections they belong to.

In blocks, each in passes, so that what lies far away is on its way before it is needed: hashes and places in the table, then the
connections found there, then what waits in their chains, then all that a segment changes. Sources: RFC 9293, RFC 7323, RFC 5681.
"""

import numpy as np
from numba import int64, njit, uint64

from tmon_common.kernels.prefetch import prefetch
from tmon_probe import records as r
from tmon_probe.child.round_trips import sample as s
from tmon_probe.child.tcp import layout
from tmon_probe.child.tcp.boundary import (
    ACK,
    BOUNDARY,
    FIN,
    RST,
    SYN,
    WANT_DATA,
    WANT_TIMESTAMPS,
    establish,
    put_sample,
    take_boundary,
    take_fin,
)
from tmon_probe.child.tcp.chains import NONE, forget_from, signed, take
from tmon_probe.child.tcp.opening import begin, goes_on
from tmon_probe.child.tcp.sequence import place as place_octets
from tmon_probe.child.tcp.table import find, hash_of, place_of, remove, side_of

BLOCK = 64
"""Records in a block: what was fetched for them must still be near when it is used."""
SKIPPED = -2
ECE = 0x40
_HEAD_OCTETS, _WAY_OCTETS, _NODE_OCTETS = layout.HEAD.itemsize, layout.WAY.itemsize, layout.NODE.itemsize
_HAS_TCP, _TCP, _FRAGMENT, _PART = r.HAS_TCP, r.HAS_TCP | r.QUOTED, r.FRAGMENT, r.FRAGMENT | r.REASSEMBLED
_FTP_PEERS, _HAS_TIMESTAMPS, _HAS_SACK = r.FTP_PEERS, r.HAS_TIMESTAMPS, r.HAS_SACK
_LIVING, _SYN_ACK, _ESTABLISHED, _ACTIVE, _FTP_DATA = layout.LIVING, layout.SYN_ACK, layout.ESTABLISHED, layout.ACTIVE, layout.FTP_DATA
_SEEN, _NUMBERED, _ACKED, _STAMPED, _SHUT = layout.SEEN, layout.NUMBERED, layout.ACKED, layout.STAMPED, layout.SHUT
_SYN_SEEN, _FIN_SEEN, _BY_BOUNDARIES = layout.SYN_SEEN, layout.FIN_SEEN, layout.BY_BOUNDARIES
_ENDED, _SAMPLES, _SAMPLES_DROPPED = layout.ENDED, layout.SAMPLES, layout.SAMPLES_DROPPED
_FREE_NODE, _FREE_NODES, _MAX_WAITING = layout.FREE_NODE, layout.FREE_NODES, layout.MAX_WAITING
_TIMESTAMPS_METRIC, _DATA_METRIC, _ANSWERED = s.TCP_TIMESTAMPS, s.TCP_DATA, s.ANSWERED
BY_CLASS_BOUNDARIES, BY_FTP_BOUNDARIES, FOLLOW_FTP_DATA = 1, 2, 4
"""Bits of `mode`: of all segments only SYN, FIN and RST count; of those of FTP data connections outside the class; these count."""


@njit(cache=True, nogil=True)
def track(records, first, count, class_bit, mode, want, points, randoms, table, heads, head_octets, ways, way_octets, rests, pool,
          pool_octets, free, counts, of_record, from_server, opened, opened_by, ended, samples):
    """Bring connections up to date with records[first:count] (records.PACKET).

    class_bit       uint64: that of the class in the masks of records
    mode, want      int64: see BY_CLASS_BOUNDARIES and the like, and tmon_probe.child.tcp.boundary.WANT_SERVER
    points          uint16 (256,): observation point of each interface
    randoms, table  see tmon_probe.child.tcp.table
    heads, ways, rests, pool    layout.HEAD (n,), WAY (2 n,), REST (n,), NODE (m,); *_octets: the same memory as uint8
    free            int32 (n,): stack of free slots; there must be one for each record
    counts          int64 (layout.COUNTS,)
    of_record, from_server      int32, uint8: slot of each record, NONE if it is nobody's, and 1 if the server sent it
    opened, opened_by, ended    int32, int64, int32: slots begun, the record that began each, slots ended by another connection
    samples         SAMPLE, four for each record
    """
    hashes = np.empty(BLOCK, np.uint64)
    slots = np.empty(BLOCK, np.int64)
    for start in range(first, count, BLOCK):
        stop = min(start + BLOCK, count)
        _locate(records, start, stop, class_bit, mode, points, randoms, table, heads, head_octets, ways, way_octets, pool_octets,
                hashes, slots, from_server)
        _update(records, start, stop, class_bit, mode, want, points, randoms, table, heads, ways, rests, pool, free, counts,
                hashes, slots, of_record, from_server, opened, opened_by, ended, samples)


@njit(cache=True, nogil=True)
def _locate(records, start, stop, class_bit, mode, points, randoms, table, heads, head_octets, ways, way_octets, pool_octets, hashes,
            slots, from_server):
    """slots: SKIPPED, NONE if it must be searched, or the slot; then from_server is right too."""
    wrap = len(table) - 1
    for i in range(start, stop):
        record = records[i]
        flags = record.flags
        slots[i - start] = SKIPPED
        if flags & _TCP != _HAS_TCP or flags & _PART == _FRAGMENT:
            continue
        if record.class_mask & class_bit == 0 and not (
                mode & FOLLOW_FTP_DATA and flags & _FTP_PEERS and record.ftp_mask & class_bit != 0):
            continue
        if mode & BY_CLASS_BOUNDARIES and not record.tcp_flags & BOUNDARY:
            continue
        hashed = hash_of(randoms, place_of(record, points), record.src_hi, record.src_lo, record.dst_hi, record.dst_lo,
                         record.src_port, record.dst_port)
        hashes[i - start] = hashed
        slots[i - start] = NONE
        prefetch(table.view(np.uint8), (int64(hashed) & wrap) * 8)
    for j in range(stop - start):
        if slots[j] == SKIPPED:
            continue
        hashed = hashes[j]
        at = int64(hashed) & wrap
        while table[at] != 0:
            if table[at] >> uint64(32) == hashed:
                slot = int64(table[at] & uint64(0xFFFFFFFF)) - 1
                slots[j] = slot
                prefetch(head_octets, slot * _HEAD_OCTETS)
                prefetch(way_octets, 2 * slot * _WAY_OCTETS)
                prefetch(way_octets, (2 * slot + 1) * _WAY_OCTETS)
                break
            at = (at + 1) & wrap
    for i in range(start, stop):
        slot = slots[i - start]
        if slot < 0:
            continue
        record = records[i]
        side = side_of(record, heads[slot], place_of(record, points))
        if side == NONE:
            slots[i - start] = NONE
            continue
        from_server[i] = side
        other = 2 * slot + 1 - side
        prefetch(way_octets, other * _WAY_OCTETS + 64)
        way = ways[other]
        if way.data_head != NONE:
            prefetch(pool_octets, int64(way.data_head) * _NODE_OCTETS)
        if way.ts_head != NONE:
            prefetch(pool_octets, int64(way.ts_head) * _NODE_OCTETS)


@njit(cache=True, nogil=True)
def _update(records, start, stop, class_bit, mode, want, points, randoms, table, heads, ways, rests, pool, free, counts, hashes, slots,
            of_record, from_server, opened, opened_by, ended, samples):
    for i in range(start, stop):
        slot = slots[i - start]
        of_record[i] = NONE
        if slot == SKIPPED:
            continue
        record = records[i]
        flags = int64(record.tcp_flags)
        seq = int64(record.tcp_seq)
        ack = int64(record.tcp_ack)
        side = int64(from_server[i])
        if slot == NONE or not heads[slot].marks & _LIVING or flags & SYN:
            slot, side = _connection_of(i, record, flags, seq, ack, class_bit, mode, points, randoms, hashes[i - start], table, heads,
                                        ways, rests, free, counts, opened, opened_by, ended)
        of_record[i] = slot
        from_server[i] = side
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
            octets, timed, marks = _take_odd_data(record, seq, octets, offset, flags, marks, side, mine, theirs, rests[slot], pool, counts)
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
        if timed and marks & (_SEEN << (1 - side)):  # it waits for its acknowledgement
            node = counts[_FREE_NODE]
            if node == NONE or mine.data_waiting == _MAX_WAITING:
                counts[_SAMPLES_DROPPED] += 1
            else:
                counts[_FREE_NODE] = int64(pool[node].next)
                counts[_FREE_NODES] -= 1
                pool[node].key = (seq + octets + (flags & FIN)) & 0xFFFFFFFF
                pool[node].value = time_ns
                pool[node].next = NONE
                if mine.data_tail == NONE:
                    mine.data_head = node
                else:
                    pool[mine.data_tail].next = node
                mine.data_tail = node
                mine.data_waiting += 1
        window = int64(record.tcp_window)
        if flags & ACK:
            advance = 1
            if marks & (_ACKED << side):
                advance = signed(ack - int64(mine.ack))
            if advance > 0:
                marks |= _ACKED << side
                mine.ack = ack
                node = int64(theirs.data_head)
                if node != NONE:
                    sent_ns = int64(-1)
                    while node != NONE:
                        reached = signed(int64(pool[node].key) - ack)
                        if reached > 0:
                            break
                        if reached == 0:
                            sent_ns = int64(pool[node].value)
                        following = int64(pool[node].next)
                        pool[node].next = counts[_FREE_NODE]
                        counts[_FREE_NODE] = node
                        counts[_FREE_NODES] += 1
                        theirs.data_waiting -= 1
                        node = following
                    theirs.data_head = node
                    if node == NONE:
                        theirs.data_tail = NONE
                    took_ns = time_ns - sent_ns
                    if sent_ns >= 0 and took_ns >= 0:
                        if theirs.rtt_samples == 0 or took_ns < theirs.rtt_min_ns:
                            theirs.rtt_min_ns = took_ns
                        if took_ns > theirs.rtt_max_ns:
                            theirs.rtt_max_ns = took_ns
                        theirs.rtt_samples += 1
                        theirs.rtt_sum_ns += took_ns
                        if want & WANT_DATA:
                            put_sample(samples[counts[_SAMPLES]], _DATA_METRIC, _ANSWERED, head, 1 - side, sent_ns, took_ns, ack, i)
                            counts[_SAMPLES] += 1
            elif (advance == 0 and octets == 0 and window == mine.window and not flags & (SYN | FIN) and marks & (_NUMBERED << (1 - side))
                    and signed(theirs.next - ack) > 0):
                mine.duplicate_acks += 1
            if marks & (_SYN_ACK | _ESTABLISHED) == _SYN_ACK and side == 0 and signed(ack - int64(theirs.isn) - 1) >= 0:
                marks = establish(i, time_ns, head, marks, rests[slot], int64(theirs.isn), samples, counts, want)
        mine.window = window
        if window > mine.highest_window and not flags & SYN:
            mine.highest_window = window
        if window == 0 or marks & (_SHUT << side):
            marks = _take_window(window, time_ns, marks, side, rests[slot])
        if want & WANT_TIMESTAMPS and record.flags & _HAS_TIMESTAMPS:
            tsval = int64(record.tcp_tsval)
            if not marks & (_STAMPED << side) or signed(tsval - int64(mine.tsval)) > 0:
                marks |= _STAMPED << side
                mine.tsval = tsval
                if mine.ts_waiting == 0 or marks & (_SEEN << (1 - side)):
                    node = counts[_FREE_NODE]
                    if node == NONE or mine.ts_waiting == _MAX_WAITING:
                        counts[_SAMPLES_DROPPED] += 1
                    else:
                        counts[_FREE_NODE] = int64(pool[node].next)
                        counts[_FREE_NODES] -= 1
                        pool[node].key = tsval
                        pool[node].value = time_ns
                        pool[node].next = NONE
                        if mine.ts_tail == NONE:
                            mine.ts_head = node
                        else:
                            pool[mine.ts_tail].next = node
                        mine.ts_tail = node
                        mine.ts_waiting += 1
            node = int64(theirs.ts_head)
            if flags & ACK and node != NONE:
                tsecr = int64(record.tcp_tsecr)
                sent_ns = int64(-1)
                while node != NONE:
                    reached = signed(int64(pool[node].key) - tsecr)
                    if reached > 0:
                        break
                    if reached == 0:
                        sent_ns = int64(pool[node].value)
                    following = int64(pool[node].next)
                    pool[node].next = counts[_FREE_NODE]
                    counts[_FREE_NODE] = node
                    counts[_FREE_NODES] += 1
                    theirs.ts_waiting -= 1
                    node = following
                theirs.ts_head = node
                if node == NONE:
                    theirs.ts_tail = NONE
                if sent_ns >= 0 and time_ns >= sent_ns:
                    put_sample(samples[counts[_SAMPLES]], _TIMESTAMPS_METRIC, _ANSWERED, head, 1 - side, sent_ns, time_ns - sent_ns,
                               tsecr, i)
                    counts[_SAMPLES] += 1
        if record.tos & 3 == 3:
            rests[slot].ce_marked[side] += 1
        if flags & (ECE | SYN) == ECE:
            rests[slot].ece_segments[side] += 1
        if record.flags & _HAS_SACK:
            mine.sack_blocks += int64(record.sack_blocks)
        head.marks = marks


@njit(cache=True, nogil=True)
def _connection_of(i, record, flags, seq, ack, class_bit, mode, points, randoms, hashed, table, heads, ways, rests, free, counts, opened,
                   opened_by, ended):
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


@njit(cache=True, nogil=True)
def _take_odd_data(record, seq, octets, offset, flags, marks, side, mine, theirs, rest, pool, counts):
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
    if offset < 0:
        forget_from(pool, counts, mine, seq)
    begins = mine.next + offset
    new, seen, given_up = place_octets(pool, counts, mine, begins, begins + octets, marks & (_SYN_SEEN << side) != 0)
    rest.given_up[side] += given_up
    if seen:
        mine.retransmitted_segments += 1
        mine.retransmitted_octets += seen
    if new:
        mine.out_of_order_segments += 1
    return octets, offset > 0, marks


@njit(cache=True, nogil=True)
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
