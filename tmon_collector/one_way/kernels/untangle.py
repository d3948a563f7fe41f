"""Kernels: pieces in which a hop saw the same key more than once become packets, hop by hop on the way."""

import numpy as np
from numba import njit

from tmon_collector.one_way.kernels.heap import pop, push
from tmon_collector.one_way.kernels.pieces import END, ROW, START
from tmon_collector.one_way.kernels.placing import POINT, POSITION
from tmon_collector.one_way.kernels.table import COUNTS, FLOW, POINTS, REFERENCE, SIGNATURE, TIMES

ABSENT = np.iinfo(np.int64).min
_BY_INSERTION = 48


@njit(cache=True, nogil=True)
def untangle(entangled, offset, reach, offset_of, order, words, signature, flow_of_definition, reverse, hops, transit_ns, before_ns,
             table, seen, fate, later):
    """Fill the rows of entangled pieces: as many as there are packets in them. Their observations get fate `later` if that is their
    packet's: its reference is not before `before_ns`.

    offset, reach, offset_of    see usual
    order               sorted by time within pieces
    """
    longest = 0
    for piece in range(len(entangled)):
        longest = max(longest, entangled[piece, END] - entangled[piece, START])
    longest = np.int64(longest)
    # Of packets: place of the observation at each position, -1; time of the first one; when it would have started, if it reached
    # the latest hop in the usual time; copies; clash.
    saw = np.empty((longest, hops), np.int64)
    first_ns, start_ns = np.empty(longest, np.int64), np.empty(longest, np.int64)
    copies, clash = np.empty(longest, np.int64), np.empty(longest, np.bool_)
    # Of observations: the packet they are paired with; the one they belong to; places of those of a hop.
    packet_of, owner_of, here = np.empty(longest, np.int64), np.empty(longest, np.int64), np.empty(longest, np.int64)
    line, line_ns = np.empty(2 * longest, np.int64), np.empty(2 * longest, np.int64)
    mate, before, behind = np.empty(2 * longest, np.int64), np.empty(2 * longest, np.int64), np.empty(2 * longest, np.int64)
    heap, by_start = np.empty((4 * longest, 3), np.int64), np.empty(longest, np.int64)
    for piece in range(len(entangled)):
        start, end = np.int64(entangled[piece, START]), np.int64(entangled[piece, END])
        usual, off = offset[offset_of[piece]], reach[offset_of[piece]]
        packets = 0
        for position in range(hops):
            observations = 0
            for i in range(start, end):
                if words[i, 1] >> POSITION == position:
                    here[observations] = i
                    observations += 1
            if not observations:
                continue
            packet_of[: end - start] = -1
            if packets:
                _sort(start_ns, by_start, packets)
                length = _line_up(start_ns, by_start, packets, here, observations, words, usual[position], line, line_ns)
                _nearest(line, line_ns, length, words, first_ns, transit_ns, off[position], mate, before, behind, heap)
                _in_order(line, length, mate, words, first_ns, transit_ns, before, behind, packet_of, start)
            packets = _place(here, observations, position, words, usual[position], transit_ns, packet_of, owner_of, start,
                             saw, first_ns, start_ns, copies, packets)
        _mark_clashes(first_ns, packets, by_start, transit_ns, clash)
        row = np.int64(entangled[piece, ROW])
        for p in range(packets):
            _row(row + p, p, saw, copies, clash, order, words, signature, flow_of_definition, reverse, hops, table, seen)
        for i in range(start, end):
            if first_ns[owner_of[i - start]] >= before_ns:
                fate[order[i]] = later


@njit(cache=True, nogil=True)
def _sort(value, order, many):
    """Positions of value[:many] in order; equal ones as they come."""
    if many > _BY_INSERTION:
        order[:many] = np.argsort(value[:many], kind="mergesort")
        return
    for i in range(many):
        j = i
        while j > 0 and value[i] < value[order[j - 1]]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


@njit(cache=True, nogil=True)
def _line_up(start_ns, by_start, packets, here, observations, words, usual_ns, line, line_ns):
    """Packets (their number) and observations (-1 - place) in order of when each would have started. Returns how many."""
    p = o = 0
    for at in range(packets + observations):
        if p < packets and (o == observations or start_ns[by_start[p]] <= words[here[o], 0] - usual_ns):
            line[at], line_ns[at] = by_start[p], start_ns[by_start[p]]
            p += 1
        else:
            line[at], line_ns[at] = -1 - here[o], words[here[o], 0] - usual_ns
            o += 1
    return packets + observations


@njit(cache=True, nogil=True)
def _nearest(line, line_ns, length, words, first_ns, transit_ns, reach_ns, mate, before, behind, heap):
    """mate: again and again the nearest two with nothing between them that is not taken; -1 for who is left.

    Two that are farther apart than reach_ns only if there never was anything between them: a lost packet and the copy of a much
    later one would put a whole row of equal packets off by one.
    """
    waiting = 0
    for i in range(length):
        mate[i], before[i], behind[i] = -1, i - 1, i + 1
    for i in range(length - 1):
        if _may(line, i, i + 1, words, first_ns, transit_ns):
            waiting = push(heap, waiting, line_ns[i + 1] - line_ns[i], i + 1, -i)
    while waiting:
        right, left = heap[0, 1], -heap[0, 2]
        waiting = pop(heap, waiting)
        if mate[left] >= 0 or mate[right] >= 0:
            continue
        mate[left], mate[right] = right, left
        low, high = before[left], behind[right]
        if low >= 0:
            behind[low] = high
        if high < length:
            before[high] = low
        if low >= 0 and high < length and _may(line, low, high, words, first_ns, transit_ns):
            apart_ns = line_ns[high] - line_ns[low]
            if apart_ns <= reach_ns:
                waiting = push(heap, waiting, apart_ns, high, -low)


