"""Packets of one flow and interval that stand together: each run of them becomes one row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int32, njit

from tmon_collector.one_way.packets import Packets


class Runs(NamedTuple):
    """begin    int64 (runs + 1,): position of the first packet of each, and the number of packets
    row         int32 (packets,): the run of each
    flow, start_ns, reverse     int64, int64, uint8 (runs,): of its packets; start of the interval
    """

    begin: np.ndarray
    row: np.ndarray
    flow: np.ndarray
    start_ns: np.ndarray
    reverse: np.ndarray


def runs_of(packets: Packets, interval_ns: int) -> Runs:
    """Runs of equal flow, interval of the reference time, and direction."""
    many = len(packets.flow)
    begin, row = np.empty(many + 1, np.int64), np.empty(many, np.int32)
    begin = begin[: _runs(packets.flow, packets.reverse, packets.reference_ns, interval_ns, begin, row) + 1].copy()
    first = begin[:-1]
    reference_ns = packets.reference_ns[first]
    return Runs(begin, row, packets.flow[first].astype(np.int64), reference_ns - reference_ns % interval_ns, packets.reverse[first])


@njit(cache=True, nogil=True)
def _runs(flow, reverse, reference_ns, interval_ns, begin, row):
    runs, start_ns = -1, 0
    for p in range(len(flow)):
        at_ns = reference_ns[p]
        if (p == 0 or flow[p] != flow[p - 1] or reverse[p] != reverse[p - 1] or at_ns < start_ns
                or at_ns - start_ns >= interval_ns):
            runs += 1
            begin[runs] = p
            start_ns = at_ns - at_ns % interval_ns
        row[p] = int32(runs)
    begin[runs + 1] = len(flow)
    return runs + 1
