"""Kernels: round trips of data to its acknowledgement, and of TSvals to their echo.

What waits is a chain in each direction, first in first out. These are passes of their own over a block of records, so that each
stands without calls in its loop (docs/decisions/0004-kernels-and-arrays.md).
"""

from numba import int64, njit

from tmon_probe import records as r
from tmon_probe.child.round_trips import sample as s
from tmon_probe.child.tcp import layout
from tmon_probe.child.tcp.boundary import ACK, WANT_DATA, put_sample
from tmon_probe.child.tcp.chains import NONE, forget_from, signed

MAX_ALONE = 2
"""Segments, and TSvals, of a direction that wait while nothing that could answer was seen of the other."""
BOTH_SEEN = 1 << 32
"""Bit of an end: something of the other side was seen before."""
_HAS_TIMESTAMPS = r.HAS_TIMESTAMPS
_STAMPED = layout.STAMPED
_SAMPLES, _SAMPLES_DROPPED = layout.SAMPLES, layout.SAMPLES_DROPPED
_FREE_NODE, _FREE_NODES, _MAX_WAITING = layout.FREE_NODE, layout.FREE_NODES, layout.MAX_WAITING
_TIMESTAMPS_METRIC, _DATA_METRIC, _ANSWERED = s.TCP_TIMESTAMPS, s.TCP_DATA, s.ANSWERED


@njit(cache=True, nogil=True, _nrt=False)
def time_data(records, start, stop, slots, from_server, ends, voids, acks, want, heads, ways, pool, counts, samples):  # noqa: C901
    """Data and acknowledgements of the records from `start` to `stop`.

    slots           int64: connection of each record from `start` on, negative: none
    ends            int64, as slots: number after the data of a segment that was sent once, NONE: no such segment
    voids           number from which on what waits is void, because it passed again or late (see `forget_from`), NONE: nothing
    acks            acknowledgement, if it is higher than those before, else NONE
    """
    for i in range(start, stop):
        j = i - start
        slot = slots[j]
        if slot < 0:
            continue
        side = int64(from_server[i])
        if voids[j] != NONE:
            forget_from(pool, counts, ways[2 * slot + side], voids[j])
        if ends[j] != NONE:
            way = ways[2 * slot + side]
            if ends[j] & BOTH_SEEN or way.data_waiting < MAX_ALONE:
                node = counts[_FREE_NODE]
                if node == NONE or way.data_waiting == _MAX_WAITING:
                    counts[_SAMPLES_DROPPED] += 1
                else:
                    counts[_FREE_NODE] = int64(pool[node].next)
                    counts[_FREE_NODES] -= 1
                    pool[node].key = ends[j] & 0xFFFFFFFF
                    pool[node].value = records[i].time_ns
                    pool[node].next = NONE
                    if way.data_tail == NONE:
                        way.data_head = node
                    else:
                        pool[way.data_tail].next = node
                    way.data_tail = node
                    way.data_waiting += 1
        if acks[j] == NONE:
            continue
        way = ways[2 * slot + 1 - side]
        node = int64(way.data_head)
        exact = False
        sent_ns = int64(0)
        while node != NONE:
            beyond = signed(int64(pool[node].key) - acks[j])
            if beyond > 0:
                break
            if beyond == 0:
                exact = True
                sent_ns = int64(pool[node].value)
            following = int64(pool[node].next)
            pool[node].next = counts[_FREE_NODE]
            counts[_FREE_NODE] = node
            counts[_FREE_NODES] += 1
            way.data_waiting -= 1
            node = following
        way.data_head = node
        if node == NONE:
            way.data_tail = NONE
        took_ns = records[i].time_ns - sent_ns
        if exact and took_ns >= 0:
            if way.rtt_samples == 0 or took_ns < way.rtt_min_ns:
                way.rtt_min_ns = took_ns
            if took_ns > way.rtt_max_ns:
                way.rtt_max_ns = took_ns
            way.rtt_samples += 1
            way.rtt_sum_ns += took_ns
            if want & WANT_DATA:
                put_sample(samples[counts[_SAMPLES]], _DATA_METRIC, _ANSWERED, heads[slot], 1 - side, sent_ns, took_ns, acks[j], i)
                counts[_SAMPLES] += 1


@njit(cache=True, nogil=True, _nrt=False)
def time_echoes(records, start, stop, slots, from_server, heads, ways, pool, counts, samples):
    """TSvals and their echoes in the records from `start` to `stop`, as pping does it: first appearance of a TSval that is higher
    than those before it to the first segment with ACK whose TSecr it is. An echo gives up lower TSvals. slots: as for
    `time_data`."""
    for i in range(start, stop):
        slot = slots[i - start]
        record = records[i]
        if slot < 0 or not record.flags & _HAS_TIMESTAMPS:
            continue
        side = int64(from_server[i])
        head = heads[slot]
        marks = int64(head.marks)
        mine = ways[2 * slot + side]
        tsval = int64(record.tcp_tsval)
        if not marks & (_STAMPED << side) or signed(tsval - int64(mine.tsval)) > 0:
            head.marks = marks | _STAMPED << side
            mine.tsval = tsval
            node = counts[_FREE_NODE]
            if mine.ts_waiting >= MAX_ALONE and not marks & (_STAMPED << (1 - side)):
                pool[mine.ts_tail].key = tsval  # the last SYN sent again
                pool[mine.ts_tail].value = record.time_ns
            elif node == NONE or mine.ts_waiting == _MAX_WAITING:
                counts[_SAMPLES_DROPPED] += 1
            else:
                counts[_FREE_NODE] = int64(pool[node].next)
                counts[_FREE_NODES] -= 1
                pool[node].key = tsval
                pool[node].value = record.time_ns
                pool[node].next = NONE
                if mine.ts_tail == NONE:
                    mine.ts_head = node
                else:
                    pool[mine.ts_tail].next = node
                mine.ts_tail = node
                mine.ts_waiting += 1
        if not record.tcp_flags & ACK:
            continue
        theirs = ways[2 * slot + 1 - side]
        tsecr = int64(record.tcp_tsecr)
        node = int64(theirs.ts_head)
        exact = False
        sent_ns = int64(0)
        while node != NONE:
            beyond = signed(int64(pool[node].key) - tsecr)
            if beyond > 0:
                break
            if beyond == 0:
                exact = True
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
        if exact and record.time_ns >= sent_ns:
            put_sample(samples[counts[_SAMPLES]], _TIMESTAMPS_METRIC, _ANSWERED, head, 1 - side, sent_ns, record.time_ns - sent_ns,
                       tsecr, i)
            counts[_SAMPLES] += 1
