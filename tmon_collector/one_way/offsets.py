"""How far clocks of probes are apart, bounded by delays in both directions: no packet takes less than no time. An engine."""

from __future__ import annotations

import numpy as np
from numba import njit

from tmon_collector.one_way.figures import between
from tmon_collector.one_way.packet_runs import Runs
from tmon_collector.one_way.packets import Packets
from tmon_common.config.model import OneWay
from tmon_common.observations import ABSENT, CLOCK_OFFSET, Rows

_ABSENT, _LARGEST = ABSENT, np.iinfo(np.int64).max


class Offsets:
    """Of the probes of one class.

    Raw delay from probe A to B = true delay + how far B's clock is ahead of A's. So B is ahead by at most the shortest raw delay
    from A to B, and by at least the shortest from B to A, with the other sign; of the packets of all flows in the interval, between
    all hops.
    """

    def __init__(self, flow_class: str, one_way: OneWay, interval_ns: int) -> None:
        self.probes = list(dict.fromkeys(p.probe for p in one_way.points))
        self._strings, self._interval_ns = [*self.probes, flow_class], interval_ns
        number = {name: i for i, name in enumerate(self.probes)}
        self._probe_of = np.array([-1, *(number[p.probe] for p in one_way.points)], np.int64)
        self._at_hop = [sorted({number[p.probe] for p in hop.points}) for hop in one_way.hops]
        self._open: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, packets: Packets, runs: Runs) -> None:
        if len(self.probes) < 2 or not len(runs.flow):
            return
        starts, interval = np.unique(runs.start_ns, return_inverse=True)
        size = (len(starts), len(self.probes), len(self.probes))
        shortest, count = np.full(size, _LARGEST), np.zeros(size, np.int64)
        _compare(packets.times, packets.points, runs.begin, runs.reverse, interval, self._probe_of, shortest, count)
        for start, least, many in zip(starts.tolist(), shortest, count, strict=True):
            known = self._open.setdefault(start, (least.copy(), np.zeros_like(many)))
            np.minimum(known[0], least, out=known[0])
            known[1][:] += many

    def bounds(self, start_ns: int, from_hop: int, to_hop: int) -> tuple[int, int]:
        """How far the clock at to_hop (position) is ahead of that at from_hop: at least, at most. ABSENT: not known.

        Where several probes observe a hop, whichever of them did.
        """
        here, there = self._at_hop[from_hop], self._at_hop[to_hop]
        found = [self._of_pair(start_ns, a, b) for a in here for b in there]
        if not found:
            return ABSENT, ABSENT
        lows, highs = zip(*found, strict=True)
        return min(lows), ABSENT if ABSENT in highs else max(highs)

    def close(self, until_ns: int) -> Rows:
        """Intervals that end by then are forgotten. Rows of clock_offset: of pairs of probes that packets went between."""
        ended = sorted(s for s in self._open if s + self._interval_ns <= until_ns)
        rows = [row for start in ended for row in self._rows(start)]
        for start in ended:
            del self._open[start]
        values = np.array(rows, CLOCK_OFFSET.dtype) if rows else np.zeros(0, CLOCK_OFFSET.dtype)
        return Rows(CLOCK_OFFSET, values, self._strings)

    def _of_pair(self, start_ns: int, a: int, b: int) -> tuple[int, int]:
        if a == b:
            return 0, 0
        known = self._open.get(start_ns)
        if known is None:
            return ABSENT, ABSENT
        there, back = int(known[0][a, b]), int(known[0][b, a])
        return ABSENT if back == _LARGEST else -back, ABSENT if there == _LARGEST else there

    def _rows(self, start: int) -> list[tuple[int, ...]]:
        rows = []
        count = self._open[start][1]
        for a in range(len(self.probes)):
            for b in range(a + 1, len(self.probes)):
                if not count[a, b] and not count[b, a]:
                    continue
                low, high = self._of_pair(start, a, b)
                middle, bound = (ABSENT, ABSENT) if ABSENT in (low, high) else ((low + high) // 2, (abs(high - low) + 1) // 2)
                rows.append((start, start + self._interval_ns, a, b, low, high, middle, bound, int(count[a, b]), int(count[b, a]),
                             len(self.probes)))
        return rows


@njit(cache=True, nogil=True)
def _compare(times, points, begin, reverse, interval, probe_of, shortest, count):
    """shortest, count: of each interval, int64 (probes, probes): raw delays from one to the other."""
    hops = times.shape[1]
    for r in range(len(reverse)):
        back, k = reverse[r] != 0, interval[r]
        for p in range(begin[r], begin[r + 1]):
            for i in range(hops - 1):
                start = probe_of[points[p, i]]
                if start < 0:
                    continue
                for j in range(i + 1, hops):
                    end = probe_of[points[p, j]]
                    if end < 0 or end == start:
                        continue
                    if back:
                        a, b, delay_ns = end, start, between(times[p, j], times[p, i])
                    else:
                        a, b, delay_ns = start, end, between(times[p, i], times[p, j])
                    shortest[k, a, b] = min(shortest[k, a, b], delay_ns)
                    count[k, a, b] += 1
