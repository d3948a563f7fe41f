"""Rounds of packet time: which one may be settled next. An engine: what is known is passed in.

A round may be settled when every probe has delivered what it needs: all before its end, and `lag` more, in which packets of the
round may still be on their way. Then, while there is room, it stays open for `late_slots` intervals more: a probe may be away for
a moment between two runs, or clocks may be far apart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tmon_collector.one_way.progress import FOREVER, NEVER
from tmon_collector.one_way.settle import horizon
from tmon_common.config.model import SECOND, OneWay

LONGEST_NS = 10 * SECOND
"""While a round is settled and written, nobody is answered: 0.4 s for ten seconds of 20,000 packets a second."""
CONTEXT_NS = 60 * SECOND
"""Of packet time before an interval that is open, at most: what a restart reads once more of it."""
MAX_PARTS = 3600
"""Rounds of an interval."""
MARKS = 256
"""Moments that are remembered at a time of how far packet time had come; max_lifetime is that much coarser."""


def round_ns(one_way: OneWay) -> int:
    """Length of rounds: at least four times the greatest transit, and a divisor of the interval (the longest up to LONGEST_NS,
    else the shortest) or its least multiple."""
    least_ns, interval_ns = 4 * one_way.max_transit_ns, one_way.interval_ns
    if interval_ns <= least_ns:
        return -(-least_ns // interval_ns) * interval_ns
    most = min(interval_ns // max(least_ns, 1), MAX_PARTS)
    first = max(-(-interval_ns // LONGEST_NS), 1)
    return next(interval_ns // parts for parts in (*range(first, most + 1), *range(most, 0, -1)) if interval_ns % parts == 0)


def closed_ns(one_way: OneWay, settled_ns: int) -> int:
    """Intervals that end by then can be closed when everything that passed before settled_ns is settled: packets of later ones
    cannot have overtaken theirs any more."""
    return settled_ns - 2 * one_way.max_transit_ns


def needed_from_ns(one_way: OneWay, settled_ns: int) -> int:
    """What a restart needs when everything is written that passed before settled_ns: the intervals that are open, and as much
    before them (a round at least, and up to CONTEXT_NS), from which statistics know what came last of each flow."""
    before_ns = max(round_ns(one_way), min(one_way.interval_ns, CONTEXT_NS))
    return closed_ns(one_way, settled_ns) // one_way.interval_ns * one_way.interval_ns - before_ns


@dataclass(frozen=True)
class Due:
    """until_ns: packet time up to which rounds may be settled; forced: though a probe has not delivered that."""

    until_ns: int
    forced: bool = False


class Rounds:
    """Of one class."""

    def __init__(self, one_way: OneWay) -> None:
        self.length_ns = round_ns(one_way)
        self._interval_ns, self._lifetime_ns = one_way.interval_ns, one_way.max_lifetime_ns
        self._lag_ns = horizon(0, one_way)
        self._late_ns = one_way.late_slots * one_way.interval_ns
        self._marks: deque[tuple[int, int]] = deque(maxlen=MARKS + 1)  # (packet time that some probe had delivered, when)
        self._reached_ns = NEVER
        self._grown_ns: int | None = None

    def reached(self, reached_ns: int, now_ns: int) -> None:
        """Some probe has delivered all before reached_ns; now_ns is monotonic."""
        if reached_ns > self._reached_ns or self._grown_ns is None:
            self._reached_ns, self._grown_ns = max(reached_ns, self._reached_ns), now_ns
            if not self._marks or now_ns - self._marks[-1][1] >= self._lifetime_ns // MARKS:
                self._marks.append((self._reached_ns, now_ns))

    def due(self, delivered_ns: int, newest_ns: int, now_ns: int, *, short_of_room: bool) -> Due:
        """delivered_ns: all probes have delivered what is before; FOREVER: everything; newest_ns: latest observation."""
        if delivered_ns == FOREVER:
            return Due(self._after(newest_ns))
        late_ns = 0 if short_of_room else self._late_ns
        due = Due(self._floor(delivered_ns - self._lag_ns - late_ns) if delivered_ns != NEVER else NEVER)
        forced_ns = self._forced_ns(newest_ns, now_ns)
        return Due(forced_ns, forced=True) if forced_ns > due.until_ns else due

    def waits_since(self, until_ns: int) -> int | None:
        """Since when a probe has delivered what a round needs that ends then; None: none has."""
        return next((at for reached_ns, at in self._marks if reached_ns >= until_ns + self._lag_ns), None)

    def end(self, first_ns: int) -> int:
        """End of the round in which that time lies."""
        return self._floor(first_ns) + self.length_ns

    def _forced_ns(self, newest_ns: int, now_ns: int) -> int:
        """What has waited for max_lifetime."""
        if self._grown_ns is not None and now_ns - self._grown_ns >= self._lifetime_ns:  # nobody tells anything any more
            return self._after(newest_ns)
        old = [reached_ns for reached_ns, at in self._marks if now_ns - at >= self._lifetime_ns]
        while len(self._marks) > 1 and now_ns - self._marks[1][1] >= self._lifetime_ns:
            self._marks.popleft()
        return self._floor(old[-1] - self._lag_ns) if old and old[-1] != NEVER else NEVER

    def _floor(self, time_ns: int) -> int:
        return time_ns // self.length_ns * self.length_ns

    def _after(self, newest_ns: int) -> int:
        """End of the interval, and of the round, that holds it, and one round more, in which that interval can be closed."""
        if newest_ns == NEVER:
            return NEVER
        length_ns = max(self.length_ns, self._interval_ns)  # one is a multiple of the other
        return (newest_ns // length_ns + 1) * length_ns + self.length_ns
