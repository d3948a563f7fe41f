"""Packets that reach the last hop after one that had left later (RFC 4737). An engine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint8

from tmon_collector.one_way.packets import Packets
from tmon_common.observations import ABSENT

MAX_TAIL = 1 << 21
"""Packets, of all flows of a class, that are remembered from one round to the next."""
FOREVER = np.iinfo(np.int64).max
_ABSENT, _LEAST = ABSENT, np.iinfo(np.int64).min + 1
_START, _COUNT, _SUM, _MAXIMUM, _LATE = 1, 2, 3, 4, 5
_PIECE = 16  # is sorted by insertion


class Arrived(NamedTuple):
    """Packets that were seen at both ends of their way, ordered by flow.

    flow    int32 (n,)
    sent_ns, arrived_ns     int64 (n,): when they passed the first hop and the last one
    told    uint8 (n,): 1 if it is known, and told, whether it was reordered
    """

    flow: np.ndarray
    sent_ns: np.ndarray
    arrived_ns: np.ndarray
    told: np.ndarray


class Reordering:
    """Of one class.

    A packet is reordered if one that left later arrived before it (section 3.3, with the time of sending as sequence number:
    packets that left at the same moment are in order). Extent: arrivals since the first such one (section 4.2.2); late time: how
    long after that one it arrived (section 4.3.2).

    A packet of one round may be overtaken by packets of the next one: it is told when no such packet can come any more. All times
    of a packet are within max_transit of each other, so packets of later rounds arrive max_transit before the end of this one, or
    later; and of what arrived before that, only the last two max_transit may have left later than something that still waits.

    untold  packets that were too many to wait, so far: whether they were overtaken by some of the next round is not known
    """

    def __init__(self, max_transit_ns: int, interval_ns: int, limit: int = MAX_TAIL) -> None:
        self._transit_ns, self._interval_ns, self._limit = max_transit_ns, interval_ns, limit
        self._tail = _none()
        self._cut_ns = int(_LEAST)
        self.untold = 0

    def add(self, packets: Packets, round_end_ns: int) -> np.ndarray:
        """int64 (n, 6): flow, start of the interval, reordered packets, sum and maximum of their extents, largest late time."""
        self._cut_ns = max(self._cut_ns, round_end_ns - self._transit_ns)
        return self._tell(_arrived(packets), self._cut_ns, int(_LEAST))

    def close(self, until_ns: int) -> np.ndarray:
        """The same of the packets of intervals that end by then: no more is waited for."""
        return self._tell(_none(), self._cut_ns, until_ns)

    def forget(self, flows: np.ndarray) -> None:
        kept = ~np.isin(self._tail.flow, flows)
        if not kept.all():
            self._tail = Arrived(*(c[kept] for c in self._tail))

    def _tell(self, new: Arrived, cut_ns: int, until_ns: int) -> np.ndarray:
        many = len(self._tail.flow) + len(new.flow)
        found = np.empty((many, 6), np.int64)
        tail = Arrived(np.empty(many, np.int32), np.empty(many, np.int64), np.empty(many, np.int64), np.empty(many, np.uint8))
        kept_ns = max(cut_ns - 2 * self._transit_ns, int(_LEAST))
        told, kept = _reordered(*self._tail, *new, self._interval_ns, cut_ns, until_ns, kept_ns, found, *tail)
        self._tail = Arrived(*(c[:kept].copy() for c in tail))
        self._shorten()
        return found[:told].copy()

    def _shorten(self) -> None:
        if len(self._tail.flow) > self._limit:
            at = len(self._tail.flow) - self._limit
            latest = np.sort(np.argpartition(self._tail.arrived_ns, at)[at:])
            self.untold -= int(np.count_nonzero(self._tail.told[latest] == 0))
            self.untold += int(np.count_nonzero(self._tail.told == 0))
            self._tail = Arrived(*(c[latest] for c in self._tail))


def _none() -> Arrived:
    return Arrived(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8))


def _arrived(packets: Packets) -> Arrived:
    first, last = packets.times[:, 0], packets.times[:, -1]
    both = (first != ABSENT) & (last != ABSENT)
    whole = both.all()
    back = packets.reverse != 0
    if back.any():
        first, last = np.where(back, last, first), np.where(back, first, last)
    flow = packets.flow
    if not whole:
        flow, first, last = flow[both], first[both], last[both]
    return Arrived(flow, np.ascontiguousarray(first), np.ascontiguousarray(last), np.zeros(len(flow), np.uint8))


@njit(cache=True, nogil=True)
def _reordered(flow_a, sent_a, arrived_a, told_a, flow_b, sent_b, arrived_b, told_b, interval_ns, cut_ns, until_ns, kept_ns,
               found, tail_flow, tail_sent, tail_arrived, tail_told):
    """Old packets (a) and new ones (b), ordered by flow. Tells of those before cut_ns, and of intervals that end by until_ns.

    Keeps those that arrived from kept_ns on, or are not told. Returns how many rows were found, how many packets are kept.
    """
    a, b, rows, kept = 0, 0, 0, 0
    size = len(flow_a) + len(flow_b)
    sent, arrived, told = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.uint8)
    top = np.empty(size, np.int64)
    while a < len(flow_a) or b < len(flow_b):
        flow = flow_a[a] if a < len(flow_a) and (b >= len(flow_b) or flow_a[a] <= flow_b[b]) else flow_b[b]
        many, ordered = 0, True
        while a < len(flow_a) and flow_a[a] == flow:
            sent[many], arrived[many], told[many] = sent_a[a], arrived_a[a], told_a[a]
            ordered &= many == 0 or (sent[many - 1] <= sent[many] and arrived[many - 1] <= arrived[many])
            many += 1
            a += 1
        while b < len(flow_b) and flow_b[b] == flow:
            sent[many], arrived[many], told[many] = sent_b[b], arrived_b[b], told_b[b]
            ordered &= many == 0 or (sent[many - 1] <= sent[many] and arrived[many - 1] <= arrived[many])
            many += 1
            b += 1
        if not ordered:
            _sort(sent, arrived, told, many)
            rows = _tell(flow, sent, arrived, told, many, interval_ns, cut_ns, until_ns, top, found, rows)
        for i in range(many):
            decided = told[i] or arrived[i] < cut_ns or sent[i] - sent[i] % interval_ns + interval_ns <= until_ns
            if arrived[i] >= kept_ns or not decided:
                tail_flow[kept], tail_sent[kept], tail_arrived[kept], tail_told[kept] = flow, sent[i], arrived[i], uint8(decided)
                kept += 1
    return rows, kept


@njit(cache=True, nogil=True)
def _tell(flow, sent, arrived, told, many, interval_ns, cut_ns, until_ns, top, found, rows):
    """Of packets of a flow, in order of arrival. top: scratch, for arrivals that left later than all before. Returns the rows."""
    tops, own = 0, rows
    for i in range(many):
        if tops == 0 or sent[i] > sent[top[tops - 1]]:
            top[tops] = i
            tops += 1
            continue
        if told[i] or sent[i] == sent[top[tops - 1]]:
            continue
        start_ns = sent[i] - sent[i] % interval_ns
        if arrived[i] >= cut_ns and start_ns + interval_ns > until_ns:
            continue
        low, high = 0, tops - 1  # the first arrival that left later
        while low < high:
            middle = (low + high) // 2
            if sent[top[middle]] > sent[i]:
                high = middle
            else:
                low = middle + 1
        extent, late_ns = int64(i - top[low]), arrived[i] - arrived[top[low]]
        at = rows - 1
        while at >= own and found[at, _START] != start_ns:
            at -= 1
        if at < own:
            at = rows
            rows += 1
            found[at, 0], found[at, _START] = flow, start_ns
            found[at, 2:] = 0
        found[at, _COUNT] += 1
        found[at, _SUM] += extent
        found[at, _MAXIMUM] = max(found[at, _MAXIMUM], extent)
        found[at, _LATE] = max(found[at, _LATE], late_ns)
    return rows


@njit(cache=True, nogil=True)
def _sort(sent, arrived, told, many):
    """By arrival, of equal ones by sending: short pieces by insertion, then neighbours are merged as far as they overlap."""
    for begin in range(0, many, _PIECE):
        for i in range(begin + 1, min(begin + _PIECE, many)):
            s, a, t, at = sent[i], arrived[i], told[i], i
            while at > begin and (arrived[at - 1] > a or (arrived[at - 1] == a and sent[at - 1] > s)):
                sent[at], arrived[at], told[at] = sent[at - 1], arrived[at - 1], told[at - 1]
                at -= 1
            sent[at], arrived[at], told[at] = s, a, t
    aside_sent, aside_arrived, aside_told = np.empty(many, np.int64), np.empty(many, np.int64), np.empty(many, np.uint8)
    size = _PIECE
    while size < many:
        for begin in range(0, many - size, 2 * size):
            _merge(sent, arrived, told, begin, begin + size, min(begin + 2 * size, many), aside_sent, aside_arrived, aside_told)
        size *= 2


@njit(cache=True, nogil=True)
def _merge(sent, arrived, told, begin, middle, end, aside_sent, aside_arrived, aside_told):
    """begin to middle and middle to end are in order. What overlaps of the first is put aside."""
    low, high = begin, middle
    while low < high:
        at = (low + high) // 2
        if arrived[at] > arrived[middle] or (arrived[at] == arrived[middle] and sent[at] > sent[middle]):
            high = at
        else:
            low = at + 1
    many = middle - low
    for i in range(many):
        aside_sent[i], aside_arrived[i], aside_told[i] = sent[low + i], arrived[low + i], told[low + i]
    i, right = 0, middle
    while i < many:
        if right < end and (aside_arrived[i] > arrived[right]
                            or (aside_arrived[i] == arrived[right] and aside_sent[i] > sent[right])):
            sent[low], arrived[low], told[low] = sent[right], arrived[right], told[right]
            right += 1
        else:
            sent[low], arrived[low], told[low] = aside_sent[i], aside_arrived[i], aside_told[i]
            i += 1
        low += 1
