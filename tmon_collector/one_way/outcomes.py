"""What became of the packets of each flow and interval: verdicts, copies, and runs of lost packets (RFC 3357)."""

from __future__ import annotations

import numpy as np
from numba import int64, njit

from tmon_collector.one_way.packet_runs import Runs
from tmon_collector.one_way.packets import COMPLETE, DROPPED, INJECTED, LOST, MISSED, NO_OCTETS, Packets
from tmon_common.observations import ABSENT, ONE_WAY_COUNTERS

SINCE_LOSS, LOST_IN_A_ROW, OUTCOME_MEMORY = 0, 1, 2
"""Columns of what is remembered of a flow, and how many they are."""
NO_DEFINITION = np.iinfo(np.int64).max

(_FLOW, _START, _END, _PACKETS, _OCTETS, _COMPLETE, _LOST, _LOST_AFTER, _DROPPED, _MISSED, _INJECTED, _CLASHES, _DUPLICATED,
 _DUPLICATES, _PERIODS, _PERIOD_MAXIMUM, _DISTANCES, _DISTANCE_SUM, _DISTANCE_MINIMUM, _DISTANCE_MAXIMUM) = (
     ONE_WAY_COUNTERS.word_of(n) for n in (
     "flow", "start", "end", "packets", "octets", "complete", "lost", "lost_after_01", "dropped", "missed", "injected", "clashes",
     "duplicated", "duplicates", "loss_periods", "loss_period_maximum", "loss_distance_population", "loss_distance_sum",
     "loss_distance_minimum", "loss_distance_maximum"))
_NULLABLE = [ONE_WAY_COUNTERS.word_of(c.name) for c in ONE_WAY_COUNTERS.expanded if c.nullable]
_ABSENT = ABSENT
_NO_OCTETS = NO_OCTETS
_C, _L, _D, _M, _I = COMPLETE, LOST, DROPPED, MISSED, INJECTED
_SINCE, _IN_A_ROW = SINCE_LOSS, LOST_IN_A_ROW


def empty_rows(many: int) -> np.ndarray:
    """Rows of one_way_counters (int64) in which nothing is counted yet."""
    rows = np.zeros((many, ONE_WAY_COUNTERS.words), np.int64)
    rows[:, _NULLABLE] = ABSENT
    return rows


def count(packets: Packets, runs: Runs, interval_ns: int, memory: np.ndarray,
          ties: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one_way_counters, one a run, without reordering; `flow` is the number that all probes share.

    memory      int64 (flows, OUTCOME_MEMORY or more): what is remembered of each flow; updated
    ties        int64 (definitions,), below 2^24: which of several definitions is first; equal ones: the lower number
    Second: int64 (runs,): position on the way of the earliest hop that saw a packet of the run << 56 | tie << 32 | number, of the
    first definition there.

    A packet is lost or not; of dropped ones that is not known, so they are no part of the sequence in which distances are counted:
    packets of one loss period are at distance 1 from each other, and no others.
    """
    rows, definition = empty_rows(len(runs.flow)), np.empty(len(runs.flow), np.int64)
    rows[:, _FLOW], rows[:, _START], rows[:, _END] = runs.flow, runs.start_ns, runs.start_ns + interval_ns
    if ties is None:
        ties = np.zeros(int(packets.definition.max(initial=0)) + 1, np.int64)
    _count(packets.definition, ties, packets.octets, packets.points, packets.copies, packets.clash, packets.verdict,
           packets.lost_after, runs.begin, runs.flow, runs.reverse, memory, rows, definition)
    return rows, definition


@njit(cache=True, nogil=True)
def _count(definition, ties, octets, points, copies, clash, verdict, lost_after, begin, flow, reverse, memory, rows, lowest):
    hops = points.shape[1]
    by_verdict = np.zeros(5, np.int64)
    for r in range(len(flow)):
        by_verdict[:] = 0
        size = clashes = duplicated = duplicates = periods = longest = distances = distance_sum = farthest = int64(0)
        nearest = int64(-1)
        since, in_a_row = memory[flow[r], _SINCE], memory[flow[r], _IN_A_ROW]
        best = int64(hops) << 56
        for p in range(begin[r], begin[r + 1]):
            if octets[p] != _NO_OCTETS:
                size += octets[p]
            clashes += clash[p]
            if copies[p]:
                duplicated += 1
                duplicates += copies[p]
            hop = 0
            while hop < hops - 1 and points[p, hops - 1 - hop if reverse[r] else hop] == 0:
                hop += 1
            best = min(best, int64(hop) << 56 | ties[definition[p]] << 32 | int64(definition[p]))
            by_verdict[verdict[p]] += 1
            if verdict[p] == _D:
                continue
            since += since > 0
            if verdict[p] != _L:
                in_a_row = int64(0)
                continue
            if lost_after[p]:
                rows[r, _LOST_AFTER + int64(lost_after[p]) - 1] += 1
            periods += in_a_row == 0
            in_a_row += 1
            longest = max(longest, in_a_row)
            if since > 0:
                distance = since - 1
                distances += 1
                distance_sum += distance
                farthest = max(farthest, distance)
                nearest = distance if nearest < 0 else min(nearest, distance)
            since = int64(1)
        memory[flow[r], _SINCE], memory[flow[r], _IN_A_ROW] = since, in_a_row
        lowest[r] = best
        rows[r, _PACKETS] = begin[r + 1] - begin[r]
        rows[r, _OCTETS] = size
        rows[r, _COMPLETE], rows[r, _LOST], rows[r, _DROPPED] = by_verdict[_C], by_verdict[_L], by_verdict[_D]
        rows[r, _MISSED], rows[r, _INJECTED] = by_verdict[_M], by_verdict[_I]
        rows[r, _CLASHES], rows[r, _DUPLICATED], rows[r, _DUPLICATES] = clashes, duplicated, duplicates
        rows[r, _PERIODS], rows[r, _DISTANCES], rows[r, _DISTANCE_SUM] = periods, distances, distance_sum
        if by_verdict[_L]:
            rows[r, _PERIOD_MAXIMUM] = longest
        if distances:
            rows[r, _DISTANCE_MINIMUM], rows[r, _DISTANCE_MAXIMUM] = nearest, farthest
