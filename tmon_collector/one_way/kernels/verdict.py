"""Kernels of the verdicts: when packets usually pass a hop, whether anything was observed there then, what became of each."""

import numpy as np
from numba import njit

COMPLETE, LOST, DROPPED, MISSED, INJECTED = range(5)
ABSENT = np.iinfo(np.int64).min
LOWEST, HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def judge(flow, reverse, clash, reference_ns, times, seen, transit_ns, blind_from, blind_to, blind_start, point_start, seen_first, verdict,
          lost_after):
    """Fill verdict and lost_after.

    flow int32, reverse uint8, clash uint8, reference_ns int64 (n,), times int64 (n, hops): of packets, those of a flow one after the other
    seen            int64 (m,): positions of the hops with points
    transit_ns      what is assumed of a hop where no packet of known delay was seen: that much before or after
    blind_from, blind_to    int64: intervals, both included; those of point p are at blind_start[p] .. blind_start[p + 1], in order, apart
    point_start     int64 (m + 1,): points of seen hop s are point_start[s] .. point_start[s + 1]
    """
    many = len(seen)
    last = many - 1
    way_low, way_high = np.empty((2, many), np.int64), np.empty((2, many), np.int64)
    low, high = np.empty(many, np.int64), np.empty(many, np.int64)
    known = False
    start, total = 0, len(flow)
    while start < total:
        end = start
        missing = False
        while end < total and flow[end] == flow[start]:
            for s in range(many):
                missing |= times[end, seen[s]] == ABSENT
            end += 1
        if not missing:
            for i in range(start, end):
                verdict[i], lost_after[i] = COMPLETE, 0
            start = end
            continue
        back = reverse[start] != 0
        if len(blind_from):
            if not known:
                _usual(0, total, False, reverse, clash, times, seen, way_low[0], way_high[0])
                _usual(0, total, True, reverse, clash, times, seen, way_low[1], way_high[1])
                known = True
            _usual(start, end, back, reverse, clash, times, seen, low, high)
            for s in range(many):
                if low[s] > high[s]:
                    low[s], high[s] = way_low[int(back), s], way_high[int(back), s]
                if low[s] > high[s]:
                    low[s], high[s] = -transit_ns, transit_ns
        for i in range(start, end):
            blind = evident = first_missing = False
            latest = begun = -1
            for w in range(many):
                s = last - w if back else w
                if times[i, seen[s]] != ABSENT:
                    latest = w
                    if begun < 0:
                        begun = s
            for w in range(many):
                s = last - w if back else w
                if times[i, seen[s]] != ABSENT or (w < latest and latest < last):
                    continue  # once it is lost, it does not matter what was missed before
                unseen = len(blind_from) > 0 and _blind(reference_ns[i] + low[s] - high[begun], reference_ns[i] + high[s] - low[begun],
                                                        point_start[s], point_start[s + 1], blind_from, blind_to, blind_start)
                blind |= unseen
                evident |= not unseen
                first_missing |= w == 0 and not unseen
            lost_after[i] = 0
            if not (blind or evident):
                verdict[i] = COMPLETE
            elif not evident:
                verdict[i] = DROPPED
            elif latest < last:
                verdict[i] = LOST
                lost_after[i] = seen[last - latest if back else latest] + 1
            elif first_missing and not seen_first[flow[i]]:
                verdict[i] = INJECTED
            else:
                verdict[i] = MISSED
        start = end


@njit(cache=True, nogil=True)
def _usual(start, end, back, reverse, clash, times, seen, low, high):
    """Least and greatest time from the first hop of the way to each one, of packets that nothing else could be taken for."""
    many = len(seen)
    first = seen[many - 1 if back else 0]
    low[:], high[:] = HIGHEST, LOWEST
    for i in range(start, end):
        if (reverse[i] != 0) != back or clash[i] or times[i, first] == ABSENT:
            continue
        for s in range(many):
            if times[i, seen[s]] != ABSENT:
                took = times[i, seen[s]] - times[i, first]
                low[s], high[s] = min(low[s], took), max(high[s], took)


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
