"""Distribution of the one-way delays between two hops (RFC 7679), and their variation from packet to packet (RFC 3393)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, njit

from tmon_collector.one_way.figures import between, square_us, total
from tmon_collector.one_way.packet_runs import Runs
from tmon_collector.one_way.packets import Packets
from tmon_common.kernels.log_bucket import bucket_of
from tmon_common.log_buckets import BUCKETS, UPPER_NS
from tmon_common.observations import ABSENT, ONE_WAY_DELAY_HISTOGRAM

(_FLOW, _START, _END, _FROM, _TO, _HISTOGRAM, _POPULATION, _SUM, _SQUARES, _MINIMUM, _MAXIMUM, _NEGATIVE, _IPDV_POPULATION,
 _IPDV_SUM, _IPDV_ABSOLUTE, _IPDV_SQUARES, _IPDV_MINIMUM, _IPDV_MAXIMUM, _SLICE) = (ONE_WAY_DELAY_HISTOGRAM.word_of(n) for n in (
     "flow", "start", "end", "from_hop", "to_hop", "histogram", "population", "sum", "sum_of_squares", "minimum", "maximum",
     "negative", "ipdv_population", "ipdv_sum", "ipdv_absolute_sum", "ipdv_sum_of_squares", "ipdv_minimum", "ipdv_maximum",
     "slice_01"))
_NULLABLE = [ONE_WAY_DELAY_HISTOGRAM.word_of(c.name) for c in ONE_WAY_DELAY_HISTOGRAM.expanded if c.nullable]
_ABSENT, _LARGEST = ABSENT, np.iinfo(np.int64).max
_BUCKETS = BUCKETS
_FEW = 32


class Pair(NamedTuple):
    """Two hops (positions, the first one first on the way forward), histogram: position of its name among the strings of the rows.

    bounds      int64: upper bounds of its slices, included, of all but the last
    """

    from_hop: int
    to_hop: int
    histogram: int
    bounds: np.ndarray | None


class Distribution(NamedTuple):
    """Of one pair of hops, runs that have no delay left out.

    rows        int64 (n, words) one_way_delay_histogram, without percentiles and offsets; flow: the number that all probes share
    run         int64 (n,): which run each is of
    buckets     int64 (b, 3): row, bucket, count; by row, then by bucket
    delays_ns   int64 (packets,): ABSENT where it is not known
    """

    rows: np.ndarray
    run: np.ndarray
    buckets: np.ndarray
    delays_ns: np.ndarray


def distribution(packets: Packets, runs: Runs, pair: Pair, interval_ns: int, memory: np.ndarray) -> Distribution:
    """Delay: from when the packet (of a datagram, the first fragment) passed one hop until it (the last fragment) passed the other.

    Variation is that of packets that follow each other at the hop where the delay begins, if both arrived (RFC 3393 section 2.4:
    otherwise it is undefined); it counts in the interval of the second.
    memory  int64 (flows, 2): last delay of each flow, forward and reverse, ABSENT: undefined; updated
    """
    rows = np.zeros((len(runs.flow), ONE_WAY_DELAY_HISTOGRAM.words), np.int64)
    rows[:, _NULLABLE] = ABSENT
    rows[:, _FLOW], rows[:, _START], rows[:, _END] = runs.flow, runs.start_ns, runs.start_ns + interval_ns
    back = runs.reverse != 0
    rows[:, _FROM], rows[:, _TO] = np.where(back, pair.to_hop, pair.from_hop), np.where(back, pair.from_hop, pair.to_hop)
    rows[:, _HISTOGRAM] = pair.histogram
    last = np.zeros((0, 0), np.int64) if packets.last is None else packets.last
    delays_ns, buckets = np.empty(len(packets.flow), np.int64), np.empty((len(packets.flow), 3), np.int64)
    bounds = np.zeros(0, np.int64) if pair.bounds is None else pair.bounds
    used = _measure(packets.times, last, runs.begin, runs.reverse, pair.from_hop, pair.to_hop, pair.bounds is not None, bounds,
                    UPPER_NS, delays_ns, rows, buckets)
    _vary(packets.times, runs.begin, runs.row, runs.flow, runs.reverse, pair.from_hop, pair.to_hop, delays_ns, memory, rows)
    buckets = buckets[:used]
    kept = rows[:, _POPULATION] > 0
    if kept.all():
        return Distribution(rows, np.arange(len(rows)), buckets.copy(), delays_ns)
    buckets[:, 0] = (np.cumsum(kept) - 1)[buckets[:, 0]]
    return Distribution(rows[kept], np.flatnonzero(kept), buckets.copy(), delays_ns)


@njit(cache=True, nogil=True)
def _measure(times, last, begin, reverse, from_hop, to_hop, sliced, bounds, upper_ns, delays_ns, rows, buckets):
    counts = np.zeros(2 * _BUCKETS, np.int64)
    touched = np.empty(2 * _BUCKETS, np.int64)
    slices = np.zeros(len(bounds) + 1, np.int64)
    fragments = len(last) > 0
    used = 0
    for r in range(len(reverse)):
        start, end = (to_hop, from_hop) if reverse[r] else (from_hop, to_hop)
        population = negative = distinct = int64(0)
        delay_sum = squares = int64(0)
        least, most = int64(_LARGEST), int64(-_LARGEST)
        slices[:] = 0
        for p in range(begin[r], begin[r + 1]):
            begins_ns, ends_ns = times[p, start], times[p, end]
            if begins_ns == _ABSENT or ends_ns == _ABSENT:
                delays_ns[p] = _ABSENT
                continue
            if fragments and last[p, end] != _ABSENT:
                ends_ns = last[p, end]
            delay_ns = between(begins_ns, ends_ns)
            delays_ns[p] = delay_ns
            population += 1
            negative += delay_ns < 0
            delay_sum = total(delay_sum, delay_ns)
            squares = total(squares, square_us(delay_ns))
            least, most = min(least, delay_ns), max(most, delay_ns)
            if sliced:
                at = 0
                while at < len(bounds) and delay_ns > bounds[at]:
                    at += 1
                slices[at] += 1
            at = _BUCKETS + bucket_of(delay_ns, upper_ns) if delay_ns >= 0 else _BUCKETS - 1 - bucket_of(-delay_ns, upper_ns)
            if counts[at] == 0:
                touched[distinct] = at
                distinct += 1
            counts[at] += 1
        if population == 0:
            continue
        rows[r, _POPULATION], rows[r, _NEGATIVE] = population, negative
        rows[r, _SUM], rows[r, _SQUARES], rows[r, _MINIMUM], rows[r, _MAXIMUM] = delay_sum, squares, least, most
        if sliced:
            for at in range(len(slices)):
                rows[r, _SLICE + at] = slices[at]
        _order(touched, distinct)
        for t in range(distinct):
            at = touched[t]
            buckets[used, 0], buckets[used, 1], buckets[used, 2] = r, at - _BUCKETS, counts[at]
            used += 1
            counts[at] = 0
    return used


@njit(cache=True, nogil=True)
def _order(numbers, many):
    """The first ones ascending."""
    if many > _FEW:
        numbers[:many] = np.sort(numbers[:many])
        return
    for i in range(1, many):
        number, at = numbers[i], i
        while at and numbers[at - 1] > number:
            numbers[at] = numbers[at - 1]
            at -= 1
        numbers[at] = number


@njit(cache=True, nogil=True)
def _vary(times, begin, row, flow, reverse, from_hop, to_hop, delays_ns, memory, rows):
    runs = len(flow)
    first = 0
    while first < runs:  # all runs of a flow
        after = first + 1
        while after < runs and flow[after] == flow[first] and reverse[after] == reverse[first]:
            after += 1
        back = int64(reverse[first] != 0)
        start = to_hop if back else from_hop
        previous_ns = memory[flow[first], back]
        if _ascending(times, start, begin[first], begin[after]):
            for r in range(first, after):
                pairs = sums = absolute = squares = int64(0)
                least, most = int64(_LARGEST), int64(-_LARGEST)
                for p in range(begin[r], begin[r + 1]):
                    if times[p, start] == _ABSENT:
                        continue
                    delay_ns = delays_ns[p]
                    if delay_ns != _ABSENT and previous_ns != _ABSENT:
                        varied_ns = delay_ns - previous_ns
                        pairs += 1
                        sums = total(sums, varied_ns)
                        absolute = total(absolute, abs(varied_ns))
                        squares = total(squares, square_us(varied_ns))
                        least, most = min(least, varied_ns), max(most, varied_ns)
                    previous_ns = delay_ns
                if pairs:
                    rows[r, _IPDV_POPULATION], rows[r, _IPDV_SUM], rows[r, _IPDV_ABSOLUTE] = pairs, sums, absolute
                    rows[r, _IPDV_SQUARES], rows[r, _IPDV_MINIMUM], rows[r, _IPDV_MAXIMUM] = squares, least, most
        else:
            previous_ns = _vary_in_order(times, start, begin[first], begin[after], row, delays_ns, previous_ns, rows)
        memory[flow[first], back] = previous_ns
        first = after


@njit(cache=True, nogil=True)
def _ascending(times, hop, first, after):
    """Whether packets passed the hop in the order in which they stand."""
    previous_ns = int64(-_LARGEST)
    for p in range(first, after):
        if times[p, hop] != _ABSENT:
            if times[p, hop] < previous_ns:
                return False
            previous_ns = times[p, hop]
    return True


@njit(cache=True, nogil=True)
def _vary_in_order(times, hop, first, after, row, delays_ns, previous_ns, rows):
    """The same for packets that passed the hop in another order. Returns the last delay."""
    order = np.argsort(times[first:after, hop].copy(), kind="mergesort")
    for i in order:
        p = first + i
        if times[p, hop] == _ABSENT:
            continue
        delay_ns = delays_ns[p]
        if delay_ns != _ABSENT and previous_ns != _ABSENT:
            varied_ns, r = delay_ns - previous_ns, row[p]
            if rows[r, _IPDV_POPULATION] == 0:
                rows[r, _IPDV_MINIMUM] = rows[r, _IPDV_MAXIMUM] = varied_ns
            rows[r, _IPDV_POPULATION] += 1
            rows[r, _IPDV_SUM] = total(rows[r, _IPDV_SUM], varied_ns)
            rows[r, _IPDV_ABSOLUTE] = total(rows[r, _IPDV_ABSOLUTE], abs(varied_ns))
            rows[r, _IPDV_SQUARES] = total(rows[r, _IPDV_SQUARES], square_us(varied_ns))
            rows[r, _IPDV_MINIMUM] = min(rows[r, _IPDV_MINIMUM], varied_ns)
            rows[r, _IPDV_MAXIMUM] = max(rows[r, _IPDV_MAXIMUM], varied_ns)
        previous_ns = delay_ns
    return previous_ns
