"""Kernels: how long after the start of its way a packet usually passes each hop; told by packets about which there is no doubt."""

import numpy as np
from numba import njit

from tmon_collector.one_way.kernels.pieces import END, FLOW_ROW, ROW, START
from tmon_collector.one_way.kernels.placing import POSITION
from tmon_collector.one_way.kernels.table import COUNTS, EMPTY, FLOW, POINTS, TIMES

ABSENT = np.iinfo(np.int64).min
SAMPLES = 255
"""Packets of a flow that are asked, at most: those of the lowest signatures, that is, any."""
SPREADS, LEAST_NS = 2, 1_000_000
ANY = np.int64(1) << 62


@njit(cache=True, nogil=True)
def of_flows(table, rows, entangled, hops, needed, of_ways, reach_of_ways, offset, reach, offset_of):
    """Medians by flow, of flows with entangled pieces: offset int64 (pieces, hops), by position; where no packet tells: of its way.

    needed      bit mask of the positions that matter
    reach       int64 (pieces, hops): what a packet may be off that: SPREADS times what these packets' times differ by, and LEAST_NS
    of_ways, reach_of_ways  int64 (2, hops), see below
    offset_of   int32 (pieces,): gets which row of offset is that of the piece's flow
    Returns whether of_ways was asked.
    """
    took, sample = np.empty(SAMPLES, np.int64), np.empty(SAMPLES, np.int64)
    flows = 0
    asked = False
    for piece in range(len(entangled)):
        row = np.int64(entangled[piece, FLOW_ROW])
        if piece and row == entangled[piece - 1, FLOW_ROW]:
            offset_of[piece] = flows - 1
            continue
        offset_of[piece] = flows
        flow = table[row, FLOW] >> 32
        samples, first = 0, row
        while row < rows and samples < SAMPLES and table[row, FLOW] >> 32 == flow:
            if table[row, COUNTS] != EMPTY and _hops_that_saw(table, row, hops) > 1:
                sample[samples] = row
                samples += 1
            row += 1
        back = table[entangled[piece, ROW], POINTS]
        for position in range(hops):
            told = 0
            for s in range(samples):
                value = _took(table, sample[s], position, hops, offset, flows)
                if value != ABSENT:
                    took[told] = value
                    told += 1
            if told:
                offset[flows, position] = np.partition(took[:told], (told - 1) // 2)[(told - 1) // 2]
                reach[flows, position] = SPREADS * _spread(table, first, rows, flow, position, hops, offset, flows) + LEAST_NS
            else:
                offset[flows, position], reach[flows, position] = of_ways[back, position], reach_of_ways[back, position]
                asked |= position > 0 and needed >> position & 1 != 0
        flows += 1
    return asked


@njit(cache=True, nogil=True)
def of_ways(table, rows, entangled, words, transit_ns, hops, offset, reach):
    """The same over all flows that go a way: offset, reach int64 (2, hops): forward, reverse.

    Of a hop of which no packet tells, the first observations there in entangled pieces do; else it is 0. Then reach is ANY.
    """
    took = np.empty(max(rows, len(entangled)), np.int64)
    for back in range(2):
        for position in range(hops):
            told = 0
            for row in range(rows):
                if table[row, COUNTS] == EMPTY or table[row, COUNTS] >> 1 & 1 != back:
                    continue
                value = _took(table, row, position, hops, offset, back)
                if value != ABSENT:
                    took[told] = value
                    told += 1
            reach[back, position] = SPREADS * (took[:told].max() - took[:told].min()) + LEAST_NS if told else ANY
            if not told:
                for piece in range(len(entangled)):
                    if table[entangled[piece, ROW], POINTS] != back:
                        continue
                    value = _took_first(entangled[piece, START], entangled[piece, END], words, position, transit_ns, offset, back)
                    if value != ABSENT:
                        took[told] = value
                        told += 1
            offset[back, position] = np.partition(took[:told], (told - 1) // 2)[(told - 1) // 2] if told else 0


@njit(cache=True, nogil=True)
def positions(entangled, words):
    """Bit mask of the positions on the way of the observations in entangled pieces."""
    mask = np.int64(0)
    for piece in range(len(entangled)):
        for i in range(entangled[piece, START], entangled[piece, END]):
            mask |= np.int64(1) << (words[i, 1] >> POSITION)
    return mask


@njit(cache=True, nogil=True, inline="always")
def _hops_that_saw(table, row, hops):
    many = 0
    for h in range(hops):
        many += table[row, TIMES + h] != ABSENT
    return many


@njit(cache=True, nogil=True)
def _spread(table, row, rows, flow, position, hops, offset, of):
    """By how much the times of all undoubted packets of a flow differ. row: its first one; of: its row in offset."""
    least, most = ANY, -ANY
    while row < rows and table[row, FLOW] >> 32 == flow:
        if table[row, COUNTS] != EMPTY:
            value = _took(table, row, position, hops, offset, of)
            if value != ABSENT:
                least, most = min(least, value), max(most, value)
        row += 1
    return most - least


@njit(cache=True, nogil=True, inline="always")
def _took(table, row, position, hops, offset, flow):
    """From the start of the way to the hop at that position; where the first hop did not see it, from when it usually starts."""
    back = table[row, COUNTS] >> 1 & 1
    last = TIMES + hops - 1
    time_ns = table[row, last - position if back else TIMES + position]
    took_ns = ABSENT
    if time_ns != ABSENT:
        for p in range(position):
            first_ns = table[row, last - p if back else TIMES + p]
            if first_ns != ABSENT:
                took_ns = time_ns - first_ns + offset[flow, p]
                break
    return took_ns


@njit(cache=True, nogil=True)
def _took_first(start, end, words, position, transit_ns, offset, back):
    """The same of the first observations of an entangled piece."""
    here, first = -1, start
    for i in range(start, end):
        if here < 0 and words[i, 1] >> POSITION == position:
            here = i
        if words[i, 1] >> POSITION < words[first, 1] >> POSITION:
            first = i
    from_position = words[first, 1] >> POSITION
    if here < 0 or from_position >= position:
        return ABSENT
    took_ns = words[here, 0] - words[first, 0]
    return took_ns + offset[back, from_position] if abs(took_ns) <= transit_ns else ABSENT
