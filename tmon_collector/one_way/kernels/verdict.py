"""Kernels of the verdicts: when packets usually pass a hop, whether anything was observed there then, what became of each."""

import numpy as np
from numba import njit

COMPLETE, LOST, DROPPED, MISSED, INJECTED = range(5)
ABSENT = np.iinfo(np.int64).min
OUTLYING = 64
"""One in so many delays at either end says nothing of how long packets usually take."""
LOWEST, HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def judge(flow, reverse, clash, reference_ns, times, seen, transit_ns, blind_from, blind_to, blind_start, point_start, seen_first,
          verdict, lost_after):
    """Fill verdict and lost_after.

    flow int32, reverse uint8, clash uint8, reference_ns int64 (n,), times int64 (n, hops): of packets, ordered by flow
    seen            int64 (m,): positions of the hops with points
    transit_ns      what is assumed of a hop where no packet of known delay was seen: that much before or after
    blind_from, blind_to    int64: intervals, both included; of point p from blind_start[p] to blind_start[p + 1], in order, apart
    point_start     int64 (m + 1,): points of seen hop s are point_start[s] .. point_start[s + 1]
    """
    many = len(seen)
    way_low, way_high = np.empty((2, many), np.int64), np.empty((2, many), np.int64)
    low, high = np.empty(many, np.int64), np.empty(many, np.int64)
    known = False
    start, total = 0, len(flow)
    while start < total:
        end, missing = start, False
        while end < total and flow[end] == flow[start]:
            verdict[end], lost_after[end] = COMPLETE, 0
            for s in range(many):
                if times[end, seen[s]] == ABSENT:
                    verdict[end] = MISSED  # somewhere; which of the others it is comes below
                    missing = True
            end += 1
        back = reverse[start] != 0
        if missing and len(blind_from):
            if not known:
                _usual(0, total, False, reverse, clash, times, seen, way_low[0], way_high[0])
                _usual(0, total, True, reverse, clash, times, seen, way_low[1], way_high[1])
                known = True
            _usual(start, end, back, reverse, clash, times, seen, low, high)
            _fill(low, high, way_low[int(back)], way_high[int(back)], transit_ns)
        if missing:
            for i in range(start, end):
                if verdict[i] != COMPLETE:
                    verdict[i], lost_after[i] = _of_incomplete(
                        times[i], reference_ns[i], back, seen, low, high, blind_from, blind_to, blind_start, point_start,
                        seen_first[flow[i]] != 0)
        start = end


@njit(cache=True, nogil=True)
def _of_incomplete(times, reference_ns, back, seen, low, high, blind_from, blind_to, blind_start, point_start, seen_first):
    """(verdict, lost after) of a packet that some hop did not see."""
    last = len(seen) - 1
    latest, begun = -1, -1
    for w in range(last + 1):
        s = last - w if back else w
        if times[seen[s]] != ABSENT:
            latest, begun = w, s if begun < 0 else begun
    evident = first_evident = False
    for w in range(0 if latest == last else latest + 1, last + 1):  # once it is lost, it does not matter what was missed before
        s = last - w if back else w
        if times[seen[s]] == ABSENT:
            from_ns, to_ns = reference_ns + low[s] - high[begun], reference_ns + high[s] - low[begun]
            if len(blind_from) == 0 or not _blind(from_ns, to_ns, point_start[s], point_start[s + 1], blind_from, blind_to,
                                                  blind_start):
                evident = True
                first_evident |= w == 0
    if not evident:
        return DROPPED, 0
    if latest < last:
        return LOST, seen[last - latest if back else latest] + 1
    return (INJECTED if first_evident and not seen_first else MISSED), 0


@njit(cache=True, nogil=True)
def _fill(low, high, way_low, way_high, transit_ns):
    """What the flow does not tell, the way does; else the transit either way."""
    for s in range(len(low)):
        if low[s] > high[s]:
            low[s], high[s] = way_low[s], way_high[s]
        if low[s] > high[s]:
            low[s], high[s] = -transit_ns, transit_ns


@njit(cache=True, nogil=True)
def _usual(start, end, back, reverse, clash, times, seen, low, high):
    """Least and greatest time from the first hop of the way to each one, of packets that nothing else could be taken for, the
    OUTLYING part at either end left out: one late packet must not make what is lost long before a gap dropped."""
    many = len(seen)
    first = seen[many - 1 if back else 0]
    low[:], high[:] = HIGHEST, LOWEST
    took = np.empty(end - start, np.int64)
    for s in range(many):
        known = 0
        for i in range(start, end):
            if (reverse[i] != 0) == back and not clash[i] and times[i, first] != ABSENT and times[i, seen[s]] != ABSENT:
                took[known] = times[i, seen[s]] - times[i, first]
                low[s], high[s] = min(low[s], took[known]), max(high[s], took[known])
                known += 1
        out = known // OUTLYING
        if out and low[s] < high[s]:
            low[s] = np.partition(took[:known], out)[out]
            high[s] = np.partition(took[:known], known - 1 - out)[known - 1 - out]


@njit(cache=True, nogil=True)
def _blind(from_ns, to_ns, first_point, end_point, blind_from, blind_to, blind_start):
    """Every point of the hop was blind at some moment of the interval."""
    for p in range(first_point, end_point):
        low, high = blind_start[p], blind_start[p + 1]
        end = high
        while low < high:  # first interval that ends at from_ns or later
            middle = (low + high) // 2
            if blind_to[middle] < from_ns:
                low = middle + 1
            else:
                high = middle
        if low == end or blind_from[low] > to_ns:
            return False
    return True