@njit(cache=True, nogil=True, inline="always")
def _may(line, a, b, words, first_ns, transit_ns):
    """One is a packet and the other an observation of it, perhaps: within the time that it may take."""
    packet, o = line[a], line[b]
    if packet < 0:
        packet, o = o, packet
    return packet >= 0 and o < 0 and abs(words[-1 - o, 0] - first_ns[packet]) <= transit_ns


@njit(cache=True, nogil=True)
def _in_order(line, length, mate, words, first_ns, transit_ns, packets, observations, packet_of, start):
    """Fill packet_of: within an outermost pair, the first packet gets the first observation, if that leaves all within time."""
    left = 0
    while left < length:
        if mate[left] < 0:
            left += 1
            continue
        right = mate[left]
        p = o = 0
        for i in range(left, right + 1):
            if mate[i] >= 0:
                if line[i] >= 0:
                    packets[p] = line[i]
                    p += 1
                else:
                    observations[o] = -1 - line[i]
                    o += 1
        fits = True
        for i in range(p):
            fits &= abs(words[observations[i], 0] - first_ns[packets[i]]) <= transit_ns
        if fits:
            for i in range(p):
                packet_of[observations[i] - start] = packets[i]
        else:
            for i in range(left, right + 1):
                if mate[i] >= 0 and line[i] < 0:
                    packet_of[-1 - line[i] - start] = line[mate[i]]
        left = right + 1


@njit(cache=True, nogil=True)
def _place(here, observations, position, words, usual_ns, transit_ns, packet_of, owner_of, start, saw, first_ns, start_ns, copies,
           packets):
    """Paired observations are noted in their packet; others are copies, or packets of their own. Returns how many there are."""
    earlier, later = -1, 0
    for i in range(observations):
        place = here[i]
        time_ns, owner = words[place, 0], packet_of[place - start]
        if owner >= 0:
            earlier = i
        else:
            later = max(later, i + 1)
            while later < observations and packet_of[here[later] - start] < 0:
                later += 1
            before_ns = np.int64(-1)
            if earlier >= 0:
                packet = packet_of[here[earlier] - start]
                if abs(time_ns - first_ns[packet]) <= transit_ns:
                    owner, before_ns = packet, time_ns - words[here[earlier], 0]
            if later < observations:
                packet, behind_ns = packet_of[here[later] - start], words[here[later], 0] - time_ns
                if abs(time_ns - first_ns[packet]) <= transit_ns and (before_ns < 0 or behind_ns < before_ns):
                    owner = packet
        if owner < 0:
            owner = packets
            packets += 1
            saw[owner, :] = -1
            first_ns[owner], copies[owner] = time_ns, 0
        owner_of[place - start] = owner
        if saw[owner, position] < 0:  # in order of time, so this is the first copy
            saw[owner, position], start_ns[owner] = place, time_ns - usual_ns
        else:
            copies[owner] += 1
    return packets


@njit(cache=True, nogil=True)
def _mark_clashes(first_ns, packets, by_time, transit_ns, clash):
    """clash: another packet of the piece passed the first hop that saw it at about the same time."""
    _sort(first_ns, by_time, packets)
    clash[:packets] = False
    for i in range(1, packets):
        if first_ns[by_time[i]] - first_ns[by_time[i - 1]] <= transit_ns:
            clash[by_time[i]] = clash[by_time[i - 1]] = True


@njit(cache=True, nogil=True)
def _row(row, packet, saw, copies, clash, order, words, signature, flow_of_definition, reverse, hops, table, seen):
    """Write the row of a packet."""
    points, first = np.int64(0), np.int64(-1)
    for position in range(hops):
        if saw[packet, position] >= 0:
            first = saw[packet, position]
            break
    definition = words[first, 1] & ((np.int64(1) << POINT) - 1)
    flow = np.int64(flow_of_definition[definition])
    back = reverse[flow] != 0
    for position in range(hops):
        hop = hops - 1 - position if back else position
        place = saw[packet, position]
        table[row, TIMES + hop] = words[place, 0] if place >= 0 else ABSENT
        if place >= 0:
            points |= (words[place, 1] >> POINT & 0xFF) << (8 * hop)
        if len(seen):
            seen[row, position] = order[place] if place >= 0 else -1
    table[row, REFERENCE], table[row, FLOW] = words[first, 0], flow << 32 | definition
    table[row, SIGNATURE] = np.int64(signature[order[first]]) << 32 | np.int64(order[first])
    table[row, POINTS] = points
    table[row, COUNTS] = copies[packet] << 2 | np.int64(back) << 1 | np.int64(clash[packet])
