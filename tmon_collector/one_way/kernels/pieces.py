"""Kernels: sorted observations are cut into pieces that can be joined by themselves; those without any doubt are packets."""

import numpy as np
from numba import njit

from tmon_collector.one_way.kernels.placing import POINT, POSITION
from tmon_collector.one_way.kernels.table import COUNTS, EMPTY, FLOW, POINTS, REFERENCE, SIGNATURE, TIMES

ABSENT = np.iinfo(np.int64).min
START, END, ROW, FLOW_ROW = range(4)
"""Columns of the list of entangled pieces: place of the first observation, and behind the last one; rows kept for it (one for each
observation) begin at; the first row of its flow."""
_RUN = 16


@njit(cache=True, nogil=True)
def cut(key, order, words, octets, last_ns, extras, flow_of_definition, reverse, hops, transit_ns, before_ns, table, seen,
        entangled, fate, later):
    """Fill the rows of simple pieces, list the others. Returns (rows, entangled pieces).

    key, order      sorted; order is put in order of time, too, within keys of which that matters
    words           in the same order, see placing.place
    octets, last_ns, extras     int32 (n,), int64 (n or 0,), int64 (n or 0, extras): of observations: decide between equal ones
    table           int64 (n, TIMES + hops): see table
    seen            int32 (n or 0, hops): observation of each hop, -1; without rows if nobody needs it
    entangled       int32 (n // 2, 4)
    fate            uint8 (n,): becomes `later` for observations of simple pieces whose reference is not before `before_ns`
    """
    many = len(key)
    points_mask = np.int64(0xFF)
    definition_mask = np.int64((1 << POINT) - 1)
    rows = pieces = 0
    flow_row, of_flow = 0, np.uint64(0)
    start = 0
    while start < many:
        this = key[start]
        end = start + 1
        while end < many and key[end] == this:
            end += 1
        if this >> np.uint64(32) != of_flow:
            of_flow, flow_row = this >> np.uint64(32), rows
        doubt = end - start > hops
        if not doubt and end - start > 1:
            doubt = _doubtful(start, end, words, transit_ns)
        if doubt:
            _by_time(order, start, end, words, octets, last_ns, extras)
        begin = start
        while begin < end:
            stop = end
            if doubt:
                stop = begin + 1
                while stop < end and words[stop, 0] - words[stop - 1, 0] <= transit_ns:
                    stop += 1
            if doubt and stop - begin > 1 and (stop - begin > hops or _doubtful(begin, stop, words, transit_ns)):
                entangled[pieces, START], entangled[pieces, END] = begin, stop
                entangled[pieces, ROW], entangled[pieces, FLOW_ROW] = rows, flow_row
                pieces += 1
                flow = np.int64(flow_of_definition[words[begin, 1] & definition_mask])
                for i in range(stop - begin):
                    table[rows + i, COUNTS] = EMPTY
                    table[rows + i, FLOW] = flow << 32
                    table[rows + i, POINTS] = reverse[flow]
                rows += stop - begin
                begin = stop
                continue
            first = begin
            for i in range(begin + 1, stop):
                if words[i, 1] >> POSITION < words[first, 1] >> POSITION:
                    first = i
            which = words[first, 1] & definition_mask
            flow = np.int64(flow_of_definition[which])
            back = reverse[flow] != 0
            for h in range(hops):
                table[rows, TIMES + h] = ABSENT
            points = np.int64(0)
            for i in range(begin, stop):
                hop = words[i, 1] >> POSITION
                hop = hops - 1 - hop if back else hop
                table[rows, TIMES + hop] = words[i, 0]
                points |= ((words[i, 1] >> POINT) & points_mask) << (8 * hop)
            table[rows, REFERENCE] = words[first, 0]
            table[rows, FLOW] = flow << 32 | which
            table[rows, SIGNATURE] = np.int64(this & np.uint64(0xFFFFFFFF)) << 32 | np.int64(order[first])
            table[rows, POINTS] = points
            table[rows, COUNTS] = 2 if back else 0
            if len(seen):
                seen[rows, :] = -1
                for i in range(begin, stop):
                    seen[rows, words[i, 1] >> POSITION] = order[i]
            if words[first, 0] >= before_ns:
                for i in range(begin, stop):
                    fate[order[i]] = later
            rows += 1
            begin = stop
        start = end
    return rows, pieces


@njit(cache=True, nogil=True, inline="always")
def _doubtful(start, end, words, transit_ns):
    """A hop saw the key twice, or one saw it too long before or after the first one."""
    first, met = start, np.int64(0)
    for i in range(start, end):
        position = words[i, 1] >> POSITION
        if met >> position & 1:
            return True
        met |= np.int64(1) << position
        if position < words[first, 1] >> POSITION:
            first = i
    longest_ns = np.int64(0)
    for i in range(start, end):
        longest_ns = max(longest_ns, abs(words[i, 0] - words[first, 0]))
    return longest_ns > transit_ns


@njit(cache=True, nogil=True)
def _by_time(order, start, end, words, octets, last_ns, extras):
    """Sort order and words from start to end by time, position, point, definition, octets, last time, extras.

    Runs by insertion, then merged.
    """
    place, other = np.arange(start, end), np.empty(end - start, np.int64)
    for low in range(0, len(place), _RUN):
        for i in range(low + 1, min(low + _RUN, len(place))):
            this = place[i]
            j = i
            while j > low and _before(this, place[j - 1], order, words, octets, last_ns, extras):
                place[j] = place[j - 1]
                j -= 1
            place[j] = this
    width = _RUN
    while width < len(place):
        for low in range(0, len(place), 2 * width):
            middle, high = min(low + width, len(place)), min(low + 2 * width, len(place))
            left, right = low, middle
            for to in range(low, high):
                if left < middle and (
                        right == high or not _before(place[right], place[left], order, words, octets, last_ns, extras)):
                    other[to] = place[left]
                    left += 1
                else:
                    other[to] = place[right]
                    right += 1
        place, other = other, place
        width *= 2
    order[start:end], words[start:end] = order[place], words[place]


@njit(cache=True, nogil=True)
def _before(i, j, order, words, octets, last_ns, extras):
    if words[i, 0] != words[j, 0]:
        return words[i, 0] < words[j, 0]
    if words[i, 1] != words[j, 1]:
        return words[i, 1] < words[j, 1]
    a, b = order[i], order[j]
    if octets[a] != octets[b]:
        return octets[a] < octets[b]
    if len(last_ns) and last_ns[a] != last_ns[b]:
        return last_ns[a] < last_ns[b]
    for k in range(extras.shape[1] if len(extras) else 0):
        if extras[a, k] != extras[b, k]:
            return extras[a, k] < extras[b, k]
    return False
