"""What no sound exporter tells: counts beyond all measure, times in the future, flows without end."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.records import NO_NUMBER
from tmon_collector.netflow.statistics import NetflowStatistics

MAX_COUNT = 1 << 53
"""Octets or packets of a record, sampling included: 9 PB."""
MAX_AHEAD_MS = 300_000
"""Clocks of exporters may be ahead by so much."""
EARLIEST_MS = 946_684_800_000
"""2000-01-01: before it an exporter has no clock."""
LONGEST_MS = 86_400_000
"""A flow that lasts longer is taken to have lasted so long, up to its end."""
_WITH_PORTS = (6, 17, 33, 132, 136)  # TCP, UDP, DCCP, SCTP, UDP-Lite


def sound_counts(flows: np.ndarray, rates: np.ndarray, statistics: NetflowStatistics, source: str) -> np.ndarray:
    """Those RECORDs that count something, and not too much, multiplied by `rates` (int64 (n,)); octets and packets both of
    each. The others are counted."""
    room = MAX_COUNT // rates
    possible = (flows["octets"] <= room) & (flows["packets"] <= room) & (flows["octets"] >= 0) & (flows["packets"] >= 0)
    some = (flows["octets"] > 0) | (flows["packets"] > 0)
    statistics.refuse("absurd", source, int(np.count_nonzero(~possible)))
    statistics.refuse("empty", source, int(np.count_nonzero(~some)))
    flows, rates = flows[possible & some], rates[possible & some]
    flows["octets"] *= rates
    flows["packets"] *= rates
    flows["src_port"][~np.isin(flows["protocol"], _WITH_PORTS)] = NO_NUMBER
    flows["dst_port"][flows["src_port"] == NO_NUMBER] = NO_NUMBER
    return flows


def bound_times(flows: np.ndarray, told: np.ndarray, now_ms: int | None, statistics: NetflowStatistics,
                longest_ms: int = LONGEST_MS) -> None:
    """Moves times that cannot be, in place; counted by what was the matter.

    backwards   the start lies after the end: it began when it ended
    untold      no times are told that can be understood: the time of export (`told` is false)
    future      the end lies MAX_AHEAD_MS or more after now_ms: moved there as it is; not if now_ms is None (files)
    past        the end lies before EARLIEST_MS: moved to now_ms as it is
    long        longer than longest_ms: the rest of its life counts
    """
    start, end = flows["start_ms"], flows["end_ms"]
    statistics.misdated["untold"] += int(np.count_nonzero(~told))
    wrong = start > end
    statistics.misdated["backwards"] += int(np.count_nonzero(wrong))
    start[wrong] = end[wrong]
    wrong = end - start > longest_ms
    statistics.misdated["long"] += int(np.count_nonzero(wrong))
    start[wrong] = end[wrong] - longest_ms
    if now_ms is None:
        return
    for what, wrong in (("future", end > now_ms + MAX_AHEAD_MS), ("past", end < EARLIEST_MS)):
        statistics.misdated[what] += int(np.count_nonzero(wrong))
        start[wrong] += now_ms - end[wrong]
        end[wrong] = now_ms
